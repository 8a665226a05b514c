//! The provider: which algorithms there are, and where randomness and calendar time come from.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use pki_types::UnixTime;
use sealgram_iana::{CipherSuite, NamedGroup, Version};

use crate::{Hash, HashKind, KeyExchangeGroup, KeyLoader, SignatureAlgorithms, Suite};

/// The algorithms that a configuration may use.
///
/// Fields are in order of preference and may be changed freely, mixed from several providers
/// included: a provider that is passed to a builder is used as it is.
#[derive(Clone, Debug)]
pub struct CryptoProvider {
    /// Cipher suites of both versions, best first.
    pub suites: Vec<&'static Suite>,
    /// Key-exchange groups, best first. A client sends a key share for the first (1.3).
    pub groups: Vec<&'static dyn KeyExchangeGroup>,
    /// How signatures in certificates and handshakes are verified.
    pub signature_algorithms: SignatureAlgorithms,
    /// Turns private-key bytes into keys that sign.
    pub key_loader: &'static dyn KeyLoader,
    /// Randomness for hello randoms, identifiers, cookies and tickets. Key shares and signatures
    /// draw from the provider's own source.
    pub random: Arc<dyn SecureRandom>,
}

impl CryptoProvider {
    /// The suite with this number, if the provider has it.
    #[must_use]
    pub fn suite(&self, suite: CipherSuite) -> Option<&'static Suite> {
        self.suites.iter().copied().find(|s| s.facts.suite == suite)
    }

    /// The hash function of this kind, if a suite has it.
    #[must_use]
    pub fn hash(&self, kind: HashKind) -> Option<&'static dyn Hash> {
        self.suites.iter().map(|suite| suite.hash).find(|hash| hash.kind() == kind)
    }

    /// The group with this number, if the provider has it and `version` may use it.
    #[must_use]
    pub fn group(
        &self,
        group: NamedGroup,
        version: Version,
    ) -> Option<&'static dyn KeyExchangeGroup> {
        self.groups.iter().copied().find(|g| g.name() == group && g.usable_in(version))
    }
}

/// A cryptographic operation failed. Says no more on purpose: details would help an attacker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CryptoError;

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cryptographic operation failed")
    }
}

impl core::error::Error for CryptoError {}

/// A source of cryptographically secure random bytes.
pub trait SecureRandom: Debug + Send + Sync {
    /// Fills all of `out`, or fails and leaves nothing that may be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError>;
}

/// Calendar time, for certificates, tickets and cookies. Timers use another clock.
pub trait WallClock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> UnixTime;
}

/// Receives the secrets of connections, so that captures can be read (`SSLKEYLOGFILE`).
///
/// The one deliberate way out for secrets. Nothing is logged unless a configuration has one.
pub trait KeyLog: Debug + Send + Sync {
    /// One secret: `label` as in draft-ietf-tls-keylogfile, e.g. `CLIENT_RANDOM`.
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]);
}
