//! The vectors of Project Wycheproof, for every primitive of every provider.
//!
//! A vector is *valid*, *invalid*, or *acceptable*: then it is judged here, flag by flag, and
//! what is not expected fails. Sizes that DTLS does not use are left out, and every file must
//! have some left. What a provider cannot be asked for is said where it is left out: *ring*
//! takes no private key for a key exchange.

mod derivation;
mod kx;
mod mlkem;
mod protection;
mod signatures;

use crate::{Provider, ring, rustcrypto};

/// Runs `file` for every provider. It gives the number of its vectors that were run.
fn for_each_provider(name: &str, file: impl Fn(&Provider) -> usize) {
    for provider in [ring(), rustcrypto()] {
        let run = file(&provider);
        println!("{name}, {}: {run} vectors", provider.name);
        assert!(run > 0, "{name}, {}: no vector was run", provider.name);
    }
}
