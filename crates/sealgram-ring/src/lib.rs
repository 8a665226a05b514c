//! The default cryptographic provider of sealgram, over *ring*.
//!
//! [`default_provider`] is what most applications want; the modules hold its parts as statics, so
//! that an application can pick some of them or mix them with another provider's.
//!
//! ```
//! let mut provider = sealgram_ring::default_provider();
//! provider.suites.retain(|suite| suite.facts.key_exchange != sealgram_crypto::KeyExchangeKind::Psk);
//! provider.groups = vec![sealgram_ring::kx_group::SECP256R1];
//! ```
//!
//! # What is wiped, and what is not
//!
//! *ring* does not wipe its keys. This crate overwrites the objects that it holds when they are
//! dropped (AEAD, mask and HMAC keys, ephemeral, ECDSA and Ed25519 private keys), and after each
//! operation on a long-lived or handshake key it overwrites the part of the stack that *ring*
//! worked on (8, 16 or 32 KiB, by what was done): an application's stack must have that room. Two
//! things stay: RSA private keys live in boxes inside *ring* that cannot be reached, and an AEAD
//! leaves per-record values on the stack (keystream, one-time authenticator keys), though never
//! the key itself as far as *ring* passes it by reference.
//!
//! # Entropy
//!
//! Ephemeral keys and ECDSA nonces draw from the operating system directly: *ring* accepts no
//! other source. [`CryptoProvider::random`] is replaceable.
#![deny(unsafe_code)]
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

use alloc::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};
use sealgram_crypto::{CryptoError, CryptoProvider, KeyExchangeGroup, SecureRandom, Suite};

pub mod aead;
pub mod cipher_suite;
mod der;
pub mod hash;
pub mod kx_group;
pub mod sign;
mod stack;
pub mod verify;
#[allow(unsafe_code, reason = "overwriting a foreign type's bytes takes a raw pointer")]
mod wipe;

/// The suites of [`default_provider`], which are all of this crate, best first. Those of 1.2 with
/// pre-shared keys are used by configurations that have such keys, and by no others.
pub static ALL_SUITES: &[&Suite] = &[
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

/// The groups of [`default_provider`], which are all of this crate, best first.
pub static DEFAULT_GROUPS: &[&dyn KeyExchangeGroup] =
    &[kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// A provider with [`ALL_SUITES`], [`DEFAULT_GROUPS`] and all signature algorithms.
#[must_use]
pub fn default_provider() -> CryptoProvider {
    CryptoProvider {
        suites: ALL_SUITES.to_vec(),
        groups: DEFAULT_GROUPS.to_vec(),
        signature_algorithms: verify::SIGNATURE_ALGORITHMS,
        key_loader: sign::KEY_LOADER,
        random: Arc::new(Random),
    }
}

/// The operating system's random generator.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl SecureRandom for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        SystemRandom::new().fill(out).map_err(unspecified)
    }
}

/// *ring* gives no reason, and neither do we.
fn unspecified(_: ring::error::Unspecified) -> CryptoError {
    CryptoError
}
