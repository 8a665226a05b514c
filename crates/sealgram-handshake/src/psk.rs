//! Keys that both sides were given beforehand (1.3; RFC 8446 §4.2.11, RFC 9257).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use sealgram_crypto::{HashKind, Secret};

/// A pre-shared key and the name that both sides know it by.
///
/// Used with SHA-256 suites, as keys without a hash of their own are (RFC 8446 §4.2.11), and
/// always together with a key exchange, so that a key that leaks later opens no old connection.
/// The identity is sent in the clear.
pub struct ExternalPsk {
    identity: Vec<u8>,
    secret: Secret,
}

/// The hash of every external key.
pub(crate) const PSK_HASH: HashKind = HashKind::Sha256;

impl ExternalPsk {
    /// The shortest secret, in bytes (RFC 9257 §6).
    pub const MIN_SECRET: usize = 16;
    /// The longest secret, in bytes.
    pub const MAX_SECRET: usize = 64;
    /// The longest identity, in bytes: a hello with it must stay of a size that servers accept.
    pub const MAX_IDENTITY: usize = 1024;

    /// A key of 16 to 64 random bytes (a password is not one: it can be guessed offline) under an
    /// identity of 1 to 1,024 bytes. `None` for anything else; nothing is ever cut.
    #[must_use]
    pub fn new(identity: &[u8], secret: &[u8]) -> Option<Self> {
        let fits = (1..=Self::MAX_IDENTITY).contains(&identity.len())
            && (Self::MIN_SECRET..=Self::MAX_SECRET).contains(&secret.len());
        fits.then(|| Self { identity: identity.to_vec(), secret: Secret::copy_from(secret) })
    }

    /// The identity.
    #[must_use]
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl Debug for ExternalPsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalPsk").finish_non_exhaustive()
    }
}

/// Finds a server's pre-shared keys.
pub trait PskLookup: Debug + Send + Sync {
    /// The key with this identity, which a client sent and anyone may have made up.
    fn lookup(&self, identity: &[u8]) -> Option<Arc<ExternalPsk>>;
}

/// A few keys in memory, looked up one after the other.
impl PskLookup for Vec<Arc<ExternalPsk>> {
    fn lookup(&self, identity: &[u8]) -> Option<Arc<ExternalPsk>> {
        self.iter().find(|psk| psk.identity == identity).cloned()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn identity_and_secret_are_refused_beyond_their_limits_and_never_cut() {
        assert!(ExternalPsk::new(b"", &[1; 16]).is_none());
        assert!(ExternalPsk::new(&[1; 1025], &[1; 16]).is_none());
        assert!(ExternalPsk::new(b"a", &[1; 15]).is_none());
        assert!(ExternalPsk::new(b"a", &[1; 65]).is_none());
        let psk = ExternalPsk::new(&[1; 1024], &[2; 64]).unwrap();
        assert_eq!((psk.identity().len(), psk.secret().len()), (1024, 64));
    }

    #[test]
    fn debug_shows_neither_identity_nor_secret() {
        let psk = ExternalPsk::new(b"identity", &[7; 16]).unwrap();
        assert_eq!(format!("{psk:?}"), "ExternalPsk { .. }");
    }
}
