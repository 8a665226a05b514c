//! Hostile datagrams: noise, and genuine ones that were tampered with.

use core::ops::Range;

use sealgram::iana::{ContentType, HandshakeType};
use sealgram_testkit::Rng;

/// Datagrams that an attacker has seen, of this handshake and of others.
pub(crate) struct Corpus(pub(crate) Vec<Vec<u8>>);

/// The fields of a record header, as ranges of its 13 bytes.
pub(crate) const RECORD_FIELDS: [Range<usize>; 5] = [0..1, 1..3, 3..5, 5..11, 11..13];
/// The fields of a fragment header, as ranges of its 12 bytes.
pub(crate) const FRAGMENT_FIELDS: [Range<usize>; 5] = [0..1, 1..4, 4..6, 6..9, 9..12];

/// Where the records of a genuine datagram are.
pub(crate) fn record_ranges(datagram: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(rest) = datagram.get(at..).filter(|rest| !rest.is_empty()) {
        // A unified header that this library writes has five bytes, the last two its length.
        let (header, len) =
            if rest[0] & 0xe0 == 0x20 { (5, rest.get(3..5)) } else { (13, rest.get(11..13)) };
        let Some(len) = len else { break };
        let end = at + header + usize::from(u16::from_be_bytes([len[0], len[1]]));
        if end > datagram.len() {
            break;
        }
        ranges.push(at..end);
        at = end;
    }
    ranges
}

fn put(rng: &mut Rng, field: &mut [u8]) {
    match rng.range(0..4) {
        0 => field.fill(0),
        1 => field.fill(0xff),
        2 => {
            // One more or one less, where borders are.
            let last = field.len() - 1;
            field[last] = field[last].wrapping_add(*rng.pick(&[1, 0xff]));
        }
        _ => field.fill_with(|| rng.byte()),
    }
}

/// A record with this header and this payload.
pub(crate) fn record(typ: u8, epoch: u16, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("short");
    let mut record = vec![typ, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend(&sequence.to_be_bytes()[2..]);
    record.extend(len.to_be_bytes());
    record.extend(payload);
    record
}

/// A handshake fragment.
pub(crate) fn fragment(typ: u8, seq: u16, len: u32, offset: u32, body: &[u8]) -> Vec<u8> {
    let body_len = u32::try_from(body.len()).expect("short");
    let mut fragment = vec![typ];
    fragment.extend(&len.to_be_bytes()[1..]);
    fragment.extend(seq.to_be_bytes());
    fragment.extend(&offset.to_be_bytes()[1..]);
    fragment.extend(&body_len.to_be_bytes()[1..]);
    fragment.extend(body);
    fragment
}

const HANDSHAKE_TYPES: [HandshakeType; 9] = [
    HandshakeType::HELLO_REQUEST,
    HandshakeType::CLIENT_HELLO,
    HandshakeType::SERVER_HELLO,
    HandshakeType::HELLO_VERIFY_REQUEST,
    HandshakeType::CERTIFICATE,
    HandshakeType::SERVER_KEY_EXCHANGE,
    HandshakeType::CERTIFICATE_REQUEST,
    HandshakeType::CLIENT_KEY_EXCHANGE,
    HandshakeType::FINISHED,
];

/// One hostile datagram.
pub(crate) fn hostile(rng: &mut Rng, corpus: &Corpus) -> Vec<u8> {
    let mut datagram = rng.pick(&corpus.0).clone();
    match rng.range(0..14) {
        // Noise, half of it with the first byte of a record.
        0 => {
            let len = rng.range(0..200);
            datagram = rng.bytes(len);
            if rng.chance(50) && !datagram.is_empty() {
                let first = rng.range(20..64);
                datagram[0] = u8::try_from(first).expect("small");
            }
        }
        1 => {
            let len = rng.range(0..datagram.len());
            datagram.truncate(len);
        }
        2 => {
            let at = rng.range(0..datagram.len());
            datagram[at] ^= 1 << rng.range(0..8);
        }
        // A field of a record header, or of the fragment header behind it.
        3 | 4 => tamper(rng, &mut datagram, &RECORD_FIELDS, 0),
        5 | 6 => tamper(rng, &mut datagram, &FRAGMENT_FIELDS, 13),
        // As it is: a replay, or a datagram of another handshake or of the other direction.
        7 => {}
        8 => datagram.extend(rng.pick(&corpus.0).iter()),
        // A part: one record, or whatever is in front of or behind a cut.
        9 => {
            let range = match record_ranges(&datagram) {
                ranges if rng.chance(60) && !ranges.is_empty() => rng.pick(&ranges).clone(),
                _ => rng.range(0..datagram.len())..datagram.len(),
            };
            datagram = datagram[range].to_vec();
        }
        // A well-framed record of any kind.
        10 => {
            let typ = 19 + u8::try_from(rng.range(0..10)).expect("small");
            let epoch = u16::try_from(rng.range(0..4)).expect("small");
            let len = rng.range(0..100);
            let payload = rng.bytes(len);
            let sequence = *rng.pick(&[0, 1, 7, (1 << 48) - 1]);
            datagram = record(typ, epoch, sequence, &payload);
        }
        11 => {
            let payload = [*rng.pick(&[1, 2, rng.clone().byte()]), rng.byte()];
            datagram = record(ContentType::ALERT.0, 0, rng.next_u64() >> 16, &payload);
        }
        12 => {
            let len = rng.range(0..80);
            let body = rng.bytes(len);
            let total = u32::try_from(len + rng.range(0..3) * 500).expect("short");
            let typ = rng.pick(&HANDSHAKE_TYPES).0;
            let seq = u16::try_from(rng.range(0..12)).expect("small");
            let payload = fragment(typ, seq, total, 0, &body);
            datagram = record(ContentType::HANDSHAKE.0, 0, rng.next_u64() >> 16, &payload);
        }
        _ => {
            let len = rng.range(0..60);
            datagram = rng.bytes(1 + len);
            datagram[0] = 0x20 | datagram[0] & 0x1f;
        }
    }
    datagram
}

/// Overwrites one field `behind` bytes after the start of one record.
fn tamper(rng: &mut Rng, datagram: &mut [u8], fields: &[Range<usize>], behind: usize) {
    let ranges = record_ranges(datagram);
    let Some(start) = ranges.get(rng.range(0..ranges.len().max(1))).map(|r| r.start + behind)
    else {
        return;
    };
    let field = rng.pick(fields).clone();
    if let Some(field) = datagram.get_mut(start + field.start..start + field.end) {
        put(rng, field);
    }
}
