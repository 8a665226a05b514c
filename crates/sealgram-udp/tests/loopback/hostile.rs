//! What the network may do without harm.

use core::time::Duration;
use std::net::UdpSocket;

use sealgram::{Connection, EndpointConfig, Event, Instant, Path};
use sealgram_udp::{ClientOptions, Server, ServerOptions};

use crate::stage::{BOTH, LOOPBACK, Stage, client_config, name, server_config};

/// Datagrams that are not part of any connection.
fn garbage() -> Vec<Vec<u8>> {
    let mut datagrams = vec![
        Vec::new(),
        vec![0],
        vec![22],
        vec![0xff; 1500],
        // A record whose length runs over its end.
        vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        // A fragment of a hello that claims 16 MB.
        vec![
            22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        // A fatal alert and a record of application data, in plaintext.
        vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
        vec![23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 65],
        // A record of a later epoch, shorter than its tag.
        vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3],
        // A unified header of 1.3, cut.
        vec![0x2e, 1],
    ];
    // And bytes without any plan (xorshift, so that each run is the same).
    let mut state = 0x9e37_79b9_u32;
    for len in 1..200_usize {
        let bytes = (0..len).map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        });
        datagrams.push(bytes.collect());
    }
    datagrams
}

#[test]
fn garbage_from_strangers_ends_nothing_and_is_kept_nowhere() {
    let mut stage = Stage::new(&BOTH);
    let number = stage.connect(&BOTH);
    let stranger = UdpSocket::bind(LOOPBACK).unwrap();
    stage.until(|stage| stage.connected().len() == 1);
    let told = stage.told.len();
    let garbage = garbage();
    for datagram in &garbage {
        stranger.send_to(datagram, stage.address()).unwrap();
        stage.serve();
    }
    assert_eq!(stage.told.len(), told);
    assert_eq!(stage.server.peers().count(), 1);
    let stats = stage.server.stats();
    assert!(stats.not_dtls > 0 && stats.endpoint.discarded > 0);
    stage.clients[number].client.send(b"still here").unwrap();
    stage.until(|stage| stage.clients[number].received == [b"still here"]);
}

#[test]
fn garbage_from_a_peers_own_address_does_not_end_its_connection() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let number = stage.connect(&[version]);
        stage.until(|stage| stage.connected().len() == 1);
        let port = stage.clients[number].client.local_addr().unwrap().port();
        let from = (core::net::Ipv4Addr::LOCALHOST, port).into();
        for mut datagram in garbage() {
            // An empty one is a misuse of this call; strangers have sent it above.
            let handled = stage.server.handle_datagram(from, &mut datagram);
            assert_eq!(handled.is_err(), datagram.is_empty());
        }
        stage.clients[number].client.send(b"still here").unwrap();
        stage.until(|stage| stage.clients[number].received == [b"still here"]);
        assert_eq!(stage.told.len(), 2);
    }
}

#[test]
fn clients_that_vanish_do_not_disturb_the_others() {
    let mut stage = Stage::new(&BOTH);
    let number = stage.connect(&BOTH);
    for _ in 0..5 {
        stage.connect(&BOTH);
    }
    stage.until(|stage| stage.connected().len() == 6);
    stage.clients.truncate(1);
    // The answers to these are ICMP messages.
    for peer in stage.connected() {
        for _ in 0..3 {
            stage.server.send(peer, b"anybody there?").unwrap();
        }
    }
    stage.clients[number].client.send(b"I am").unwrap();
    stage.until(|stage| stage.clients[number].received.len() == 4);
    assert_eq!(stage.server.peers().count(), 6);
}

#[test]
fn places_are_bounded_and_unfinished_handshakes_make_room() {
    let options = ServerOptions::new().with_max_connections(1);
    let mut stage = Stage::with(&BOTH, EndpointConfig::new(), options);
    // Comes as far as to have a place, and stops there.
    let slow = stage.enter(&client_config(&BOTH), ClientOptions::default());
    stage.serve();
    while stage.server.peers().count() == 0 {
        stage.clients[slow].client.step(Duration::from_millis(1), &mut []).unwrap();
        stage.serve();
    }
    let slow = stage.clients.remove(slow);
    assert!(!slow.client.is_connected());
    stage.connect(&BOTH);
    assert_eq!(stage.server.stats().evicted, 1);
    assert_eq!(stage.server.peers().count(), 1);
    // An established connection makes room for nobody.
    let late = stage.enter(&client_config(&BOTH), ClientOptions::default());
    stage.until(|stage| stage.server.stats().turned_away > 0);
    assert!(!stage.clients[late].connected);
    assert_eq!(stage.connected().len(), 1);
}

#[test]
fn handshake_datagrams_keep_to_the_mtu_of_both_sides() {
    const MTU: usize = 200;
    let payload = MTU - 28;
    for version in BOTH {
        let options = ServerOptions::new().with_mtu(MTU);
        let socket = UdpSocket::bind(LOOPBACK).unwrap();
        let endpoint = EndpointConfig::new();
        let mut server = Server::new(socket, endpoint, server_config(&[version]), options).unwrap();
        // A client by hand, which sees each datagram.
        let socket = UdpSocket::bind(LOOPBACK).unwrap();
        socket.connect(server.local_addr().unwrap()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let now = Instant::ZERO;
        let config = client_config(&[version]);
        let mut client = Connection::client(&config, name(), Path::connected(), now).unwrap();
        let mut lengths = Vec::new();
        let mut buf = [0; 2048];
        while !matches!(client.poll_event(), Some(Event::Connected(_))) {
            while let Some(transmit) = client.poll_transmit(now, &mut buf) {
                socket.send(&buf[..transmit.len]).unwrap();
            }
            server.step(Duration::from_millis(1), &mut buf).unwrap();
            while let Ok(len) = socket.recv(&mut buf) {
                lengths.push(len);
                client.handle_datagram(now, Path::connected(), &mut buf[..len], &mut |_| {});
            }
        }
        assert!(lengths.len() > 3 && lengths.iter().all(|len| *len <= payload), "{lengths:?}");

        let listener = UdpSocket::bind(LOOPBACK).unwrap();
        let options = ClientOptions::default().with_mtu(MTU - 40);
        let address = listener.local_addr().unwrap();
        let client = sealgram_udp::Client::start(&config, address, name(), options).unwrap();
        let mut total = 0;
        while total < client.stats().bytes_sent {
            let len = listener.recv(&mut buf).unwrap();
            assert!(len <= payload - 40, "{len}");
            total += len as u64;
        }
        assert!(client.stats().datagrams_sent > 1);
    }
}
