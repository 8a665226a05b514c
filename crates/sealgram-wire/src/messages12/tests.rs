use proptest::prelude::*;

use super::*;
use crate::laws::{assert_codec, bytes, hex, list, signed, values};

fn params() -> impl Strategy<Value = EcdheParams<'static>> {
    (any::<u16>(), bytes(1..70))
        .prop_map(|(group, public)| EcdheParams { group: NamedGroup(group), public })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn certificate_obeys_the_laws(chain in list(bytes(1..90).prop_map(Asn1Cert), 0..4)) {
        assert_codec!(Certificate { certificate_list: chain }, Certificate::read);
    }

    #[test]
    fn raw_public_key_obeys_the_laws(spki in bytes(0..90)) {
        let message = RawPublicKeyCertificate { subject_public_key_info: spki };
        assert_codec!(message, RawPublicKeyCertificate::read);
    }

    #[test]
    fn ecdhe_server_key_exchange_obeys_the_laws(params in params(), signature in signed()) {
        let message = ServerKeyExchange::Ecdhe { params, signature };
        assert_codec!(message, |b| ServerKeyExchange::read(b, KeyExchangeKind::Ecdhe));
        prop_assert!(message.encode().starts_with(&params.encode()));
    }

    #[test]
    fn psk_server_key_exchange_obeys_the_laws(hint in bytes(0..40), params in params()) {
        let message = ServerKeyExchange::Psk { psk_identity_hint: hint };
        assert_codec!(message, |b| ServerKeyExchange::read(b, KeyExchangeKind::Psk));
        let message = ServerKeyExchange::EcdhePsk { psk_identity_hint: hint, params };
        assert_codec!(message, |b| ServerKeyExchange::read(b, KeyExchangeKind::EcdhePsk));
    }

    #[test]
    fn client_key_exchange_obeys_the_laws(psk_identity in bytes(0..40), public in bytes(1..256)) {
        let message = ClientKeyExchange::Ecdhe { public };
        assert_codec!(message, |b| ClientKeyExchange::read(b, KeyExchangeKind::Ecdhe));
        let message = ClientKeyExchange::Psk { psk_identity };
        assert_codec!(message, |b| ClientKeyExchange::read(b, KeyExchangeKind::Psk));
        let message = ClientKeyExchange::EcdhePsk { psk_identity, public };
        assert_codec!(message, |b| ClientKeyExchange::read(b, KeyExchangeKind::EcdhePsk));
    }

    #[test]
    fn certificate_request_obeys_the_laws(
        certificate_types in values(1..4),
        supported_signature_algorithms in values(1..6),
        certificate_authorities in list(bytes(1..30).prop_map(DistinguishedName), 0..4),
    ) {
        let message = CertificateRequest {
            certificate_types,
            supported_signature_algorithms,
            certificate_authorities,
        };
        assert_codec!(message, CertificateRequest::read);
    }

    #[test]
    fn certificate_verify_obeys_the_laws(signature in signed()) {
        assert_codec!(signature, DigitallySigned::read);
    }

    #[test]
    fn new_session_ticket_obeys_the_laws(hint in any::<u32>(), ticket in bytes(0..90)) {
        let message = NewSessionTicket { ticket_lifetime_hint: hint, ticket };
        assert_codec!(message, NewSessionTicket::read);
    }
}

#[test]
fn server_hello_done_is_empty() {
    assert_codec!(ServerHelloDone, ServerHelloDone::read);
}

/// Written by hand from RFC 8422 §5.4: named_curve, x25519, a point of two bytes, then an ed25519
/// signature of three.
#[test]
fn server_key_exchange_has_the_layout_of_its_rfc() {
    let body = hex("03 001d 02 abcd 0807 0003 010203");
    let message = ServerKeyExchange::read(&body, KeyExchangeKind::Ecdhe).unwrap();
    let params = EcdheParams { group: NamedGroup::X25519, public: &[0xab, 0xcd] };
    let signature = DigitallySigned { scheme: SignatureScheme::ED25519, signature: &[1, 2, 3] };
    assert_eq!(message, ServerKeyExchange::Ecdhe { params, signature });
    assert_eq!(params.encode(), body[..6]);
    assert_eq!(message.encode(), body);
}

#[test]
fn explicit_curve_is_illegal() {
    let body = hex("01 001d 02 abcd 0807 0003 010203");
    let read = ServerKeyExchange::read(&body, KeyExchangeKind::Ecdhe);
    assert_eq!(read, Err(Malformed::IllegalValue("curve_type")));
}

#[test]
fn empty_point_is_refused() {
    let refused = Err(Malformed::OutOfRange("ECPoint"));
    assert_eq!(ClientKeyExchange::read(&[0], KeyExchangeKind::Ecdhe), refused);
}

#[test]
fn empty_certificate_in_a_chain_is_refused() {
    let body = hex("000003 000000");
    assert_eq!(Certificate::read(&body), Err(Malformed::OutOfRange("ASN.1Cert")));
}

#[test]
fn certificate_request_without_schemes_is_refused() {
    let refused = Err(Malformed::OutOfRange("supported_signature_algorithms"));
    assert_eq!(CertificateRequest::read(&hex("01 40 0000 0000")), refused);
    let refused = Err(Malformed::OutOfRange("certificate_types"));
    assert_eq!(CertificateRequest::read(&hex("00 0002 0403 0000")), refused);
}
