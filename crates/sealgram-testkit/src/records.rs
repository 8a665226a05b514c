//! What an observer of the link sees in a datagram.

use sealgram::iana::{ContentType, HandshakeType};
use sealgram_wire::{Fragment, FullHeader, MessageSeq, Reader, RecordHeader, RecordNumber};

/// A record with a 13-byte header: plaintext of both versions, or protected 1.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it carries.
    pub typ: ContentType,
    /// Epoch and sequence number.
    pub number: RecordNumber,
    /// What follows the header.
    pub payload: Vec<u8>,
}

/// One handshake fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenFragment {
    /// The type of the message.
    pub typ: HandshakeType,
    /// The number of the message.
    pub seq: MessageSeq,
    /// The length of the whole message.
    pub message_len: u32,
    /// Where in the message the fragment starts.
    pub offset: u32,
    /// The fragment's part of the message.
    pub body: Vec<u8>,
}

/// The records of a datagram that consists of nothing but whole records with 13-byte headers.
///
/// # Panics
///
/// If it does not.
#[must_use]
pub fn records(datagram: &[u8]) -> Vec<Record> {
    let mut rest = datagram;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let Ok((RecordHeader::Full(FullHeader { typ, number, len, .. }), header_len)) =
            RecordHeader::read(rest, 0)
        else {
            panic!("not a record: {rest:02x?}");
        };
        let (payload, tail) = rest[header_len..].split_at(usize::from(len));
        records.push(Record { typ, number, payload: payload.to_vec() });
        rest = tail;
    }
    records
}

impl Record {
    /// The fragments of a handshake record, decrypted with [`null_plaintext`] if need be; none for
    /// a record of another type.
    ///
    /// # Panics
    ///
    /// If they are malformed.
    #[must_use]
    pub fn fragments(&self) -> Vec<SeenFragment> {
        if self.typ != ContentType::HANDSHAKE {
            return Vec::new();
        }
        let plaintext = match self.number.epoch() {
            0 => self.payload.clone(),
            _ => null_plaintext(&self.payload, HandshakeType::FINISHED.0),
        };
        let mut reader = Reader::new(&plaintext);
        let mut fragments = Vec::new();
        while !reader.is_empty() {
            let Fragment { typ, seq, message_len, offset, body } =
                Fragment::read(&mut reader).expect("a fragment");
            fragments.push(SeenFragment { typ, seq, message_len, offset, body: body.to_vec() });
        }
        fragments
    }
}

/// The plaintext of a 1.2 record that nullcrypto sealed with a GCM suite (eight bytes of nonce in
/// front, sixteen of tag behind), given the plaintext's first byte: its keystream is that one
/// byte, again and again.
#[must_use]
pub fn null_plaintext(payload: &[u8], first: u8) -> Vec<u8> {
    let sealed = &payload[8..payload.len() - 16];
    let key = sealed.first().map_or(0, |byte| byte ^ first);
    sealed.iter().map(|byte| byte ^ key).collect()
}
