//! Deterministic, worthless cryptography for tests and fuzzing of sealgram. **Protects nothing.**
//!
//! It has the structure of the real thing and none of its strength: a wrong key, an altered byte
//! or another transcript is noticed, so a test over it finds the errors that it would find over
//! real cryptography; but everything can be computed from what is on the wire, quickly, and the
//! same seed gives the same bytes in every run.
//!
//! All randomness of a provider comes from one [`Source`]. [`provider`] leaks one (some hundred
//! bytes); a fuzz target puts one in a `static` and calls [`Source::reset`] before each run.
//!
//! ```
//! static SOURCE: nullcrypto::Source = nullcrypto::Source::new();
//! let draw = || {
//!     SOURCE.reset(7);
//!     let provider = SOURCE.provider();
//!     let share = provider.groups[0].start().unwrap().share().to_vec();
//!     let mut random = [0; 32];
//!     provider.random.fill(&mut random).unwrap();
//!     (share, random)
//! };
//! assert_eq!(draw(), draw());
//! ```
#![forbid(unsafe_code)]
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::sync::Arc;

use sealgram_crypto::{AeadKind, CryptoProvider};

mod aead;
pub mod cipher_suite;
mod hash;
mod kx;
mod mix;
mod random;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use cipher_suite::ALL_SUITES;
pub use hash::{SHA256, SHA384};
pub use random::Random;
pub use sign::{CERTIFICATE_PREFIX, certificate, certificate_with, private_key};
pub use verify::{SIGNATURE_ALGORITHMS, Verifier};

/// A provider with all suites that need no permission (those with CCM_8 do), the groups X25519,
/// P-256 and P-384, and three signature schemes, all of them make-believe.
///
/// Two providers with the same seed that are asked the same things in the same order give the
/// same bytes. Each call leaks its [`Source`].
#[must_use]
pub fn provider(seed: u64) -> CryptoProvider {
    let source: &'static Source = Box::leak(Box::new(Source::new()));
    source.reset(seed);
    source.provider()
}

/// Where the randomness of a provider comes from: hello randoms and the like, and one independent
/// stream per group.
#[derive(Debug)]
pub struct Source {
    random: Random,
    groups: [kx::Group; 3],
}

impl Source {
    /// A source with seed 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { random: Random::new(0), groups: kx::Group::all() }
    }

    /// Starts again with `seed`, for every provider that was made of this source.
    pub fn reset(&self, seed: u64) {
        self.random.reset(seed);
        for (group, number) in self.groups.iter().zip(1..) {
            group.random().reset(mix::scramble(seed ^ mix::scramble(number)));
        }
    }

    /// A provider that draws from this source: see [`provider`].
    #[must_use]
    pub fn provider(&'static self) -> CryptoProvider {
        CryptoProvider {
            suites: ALL_SUITES
                .iter()
                .copied()
                .filter(|suite| suite.facts.aead != AeadKind::Aes128Ccm8)
                .collect(),
            groups: self.groups.iter().map(|group| group as _).collect(),
            signature_algorithms: SIGNATURE_ALGORITHMS,
            key_loader: sign::KEY_LOADER,
            random: Arc::new(&self.random),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::new()
    }
}
