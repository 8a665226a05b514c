//! Pre-shared keys in 1.2 (RFC 4279, RFC 5489): messages that do not go with them, and keys and
//! identities that are not the right ones.

use std::sync::Arc;

use sealgram_crypto::KeyExchangeKind;
use sealgram_handshake::{
    ClientConfig, ClientPsk, Error, ExternalPsk, PeerMisbehaved as Misbehaved, ServerConfig,
    ServerVerification, Side,
};
use sealgram_iana::{AlertDescription as Alert, CipherSuite, HandshakeType, NamedGroup, Version};
use sealgram_wire::messages12::{self, ClientKeyExchange, ServerKeyExchange};

use crate::edits::{Edit, SERVER_HELLO, UNKNOWN_GROUP, body, check, row, server_hello};
use crate::joined::{psk, run, undisturbed, with_psk_v12};

const SERVER_KEY_EXCHANGE: (Side, HandshakeType) =
    (Side::Server, HandshakeType::SERVER_KEY_EXCHANGE);
const CLIENT_KEY_EXCHANGE: (Side, HandshakeType) =
    (Side::Client, HandshakeType::CLIENT_KEY_EXCHANGE);

fn exchanging() -> (ClientConfig, ServerConfig) {
    with_psk_v12(KeyExchangeKind::EcdhePsk)
}

fn alone() -> (ClientConfig, ServerConfig) {
    with_psk_v12(KeyExchangeKind::Psk)
}

fn group(new: NamedGroup) -> Edit {
    Box::new(move |body| {
        let copy = body.clone();
        let read = ServerKeyExchange::read(&copy, messages12::KeyExchangeKind::EcdhePsk).unwrap();
        let ServerKeyExchange::EcdhePsk { psk_identity_hint, mut params } = read else { panic!() };
        params.group = new;
        *body = ServerKeyExchange::EcdhePsk { psk_identity_hint, params }.encode();
    })
}

fn share(len: usize) -> Edit {
    let public = vec![1; len];
    let message = ClientKeyExchange::EcdhePsk { psk_identity: b"device", public: &public };
    body(message.encode())
}

fn identity(new: &[u8]) -> Edit {
    body(ClientKeyExchange::Psk { psk_identity: new }.encode())
}

#[test]
fn flight_that_breaks_a_rule_of_psk_suites_is_refused() {
    let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let illegal = Alert::ILLEGAL_PARAMETER;
    let rows = vec![
        row(
            "a suite with a certificate",
            SERVER_HELLO,
            server_hello(move |h| h.cipher_suite = suite),
            Misbehaved::UnofferedSuite,
            illegal,
        ),
        row(
            "a group that was not offered",
            SERVER_KEY_EXCHANGE,
            group(UNKNOWN_GROUP),
            Misbehaved::UnofferedGroup,
            illegal,
        ),
        row("a bad share", CLIENT_KEY_EXCHANGE, share(7), Misbehaved::BadKeyShare, illegal),
    ];
    check(Version::V12, exchanging, rows);
    // An identity that does not exist is a wrong key, whatever it looks like.
    let alert = Alert::DECRYPT_ERROR;
    let longer = [b'x'; ExternalPsk::MAX_IDENTITY + 1];
    let rows = vec![
        row("no identity", CLIENT_KEY_EXCHANGE, identity(b""), Misbehaved::BadFinished, alert),
        row("another", CLIENT_KEY_EXCHANGE, identity(b"nobody"), Misbehaved::BadFinished, alert),
        row("a long one", CLIENT_KEY_EXCHANGE, identity(&longer), Misbehaved::BadFinished, alert),
    ];
    check(Version::V12, alone, rows);
}

/// The client's key is another one: the server goes on to the Finished, which tells.
#[test]
fn wrong_key_and_unknown_identity_are_noticed_at_the_same_message() {
    for sides in [exchanging, alone] {
        let mut outcomes = Vec::new();
        let stranger = Arc::new(ExternalPsk::new(b"nobody", &[1; 32]).unwrap());
        for key in [psk(2), stranger] {
            let (mut client, server) = sides();
            client.verification = ServerVerification::Psk(ClientPsk::One(key));
            let outcome = undisturbed(client, server);
            let lengths: Vec<_> = outcome
                .messages
                .iter()
                .map(|(from, message)| (*from, message.typ, message.body.len()))
                .collect();
            outcomes.push((outcome.error, lengths));
        }
        let bad = Error::PeerMisbehaved(Misbehaved::BadFinished);
        assert_eq!(outcomes[0].0, Some((Side::Server, bad)));
        assert_eq!(outcomes[0], outcomes[1]);
    }
}

/// RFC 4279 §2: nobody shows a certificate or asks for one, and what has a key exchange says so
/// before it is done.
#[test]
fn message_that_does_not_belong_to_psk_suites_is_unexpected() {
    for (sides, at, typ) in [
        (exchanging as fn() -> _, HandshakeType::SERVER_KEY_EXCHANGE, HandshakeType::CERTIFICATE),
        (exchanging, HandshakeType::SERVER_KEY_EXCHANGE, HandshakeType::SERVER_HELLO_DONE),
        (exchanging, HandshakeType::SERVER_HELLO_DONE, HandshakeType::CERTIFICATE_REQUEST),
        (exchanging, HandshakeType::SERVER_HELLO_DONE, HandshakeType::SERVER_KEY_EXCHANGE),
        (alone, HandshakeType::SERVER_HELLO_DONE, HandshakeType::SERVER_KEY_EXCHANGE),
        (alone, HandshakeType::CLIENT_KEY_EXCHANGE, HandshakeType::CERTIFICATE),
        (alone, HandshakeType::FINISHED, HandshakeType::CERTIFICATE_VERIFY),
    ] {
        let (client, server): (ClientConfig, ServerConfig) = sides();
        let outcome = run(client, server, &mut |_, _, message| {
            if message.typ == at {
                message.typ = typ;
            }
        });
        let Some((_, Error::UnexpectedMessage { got, .. })) = outcome.error else {
            panic!("{at} as {typ}: {:?}", outcome.error)
        };
        assert_eq!(got, typ);
    }
}
