//! Connections that live and end as they should.

use sealgram::iana::AlertDescription;
use sealgram::{CloseReason, EndpointConfig, ErrorKind, Misuse};
use sealgram_udp::{Client, ClientOptions, Error, MAX_PLAINTEXT, ServerOptions};

use crate::stage::{BOTH, LOOPBACK, Stage, Told, client_config, name};

#[test]
fn datagrams_come_back_as_they_were_in_both_versions() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let number = stage.connect(&[version]);
        let longest = stage.clients[number].client.max_plaintext();
        assert_eq!(longest, MAX_PLAINTEXT);
        let sent = [b"one".to_vec(), Vec::new(), vec![7; longest]];
        for datagram in &sent {
            stage.clients[number].client.send(datagram).unwrap();
        }
        stage.until(|stage| stage.clients[number].received.len() == sent.len());
        assert_eq!(stage.clients[number].received, sent);
        let info = stage.clients[number].client.info();
        assert_eq!(info.negotiated.as_ref().unwrap().version, version);
        assert!(info.cookie_exchanged);
    }
}

#[test]
fn many_peers_on_one_socket_are_told_apart() {
    let mut stage = Stage::new(&BOTH);
    let config = client_config(&BOTH);
    for _ in 0..20 {
        stage.enter(&config, ClientOptions::default());
    }
    stage.until(|stage| stage.clients.iter().all(|actor| actor.connected));
    for round in 0..3 {
        for (number, actor) in stage.clients.iter_mut().enumerate() {
            actor.client.send(format!("{number}/{round}").as_bytes()).unwrap();
        }
    }
    stage.until(|stage| stage.clients.iter().all(|actor| actor.received.len() == 3));
    for (number, actor) in stage.clients.iter().enumerate() {
        for (round, datagram) in actor.received.iter().enumerate() {
            assert_eq!(datagram, format!("{number}/{round}").as_bytes());
        }
    }
    assert_eq!(stage.server.peers().count(), 20);
}

#[test]
fn client_that_says_goodbye_is_heard() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let number = stage.connect(&[version]);
        stage.clients[number].client.send(b"last words").unwrap();
        stage.clients[number].client.close().unwrap();
        stage.until(|stage| stage.closed().len() == 1);
        assert_eq!(stage.closed()[0].reason, CloseReason::Peer);
        // What was sent before arrives before.
        assert!(matches!(&stage.told[1], Told::Data(data) if data == b"last words"));
        assert_eq!(stage.server.peers().count(), 0);
        let actor = &mut stage.clients[number];
        assert!(actor.closed.is_none());
        assert_eq!(actor.client.closed().unwrap().reason, CloseReason::Local);
        assert!(matches!(actor.client.close(), Err(Error::Misuse(Misuse::Closed))));
        assert!(matches!(actor.client.send(b"x"), Err(Error::Misuse(Misuse::Closed))));
    }
}

#[test]
fn server_that_says_goodbye_is_heard() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let number = stage.connect(&[version]);
        let peer = stage.connected()[0];
        stage.server.close(peer).unwrap();
        stage.until(|stage| stage.closed().len() == 1 && stage.clients[number].closed.is_some());
        assert_eq!(stage.closed()[0].reason, CloseReason::Local);
        assert!(matches!(stage.server.send(peer, b"x"), Err(Error::UnknownPeer)));
        assert!(matches!(stage.server.close(peer), Err(Error::UnknownPeer)));
        let error = stage.clients[number].client.recv(&mut [0; 8], None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteClosed);
    }
}

#[test]
fn abort_tells_the_peer_why() {
    let alert = AlertDescription::ACCESS_DENIED;
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let (first, second) = (stage.connect(&[version]), stage.connect(&[version]));
        stage.until(|stage| stage.connected().len() == 2);
        stage.clients[first].client.abort(alert).unwrap();
        stage.until(|stage| stage.closed().len() == 1);
        assert_eq!(stage.closed()[0].alert_received, Some(alert));
        let peer = stage.server.peers().next().unwrap();
        let goodbye = stage.server.abort(peer, AlertDescription::CLOSE_NOTIFY).unwrap_err();
        assert_eq!(goodbye.kind(), ErrorKind::InvalidInput);
        stage.server.abort(peer, alert).unwrap();
        stage.until(|stage| stage.clients[second].closed.is_some());
        let closed = stage.clients[second].closed.as_ref().unwrap();
        assert_eq!(
            (closed.alert_received, closed.reason.kind()),
            (Some(alert), Some(ErrorKind::Fatal))
        );
    }
}

#[test]
fn client_from_the_same_port_takes_the_place_of_the_one_that_vanished() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        stage.connect(&[version]);
        let local = stage.clients.remove(0).client.local_addr().unwrap();
        let options = ClientOptions::default().with_local_address(local);
        let number = stage.enter(&client_config(&[version]), options);
        stage.until(|stage| stage.clients[number].connected && stage.connected().len() == 2);
        let peers = stage.connected();
        let replaced =
            |told: &Told| matches!(told, Told::Replaced(old, new) if [*old, *new] == *peers);
        stage.until(|stage| stage.told.iter().any(replaced));
        stage.clients[number].client.send(b"again").unwrap();
        stage.until(|stage| stage.clients[number].received == [b"again"]);
        assert_eq!(stage.server.peers().collect::<Vec<_>>(), peers[1..]);
    }
}

#[test]
fn both_ends_export_the_same_keys() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let number = stage.connect(&[version]);
        stage.until(|stage| stage.connected().len() == 1);
        let (mut ours, mut theirs) = ([0; 32], [0; 32]);
        let label = b"EXPERIMENTAL-test";
        stage.clients[number].client.export_keying_material(&mut ours, label, None).unwrap();
        let server = stage.server.connection(stage.connected()[0]).unwrap();
        server.export_keying_material(&mut theirs, label, None).unwrap();
        assert_ne!(ours, [0; 32]);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn blocking_calls_connect_send_and_receive() {
    let mut stage = Stage::with(&BOTH, EndpointConfig::new(), ServerOptions::new());
    let address = stage.address();
    let client = std::thread::spawn(move || {
        let mut client = Client::connect(&client_config(&BOTH), address, name()).unwrap();
        client.send(b"hello").unwrap();
        let mut buf = [0; 16];
        let len = client.recv(&mut buf, None).unwrap().unwrap();
        let silence = client.recv(&mut buf, core::time::Duration::from_millis(1)).unwrap();
        client.close().unwrap();
        (buf[..len].to_vec(), silence)
    });
    stage.until(|stage| stage.closed().len() == 1);
    assert_eq!(client.join().unwrap(), (b"hello".to_vec(), None));
    assert_ne!(address, LOOPBACK);
}

#[test]
fn last_datagram_can_be_fetched_after_close() {
    let mut stage = Stage::new(&BOTH);
    let number = stage.connect(&BOTH);
    let peer = {
        stage.until(|stage| stage.connected().len() == 1);
        stage.connected()[0]
    };
    stage.server.send(peer, b"abc").unwrap();
    let client = &mut stage.clients[number].client;
    // Too small a buffer loses nothing.
    let error = client.recv(&mut [0; 2], None).unwrap_err();
    assert!(matches!(error, Error::BufferTooSmall { needed: 3 }), "{error}");
    client.close().unwrap();
    assert_eq!(client.recv(&mut [0; 3], None).unwrap(), Some(3));
    assert!(matches!(client.recv(&mut [0; 3], None), Err(Error::Closed(_))));
}
