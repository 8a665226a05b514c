//! "Key exchange": both sides hash both shares. Shares have the real lengths.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use sealgram_crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeGroup, SecureRandom,
    SharedSecret,
};
use sealgram_iana::NamedGroup;

use crate::Random;
use crate::mix::Mix;

const SECRET: u64 = 64;

/// A group with its own stream of shares.
#[derive(Debug)]
pub(crate) struct Group {
    shape: Shape,
    random: Random,
}

/// What can be seen of a group from outside.
#[derive(Clone, Copy, Debug)]
struct Shape {
    name: NamedGroup,
    /// Length of a share in bytes.
    share_len: usize,
    /// Length of the secret in bytes.
    secret_len: usize,
    /// The first byte of a share, where the group fixes it (uncompressed points).
    first: Option<u8>,
}

impl Group {
    /// The three groups, best first, with seed 0.
    pub(crate) const fn all() -> [Self; 3] {
        const fn group(shape: Shape) -> Group {
            Group { shape, random: Random::new(0) }
        }
        [
            group(Shape { name: NamedGroup::X25519, share_len: 32, secret_len: 32, first: None }),
            group(Shape {
                name: NamedGroup::SECP256R1,
                share_len: 65,
                secret_len: 32,
                first: Some(4),
            }),
            group(Shape {
                name: NamedGroup::SECP384R1,
                share_len: 97,
                secret_len: 48,
                first: Some(4),
            }),
        ]
    }

    pub(crate) const fn random(&self) -> &Random {
        &self.random
    }

    fn share(&self) -> Result<Vec<u8>, CryptoError> {
        let mut share = vec![0; self.shape.share_len];
        self.random.fill(&mut share)?;
        if let Some(byte) = share.first_mut() {
            *byte = self.shape.first.unwrap_or(*byte & 0x7f);
        }
        Ok(share)
    }
}

impl Shape {
    /// Some shares are invalid, as in real groups: those of another length, and those with the
    /// wrong first byte, which for X25519 is `0xff`.
    fn agree(self, ours: &[u8], theirs: &[u8]) -> Result<SharedSecret, CryptoError> {
        let first = *theirs.first().ok_or(CryptoError)?;
        if theirs.len() != self.share_len || first != self.first.unwrap_or(first) || first == 0xff {
            return Err(CryptoError);
        }
        let mut secret = vec![0; self.secret_len];
        Mix::new(SECRET)
            .add(&u16::from(self.name).to_be_bytes())
            .add(ours.min(theirs))
            .add(ours.max(theirs))
            .finish(&mut secret);
        Ok(SharedSecret::new(secret))
    }
}

impl KeyExchangeGroup for Group {
    fn name(&self) -> NamedGroup {
        self.shape.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(Box::new(Active { shape: self.shape, share: self.share()? }))
    }

    fn answer(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, CryptoError> {
        let share = self.share()?;
        let secret = self.shape.agree(&share, peer_share)?;
        Ok(CompletedKeyExchange { share, secret })
    }
}

struct Active {
    shape: Shape,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Active {
    fn group(&self) -> NamedGroup {
        self.shape.name
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        self.shape.agree(&self.share, peer_share)
    }
}
