use proptest::prelude::*;

use super::*;
use crate::KeyShareEntry;
use crate::extensions::tests::{client_extensions, server_extensions};
use crate::laws::{assert_codec, bytes, hex, values};
use sealgram_iana::NamedGroup;

fn client_hello() -> impl Strategy<Value = ClientHello<'static>> {
    (
        any::<u16>(),
        any::<[u8; 32]>(),
        bytes(0..33),
        bytes(0..40),
        values(1..6),
        bytes(1..3),
        client_extensions(),
    )
        .prop_map(|(version, random, session_id, cookie, suites, compression, extensions)| {
            ClientHello {
                legacy_version: ProtocolVersion(version),
                random: Random(random),
                session_id,
                cookie,
                cipher_suites: suites,
                compression_methods: compression,
                extensions,
            }
        })
}

fn server_hello(message: ServerMessage) -> impl Strategy<Value = ServerHello<'static>> {
    let fields = (any::<u16>(), any::<[u8; 32]>(), bytes(0..33), any::<u16>(), any::<u8>());
    (fields, server_extensions(message)).prop_map(move |((version, random, id, suite, c), e)| {
        let retry = message == ServerMessage::HelloRetryRequest;
        ServerHello {
            legacy_version: ProtocolVersion(version),
            random: if retry { Random::HELLO_RETRY_REQUEST } else { Random(random) },
            session_id: id,
            cipher_suite: CipherSuite(suite),
            compression_method: CompressionMethod(c),
            extensions: e,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The one prefix that reads is the same hello without its extensions.
    #[test]
    fn client_hello_obeys_the_laws(hello in client_hello()) {
        let bare = ClientHello { extensions: ClientExtensions::default(), ..hello };
        assert_codec!(hello, ClientHello::read, legal: [bare.encode().len()]);
        let bare_body = bare.encode();
        prop_assert_eq!(ClientHello::read(&bare_body), Ok(bare));
    }

    #[test]
    fn server_hello_obeys_the_laws(hello in server_hello(ServerMessage::ServerHello)) {
        let bare = ServerHello { extensions: ServerExtensions::default(), ..hello };
        assert_codec!(hello, ServerHello::read, legal: [bare.encode().len()]);
        prop_assert!(!hello.is_hello_retry_request());
    }

    #[test]
    fn hello_retry_request_obeys_the_laws(hello in server_hello(ServerMessage::HelloRetryRequest)) {
        let bare = ServerHello { extensions: ServerExtensions::default(), ..hello };
        assert_codec!(hello, ServerHello::read, legal: [bare.encode().len()]);
        prop_assert!(hello.is_hello_retry_request());
    }

    #[test]
    fn hello_verify_request_obeys_the_laws(version in any::<u16>(), cookie in bytes(0..256)) {
        let request = HelloVerifyRequest { server_version: ProtocolVersion(version), cookie };
        assert_codec!(request, HelloVerifyRequest::read);
    }

    /// What a binder is computed over and the binders together are the hello.
    #[test]
    fn binders_are_the_last_bytes_of_their_hello(hello in client_hello()) {
        if let Some(psks) = hello.extensions.pre_shared_key {
            let body = hello.encode();
            let (_, tail) = body.split_at(body.len() - psks.binders_len());
            let mut w = Writer::new();
            psks.binders.encode_vec(&mut w, Prefix::U16);
            prop_assert_eq!(tail, w.into_vec());
        }
    }
}

/// The smallest hello: no session ID, no cookie, one suite, no extensions.
fn smallest() -> [u8; 42] {
    let mut body = [7; 42];
    body[..2].copy_from_slice(&[0xfe, 0xfd]);
    body[34..].copy_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body
}

#[test]
fn smallest_client_hello_has_42_bytes() {
    let body = smallest();
    let hello = ClientHello::read(&body).unwrap();
    assert_eq!(hello.legacy_version, ProtocolVersion::DTLS_1_2);
    assert_eq!(hello.random, Random([7; 32]));
    let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    assert!(hello.cipher_suites.iter().eq([suite]));
    assert_eq!(hello.cipher_suites.wire_bytes(), &[0xc0, 0x2b][..]);
    assert_eq!(hello.encode(), smallest());
}

#[test]
fn empty_extensions_block_reads_like_none() {
    let mut body = smallest().to_vec();
    body.extend_from_slice(&[0, 0]);
    assert_eq!(ClientHello::read(&body), ClientHello::read(&smallest()));
}

#[test]
fn client_hello_with_a_field_out_of_its_bounds_is_refused() {
    let mut no_suites = smallest().to_vec();
    no_suites.splice(36..40, [0, 0]);
    assert_eq!(ClientHello::read(&no_suites), Err(Malformed::OutOfRange("cipher_suites")));

    let mut half_a_suite = smallest().to_vec();
    half_a_suite.splice(36..40, [0, 3, 0xc0, 0x2b, 0xc0]);
    assert_eq!(ClientHello::read(&half_a_suite), Err(Malformed::Truncated("CipherSuite")));

    let mut no_compression = smallest().to_vec();
    no_compression.splice(40..42, [0]);
    let expected = Err(Malformed::OutOfRange("compression_methods"));
    assert_eq!(ClientHello::read(&no_compression), expected);

    let mut long_session_id = smallest().to_vec();
    long_session_id.splice(34..35, [33; 34]);
    assert_eq!(ClientHello::read(&long_session_id), Err(Malformed::OutOfRange("session_id")));
}

#[test]
fn random_shows_its_sentinel() {
    let random = Random([9; 32]).with_sentinel(Random::DOWNGRADE_TO_1_2);
    assert_eq!(random.0[23..], *b"\x09DOWNGRD\x01");
    assert!(random.has_sentinel(Random::DOWNGRADE_TO_1_2));
    assert!(!random.has_sentinel(Random::DOWNGRADE_BELOW_1_2));
}

/// RFC 8448 §3, the ServerHello without its four-byte header.
#[test]
fn server_hello_of_rfc8448_is_read() {
    let body = hex("0303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928
        00130100002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e
        751f0f002b00020304");
    let hello = ServerHello::read(&body).unwrap();
    assert_eq!(hello.cipher_suite, CipherSuite::TLS_AES_128_GCM_SHA256);
    assert_eq!(hello.extensions.supported_versions, Some(ProtocolVersion::TLS_1_3));
    let KeyShareEntry { group, key_exchange } = hello.extensions.key_share.unwrap();
    assert_eq!((group, key_exchange.len()), (NamedGroup::X25519, 32));
    assert!(!hello.is_hello_retry_request());
    assert_eq!(hello.encode().len(), body.len());
}

/// RFC 8448 §5, the HelloRetryRequest without its four-byte header.
#[test]
fn hello_retry_request_of_rfc8448_is_read() {
    let body = hex("0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c
        001301000084003300020017002c0074007271dcd04bb88bc3189119398a00000000eefafc76c146b823b0
        96f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b1b5b40318d10d137abcbb87574e36e8a1f02
        5f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7cff0
        f934b0002b00020304");
    let hello = ServerHello::read(&body).unwrap();
    assert!(hello.is_hello_retry_request());
    assert_eq!(hello.extensions.selected_group, Some(NamedGroup::SECP256R1));
    assert_eq!(hello.extensions.cookie.unwrap().len(), 0x72);
    assert_eq!(hello.extensions.key_share, None);
}

/// RFC 8448 §4, the ClientHello without its four-byte header and with the empty `cookie` of DTLS.
/// The RFC prints it up to its binders, which are zero here.
#[test]
fn client_hello_of_rfc8448_is_read() {
    let mut body = hex("03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95
        00 00 0006130113031302010001cd
        0000000b0009000006736572766572 ff01000100 000a00140012001d00170018001901000101010201030104
        003300260024001d0020e4ffb68ac05f8d96c99da26698346c6be16482badddafe051a66b4f18d668f0b
        002a0000 002b0003020304
        000d0020001e040305030603020308040805080604010501060102010402050206020202
        002d00020101 001c00024001 00150057");
    body.extend_from_slice(&[0; 0x57]);
    body.extend(hex("002900dd00b800b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa
        90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be
        7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa590
        6c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5b
        fbc388e93343694093934ae4d357fad6aacb"));
    let printed = body.len();
    body.extend_from_slice(&[0, 33, 32]);
    body.extend_from_slice(&[0; 32]);

    let hello = ClientHello::read(&body).unwrap();
    let extensions = &hello.extensions;
    assert_eq!(extensions.server_name, Some(&b"server"[..]));
    assert!(extensions.early_data);
    assert_eq!(extensions.record_size_limit, Some(0x4001));
    assert_eq!(extensions.signature_algorithms.unwrap().len(), 15);
    assert_eq!(extensions.supported_groups.unwrap().iter().next(), Some(NamedGroup::X25519));
    let psks = extensions.pre_shared_key.unwrap();
    assert_eq!(printed, body.len() - psks.binders_len());
    let identity = psks.identities.iter().next().unwrap();
    assert_eq!((identity.identity.len(), identity.obfuscated_ticket_age), (0xb2, 0xfad6_aacb));
}
