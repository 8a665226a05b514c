//! Second hellos, and what servers ask for them with.

use sealgram_handshake::{
    ClientConfig, Error, PeerIncompatible as Incompatible, PeerMisbehaved as Misbehaved,
    ServerConfig, Side,
};
use sealgram_iana::{
    AlertDescription as Alert, CipherSuite, CompressionMethod, ExtensionType as Ext, HandshakeType,
    NamedGroup, ProtocolVersion, Version,
};
use sealgram_wire::{HelloVerifyRequest, OwnedMessage, Random, ServerHello};

use crate::edits::{SERVER_HELLO, UNKNOWN_GROUP, V13, check, offer, row, server_hello};
use crate::joined::{client, run, tell};

fn with_retry() -> (ClientConfig, ServerConfig) {
    let (client, mut server) = V13();
    server.common.provider.groups.remove(0);
    (client, server)
}

#[test]
fn retry_that_breaks_a_rule_is_refused() {
    let selects = |group| server_hello(move |h| h.extensions.selected_group = group);
    let rows = vec![
        row(
            "nothing changes",
            SERVER_HELLO,
            selects(None),
            Misbehaved::PointlessRetry,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "the share is there",
            SERVER_HELLO,
            selects(Some(NamedGroup::X25519)),
            Misbehaved::PointlessRetry,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a group that was not offered",
            SERVER_HELLO,
            selects(Some(UNKNOWN_GROUP)),
            Misbehaved::UnofferedGroup,
            Alert::ILLEGAL_PARAMETER,
        ),
        row(
            "a session ID",
            SERVER_HELLO,
            server_hello(|h| h.session_id = &[1]),
            Misbehaved::BadSessionId,
            Alert::ILLEGAL_PARAMETER,
        ),
    ];
    check(Version::V13, with_retry, rows);
}

/// Runs a handshake with a retry, whose second hello of one side `tamper` changes.
fn second_hello(
    from: Side,
    tamper: impl Fn(&mut OwnedMessage, &OwnedMessage),
) -> Option<(Side, Error)> {
    let (client, server) = with_retry();
    let mut first: Option<OwnedMessage> = None;
    let hellos = [HandshakeType::CLIENT_HELLO, HandshakeType::SERVER_HELLO];
    run(client, server, &mut |_, side, message| {
        if side == from && hellos.contains(&message.typ) {
            match &first {
                None => first = Some(message.clone()),
                Some(first) => tamper(message, first),
            }
        }
    })
    .error
}

#[test]
fn second_hello_that_is_not_what_the_retry_asks_for_is_refused() {
    let again = |message: &mut OwnedMessage, first: &OwnedMessage| {
        message.body.clone_from(&first.body);
    };
    // The first hello again, which still lacks the share.
    let changed = second_hello(Side::Client, again);
    assert_eq!(changed, Some((Side::Server, Misbehaved::HelloChanged.into())));
    // 1.2 all of a sudden.
    let changed = second_hello(Side::Client, |message, _| {
        offer(|e| e.supported_versions = None)(&mut message.body);
    });
    assert_eq!(changed, Some((Side::Server, Incompatible::NoSharedVersion.into())));
    // A second retry (RFC 8446 §4.1.4).
    let Some((Side::Client, Error::UnexpectedMessage { got, .. })) =
        second_hello(Side::Server, again)
    else {
        panic!("a second retry")
    };
    assert_eq!(got, HandshakeType::SERVER_HELLO);
    // Another suite than the retry said.
    let changed = second_hello(Side::Server, |message, _| {
        server_hello(|h| h.cipher_suite = CipherSuite::TLS_CHACHA20_POLY1305_SHA256)(
            &mut message.body,
        );
    });
    assert_eq!(changed, Some((Side::Client, Misbehaved::UnofferedSuite.into())));
    // 1.2 after a retry.
    let changed = second_hello(Side::Server, |message, _| {
        server_hello(|h| h.extensions.supported_versions = None)(&mut message.body);
    });
    assert_eq!(changed.map(|(side, _)| side), Some(Side::Client));
}

/// Cookies of a server that never has enough of them.
fn cookie_requests(count: usize) -> Vec<(HandshakeType, Vec<u8>)> {
    let server_version = ProtocolVersion::DTLS_1_0;
    let request = HelloVerifyRequest { server_version, cookie: &[7; 32] }.encode();
    vec![(HandshakeType::HELLO_VERIFY_REQUEST, request); count]
}

#[test]
fn cookie_request_of_a_server_that_speaks_only_1_3_is_refused() {
    let results = tell(client(&[Version::V13]), &cookie_requests(1));
    assert_eq!(results, [Err(Incompatible::NoSharedVersion.into())]);
}

#[test]
fn fifth_cookie_request_is_refused() {
    let results = tell(client(&[Version::V12]), &cookie_requests(5));
    let (last, first) = results.split_last().unwrap();
    assert!(first.iter().all(Result::is_ok));
    assert_eq!(*last, Err(Misbehaved::TooManyHelloVerifyRequests.into()));
}

#[test]
fn server_hello_of_1_3_after_a_cookie_request_of_1_2_is_refused() {
    let hello = ServerHello {
        legacy_version: ProtocolVersion::DTLS_1_2,
        random: Random([3; 32]),
        session_id: &[],
        cipher_suite: CipherSuite::TLS_AES_128_GCM_SHA256,
        compression_method: CompressionMethod::NULL,
        extensions: sealgram_wire::ServerExtensions {
            supported_versions: Some(ProtocolVersion::DTLS_1_3),
            ..Default::default()
        },
    };
    let mut messages = cookie_requests(1);
    messages.push((HandshakeType::SERVER_HELLO, hello.encode()));
    let results = tell(client(&[Version::V12, Version::V13]), &messages);
    let refused = Misbehaved::BadExtension(Ext::SUPPORTED_VERSIONS).into();
    assert_eq!(results, [Ok(()), Err(refused)]);
}
