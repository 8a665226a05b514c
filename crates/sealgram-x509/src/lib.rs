//! Certificate verification for sealgram, over rustls-webpki.
//!
//! | who | decides by |
//! |---|---|
//! | [`WebPkiServerVerifier`] | a path to a configured root, the server's name, dates, usage |
//! | [`WebPkiClientVerifier`] | a path to a configured root, dates, usage |
//! | [`FingerprintVerifier`] | the SHA-256 hash of the certificate, and nothing else |
//! | [`PinnedPublicKeys`] | the key alone, without a certificate (RFC 7250) |
//! | [`danger`] | less than it should |
//!
//! All of them verify handshake signatures with the key that the peer shows. All errors
//! found are reported, gravest first, so that an application can show them, and so that
//! [`danger::AcceptErrors`] never lets a second error pass behind a tolerated one.
//!
//! Signature algorithms come from the provider; this crate has none. It reads no clock.
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

mod build;
pub mod danger;
mod der;
mod errors;
mod facts;
mod fingerprint;
mod path;
mod raw;
mod roots;
mod signature;
#[cfg(test)]
mod tests;
mod webpki_verifier;

pub use build::{BuildError, UnknownStatus};
pub use facts::chain_facts;
pub use fingerprint::FingerprintVerifier;
pub use raw::{AnyPublicKey, PinnedPublicKeys};
pub use roots::RootStore;
pub use signature::check_key;
pub use webpki_verifier::{
    ClientVerifierBuilder, ServerVerifierBuilder, WebPkiClientVerifier, WebPkiServerVerifier,
};
