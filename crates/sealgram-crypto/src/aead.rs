//! Authenticated encryption of records, and the mask over 1.3 record numbers.

use alloc::boxed::Box;
use core::fmt::Debug;

use crate::CryptoError;

/// An AEAD algorithm, and what the protocol must know about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AeadKind {
    /// AES-128 in Galois/counter mode.
    Aes128Gcm,
    /// AES-256 in Galois/counter mode.
    Aes256Gcm,
    /// ChaCha20 with Poly1305.
    ChaCha20Poly1305,
    /// AES-128 in CCM mode with a tag of 16 bytes.
    Aes128Ccm,
    /// AES-128 in CCM mode with a tag of 8 bytes.
    Aes128Ccm8,
}

impl AeadKind {
    /// The longest key of any kind, in bytes.
    pub const MAX_KEY_LEN: usize = 32;
    /// The longest tag of any kind, in bytes.
    pub const MAX_TAG_LEN: usize = 16;

    /// Length of a key in bytes; the record-number key has the same (RFC 9147 §4.2.3).
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => 16,
        }
    }

    /// Length of the tag in bytes.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Aes128Ccm8 => 8,
            _ => 16,
        }
    }

    /// In 1.2, how many of the nonce's 12 bytes come from the key block; the others travel with
    /// each record (RFC 5288 §3, RFC 6655 §3). ChaCha20 has no explicit part (RFC 7905 §2).
    #[must_use]
    pub const fn fixed_iv_len_v12(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 => 12,
            _ => 4,
        }
    }

    /// In 1.2, how many bytes of nonce each record carries.
    #[must_use]
    pub const fn explicit_nonce_len_v12(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 => 0,
            _ => 8,
        }
    }

    /// How many records one key may seal (RFC 9147 §4.5.3, RFC 8446 §5.5).
    #[must_use]
    pub const fn confidentiality_limit(self) -> u64 {
        match self {
            // 2^24.5
            Self::Aes128Gcm | Self::Aes256Gcm => 23_726_566,
            // Beyond the number space of an epoch: the numbers end first.
            Self::ChaCha20Poly1305 => (1 << 48) - 1,
            Self::Aes128Ccm | Self::Aes128Ccm8 => 1 << 23,
        }
    }

    /// How many records may fail to open under one key (RFC 9147 §4.5.3).
    #[must_use]
    pub const fn integrity_limit(self) -> u64 {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305 => 1 << 36,
            // 2^23.5
            Self::Aes128Ccm => 11_863_283,
            Self::Aes128Ccm8 => 1 << 7,
        }
    }
}

/// An AEAD algorithm of a provider.
pub trait Aead: Debug + Send + Sync {
    /// Which algorithm this is.
    fn kind(&self) -> AeadKind;

    /// Expands a key of [`AeadKind::key_len`] bytes. Called once per epoch and direction.
    fn key(&self, key: &[u8]) -> Result<Box<dyn AeadKey>, CryptoError>;

    /// Expands a key for record-number masks (RFC 9147 §4.2.3).
    fn mask(&self, key: &[u8]) -> Result<Box<dyn RecordNumberMask>, CryptoError>;

    /// Expands both keys of a 1.3 epoch, for providers that do it faster together.
    #[expect(clippy::type_complexity, reason = "two boxes")]
    fn key_and_mask(
        &self,
        key: &[u8],
        sn_key: &[u8],
    ) -> Result<(Box<dyn AeadKey>, Box<dyn RecordNumberMask>), CryptoError> {
        Ok((self.key(key)?, self.mask(sn_key)?))
    }
}

/// An expanded AEAD key. One call per record; nothing may allocate.
pub trait AeadKey: Send + Sync {
    /// Seals in place: `in_out` is the plaintext followed by room for the tag.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError>;

    /// Opens in place: `in_out` is the ciphertext followed by the tag; on success its first
    /// `in_out.len() - tag_len` bytes are the plaintext. On failure its content is unspecified.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError>;
}

/// An expanded record-number key.
pub trait RecordNumberMask: Send + Sync {
    /// The first two bytes of the mask over `sample`, the first 16 bytes of the ciphertext.
    fn mask(&self, sample: &[u8; 16]) -> [u8; 2];
}
