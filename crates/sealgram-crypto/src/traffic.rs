//! Traffic secrets, and the keys that they expand to.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroize;

use crate::hkdf::{self, Labelled};
use crate::{Aead, AeadKey, AeadKind, CryptoError, RecordNumberMask, Secret, Suite};

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
                let kind = suite.aead.kind();
                let mut iv = [0; 12];
                // Both keys in one piece on the heap: the AEAD's, then that of the record numbers.
                let keys = Secret::filled(kind.key_len().saturating_mul(2), |keys| {
                    let (key, sn) = keys.split_at_mut_checked(kind.key_len()).unwrap_or_default();
                    let labelled = |label, out| Labelled { label, context: &[], out };
                    let mut all =
                        [labelled("key", key), labelled("sn", sn), labelled("iv", &mut iv)];
                    hkdf::expand_labels(suite.hash, secret.expose(), &mut all);
                });
                let (key, sn) = keys.expose().split_at_checked(kind.key_len()).unwrap_or_default();
                let (aead, mask) = suite.aead.key_and_mask(key, sn)?;
                Ok(TrafficKeys { kind, aead, mask: Some(mask), iv })
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
    #[inline]
    #[must_use]
    pub const fn nonce_xor(&self, number: u64) -> [u8; 12] {
        let [i0, i1, i2, i3, low @ ..] = self.iv;
        let low = u64::from_be_bytes(low) ^ number;
        let [n0, n1, n2, n3, n4, n5, n6, n7] = low.to_be_bytes();
        [i0, i1, i2, i3, n0, n1, n2, n3, n4, n5, n6, n7]
    }

    /// The nonce made of the four fixed bytes and the eight that the record carries
    /// (RFC 5288 §3).
    #[inline]
    #[must_use]
    pub const fn nonce_explicit(&self, explicit: [u8; 8]) -> [u8; 12] {
        let [i0, i1, i2, i3, ..] = self.iv;
        let [n0, n1, n2, n3, n4, n5, n6, n7] = explicit;
        [i0, i1, i2, i3, n0, n1, n2, n3, n4, n5, n6, n7]
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
