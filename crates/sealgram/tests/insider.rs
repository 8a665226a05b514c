//! A client that has the keys, as anybody may, and breaks the rules of records with them (1.3).

use std::sync::{Arc, Mutex};

use sealgram::crypto::{KeyLog, Secret, TrafficSecret};
use sealgram::iana::{AlertDescription, CipherSuite, ContentType, SignatureScheme, Version};
use sealgram::{
    ClientConfig, CloseReason, Connection, Error, Event, Instant, Path, PeerMisbehaved,
    ServerConfig,
};
use sealgram_record::{RecordLayer, WindowSize};
use sealgram_wire::{Phase, RecordNumber};

const APP: Phase = Phase::Application(0);

/// Keeps the client's first secret for application data.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<u8>>);

impl KeyLog for Log {
    fn log(&self, label: &'static str, _: &[u8; 32], secret: &[u8]) {
        if label == "CLIENT_TRAFFIC_SECRET_0" {
            *self.0.lock().unwrap() = secret.to_vec();
        }
    }
}

fn hand_over(from: &mut Connection, to: &mut Connection) {
    let mut buf = [0; 2048];
    while let Some(transmit) = from.poll_transmit(Instant::ZERO, &mut buf) {
        let datagram = &mut buf[..transmit.len];
        to.handle_datagram(Instant::ZERO, Path::connected(), datagram, &mut |_| {});
    }
}

/// A server that is connected, and what seals records as its client does.
fn connected() -> (Connection, RecordLayer) {
    let log = Arc::new(Log::default());
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let server = ServerConfig::builder_with_provider(nullcrypto::provider(2))
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .without_resumption()
        .build()
        .unwrap();
    let client = ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
        .with_no_client_auth()
        .with_versions(&[Version::V13])
        .with_cipher_suites(&[CipherSuite::TLS_AES_128_GCM_SHA256])
        .with_key_log(log.clone())
        .build()
        .unwrap();
    let path = Path::connected();
    let mut client = Connection::client(&client, None, path, Instant::ZERO).unwrap();
    let mut server = Connection::server_on_trusted_path(&server, path, Instant::ZERO);
    for _ in 0..3 {
        hand_over(&mut client, &mut server);
        hand_over(&mut server, &mut client);
    }
    assert!(server.is_connected());
    while server.poll_event().is_some() {}
    let secret = Secret::copy_from(&log.0.lock().unwrap());
    let suite = &nullcrypto::cipher_suite::TLS_AES_128_GCM_SHA256;
    // Numbers that the client has not used: it has sent nothing but an ACK at most.
    let mut records = RecordLayer::new(RecordNumber::default(), WindowSize::default());
    records.install_write(APP, TrafficSecret::V13 { suite, secret }).unwrap();
    for _ in 0..8 {
        seal(&mut records, ContentType::APPLICATION_DATA, b"");
    }
    (server, records)
}

fn seal(records: &mut RecordLayer, content_type: ContentType, content: &[u8]) -> Vec<u8> {
    let overhead = records.overhead(APP).unwrap();
    let mut record = [&vec![0; overhead.before][..], content, &vec![0; overhead.after]].concat();
    records.seal(APP, content_type, &mut record).unwrap();
    record
}

/// How the server ends after this record, and what it says then.
fn end(
    content_type: ContentType,
    content: &[u8],
) -> Option<(CloseReason, Option<AlertDescription>)> {
    let (mut server, mut records) = connected();
    let mut record = seal(&mut records, content_type, content);
    let deliver = &mut |_: sealgram::Data<'_>| panic!("nothing is delivered");
    server.handle_datagram(Instant::ZERO, Path::connected(), &mut record, deliver);
    core::iter::from_fn(|| server.poll_event()).find_map(|event| match event {
        Event::Closed(closed) => Some((closed.reason, closed.alert_sent)),
        _ => None,
    })
}

#[test]
fn record_of_a_type_that_is_never_protected_ends_the_connection() {
    for typ in [ContentType::CHANGE_CIPHER_SPEC, ContentType::HEARTBEAT, ContentType(99)] {
        let reason = CloseReason::Error(PeerMisbehaved::BadRecord.into());
        let alert = Some(AlertDescription::UNEXPECTED_MESSAGE);
        assert_eq!(end(typ, &[1]), Some((reason, alert)), "{typ:?}");
    }
}

#[test]
fn record_without_content_ends_the_connection() {
    for typ in [ContentType::HANDSHAKE, ContentType::ALERT] {
        let reason = CloseReason::Error(PeerMisbehaved::EmptyRecord.into());
        let alert = Some(AlertDescription::UNEXPECTED_MESSAGE);
        assert_eq!(end(typ, b""), Some((reason, alert)), "{typ:?}");
    }
}

#[test]
fn authentic_content_that_cannot_be_read_ends_the_connection() {
    let fragment_header = [24, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0];
    let beyond_its_message = [24, 0, 0, 1, 0, 9, 0, 0, 1, 0, 0, 1, 0];
    let half_a_number = [0, 8, 0, 0, 0, 0, 0, 0, 0, 3];
    for (typ, content) in [
        (ContentType::HANDSHAKE, &fragment_header[..]),
        (ContentType::HANDSHAKE, &beyond_its_message),
        (ContentType::ALERT, &[2]),
        (ContentType::ACK, &half_a_number),
        (ContentType::ACK, &[0]),
    ] {
        let Some((CloseReason::Error(error), alert)) = end(typ, content) else {
            panic!("{typ:?} {content:?}")
        };
        assert!(matches!(error, Error::Malformed { typ: None, .. }), "{typ:?}: {error:?}");
        assert_eq!(alert, Some(AlertDescription::DECODE_ERROR), "{typ:?} {content:?}");
    }
}

#[test]
fn message_that_is_longer_than_any_ends_the_connection() {
    // The next message, whose length is 2^24 - 1.
    let mut ended = 0;
    for seq in 0..6 {
        let content = [24, 0xff, 0xff, 0xff, 0, seq, 0, 0, 0, 0, 0, 1, 0];
        if let Some((reason, alert)) = end(ContentType::HANDSHAKE, &content) {
            assert_eq!(reason, CloseReason::Error(PeerMisbehaved::MessageTooLong.into()));
            assert_eq!(alert, Some(AlertDescription::ILLEGAL_PARAMETER));
            ended += 1;
        }
    }
    assert!(ended > 0, "repeats are no harm, and the next message is");
}
