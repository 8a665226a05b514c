//! Finds a ClientHello at the start of a datagram.

use sealgram_iana::{ContentType, HandshakeType};
use sealgram_wire::{Fragment, FullHeader, MessageSeq, Reader, RecordHeader, RecordNumber};

/// What a datagram begins with.
pub(super) enum Seen<'a> {
    /// A whole ClientHello.
    Hello { seq: MessageSeq, record: RecordNumber, body: &'a [u8], rest: &'a [u8] },
    /// A fragment of one.
    Part(Part<'a>),
    /// Something else.
    Other,
}

/// A fragment of a ClientHello, not the whole of it.
pub(super) struct Part<'a> {
    pub(super) fragment: Fragment<'a>,
    pub(super) record: RecordNumber,
    /// What follows its record in its datagram.
    pub(super) rest: &'a [u8],
}

/// Looks at the first record, and at the first fragment in it.
pub(super) fn see(datagram: &[u8]) -> Seen<'_> {
    read(datagram).unwrap_or(Seen::Other)
}

fn read(datagram: &[u8]) -> Option<Seen<'_>> {
    let Ok((RecordHeader::Full(header), len)) = RecordHeader::read(datagram, 0) else {
        return None;
    };
    let FullHeader { typ, version, number, len: payload_len } = header;
    // Any minor version: a hello may say 1.0, and what it offers is in its body.
    if typ != ContentType::HANDSHAKE || number.epoch() != 0 || version.0 >> 8 != 0xfe {
        return None;
    }
    let (payload, rest) = datagram.get(len..)?.split_at_checked(usize::from(payload_len))?;
    let mut reader = Reader::new(payload);
    let fragment = Fragment::read(&mut reader).ok()?;
    // A hello's record holds nothing else.
    if fragment.typ != HandshakeType::CLIENT_HELLO || !reader.is_empty() {
        return None;
    }
    Some(if fragment.is_whole() {
        Seen::Hello { seq: fragment.seq, record: number, body: fragment.body, rest }
    } else {
        Seen::Part(Part { fragment, record: number, rest })
    })
}
