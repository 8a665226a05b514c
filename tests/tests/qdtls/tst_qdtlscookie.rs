//! The tests of Qt's `tst_qdtlscookie.cpp`.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use sealgram::iana::{AlertDescription, Version};
use sealgram::{Admission, ClientConfig, Endpoint, EndpointConfig, ErrorKind, Path, Routed};
use sealgram_tests::{Checked, Direction, Failure, check, check_eq};
use sealgram_udp::{
    Client, ClientEvent, ClientOptions, MAX_PLAINTEXT, Server, ServerEvent, ServerStats,
};

use crate::support::{
    Fate, LOOPBACK, OrFail, Site, Stage, check_fails, name, patient, plain_socket, receive, rows,
    run, versions, wire,
};

/// 26 bytes, as in Qt, and nothing that a `Debug` would print by accident.
const SECRET: &[u8] = b"this is not a secret at al";

/// Qt: `construction`.
///
/// Qt's secret can be read, and is seen not to be empty. Ours cannot (M2, R11); `verify_client`
/// sees that there is one, and `default_secrets_are_not_shared` that it is the verifier's own. The
/// hash is not a setting (R10): SHA-256 always, which shows in the cookie's length.
#[test]
fn construction() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let server = Server::bind(LOOPBACK, EndpointConfig::new(), site.server(version)?)
            .or_fail("a server")?;
        check_eq("what was counted", server.stats(), ServerStats::default())?;
        check_eq("peers", server.peers().count(), 0)?;

        let endpoint = EndpointConfig::new().with_shared_cookie_secret(SECRET, 0);
        let shown = format!("{endpoint:?}");
        let server = Server::bind(LOOPBACK, endpoint, site.server(version)?).or_fail("a server")?;
        for text in [shown, format!("{server:?}")] {
            check(!shows_secret(&text), format!("the secret is in {text}"))?;
        }

        let mut stage = Stage::new(site.server(Version::V12)?)?;
        let (socket, _) = plain_socket()?;
        let hello = hello_without_cookie(&site.client(Version::V12)?)?;
        socket.send_to(&hello, stage.address()?)?;
        stage.until("the answer", |stage| stage.server.stats().endpoint.replies == 1)?;
        let cookie = wire::requested_cookie(&receive(&socket)?.0).or_fail("a cookie")?;
        // One byte, and HMAC-SHA-256 without its last byte.
        check_eq("the cookie's length", cookie.len(), 32)
    });
}

/// Whether a text has the secret as it is, in hex, or as a list of numbers.
fn shows_secret(text: &str) -> bool {
    let raw = core::str::from_utf8(SECRET).expect("ASCII");
    let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = format!("{SECRET:?}");
    let numbers = numbers.trim_matches(['[', ']']);
    let lower = text.to_lowercase();
    text.contains(raw) || lower.contains(&hex) || text.contains(numbers)
}

/// What a client with this configuration says first.
fn hello_without_cookie(config: &ClientConfig) -> Checked<Vec<u8>> {
    let (socket, address) = plain_socket()?;
    let _client = Client::start(config, address, name(), ClientOptions::default())
        .or_fail("the client's start")?;
    Ok(receive(&socket)?.0)
}

/// An address, and whether a peer can have it.
const ADDRESSES: [(&str, [u8; 4]); 4] = [
    ("valid address", [127, 0, 0, 1]),
    ("null address", [0, 0, 0, 0]),
    ("broadcast address", [255, 255, 255, 255]),
    ("multicast address", [224, 0, 0, 0]),
];

/// Qt: `validateParameters` (15).
///
/// All combinations of a missing socket, an empty datagram and an address that nobody has, but the
/// one in which nothing is wrong. A `Server` cannot be without its socket: what comes closest is
/// the endpoint inside, which owns none, without room for an answer. It has no errors for
/// datagrams, and stays silent.
#[test]
fn validate_parameters() {
    let mut cases = Vec::new();
    for socket in [true, false] {
        for datagram in [true, false] {
            for (address, bytes) in ADDRESSES {
                let valid = bytes == Ipv4Addr::LOCALHOST.octets();
                if socket && datagram && valid {
                    continue;
                }
                let name = format!(
                    "{} socket, {} datagram, {address}",
                    if socket { "valid" } else { "null" },
                    if datagram { "valid" } else { "empty" },
                );
                cases.push((name, (socket, datagram, SocketAddr::from((bytes, 4433)))));
            }
        }
    }
    assert_eq!(cases.len(), 15);
    run(&rows(cases), |&(socket, datagram, address)| {
        let site = Site::new()?;
        let hello = hello_without_cookie(&site.client(Version::V12)?)?;
        let mut bytes = if datagram { hello } else { Vec::new() };
        if socket {
            let config = site.server(Version::V12)?;
            let mut server =
                Server::bind(LOOPBACK, EndpointConfig::new(), config).or_fail("a server")?;
            let result = server.handle_datagram(address, &mut bytes);
            check_fails("the datagram", result, ErrorKind::InvalidInput)?;
            check_eq("what was counted", server.stats(), ServerStats::default())?;
            check_eq("peers", server.peers().count(), 0)?;
            let told = server.step(Duration::ZERO, &mut []).or_fail("a step")?;
            check(told.is_none(), "there is something to tell")
        } else {
            let mut endpoint = endpoint(&site, Version::V12, EndpointConfig::new())?;
            let now = sealgram::Instant::ZERO;
            let routed = endpoint.handle_datagram(now, Path::to(address), &mut bytes, &mut []);
            let silent = matches!(routed, Routed::Discard(_));
            check(silent, format!("the endpoint says {routed:?}"))?;
            let counted = endpoint.stats();
            check_eq("datagrams discarded", counted.discarded, 1)?;
            check_eq("answers", counted.replies, 0)?;
            check_eq("peers let in", counted.admitted, 0)
        }
    });
}

fn endpoint(site: &Site, version: Version, config: EndpointConfig) -> Checked<Endpoint> {
    Endpoint::new(config, Some(site.server(version)?)).or_fail("an endpoint")
}

/// Qt: `verifyClient`.
///
/// Qt's verifier gives the application the hello and forgets the client; ours makes a connection of
/// it, so a repeat of the hello belongs to that connection. As long as nobody accepts the peer, it
/// verifies as often as it comes. A brand-new verifier accepts it if it was given the same secret,
/// and only then: Qt's share one that nobody has chosen (R11).
#[test]
fn verify_client() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let shared = || EndpointConfig::new().with_shared_cookie_secret(SECRET, 0);
        let server = Server::bind(LOOPBACK, shared(), site.server_with(version, patient())?);
        let mut stage = Stage::of(server.or_fail("a server")?)?.and_middle()?;
        stage.middle().set_rule(|_, _, bytes| match wire::client_hello(bytes) {
            Some(hello) if hello.has_cookie() => Fate::Hold,
            _ => Fate::Pass,
        });

        // The first hello gets one answer, and nothing is kept.
        stage.start(&site.client_with(version, patient())?, name())?;
        stage.until("the second hello", |stage| stage.middle().held() == 1)?;
        check_eq("what was counted", stage.server.stats(), counted(1, 0, 0))?;
        check_eq("peers", stage.server.peers().count(), 0)?;
        let hello = stage.middle().held_bytes().next().or_fail("it")?.to_vec();
        let client = stage.middle().client_as_seen()?;

        // Without a connection: twice in a row, and in a brand-new verifier.
        let mut other = endpoint(&site, version, shared())?;
        check_eq("the first time", admits(&mut other, client, &hello), true)?;
        check_eq("the second time", admits(&mut other, client, &hello), true)?;
        let mut other = endpoint(&site, version, shared())?;
        check_eq("in a brand-new verifier", admits(&mut other, client, &hello), true)?;
        let mut elsewhere = client;
        elsewhere.set_port(client.port() ^ 1);
        check_eq("from another port", admits(&mut other, elsewhere, &hello), false)?;
        let mut stranger = endpoint(&site, version, EndpointConfig::new())?;
        check_eq("with another secret", admits(&mut stranger, client, &hello), false)?;

        // The same bytes from another port do not get in: one answer, as to any hello.
        let (socket, _) = plain_socket()?;
        socket.send_to(&hello, stage.server.local_addr().or_fail("its address")?)?;
        stage.until("an answer", |stage| stage.server.stats().endpoint.replies == 2)?;
        check_eq("what was counted", stage.server.stats(), counted(2, 1, 0))?;
        check_eq("peers", stage.server.peers().count(), 0)?;
        let (answer, _) = receive(&socket)?;
        match version {
            Version::V12 => check(wire::is_request(&answer), "the answer asks for no cookie")?,
            // RFC 9147 §5.1.
            Version::V13 => {
                let alert = wire::fatal_alert(&answer).map(AlertDescription);
                check_eq("the alert", alert, Some(AlertDescription::ILLEGAL_PARAMETER))?;
            }
        }

        // From where it belongs it gets in once, however often it comes, and goes on from there.
        for _ in 0..3 {
            stage.middle().forward(Direction::ToServer, &hello)?;
        }
        stage.until("let in", |stage| stage.server.peers().count() == 1)?;
        stage.until_connected()?;
        check_eq("what was counted", stage.server.stats(), counted(2, 1, 1))?;
        check_eq("peers", stage.server.peers().count(), 1)?;
        stage.exchange()
    });
}

fn counted(replies: u64, bad_cookies: u64, admitted: u64) -> ServerStats {
    let mut stats = ServerStats::default();
    stats.endpoint.replies = replies;
    stats.endpoint.bad_cookies = bad_cookies;
    stats.endpoint.admitted = admitted;
    stats
}

/// Whether an endpoint would let this hello in.
fn admits(endpoint: &mut Endpoint, from: SocketAddr, hello: &[u8]) -> bool {
    let now = sealgram::Instant::ZERO;
    let mut bytes = hello.to_vec();
    match endpoint.handle_datagram(now, Path::to(from), &mut bytes, &mut [0; 1500]) {
        Routed::Accept(incoming) => {
            incoming.admission() == Admission::Cookie && incoming.path().remote == from
        }
        _ => false,
    }
}

/// Qt: `cookieGeneratorParameters`.
///
/// Success is what it says it is (C10, R1): after it the new secret is the one that counts. That
/// goes for the verifier; a connection has no cookie parameters here.
#[test]
fn cookie_generator_parameters() {
    let cases = rows([
        ("empty", (0_usize, false)),
        ("15 bytes", (15, false)),
        ("16 bytes", (16, true)),
        ("26 bytes", (26, true)),
    ]);
    run(&cases, |&(length, good)| {
        let site = Site::new()?;
        let client: SocketAddr = "192.0.2.1:4433".parse().or_fail("an address")?;
        let secret = &SECRET[..length];

        // When it is made.
        let config = EndpointConfig::new().with_shared_cookie_secret(secret, 1);
        let made = Server::bind(LOOPBACK, config, site.server(Version::V12)?);
        check_eq("whether a server is made", made.is_ok(), good)?;
        if !good {
            check_fails("a server", made.map(drop), ErrorKind::InvalidInput)?;
        }

        // While it runs. Nothing is changed by a refusal: the next generation is still the first.
        let first = b"the first secret";
        let config = EndpointConfig::new().with_shared_cookie_secret(first, 0);
        let mut server = endpoint(&site, Version::V12, config)?;
        let result = server.rotate_cookie_secret(secret);
        let expected = if good { None } else { Some(ErrorKind::InvalidInput) };
        check_eq("the kind of error", result.err().map(|error| error.kind()), expected)?;
        let hello = proven_hello(&site, &mut server, client)?;
        let generations = [(first.as_slice(), 0), (secret, 1)];
        for (secret, generation) in generations.into_iter().filter(|(s, _)| s.len() >= 16) {
            let config = EndpointConfig::new().with_shared_cookie_secret(secret, generation);
            let mut other = endpoint(&site, Version::V12, config)?;
            let is_current = (generation == 1) == good;
            let text = format!("a verifier with secret {generation} lets the hello in");
            check_eq(&text, admits(&mut other, client, &hello), is_current)?;
        }
        Ok(())
    });
}

/// A hello with a cookie of this endpoint.
fn proven_hello(site: &Site, endpoint: &mut Endpoint, from: SocketAddr) -> Checked<Vec<u8>> {
    let now = sealgram::Instant::ZERO;
    let config = site.client(Version::V12)?;
    let mut client = sealgram::Connection::client(&config, name(), Path::connected(), now)
        .or_fail("a client")?;
    let (mut hello, mut answer) = ([0; 1500], [0; 1500]);
    let sent = client.poll_transmit(now, &mut hello).or_fail("a hello")?;
    let routed = endpoint.handle_datagram(now, Path::to(from), &mut hello[..sent.len], &mut answer);
    let Routed::Reply(reply) = routed else {
        return Err(Failure::new(format!("the endpoint says {routed:?}")));
    };
    client.handle_datagram(now, Path::connected(), &mut answer[..reply.len], &mut |_| {});
    let sent = client.poll_transmit(now, &mut hello).or_fail("a second hello")?;
    Ok(hello[..sent.len].to_vec())
}

/// As many clients as in Qt, in batches as large, and as often.
const CLIENTS: usize = 100;
const BATCH: usize = 10;
const BETWEEN_BATCHES: Duration = Duration::from_millis(50);
const BETWEEN_SPAM: Duration = Duration::from_millis(5);

/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(15);

/// Qt: `verifyMultipleClients`.
///
/// Qt's clients go away once their cookie is verified; ours complete the handshake.
#[test]
fn verify_multiple_clients() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let (client, server) = (site.client(version)?, site.server(version)?);
        let mut server =
            Server::bind(LOOPBACK, EndpointConfig::new(), server).or_fail("a server")?;
        let address = server.local_addr().or_fail("its address")?;
        let (spammer, spammers_address) = plain_socket()?;
        let hello = hello_without_cookie(&client)?;
        let done = AtomicBool::new(false);
        let (met, spam, clients) = thread::scope(|scope| {
            let spam = scope.spawn(|| spam(&spammer, address, &hello, &done));
            let clients = scope.spawn(|| all_connect(&client, address));
            let met = serve(&mut server);
            done.store(true, Ordering::Relaxed);
            (met, spam.join().expect("no panic"), clients.join().expect("no panic"))
        });
        let (met, spam, clients) = (met?, spam?, clients?);
        check_eq("the clients that the server met", met, clients)?;
        let stats = server.stats();
        check_eq("peers let in", stats.endpoint.admitted, CLIENTS as u64)?;
        check_eq("bad cookies", stats.endpoint.bad_cookies, 0)?;
        check_eq("peers", server.peers().count(), CLIENTS)?;
        let spammed = server.peers().any(|peer| {
            let path = server.connection(peer).map(|connection| connection.info().path);
            path.is_some_and(|path| path.remote == spammers_address)
        });
        check(!spammed, "the spammer got in")?;
        // The spam was there, and got what it deserved: silence for text, an answer for hellos.
        check(spam > 20, format!("only {spam} datagrams of spam"))?;
        check(stats.not_dtls > 10, format!("only {} datagrams of text", stats.not_dtls))?;
        let answers = CLIENTS as u64 + 10;
        check(stats.endpoint.replies > answers, "the spammer's hellos got no answers")
    });
}

/// Sends text and hellos until it is `done`; says how many datagrams.
fn spam(socket: &UdpSocket, server: SocketAddr, hello: &[u8], done: &AtomicBool) -> Checked<usize> {
    let mut sent = 0;
    while !done.load(Ordering::Relaxed) {
        socket.send_to(b"Hello, my little DTLS server, please, take this message", server)?;
        socket.send_to(hello, server)?;
        sent += 2;
        thread::sleep(BETWEEN_SPAM);
    }
    Ok(sent)
}

/// Connects all clients, batch by batch, and says from which ports.
fn all_connect(config: &ClientConfig, server: SocketAddr) -> Checked<BTreeSet<u16>> {
    let start = Instant::now();
    let mut ports = BTreeSet::new();
    let (mut waiting, mut connected) = (Vec::new(), Vec::new());
    let mut next_batch = start;
    while connected.len() < CLIENTS {
        if connected.len() + waiting.len() < CLIENTS && Instant::now() >= next_batch {
            next_batch += BETWEEN_BATCHES;
            for _ in 0..BATCH {
                let client = Client::start(config, server, name(), ClientOptions::default())
                    .or_fail("a client's start")?;
                ports.insert(client.local_addr().or_fail("its address")?.port());
                waiting.push(client);
            }
        }
        let mut wait = Duration::from_millis(1);
        let mut still_waiting = Vec::new();
        for mut client in waiting {
            match client.step(wait, &mut []).or_fail("a client")? {
                None => still_waiting.push(client),
                Some(ClientEvent::Connected(_)) => connected.push(client),
                Some(other) => return Err(Failure::new(format!("a client tells {other:?}"))),
            }
            wait = Duration::ZERO;
        }
        waiting = still_waiting;
        check(start.elapsed() < PATIENCE, format!("{} clients wait", waiting.len()))?;
    }
    Ok(ports)
}

/// Serves until all clients are connected, and says from which ports.
fn serve(server: &mut Server) -> Checked<BTreeSet<u16>> {
    let start = Instant::now();
    let mut met = BTreeSet::new();
    let mut buffer = vec![0; MAX_PLAINTEXT];
    while met.len() < CLIENTS {
        match server.step(Duration::from_millis(10), &mut buffer).or_fail("the server")? {
            None => {}
            Some(ServerEvent::Connected { addr, .. }) => {
                check(met.insert(addr.port()), format!("{addr} was met twice"))?;
            }
            Some(other) => return Err(Failure::new(format!("the server tells {other:?}"))),
        }
        check(start.elapsed() < PATIENCE, format!("only {} clients were met", met.len()))?;
    }
    Ok(met)
}
