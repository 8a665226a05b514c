//! Traffic secrets, and the keys that they expand to.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroize;

use crate::{Aead, AeadKey, AeadKind, CryptoError, RecordNumberMask, Secret, Suite, hkdf};

/// What one direction of one epoch is protected with, before expansion. Wiped on drop.
///
/// The handshake derives it, the record layer expands it; kept for as long as old read keys may
/// be needed, since it is far smaller than the expanded keys.
pub enum TrafficSecret {
    /// A write key and the fixed part of the nonce, cut from the key block (RFC 5246 §6.3).
    V12 {
        /// The suite's AEAD.
        aead: &'static dyn Aead,
        /// The key, [`AeadKind::key_len`] bytes.
        key: Secret,
        /// The fixed IV, [`AeadKind::fixed_iv_len_v12`] bytes.
        fixed_iv: Secret,
    },
    /// A traffic secret that key, IV and record-number key derive from (RFC 8446 §7.3,
    /// RFC 9147 §4.2.3).
    V13 {
        /// The suite.
        suite: &'static Suite,
        /// The secret, one hash length.
        secret: Secret,
    },
}

impl TrafficSecret {
    /// Expands to keys.
    pub fn expand(&self) -> Result<TrafficKeys, CryptoError> {
        match self {
            Self::V12 { aead, key, fixed_iv } => {
                let mut iv = [0; 12];
                for (to, from) in iv.iter_mut().zip(fixed_iv.expose()) {
                    *to = *from;
                }
                Ok(TrafficKeys { kind: aead.kind(), aead: aead.key(key.expose())?, mask: None, iv })
            }
            Self::V13 { suite, secret } => {
                let hash = suite.hash;
                let derive = |label, len| {
                    Secret::filled(len, |out| {
                        hkdf::expand_label(hash, secret.expose(), label, &[], out);
                    })
                };
                let kind = suite.aead.kind();
                let key = derive("key", kind.key_len());
                let record_number_key = derive("sn", kind.key_len());
                let mut iv = [0; 12];
                hkdf::expand_label(hash, secret.expose(), "iv", &[], &mut iv);
                Ok(TrafficKeys {
                    kind,
                    aead: suite.aead.key(key.expose())?,
                    mask: Some(suite.aead.mask(record_number_key.expose())?),
                    iv,
                })
            }
        }
    }

    /// A second copy, where old keys must outlive new ones.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::V12 { aead, key, fixed_iv } => {
                Self::V12 { aead: *aead, key: key.duplicate(), fixed_iv: fixed_iv.duplicate() }
            }
            Self::V13 { suite, secret } => Self::V13 { suite, secret: secret.duplicate() },
        }
    }
}

impl fmt::Debug for TrafficSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrafficSecret(..)")
    }
}

/// Expanded keys of one direction of one epoch.
pub struct TrafficKeys {
    /// The AEAD's kind, for its lengths and limits.
    pub kind: AeadKind,
    /// The AEAD key.
    pub aead: Box<dyn AeadKey>,
    /// The record-number mask; 1.2 has none.
    pub mask: Option<Box<dyn RecordNumberMask>>,
    /// The IV. In 1.2 only the first [`AeadKind::fixed_iv_len_v12`] bytes are set.
    iv: [u8; 12],
}

impl TrafficKeys {
    /// The nonce whose last eight bytes are the IV XOR `number`: every suite of 1.3
    /// (RFC 8446 §5.3; `number` is the sequence number), and ChaCha20 in 1.2 (RFC 7905 §2;
    /// `number` is epoch and sequence number).
    #[must_use]
    pub fn nonce_xor(&self, number: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, n) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= n;
        }
        nonce
    }

    /// The nonce made of the four fixed bytes and the eight that the record carries
    /// (RFC 5288 §3).
    #[must_use]
    pub fn nonce_explicit(&self, explicit: [u8; 8]) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, n) in nonce.iter_mut().skip(4).zip(explicit) {
            *byte = n;
        }
        nonce
    }
}

impl Drop for TrafficKeys {
    fn drop(&mut self) {
        self.iv.zeroize();
    }
}

impl fmt::Debug for TrafficKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrafficKeys({:?})", self.kind)
    }
}
