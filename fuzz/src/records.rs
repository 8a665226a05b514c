//! Datagrams in plaintext: record headers, handshake fragments, alerts and ACKs.
//!
//! Input: length of connection IDs, then a datagram.

use sealgram_iana::ContentType;
use sealgram_wire::{Ack, Alert, Fragment, Reader, RecordHeader, ShortSequence};

use crate::input::Input;
use crate::wire::canonical;

/// Walks through a datagram.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cid_len = usize::from(input.u8());
    let mut rest = input.rest();
    while let Ok((header, len)) = RecordHeader::read(rest, cid_len) {
        assert_eq!(len, header.header_len());
        let (head, tail) = rest.split_at(len);
        let mut out = [0; 512];
        let written = match &header {
            RecordHeader::Full(full) => {
                out[..13].copy_from_slice(&full.encode());
                13
            }
            RecordHeader::Cid(cid) => {
                assert_eq!(cid.encode(&mut out[..len - 1]), None);
                cid.encode(&mut out).expect("room")
            }
            RecordHeader::Unified(unified) => {
                let sequence = &head[unified.sequence_range()];
                match unified.sequence {
                    ShortSequence::U8(n) => assert_eq!(sequence, [n]),
                    ShortSequence::U16(n) => assert_eq!(sequence, n.to_be_bytes()),
                }
                assert_eq!(unified.encode(&mut out[..len - 1]), None);
                unified.encode(&mut out).expect("room")
            }
        };
        assert_eq!(&out[..written], head);
        if !header.cid().is_empty() {
            assert_eq!(header.cid().len(), cid_len);
        }
        let payload_len = header.payload_len().map_or(tail.len(), usize::from);
        let (payload, tail) = tail.split_at(payload_len.min(tail.len()));
        let typ = match &header {
            RecordHeader::Full(full) => full.typ,
            // The type is inside.
            _ => payload.first().map_or(ContentType::HANDSHAKE, |byte| ContentType(*byte)),
        };
        content(typ, payload);
        rest = tail;
    }
}

fn content(typ: ContentType, payload: &[u8]) {
    match typ {
        ContentType::ALERT => canonical(payload, Alert::read, Alert::encode),
        ContentType::ACK => {
            canonical(payload, Ack::read, Ack::encode);
            if let Ok(ack) = Ack::read(payload) {
                assert_eq!(payload.len(), Ack::encoded_len(ack.record_numbers.len()));
                assert!(ack.iter().all(|number| number.sequence() < 1 << 48));
            }
        }
        _ => fragments(payload),
    }
}

fn fragments(payload: &[u8]) {
    let mut reader = Reader::new(payload);
    let mut at = 0;
    while let Ok(fragment) = Fragment::read(&mut reader) {
        let Fragment { typ, seq, message_len, offset, body } = fragment;
        let len = u32::try_from(body.len()).expect("below 2^24");
        assert!(offset + len <= message_len && message_len < 1 << 24);
        assert_eq!(fragment.is_whole(), len == message_len);
        let header = Fragment::header(typ, seq, message_len, offset, len);
        let end = payload.len() - reader.remaining();
        assert_eq!([&header[..], body].concat(), payload[at..end]);
        at = end;
        if reader.is_empty() {
            break;
        }
    }
}
