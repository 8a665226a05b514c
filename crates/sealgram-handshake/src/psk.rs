//! Keys that both sides were given beforehand (1.3: RFC 8446 §4.2.11, RFC 9257; 1.2: RFC 4279,
//! RFC 5489).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use sealgram_crypto::{HashKind, Secret, SecureRandom, ct_eq};

use crate::Error;

/// A pre-shared key and the name that both sides know it by.
///
/// In 1.3 used with SHA-256 suites, as keys without a hash of their own are (RFC 8446 §4.2.11), and
/// always together with a key exchange, so that a key that leaks later opens no old connection. In
/// 1.2 the suite decides: `ECDHE_PSK` suites have the same property and come first, `PSK` suites
/// do not have it: whoever learns the key can read everything that was ever recorded under it.
///
/// The identity is sent in the clear. RFC 8446 §E.7 advises against one key for both versions,
/// although nothing is known that would go wrong.
pub struct ExternalPsk {
    identity: Vec<u8>,
    secret: Secret,
}

/// The hash of every external key.
pub(crate) const PSK_HASH: HashKind = HashKind::Sha256;

impl ExternalPsk {
    /// The shortest secret that is not weak, in bytes (RFC 9257 §6).
    pub const MIN_SECRET: usize = 16;
    /// The longest secret, in bytes (RFC 4279 §5.3).
    pub const MAX_SECRET: usize = 64;
    /// The longest identity, in bytes: a hello with it must stay of a size that servers accept.
    pub const MAX_IDENTITY: usize = 1024;
    /// The longest hint that a server gives, in bytes.
    pub const MAX_HINT: usize = 1024;

    /// A key of 16 to 64 random bytes (a password is not one: it can be guessed offline) under an
    /// identity of 1 to 1,024 bytes. `None` for anything else; nothing is ever cut.
    #[must_use]
    pub fn new(identity: &[u8], secret: &[u8]) -> Option<Self> {
        if secret.len() < Self::MIN_SECRET { None } else { Self::danger_weak(identity, secret) }
    }

    /// A key of 1 to 64 bytes under an identity of 1 to 1,024 bytes, for peers whose keys are
    /// short or passwords, as those of many devices are. `None` for anything else.
    ///
    /// Dangerous: whoever takes part in one handshake, or in 1.2 records one with a suite that is
    /// not ephemeral, can try every key that is likely without asking anybody, and then be either
    /// side.
    #[must_use]
    pub fn danger_weak(identity: &[u8], secret: &[u8]) -> Option<Self> {
        let fits = (1..=Self::MAX_IDENTITY).contains(&identity.len())
            && (1..=Self::MAX_SECRET).contains(&secret.len());
        fits.then(|| Self { identity: identity.to_vec(), secret: Secret::copy_from(secret) })
    }

    /// Whether the secret is shorter than [`MIN_SECRET`](Self::MIN_SECRET).
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.secret.len() < Self::MIN_SECRET
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
    /// The key with this identity, which a client sent and anyone may have made up. At most
    /// [`ExternalPsk::MAX_IDENTITY`] bytes.
    ///
    /// Should take the same time whether there is one or not: the rest of the handshake does.
    fn lookup(&self, identity: &[u8]) -> Option<Arc<ExternalPsk>>;

    /// How long the secrets are, in bytes, where they have one length. The secret that stands in
    /// for one that does not exist is as long, so that hashing it takes the same time.
    fn usual_length(&self) -> usize {
        USUAL_LENGTH
    }
}

/// What most secrets are.
const USUAL_LENGTH: usize = 32;

/// A few keys in memory. All of them are looked at, whichever is the right one.
impl PskLookup for Vec<Arc<ExternalPsk>> {
    fn lookup(&self, identity: &[u8]) -> Option<Arc<ExternalPsk>> {
        let mut found = None;
        for psk in self {
            if ct_eq(&psk.identity, identity) {
                found = found.or(Some(psk));
            }
        }
        found.cloned()
    }

    fn usual_length(&self) -> usize {
        self.first().map_or(USUAL_LENGTH, |psk| psk.secret.len())
    }
}

/// Where a server finds its pre-shared keys.
#[derive(Clone, Debug)]
pub enum PskSource {
    /// At once.
    Inline(Arc<dyn PskLookup>),
    /// The application is asked with [`Ask::Psk`](crate::Ask::Psk).
    Ask,
}

impl PskSource {
    /// The key that was found, or one that no client has: with it the handshake goes the way of a
    /// wrong key, and nobody learns which identities exist (RFC 4279 §2, RFC 8446 §E.6). It is drawn
    /// in either case, which takes the same time.
    pub(crate) fn or_made_up(
        &self,
        found: Option<Arc<ExternalPsk>>,
        random: &dyn SecureRandom,
    ) -> Result<Arc<ExternalPsk>, Error> {
        let len = match self {
            Self::Inline(psks) => psks.usual_length(),
            Self::Ask => USUAL_LENGTH,
        };
        // Never weak: nobody may guess it.
        let len = len.clamp(ExternalPsk::MIN_SECRET, ExternalPsk::MAX_SECRET);
        let secret = Secret::try_filled(len, |out| random.fill(out))?;
        let made_up = Arc::new(ExternalPsk { identity: Vec::new(), secret });
        Ok(found.unwrap_or(made_up))
    }
}

/// Chooses a client's key for a 1.2 server by the hint that it gives (RFC 4279 §5.2).
pub trait PskChoice: Debug + Send + Sync {
    /// The key for a server with this hint, which anyone may have made up; empty if there was
    /// none. `None` ends the handshake.
    fn choose(&self, hint: &[u8]) -> Option<Arc<ExternalPsk>>;
}

/// A client's pre-shared key.
#[derive(Clone, Debug)]
pub enum ClientPsk {
    /// This one, whatever a 1.2 server hints at.
    One(Arc<ExternalPsk>),
    /// Chosen at once when a 1.2 server has given its hint.
    ByHint {
        /// What 1.3 servers are offered, which give no hint. `None`: 1.2 only.
        offered: Option<Arc<ExternalPsk>>,
        /// Who chooses.
        choice: Arc<dyn PskChoice>,
    },
    /// The application is asked with [`Ask::Psk`](crate::Ask::Psk) when a 1.2 server has given its
    /// hint.
    Ask {
        /// What 1.3 servers are offered, which give no hint. `None`: 1.2 only.
        offered: Option<Arc<ExternalPsk>>,
    },
}

impl ClientPsk {
    /// What 1.3 servers are offered.
    #[must_use]
    pub const fn offered(&self) -> Option<&Arc<ExternalPsk>> {
        match self {
            Self::One(psk) => Some(psk),
            Self::ByHint { offered, .. } | Self::Ask { offered } => offered.as_ref(),
        }
    }
}

/// Which pre-shared key is asked for. What the peer sent may have been made up by anyone.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FindPsk {
    /// On a server: the key with this identity, of at most [`ExternalPsk::MAX_IDENTITY`] bytes.
    /// Without one the handshake goes on with a key that does not exist or, if it still can, with
    /// a certificate. The answer should take the same time in either case.
    ByIdentity(Vec<u8>),
    /// On a client: the key for a 1.2 server that gives this hint; empty if it gives none. Without
    /// one the handshake ends.
    ByHint(Vec<u8>),
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
        assert!(!psk.is_weak());
    }

    #[test]
    fn short_secret_is_accepted_only_by_the_dangerous_name() {
        assert!(ExternalPsk::new(b"a", b"secret").is_none());
        assert!(ExternalPsk::danger_weak(b"a", b"secret").unwrap().is_weak());
        assert!(!ExternalPsk::danger_weak(b"a", &[1; 16]).unwrap().is_weak());
        assert!(ExternalPsk::danger_weak(b"a", b"").is_none());
        assert!(ExternalPsk::danger_weak(b"", b"secret").is_none());
        assert!(ExternalPsk::danger_weak(b"a", &[1; 65]).is_none());
    }

    #[test]
    fn lookup_finds_the_first_key_with_exactly_the_identity() {
        let key =
            |identity: &[u8], fill| Arc::new(ExternalPsk::new(identity, &[fill; 24]).unwrap());
        let psks = Vec::from([key(b"a", 1), key(b"ab", 2), key(b"a", 3)]);
        assert_eq!(psks.lookup(b"a").unwrap().secret().expose(), [1; 24]);
        assert_eq!(psks.lookup(b"ab").unwrap().secret().expose(), [2; 24]);
        assert!(psks.lookup(b"").is_none());
        assert!(psks.lookup(b"b").is_none());
    }

    /// Hashing a key that stands in for one that does not exist must take as long.
    #[test]
    fn made_up_key_is_random_and_as_long_as_the_others() {
        let random = nullcrypto::Random::new(1);
        let known = Arc::new(ExternalPsk::new(b"a", &[1; 24]).unwrap());
        let source = PskSource::Inline(Arc::new(Vec::from([known.clone()])));
        let [a, b] = [0, 1].map(|_| source.or_made_up(None, &random).unwrap());
        assert_eq!(a.secret().len(), 24);
        assert_ne!(a.secret().expose(), b.secret().expose());
        assert_eq!(PskSource::Ask.or_made_up(None, &random).unwrap().secret().len(), 32);
        let found = source.or_made_up(Some(known.clone()), &random).unwrap();
        assert!(Arc::ptr_eq(&found, &known));
    }

    #[test]
    fn debug_shows_neither_identity_nor_secret() {
        let psk = ExternalPsk::new(b"identity", &[7; 16]).unwrap();
        assert_eq!(format!("{psk:?}"), "ExternalPsk { .. }");
    }
}
