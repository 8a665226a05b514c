//! What becomes of a last flight that the peer does not acknowledge.

use std::sync::Arc;

use sealgram::iana::{SignatureScheme, Version};
use sealgram::{ClientConfig, CloseReason, Connection, Error, Event, Instant, Path, ServerConfig};

fn pair(version: Version) -> (Connection, Connection) {
    let provider = nullcrypto::provider(1);
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .without_resumption()
        .with_versions(&[version])
        .build()
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .with_versions(&[version])
        .build()
        .unwrap();
    let path = Path::connected();
    let client = Connection::client(&client, None, path, Instant::ZERO).unwrap();
    (client, Connection::server_on_trusted_path(&server, path, Instant::ZERO))
}

fn hand_over(from: &mut Connection, to: &mut Connection) {
    let mut buf = [0; 2048];
    while let Some(transmit) = from.poll_transmit(Instant::ZERO, &mut buf) {
        let datagram = &mut buf[..transmit.len];
        to.handle_datagram(Instant::ZERO, Path::connected(), datagram, &mut |_| {});
    }
}

/// Lets time pass until no timer runs; counts the datagrams that go out.
fn run_out(connection: &mut Connection) -> usize {
    let mut buf = [0; 2048];
    let mut sent = 0;
    let mut now = Instant::ZERO;
    loop {
        while connection.poll_transmit(now, &mut buf).is_some() {
            sent += 1;
        }
        let Some(timeout) = connection.poll_timeout() else { return sent };
        now = now.max(timeout.at);
        connection.handle_timeout(now);
    }
}

#[test]
fn client_whose_last_flight_is_never_acknowledged_gives_up() {
    let (mut client, mut server) = pair(Version::V13);
    hand_over(&mut client, &mut server);
    hand_over(&mut server, &mut client);
    assert_eq!(run_out(&mut client), 1 + 12);
    let events: Vec<Event> = core::iter::from_fn(|| client.poll_event()).collect();
    let [Event::Connected(_), Event::Closed(closed)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(closed.reason, CloseReason::Error(Error::TimedOut));
}

#[test]
fn client_that_hears_data_goes_on_though_its_last_flight_is_never_acknowledged() {
    let (mut client, mut server) = pair(Version::V13);
    let mut buf = [0; 2048];
    hand_over(&mut client, &mut server);
    hand_over(&mut server, &mut client);
    hand_over(&mut client, &mut server);
    while server.poll_transmit(Instant::ZERO, &mut buf).is_some() {}
    let transmit = server.send(Instant::ZERO, b"x", &mut buf).unwrap();
    let datagram = &mut buf[..transmit.len];
    assert!(client.handle_datagram(Instant::ZERO, Path::connected(), datagram, &mut |_| {}).opened);
    // After 1, 3, 7, 15, 31, 63, 123 and 183 seconds; after 240 it is forgotten.
    assert_eq!(run_out(&mut client), 8);
    assert!(client.is_connected());
}

#[test]
fn side_whose_last_flight_has_arrived_stays_connected_without_a_timer() {
    for version in [Version::V12, Version::V13] {
        let (mut client, mut server) = pair(version);
        for _ in 0..4 {
            hand_over(&mut client, &mut server);
            hand_over(&mut server, &mut client);
        }
        for connection in [&mut client, &mut server] {
            assert_eq!(run_out(connection), 0, "{version:?}");
            assert!(connection.is_connected());
        }
    }
}
