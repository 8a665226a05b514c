//! Authenticated encryption and record-number masks.

use alloc::boxed::Box;
use core::fmt::Debug;
use core::marker::PhantomData;

use aes::cipher::{BlockCipherEncrypt, KeyIvInit, StreamCipherCore};
use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit, Tag};
use ccm::Ccm;
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use sealgram_crypto::{Aead, AeadKey, AeadKind, CryptoError, RecordNumberMask};
use zeroize::Zeroizing;

/// AES-128 in Galois/counter mode.
pub static AES_128_GCM: &dyn Aead =
    &Algorithm::<aes_gcm::Aes128Gcm, AesMask<Aes128>>::new(AeadKind::Aes128Gcm);

/// AES-256 in Galois/counter mode.
pub static AES_256_GCM: &dyn Aead =
    &Algorithm::<aes_gcm::Aes256Gcm, AesMask<Aes256>>::new(AeadKind::Aes256Gcm);

/// ChaCha20 with Poly1305.
pub static CHACHA20_POLY1305: &dyn Aead =
    &Algorithm::<chacha20poly1305::ChaCha20Poly1305, ChaChaMask>::new(AeadKind::ChaCha20Poly1305);

/// AES-128 in CCM mode with a tag of 16 bytes. It needs two AES operations for each block, and no
/// other primitive.
pub static AES_128_CCM: &dyn Aead =
    &Algorithm::<Ccm<Aes128, U16, U12>, AesMask<Aes128>>::new(AeadKind::Aes128Ccm);

/// AES-128 in CCM mode with a tag of 8 bytes, of which a peer guesses one in 2^64 tries: for
/// links where each byte counts.
pub static AES_128_CCM_8: &dyn Aead =
    &Algorithm::<Ccm<Aes128, U8, U12>, AesMask<Aes128>>::new(AeadKind::Aes128Ccm8);

/// `Mode` seals records, `Mask` hides their numbers.
struct Algorithm<Mode, Mask> {
    kind: AeadKind,
    types: PhantomData<fn() -> (Mode, Mask)>,
}

impl<Mode, Mask> Algorithm<Mode, Mask> {
    const fn new(kind: AeadKind) -> Self {
        Self { kind, types: PhantomData }
    }
}

impl<Mode, Mask> Debug for Algorithm<Mode, Mask> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.kind.fmt(f)
    }
}

impl<Mode, Mask> Aead for Algorithm<Mode, Mask>
where
    Mode: AeadInOut<NonceSize = U12> + KeyInit + Send + Sync + 'static,
    Mask: RecordNumberMask + FromKey + 'static,
{
    fn kind(&self) -> AeadKind {
        self.kind
    }

    fn key(&self, key: &[u8]) -> Result<Box<dyn AeadKey>, CryptoError> {
        let mode = Mode::new_from_slice(key).map_err(|_| CryptoError)?;
        Ok(Box::new(Key(mode)))
    }

    fn mask(&self, key: &[u8]) -> Result<Box<dyn RecordNumberMask>, CryptoError> {
        Ok(Box::new(Mask::from_key(key)?))
    }
}

/// Every mode wipes itself on drop, by the feature `zeroize` of its crate.
struct Key<Mode>(Mode);

impl<Mode: AeadInOut<NonceSize = U12> + Send + Sync> AeadKey for Key<Mode> {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let end = in_out.len().checked_sub(size_of::<Tag<Mode>>()).ok_or(CryptoError)?;
        let (plaintext, room) = in_out.split_at_mut_checked(end).ok_or(CryptoError)?;
        let tag = self
            .0
            .encrypt_inout_detached(nonce.into(), aad, plaintext.into())
            .map_err(|_| CryptoError)?;
        for (to, from) in room.iter_mut().zip(&tag) {
            *to = *from;
        }
        Ok(())
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let end = in_out.len().checked_sub(size_of::<Tag<Mode>>()).ok_or(CryptoError)?;
        let (ciphertext, tag) = in_out.split_at_mut_checked(end).ok_or(CryptoError)?;
        let tag = (&*tag).try_into().map_err(|_| CryptoError)?;
        self.0
            .decrypt_inout_detached(nonce.into(), aad, ciphertext.into(), tag)
            .map_err(|_| CryptoError)
    }
}

/// A mask that knows how to be made.
trait FromKey: Sized {
    /// Expands `key`, which has the length of the suite's keys.
    fn from_key(key: &[u8]) -> Result<Self, CryptoError>;
}

/// The first bytes of AES over the sample (RFC 9147 §4.2.3).
struct AesMask<Cipher>(Cipher);

impl<Cipher: KeyInit> FromKey for AesMask<Cipher> {
    fn from_key(key: &[u8]) -> Result<Self, CryptoError> {
        Cipher::new_from_slice(key).map(Self).map_err(|_| CryptoError)
    }
}

impl<Cipher> RecordNumberMask for AesMask<Cipher>
where
    Cipher: BlockCipherEncrypt<BlockSize = U16> + Send + Sync,
{
    fn mask(&self, sample: &[u8; 16]) -> [u8; 2] {
        let mut block = (*sample).into();
        self.0.encrypt_block(&mut block);
        let [first, second, ..] = block.0;
        [first, second]
    }
}

/// The first bytes of the ChaCha20 block whose counter and nonce are the sample
/// (RFC 9147 §4.2.3).
struct ChaChaMask(Zeroizing<[u8; 32]>);

impl FromKey for ChaChaMask {
    fn from_key(key: &[u8]) -> Result<Self, CryptoError> {
        let mut copy = Zeroizing::new([0; 32]);
        if key.len() != copy.len() {
            return Err(CryptoError);
        }
        copy.copy_from_slice(key);
        Ok(Self(copy))
    }
}

impl RecordNumberMask for ChaChaMask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 2] {
        let [c0, c1, c2, c3, nonce @ ..] = *sample;
        // The cipher's core, since the stream around it would refuse the last counter.
        let mut cipher = ChaChaCore::<R20, Ietf>::new((&*self.0).into(), (&nonce).into());
        cipher.set_block_pos(u32::from_le_bytes([c0, c1, c2, c3]));
        let mut block = Default::default();
        cipher.write_keystream_block(&mut block);
        let [first, second, ..] = block.0;
        [first, second]
    }
}
