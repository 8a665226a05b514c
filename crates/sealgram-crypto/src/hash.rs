//! Hash functions and HMAC.

use alloc::boxed::Box;
use core::fmt::{self, Debug};

use zeroize::Zeroize;

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HashKind {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl HashKind {
    /// The longest output of any kind, in bytes.
    pub const MAX_LEN: usize = 48;

    /// Length of the output in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// A hash function of a provider, and HMAC over it.
pub trait Hash: Debug + Send + Sync {
    /// Which function this is.
    fn kind(&self) -> HashKind;

    /// Starts hashing.
    fn start(&self) -> Box<dyn HashContext>;

    /// Hashes `data` in one go.
    fn hash(&self, data: &[u8]) -> Digest;

    /// An HMAC key of any length, the empty one included.
    fn hmac_key(&self, key: &[u8]) -> Box<dyn HmacKey>;

    /// One HMAC over the concatenation of `parts`, without a boxed key.
    fn hmac(&self, key: &[u8], parts: &[&[u8]]) -> Tag {
        self.hmac_key(key).sign(parts)
    }

    /// Runs `work` once with a key that is gone afterwards, for several HMACs in a row: a provider
    /// can then do without the box, and cleans up once instead of after each of them.
    ///
    /// `work` does nothing but make tags and copy them, and calls nothing deep: a provider may
    /// count on that when it overwrites the stack.
    fn with_hmac_key(&self, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
        work(&*self.hmac_key(key));
    }
}

/// A hash in progress.
pub trait HashContext: Send + Sync {
    /// Adds `data`.
    fn update(&mut self, data: &[u8]);

    /// The hash of what was added so far; more can be added afterwards.
    fn current(&self) -> Digest;

    /// A second context in the same state.
    fn fork(&self) -> Box<dyn HashContext>;
}

/// An HMAC key. Wiped on drop where the provider can.
pub trait HmacKey: Send + Sync {
    /// The tag over the concatenation of `parts`.
    fn sign(&self, parts: &[&[u8]]) -> Tag;
}

/// The output of a hash: not secret.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; HashKind::MAX_LEN],
    /// Invariant: at most [`HashKind::MAX_LEN`].
    len: usize,
}

impl Digest {
    /// A digest of these bytes, cut at [`HashKind::MAX_LEN`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut digest = Self { bytes: [0; HashKind::MAX_LEN], len: 0 };
        for (to, from) in digest.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        digest.len = bytes.len().min(HashKind::MAX_LEN);
        digest
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        crate::ct_eq(self.as_ref(), other.as_ref())
    }
}

impl Eq for Digest {}

impl Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_ref() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// The output of HMAC. Key derivation makes secrets of it, so it wipes itself.
pub struct Tag(Digest);

impl Tag {
    /// A tag of these bytes, cut at [`HashKind::MAX_LEN`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Digest::new(bytes))
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        self.0.bytes.zeroize();
    }
}

impl Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}
