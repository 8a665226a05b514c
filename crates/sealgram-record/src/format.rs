//! How the records of an epoch are framed: what differs between the versions, as data.

use sealgram_crypto::{AeadKind, TrafficKeys, TrafficSecret};
use sealgram_iana::Version;
use sealgram_wire::{
    FullHeader, MAX_CIPHERTEXT_12, MAX_CIPHERTEXT_13, MAX_PLAINTEXT, Phase, RecordNumber,
};

/// The ciphertext that a record-number mask is computed over (RFC 9147 §4.2.3).
pub(crate) const SAMPLE_LEN: usize = 16;

/// Length of the unified header that we send: flags, 16 bits of number (so that a peer that lost
/// up to 2^15 records in a row still finds the place), and a length (so that records can share a
/// datagram).
pub(crate) const UNIFIED_LEN: usize = 5;

/// How many bytes surround a record's plaintext.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overhead {
    /// Header, and in 1.2 the explicit nonce.
    pub before: usize,
    /// Tag; in 1.3 also the content type and what padding the sample needs.
    pub after: usize,
}

impl Overhead {
    /// What surrounds plaintext records.
    pub(crate) const PLAINTEXT: Self = Self { before: FullHeader::LEN, after: 0 };
}

/// What the records of one phase look like from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Framing {
    /// What surrounds a plaintext.
    pub overhead: Overhead,
    /// The longest plaintext of one record, in bytes.
    pub max_plaintext: usize,
}

/// The framing of protected records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// 13-byte header, content type outside (RFC 6347 §4.1).
    V12,
    /// Unified header, content type inside, masked number (RFC 9147 §4).
    V13,
}

impl Format {
    pub(crate) const fn of(secret: &TrafficSecret) -> Self {
        match secret {
            TrafficSecret::V12 { .. } => Self::V12,
            TrafficSecret::V13 { .. } => Self::V13,
        }
    }

    pub(crate) const fn belongs_to(self, version: Version) -> bool {
        matches!((self, version), (Self::V12, Version::V12) | (Self::V13, Version::V13))
    }

    /// The epoch of a protected phase (RFC 6347 §4.1, RFC 9147 §6.1). `None` for a phase that the
    /// format does not have, and beyond epoch 65,535, after which numbers would wrap.
    pub(crate) const fn epoch(self, phase: Phase) -> Option<u16> {
        match (self, phase) {
            (Self::V12, Phase::Application(0)) | (Self::V13, Phase::EarlyData) => Some(1),
            (Self::V13, Phase::Handshake) => Some(2),
            (Self::V13, Phase::Application(n)) => n.checked_add(3),
            _ => None,
        }
    }

    pub(crate) const fn framing(self, kind: AeadKind) -> Framing {
        Framing { overhead: self.overhead(kind), max_plaintext: self.max_plaintext(kind) }
    }

    pub(crate) const fn max_ciphertext(self) -> usize {
        match self {
            Self::V12 => MAX_CIPHERTEXT_12,
            Self::V13 => MAX_CIPHERTEXT_13,
        }
    }

    /// The longest plaintext that we seal. 1.3 counts content type and padding and allows 2^14 + 1
    /// bytes of them all (RFC 8446 §5.4), so a short tag's padding costs some.
    pub(crate) const fn max_plaintext(self, kind: AeadKind) -> usize {
        match self {
            Self::V12 => MAX_PLAINTEXT,
            Self::V13 => {
                let around = self.overhead(kind).after.saturating_sub(kind.tag_len());
                MAX_PLAINTEXT.saturating_add(1).saturating_sub(around)
            }
        }
    }

    /// What surrounds a plaintext that we seal.
    ///
    /// 1.3 adds the content type, and with a short tag as much padding as makes the ciphertext of
    /// an empty plaintext long enough to sample. The padding is always there, so that the
    /// overhead is the same for every record.
    pub(crate) const fn overhead(self, kind: AeadKind) -> Overhead {
        match self {
            Self::V12 => Overhead {
                before: FullHeader::LEN.saturating_add(kind.explicit_nonce_len_v12()),
                after: kind.tag_len(),
            },
            Self::V13 => {
                let after = kind.tag_len().saturating_add(1);
                let after = if after < SAMPLE_LEN { SAMPLE_LEN } else { after };
                Overhead { before: UNIFIED_LEN, after }
            }
        }
    }
}

/// The additional data of a 1.2 record: the header's fields in another order, and the length of
/// the plaintext (RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1).
pub(crate) const fn additional_data_v12(header: &FullHeader) -> [u8; FullHeader::LEN] {
    let [typ, v0, v1, n0, n1, n2, n3, n4, n5, n6, n7, l0, l1] = header.encode();
    [n0, n1, n2, n3, n4, n5, n6, n7, typ, v0, v1, l0, l1]
}

/// The nonce of a 1.2 record. `explicit` is what the record carries, if it carries one.
pub(crate) fn nonce_v12(
    keys: &TrafficKeys,
    number: RecordNumber,
    explicit: Option<[u8; 8]>,
) -> [u8; 12] {
    match explicit {
        Some(explicit) => keys.nonce_explicit(explicit),
        None => keys.nonce_xor(u64::from_be_bytes(number.to_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_those_of_the_rfcs() {
        assert_eq!(Format::V12.epoch(Phase::Application(0)), Some(1));
        assert_eq!(Format::V12.epoch(Phase::Application(1)), None);
        assert_eq!(Format::V12.epoch(Phase::Handshake), None);
        assert_eq!(Format::V13.epoch(Phase::EarlyData), Some(1));
        assert_eq!(Format::V13.epoch(Phase::Handshake), Some(2));
        assert_eq!(Format::V13.epoch(Phase::Application(0)), Some(3));
        assert_eq!(Format::V13.epoch(Phase::Application(65_532)), Some(65_535));
        assert_eq!(Format::V13.epoch(Phase::Application(65_533)), None);
    }

    #[test]
    fn longest_plaintext_leaves_room_for_type_and_padding() {
        assert_eq!(Format::V13.max_plaintext(AeadKind::Aes128Gcm), 16_384);
        assert_eq!(Format::V13.max_plaintext(AeadKind::Aes128Ccm8), 16_384 - 7);
        assert_eq!(Format::V12.max_plaintext(AeadKind::Aes128Ccm8), 16_384);
    }

    #[test]
    fn overhead_of_a_short_tag_leaves_room_for_the_sample() {
        assert_eq!(Format::V13.overhead(AeadKind::Aes128Gcm), Overhead { before: 5, after: 17 });
        assert_eq!(Format::V13.overhead(AeadKind::Aes128Ccm8), Overhead { before: 5, after: 16 });
        assert_eq!(Format::V12.overhead(AeadKind::Aes128Ccm8), Overhead { before: 21, after: 8 });
        let chacha = Format::V12.overhead(AeadKind::ChaCha20Poly1305);
        assert_eq!(chacha, Overhead { before: 13, after: 16 });
    }
}
