//! Calls and connections that fail as they should.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;

use sealgram::crypto::{IdentityVerified, SignatureVerifier};
use sealgram::{
    Answer, Ask, ClientConfig, CloseReason, EndpointConfig, Error as Fatal, ErrorKind, SendError,
};
use sealgram_udp::{
    AddressError, Client, ClientEvent, ClientOptions, Error, MAX_PLAINTEXT, Server,
};

use crate::stage::{
    BOTH, LOOPBACK, Stage, client_config, client_config_with, name, pinned, server_config,
    transport, verifier,
};

#[test]
fn address_that_is_no_peers_is_invalid_input() {
    for (address, expected) in [
        ("127.0.0.1:0", AddressError::PortZero),
        ("0.0.0.0:4433", AddressError::Unspecified),
        ("[::]:4433", AddressError::Unspecified),
        ("255.255.255.255:4433", AddressError::Broadcast),
        ("224.0.0.1:4433", AddressError::Multicast),
        ("[ff02::1]:4433", AddressError::Multicast),
    ] {
        let address: SocketAddr = address.parse().unwrap();
        let error = Client::connect(&client_config(&BOTH), address, name()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(matches!(error, Error::Address(found) if found == expected), "{error}");
    }
}

#[test]
fn empty_cookie_secret_is_invalid_input() {
    let endpoint = EndpointConfig::new().with_shared_cookie_secret(b"", 0);
    let error = Server::bind(LOOPBACK, endpoint, server_config(&BOTH)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut server = Server::bind(LOOPBACK, EndpointConfig::new(), server_config(&BOTH)).unwrap();
    assert_eq!(server.rotate_cookie_secret(b"").unwrap_err().kind(), ErrorKind::InvalidInput);
    server.rotate_cookie_secret(&[1; 16]).unwrap();
}

#[test]
fn address_in_use_is_an_error_of_the_socket() {
    let taken = UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let _keep = UdpSocket::bind(taken).unwrap();
    let error = Server::bind(taken, EndpointConfig::new(), server_config(&BOTH)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Socket);
}

#[test]
fn port_where_nobody_listens_ends_in_a_timeout() {
    let nobody = UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let transport = transport()
        .with_handshake_deadline(Duration::from_millis(300))
        .with_retransmit_timeout(Duration::from_millis(20))
        .unwrap();
    let config = client_config_with(&BOTH, transport);
    let mut client = Client::start(&config, nobody, name(), ClientOptions::default()).unwrap();
    let event = client.step(None, &mut []).unwrap();
    let Some(ClientEvent::Closed(closed)) = event else { panic!("{event:?}") };
    assert_eq!(closed.reason, CloseReason::Error(Fatal::TimedOut));
    // What ICMP said is known, and has not shortened the wait.
    assert!(client.unreachable_reports() > 1);
    assert!(client.stats().flights_retransmitted > 1);
    let error = Client::connect(&config, nobody, name()).unwrap_err();
    assert_eq!(error.closed().unwrap().reason, CloseReason::Error(Fatal::TimedOut));
}

#[test]
fn server_with_another_certificate_is_refused_before_anything_is_sent_to_it() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let config = ClientConfig::builder()
            .with_server_verifier(pinned([0; 32]))
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .unwrap();
        let number = stage.enter(&config, ClientOptions::default());
        stage.until(|stage| stage.clients[number].closed.is_some());
        let closed = stage.clients[number].closed.as_ref().unwrap();
        assert_eq!(closed.reason.kind(), Some(ErrorKind::PeerVerification));
        assert!(closed.alert_sent.is_some());
        assert!(!stage.clients[number].connected);
        stage.until(|stage| stage.closed().len() == 1);
        assert!(stage.connected().is_empty());
    }
}

#[test]
fn datagram_that_is_too_long_is_refused_and_the_connection_goes_on() {
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let number = stage.connect(&[version]);
        let error = stage.clients[number].client.send(&vec![0; 17 * 1024]).unwrap_err();
        assert!(matches!(error, Error::Send(SendError::TooLong { max: MAX_PLAINTEXT })));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        stage.clients[number].client.send(b"small").unwrap();
        stage.until(|stage| stage.clients[number].received == [b"small"]);
    }
}

#[test]
fn send_before_the_handshake_is_complete_is_a_misuse() {
    let stage = Stage::new(&BOTH);
    let options = ClientOptions::default();
    let mut client =
        Client::start(&client_config(&BOTH), stage.address(), name(), options).unwrap();
    assert_eq!(client.send(b"early").unwrap_err().kind(), ErrorKind::InvalidState);
    let error = client.export_keying_material(&mut [0; 8], b"label", None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert_eq!(client.max_plaintext(), 0);
}

#[test]
fn question_of_the_handshake_is_answered_by_the_application() {
    let verifier: std::sync::Arc<dyn SignatureVerifier> = verifier();
    for version in BOTH {
        let mut stage = Stage::new(&[version]);
        let config = ClientConfig::builder()
            .with_asked_verification(verifier.clone())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .unwrap();
        let options = ClientOptions::default();
        let mut client = Client::start(&config, stage.address(), name(), options).unwrap();
        let mut asked = 0;
        loop {
            stage.serve();
            match client.step(Duration::from_millis(5), &mut []).unwrap() {
                Some(ClientEvent::Needs(ask, Ask::VerifyPeer(who))) => {
                    asked += 1;
                    assert_eq!(who.chain.len(), 1);
                    let verdict = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
                    client.resolve(ask, verdict).unwrap();
                    let again = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
                    assert!(matches!(client.resolve(ask, again), Err(Error::Misuse(_))));
                }
                Some(ClientEvent::Connected(_)) => break,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
        assert_eq!(asked, 1);
    }
}

#[test]
fn connect_with_a_configuration_that_asks_says_what_to_use_instead() {
    let mut stage = Stage::new(&BOTH);
    let verifier: std::sync::Arc<dyn SignatureVerifier> = verifier();
    let config = ClientConfig::builder()
        .with_asked_verification(verifier)
        .with_no_client_auth()
        .build()
        .unwrap();
    let address = stage.address();
    let client = std::thread::spawn(move || Client::connect(&config, address, name()).map(drop));
    while !client.is_finished() {
        stage.serve();
    }
    let error = client.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Asked));
    assert!(error.to_string().contains("Client::start"));
}
