//! What peers do that cannot be done through the API: records are sealed with the keys of the
//! other end.

extern crate std;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use sealgram_handshake::{Error, PeerIncompatible, PeerMisbehaved};
use sealgram_iana::{
    AlertDescription, ContentType, HandshakeType, NamedGroup, SignatureScheme, Version,
};
use sealgram_wire::messages13::EncryptedExtensions;
use sealgram_wire::{Fragment, Phase, Reader};

use crate::{
    ClientConfig, CloseReason, Closed, Connection, Event, Instant, Misuse, Path, ServerConfig,
    TimeoutKind,
};

const NOW: Instant = Instant::ZERO;

fn pair(client: &[Version], server: &[Version]) -> (Connection, Connection) {
    let provider = nullcrypto::provider(1);
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .without_resumption()
        .with_versions(server)
        .build()
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .with_versions(client)
        .build()
        .unwrap();
    let client = Connection::client(&client, None, Path::connected(), NOW).unwrap();
    (client, Connection::server_on_trusted_path(&server, Path::connected(), NOW))
}

fn sent(from: &mut Connection, now: Instant) -> Vec<Vec<u8>> {
    let mut buf = [0; 2048];
    let next = || from.poll_transmit(now, &mut buf).map(|transmit| buf[..transmit.len].to_vec());
    core::iter::from_fn(next).collect()
}

/// Hands a datagram over; returns the application data in it.
fn receive(to: &mut Connection, now: Instant, datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut data = Vec::new();
    let mut datagram = datagram.to_vec();
    to.handle_datagram(now, Path::connected(), &mut datagram, &mut |d| data.push(d.bytes.to_vec()));
    data
}

/// Hands everything over until nobody has anything; whether there was anything.
fn settle(a: &mut Connection, b: &mut Connection, now: Instant) {
    loop {
        let (from_a, from_b) = (sent(a, now), sent(b, now));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        from_a.iter().for_each(|datagram| drop(receive(b, now, datagram)));
        from_b.iter().for_each(|datagram| drop(receive(a, now, datagram)));
    }
}

fn connected(version: Version) -> (Connection, Connection) {
    let (mut client, mut server) = pair(&[version], &[version]);
    settle(&mut client, &mut server, NOW);
    assert!(client.is_connected() && server.is_connected());
    (client, server)
}

/// A record as `from` would never send it.
fn record(from: &mut Connection, phase: Phase, typ: ContentType, content: &[u8]) -> Vec<u8> {
    let overhead = from.records.overhead(phase).unwrap();
    let mut record = vec![0; overhead.before + content.len() + overhead.after];
    record[overhead.before..][..content.len()].copy_from_slice(content);
    from.records.seal(phase, typ, &mut record).unwrap();
    record
}

fn closed(connection: &mut Connection) -> Option<Closed> {
    core::iter::from_fn(|| connection.poll_event()).find_map(|event| match event {
        Event::Closed(closed) => Some(closed),
        _ => None,
    })
}

fn reason(connection: &mut Connection) -> Option<CloseReason> {
    closed(connection).map(|closed| closed.reason)
}

#[test]
fn data_under_the_keys_of_the_handshake_is_never_delivered() {
    let (mut client, mut server) = pair(&[Version::V13], &[Version::V13]);
    sent(&mut client, NOW).iter().for_each(|hello| drop(receive(&mut server, NOW, hello)));
    let flight = sent(&mut server, NOW);
    let data = record(&mut server, Phase::Handshake, ContentType::APPLICATION_DATA, b"early");
    flight.iter().for_each(|datagram| drop(receive(&mut client, NOW, datagram)));
    assert!(receive(&mut client, NOW, &data).is_empty());
    let expected = CloseReason::Error(PeerMisbehaved::WrongPhase.into());
    assert_eq!(reason(&mut client), Some(expected.clone()));

    // Nor when the handshake is complete.
    let (mut client, mut server) = connected(Version::V13);
    let data = record(&mut client, Phase::Handshake, ContentType::APPLICATION_DATA, b"late");
    assert!(receive(&mut server, NOW, &data).is_empty());
    assert_eq!(reason(&mut server), Some(expected));
}

fn misbehaved(connection: &mut Connection, what: PeerMisbehaved) {
    assert_eq!(reason(connection), Some(CloseReason::Error(what.into())));
}

#[test]
fn authenticated_record_with_content_that_cannot_be_ends_the_connection() {
    let (mut client, mut server) = connected(Version::V13);
    let strange = record(&mut client, Phase::Application(0), ContentType(99), b"x");
    assert!(receive(&mut server, NOW, &strange).is_empty());
    misbehaved(&mut server, PeerMisbehaved::BadRecord);
}

#[test]
fn authenticated_empty_handshake_record_ends_the_connection() {
    for version in [Version::V12, Version::V13] {
        let (mut client, mut server) = connected(version);
        let empty = record(&mut client, Phase::Application(0), ContentType::HANDSHAKE, b"");
        assert!(receive(&mut server, NOW, &empty).is_empty());
        misbehaved(&mut server, PeerMisbehaved::EmptyRecord);
    }
}

#[test]
fn authenticated_fragments_that_contradict_each_other_end_the_connection() {
    let (mut client, mut server) = connected(Version::V13);
    let part = |seq: [u8; 2], byte| {
        let header = [24, 0, 0, 2, seq[0], seq[1], 0, 0, 0, 0, 0, 1];
        [&header[..], &[byte]].concat()
    };
    let next = server.flight.next_receive().unwrap().0.to_be_bytes();
    for byte in [0, 1] {
        let content = part(next, byte);
        let fragment = record(&mut client, Phase::Application(0), ContentType::HANDSHAKE, &content);
        assert!(receive(&mut server, NOW, &fragment).is_empty());
    }
    misbehaved(&mut server, PeerMisbehaved::ConflictingFragments);
}

#[test]
fn key_updates_without_end_and_without_data_end_the_connection() {
    let (mut client, mut server) = connected(Version::V13);
    let mut updates = 0;
    while !server.is_closed() {
        assert!(updates < 100, "there is a bound");
        client.update_keys(NOW, false).unwrap();
        settle(&mut client, &mut server, NOW);
        // ACKs are not sent at once.
        while let Some(timeout) = server.poll_timeout().filter(|t| t.what == TimeoutKind::Ack) {
            server.handle_timeout(timeout.at);
            settle(&mut client, &mut server, timeout.at);
        }
        updates += 1;
    }
    assert_eq!(updates, 33);
    misbehaved(&mut server, PeerMisbehaved::TooManyKeyUpdates);
}

#[test]
fn data_in_plaintext_is_dropped() {
    for version in [Version::V12, Version::V13] {
        let (mut client, mut server) = connected(version);
        let forged = [&[23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2][..], b"hi"].concat();
        for to in [&mut client, &mut server] {
            assert!(receive(to, NOW, &forged).is_empty());
            assert!(to.is_connected());
        }
    }
}

#[test]
fn alert_is_under_keys_that_the_peer_has() {
    // The client fails when its Finished waits to be sent: the server cannot have keys for
    // anything that follows it.
    let (mut client, mut server) = pair(&[Version::V13], &[Version::V13]);
    sent(&mut client, NOW).iter().for_each(|hello| drop(receive(&mut server, NOW, hello)));
    let flight = sent(&mut server, NOW);
    let extra = record(&mut server, Phase::Handshake, ContentType::APPLICATION_DATA, b"");
    flight.iter().for_each(|datagram| drop(receive(&mut client, NOW, datagram)));
    receive(&mut client, NOW, &extra);
    sent(&mut client, NOW).iter().for_each(|alert| drop(receive(&mut server, NOW, alert)));
    let description = AlertDescription::UNEXPECTED_MESSAGE;
    let expected = Error::AlertReceived { description, authenticated: true };
    assert_eq!(reason(&mut server), Some(CloseReason::Error(expected)));
}

#[test]
fn hello_after_a_verify_request_keeps_its_record_version() {
    // A server that knows no version yet may insist on 1.0 (RFC 9147 §4: the first hello).
    let (mut client, _) = pair(&[Version::V12, Version::V13], &[Version::V12]);
    let hello = sent(&mut client, NOW);
    assert_eq!(hello[0][1..3], [254, 255]);
    receive(&mut client, NOW, &verify_request());
    let again = sent(&mut client, NOW);
    assert_eq!(again[0][1..3], [254, 255]);
}

#[test]
fn verify_request_to_a_client_of_1_3_alone_says_that_the_server_is_older() {
    let (mut client, _) = pair(&[Version::V13], &[Version::V12]);
    sent(&mut client, NOW);
    receive(&mut client, NOW, &verify_request());
    let closed = closed(&mut client).unwrap();
    let expected = CloseReason::Error(PeerIncompatible::NoSharedVersion.into());
    assert_eq!(closed.reason, expected);
    assert_eq!(closed.alert_sent, Some(AlertDescription::PROTOCOL_VERSION));
}

/// A HelloVerifyRequest with a cookie of one byte (RFC 6347 §4.2.1).
fn verify_request() -> Vec<u8> {
    let body = [254, 255, 1, 0xaa];
    let header = [3, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4];
    let record = [22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16];
    [&record[..], &header, &body].concat()
}

fn key_updates(connection: &mut Connection) -> usize {
    let events = core::iter::from_fn(|| connection.poll_event());
    events.filter(|event| matches!(event, Event::KeysUpdated)).count()
}

/// Lets the ACK timer of `of` fire.
fn acks(of: &mut Connection, now: &mut Instant) -> Vec<Vec<u8>> {
    *now = of.timeout(TimeoutKind::Ack).unwrap();
    of.handle_timeout(*now);
    sent(of, *now)
}

#[test]
fn requests_for_new_keys_cost_one_update_as_long_as_it_is_under_way() {
    let (mut client, mut server) = connected(Version::V13);
    let mut now = NOW;
    for _ in 0..3 {
        server.update_keys(now, true).unwrap();
        sent(&mut server, now).iter().for_each(|update| drop(receive(&mut client, now, update)));
        // The client's own update is lost, and its ACK arrives.
        sent(&mut client, now);
        acks(&mut client, &mut now).iter().for_each(|ack| drop(receive(&mut server, now, ack)));
        assert_eq!(key_updates(&mut server), 1);
    }
    now = client.timeout(TimeoutKind::Retransmit).unwrap();
    client.handle_timeout(now);
    sent(&mut client, now).iter().for_each(|update| drop(receive(&mut server, now, update)));
    acks(&mut server, &mut now).iter().for_each(|ack| drop(receive(&mut client, now, ack)));
    assert_eq!(key_updates(&mut client), 1);
    // Nor is another one on its way.
    assert!(sent(&mut client, now).is_empty());
}

#[test]
fn old_keys_are_kept_for_a_while_after_the_new_ones_are_used() {
    let (mut client, mut server) = connected(Version::V13);
    let mut now = NOW;
    let old = Phase::Application(0);
    let mut late = || record(&mut client, old, ContentType::APPLICATION_DATA, b"late");
    let late = [late(), late(), late()];
    client.update_keys(now, false).unwrap();
    sent(&mut client, now).iter().for_each(|update| drop(receive(&mut server, now, update)));
    acks(&mut server, &mut now).iter().for_each(|ack| drop(receive(&mut client, now, ack)));

    // As long as the peer does not use them, whatever the time.
    let hour = now.saturating_add(Duration::from_secs(3600));
    server.handle_timeout(hour);
    assert_eq!(receive(&mut server, hour, &late[0]), [b"late"]);

    let mut buf = [0; 256];
    let transmit = client.send(hour, b"new", &mut buf).unwrap();
    assert_eq!(receive(&mut server, hour, &buf[..transmit.len]), [b"new"]);
    let end = server.timeout(TimeoutKind::Cleanup).unwrap();
    assert_eq!(end.saturating_since(hour), Duration::from_secs(240));
    let before = Instant::from_micros(end.as_micros() - 1);
    server.handle_timeout(before);
    assert_eq!(receive(&mut server, before, &late[1]), [b"late"]);
    server.handle_timeout(end);
    assert!(receive(&mut server, end, &late[2]).is_empty());
    assert!(server.is_connected());
    assert_eq!(server.timeout(TimeoutKind::Cleanup), None);
}

/// The extensions of a 1.3 server's EncryptedExtensions: the second record of its first datagram.
fn encrypted_extensions_have_server_name(datagram: &[u8]) -> bool {
    let hello_len = usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
    // One byte of flags, two of sequence number, two of length; nullcrypto's keystream is one byte
    // again and again, and the first byte of the message is known.
    let sealed = &datagram[13 + hello_len + 5..];
    let key = sealed[0] ^ HandshakeType::ENCRYPTED_EXTENSIONS.0;
    let message: Vec<u8> = sealed.iter().map(|byte| byte ^ key).collect();
    let fragment = Fragment::read(&mut Reader::new(&message)).unwrap();
    EncryptedExtensions::read(fragment.body).unwrap().extensions.server_name
}

#[test]
fn server_name_is_acknowledged_unless_a_session_is_resumed() {
    let provider = nullcrypto::provider(1);
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    let server_config = ServerConfig::builder_with_provider(provider.clone())
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .with_versions(&[Version::V13])
        .build()
        .unwrap();
    let client_config = ClientConfig::builder_with_provider(provider)
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .with_versions(&[Version::V13])
        .build()
        .unwrap();
    for resumed in [false, true] {
        let name = Some("example.org".try_into().unwrap());
        let path = Path::connected();
        let mut client = Connection::client(&client_config, name, path, NOW).unwrap();
        let mut server = Connection::server_on_trusted_path(&server_config, path, NOW);
        sent(&mut client, NOW).iter().for_each(|hello| drop(receive(&mut server, NOW, hello)));
        let flight = sent(&mut server, NOW);
        assert_eq!(encrypted_extensions_have_server_name(&flight[0]), !resumed);
        flight.iter().for_each(|datagram| drop(receive(&mut client, NOW, datagram)));
        settle(&mut client, &mut server, NOW);
        assert_eq!(client.info().negotiated.as_ref().unwrap().resumed, resumed);
    }
}

#[test]
fn retry_for_another_group_is_told_on_both_sides() {
    for groups in [&[NamedGroup::X25519, NamedGroup::SECP256R1][..], &[NamedGroup::SECP256R1]] {
        let provider = nullcrypto::provider(1);
        let (certificate, _) = nullcrypto::certificate(7);
        let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
        let server = ServerConfig::builder_with_provider(provider)
            .with_no_client_auth()
            .with_identity(vec![certificate], &key)
            .with_versions(&[Version::V13])
            .with_groups(groups)
            .build()
            .unwrap();
        let (mut client, _) = pair(&[Version::V13], &[Version::V13]);
        let mut server = Connection::server_on_trusted_path(&server, Path::connected(), NOW);
        settle(&mut client, &mut server, NOW);
        for end in [client, server] {
            assert!(end.is_connected());
            assert_eq!(end.info().hello_retried, groups.len() == 1);
            assert!(!end.info().cookie_exchanged);
        }
    }
}

#[test]
fn label_that_1_3_cannot_express_is_out_of_range() {
    let (client, _) = connected(Version::V13);
    let mut out = [0; 32];
    let refused = client.export_keying_material(&mut out, b"", None);
    assert_eq!(refused, Err(Misuse::OutOfRange("the label or the length")));
    assert_eq!(client.export_keying_material(&mut out, b"label", None), Ok(()));
}

/// An ACK's content: one record (RFC 9147 §7).
fn ack(epoch: u64, sequence: u64) -> Vec<u8> {
    [&[0, 16][..], &epoch.to_be_bytes(), &sequence.to_be_bytes()].concat()
}

#[test]
fn ack_of_a_higher_epoch_than_it_may_name_is_fatal() {
    let rows = [
        (Phase::Handshake, 2, false),
        (Phase::Handshake, 3, true),
        // Our keys can be newer than the peer's.
        (Phase::Application(0), 4, false),
        (Phase::Application(0), 65_535, false),
        (Phase::Application(0), 65_536, true),
        (Phase::Application(0), u64::MAX, true),
    ];
    for (phase, epoch, fatal) in rows {
        let (mut client, mut server) = connected(Version::V13);
        let ack = record(&mut server, phase, ContentType::ACK, &ack(epoch, 99));
        receive(&mut client, NOW, &ack);
        let closed = closed(&mut client);
        assert_eq!(closed.is_some(), fatal);
        if let Some(closed) = closed {
            assert_eq!(closed.reason, CloseReason::Error(PeerMisbehaved::BadAck.into()));
            assert_eq!(closed.alert_sent, Some(AlertDescription::ILLEGAL_PARAMETER));
        }
    }
}

#[test]
fn forged_ack_of_protected_records_stops_neither_retransmission_nor_handshake() {
    let header = [26, 254, 253, 0, 0, 0, 0, 0, 0, 0, 77, 0, 18];
    for progress in [true, false] {
        let (mut client, mut server) = pair(&[Version::V13], &[Version::V13]);
        sent(&mut client, NOW).iter().for_each(|hello| drop(receive(&mut server, NOW, hello)));
        let flight = sent(&mut server, NOW);
        for sequence in 0..10 {
            receive(&mut server, NOW, &[&header[..], &ack(2, sequence)].concat());
        }
        if progress {
            flight.iter().for_each(|datagram| drop(receive(&mut client, NOW, datagram)));
            settle(&mut client, &mut server, NOW);
            assert!(server.is_connected());
        } else {
            // Whoever sent it, nobody says anything else.
            let at = server.timeout(TimeoutKind::Deadline).unwrap();
            server.handle_timeout(at);
            let expected = CloseReason::Error(PeerMisbehaved::BadAck.into());
            assert_eq!(reason(&mut server), Some(expected));
        }
    }
}

#[test]
fn forged_ack_before_the_version_is_known_is_ignored() {
    let (mut client, _) = pair(&[Version::V12, Version::V13], &[Version::V13]);
    let hello = sent(&mut client, NOW);
    let header = [26, 254, 253, 0, 0, 0, 0, 0, 0, 0, 77, 0, 18];
    receive(&mut client, NOW, &[&header[..], &ack(0, 0)].concat());
    receive(&mut client, NOW, &[&header[..], &ack(2, 0)].concat());
    let at = client.timeout(TimeoutKind::Retransmit).unwrap();
    client.handle_timeout(at);
    assert_eq!(sent(&mut client, at).len(), hello.len());
    assert_eq!(closed(&mut client), None);
}
