//! Hellos of clients: what each fault is called, and which alert tells the client of it.

use sealgram_handshake::{
    PeerIncompatible as Incompatible, PeerMisbehaved as Misbehaved, PskSource, Side,
};
use sealgram_iana::{
    AlertDescription as Alert, ExtensionType as Ext, NamedGroup, ProtocolVersion,
    PskKeyExchangeMode, SignatureScheme, Version,
};
use sealgram_wire::{KeyShareEntry, List, ProtocolName};

use crate::edits::{
    CLIENT_HELLO, SERVER_HELLO, UNKNOWN_GROUP, UNKNOWN_SUITE, V12, V13, check, client_hello,
    last_byte, offer, row, server_hello,
};
use crate::joined::{psk, run, with_psk};

#[test]
fn hello_of_a_1_2_client_that_breaks_a_rule_is_refused() {
    let hello = CLIENT_HELLO;
    let rows = vec![
        row(
            "only 1.0",
            hello,
            client_hello(|h| h.legacy_version = ProtocolVersion::DTLS_1_0),
            Incompatible::NoSharedVersion,
            Alert::PROTOCOL_VERSION,
        ),
        row(
            "no null compression",
            hello,
            client_hello(|h| h.compression_methods = &[1]),
            Misbehaved::Compression,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no shared suite",
            hello,
            client_hello(|h| h.cipher_suites = List::from_slice(&[UNKNOWN_SUITE])),
            Incompatible::NoSharedSuite,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no shared group",
            hello,
            offer(|e| e.supported_groups = Some(List::from_slice(&[UNKNOWN_GROUP]))),
            Incompatible::NoSharedGroup,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no shared scheme",
            hello,
            offer(|e| {
                e.signature_algorithms = Some(List::from_slice(&[SignatureScheme(0x1337)]));
            }),
            Incompatible::NoSharedSignatureScheme,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no shared protocol",
            hello,
            offer(|e| e.alpn = Some(List::from_slice(&[ProtocolName(b"x")]))),
            Incompatible::NoSharedProtocol,
            Alert::NO_APPLICATION_PROTOCOL,
        ),
        row(
            "no uncompressed points",
            hello,
            offer(|e| e.ec_point_formats = Some(&[1])),
            Incompatible::NoUncompressedPoints,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "renegotiation",
            hello,
            offer(|e| e.renegotiation_info = Some(&[1; 12])),
            Misbehaved::BadRenegotiationInfo,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no extended master secret",
            hello,
            offer(|e| e.extended_master_secret = false),
            Incompatible::NoExtendedMasterSecret,
            Alert::HANDSHAKE_FAILURE,
        ),
    ];
    check(Version::V12, V12, rows);
}

#[test]
fn hello_of_a_1_3_client_that_breaks_a_rule_is_refused() {
    let hello = CLIENT_HELLO;
    let missing = |typ| Incompatible::MissingExtension(typ);
    let rows = vec![
        row(
            "only older versions",
            hello,
            offer(|e| {
                e.supported_versions = Some(List::from_slice(&[ProtocolVersion::DTLS_1_0]));
            }),
            Incompatible::NoSharedVersion,
            Alert::PROTOCOL_VERSION,
        ),
        row(
            "two compression methods",
            hello,
            client_hello(|h| h.compression_methods = &[0, 1]),
            Misbehaved::Compression,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a cookie of 1.2",
            hello,
            client_hello(|h| h.cookie = &[1]),
            Misbehaved::BadCookie,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no groups",
            hello,
            offer(|e| e.supported_groups = None),
            missing(Ext::SUPPORTED_GROUPS),
            Alert::MISSING_EXTENSION,
        ),
        row(
            "no shares",
            hello,
            offer(|e| e.key_share = None),
            missing(Ext::KEY_SHARE),
            Alert::MISSING_EXTENSION,
        ),
        row(
            "no schemes",
            hello,
            offer(|e| e.signature_algorithms = None),
            missing(Ext::SIGNATURE_ALGORITHMS),
            Alert::MISSING_EXTENSION,
        ),
        row(
            "a share for a group that is not offered",
            hello,
            offer(|e| {
                const ENTRY: KeyShareEntry<'_> =
                    KeyShareEntry { group: UNKNOWN_GROUP, key_exchange: &[1] };
                e.key_share = Some(List::from_slice(&[ENTRY]));
            }),
            Misbehaved::BadExtension(Ext::KEY_SHARE),
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "two shares for one group",
            hello,
            offer(|e| {
                const ENTRY: KeyShareEntry<'_> =
                    KeyShareEntry { group: NamedGroup::X25519, key_exchange: &[1] };
                e.key_share = Some(List::from_slice(&[ENTRY, ENTRY]));
            }),
            Misbehaved::BadExtension(Ext::KEY_SHARE),
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a share that is none",
            hello,
            offer(|e| {
                const ENTRY: KeyShareEntry<'_> =
                    KeyShareEntry { group: NamedGroup::X25519, key_exchange: &[1] };
                e.key_share = Some(List::from_slice(&[ENTRY]));
            }),
            Misbehaved::BadKeyShare,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no shared suite",
            hello,
            client_hello(|h| h.cipher_suites = List::from_slice(&[UNKNOWN_SUITE])),
            Incompatible::NoSharedSuite,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no shared group",
            hello,
            offer(|e| {
                e.supported_groups = Some(List::from_slice(&[UNKNOWN_GROUP]));
                e.key_share = Some(List::default());
            }),
            Incompatible::NoSharedGroup,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "no shared scheme",
            hello,
            offer(|e| {
                e.signature_algorithms = Some(List::from_slice(&[SignatureScheme(0x1337)]));
            }),
            Incompatible::NoSharedSignatureScheme,
            Alert::HANDSHAKE_FAILURE,
        ),
    ];
    check(Version::V13, V13, rows);
}

#[test]
fn hello_with_a_pre_shared_key_that_breaks_a_rule_is_refused() {
    let rows = vec![
        row(
            "no modes",
            CLIENT_HELLO,
            offer(|e| e.psk_key_exchange_modes = None),
            Incompatible::MissingExtension(Ext::PSK_KEY_EXCHANGE_MODES),
            Alert::MISSING_EXTENSION,
        ),
        row(
            "a mode that is not supported",
            CLIENT_HELLO,
            offer(|e| {
                const KE: PskKeyExchangeMode = PskKeyExchangeMode(0);
                e.psk_key_exchange_modes = Some(List::from_slice(&[KE]));
            }),
            Incompatible::NoSharedPsk,
            Alert::HANDSHAKE_FAILURE,
        ),
        row(
            "a binder of another key",
            CLIENT_HELLO,
            last_byte(),
            Misbehaved::BadBinder,
            Alert::DECRYPT_ERROR,
        ),
        row(
            "a key that was not offered",
            SERVER_HELLO,
            server_hello(|h| h.extensions.pre_shared_key = Some(1)),
            Misbehaved::BadExtension(Ext::PRE_SHARED_KEY),
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "no key",
            SERVER_HELLO,
            server_hello(|h| h.extensions.pre_shared_key = None),
            Incompatible::NoSharedPsk,
            Alert::HANDSHAKE_FAILURE,
        ),
    ];
    check(Version::V13, with_psk, rows);
}

#[test]
fn hello_with_a_key_that_the_server_does_not_know_is_refused_as_one_with_a_wrong_key() {
    let mut errors = Vec::new();
    for keys in [vec![], vec![psk(2)]] {
        let (client, mut server) = with_psk();
        server.identities = sealgram_handshake::Identities::Fixed(Vec::new());
        server.psks = Some(PskSource::Inline(std::sync::Arc::new(keys)));
        errors.push(run(client, server, &mut |_, _, _| {}).error);
    }
    assert_eq!(errors[0], Some((Side::Server, Misbehaved::BadBinder.into())));
    assert_eq!(errors[0], errors[1]);
}
