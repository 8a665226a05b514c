//! The cryptography that sealgram asks for, as traits, and the types that carry secrets.
//!
//! A *provider* ([`CryptoProvider`]) is a struct of algorithms that implement the traits of this
//! crate; `sealgram-ring` is the default one. Its fields are plain values that an application may
//! mix from several providers. The protocol itself (suites' facts, HKDF, the 1.2 PRF, nonces) is
//! written once, here, above the provider.
//!
//! Whoever needs another provider, or its own verifier, implements the traits of this crate; it
//! keeps semantic versioning.
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

mod aead;
mod chain;
mod hash;
pub mod hkdf;
mod kx;
mod prf;
mod provider;
mod secret;
mod sign;
mod suite;
mod traffic;
mod verify;

pub use aead::{Aead, AeadKey, AeadKind, RecordNumberMask};
pub use chain::ChainFacts;
pub use hash::{Digest, Hash, HashContext, HashKind, HmacKey, Tag};
pub use kx::{ActiveKeyExchange, CompletedKeyExchange, KeyExchangeGroup, SharedSecret};
pub use prf::prf;
pub use provider::{CryptoError, CryptoProvider, KeyLog, SecureRandom, WallClock};
pub use secret::{Secret, ct_eq};
pub use sign::{KeyError, KeyLoader, SignatureAlgorithm, SigningKey};
pub use suite::{KeyExchangeKind, Suite, SuiteFacts, facts};
pub use traffic::{TrafficKeys, TrafficSecret};
pub use verify::{
    CertificateError, ClientVerifier, IdentityVerified, PeerChain, RawPublicKeySignatures,
    RawPublicKeyVerifier, ServerVerifier, SignatureAlgorithms, SignatureVerified,
    SignatureVerifier, SignedMessage, VerificationError,
};
