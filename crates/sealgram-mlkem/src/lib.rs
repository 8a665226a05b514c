//! X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): a key exchange that stays secret as long as one of
//! X25519 and ML-KEM-768 (FIPS 203) is unbroken, so that what is recorded today stays closed to
//! the quantum computers of later.
//!
//! ML-KEM comes from the crate `ml-kem`; X25519 and randomness come from whichever provider is
//! named. A provider's list takes the group as a static:
//!
//! ```
//! use sealgram_mlkem::Hybrid;
//!
//! static X25519_MLKEM768: Hybrid =
//!     Hybrid::new(sealgram_ring::kx_group::X25519, &sealgram_ring::Random);
//!
//! let mut provider = sealgram_ring::default_provider();
//! provider.groups.insert(0, &X25519_MLKEM768);
//! ```
//!
//! # What is wiped, and what is not
//!
//! The seed, the decapsulation key and the shared secrets are overwritten when they are dropped.
//! What `ml-kem` computes in between is not: polynomials of the secret key stay on the stack until
//! other calls overwrite them. Every key serves one handshake only.
//!
//! `ml-kem` is written to run in constant time. Nobody has audited it independently.
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
use alloc::vec::Vec;

use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{B32, Decapsulate, KeyExport, Seed};
use sealgram_crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeGroup, SecureRandom,
    SharedSecret,
};
use sealgram_iana::{NamedGroup, Version};
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Holds while the feature `zeroize` of `ml-kem` is on.
const _: () = {
    const fn wipes_itself<T: ZeroizeOnDrop>() {}
    wipes_itself::<DecapsulationKey>();
};

/// Length of an X25519 share in bytes.
const X25519_LEN: usize = 32;

/// The group X25519MLKEM768.
///
/// A client's share is 1,216 bytes long (encapsulation key, X25519), a server's 1,120 (ciphertext,
/// X25519), the secret 64 (ML-KEM, X25519).
#[derive(Clone, Copy, Debug)]
pub struct Hybrid {
    x25519: &'static dyn KeyExchangeGroup,
    random: &'static dyn SecureRandom,
}

impl Hybrid {
    /// The group over a provider's X25519, with `random` for the part of ML-KEM.
    ///
    /// With any other group in place of X25519, key exchanges fail.
    #[must_use]
    pub const fn new(
        x25519: &'static dyn KeyExchangeGroup,
        random: &'static dyn SecureRandom,
    ) -> Self {
        Self { x25519, random }
    }

    fn x25519(&self) -> Result<&'static dyn KeyExchangeGroup, CryptoError> {
        (self.x25519.name() == NamedGroup::X25519).then_some(self.x25519).ok_or(CryptoError)
    }
}

impl KeyExchangeGroup for Hybrid {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519_MLKEM768
    }

    fn usable_in(&self, version: Version) -> bool {
        version == Version::V13
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let mut seed = Zeroizing::new(Seed::default());
        self.random.fill(&mut seed)?;
        let decapsulation_key = DecapsulationKey::from_seed(*seed);
        let encapsulation_key = decapsulation_key.encapsulation_key().to_bytes();
        let x25519 = self.x25519()?.start()?;
        let share = [&encapsulation_key[..], x25519.share()].concat();
        Ok(Box::new(Active { decapsulation_key, x25519, share }))
    }

    fn answer(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, CryptoError> {
        let (encapsulation_key, x25519_share) = split(peer_share)?;
        // Includes the check that all coefficients are reduced, which an honest client's are
        // (FIPS 203 §7.2).
        let encapsulation_key = encapsulation_key.try_into().map_err(|_| CryptoError)?;
        let encapsulation_key =
            EncapsulationKey::new(encapsulation_key).map_err(|_| CryptoError)?;
        let x25519 = self.x25519()?.answer(x25519_share)?;

        let mut message = Zeroizing::new(B32::default());
        self.random.fill(&mut message)?;
        let (ciphertext, secret) = encapsulation_key.encapsulate_deterministic(&message);
        let secret = Zeroizing::new(secret);
        Ok(CompletedKeyExchange {
            share: [&ciphertext[..], &x25519.share].concat(),
            secret: both(&secret, &x25519.secret),
        })
    }
}

/// A client that waits for the server's share.
struct Active {
    decapsulation_key: DecapsulationKey,
    x25519: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Active {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519_MLKEM768
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        let (ciphertext, x25519_share) = split(peer_share)?;
        let ciphertext: &Ciphertext = ciphertext.try_into().map_err(|_| CryptoError)?;
        let x25519 = self.x25519.complete(x25519_share)?;
        // Of a ciphertext with the right length nothing more can be checked: an altered one gives
        // another secret (FIPS 203 §6.3), and the Finished message will not verify.
        let secret = Zeroizing::new(self.decapsulation_key.decapsulate(ciphertext));
        Ok(both(&secret, &x25519))
    }
}

/// The part of ML-KEM, of any length as yet, and the X25519 share at the end.
fn split(share: &[u8]) -> Result<(&[u8], &[u8]), CryptoError> {
    let middle = share.len().checked_sub(X25519_LEN).ok_or(CryptoError)?;
    share.split_at_checked(middle).ok_or(CryptoError)
}

/// The secret of both, that of ML-KEM first (draft-ietf-tls-ecdhe-mlkem §3.1.3).
fn both(ml_kem: &[u8], x25519: &SharedSecret) -> SharedSecret {
    SharedSecret::new([ml_kem, x25519.expose()].concat())
}
