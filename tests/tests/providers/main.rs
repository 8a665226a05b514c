//! The providers against each other: what one seals, agrees on or signs, the other opens, agrees
//! on or verifies; and handshakes between them. Each of them against the vectors of Wycheproof.

mod ccm;
mod handshakes;
mod keys;
mod primitives;
mod wycheproof;

use sealgram::crypto::{Aead, CryptoProvider, Hash};
use sealgram::ring;
use sealgram_rustcrypto as rustcrypto;

/// A provider and its parts.
struct Provider {
    name: &'static str,
    /// Those with CCM included.
    aeads: &'static [&'static dyn Aead],
    hashes: [&'static dyn Hash; 2],
    /// With all suites.
    provider: CryptoProvider,
}

fn ring() -> Provider {
    static AEADS: [&dyn Aead; 3] =
        [ring::aead::AES_128_GCM, ring::aead::AES_256_GCM, ring::aead::CHACHA20_POLY1305];
    Provider {
        name: "ring",
        aeads: &AEADS,
        hashes: [ring::hash::SHA256, ring::hash::SHA384],
        provider: ring::default_provider(),
    }
}

fn rustcrypto() -> Provider {
    static AEADS: [&dyn Aead; 5] = [
        rustcrypto::aead::AES_128_GCM,
        rustcrypto::aead::AES_256_GCM,
        rustcrypto::aead::CHACHA20_POLY1305,
        rustcrypto::aead::AES_128_CCM,
        rustcrypto::aead::AES_128_CCM_8,
    ];
    let mut provider = rustcrypto::default_provider();
    provider.suites = rustcrypto::cipher_suite::ALL.to_vec();
    Provider {
        name: "rustcrypto",
        aeads: &AEADS,
        hashes: [rustcrypto::hash::SHA256, rustcrypto::hash::SHA384],
        provider,
    }
}

/// Every provider with every other one, and the second with itself.
fn pairs() -> [[Provider; 2]; 3] {
    [[ring(), rustcrypto()], [rustcrypto(), ring()], [rustcrypto(), rustcrypto()]]
}
