//! Cookies through whole handshakes: with and without, wrong and rotated, of any length, and for
//! hellos that do not fit one datagram.

use core::time::Duration;
use std::time::Instant;

use sealgram::iana::{AlertDescription, NamedGroup, Version};
use sealgram::{
    ClientConfig, CloseReason, EndpointConfig, Error, ErrorKind, PeerMisbehaved, ServerConfig,
};
use sealgram_tests::{Checked, Direction, check, check_eq};
use sealgram_udp::{Client, ClientEvent, ClientOptions, Server};

use crate::support::{
    Fate, LOOPBACK, OrFail, SMALL_GROUPS, Site, Stage, check_fails, name, patient, per_version,
    plain_socket, quick, receive, rows, run, wire,
};

/// C8: cookies on, nobody gets in without one, and the answer to a hello is all that is sent;
/// cookies off, the first hello is enough.
#[test]
fn cookies_guard_a_whole_handshake() {
    run(&per_version(&[("cookies on", true), ("cookies off", false)]), |&(version, cookies)| {
        let site = Site::new()?;
        let endpoint = match cookies {
            true => EndpointConfig::new(),
            false => EndpointConfig::new().danger_without_cookies(),
        };
        // Without a cookie the server sends no more than three times what it received, so it may
        // have to wait for the client's timer.
        let transport = if cookies { patient() } else { quick(12) };
        let config = site.server_with(version, transport)?;
        let server = Server::bind(LOOPBACK, endpoint, config).or_fail("a server")?;
        let mut stage = Stage::of(server)?.and_middle()?;
        stage.middle().set_rule(|direction, before, _| {
            // The second hello, or whatever follows the first one.
            match (direction, before) {
                (Direction::ToServer, 1) => Fate::Hold,
                _ => Fate::Pass,
            }
        });
        stage.start(&site.client_with(version, transport)?, name())?;
        stage.until("the client's second datagram", |stage| stage.middle().held() == 1)?;
        let answers = stage.middle().seen_to(Direction::ToClient).count();
        let counted = stage.server.stats().endpoint;
        if cookies {
            check_eq("peers", stage.server.peers().count(), 0)?;
            check_eq("answers", answers, 1)?;
            check_eq("peers let in", counted.admitted, 0)?;
        } else {
            check_eq("peers", stage.server.peers().count(), 1)?;
            check_eq("stateless answers", counted.replies, 0)?;
            check_eq("peers let in", counted.admitted, 1)?;
        }
        stage.middle().pass_all();
        stage.middle().release()?;
        stage.until_connected()?;
        let peer = stage.peer()?;
        let connection = stage.server.connection(peer).or_fail("the connection")?;
        check_eq("what the server says", connection.info().cookie_exchanged, cookies)?;
        let client = stage.client().client.info().cookie_exchanged;
        check_eq("what the client says", client, cookies)?;
        check_eq("bad cookies", stage.server.stats().endpoint.bad_cookies, 0)?;
        stage.exchange()
    });
}

/// What has happened to a server's secret between its request and the hello that answers it.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    /// Another server of the same secret has taken its place.
    SameSecret,
    /// Another server that was made by default has.
    OwnSecret,
    RotatedOnce,
    RotatedTwice,
}

/// C4, R11: a cookie is good with the secret it was made with and with the next one, and with no
/// other; two servers share a secret only if they were given it. A client of 1.2 gets a new
/// cookie, one of 1.3 is told (RFC 9147 §5.1).
#[test]
fn cookie_of_another_secret_is_refused() {
    let cases = per_version(&[
        ("same secret", (Meanwhile::SameSecret, true)),
        ("own secret", (Meanwhile::OwnSecret, false)),
        ("rotated once", (Meanwhile::RotatedOnce, true)),
        ("rotated twice", (Meanwhile::RotatedTwice, false)),
    ]);
    run(&cases, |&(version, (meanwhile, good))| {
        let site = Site::new()?;
        let shared = || EndpointConfig::new().with_shared_cookie_secret(&[7; 32], 0);
        let endpoint = match meanwhile {
            Meanwhile::SameSecret => shared(),
            _ => EndpointConfig::new(),
        };
        let config = || site.server_with(version, patient());
        let server = Server::bind(LOOPBACK, endpoint, config()?).or_fail("a server")?;
        let mut stage = Stage::of(server)?.and_middle()?;
        stage.middle().set_rule(|direction, before, _| match (direction, before) {
            (Direction::ToServer, 1) => Fate::Hold,
            _ => Fate::Pass,
        });
        // An alert without protection is obeyed after one period, so it may not be too long.
        stage.start(&site.client(version)?, name())?;
        stage.until("the second hello", |stage| stage.middle().held() == 1)?;
        match meanwhile {
            Meanwhile::SameSecret => replace_server(&mut stage, shared(), config()?)?,
            Meanwhile::OwnSecret => replace_server(&mut stage, EndpointConfig::new(), config()?)?,
            Meanwhile::RotatedOnce => stage.server.rotate_cookie_key().or_fail("rotation")?,
            Meanwhile::RotatedTwice => {
                stage.server.rotate_cookie_key().or_fail("rotation")?;
                stage.server.rotate_cookie_key().or_fail("rotation")?;
            }
        }
        let before = stage.server.stats().endpoint;
        stage.middle().release()?;
        if good {
            stage.until_connected()?;
            let counted = stage.server.stats().endpoint;
            check_eq("more answers", counted.replies, before.replies)?;
            check_eq("bad cookies", counted.bad_cookies, 0)?;
            return stage.exchange();
        }
        stage.until("a bad cookie", |stage| stage.server.stats().endpoint.bad_cookies == 1)?;
        check_eq("peers", stage.server.peers().count(), 0)?;
        match version {
            Version::V12 => {
                stage.until_connected()?;
                check_eq("bad cookies", stage.server.stats().endpoint.bad_cookies, 1)?;
                stage.exchange()
            }
            Version::V13 => {
                stage.until("the client's end", |stage| stage.client().ends == 1)?;
                let closed = stage.client().client.closed().or_fail("it")?;
                let description = AlertDescription::ILLEGAL_PARAMETER;
                let reason = Error::AlertReceived { description, authenticated: false };
                check_eq("the reason", &closed.reason, &CloseReason::Error(reason))?;
                check_eq("peers", stage.server.peers().count(), 0)
            }
        }
    });
}

/// The middle's clients talk to a new server from now on.
fn replace_server(stage: &mut Stage, endpoint: EndpointConfig, config: ServerConfig) -> Checked {
    stage.server = Server::bind(LOOPBACK, endpoint, config).or_fail("another server")?;
    let address = stage.server.local_addr().or_fail("its address")?;
    stage.middle().redirect(address);
    Ok(())
}

/// C7: cookies are up to 255 bytes long (RFC 6347 §4.2.1), and come back as they are.
#[test]
fn client_returns_cookies_of_any_length() {
    let lengths = [0, 1, 20, 32, 33, 254, 255];
    let cases = rows(lengths.map(|length| (format!("{length} bytes"), length)));
    run(&cases, |&length| {
        let site = Site::new()?;
        let (socket, address) = plain_socket()?;
        let config = site.client_with(Version::V12, patient())?;
        let mut client = Client::start(&config, address, name(), ClientOptions::default())
            .or_fail("a client")?;
        let (first, from) = receive(&socket)?;
        let first = wire::client_hello(&first).or_fail("a hello")?;
        let cookie: Vec<u8> = (0..length).map(|index: u8| index ^ 0x5a).collect();
        socket.send_to(&wire::hello_verify_request(0, 0, &cookie), from)?;
        check(handle_all(&mut client, 1)?.is_none(), "the client has come to an end")?;
        let second = wire::client_hello(&receive(&socket)?.0).or_fail("a second hello")?;
        check_eq("the cookie", &second.legacy_cookie, &cookie)?;
        check_eq("the random", second.random, first.random)?;
        check_eq("the suites", second.suites, first.suites)?;
        check_eq("message_seq", second.message_seq, first.message_seq + 1)?;
        check(second.sequence > first.sequence, "the record number was used before")
    });
}

/// Steps until so many datagrams were received, or there is something to tell.
fn handle_all(client: &mut Client, datagrams: u64) -> Checked<Option<ClientEvent>> {
    let start = Instant::now();
    while client.stats().datagrams_received < datagrams {
        let told = client.step(Duration::from_millis(1), &mut []).or_fail("a step")?;
        if told.is_some() {
            return Ok(told);
        }
        check(start.elapsed() < Duration::from_secs(10), "the datagrams do not arrive")?;
    }
    Ok(None)
}

/// C7: whoever forges requests gets few hellos for many of them; after that the client gives up.
#[test]
fn forged_cookie_requests_are_answered_a_few_times() {
    const BATCHES: u16 = 20;
    /// Few enough for any socket's buffer.
    const BATCH: u16 = 50;
    let cases = rows([("in order", true), ("all for the same hello", false)]);
    run(&cases, |&in_order| {
        let site = Site::new()?;
        let (socket, address) = plain_socket()?;
        let config = site.client_with(Version::V12, patient())?;
        let mut client = Client::start(&config, address, name(), ClientOptions::default())
            .or_fail("a client")?;
        let (_, from) = receive(&socket)?;
        let mut end = None;
        for batch in 1..=BATCHES {
            for forged in (batch - 1) * BATCH..batch * BATCH {
                let seq = if in_order { forged } else { 0 };
                let cookie = forged.to_be_bytes();
                socket.send_to(&wire::hello_verify_request(forged.into(), seq, &cookie), from)?;
            }
            if end.is_none() {
                end = handle_all(&mut client, u64::from(batch * BATCH))?;
            }
        }
        let sent = client.stats().datagrams_sent;
        if !in_order {
            // The first hello, and the one that answers the first request.
            check_eq("datagrams sent", sent, 2)?;
            return check(end.is_none() && client.closed().is_none(), "the client has given up");
        }
        // The first hello, four that answer requests, and an alert.
        check_eq("datagrams sent", sent, 6)?;
        let Some(ClientEvent::Closed(closed)) = end else {
            return check(false, format!("the client tells {end:?}"));
        };
        let expected = PeerMisbehaved::TooManyHelloVerifyRequests.into();
        check_eq("the reason", &closed.reason, &CloseReason::Error(expected))?;
        check_fails("send", client.send(b"x"), ErrorKind::InvalidState)
    });
}

/// Why a hello needs several datagrams.
#[derive(Clone, Copy, Debug)]
enum Large {
    /// It offers 1,600 bytes of application protocols.
    Protocols,
    /// Its key share is post-quantum.
    KeyShare,
    /// Datagrams have no more than 128 bytes.
    Pieces,
}

/// In which order the pieces of a hello arrive.
#[derive(Clone, Copy, Debug)]
enum Order {
    Kept,
    Reversed,
    /// Each twice.
    Doubled,
}

/// V3: a hello that needs several datagrams gets in, with cookies on and nothing kept for who sent
/// it but a place in the pool. Qt's server drops such hellos as soon as it asks for cookies.
#[test]
fn hello_in_pieces_gets_in_with_cookies_on() {
    let both = [Large::Protocols, Large::Pieces];
    let cases =
        [(Version::V13, &[Large::KeyShare][..]), (Version::V12, &both), (Version::V13, &both)];
    let cases = cases.into_iter().flat_map(|(version, all)| all.iter().map(move |l| (version, *l)));
    let orders = [Order::Kept, Order::Reversed, Order::Doubled];
    let cases = cases.flat_map(|(version, large)| {
        orders.map(|order| (format!("{version}, {large:?}, {order:?}"), (version, large, order)))
    });
    run(&rows(cases), |&(version, large, order)| {
        let site = Site::new()?;
        let transport = match large {
            Large::Pieces => patient().with_max_datagram(128).or_fail("a size")?,
            _ => patient(),
        };
        let builder = ClientConfig::builder().with_versions(&[version]).with_transport(transport);
        let builder = match large {
            Large::Protocols => {
                let protocols = (0..8).map(|n| vec![b'a' + n; 200]).collect();
                builder.with_groups(&SMALL_GROUPS).with_alpn(protocols)
            }
            Large::KeyShare => builder.with_groups(&[NamedGroup::X25519_MLKEM768]),
            Large::Pieces => builder.with_groups(&SMALL_GROUPS),
        };
        let client = builder
            .with_root_certificates(site.roots()?)
            .with_no_client_auth()
            .build()
            .or_fail("the client's configuration")?;
        let mut stage = Stage::with_middle(site.server_with(version, patient())?)?;
        stage.middle().set_rule(|direction, _, bytes| match direction {
            Direction::ToServer if wire::piece_of_hello(bytes).is_some() => Fate::Hold,
            _ => Fate::Pass,
        });
        stage.start(&client, name())?;
        for hello in ["the first hello", "the second hello"] {
            stage.until(hello, |stage| is_whole(stage.middle().held_bytes()))?;
            check_eq("peers", stage.server.peers().count(), 0)?;
            let pieces = stage.middle().held();
            check(pieces > 1, format!("{hello} is in one piece"))?;
            let order: Vec<usize> = match order {
                Order::Kept => (0..pieces).collect(),
                Order::Reversed => (0..pieces).rev().collect(),
                Order::Doubled => (0..pieces).flat_map(|index| [index, index]).collect(),
            };
            stage.middle().release_in(&order)?;
        }
        stage.until_connected()?;
        stage.exchange()
    });
}

/// Whether these are all pieces of one hello.
fn is_whole<'a>(datagrams: impl Iterator<Item = &'a [u8]>) -> bool {
    let pieces: Vec<_> = datagrams.filter_map(wire::piece_of_hello).collect();
    let here: u64 = pieces.iter().map(|(_, here)| here).sum();
    pieces.first().is_some_and(|(length, _)| *length == here)
}
