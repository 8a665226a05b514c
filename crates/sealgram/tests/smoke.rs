//! Both sides of the library, joined in memory: the first thing to run after a change.

use std::sync::{Arc, Mutex};

use sealgram::crypto::{KeyLog, Secret, TrafficSecret};
use sealgram::iana::{CipherSuite, ContentType, SignatureScheme, Version};
use sealgram::{
    ClientConfig, CloseReason, Connection, Endpoint, EndpointConfig, Event, Instant, Path,
    PeerMisbehaved, Routed, ServerConfig, TransportConfig,
};
use sealgram_record::{RecordLayer, WindowSize};
use sealgram_wire::{Phase, RecordNumber};

fn path() -> Path {
    Path::to("192.0.2.1:5000".parse().unwrap())
}

fn client_config(versions: &[Version]) -> ClientConfig {
    let (certificate, _) = nullcrypto::certificate(9);
    let key = nullcrypto::private_key(9, SignatureScheme::ECDSA_SECP256R1_SHA256);
    ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
        .with_identity(vec![certificate], &key)
        .with_versions(versions)
        .build()
        .unwrap()
}

fn server_config(
    versions: &[Version],
    groups: Option<&[sealgram::iana::NamedGroup]>,
) -> ServerConfig {
    server_config_with(nullcrypto::provider(2), versions, groups)
}

fn server_config_with(
    provider: sealgram::crypto::CryptoProvider,
    versions: &[Version],
    groups: Option<&[sealgram::iana::NamedGroup]>,
) -> ServerConfig {
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let builder = ServerConfig::builder_with_provider(provider)
        .with_client_verifier(Arc::new(nullcrypto::Verifier { client_required: true }))
        .with_identity(vec![certificate], &key)
        .with_session_cache(Arc::new(sealgram::MemorySessionCache::new(8, 3600)))
        .with_versions(versions);
    match groups {
        Some(groups) => builder.with_groups(groups),
        None => builder,
    }
    .build()
    .unwrap()
}

/// A client and a server behind an endpoint, with everything handed over at once.
struct Joined {
    client: Connection,
    endpoint: Endpoint,
    server: Option<Connection>,
    replies: usize,
}

impl Joined {
    fn new(
        client: &[Version],
        server: &[Version],
        groups: Option<&[sealgram::iana::NamedGroup]>,
    ) -> Self {
        Self::with(&client_config(client), server_config(server, groups))
    }

    fn with(client: &ClientConfig, server: ServerConfig) -> Self {
        let endpoint = Endpoint::new(EndpointConfig::new(), Some(server)).unwrap();
        let name = "example.com".try_into().unwrap();
        let client =
            Connection::client(client, Some(name), Path::connected(), Instant::ZERO).unwrap();
        Self { client, endpoint, server: None, replies: 0 }
    }

    /// Hands datagrams over until nobody has any; returns what each side received.
    fn settle(&mut self, now: Instant) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
        let (mut buf, mut out) = ([0; 2048], [0; 2048]);
        loop {
            let mut quiet = true;
            while let Some(transmit) = self.client.poll_transmit(now, &mut buf) {
                quiet = false;
                let datagram = &mut buf[..transmit.len];
                match self.endpoint.handle_datagram(now, path(), datagram, &mut out) {
                    Routed::Reply(reply) => {
                        self.replies += 1;
                        let reply = &mut out[..reply.len];
                        self.client.handle_datagram(now, path(), reply, &mut |_| {});
                    }
                    Routed::Accept(incoming) => {
                        self.server = self.endpoint.accept(incoming, now).map(|(_, conn)| conn);
                    }
                    Routed::Connection(_, datagram) => {
                        let server = self.server.as_mut().unwrap();
                        server.handle_datagram(now, path(), datagram, &mut |data| {
                            at_server.push(data.bytes.to_vec());
                        });
                    }
                    other => panic!("{other:?}"),
                }
            }
            if let Some(server) = &mut self.server {
                while let Some(transmit) = server.poll_transmit(now, &mut buf) {
                    quiet = false;
                    let datagram = &mut buf[..transmit.len];
                    self.client.handle_datagram(now, path(), datagram, &mut |data| {
                        at_client.push(data.bytes.to_vec());
                    });
                }
            }
            if quiet {
                return (at_client, at_server);
            }
        }
    }

    fn server(&mut self) -> &mut Connection {
        self.server.as_mut().expect("a server was made")
    }

    fn version(&mut self) -> Option<Version> {
        let client = self.client.info().negotiated.as_ref()?.version;
        let server = self.server().info().negotiated.as_ref()?.version;
        (client == server).then_some(client)
    }

    fn exchange(&mut self, now: Instant) {
        let mut buf = [0; 256];
        let transmit = self.client.send(now, b"ping", &mut buf).unwrap();
        let mut got: Vec<u8> = Vec::new();
        let handled =
            self.server().handle_datagram(now, path(), &mut buf[..transmit.len], &mut |d| {
                got.extend_from_slice(d.bytes)
            });
        assert!(handled.opened);
        assert_eq!(got, b"ping");
        let transmit = self.server().send(now, b"pong", &mut buf).unwrap();
        got.clear();
        self.client.handle_datagram(now, path(), &mut buf[..transmit.len], &mut |d| {
            got.extend_from_slice(d.bytes)
        });
        assert_eq!(got, b"pong");
    }
}

#[test]
fn both_versions_exchange_data_after_a_cookie() {
    for version in [Version::V12, Version::V13] {
        let mut joined = Joined::new(&[version], &[version], None);
        joined.settle(Instant::ZERO);
        assert_eq!(joined.version(), Some(version));
        assert_eq!(joined.replies, 1);
        assert!(matches!(joined.client.poll_event(), Some(Event::Connected(_))));
        assert!(matches!(joined.server().poll_event(), Some(Event::Connected(_))));
        for info in [joined.client.info().clone(), joined.server().info().clone()] {
            assert!(info.cookie_exchanged);
            assert_eq!(info.hello_retried, version == Version::V13);
        }
        joined.exchange(Instant::ZERO);
    }
}

#[test]
fn highest_shared_version_is_chosen() {
    let both = [Version::V12, Version::V13];
    let rows = [
        (&both[..], &both[..], Version::V13),
        (&both[..], &both[..1], Version::V12),
        (&both[..1], &both[..], Version::V12),
        (&both[1..], &both[..], Version::V13),
    ];
    for (client, server, expected) in rows {
        let mut joined = Joined::new(client, server, None);
        joined.settle(Instant::ZERO);
        assert_eq!(joined.version(), Some(expected));
        joined.exchange(Instant::ZERO);
    }
}

#[test]
fn group_without_a_share_is_asked_for_together_with_the_cookie() {
    let groups = [sealgram::iana::NamedGroup::SECP384R1];
    let mut joined = Joined::new(&[Version::V13], &[Version::V13], Some(&groups));
    joined.settle(Instant::ZERO);
    assert_eq!(joined.replies, 1);
    let negotiated = joined.client.info().negotiated.clone().unwrap();
    assert_eq!(negotiated.group, Some(groups[0]));
    joined.exchange(Instant::ZERO);
}

#[test]
fn keys_are_updated_in_both_directions() {
    let mut joined = Joined::new(&[Version::V13], &[Version::V13], None);
    joined.settle(Instant::ZERO);
    joined.client.poll_event();
    for round in 1..=5 {
        joined.client.update_keys(Instant::ZERO, true).unwrap();
        joined.exchange(Instant::ZERO);
        joined.settle(Instant::ZERO);
        // The ACK timer of the last one to hear something.
        let later = Instant::from_micros(round * 10_000_000);
        joined.client.handle_timeout(later);
        joined.server().handle_timeout(later);
        joined.settle(later);
        let later = Instant::from_micros(round * 10_000_000 + 5_000_000);
        joined.client.handle_timeout(later);
        joined.server().handle_timeout(later);
        joined.settle(later);
        assert!(matches!(joined.client.poll_event(), Some(Event::KeysUpdated)), "round {round}");
        joined.exchange(later);
    }
}

#[test]
fn session_is_resumed_and_keeps_the_certificates_of_both_sides() {
    for version in [Version::V12, Version::V13] {
        let (client, server) = (client_config(&[version]), server_config(&[version], None));
        for resumed in [false, true, true] {
            let mut joined = Joined::with(&client, server.clone());
            joined.settle(Instant::ZERO);
            assert_eq!(joined.version(), Some(version));
            for conn in [&mut joined.client, joined.server.as_mut().unwrap()] {
                let Some(Event::Connected(connected)) = conn.poll_event() else {
                    panic!("not connected")
                };
                assert_eq!(connected.negotiated.resumed, resumed, "{version:?}");
                assert_eq!(connected.peer_chain.len(), 1);
            }
            joined.exchange(Instant::ZERO);
        }
    }
}

#[test]
fn session_is_resumed_after_a_retry_for_another_group() {
    let client = client_config(&[Version::V13]);
    let server = server_config(&[Version::V13], Some(&[sealgram::iana::NamedGroup::SECP384R1]));
    for resumed in [false, true] {
        let mut joined = Joined::with(&client, server.clone());
        joined.settle(Instant::ZERO);
        assert_eq!(joined.client.info().negotiated.as_ref().unwrap().resumed, resumed);
        joined.exchange(Instant::ZERO);
    }
}

#[test]
fn server_with_other_ticket_keys_falls_back_to_a_full_handshake() {
    for version in [Version::V12, Version::V13] {
        let client = client_config(&[version]);
        for seed in 10..12 {
            let provider = nullcrypto::provider(seed);
            let server = server_config_with(provider, &[version], None);
            let mut joined = Joined::with(&client, server);
            joined.settle(Instant::ZERO);
            assert!(!joined.client.info().negotiated.as_ref().unwrap().resumed);
            joined.exchange(Instant::ZERO);
        }
    }
}

#[test]
fn session_by_id_is_resumed_where_there_are_no_tickets() {
    let client = client_config(&[Version::V12]);
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let server = ServerConfig::builder_with_provider(nullcrypto::provider(2))
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .without_resumption()
        .with_session_cache(Arc::new(sealgram::MemorySessionCache::new(8, 3600)))
        .with_versions(&[Version::V12])
        .build()
        .unwrap();
    for resumed in [false, true, true] {
        let mut joined = Joined::with(&client, server.clone());
        joined.settle(Instant::ZERO);
        assert_eq!(joined.client.info().negotiated.as_ref().unwrap().resumed, resumed);
        joined.exchange(Instant::ZERO);
    }
}

#[test]
fn record_size_limit_bounds_records_of_both_sides() {
    for version in [Version::V12, Version::V13] {
        let (certificate, _) = nullcrypto::certificate(7);
        let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
        let server = ServerConfig::builder_with_provider(nullcrypto::provider(2))
            .with_no_client_auth()
            .with_identity(vec![certificate], &key)
            .with_versions(&[version])
            .with_record_size_limit(300)
            .build()
            .unwrap();
        let client = ClientConfig::builder_with_provider(nullcrypto::provider(1))
            .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
            .with_no_client_auth()
            .with_versions(&[version])
            .with_record_size_limit(200)
            .build()
            .unwrap();
        let mut joined = Joined::with(&client, server);
        joined.settle(Instant::ZERO);
        assert_eq!(joined.version(), Some(version));
        // RFC 8449 §4: each side sends no more than the other one wants.
        assert_eq!(joined.client.max_plaintext(), 300);
        assert_eq!(joined.server().max_plaintext(), 200);
        joined.exchange(Instant::ZERO);
    }
}

/// The offer is one number for both versions, and in 1.3 the content type counts.
#[test]
fn record_size_limit_of_a_client_with_both_versions_is_kept_in_each() {
    for version in [Version::V12, Version::V13] {
        let client = ClientConfig::builder_with_provider(nullcrypto::provider(1))
            .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
            .with_no_client_auth()
            .with_versions(&[Version::V12, Version::V13])
            .with_record_size_limit(200)
            .build()
            .unwrap();
        let (certificate, _) = nullcrypto::certificate(7);
        let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
        let server = ServerConfig::builder_with_provider(nullcrypto::provider(2))
            .with_no_client_auth()
            .with_identity(vec![certificate], &key)
            .with_versions(&[version])
            .build()
            .unwrap();
        let mut joined = Joined::with(&client, server);
        joined.settle(Instant::ZERO);
        assert_eq!(joined.version(), Some(version));
        let longest = joined.server().max_plaintext();
        assert!(longest == 200 || longest == 199, "{longest}");
        let (mut out, mut got) = ([0; 512], 0);
        let sent =
            joined.server.as_mut().unwrap().send(Instant::ZERO, &[1; 200][..longest], &mut out);
        let datagram = &mut out[..sent.unwrap().len];
        joined.client.handle_datagram(Instant::ZERO, path(), datagram, &mut |data| {
            got += data.bytes.len();
        });
        assert_eq!(got, longest);
    }
}

/// A client and a server of 1.3 whose limits are these, and whose datagrams are small.
fn limited(client: Option<u16>, server: Option<u16>) -> (Connection, Connection) {
    limited_with(client, server, None)
}

fn limited_with(
    client: Option<u16>,
    server: Option<u16>,
    log: Option<Arc<Log>>,
) -> (Connection, Connection) {
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let transport =
        TransportConfig::default().with_max_datagram(TransportConfig::MIN_DATAGRAM).unwrap();
    let mut servers = ServerConfig::builder_with_provider(nullcrypto::provider(2))
        .with_no_client_auth()
        .with_identity(vec![certificate, vec![0; 200].into()], &key)
        .with_transport(transport);
    let mut clients = ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_server_verifier(Arc::new(nullcrypto::Verifier { client_required: false }))
        .with_no_client_auth()
        .with_cipher_suites(&[CipherSuite::TLS_AES_128_GCM_SHA256]);
    if let Some(log) = log {
        clients = clients.with_key_log(log);
    }
    if let Some(bytes) = server {
        servers = servers.with_record_size_limit(bytes);
    }
    if let Some(bytes) = client {
        clients = clients.with_record_size_limit(bytes);
    }
    (
        Connection::client(&clients.build().unwrap(), None, path(), Instant::ZERO).unwrap(),
        Connection::server_on_trusted_path(&servers.build().unwrap(), path(), Instant::ZERO),
    )
}

/// Loses the records of the server's EncryptedExtensions, and hands over all others. The ACK for
/// them, as the client sends it a period later.
fn ack_without_encrypted_extensions(client: &mut Connection, server: &mut Connection) -> Vec<u8> {
    let mut buf = [0; 2048];
    while let Some(transmit) = client.poll_transmit(Instant::ZERO, &mut buf) {
        server.handle_datagram(Instant::ZERO, path(), &mut buf[..transmit.len], &mut |_| {});
    }
    let mut flight = Vec::new();
    while let Some(transmit) = server.poll_transmit(Instant::ZERO, &mut buf) {
        flight.push(buf[..transmit.len].to_vec());
    }
    // The ServerHello is alone in the first, as small as they are.
    for (at, datagram) in flight.iter_mut().enumerate().filter(|(at, _)| *at != 1) {
        let before = client.stats().records_received;
        client.handle_datagram(Instant::ZERO, path(), datagram, &mut |_| {});
        assert!(client.stats().records_received > before, "datagram {at}");
    }
    let now = client.poll_timeout().unwrap().at;
    client.handle_timeout(now);
    let transmit = client.poll_transmit(now, &mut buf).unwrap();
    buf[..transmit.len].to_vec()
}

#[test]
fn client_that_may_yet_hear_a_record_size_limit_keeps_its_acks_within_any() {
    let len = |limit| {
        let (mut client, mut server) = limited(limit, Some(64));
        ack_without_encrypted_extensions(&mut client, &mut server).len()
    };
    // A header of 5 bytes, 2 and 16 for each record, the content type and the tag.
    assert_eq!(len(Some(1000)), 5 + 2 + 16 * 3 + 17);
    // Whoever does not offer the extension hears of no limit.
    assert_eq!(len(None), 5 + 2 + 16 * 5 + 17);
}

#[test]
fn server_takes_a_long_ack_from_a_client_that_cannot_know_its_limit() {
    let log = Arc::new(Log::default());
    let (mut client, mut server) = limited_with(Some(64), Some(64), Some(log.clone()));
    ack_without_encrypted_extensions(&mut client, &mut server);
    // What another client may send that has not heard of the limit either.
    let secret = log.0.lock().unwrap().clone();
    let suite = &nullcrypto::cipher_suite::TLS_AES_128_GCM_SHA256;
    let secret = TrafficSecret::V13 { suite, secret: Secret::copy_from(&secret) };
    let mut records = RecordLayer::new(RecordNumber::default(), WindowSize::default());
    records.install_write(Phase::Handshake, secret).unwrap();
    let overhead = records.overhead(Phase::Handshake).unwrap();
    let mut seal = |content_type, content: &[u8]| {
        let mut record =
            [&vec![0; overhead.before][..], content, &vec![0; overhead.after]].concat();
        records.seal(Phase::Handshake, content_type, &mut record).unwrap();
        record
    };
    let mut ack = vec![0, 96];
    ack.extend((0..6).flat_map(|n: u64| [2_u64.to_be_bytes(), n.to_be_bytes()]).flatten());
    let mut record = seal(ContentType::ACK, &ack);
    assert!(server.handle_datagram(Instant::ZERO, path(), &mut record, &mut |_| {}).opened);
    assert!(!server.is_closed());
    // A message of the handshake comes behind the server's, so its sender knows the limit.
    let mut record = seal(ContentType::HANDSHAKE, &[0; 65]);
    server.handle_datagram(Instant::ZERO, path(), &mut record, &mut |_| {});
    let Some(Event::Closed(closed)) = server.poll_event() else { panic!("not closed") };
    assert_eq!(closed.reason, CloseReason::Error(PeerMisbehaved::RecordTooLong.into()));
}

/// Keeps the client's secret for the rest of the handshake.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<u8>>);

impl KeyLog for Log {
    fn log(&self, label: &'static str, _: &[u8; 32], secret: &[u8]) {
        if label == "CLIENT_HANDSHAKE_TRAFFIC_SECRET" {
            *self.0.lock().unwrap() = secret.to_vec();
        }
    }
}

fn psk(identity: &[u8], fill: u8) -> Arc<sealgram::ExternalPsk> {
    Arc::new(sealgram::ExternalPsk::new(identity, &[fill; 32]).unwrap())
}

fn psk_pair(client: Arc<sealgram::ExternalPsk>, version: Version) -> Joined {
    let client = ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_psk(client)
        .with_versions(&[version])
        .build()
        .unwrap();
    let server = ServerConfig::builder_with_provider(nullcrypto::provider(2))
        .with_no_client_auth()
        .with_psks(Arc::new(vec![psk(b"other", 1), psk(b"device", 2)]))
        .build()
        .unwrap();
    Joined::with(&client, server)
}

#[test]
fn external_psk_connects_without_certificates() {
    for version in [Version::V12, Version::V13] {
        let mut joined = psk_pair(psk(b"device", 2), version);
        joined.settle(Instant::ZERO);
        for conn in [&mut joined.client, joined.server.as_mut().unwrap()] {
            let Some(Event::Connected(connected)) = conn.poll_event() else {
                panic!("not connected")
            };
            assert_eq!(connected.negotiated.psk_identity.as_deref(), Some(&b"device"[..]));
            assert!(connected.peer_chain.is_empty());
        }
        assert_eq!(joined.version(), Some(version));
        joined.exchange(Instant::ZERO);
    }
}

#[test]
fn unknown_identity_and_wrong_key_look_alike_and_are_errors_on_both_sides() {
    let mut ends = Vec::new();
    for key in [psk(b"device", 3), psk(b"nobody", 2)] {
        let mut joined = psk_pair(key, Version::V13);
        joined.settle(Instant::ZERO);
        // The alert is not protected: the client obeys it after a retransmission period.
        joined.client.handle_timeout(Instant::from_micros(1_000_000));
        let Some(Event::Closed(server)) = joined.server().poll_event() else { panic!("goes on") };
        let Some(Event::Closed(client)) = joined.client.poll_event() else { panic!("goes on") };
        ends.push((server, client));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0].0.alert_sent, Some(sealgram::iana::AlertDescription::DECRYPT_ERROR));
}

#[test]
fn client_with_a_psk_refuses_a_server_with_a_certificate() {
    let client = ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_psk(psk(b"device", 2))
        .build()
        .unwrap();
    let mut joined = Joined::with(&client, server_config(&[Version::V13], None));
    joined.settle(Instant::ZERO);
    assert!(!joined.client.is_connected());
}
