//! Reading and writing: a bounds-checked cursor, and an encoder with back-patched lengths.

use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use sealgram_iana::{AlertDescription, ExtensionType};

/// Why bytes are not what they should be. Each names the field, in the RFC's spelling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Malformed {
    /// The input ended inside this field.
    Truncated(&'static str),
    /// Bytes are left over after the end of this structure.
    TrailingBytes(&'static str),
    /// A length or value outside of what the field allows.
    OutOfRange(&'static str),
    /// An extension appears twice (RFC 8446 §4.2).
    DuplicateExtension(ExtensionType),
    /// An extension is where it must not be: in a message that has no form for it, or behind
    /// `pre_shared_key` (RFC 8446 §4.2, §4.2.11).
    MisplacedExtension(ExtensionType),
    /// A value that can be read, and that the field's RFC forbids or another field contradicts.
    IllegalValue(&'static str),
    /// A fragment reaches beyond the end of its message (RFC 9147 §5.2).
    FragmentOutOfBounds,
}

impl Malformed {
    /// The alert that a peer which sent such a handshake message is owed: `decode_error` for what
    /// cannot be read, `illegal_parameter` for what can and is forbidden (RFC 8446 §6.2).
    #[must_use]
    pub const fn alert(self) -> AlertDescription {
        match self {
            Self::Truncated(_) | Self::TrailingBytes(_) | Self::OutOfRange(_) => {
                AlertDescription::DECODE_ERROR
            }
            Self::DuplicateExtension(_)
            | Self::MisplacedExtension(_)
            | Self::IllegalValue(_)
            | Self::FragmentOutOfBounds => AlertDescription::ILLEGAL_PARAMETER,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(field) => write!(f, "the input ends inside {field}"),
            Self::TrailingBytes(field) => write!(f, "bytes are left over after {field}"),
            Self::OutOfRange(field) => write!(f, "{field} is outside of its range"),
            Self::DuplicateExtension(typ) => write!(f, "the extension {typ} appears twice"),
            Self::MisplacedExtension(typ) => write!(f, "the extension {typ} must not be here"),
            Self::IllegalValue(field) => write!(f, "{field} has a value that it must not have"),
            Self::FragmentOutOfBounds => f.write_str("a fragment reaches beyond its message"),
        }
    }
}

impl core::error::Error for Malformed {}

/// Gives `bytes` back if their length is one of `lengths`.
pub(crate) fn bounded<'a>(
    bytes: &'a [u8],
    lengths: RangeInclusive<usize>,
    field: &'static str,
) -> Result<&'a [u8], Malformed> {
    if lengths.contains(&bytes.len()) { Ok(bytes) } else { Err(Malformed::OutOfRange(field)) }
}

/// Gives `bytes` back unless there are none.
pub(crate) const fn non_empty<'a>(
    bytes: &'a [u8],
    field: &'static str,
) -> Result<&'a [u8], Malformed> {
    if bytes.is_empty() { Err(Malformed::OutOfRange(field)) } else { Ok(bytes) }
}

/// A cursor over received bytes. Every read is bounds-checked and names its field.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes the next `len` bytes.
    pub fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Truncated(field))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads one byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        let [value] = self.array(field)?;
        Ok(value)
    }

    /// Reads two bytes, big-endian.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// Reads three bytes, big-endian.
    pub fn u24(&mut self, field: &'static str) -> Result<u32, Malformed> {
        let [a, b, c] = self.array(field)?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Reads four bytes, big-endian.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// Reads six bytes, big-endian.
    pub fn u48(&mut self, field: &'static str) -> Result<u64, Malformed> {
        let [a, b, c, d, e, g] = self.array(field)?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, g]))
    }

    /// Reads eight bytes, big-endian.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// Reads a vector with a one-byte length (`opaque x<0..2^8-1>`).
    pub fn vec8(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let len = usize::from(self.u8(field)?);
        self.take(len, field)
    }

    /// Reads a vector with a two-byte length (`opaque x<0..2^16-1>`).
    pub fn vec16(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let len = usize::from(self.u16(field)?);
        self.take(len, field)
    }

    /// Reads a vector with a three-byte length (`opaque x<0..2^24-1>`).
    pub fn vec24(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.u24(field)?;
        let len = usize::try_from(len).map_err(|_| Malformed::OutOfRange(field))?;
        self.take(len, field)
    }

    /// Takes all that is left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading of `structure`: an error if bytes are left.
    pub const fn finish(self, structure: &'static str) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::TrailingBytes(structure)) }
    }
}

/// The size of a length prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefix {
    /// One byte: up to 255 bytes.
    U8,
    /// Two bytes: up to 65,535 bytes.
    U16,
    /// Three bytes: up to 16,777,215 bytes.
    U24,
}

/// Builds a message. Lengths are written when the vector they belong to is complete.
///
/// What the caller gives must fit its length prefix. Contents that come from a configuration are
/// checked when it is built, contents from the peer when they are parsed, so nothing that reaches
/// an encoder is too long; if it were all the same, it would be cut at the prefix's maximum,
/// which the peer refuses, rather than corrupt the structure around it.
#[derive(Default, Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub const fn new() -> Self {
        Self { out: Vec::new() }
    }

    /// An empty writer with room for `capacity` bytes: a secret that is written must not leave
    /// copies behind when the buffer grows.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    /// What was written.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.out
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes one byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Writes two bytes, big-endian.
    pub fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes the low three bytes, big-endian.
    pub fn u24(&mut self, value: u32) {
        let [_, low @ ..] = value.to_be_bytes();
        self.out.extend_from_slice(&low);
    }

    /// Writes four bytes, big-endian.
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes eight bytes, big-endian.
    pub fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a vector: a length prefix, then what `content` writes.
    pub fn vec(&mut self, prefix: Prefix, content: impl FnOnce(&mut Self)) {
        let (width, max) = match prefix {
            Prefix::U8 => (1, 0xff),
            Prefix::U16 => (2, 0xffff),
            Prefix::U24 => (3, 0xff_ffff),
        };
        let start = self.out.len();
        self.out.resize(start.saturating_add(width), 0);
        let body = self.out.len();
        content(self);
        self.out.truncate(body.saturating_add(max));
        let len = self.out.len().saturating_sub(body);
        let bytes = len.to_be_bytes();
        if let (Some(gap), Some(low)) =
            (self.out.get_mut(start..body), bytes.get(bytes.len().saturating_sub(width)..))
        {
            gap.copy_from_slice(low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_names_the_field_that_is_cut() {
        let mut reader = Reader::new(&[0, 5, 1, 2]);
        assert_eq!(reader.vec16("cookie"), Err(Malformed::Truncated("cookie")));
    }

    #[test]
    fn malformed_owes_decode_error_unless_it_could_be_read() {
        let psk = ExtensionType::PRE_SHARED_KEY;
        for unread in
            [Malformed::Truncated("x"), Malformed::TrailingBytes("x"), Malformed::OutOfRange("x")]
        {
            assert_eq!(unread.alert(), AlertDescription::DECODE_ERROR);
        }
        for forbidden in [
            Malformed::DuplicateExtension(psk),
            Malformed::MisplacedExtension(psk),
            Malformed::IllegalValue("x"),
            Malformed::FragmentOutOfBounds,
        ] {
            assert_eq!(forbidden.alert(), AlertDescription::ILLEGAL_PARAMETER);
        }
    }

    #[test]
    fn writer_patches_nested_lengths() {
        let mut writer = Writer::new();
        writer.vec(Prefix::U16, |w| {
            w.u8(7);
            w.vec(Prefix::U24, |w| w.bytes(b"abc"));
        });
        assert_eq!(writer.into_vec(), [0, 7, 7, 0, 0, 3, b'a', b'b', b'c']);
    }

    #[test]
    fn writer_cuts_what_its_prefix_cannot_say() {
        let mut writer = Writer::new();
        writer.vec(Prefix::U8, |w| w.bytes(&[1; 300]));
        let out = writer.into_vec();
        assert_eq!((out.len(), out[0]), (256, 255));
    }
}
