//! "Encryption": XOR with one byte, and a checksum as tag.

use alloc::boxed::Box;

use sealgram_crypto::{Aead, AeadKey, AeadKind, CryptoError, RecordNumberMask, ct_eq};

use crate::mix::Mix;

const KEYSTREAM: u64 = 1;
const TAG: u64 = 2;
const MASK: u64 = 3;

/// The algorithm that pretends to be of this kind.
pub(crate) const fn of(kind: AeadKind) -> &'static dyn Aead {
    match kind {
        AeadKind::Aes128Gcm => &Algorithm(AeadKind::Aes128Gcm),
        AeadKind::Aes256Gcm => &Algorithm(AeadKind::Aes256Gcm),
        AeadKind::ChaCha20Poly1305 => &Algorithm(AeadKind::ChaCha20Poly1305),
        AeadKind::Aes128Ccm => &Algorithm(AeadKind::Aes128Ccm),
        AeadKind::Aes128Ccm8 => &Algorithm(AeadKind::Aes128Ccm8),
    }
}

#[derive(Debug)]
struct Algorithm(AeadKind);

impl Algorithm {
    /// What a key of this kind contributes.
    fn absorb(&self, key: &[u8], purpose: u64) -> Result<Mix, CryptoError> {
        if key.len() != self.0.key_len() {
            return Err(CryptoError);
        }
        // The kind's number keeps, say, the two GCM from opening each other's records.
        let kind = match self.0 {
            AeadKind::Aes128Gcm => 1,
            AeadKind::Aes256Gcm => 2,
            AeadKind::ChaCha20Poly1305 => 3,
            AeadKind::Aes128Ccm => 4,
            AeadKind::Aes128Ccm8 => 5,
        };
        Ok(Mix::new(purpose).add(&[kind]).add_field(key))
    }
}

impl Aead for Algorithm {
    fn kind(&self) -> AeadKind {
        self.0
    }

    fn key(&self, key: &[u8]) -> Result<Box<dyn AeadKey>, CryptoError> {
        Ok(Box::new(Key {
            keystream: self.absorb(key, KEYSTREAM)?,
            tag: self.absorb(key, TAG)?,
            tag_len: self.0.tag_len(),
        }))
    }

    fn mask(&self, key: &[u8]) -> Result<Box<dyn RecordNumberMask>, CryptoError> {
        Ok(Box::new(Mask(self.absorb(key, MASK)?)))
    }
}

struct Key {
    keystream: Mix,
    tag: Mix,
    tag_len: usize,
}

impl Key {
    fn xor(&self, nonce: &[u8; 12], data: &mut [u8]) {
        let [byte] = self.keystream.add(nonce).bytes();
        // Never zero: plaintext in the clear would hide a record that was not sealed.
        let byte = byte | 1;
        for to in data {
            *to ^= byte;
        }
    }

    fn tag(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> [u8; AeadKind::MAX_TAG_LEN] {
        self.tag.add(nonce).add_field(aad).add_field(plaintext).bytes()
    }

    fn split<'a>(&self, data: &'a mut [u8]) -> Result<(&'a mut [u8], &'a mut [u8]), CryptoError> {
        let len = data.len().checked_sub(self.tag_len).ok_or(CryptoError)?;
        data.split_at_mut_checked(len).ok_or(CryptoError)
    }
}

impl AeadKey for Key {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let (data, room) = self.split(in_out)?;
        let tag = self.tag(nonce, aad, data);
        self.xor(nonce, data);
        for (to, from) in room.iter_mut().zip(tag) {
            *to = from;
        }
        Ok(())
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let (data, received) = self.split(in_out)?;
        self.xor(nonce, data);
        let tag = self.tag(nonce, aad, data);
        if ct_eq(tag.get(..self.tag_len).unwrap_or_default(), received) {
            return Ok(());
        }
        // As destructive as ring: nobody may build on what is left after a failure.
        in_out.fill(0);
        Err(CryptoError)
    }
}

struct Mask(Mix);

impl RecordNumberMask for Mask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 2] {
        self.0.add(sample).bytes()
    }
}
