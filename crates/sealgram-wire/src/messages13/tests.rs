use proptest::option::of;
use proptest::prelude::*;
use sealgram_iana::NamedGroup;

use super::*;
use crate::extensions::tests::server_extensions;
use crate::laws::{assert_codec, bytes, hex, list, raw_extensions, values};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn encrypted_extensions_obey_the_laws(
        extensions in server_extensions(ServerMessage::EncryptedExtensions),
    ) {
        assert_codec!(EncryptedExtensions { extensions }, EncryptedExtensions::read);
    }

    #[test]
    fn certificate_obeys_the_laws(
        context in bytes(0..20),
        chain in list(
            (bytes(1..90), raw_extensions())
                .prop_map(|(cert_data, extensions)| CertificateEntry { cert_data, extensions }),
            0..4,
        ),
    ) {
        let message =
            Certificate { certificate_request_context: context, certificate_list: chain };
        assert_codec!(message, Certificate::read);
    }

    #[test]
    fn certificate_request_obeys_the_laws(
        certificate_request_context in bytes(0..20),
        signature_algorithms in of(values(1..6)),
        signature_algorithms_cert in of(values(1..6)),
        certificate_authorities in of(list(bytes(1..30).prop_map(DistinguishedName), 1..4)),
    ) {
        let message = CertificateRequest {
            certificate_request_context,
            signature_algorithms,
            signature_algorithms_cert,
            certificate_authorities,
        };
        assert_codec!(message, CertificateRequest::read);
    }

    #[test]
    fn new_session_ticket_obeys_the_laws(
        (ticket_lifetime, ticket_age_add) in any::<(u32, u32)>(),
        ticket_nonce in bytes(0..256),
        ticket in bytes(1..90),
        max_early_data_size in any::<Option<u32>>(),
    ) {
        let message = NewSessionTicket {
            ticket_lifetime,
            ticket_age_add,
            ticket_nonce,
            ticket,
            max_early_data_size,
        };
        assert_codec!(message, NewSessionTicket::read);
    }

    #[test]
    fn new_connection_id_obeys_the_laws(
        cids in list(bytes(0..20).prop_map(ConnectionId), 0..4),
        usage in (0_u8..2).prop_map(ConnectionIdUsage),
    ) {
        assert_codec!(NewConnectionId { cids, usage }, NewConnectionId::read);
    }

    #[test]
    fn request_connection_id_obeys_the_laws(num_cids in any::<u8>()) {
        assert_codec!(RequestConnectionId { num_cids }, RequestConnectionId::read);
    }
}

#[test]
fn key_update_obeys_the_laws() {
    for update_requested in [false, true] {
        let message = KeyUpdate { update_requested };
        assert_eq!(message.encode(), [u8::from(update_requested)]);
        assert_codec!(message, KeyUpdate::read);
    }
}

#[test]
fn values_without_a_meaning_are_illegal() {
    assert_eq!(KeyUpdate::read(&[2]), Err(Malformed::IllegalValue("request_update")));
    let message = hex("0003 02abcd 02");
    assert_eq!(NewConnectionId::read(&message), Err(Malformed::IllegalValue("usage")));
}

#[test]
fn empty_certificate_and_empty_ticket_are_refused() {
    let certificate = hex("00 000005 000000 0000");
    assert_eq!(Certificate::read(&certificate), Err(Malformed::OutOfRange("cert_data")));
    let ticket = hex("00000001 00000002 00 0000 0000");
    assert_eq!(NewSessionTicket::read(&ticket), Err(Malformed::OutOfRange("ticket")));
}

#[test]
fn repeated_extension_is_refused_everywhere() {
    let duplicate = Malformed::DuplicateExtension(ExtensionType(5));
    let block = "0008 00050000 00050000";
    let certificate = hex(&["00 00000e 000001 30", block].concat());
    assert_eq!(Certificate::read(&certificate), Err(duplicate));
    let ticket = hex(&["00000001 00000002 00 0001 aa", block].concat());
    assert_eq!(NewSessionTicket::read(&ticket), Err(duplicate));
    let request = hex(&["00", block].concat());
    assert_eq!(CertificateRequest::read(&request), Err(duplicate));
    assert_eq!(EncryptedExtensions::read(&hex(block)), Err(duplicate));
}

/// RFC 8448 §3.
#[test]
fn encrypted_extensions_of_rfc8448_are_read() {
    let body = hex("0022000a00140012001d00170018001901000101010201030104001c0002400100000000");
    let EncryptedExtensions { extensions } = EncryptedExtensions::read(&body).unwrap();
    let groups = extensions.supported_groups.unwrap();
    assert!(groups.contains(NamedGroup::SECP521R1));
    assert_eq!(groups.len(), 9);
    let expected = ServerExtensions {
        server_name: true,
        supported_groups: Some(groups),
        record_size_limit: Some(0x4001),
        ..ServerExtensions::default()
    };
    assert_eq!(extensions, expected);
}

/// RFC 8448 §3.
#[test]
fn new_session_ticket_of_rfc8448_is_read_and_written() {
    let body = hex("0000001efad6aac502000000b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c
        8a34cb33fa90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd3
        6d64e861be7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3d
        a2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f
        7de6505e5bfbc388e93343694093934ae4d3570008002a000400000400");
    let ticket = NewSessionTicket::read(&body).unwrap();
    assert_eq!(ticket.ticket_lifetime, 30);
    assert_eq!(ticket.ticket_age_add, 0xfad6_aac5);
    assert_eq!(ticket.ticket_nonce, [0, 0]);
    assert_eq!(ticket.ticket.len(), 0xb2);
    assert_eq!(ticket.max_early_data_size, Some(1024));
    assert_eq!(ticket.encode(), body);
}

/// RFC 8448 §6.
#[test]
fn certificate_request_of_rfc8448_is_read_and_written() {
    let body =
        hex("000024000d0020001e040305030603020308040805080604010501060102010402050206020202");
    let request = CertificateRequest::read(&body).unwrap();
    let schemes = request.signature_algorithms.unwrap();
    assert_eq!(schemes.iter().next(), Some(SignatureScheme::ECDSA_SECP256R1_SHA256));
    assert_eq!(schemes.len(), 15);
    assert_eq!(request.encode(), body);
}
