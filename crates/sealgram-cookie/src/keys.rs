//! The keys behind the cookies: the current one, the one before it, and when they change.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use pki_types::UnixTime;
use sealgram_crypto::{CryptoError, Hash, HashKind, HmacKey, Secret, SecureRandom};

use crate::cookie::PERIOD;

/// The shortest secret that is accepted, in bytes.
pub const MIN_SECRET: usize = 16;

/// How long a random key is used before a new one takes its place, unless told otherwise.
///
/// Long against a cookie's life, so that a rotation costs no client a round trip; short enough
/// that a stolen key is soon worthless.
pub const DEFAULT_KEY_LIFETIME: Duration = Duration::from_secs(3600);

/// The shortest lifetime of a key: the longest life of a cookie. Two rotations within it would
/// refuse cookies before their time.
pub const MIN_KEY_LIFETIME: Duration = Duration::from_secs(2 * PERIOD.as_secs());

/// Length of a random secret in bytes: the hash's output, beyond which HMAC gains nothing.
const RANDOM_SECRET: usize = 32;

/// The current and the previous cookie key.
///
/// Two values made by [`CookieKeys::new`] never share a secret. Servers that must accept each
/// other's cookies (same address, or one that takes over from another) use
/// [`CookieKeys::with_secret`] and rotate together with [`CookieKeys::rotate_to`].
///
/// No method returns a secret, and `Debug` shows none.
pub struct CookieKeys {
    sha256: &'static dyn Hash,
    current: Box<dyn HmacKey>,
    previous: Option<Box<dyn HmacKey>>,
    /// Counts rotations. Its lowest bit travels with each cookie and says which key made it.
    generation: u64,
    renewal: Renewal,
}

/// Whether the keys change by themselves.
enum Renewal {
    /// When the current key has been used for `lifetime` since `since`.
    Own { lifetime: Duration, since: UnixTime },
    /// The secret is shared: only its owner knows when the others change theirs.
    Shared,
}

impl CookieKeys {
    /// Keys with a random secret, which [`CookieKeys::maintain`] replaces after `lifetime`.
    ///
    /// # Errors
    ///
    /// If the random source fails, `lifetime` is below [`MIN_KEY_LIFETIME`], or the hash is not
    /// SHA-256.
    pub fn new(
        sha256: &'static dyn Hash,
        lifetime: Duration,
        now: UnixTime,
        random: &dyn SecureRandom,
    ) -> Result<Self, CookieKeyError> {
        if lifetime < MIN_KEY_LIFETIME {
            return Err(CookieKeyError::LifetimeTooShort);
        }
        let secret = random_secret(random)?;
        let renewal = Renewal::Own { lifetime, since: now };
        Self::from_secret(sha256, &secret, 0, renewal)
    }

    /// Keys with a secret that is shared between servers. They never change by themselves.
    ///
    /// `generation` is the number of rotations that the sharing servers have made so far: 0 at
    /// their first start. Its lowest bit must agree, or they refuse each other's cookies.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than [`MIN_SECRET`] or the hash is not SHA-256.
    pub fn with_secret(
        sha256: &'static dyn Hash,
        secret: &Secret,
        generation: u64,
    ) -> Result<Self, CookieKeyError> {
        Self::from_secret(sha256, secret, generation, Renewal::Shared)
    }

    fn from_secret(
        sha256: &'static dyn Hash,
        secret: &Secret,
        generation: u64,
        renewal: Renewal,
    ) -> Result<Self, CookieKeyError> {
        if sha256.kind() != HashKind::Sha256 {
            return Err(CookieKeyError::NotSha256);
        }
        let current = expand(sha256, secret)?;
        Ok(Self { sha256, current, previous: None, generation, renewal })
    }

    /// Makes a new random key the current one and starts its lifetime at `now`. Cookies of the key
    /// before it stay good; older ones do not.
    ///
    /// Keys with a shared secret then no longer agree with those of the other servers.
    ///
    /// # Errors
    ///
    /// If the random source fails; the keys are then unchanged.
    pub fn rotate(
        &mut self,
        now: UnixTime,
        random: &dyn SecureRandom,
    ) -> Result<(), CookieKeyError> {
        self.rotate_to(&random_secret(random)?)?;
        if let Renewal::Own { since, .. } = &mut self.renewal {
            *since = now;
        }
        Ok(())
    }

    /// Makes `secret` the current key, as [`CookieKeys::rotate`] does with a random one, but leaves
    /// alone when [`CookieKeys::maintain`] rotates next.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than [`MIN_SECRET`]; the keys are then unchanged.
    pub fn rotate_to(&mut self, secret: &Secret) -> Result<(), CookieKeyError> {
        let key = expand(self.sha256, secret)?;
        self.previous = Some(core::mem::replace(&mut self.current, key));
        self.generation = self.generation.wrapping_add(1);
        Ok(())
    }

    /// Rotates if the current key has reached its lifetime, and says whether it did. Keys with a
    /// shared secret are left alone.
    ///
    /// Cheap unless it rotates; meant to be called before cookies are issued or verified.
    ///
    /// # Errors
    ///
    /// If the random source fails. The keys are then unchanged and go on working; the next call
    /// tries again.
    pub fn maintain(
        &mut self,
        now: UnixTime,
        random: &dyn SecureRandom,
    ) -> Result<bool, CookieKeyError> {
        let Renewal::Own { lifetime, since } = &mut self.renewal else { return Ok(false) };
        // A clock that was set back must not keep a key alive until it has caught up.
        *since = (*since).min(now);
        if now.as_secs().saturating_sub(since.as_secs()) < lifetime.as_secs() {
            return Ok(false);
        }
        self.rotate(now, random)?;
        Ok(true)
    }

    /// How many times the keys were rotated, counted from the generation they started with.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The current key and its parity bit.
    pub(crate) fn current(&self) -> (&dyn HmacKey, bool) {
        (&*self.current, self.parity())
    }

    /// The key that made a cookie with this parity bit, if there is one.
    pub(crate) fn by_parity(&self, parity: bool) -> Option<&dyn HmacKey> {
        if parity == self.parity() { Some(&*self.current) } else { self.previous.as_deref() }
    }

    const fn parity(&self) -> bool {
        self.generation & 1 == 1
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieKeys").field("generation", &self.generation).finish_non_exhaustive()
    }
}

fn random_secret(random: &dyn SecureRandom) -> Result<Secret, CookieKeyError> {
    Secret::try_filled(RANDOM_SECRET, |out| random.fill(out)).map_err(CookieKeyError::Random)
}

fn expand(sha256: &dyn Hash, secret: &Secret) -> Result<Box<dyn HmacKey>, CookieKeyError> {
    if secret.len() < MIN_SECRET {
        return Err(CookieKeyError::SecretTooShort);
    }
    Ok(sha256.hmac_key(secret.expose()))
}

/// Why cookie keys cannot be made or changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CookieKeyError {
    /// The secret has fewer than [`MIN_SECRET`] bytes.
    SecretTooShort,
    /// The lifetime is below [`MIN_KEY_LIFETIME`].
    LifetimeTooShort,
    /// The hash function is not SHA-256.
    NotSha256,
    /// The random source failed.
    Random(CryptoError),
}

impl fmt::Display for CookieKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretTooShort => {
                write!(f, "the cookie secret is too short (expected {MIN_SECRET} bytes or more)")
            }
            Self::LifetimeTooShort => write!(
                f,
                "the lifetime of cookie keys is too short (expected {} s or more)",
                MIN_KEY_LIFETIME.as_secs()
            ),
            Self::NotSha256 => f.write_str("cookies need SHA-256"),
            Self::Random(_) => f.write_str("the random source failed"),
        }
    }
}

impl core::error::Error for CookieKeyError {}
