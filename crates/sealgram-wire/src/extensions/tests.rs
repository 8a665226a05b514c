use std::vec::Vec;

use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::laws::{assert_nothing_else_reads, bytes, list, values};
use crate::{DistinguishedName, ProtocolName, PskBinderEntry};

fn share() -> impl Strategy<Value = KeyShareEntry<'static>> {
    (any::<u16>(), bytes(1..70))
        .prop_map(|(group, key_exchange)| KeyShareEntry { group: NamedGroup(group), key_exchange })
}

fn offered_psks() -> impl Strategy<Value = OfferedPsks<'static>> {
    let identity = (bytes(1..40), any::<u32>())
        .prop_map(|(identity, age)| PskIdentity { identity, obfuscated_ticket_age: age });
    let binder = bytes(32..49).prop_map(PskBinderEntry);
    proptest::collection::vec((identity, binder), 1..3).prop_map(|psks| {
        let (identities, binders): (Vec<_>, Vec<_>) = psks.into_iter().unzip();
        OfferedPsks {
            identities: List::from_slice(identities.leak()),
            binders: List::from_slice(binders.leak()),
        }
    })
}

pub(crate) fn client_extensions() -> impl Strategy<Value = ClientExtensions<'static>> {
    let names = (
        of(bytes(1..20)),
        of(1_u8..5),
        of(values(1..4)),
        of(bytes(1..3)),
        of(values(1..4)),
        of(values(1..4)),
        of((values(1..3), bytes(0..4)).prop_map(|(profiles, mki)| UseSrtp { profiles, mki })),
        of(list(bytes(1..9).prop_map(ProtocolName), 1..4)),
    );
    let flags = any::<[bool; 4]>();
    let versions = (
        of(values(1..3)),
        of(values(1..3)),
        of(64_u16..),
        of(bytes(0..20)),
        of(values(1..4)),
        of(bytes(1..20)),
        of(values(1..3)),
        of(list(bytes(1..9).prop_map(DistinguishedName), 1..3)),
        of(list(share(), 0..3)),
    );
    let rest = (of(bytes(0..9)), any::<bool>(), of(bytes(0..13)), of(offered_psks()));
    (names, flags, versions, rest).prop_map(|(n, f, v, r)| ClientExtensions {
        server_name: n.0,
        max_fragment_length: n.1,
        supported_groups: n.2,
        ec_point_formats: n.3,
        signature_algorithms: n.4,
        signature_algorithms_cert: n.5,
        use_srtp: n.6,
        alpn: n.7,
        client_certificate_type: v.0,
        server_certificate_type: v.1,
        extended_master_secret: f[0],
        record_size_limit: v.2,
        session_ticket: v.3,
        early_data: f[1],
        supported_versions: v.4,
        cookie: v.5,
        psk_key_exchange_modes: v.6,
        certificate_authorities: v.7,
        post_handshake_auth: f[2],
        key_share: v.8,
        connection_id: r.0,
        rrc: f[3],
        renegotiation_info: r.2,
        pre_shared_key: r.3,
    })
}

pub(crate) fn server_extensions(
    message: ServerMessage,
) -> impl Strategy<Value = ServerExtensions<'static>> {
    let srtp = (any::<u16>(), bytes(0..4))
        .prop_map(|(profile, mki)| SelectedSrtp { profile: profile.into(), mki });
    let common = (
        of(1_u8..5),
        of(values(1..4)),
        of(bytes(1..3)),
        of(srtp),
        of(bytes(1..9)),
        of(any::<u8>().prop_map(Into::into)),
        of(any::<u8>().prop_map(Into::into)),
        of(64_u16..),
        of(bytes(1..20)),
        of(bytes(0..9)),
        of(bytes(0..25)),
    );
    let hello = (
        of(any::<u16>().prop_map(ProtocolVersion)),
        of(share()),
        of(any::<u16>().prop_map(NamedGroup)),
        of(any::<u16>()),
    );
    (common, any::<[bool; 5]>(), hello).prop_map(move |(c, flags, hello)| {
        let in_hello = message != ServerMessage::EncryptedExtensions;
        let in_server_hello = message == ServerMessage::ServerHello;
        let in_retry = message == ServerMessage::HelloRetryRequest;
        ServerExtensions {
            server_name: flags[0],
            max_fragment_length: c.0,
            supported_groups: c.1,
            ec_point_formats: c.2,
            use_srtp: c.3,
            alpn: c.4,
            client_certificate_type: c.5,
            server_certificate_type: c.6,
            extended_master_secret: flags[1],
            record_size_limit: c.7,
            session_ticket: flags[2],
            early_data: flags[3],
            supported_versions: hello.0.filter(|_| in_hello),
            cookie: c.8,
            key_share: hello.1.filter(|_| in_server_hello),
            selected_group: hello.2.filter(|_| in_retry),
            pre_shared_key: hello.3.filter(|_| in_server_hello),
            connection_id: c.9,
            rrc: flags[4],
            renegotiation_info: c.10,
            unknown: None,
        }
    })
}

/// A block of extensions as the wire has it.
fn block(extensions: &[(u16, &[u8])]) -> &'static [u8] {
    let mut w = Writer::new();
    for &(typ, data) in extensions {
        put(&mut w, ExtensionType(typ), |w| w.bytes(data));
    }
    w.into_vec().leak()
}

fn client_error(typ: ExtensionType, data: &[u8]) -> Malformed {
    ClientExtensions::read(block(&[(typ.0, data)])).unwrap_err()
}

proptest! {
    #[test]
    fn server_types_are_those_on_the_wire(
        extensions in server_extensions(ServerMessage::ServerHello),
        unknown in of(0x0a0a_u16..0x0a0f),
    ) {
        let extensions = ServerExtensions { unknown: unknown.map(ExtensionType), ..extensions };
        let mut w = Writer::new();
        extensions.encode(&mut w);
        if let Some(typ) = extensions.unknown {
            put(&mut w, typ, |_| {});
        }
        let bytes = w.into_vec();
        let read = ServerExtensions::read(&bytes, ServerMessage::ServerHello).unwrap();
        prop_assert_eq!(read, extensions);
        let wire = List::<Extension<'_>>::from_wire(&bytes).unwrap();
        let mut on_wire: Vec<_> = wire.iter().map(|e| e.extension_type).collect();
        let mut types: Vec<_> = read.types().collect();
        on_wire.sort_unstable();
        types.sort_unstable();
        prop_assert_eq!(types, on_wire);
    }

    /// The data of each extension is read whole: any cut and any byte more is refused.
    #[test]
    fn client_extension_with_cut_data_is_refused(extensions in client_extensions()) {
        let mut w = Writer::new();
        extensions.encode(&mut w);
        let bytes = w.into_vec();
        for Extension { extension_type, extension_data } in List::from_wire(&bytes).unwrap() {
            if extension_type == ExtensionType::SESSION_TICKET {
                continue; // opaque: every cut is another ticket
            }
            assert_nothing_else_reads(extension_data, &[], |data| {
                ClientExtensions::read(block(&[(extension_type.0, data)])).is_ok()
            });
        }
    }

    #[test]
    fn repeated_type_is_refused(
        types in proptest::collection::vec(any::<u16>(), 1..40),
        at in any::<proptest::sample::Index>(),
    ) {
        let mut unique: Vec<u16> = types;
        unique.sort_unstable();
        unique.dedup();
        let mut extensions: Vec<(u16, &[u8])> = unique.iter().map(|&typ| (typ, &b""[..])).collect();
        prop_assert!(read_block(block(&extensions)).is_ok());
        let again = extensions[at.index(extensions.len())];
        extensions.push(again);
        prop_assert_eq!(
            read_block(block(&extensions)),
            Err(Malformed::DuplicateExtension(ExtensionType(again.0)))
        );
    }
}

#[test]
fn largest_block_without_a_repeat_is_read() {
    let all: Vec<(u16, &[u8])> = (0..16_383_u16).map(|i| (i.wrapping_mul(4), &b""[..])).collect();
    let bytes = block(&all);
    assert_eq!(bytes.len(), 65_532);
    assert_eq!(read_block(bytes).unwrap().len(), 16_383);
}

#[test]
fn repeated_grease_is_refused() {
    let bytes = block(&[(0x1a1a, b""), (23, b""), (0x1a1a, b"x")]);
    assert_eq!(
        ClientExtensions::read(bytes),
        Err(Malformed::DuplicateExtension(ExtensionType(0x1a1a)))
    );
}

#[test]
fn unknown_client_extension_is_skipped() {
    let bytes = block(&[(0x1a1a, b"abc"), (23, b""), (5, b"\x01\0\0\0\0")]);
    let expected = ClientExtensions { extended_master_secret: true, ..Default::default() };
    assert_eq!(ClientExtensions::read(bytes), Ok(expected));
}

#[test]
fn pre_shared_key_before_another_extension_is_misplaced() {
    let binders = [PskBinderEntry(&[0; 32])];
    let psks = OfferedPsks {
        identities: List::from_slice(&[PskIdentity { identity: b"id", obfuscated_ticket_age: 0 }]),
        binders: List::from_slice(&binders),
    };
    let offer = ClientExtensions { pre_shared_key: Some(psks), ..Default::default() };
    let mut w = Writer::new();
    offer.encode(&mut w);
    assert!(ClientExtensions::read(&w.into_vec()).is_ok());

    let mut w = Writer::new();
    offer.encode(&mut w);
    put(&mut w, ExtensionType(0x1a1a), |_| {});
    let misplaced = Malformed::MisplacedExtension(ExtensionType::PRE_SHARED_KEY);
    assert_eq!(ClientExtensions::read(&w.into_vec()), Err(misplaced));
}

#[test]
fn binders_that_do_not_match_the_identities_are_illegal() {
    let binders = [PskBinderEntry(&[0; 32]); 2];
    let psks = OfferedPsks {
        identities: List::from_slice(&[PskIdentity { identity: b"id", obfuscated_ticket_age: 0 }]),
        binders: List::from_slice(&binders),
    };
    assert_eq!(psks.binders_len(), 2 + 33 + 33);
    let mut w = Writer::new();
    ClientExtensions { pre_shared_key: Some(psks), ..Default::default() }.encode(&mut w);
    assert_eq!(ClientExtensions::read(&w.into_vec()), Err(Malformed::IllegalValue("binders")));
}

#[test]
fn client_lists_below_their_minimum_are_refused() {
    let out_of_range = [
        (ExtensionType::SERVER_NAME, &b"\0\0"[..]),
        (ExtensionType::SERVER_NAME, b"\0\x03\0\0\0"),
        (ExtensionType::SUPPORTED_GROUPS, b"\0\0"),
        (ExtensionType::EC_POINT_FORMATS, b"\0"),
        (ExtensionType::SIGNATURE_ALGORITHMS, b"\0\0"),
        (ExtensionType::SIGNATURE_ALGORITHMS_CERT, b"\0\0"),
        (ExtensionType::USE_SRTP, b"\0\0\0"),
        (ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, b"\0\0"),
        (ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, b"\0\x01\0"),
        (ExtensionType::CLIENT_CERTIFICATE_TYPE, b"\0"),
        (ExtensionType::SUPPORTED_VERSIONS, b"\0"),
        (ExtensionType::COOKIE, b"\0\0"),
        (ExtensionType::PSK_KEY_EXCHANGE_MODES, b"\0"),
        (ExtensionType::CERTIFICATE_AUTHORITIES, b"\0\0"),
        (ExtensionType::CERTIFICATE_AUTHORITIES, b"\0\x02\0\0"),
        (ExtensionType::KEY_SHARE, b"\0\x04\0\x1d\0\0"),
        (ExtensionType::PRE_SHARED_KEY, b"\0\0\0\0"),
    ];
    for (typ, data) in out_of_range {
        let error = client_error(typ, data);
        assert!(matches!(error, Malformed::OutOfRange(_)), "{typ}: {error}");
    }
}

#[test]
fn list_of_half_an_item_is_refused() {
    let error = client_error(ExtensionType::SUPPORTED_GROUPS, b"\0\x03\0\x1d\0");
    assert_eq!(error, Malformed::Truncated("NamedGroup"));
    let error = client_error(ExtensionType::SUPPORTED_VERSIONS, b"\x03\xfe\xfc\xfe");
    assert_eq!(error, Malformed::Truncated("ProtocolVersion"));
}

#[test]
fn short_binder_is_refused() {
    let mut data = b"\0\x07\0\x01i\0\0\0\0\0\x20\x1f".to_vec();
    data.extend_from_slice(&[0; 31]);
    let error = client_error(ExtensionType::PRE_SHARED_KEY, &data);
    assert_eq!(error, Malformed::OutOfRange("PskBinderEntry"));
}

#[test]
fn offer_without_psks_is_refused() {
    for (data, field) in [
        (&b"\0\0\0\0"[..], "identities"),
        (b"\0\x07\0\x01i\0\0\0\0\0\0", "binders"),
        (b"\0\x06\0\0\0\0\0\0\0\0", "PskIdentity.identity"),
    ] {
        let error = client_error(ExtensionType::PRE_SHARED_KEY, data);
        assert_eq!(error, Malformed::OutOfRange(field));
    }
}

#[test]
fn forbidden_sizes_are_illegal() {
    let smallest = block(&[(ExtensionType::RECORD_SIZE_LIMIT.0, &64_u16.to_be_bytes())]);
    assert_eq!(ClientExtensions::read(smallest).unwrap().record_size_limit, Some(64));
    let limit = client_error(ExtensionType::RECORD_SIZE_LIMIT, &63_u16.to_be_bytes());
    assert_eq!(limit, Malformed::IllegalValue("record_size_limit"));
    for code in [0, 5] {
        let error = client_error(ExtensionType::MAX_FRAGMENT_LENGTH, &[code]);
        assert_eq!(error, Malformed::IllegalValue("max_fragment_length"));
    }
}

#[test]
fn second_host_name_is_illegal() {
    let error = client_error(ExtensionType::SERVER_NAME, b"\0\x08\0\0\x01a\0\0\x01b");
    assert_eq!(error, Malformed::IllegalValue("ServerNameList"));
}

#[test]
fn server_name_of_another_type_is_skipped() {
    let bytes = block(&[(0, b"\0\x08\x07\0\x01a\0\0\x01b")]);
    assert_eq!(ClientExtensions::read(bytes).unwrap().server_name, Some(&b"b"[..]));
    let bytes = block(&[(0, b"\0\x04\x07\0\x01a")]);
    assert_eq!(ClientExtensions::read(bytes).unwrap().server_name, None);
}

#[test]
fn server_that_chooses_two_of_anything_is_refused() {
    for (typ, data) in [
        (ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, &b"\0\x04\x01a\x01b"[..]),
        (ExtensionType::USE_SRTP, b"\0\x04\0\x01\0\x02\0"),
        (ExtensionType::SUPPORTED_VERSIONS, b"\xfe\xfc\xfe\xfd"),
        (ExtensionType::CLIENT_CERTIFICATE_TYPE, b"\0\x02"),
        (ExtensionType::SERVER_NAME, b"\0\0"),
    ] {
        let error = ServerExtensions::read(block(&[(typ.0, data)]), ServerMessage::ServerHello);
        assert!(matches!(error, Err(Malformed::TrailingBytes(_))), "{typ}: {error:?}");
    }
}

#[test]
fn extension_without_a_form_in_its_message_is_misplaced() {
    use ServerMessage::{EncryptedExtensions, HelloRetryRequest, ServerHello};
    for (typ, message) in [
        (ExtensionType::KEY_SHARE, EncryptedExtensions),
        (ExtensionType::SUPPORTED_VERSIONS, EncryptedExtensions),
        (ExtensionType::PRE_SHARED_KEY, EncryptedExtensions),
        (ExtensionType::PRE_SHARED_KEY, HelloRetryRequest),
    ] {
        let bytes = block(&[(typ.0, b"\0\x1d")]);
        let misplaced = Err(Malformed::MisplacedExtension(typ));
        assert_eq!(ServerExtensions::read(bytes, message), misplaced);
    }
    let bytes = block(&[(ExtensionType::KEY_SHARE.0, b"\0\x1d")]);
    let retry = ServerExtensions::read(bytes, HelloRetryRequest).unwrap();
    assert_eq!(retry.selected_group, Some(NamedGroup::X25519));
    assert!(ServerExtensions::read(bytes, ServerHello).is_err());
}

#[test]
fn first_unknown_server_extension_is_noted() {
    let bytes = block(&[(23, b""), (0x1a1a, b"x"), (5, b"")]);
    let read = ServerExtensions::read(bytes, ServerMessage::ServerHello).unwrap();
    assert_eq!(read.unknown, Some(ExtensionType(0x1a1a)));
    let types: Vec<_> = read.types().collect();
    assert_eq!(types, [ExtensionType::EXTENDED_MASTER_SECRET, ExtensionType(0x1a1a)]);
}
