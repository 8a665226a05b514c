//! Authenticated encryption and record-number masks.

use alloc::boxed::Box;

use ring::aead::quic::{self, HeaderProtectionKey};
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use sealgram_crypto::{Aead, AeadKey, AeadKind, CryptoError, RecordNumberMask};

use crate::wipe::Wiped;
use crate::{stack, unspecified};

/// AES-128 in Galois/counter mode.
pub static AES_128_GCM: &dyn Aead =
    &Algorithm { kind: AeadKind::Aes128Gcm, aead: &ring::aead::AES_128_GCM, mask: &quic::AES_128 };

/// AES-256 in Galois/counter mode.
pub static AES_256_GCM: &dyn Aead =
    &Algorithm { kind: AeadKind::Aes256Gcm, aead: &ring::aead::AES_256_GCM, mask: &quic::AES_256 };

/// ChaCha20 with Poly1305.
pub static CHACHA20_POLY1305: &dyn Aead = &Algorithm {
    kind: AeadKind::ChaCha20Poly1305,
    aead: &ring::aead::CHACHA20_POLY1305,
    mask: &quic::CHACHA20,
};

#[derive(Debug)]
struct Algorithm {
    kind: AeadKind,
    aead: &'static ring::aead::Algorithm,
    /// QUIC masks its packet numbers the way that DTLS 1.3 masks record numbers (RFC 9001 §5.4,
    /// RFC 9147 §4.2.3); only the labels of the keys differ.
    mask: &'static quic::Algorithm,
}

impl Aead for Algorithm {
    fn kind(&self) -> AeadKind {
        self.kind
    }

    fn key(&self, key: &[u8]) -> Result<Box<dyn AeadKey>, CryptoError> {
        stack::clean(|| self.aead_key(key))
    }

    fn mask(&self, key: &[u8]) -> Result<Box<dyn RecordNumberMask>, CryptoError> {
        stack::clean_middle(|| self.mask_key(key))
    }

    fn key_and_mask(
        &self,
        key: &[u8],
        sn_key: &[u8],
    ) -> Result<(Box<dyn AeadKey>, Box<dyn RecordNumberMask>), CryptoError> {
        stack::clean(|| Ok((self.aead_key(key)?, self.mask_key(sn_key)?)))
    }
}

/// Both leave copies of the key on the stack.
impl Algorithm {
    fn aead_key(&self, key: &[u8]) -> Result<Box<dyn AeadKey>, CryptoError> {
        let key = UnboundKey::new(self.aead, key).map_err(unspecified)?;
        Ok(Box::new(Key(Wiped::new(LessSafeKey::new(key)))))
    }

    fn mask_key(&self, key: &[u8]) -> Result<Box<dyn RecordNumberMask>, CryptoError> {
        let key = HeaderProtectionKey::new(self.mask, key).map_err(unspecified)?;
        Ok(Box::new(Mask(Wiped::new(key))))
    }
}

struct Key(Wiped<LessSafeKey>);

impl AeadKey for Key {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let (plaintext, room) =
            in_out.split_last_chunk_mut::<{ AeadKind::MAX_TAG_LEN }>().ok_or(CryptoError)?;
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), plaintext)
            .map_err(unspecified)?;
        *room = tag.as_ref().try_into().map_err(|_| CryptoError)?;
        Ok(())
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place(nonce, Aad::from(aad), in_out).map(|_| ()).map_err(unspecified)
    }
}

struct Mask(Wiped<HeaderProtectionKey>);

impl RecordNumberMask for Mask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 2] {
        // Only a sample of another length makes ring fail, and the type excludes that.
        let [first, second, ..] = self.0.new_mask(sample).unwrap_or_default();
        [first, second]
    }
}
