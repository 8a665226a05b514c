//! Handshake framing: fragments on the wire, whole messages above them.

use alloc::vec::Vec;

use sealgram_iana::HandshakeType;

use crate::{Malformed, MessageSeq, Phase, Reader};

/// One handshake fragment, checked to lie inside its message.
///
/// Invariant: `offset + body.len() <= message_len < 2^24`, so reassembly never re-checks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment<'a> {
    /// The type of the message.
    pub typ: HandshakeType,
    /// The number of the message.
    pub seq: MessageSeq,
    /// The length of the whole message's body in bytes.
    pub message_len: u32,
    /// Where in the body this fragment starts.
    pub offset: u32,
    /// This fragment's part of the body.
    pub body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Length of the header in front of each fragment's body (RFC 9147 §5.2).
    pub const HEADER_LEN: usize = 12;

    /// Reads the 12-byte header and the fragment's body (RFC 9147 §5.2).
    pub fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let typ = HandshakeType(r.u8("Handshake.msg_type")?);
        let message_len = r.u24("Handshake.length")?;
        let seq = MessageSeq(r.u16("Handshake.message_seq")?);
        let offset = r.u24("Handshake.fragment_offset")?;
        let len = r.u24("Handshake.fragment_length")?;
        // Both operands are below 2^24: the sum does not saturate.
        if offset.saturating_add(len) > message_len {
            return Err(Malformed::FragmentOutOfBounds);
        }
        let len = usize::try_from(len).map_err(|_| Malformed::OutOfRange("fragment_length"))?;
        let body = r.take(len, "Handshake.body")?;
        Ok(Self { typ, seq, message_len, offset, body })
    }

    /// Whether the fragment is its whole message.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        u32::try_from(self.body.len()) == Ok(self.message_len)
    }

    /// The header in front of the `len` bytes at `offset` of a message with `message_len` bytes.
    #[must_use]
    pub fn header(
        typ: HandshakeType,
        seq: MessageSeq,
        message_len: u32,
        offset: u32,
        len: u32,
    ) -> [u8; 12] {
        let [_, l0, l1, l2] = message_len.to_be_bytes();
        let [s0, s1] = seq.0.to_be_bytes();
        let [_, o0, o1, o2] = offset.to_be_bytes();
        let [_, f0, f1, f2] = len.to_be_bytes();
        [typ.0, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2]
    }
}

/// A whole handshake message with the facts that travel with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// The type.
    pub typ: HandshakeType,
    /// The number. 1.2 hashes it into the transcript (RFC 6347 §4.2.6).
    pub seq: MessageSeq,
    /// Which keys protected every one of its fragments.
    pub phase: Phase,
    /// The body, without any header; below 2^24 bytes.
    pub body: &'a [u8],
}

/// A [`Message`] that owns its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedMessage {
    /// The type.
    pub typ: HandshakeType,
    /// The number.
    pub seq: MessageSeq,
    /// Which keys protected every one of its fragments.
    pub phase: Phase,
    /// The body, without any header; below 2^24 bytes.
    pub body: Vec<u8>,
}

impl OwnedMessage {
    /// The message as a view.
    #[must_use]
    pub fn as_message(&self) -> Message<'_> {
        Message { typ: self.typ, seq: self.seq, phase: self.phase, body: &self.body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragment_header_round_trips() {
        let mut bytes =
            Vec::from(Fragment::header(HandshakeType::FINISHED, MessageSeq(7), 12, 4, 3));
        bytes.extend_from_slice(b"abc");
        let fragment = Fragment::read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!((fragment.seq, fragment.offset, fragment.body), (MessageSeq(7), 4, &b"abc"[..]));
        assert!(!fragment.is_whole());
    }

    #[test]
    fn fragment_beyond_its_message_is_refused() {
        let mut bytes =
            Vec::from(Fragment::header(HandshakeType::FINISHED, MessageSeq(0), 12, 10, 3));
        bytes.extend_from_slice(b"abc");
        assert_eq!(Fragment::read(&mut Reader::new(&bytes)), Err(Malformed::FragmentOutOfBounds));
    }
}
