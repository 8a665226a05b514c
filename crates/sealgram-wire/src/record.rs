//! Record headers of both versions, told apart by their first byte (RFC 9147 §4.1).
//!
//! ```text
//!  first byte      header                                              variant
//!  20..=24, 26, 27 typ version epoch sequence_number length            RecordHeader::Full
//!  25              typ version epoch sequence_number cid length        RecordHeader::Cid
//!  32..=63         001CSLEE [cid] sequence_number(8|16) [length]       RecordHeader::Unified
//!  else            not a record
//! ```
//!
//! Type 27 is here for 1.2, whose return routability checks have an ordinary header when they go to
//! a peer that wants no connection ID (RFC 9853 §7.2).

use core::ops::Range;

use sealgram_iana::{ContentType, ProtocolVersion};

use crate::{Malformed, Reader, RecordNumber};

/// The most plaintext in a record: 2^14 bytes (RFC 9147 §4, RFC 5246 §6.2.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// The most that a protected 1.2 record carries behind its header (RFC 5246 §6.2.3).
pub const MAX_CIPHERTEXT_12: usize = (1 << 14) + 2048;

/// The most that a protected 1.3 record carries behind its header (RFC 8446 §5.2).
pub const MAX_CIPHERTEXT_13: usize = (1 << 14) + 256;

/// The 13-byte header of plaintext records of both versions and of protected 1.2 records
/// (RFC 9147 §4, RFC 6347 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FullHeader {
    /// What the record carries.
    pub typ: ContentType,
    /// `legacy_record_version`; says nothing about the version that is spoken.
    pub version: ProtocolVersion,
    /// Epoch and sequence number.
    pub number: RecordNumber,
    /// How many bytes follow the header.
    pub len: u16,
}

impl FullHeader {
    /// The length of the header in bytes.
    pub const LEN: usize = 13;

    /// The header's bytes.
    #[must_use]
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let [v0, v1] = self.version.0.to_be_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.number.to_bytes();
        let [l0, l1] = self.len.to_be_bytes();
        [self.typ.0, v0, v1, n0, n1, n2, n3, n4, n5, n6, n7, l0, l1]
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let typ = ContentType(r.u8("ContentType")?);
        let version = ProtocolVersion(r.u16("legacy_record_version")?);
        let number = read_number(r)?;
        let len = r.u16("length")?;
        Ok(Self { typ, version, number, len })
    }
}

/// The header of a 1.2 record with a connection ID: type `tls12_cid` (RFC 9146 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CidHeader<'a> {
    /// The version field.
    pub version: ProtocolVersion,
    /// Epoch and sequence number.
    pub number: RecordNumber,
    /// The receiver's connection ID, at least one byte.
    pub cid: &'a [u8],
    /// How many bytes follow the header.
    pub len: u16,
}

impl<'a> CidHeader<'a> {
    /// The length of the header in bytes.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        FullHeader::LEN.saturating_add(self.cid.len())
    }

    /// Writes the header to the start of `out` and returns its length, or `None` if `out` is too
    /// short.
    #[must_use]
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let Self { version, number, cid, len } = *self;
        let fixed = FullHeader { typ: ContentType::TLS12_CID, version, number, len }.encode();
        // The length is the last field, behind the connection ID.
        let (head, tail) = fixed.split_last_chunk::<2>()?;
        let (head_out, rest) = out.split_at_mut_checked(head.len())?;
        let (cid_out, rest) = rest.split_at_mut_checked(cid.len())?;
        let tail_out = rest.first_chunk_mut()?;
        head_out.copy_from_slice(head);
        cid_out.copy_from_slice(cid);
        *tail_out = *tail;
        Some(self.header_len())
    }

    fn read(r: &mut Reader<'a>, cid_len: usize) -> Result<Self, Malformed> {
        r.u8("ContentType")?;
        let version = ProtocolVersion(r.u16("version")?);
        let number = read_number(r)?;
        let cid = read_cid(r, cid_len)?;
        let len = r.u16("length")?;
        Ok(Self { version, number, cid, len })
    }
}

/// The sequence number of a [`UnifiedHeader`]: the low bits of the record's.
///
/// On the wire it is masked (RFC 9147 §4.2.3); a header that was read holds what was on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShortSequence {
    /// The low 8 bits.
    U8(u8),
    /// The low 16 bits.
    U16(u16),
}

/// The header of a protected 1.3 record (RFC 9147 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnifiedHeader<'a> {
    /// The two low bits of the epoch: 0 to 3. Higher bits are not written.
    pub epoch_bits: u8,
    /// The receiver's connection ID, or empty for none.
    pub cid: &'a [u8],
    /// The sequence number's low bits.
    pub sequence: ShortSequence,
    /// How many bytes follow the header; `None` for all the rest of the datagram.
    pub len: Option<u16>,
}

impl<'a> UnifiedHeader<'a> {
    /// What the three high bits of the first byte are, and must be.
    const FIXED_BITS: u8 = 0b0010_0000;
    const CID_BIT: u8 = 0x10;
    const SEQUENCE_BIT: u8 = 0x08;
    const LENGTH_BIT: u8 = 0x04;
    const EPOCH_BITS: u8 = 0x03;

    /// Where in the header the sequence number is, to mask and unmask it in place.
    #[must_use]
    pub const fn sequence_range(&self) -> Range<usize> {
        let start = self.cid.len().saturating_add(1);
        let width = match self.sequence {
            ShortSequence::U8(_) => 1,
            ShortSequence::U16(_) => 2,
        };
        start..start.saturating_add(width)
    }

    /// The length of the header in bytes.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        let width = if self.len.is_some() { 2 } else { 0 };
        self.sequence_range().end.saturating_add(width)
    }

    /// Writes the header to the start of `out` and returns its length, or `None` if `out` is too
    /// short.
    #[must_use]
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let header_len = self.header_len();
        let range = self.sequence_range();
        let out = out.get_mut(..header_len)?;
        let mut first = Self::FIXED_BITS | (self.epoch_bits & Self::EPOCH_BITS);
        if !self.cid.is_empty() {
            first |= Self::CID_BIT;
        }
        if let Some(len) = self.len {
            first |= Self::LENGTH_BIT;
            *out.last_chunk_mut()? = len.to_be_bytes();
        }
        match self.sequence {
            ShortSequence::U8(sequence) => {
                out.get_mut(range.clone())?.copy_from_slice(&[sequence]);
            }
            ShortSequence::U16(sequence) => {
                first |= Self::SEQUENCE_BIT;
                out.get_mut(range.clone())?.copy_from_slice(&sequence.to_be_bytes());
            }
        }
        out.get_mut(1..range.start)?.copy_from_slice(self.cid);
        *out.first_mut()? = first;
        Some(header_len)
    }

    fn read(r: &mut Reader<'a>, cid_len: usize) -> Result<Self, Malformed> {
        let first = r.u8("unified_hdr")?;
        let cid = if first & Self::CID_BIT == 0 { &[] } else { read_cid(r, cid_len)? };
        let sequence = if first & Self::SEQUENCE_BIT == 0 {
            ShortSequence::U8(r.u8("sequence_number")?)
        } else {
            ShortSequence::U16(r.u16("sequence_number")?)
        };
        let len = if first & Self::LENGTH_BIT == 0 { None } else { Some(r.u16("length")?) };
        Ok(Self { epoch_bits: first & Self::EPOCH_BITS, cid, sequence, len })
    }
}

/// Any record's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordHeader<'a> {
    /// Plaintext of both versions, or protected 1.2.
    Full(FullHeader),
    /// Protected 1.2 with a connection ID.
    Cid(CidHeader<'a>),
    /// Protected 1.3.
    Unified(UnifiedHeader<'a>),
}

impl<'a> RecordHeader<'a> {
    /// Reads the header at the start of `bytes` and returns it with its length.
    ///
    /// `cid_len` is the length of the connection IDs that this receiver handed out, which the wire
    /// does not tell, or 0 if there are none; then a record with a connection ID is refused
    /// (RFC 9147 §9). Whether the payload is all there is not looked at.
    pub fn read(bytes: &'a [u8], cid_len: usize) -> Result<(Self, usize), Malformed> {
        let mut r = Reader::new(bytes);
        let header = match bytes.first() {
            Some(20..=24 | 26 | 27) => Self::Full(FullHeader::read(&mut r)?),
            Some(25) => Self::Cid(CidHeader::read(&mut r, cid_len)?),
            Some(32..=63) => Self::Unified(UnifiedHeader::read(&mut r, cid_len)?),
            Some(_) => return Err(Malformed::OutOfRange("ContentType")),
            None => return Err(Malformed::Truncated("ContentType")),
        };
        Ok((header, header.header_len()))
    }

    /// The length of the header in bytes.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        match self {
            Self::Full(_) => FullHeader::LEN,
            Self::Cid(header) => header.header_len(),
            Self::Unified(header) => header.header_len(),
        }
    }

    /// How many bytes follow the header; `None` for all the rest of the datagram.
    #[must_use]
    pub const fn payload_len(&self) -> Option<u16> {
        match self {
            Self::Full(header) => Some(header.len),
            Self::Cid(header) => Some(header.len),
            Self::Unified(header) => header.len,
        }
    }

    /// The connection ID, or empty for none.
    #[must_use]
    pub const fn cid(&self) -> &'a [u8] {
        match self {
            Self::Full(_) => &[],
            Self::Cid(header) => header.cid,
            Self::Unified(header) => header.cid,
        }
    }
}

fn read_number(r: &mut Reader<'_>) -> Result<RecordNumber, Malformed> {
    let epoch = r.u16("epoch")?;
    let sequence = r.u48("sequence_number")?;
    RecordNumber::new(epoch, sequence).ok_or(Malformed::OutOfRange("sequence_number"))
}

fn read_cid<'a>(r: &mut Reader<'a>, cid_len: usize) -> Result<&'a [u8], Malformed> {
    if cid_len == 0 {
        return Err(Malformed::OutOfRange("cid"));
    }
    r.take(cid_len, "cid")
}

#[cfg(test)]
mod tests;
