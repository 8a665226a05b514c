//! Flights of both sides: what each fault is called, and which alert tells the peer of it.

use sealgram_handshake::{
    Error, PeerIncompatible as Incompatible, PeerMisbehaved as Misbehaved, Side,
};
use sealgram_iana::{
    AlertDescription as Alert, CipherSuite, CompressionMethod, ExtensionType as Ext, HandshakeType,
    NamedGroup, ProtocolVersion, SignatureScheme, SrtpProfile, Version,
};
use sealgram_wire::{List, Random, SelectedSrtp, messages12, messages13};

use crate::edits::{
    SERVER_HELLO, UNKNOWN_GROUP, UNKNOWN_SUITE, V12, V13, body, check, encrypted, key_exchange,
    last_byte, row, server_hello, signature,
};
use crate::joined::{client, server};

#[test]
fn flight_of_a_1_2_server_that_breaks_a_rule_is_refused() {
    let hello = SERVER_HELLO;
    let server = |typ| (Side::Server, typ);
    let rows = vec![
        row(
            "1.0",
            hello,
            server_hello(|h| h.legacy_version = ProtocolVersion::DTLS_1_0),
            Misbehaved::UnofferedVersion,
            Alert::PROTOCOL_VERSION,
        ),
        row(
            "1.3, which was not offered",
            hello,
            server_hello(|h| {
                h.extensions.supported_versions = Some(ProtocolVersion::DTLS_1_3);
            }),
            Misbehaved::BadExtension(Ext::SUPPORTED_VERSIONS),
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a retry, which 1.2 does not have",
            hello,
            server_hello(|h| h.random = Random::HELLO_RETRY_REQUEST),
            Misbehaved::UnofferedVersion,
            Alert::PROTOCOL_VERSION,
        ),
        row(
            "compression",
            hello,
            server_hello(|h| h.compression_method = CompressionMethod(1)),
            Misbehaved::Compression,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "an unknown suite",
            hello,
            server_hello(|h| h.cipher_suite = UNKNOWN_SUITE),
            Misbehaved::UnofferedSuite,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a suite of 1.3",
            hello,
            server_hello(|h| h.cipher_suite = CipherSuite::TLS_AES_128_GCM_SHA256),
            Misbehaved::UnofferedSuite,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "renegotiation",
            hello,
            server_hello(|h| h.extensions.renegotiation_info = Some(&[1; 24])),
            Misbehaved::BadRenegotiationInfo,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no extended master secret",
            hello,
            server_hello(|h| h.extensions.extended_master_secret = false),
            Incompatible::NoExtendedMasterSecret,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "an extension that was not asked for",
            hello,
            server_hello(|h| h.extensions.session_ticket = true),
            Misbehaved::UnsolicitedExtension(Ext::SESSION_TICKET),
            Alert::UNSUPPORTED_EXTENSION,
        ),
        row(
            "a protocol that was not offered",
            hello,
            server_hello(|h| h.extensions.alpn = Some(b"x")),
            Misbehaved::UnofferedProtocol,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a profile that was not offered",
            hello,
            server_hello(|h| {
                let profile = SrtpProfile::SRTP_AEAD_AES_256_GCM;
                h.extensions.use_srtp = Some(SelectedSrtp { profile, mki: &[] });
            }),
            Misbehaved::UnofferedSrtpProfile,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a master key identifier",
            hello,
            server_hello(|h| {
                let profile = SrtpProfile::SRTP_AEAD_AES_128_GCM;
                h.extensions.use_srtp = Some(SelectedSrtp { profile, mki: &[1] });
            }),
            Misbehaved::UnofferedSrtpProfile,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no uncompressed points",
            hello,
            server_hello(|h| h.extensions.ec_point_formats = Some(&[1])),
            Incompatible::NoUncompressedPoints,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no certificate",
            server(HandshakeType::CERTIFICATE),
            body(messages12::Certificate { certificate_list: List::default() }.encode()),
            Misbehaved::EmptyCertificate,
            Alert::DECODE_ERROR,
        ),
        row(
            "a group that was not offered",
            server(HandshakeType::SERVER_KEY_EXCHANGE),
            key_exchange(|group, _| *group = UNKNOWN_GROUP),
            Misbehaved::UnofferedGroup,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a scheme for another kind of suite",
            server(HandshakeType::SERVER_KEY_EXCHANGE),
            key_exchange(|_, signed| signed.scheme = SignatureScheme::RSA_PSS_RSAE_SHA256),
            Misbehaved::UnofferedSignatureScheme,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a scheme that was not offered",
            server(HandshakeType::SERVER_KEY_EXCHANGE),
            key_exchange(|_, signed| signed.scheme = SignatureScheme::ECDSA_SECP384R1_SHA384),
            Misbehaved::UnofferedSignatureScheme,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a signature of something else",
            server(HandshakeType::SERVER_KEY_EXCHANGE),
            last_byte(),
            Misbehaved::BadSignature,
            Alert::DECRYPT_ERROR,
        ),
        row(
            "a Finished of another handshake",
            server(HandshakeType::FINISHED),
            last_byte(),
            Misbehaved::BadFinished,
            Alert::DECRYPT_ERROR,
        ),
    ];
    check(Version::V12, V12, rows);
}

#[test]
fn flight_of_a_1_3_server_that_breaks_a_rule_is_refused() {
    let hello = SERVER_HELLO;
    let server = |typ| (Side::Server, typ);
    let rows = vec![
        row(
            "1.2, which was not offered",
            hello,
            server_hello(|h| {
                h.extensions.supported_versions = None;
                h.extensions.key_share = None;
            }),
            Misbehaved::UnofferedVersion,
            Alert::PROTOCOL_VERSION,
        ),
        row(
            "1.2 as if it were 1.3",
            hello,
            server_hello(|h| {
                h.extensions.supported_versions = Some(ProtocolVersion::DTLS_1_2);
            }),
            Misbehaved::BadExtension(Ext::SUPPORTED_VERSIONS),
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a session ID",
            hello,
            server_hello(|h| h.session_id = &[1; 32]),
            Misbehaved::BadSessionId,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a suite of 1.2",
            hello,
            server_hello(|h| {
                h.cipher_suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
            }),
            Misbehaved::UnofferedSuite,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no share",
            hello,
            server_hello(|h| h.extensions.key_share = None),
            Incompatible::MissingExtension(Ext::KEY_SHARE),
            Alert::MISSING_EXTENSION,
        ),
        row(
            "a share of another group",
            hello,
            server_hello(|h| {
                let key_share = h.extensions.key_share.as_mut().unwrap();
                key_share.group = NamedGroup::SECP384R1;
            }),
            Misbehaved::UnofferedGroup,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a share that is none",
            hello,
            server_hello(|h| h.extensions.key_share.as_mut().unwrap().key_exchange = &[1]),
            Misbehaved::BadKeyShare,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a key that was not offered",
            hello,
            server_hello(|h| h.extensions.pre_shared_key = Some(0)),
            Misbehaved::UnsolicitedExtension(Ext::PRE_SHARED_KEY),
            Alert::UNSUPPORTED_EXTENSION,
        ),
        row(
            "a protocol that was not offered",
            server(HandshakeType::ENCRYPTED_EXTENSIONS),
            encrypted(|e| e.alpn = Some(b"x")),
            Misbehaved::UnofferedProtocol,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "an extension that was not asked for",
            server(HandshakeType::ENCRYPTED_EXTENSIONS),
            encrypted(|e| e.record_size_limit = Some(100)),
            Misbehaved::UnsolicitedExtension(Ext::RECORD_SIZE_LIMIT),
            Alert::UNSUPPORTED_EXTENSION,
        ),
        row(
            "a request with a context",
            server(HandshakeType::CERTIFICATE_REQUEST),
            Box::new(|body| {
                let copy = body.clone();
                let mut request = messages13::CertificateRequest::read(&copy).unwrap();
                request.certificate_request_context = &[1];
                *body = request.encode();
            }),
            Misbehaved::BadExtension(Ext::POST_HANDSHAKE_AUTH),
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a request without schemes",
            server(HandshakeType::CERTIFICATE_REQUEST),
            // An empty context, and one extension that nobody knows.
            body(vec![0, 0, 4, 0x13, 0x37, 0, 0]),
            Incompatible::MissingExtension(Ext::SIGNATURE_ALGORITHMS),
            Alert::MISSING_EXTENSION,
        ),
        row(
            "no certificate",
            server(HandshakeType::CERTIFICATE),
            body(vec![0, 0, 0, 0]),
            Misbehaved::EmptyCertificate,
            Alert::DECODE_ERROR,
        ),
        row(
            "a certificate for another request",
            server(HandshakeType::CERTIFICATE),
            body(vec![1, 7, 0, 0, 0]),
            Misbehaved::BadCertificateContext,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "an extension of a certificate",
            server(HandshakeType::CERTIFICATE),
            // A certificate of one byte with status_request.
            body(vec![0, 0, 0, 10, 0, 0, 1, 9, 0, 4, 0, 5, 0, 0]),
            Misbehaved::UnsolicitedExtension(Ext(5)),
            Alert::UNSUPPORTED_EXTENSION,
        ),
        row(
            "a scheme that was not offered",
            server(HandshakeType::CERTIFICATE_VERIFY),
            signature(|signed| signed.scheme = SignatureScheme::ECDSA_SECP384R1_SHA384),
            Misbehaved::UnofferedSignatureScheme,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a signature of something else",
            server(HandshakeType::CERTIFICATE_VERIFY),
            last_byte(),
            Misbehaved::BadSignature,
            Alert::DECRYPT_ERROR,
        ),
        row(
            "a Finished of another handshake",
            server(HandshakeType::FINISHED),
            last_byte(),
            Misbehaved::BadFinished,
            Alert::DECRYPT_ERROR,
        ),
    ];
    check(Version::V13, V13, rows);
}

#[test]
fn flight_of_a_client_that_breaks_a_rule_is_refused() {
    let client = |typ| (Side::Client, typ);
    let both = || {
        vec![
            row(
                "a scheme that was not offered",
                client(HandshakeType::CERTIFICATE_VERIFY),
                signature(|signed| signed.scheme = SignatureScheme::ECDSA_SECP384R1_SHA384),
                Misbehaved::UnofferedSignatureScheme,
                Alert::ILLEGAL_PARAMETER,
            ),
            row(
                "a signature of something else",
                client(HandshakeType::CERTIFICATE_VERIFY),
                last_byte(),
                Misbehaved::BadSignature,
                Alert::DECRYPT_ERROR,
            ),
            row(
                "a Finished of another handshake",
                client(HandshakeType::FINISHED),
                last_byte(),
                Misbehaved::BadFinished,
                Alert::DECRYPT_ERROR,
            ),
        ]
    };
    let mut rows = both();
    rows.push(row(
        "no certificate",
        client(HandshakeType::CERTIFICATE),
        body(vec![0, 0, 0]),
        Error::NoPeerCertificate,
        Alert::HANDSHAKE_FAILURE,
    ));
    rows.push(row(
        "a share that is none",
        client(HandshakeType::CLIENT_KEY_EXCHANGE),
        body(vec![1, 4]),
        Misbehaved::BadKeyShare,
        Alert::ILLEGAL_PARAMETER,
    ));
    check(Version::V12, V12, rows);
    let mut rows = both();
    rows.push(row(
        "no certificate",
        client(HandshakeType::CERTIFICATE),
        body(vec![0, 0, 0, 0]),
        Error::NoPeerCertificate,
        Alert::CERTIFICATE_REQUIRED,
    ));
    rows.push(row(
        "a certificate for another request",
        client(HandshakeType::CERTIFICATE),
        body(vec![1, 7, 0, 0, 0]),
        Misbehaved::BadCertificateContext,
        Alert::ILLEGAL_PARAMETER,
    ));
    check(Version::V13, V13, rows);
}

/// A client that can more than its server: the server's random says whether somebody has seen to
/// that (RFC 8446 §4.1.3).
#[test]
fn random_that_speaks_of_a_downgrade_is_refused() {
    let sides = || (client(&[Version::V12, Version::V13]), server(&[Version::V12]));
    let (client, server) = sides();
    assert_eq!(crate::joined::undisturbed(client, server).connected, [true, true]);
    for sentinel in [Random::DOWNGRADE_TO_1_2, Random::DOWNGRADE_BELOW_1_2] {
        let downgraded = row(
            "a sentinel",
            SERVER_HELLO,
            server_hello(move |h| h.random = h.random.with_sentinel(sentinel)),
            Misbehaved::DowngradeDetected,
            Alert::ILLEGAL_PARAMETER,
        );
        check(Version::V12, sides, vec![downgraded]);
    }
}
