//! Key-exchange groups.
//!
//! *ring* checks the peer's share: points must be uncompressed and on the curve, and an X25519
//! share that leads to the all-zero secret is refused (RFC 7748 §6.1, RFC 8446 §7.4.2).

use alloc::boxed::Box;

use ring::agreement::{self, EphemeralPrivateKey, PublicKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use sealgram_crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeGroup, SharedSecret,
};
use sealgram_iana::NamedGroup;

use crate::wipe::Wiped;
use crate::{stack, unspecified};

/// X25519 (RFC 7748).
pub static X25519: &dyn KeyExchangeGroup =
    &Group { name: NamedGroup::X25519, algorithm: &agreement::X25519 };

/// The NIST curve P-256.
pub static SECP256R1: &dyn KeyExchangeGroup =
    &Group { name: NamedGroup::SECP256R1, algorithm: &agreement::ECDH_P256 };

/// The NIST curve P-384.
pub static SECP384R1: &dyn KeyExchangeGroup =
    &Group { name: NamedGroup::SECP384R1, algorithm: &agreement::ECDH_P384 };

#[derive(Clone, Copy, Debug)]
struct Group {
    name: NamedGroup,
    algorithm: &'static agreement::Algorithm,
}

impl Group {
    fn generate(self) -> Result<(EphemeralPrivateKey, PublicKey), CryptoError> {
        let key = EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new())
            .map_err(unspecified)?;
        let share = key.compute_public_key().map_err(unspecified)?;
        Ok((key, share))
    }

    fn agree(self, key: EphemeralPrivateKey, peer: &[u8]) -> Result<SharedSecret, CryptoError> {
        let peer = UnparsedPublicKey::new(self.algorithm, peer);
        agree_ephemeral(key, &peer, |secret| SharedSecret::new(secret.to_vec()))
            .map_err(unspecified)
    }
}

impl KeyExchangeGroup for Group {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        stack::clean_middle(|| {
            let (key, share) = self.generate()?;
            let active = Active { group: *self, key: Wiped::new(Some(key)), share };
            Ok(Box::new(active) as Box<dyn ActiveKeyExchange>)
        })
    }

    fn answer(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, CryptoError> {
        stack::clean_middle(|| {
            let (key, share) = self.generate()?;
            let secret = self.agree(key, peer_share)?;
            Ok(CompletedKeyExchange { share: share.as_ref().to_vec(), secret })
        })
    }
}

struct Active {
    group: Group,
    /// An `Option` because *ring* takes the key by value while the wiping needs its place.
    key: Wiped<Option<EphemeralPrivateKey>>,
    share: PublicKey,
}

impl ActiveKeyExchange for Active {
    fn group(&self) -> NamedGroup {
        self.group.name
    }

    fn share(&self) -> &[u8] {
        self.share.as_ref()
    }

    fn complete(mut self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        stack::clean_middle(|| {
            let key = self.key.take().ok_or(CryptoError)?;
            self.group.agree(key, peer_share)
        })
    }
}
