//! A cryptographic provider of sealgram in pure Rust, over the crates of RustCrypto and dalek.
//!
//! For targets that *ring* does not build for, for `no_std` programs that own all their entropy,
//! and for AES-CCM. It implements what `sealgram-ring` does except RSA signatures, without that
//! one's assembly and therefore slower.
//!
//! The application brings the random source, once, and everything here draws from it:
//!
//! ```
//! use sealgram_crypto::{CryptoError, SecureRandom};
//! use sealgram_rustcrypto::RustCrypto;
//!
//! /// A board's hardware generator.
//! #[derive(Debug)]
//! struct Board;
//!
//! impl SecureRandom for Board {
//!     fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
//!         # out.fill(4);
//!         // Read the peripheral, and fail if its health test does.
//!         Ok(())
//!     }
//! }
//!
//! static CRYPTO: RustCrypto = RustCrypto::new(&Board);
//! let mut provider = CRYPTO.provider();
//! // CCM is not in the default.
//! provider.suites.push(&sealgram_rustcrypto::cipher_suite::TLS_AES_128_CCM_SHA256);
//! ```
//!
//! Where there is an operating system, the feature `getrandom` gives `default_provider`.
//!
//! # No RSA signatures
//!
//! RSA certificates of peers are verified, but RSA private keys are refused: the arithmetic of
//! the crate `rsa` with private numbers does not take constant time, and over a network that is
//! enough to recover a key (RUSTSEC-2023-0071, the "Marvin" attack). Verification handles nothing
//! secret. Servers with RSA keys take `sealgram-ring`.
//!
//! # What is wiped, and what is not
//!
//! AEAD, mask and HMAC keys, ephemeral keys and private keys wipe themselves on drop. Rust moves
//! values by copying, so that parts of them can stay on the stack until it is overwritten: this
//! crate, without `unsafe`, does not reach those.
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
#[cfg(feature = "std")]
extern crate std;

use alloc::sync::Arc;

use p256::NistP256;
use p384::NistP384;
use sealgram_crypto::{CryptoProvider, KeyExchangeGroup, KeyLoader, SecureRandom, Suite};

pub mod aead;
pub mod cipher_suite;
pub mod hash;
mod kx_group;
mod random;
mod sign;
pub mod verify;

#[cfg(feature = "std")]
pub use random::FromRng;
#[cfg(feature = "getrandom")]
pub use random::Random;

use kx_group::{Group, X25519};
use random::Borrowed;
use sign::Loader;

/// The suites of [`RustCrypto::provider`], which are all of this crate without CCM, best first.
/// Those of 1.2 with pre-shared keys are used by configurations that have such keys, and by no
/// others.
pub static DEFAULT_SUITES: &[&Suite] = &[
    &cipher_suite::TLS_AES_128_GCM_SHA256,
    &cipher_suite::TLS_AES_256_GCM_SHA384,
    &cipher_suite::TLS_CHACHA20_POLY1305_SHA256,
    &cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    &cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    &cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    &cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    &cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    &cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    &cipher_suite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    &cipher_suite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    &cipher_suite::TLS_PSK_WITH_AES_128_GCM_SHA256,
    &cipher_suite::TLS_PSK_WITH_AES_256_GCM_SHA384,
    &cipher_suite::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
];

/// The parts of a provider that need randomness, over one source. Made to be a `static`, since a
/// provider refers to its parts for ever.
#[derive(Debug)]
pub struct RustCrypto {
    random: &'static dyn SecureRandom,
    x25519: Group<X25519>,
    secp256r1: Group<NistP256>,
    secp384r1: Group<NistP384>,
    loader: Loader,
}

impl RustCrypto {
    /// Everything over `random`: ephemeral keys, the random part of ECDSA nonces, and the
    /// provider's own [`CryptoProvider::random`].
    #[must_use]
    pub const fn new(random: &'static dyn SecureRandom) -> Self {
        Self {
            random,
            x25519: Group::new(random),
            secp256r1: Group::new(random),
            secp384r1: Group::new(random),
            loader: Loader { random },
        }
    }

    /// The groups X25519, P-256 and P-384, best first.
    #[must_use]
    pub fn groups(&'static self) -> [&'static dyn KeyExchangeGroup; 3] {
        [&self.x25519, &self.secp256r1, &self.secp384r1]
    }

    /// Loads ECDSA keys (P-256 and P-384; PKCS#8 or SEC1) and Ed25519 keys (PKCS#8).
    #[must_use]
    pub fn key_loader(&'static self) -> &'static dyn KeyLoader {
        &self.loader
    }

    /// A provider with [`DEFAULT_SUITES`], all groups and all signature algorithms.
    #[must_use]
    pub fn provider(&'static self) -> CryptoProvider {
        CryptoProvider {
            suites: DEFAULT_SUITES.to_vec(),
            groups: self.groups().to_vec(),
            signature_algorithms: verify::SIGNATURE_ALGORITHMS,
            key_loader: self.key_loader(),
            random: Arc::new(Borrowed(self.random)),
        }
    }
}

/// [`RustCrypto::provider`] over the operating system's random generator.
#[cfg(feature = "getrandom")]
#[must_use]
pub fn default_provider() -> CryptoProvider {
    static SYSTEM: RustCrypto = RustCrypto::new(&Random);
    SYSTEM.provider()
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    /// What cannot be seen from outside. It would not compile without the features `zeroize`.
    #[test]
    fn private_keys_wipe_themselves() {
        fn wipes<T: ZeroizeOnDrop>() {}
        wipes::<p256::SecretKey>();
        wipes::<p256::ecdsa::SigningKey>();
        wipes::<p384::SecretKey>();
        wipes::<p384::ecdsa::SigningKey>();
        wipes::<ed25519_dalek::SigningKey>();
        wipes::<x25519_dalek::StaticSecret>();
    }
}
