use proptest::prelude::*;

use super::*;
use crate::laws::{assert_nothing_else_reads, bytes, hex};
use std::vec::Vec;

fn number() -> impl Strategy<Value = RecordNumber> {
    (any::<u16>(), 0..=RecordNumber::MAX_SEQUENCE)
        .prop_map(|(epoch, sequence)| RecordNumber::new(epoch, sequence).unwrap())
}

fn unified() -> impl Strategy<Value = UnifiedHeader<'static>> {
    let sequence = prop_oneof![
        any::<u8>().prop_map(ShortSequence::U8),
        any::<u16>().prop_map(ShortSequence::U16),
    ];
    (0_u8..4, bytes(0..21), sequence, any::<Option<u16>>()).prop_map(
        |(epoch_bits, cid, sequence, len)| UnifiedHeader { epoch_bits, cid, sequence, len },
    )
}

/// The header with something behind it is read as itself, and no part of it is.
fn assert_header(expected: RecordHeader<'_>, encoded: &[u8]) {
    let cid_len = expected.cid().len();
    let mut record = encoded.to_vec();
    record.extend_from_slice(b"payload");
    assert_eq!(RecordHeader::read(&record, cid_len), Ok((expected, encoded.len())));
    assert_nothing_else_reads(encoded, &[], |bytes| {
        RecordHeader::read(bytes, cid_len).is_ok_and(|(_, len)| len == bytes.len())
    });
}

proptest! {
    #[test]
    fn full_header_obeys_the_laws(
        typ in prop_oneof![20_u8..25, 26_u8..28],
        version in any::<u16>(),
        number in number(),
        len in any::<u16>(),
    ) {
        let version = ProtocolVersion(version);
        let header = FullHeader { typ: ContentType(typ), version, number, len };
        assert_header(RecordHeader::Full(header), &header.encode());
    }

    #[test]
    fn cid_header_obeys_the_laws(
        version in any::<u16>(),
        number in number(),
        cid in bytes(1..21),
        len in any::<u16>(),
    ) {
        let header = CidHeader { version: ProtocolVersion(version), number, cid, len };
        let mut out = [0; 64];
        let header_len = header.encode(&mut out).unwrap();
        assert_header(RecordHeader::Cid(header), &out[..header_len]);
        prop_assert_eq!(header.encode(&mut out[..header_len - 1]), None);
    }

    #[test]
    fn unified_header_obeys_the_laws(header in unified()) {
        let mut out = [0; 64];
        let header_len = header.encode(&mut out).unwrap();
        assert_header(RecordHeader::Unified(header), &out[..header_len]);
        prop_assert_eq!(header.encode(&mut out[..header_len - 1]), None);
    }
}

#[test]
fn first_byte_decides() {
    for first in 0..=255_u8 {
        let record = [first; 40];
        let read = RecordHeader::read(&record, 2).map(|(header, _)| header);
        match first {
            20..=24 | 26 | 27 => assert!(matches!(read, Ok(RecordHeader::Full(_))), "{first}"),
            25 => assert!(matches!(read, Ok(RecordHeader::Cid(_)))),
            32..=63 => assert!(matches!(read, Ok(RecordHeader::Unified(_))), "{first}"),
            _ => assert_eq!(read, Err(Malformed::OutOfRange("ContentType")), "{first}"),
        }
    }
    assert!(RecordHeader::read(&[], 0).is_err());
}

/// RFC 9147 §4, Figure 4: the full and the minimal variant, with epoch 3.
#[test]
fn unified_header_has_the_layout_of_its_rfc() {
    let full = UnifiedHeader {
        epoch_bits: 3,
        cid: &[0xaa, 0xbb],
        sequence: ShortSequence::U16(0x0102),
        len: Some(0x0304),
    };
    let mut out = [0; 16];
    let len = full.encode(&mut out).unwrap();
    assert_eq!(out[..len], hex("3f aabb 0102 0304"));
    assert_eq!(full.sequence_range(), 3..5);

    let minimal =
        UnifiedHeader { epoch_bits: 3, cid: &[], sequence: ShortSequence::U8(9), len: None };
    let len = minimal.encode(&mut out).unwrap();
    assert_eq!(out[..len], hex("23 09"));
    assert_eq!(minimal.sequence_range(), 1..2);
    assert_eq!(RecordHeader::Unified(minimal).payload_len(), None);
}

/// RFC 9146 §4: the connection ID is between the sequence number and the length.
#[test]
fn cid_header_has_the_layout_of_its_rfc() {
    let header = CidHeader {
        version: ProtocolVersion::DTLS_1_2,
        number: RecordNumber::new(1, 2).unwrap(),
        cid: &[0xaa, 0xbb],
        len: 5,
    };
    let mut out = [0; 16];
    let len = header.encode(&mut out).unwrap();
    assert_eq!(out[..len], hex("19 fefd 0001 000000000002 aabb 0005"));
}

#[test]
fn full_header_has_the_layout_of_its_rfc() {
    let header = FullHeader {
        typ: ContentType::HANDSHAKE,
        version: ProtocolVersion::DTLS_1_2,
        number: RecordNumber::new(1, 2).unwrap(),
        len: 5,
    };
    assert_eq!(Vec::from(header.encode()), hex("16 fefd 0001 000000000002 0005"));
}

#[test]
fn cid_that_was_never_handed_out_is_refused() {
    assert_eq!(RecordHeader::read(&[0x30; 40], 0), Err(Malformed::OutOfRange("cid")));
    assert_eq!(RecordHeader::read(&[25; 40], 0), Err(Malformed::OutOfRange("cid")));
    // A peer may leave the connection ID out, and the header says so.
    let (header, len) = RecordHeader::read(&[0x20; 40], 8).unwrap();
    assert_eq!((header.cid(), len), (&[][..], 2));
}
