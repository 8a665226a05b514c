//! Key exchange, in the shape of a KEM so that hybrids fit.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use sealgram_iana::{NamedGroup, Version};
use zeroize::Zeroize;

use crate::CryptoError;

/// A key-exchange group of a provider.
///
/// One side *starts* (makes a key pair or an encapsulation key and sends its share), the other
/// *answers* (returns its share and the secret at once), then the first *completes*. In 1.3 the
/// client starts; in 1.2 the server does.
pub trait KeyExchangeGroup: Debug + Send + Sync {
    /// The group's number.
    fn name(&self) -> NamedGroup;

    /// Whether this version may use the group. Hybrids exist in 1.3 only.
    fn usable_in(&self, version: Version) -> bool {
        let _ = version;
        true
    }

    /// Makes an ephemeral key.
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError>;

    /// Answers a peer's share. Fails if the share is not a valid one: that is the peer's fault
    /// (`illegal_parameter`).
    fn answer(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, CryptoError>;
}

/// A key exchange that waits for the peer's share.
pub trait ActiveKeyExchange: Send + Sync {
    /// The group.
    fn group(&self) -> NamedGroup;

    /// What to send to the peer.
    fn share(&self) -> &[u8];

    /// Completes with the peer's share. Fails if the share is not a valid one.
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError>;
}

impl Debug for dyn ActiveKeyExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActiveKeyExchange({})", self.group())
    }
}

/// The answering side's result.
#[derive(Debug)]
pub struct CompletedKeyExchange {
    /// What to send to the peer.
    pub share: Vec<u8>,
    /// The shared secret.
    pub secret: SharedSecret,
}

/// A shared secret: wiped on drop, redacted in `Debug`.
pub struct SharedSecret(Vec<u8>);

impl SharedSecret {
    /// Takes the secret's bytes over.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SharedSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}
