//! What one peer does never reaches another one's connection, nor an older one at its address
//! before the new one is authenticated.

use core::time::Duration;

use sealgram::iana::Version;
use sealgram::{Connection, Instant, Path, Routed, Side};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Face, Rng, Setup};

use crate::mutate::{Corpus, hostile};
use crate::states::setup;

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// Hands everything over until neither side has anything to send.
fn exchange(client: &mut ConnectionFace, server: &mut EndpointFace, now: Instant) {
    let mut out = [0; 2048];
    for _ in 0..20 {
        while let Some(len) = client.poll_transmit(now, &mut out) {
            server.handle_datagram(now, &mut out[..len], &mut |_| {});
        }
        while let Some(len) = server.poll_transmit(now, &mut out) {
            client.handle_datagram(now, &mut out[..len], &mut |_| {});
        }
    }
}

/// Whether what this client seals opens at the server.
fn is_heard(client: &mut ConnectionFace, server: &mut EndpointFace, now: Instant) -> bool {
    let (mut out, mut heard) = ([0; 256], false);
    let len = client.send(now, b"hello", &mut out).expect("connected");
    server.handle_datagram(now, &mut out[..len], &mut |data| heard |= data == b"hello");
    heard
}

#[test]
fn hostile_datagrams_from_elsewhere_reach_no_connection() {
    for version in VERSIONS {
        for connected in [false, true] {
            let mut pair = setup(version, 1).pair();
            if connected {
                pair.run_until_settled();
            } else {
                pair.run_until(Instant::from_micros(1_000_000), |p| p.server.latest().is_some());
            }
            let corpus = Corpus(pair.trace().iter().map(|sent| sent.bytes.clone()).collect());
            let before = (pair.server.endpoint.connections(), pair.trace().len());
            let mut rng = Rng::new(4);
            for number in 0..20_000_u32 {
                let mut datagram = hostile(&mut rng, &corpus);
                let mut out = [0; 256];
                let [_, a, b, c] = number.to_be_bytes();
                // Other addresses; the same one with another port; the same one on another socket.
                let mut path = Path::to(([10, a, b, c], 5000).into());
                match number % 3 {
                    0 => path = Path::to(([192, 0, 2, 1], 6000 + u16::from(c)).into()),
                    1 => path = Path { tag: 1, ..pair.server.path },
                    _ => {}
                }
                let (now, endpoint) = (pair.now(), &mut pair.server.endpoint);
                match endpoint.handle_datagram(now, path, &mut datagram, &mut out) {
                    Routed::Connection(..) | Routed::Shared { .. } => panic!("{datagram:02x?}"),
                    // Cookies are bound to addresses and not to sockets.
                    Routed::Accept(incoming) => assert_eq!(incoming.path().tag, 1),
                    _ => {}
                }
            }
            assert_eq!((pair.server.endpoint.connections(), pair.drain() + before.1), before);
            assert_eq!(pair.run_until_settled(), Ended::Done);
            assert!(pair.is_connected() && pair.data_flows());
        }
    }
}

/// RFC 6347 §4.2.8, RFC 9147 §5.11.
#[test]
fn old_association_lives_until_the_new_one_is_authenticated() {
    for version in VERSIONS {
        let setup_of = |seed| setup(version, seed);
        let first = setup_of(1);
        let (mut old, mut server) = (first.client(), first.server());
        let now = Instant::from_micros(1_000_000);
        exchange(&mut old, &mut server, now);
        assert!(old.is_connected() && server.is_connected());

        // Hellos without a cookie, of which the address is forged: a reply each, and nothing else.
        let second = setup_of(2);
        let mut out = [0; 2048];
        let len = second.client().poll_transmit(now, &mut out).expect("a hello");
        for _ in 0..1000 {
            server.handle_datagram(now, &mut out[..len].to_vec(), &mut |_| {});
            assert!(server.poll_transmit(now, &mut [0; 2048]).is_some());
        }
        assert_eq!(server.endpoint.connections(), 1);
        assert!(is_heard(&mut old, &mut server, now));

        // A new client at the same address, one datagram at a time.
        let mut new = second.client();
        let mut steps = 0;
        while !new.is_connected() {
            let len = new.poll_transmit(now, &mut out);
            if let Some(len) = len {
                server.handle_datagram(now, &mut out[..len], &mut |_| {});
            } else {
                let len = server.poll_transmit(now, &mut out).expect("somebody has something");
                new.handle_datagram(now, &mut out[..len], &mut |_| {});
            }
            let replaced = server
                .latest()
                .is_some_and(|face| face.is_connected() && server.connections.len() == 2);
            assert_eq!(is_heard(&mut old, &mut server, now), !replaced, "step {steps}");
            steps += 1;
        }
        exchange(&mut new, &mut server, now);
        assert!(steps > 3 && server.connections.len() == 2);
        assert!(is_heard(&mut new, &mut server, now));
        assert!(!is_heard(&mut old, &mut server, now));
        assert_eq!(server.endpoint.connections(), 1);
    }
}

/// A client that begins anew in the middle of its handshake is not kept out by the old one, however
/// long its hello is.
#[test]
fn client_that_restarts_during_its_handshake_gets_in() {
    for version in VERSIONS {
        for alpn_bytes in [0, 3000] {
            for sent_before in 1..20 {
                let setup_of = |seed| {
                    let mut setup = setup(version, seed);
                    setup.alpn_bytes = alpn_bytes;
                    setup.max_datagram = Some(600);
                    setup
                };
                let (mut old, mut server) = (setup_of(1).client(), setup_of(1).server());
                let now = Instant::ZERO;
                let mut out = [0; 2048];
                // The old client stops after so many datagrams.
                for _ in 0..sent_before {
                    while let Some(len) = server.poll_transmit(now, &mut out) {
                        old.handle_datagram(now, &mut out[..len], &mut |_| {});
                    }
                    if let Some(len) = old.poll_transmit(now, &mut out) {
                        server.handle_datagram(now, &mut out[..len], &mut |_| {});
                    }
                }
                while server.poll_transmit(now, &mut out).is_some() {}
                let mut new = setup_of(2).client();
                exchange(&mut new, &mut server, now);
                assert!(
                    new.is_connected() && is_heard(&mut new, &mut server, now),
                    "{version:?}, {alpn_bytes} bytes of protocols, after {sent_before}"
                );
            }
        }
    }
}

/// Nothing of one connection is visible in the next one, or in one beside it.
#[test]
fn connections_of_one_configuration_share_nothing_that_changes() {
    for version in VERSIONS {
        let setup = setup(version, 1);
        let config = setup.client_config();
        let client = || {
            let path = Path::connected();
            let client = Connection::client(&config, None, path, Instant::ZERO);
            ConnectionFace::new(client.expect("a client"), path)
        };
        // The first one fails, the second is made meanwhile, and two more afterwards.
        let mut failing = client();
        let mut beside = client();
        let mut pair = sealgram_testkit::Pair::new(failing, setup.server());
        pair.set_plan(sealgram_testkit::plan::silence(Some(Side::Server)));
        pair.run_until_settled();
        failing = pair.client;
        assert!(failing.closed().is_some());

        let mut with_chain = setup.clone();
        with_chain.chain_bytes = 700;
        let chain = |face: &ConnectionFace| match face.events.first() {
            Some(sealgram::Event::Connected(connected)) => connected.peer_chain.len(),
            other => panic!("{other:?}"),
        };
        for (setup, certificates) in [(&with_chain, 2), (&setup, 1)] {
            let mut next = client();
            let mut server = setup.server();
            exchange(&mut next, &mut server, Instant::from_micros(10_000_000));
            assert!(next.is_connected());
            assert_eq!(chain(&next), certificates);
            let stats = next.connection.stats();
            assert_eq!((stats.flights_retransmitted, stats.discards.total()), (0, 0));
        }
        let mut server = setup.server();
        exchange(&mut beside, &mut server, Instant::ZERO);
        assert!(beside.is_connected() && is_heard(&mut beside, &mut server, Instant::ZERO));
    }
}

#[test]
fn failure_of_one_peer_does_not_touch_the_handshake_of_another() {
    let good = setup(Version::V12, 1);
    let mut refused = Setup::new(2);
    // No certificate, which this server requires.
    refused.client_auth = false;
    let mut pair = good.pair();
    pair.run_until(Instant::from_micros(35_000), |_| false);
    let mut bad = refused.client();
    let path = Path::to(([192, 0, 2, 9], 5000).into());
    let (now, mut out, mut answers) = (pair.now(), [0; 2048], [0; 256]);
    let mut theirs = None;
    for _ in 0..5 {
        while let Some(len) = bad.poll_transmit(now, &mut out) {
            let endpoint = &mut pair.server.endpoint;
            match endpoint.handle_datagram(now, path, &mut out[..len], &mut answers) {
                Routed::Reply(reply) => {
                    bad.handle_datagram(now, &mut answers[..reply.len], &mut |_| {});
                }
                Routed::Accept(incoming) => theirs = endpoint.accept(incoming, now),
                Routed::Connection(handle, datagram) => {
                    let (own, connection) = theirs.as_mut().expect("accepted");
                    assert_eq!(handle, *own);
                    connection.handle_datagram(now, path, datagram, &mut |_| {});
                }
                other => panic!("{other:?}"),
            }
        }
        if let Some((_, connection)) = &mut theirs {
            while let Some(transmit) = connection.poll_transmit(now, &mut out) {
                bad.handle_datagram(now, &mut out[..transmit.len], &mut |_| {});
            }
        }
    }
    assert!(theirs.expect("accepted").1.is_closed());
    assert_eq!(pair.run_until_settled(), Ended::Done);
    assert!(pair.is_connected() && pair.now() < Instant::ZERO + Duration::from_millis(100));
    assert!(pair.data_flows());
}
