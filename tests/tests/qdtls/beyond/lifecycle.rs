//! Timers, calls in every state, failures at the start, and one object used twice.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use sealgram::crypto::{CryptoError, SecureRandom, SignatureVerifier};
use sealgram::iana::{AlertDescription, Version};
use sealgram::ring::default_provider;
use sealgram::ring::verify::SIGNATURE_ALGORITHMS;
use sealgram::{
    Answer, AskId, ClientConfig, CloseReason, ConfigError, EndpointConfig, Error, ErrorKind,
    SendError, ServerConfig, WebPkiServerVerifier,
};
use sealgram_tests::{Checked, Direction, Failure, check, check_eq};
use sealgram_udp::{Client, ClientOptions, Server};

use crate::support::{
    Authority, Fate, Identity, LOOPBACK, Leaf, OrFail, QUICK, SMALL_GROUPS, Site, Stage,
    check_fails, error_of, name, patient, per_version, plain_socket, quick, receive,
    receive_waiting, rows, run, versions, wire,
};

/// R3, N4: the timer of a server that never answers runs as often as was said, doubles each time,
/// and ends with an error, not with silence.
#[test]
fn silent_server_is_given_up() {
    run(&versions(), |&version| {
        const RETRANSMISSIONS: u32 = 3;
        let site = Site::new()?;
        let (socket, address) = plain_socket()?;
        let config = site.client_with(version, quick(RETRANSMISSIONS))?;
        let start = Instant::now();
        let error = error_of("connect", Client::connect(&config, address, name()))?;
        let took = start.elapsed();
        check_eq("the kind", error.kind(), ErrorKind::Fatal)?;
        let closed = error.closed().or_fail("the end")?;
        check_eq("the reason", &closed.reason, &CloseReason::Error(Error::TimedOut))?;
        check_eq("the alert sent", closed.alert_sent, None)?;
        // 1 + 2 + 4 + 8 periods.
        check(took >= QUICK * 15, format!("it took {took:?}"))?;
        let hellos = receive_waiting(&socket)?;
        check_eq("hellos", hellos.len(), 1 + 3)
    });
}

/// R3, R4: who asks often, and waits for less than a second each time, neither hurries the timer
/// nor puts it off.
#[test]
fn impatient_steps_leave_the_timer_alone() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let (socket, address) = plain_socket()?;
        let period = Duration::from_millis(200);
        let transport = quick(12).with_retransmit_timeout(period).or_fail("a timer")?;
        let config = site.client_with(version, transport)?;
        let start = Instant::now();
        let mut client = Client::start(&config, address, name(), ClientOptions::default())
            .or_fail("a client")?;
        while client.stats().flights_retransmitted == 0 {
            check_eq("hellos before the timer", client.stats().datagrams_sent, 1)?;
            let told = client.step(Duration::from_millis(1), &mut []).or_fail("a step")?;
            check(told.is_none(), format!("the client tells {told:?}"))?;
            check(start.elapsed() < period * 25, "the timer never runs out")?;
        }
        let took = start.elapsed();
        check(took >= period, format!("it was sent again after {took:?}"))?;
        for _ in 0..2 {
            let hello = wire::client_hello(&receive(&socket)?.0);
            check(hello.is_some(), "something else than a hello was sent")?;
        }
        Ok(())
    });
}

/// R2: time passes before there is anything to wait for, and after there no longer is.
#[test]
fn timers_before_the_start_and_after_the_end_do_nothing() {
    let cases = per_version(&[("in the handshake", false), ("after the handshake", true)]);
    run(&cases, |&(version, connected)| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server_with(version, quick(12))?)?;
        // A server that nobody has spoken to.
        stage.spend(QUICK * 3)?;
        check_eq("what was sent", stage.server.stats(), Default::default())?;

        if !connected {
            // Nothing reaches the server, so the client's timer runs.
            stage.middle().set_rule(|_, _, _| Fate::Lose);
        }
        stage.start(&site.client_with(version, quick(12))?, name())?;
        if connected {
            stage.until_connected()?;
            // Whatever may still be acknowledged or repeated.
            stage.spend(QUICK * 3)?;
        }
        let client = &mut stage.client_mut().client;
        client.close().or_fail("close")?;
        let sent = client.stats().datagrams_sent;
        // There is nothing to wait for any more, so this returns; and whoever closed knows.
        let told = client.step(None, &mut []).or_fail("a step")?;
        check(told.is_none(), format!("the client tells {told:?}"))?;
        stage.spend(QUICK * 5)?;
        let late = stage.client().client.stats().datagrams_sent - sent;
        check_eq("datagrams after the end", late, 0)?;
        let seen = stage.middle().seen_to(Direction::ToServer).count() as u64;
        check_eq("datagrams on the way", seen, sent)
    });
}

/// R6: giving up in the handshake tells the peer.
#[test]
fn abort_in_the_handshake_sends_an_alert() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let (socket, address) = plain_socket()?;
        let config = site.client_with(version, patient())?;
        let mut client = Client::start(&config, address, name(), ClientOptions::default())
            .or_fail("a client")?;
        client.close().or_fail("close")?;
        let closed = client.closed().or_fail("the end")?;
        check_eq("the reason", &closed.reason, &CloseReason::Local)?;
        check_eq("the alert", closed.alert_sent, Some(AlertDescription::CLOSE_NOTIFY))?;
        let hello = wire::client_hello(&receive(&socket)?.0);
        check(hello.is_some(), "the first datagram is no hello")?;
        let (last, _) = receive(&socket)?;
        let [alert] = &*wire::plaintexts(&last) else {
            return Err(Failure::new("the last datagram is not one record"));
        };
        check_eq("its type", alert.typ, wire::ALERT)?;
        check_eq("its content", alert.body, [1, 0])
    });
}

/// R12: a client that goes away after its cookie leaves nothing behind.
#[test]
fn client_that_vanishes_is_forgotten() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server_with(version, quick(2))?)?;
        stage.middle().set_rule(|direction, before, _| match (direction, before) {
            // The first server flight is lost, and so is all that follows it.
            (Direction::ToClient, 1..) => Fate::Lose,
            (Direction::ToServer, 2..) => Fate::Lose,
            _ => Fate::Pass,
        });
        stage.start(&site.client_with(version, patient())?, name())?;
        stage.until("the server's end", |stage| {
            stage.sessions.values().any(|session| session.ended.is_some())
        })?;
        let closed = stage.session()?.ended.as_ref().and_then(|ended| ended.closed.as_ref());
        let reason = &closed.or_fail("a reason")?.reason;
        check_eq("the reason", reason, &CloseReason::Error(Error::TimedOut))?;
        check_eq("peers", stage.server.peers().count(), 0)?;
        check(stage.session()?.connected.is_none(), "the server was connected")
    });
}

/// A state that a connection can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Handshaking,
    /// Waits for the application's answer: Qt's PeerVerificationFailed.
    Asking,
    Connected,
    Aborted,
    ClosedByUs,
    ClosedByPeer,
    Failed,
}

/// What calls do in a state: `None` works.
#[derive(Clone, Copy, Debug)]
struct Calls {
    send: Option<ErrorKind>,
    recv: Option<ErrorKind>,
    /// With an answer that nobody waits for.
    resolve: Option<ErrorKind>,
    export: Option<ErrorKind>,
    close: Option<ErrorKind>,
    room: usize,
}

impl Calls {
    /// No data yet, and nothing has failed.
    const BEFORE: Self = Self {
        send: Some(ErrorKind::InvalidState),
        recv: None,
        resolve: Some(ErrorKind::InvalidState),
        export: Some(ErrorKind::InvalidState),
        close: None,
        room: 0,
    };

    /// It is over; `recv` says how.
    const fn after(how: ErrorKind) -> Self {
        let wrong = Some(ErrorKind::InvalidState);
        Self { send: wrong, recv: Some(how), resolve: wrong, export: wrong, close: wrong, room: 0 }
    }
}

/// A2: every call in every state does what is said here, and never more.
///
/// Qt's eight calls are `setPeer` and the configuration (not there, see `set_peer`),
/// `doHandshake` and `decrypt` (`step` and `recv`), `handleTimeout` (`step`, which is called in
/// every state as well), `resumeHandshake` (`resolve`), `abortHandshake` and `shutdown` (`close`)
/// and `write` (`send`). Two states are twice here, as the end has several causes.
#[test]
fn calls_in_every_state_do_what_they_say() {
    let cases = per_version(&[
        ("handshaking", (State::Handshaking, Calls::BEFORE)),
        ("asking", (State::Asking, Calls::BEFORE)),
        (
            "connected",
            (
                State::Connected,
                Calls {
                    send: None,
                    recv: None,
                    resolve: Some(ErrorKind::InvalidState),
                    export: None,
                    close: None,
                    room: sealgram_udp::MAX_PLAINTEXT,
                },
            ),
        ),
        ("aborted", (State::Aborted, Calls::after(ErrorKind::InvalidState))),
        ("closed by us", (State::ClosedByUs, Calls::after(ErrorKind::InvalidState))),
        ("closed by the peer", (State::ClosedByPeer, Calls::after(ErrorKind::RemoteClosed))),
        ("failed", (State::Failed, Calls::after(ErrorKind::Fatal))),
    ]);
    run(&cases, |&(version, (state, calls))| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server_with(version, patient())?)?;
        let foreign = foreign_ask(&site, version)?;
        bring(&mut stage, &site, version, state)?;
        check_client(&mut stage, foreign, calls)?;
        check_server(&mut stage, foreign, state)
    });
}

/// The name of a question that somebody else was asked.
fn foreign_ask(site: &Site, version: Version) -> Checked<AskId> {
    let mut stage = Stage::new(site.server(version)?)?;
    stage.start(&asking(site, version)?, name())?;
    stage.until("a question", |stage| !stage.client().asks.is_empty())?;
    Ok(stage.client().asks[0].0)
}

fn asking(site: &Site, version: Version) -> Checked<ClientConfig> {
    let roots = Arc::new(site.roots()?);
    let verifier = WebPkiServerVerifier::builder(roots, SIGNATURE_ALGORITHMS).build();
    let signatures: Arc<dyn SignatureVerifier> = verifier.or_fail("a verifier")?;
    ClientConfig::builder()
        .with_versions(&[version])
        .with_transport(patient())
        .with_asked_verification(signatures)
        .with_no_client_auth()
        .build()
        .or_fail("the client's configuration")
}

/// Brings the client into a state, and the server into what goes with it.
fn bring(stage: &mut Stage, site: &Site, version: Version, state: State) -> Checked {
    match state {
        State::Handshaking | State::Aborted | State::Failed => {
            // The server knows the client, and its answers do not arrive.
            stage.middle().set_rule(|direction, before, _| match (direction, before) {
                (Direction::ToClient, 1..) => Fate::Lose,
                _ => Fate::Pass,
            });
            let timers = if state == State::Failed { quick(1) } else { patient() };
            stage.start(&site.client_with(version, timers)?, name())?;
            stage
                .until("the server knows the client", |stage| stage.server.peers().count() == 1)?;
        }
        State::Asking => {
            stage.start(&asking(site, version)?, name())?;
            stage.until("a question", |stage| !stage.client().asks.is_empty())?;
        }
        _ => stage.connect(&site.client_with(version, patient())?, name())?,
    }
    match state {
        State::Handshaking | State::Asking | State::Connected => return Ok(()),
        State::Aborted | State::ClosedByUs => stage.client_mut().client.close().or_fail("close")?,
        State::ClosedByPeer => {
            let peer = stage.peer()?;
            stage.server.close(peer).or_fail("close")?;
        }
        State::Failed => {}
    }
    // Whoever closed is not told so.
    let told = usize::from(matches!(state, State::ClosedByPeer | State::Failed));
    stage.until("the client's end", |stage| stage.client().is_closed())?;
    stage.turn()?;
    check_eq("how often the client tells its end", stage.client().ends, told)?;
    match state {
        State::ClosedByUs => stage.until("the server's end", |stage| {
            stage.sessions.values().any(|session| session.ended.is_some())
        }),
        _ => Ok(()),
    }
}

fn check_call<T>(
    what: &str,
    result: Result<T, sealgram_udp::Error>,
    expected: Option<ErrorKind>,
) -> Checked {
    let kind = result.err().map(|error| error.kind());
    check_eq(&format!("the kind of {what}'s error"), kind, expected)
}

fn check_client(stage: &mut Stage, foreign: AskId, calls: Calls) -> Checked {
    let client = &mut stage.client_mut().client;
    let mut out = [0; 16];
    // Twice: nothing is spent by a call that fails.
    for _ in 0..2 {
        check_call("send", client.send(b"x"), calls.send)?;
        let told = client.step(Duration::ZERO, &mut []).or_fail("step")?;
        check(told.is_none(), format!("step tells {told:?}"))?;
        check_call("recv", client.recv(&mut [], Duration::ZERO), calls.recv)?;
        // In the state Asking the name may be the right one by chance; the answer is not.
        let answer = Answer::Sign(Err(CryptoError));
        check_call("resolve", client.resolve(foreign, answer), calls.resolve)?;
        let exported = client.export_keying_material(&mut out, b"EXPERIMENTAL-x", None);
        check_call("export_keying_material", exported, calls.export)?;
        check_eq("max_plaintext", client.max_plaintext(), calls.room)?;
        check_eq("is_connected", client.is_connected(), calls.room > 0)?;
    }
    check_call("close", client.close(), calls.close)?;
    check_call("close, again", client.close(), Some(ErrorKind::InvalidState))?;
    check_call("send after close", client.send(b"x"), Some(ErrorKind::InvalidState))
}

fn check_server(stage: &mut Stage, foreign: AskId, state: State) -> Checked {
    let told = stage.sessions.keys().next_back().copied();
    let peer = told.or_else(|| stage.server.peers().next()).or_fail("a peer")?;
    let connected = stage.server.connection(peer).is_some_and(sealgram::Connection::is_connected);
    check_eq("the server's state", connected, state == State::Connected)?;
    let wrong = Some(ErrorKind::InvalidState);
    let send = if connected { None } else { wrong };
    check_call("the server's send", stage.server.send(peer, b"x"), send)?;
    let answer = Answer::Sign(Err(CryptoError));
    check_call("the server's resolve", stage.server.resolve(peer, foreign, answer), wrong)?;
    let there = stage.server.connection(peer).is_some();
    let close = if there { None } else { wrong };
    check_call("the server's close", stage.server.close(peer), close)?;
    check_call("the server's close, again", stage.server.close(peer), wrong)?;
    check_call("the server's send after close", stage.server.send(peer, b"x"), wrong)?;
    check(stage.server.connection(peer).is_none(), "the server still has the connection")
}

/// A source of randomness that fails from the nth time on.
#[derive(Debug)]
struct Failing {
    left: AtomicUsize,
    inner: Arc<dyn SecureRandom>,
}

impl SecureRandom for Failing {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let take = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => self.inner.fill(out),
            Err(_) => Err(CryptoError),
        }
    }
}

/// M3: whichever step of the start fails, there is no half of a connection, and the next attempt
/// with the same configuration works once the cause is gone.
#[test]
fn failed_start_leaves_nothing_behind() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut provider = default_provider();
        let random =
            Arc::new(Failing { left: AtomicUsize::new(0), inner: provider.random.clone() });
        provider.random = random.clone();
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_versions(&[version])
            .with_groups(&SMALL_GROUPS)
            .with_root_certificates(site.roots()?)
            .with_no_client_auth()
            .build()
            .or_fail("the client's configuration")?;
        let server = ServerConfig::builder_with_provider(provider)
            .with_versions(&[version])
            .with_no_client_auth()
            .with_identity(site.identity.chain(), &site.identity.key());
        // Whether a configuration needs randomness, for tickets, is its own affair.
        attempts(&random, || {
            server.clone().build().map(drop).map_err(sealgram_udp::Error::Config)
        })?;
        let server = server.build().or_fail("the server's configuration")?;

        let (socket, silent) = plain_socket()?;
        let steps = attempts(&random, || {
            Client::start(&client, silent, name(), ClientOptions::default()).map(drop)
        })?;
        check(steps > 0, "a client needs no randomness")?;
        check_eq("hellos", receive_waiting(&socket)?.len(), 1)?;

        let address = plain_socket()?.1;
        let steps = attempts(&random, || {
            Server::bind(address, EndpointConfig::new(), server.clone()).map(drop)
        })?;
        check(steps > 0, "a server needs no randomness")?;

        // The very objects whose start has failed go on to a handshake.
        let mut stage = Stage::new(server)?;
        stage.connect(&client, name())?;
        stage.exchange()
    });
}

/// Lets `start` fail at its first need of randomness, then at its second, and so on until it
/// works; says how often it failed.
fn attempts(
    random: &Failing,
    start: impl Fn() -> Result<(), sealgram_udp::Error>,
) -> Checked<usize> {
    for works in 0..10 {
        random.left.store(works, Ordering::Relaxed);
        match start() {
            Ok(()) => {
                random.left.store(usize::MAX, Ordering::Relaxed);
                return Ok(works);
            }
            Err(error) => {
                check_eq("the kind", error.kind(), ErrorKind::Init)?;
                let expected = matches!(
                    error,
                    sealgram_udp::Error::Config(ConfigError::Random(_) | ConfigError::Cookie(_))
                );
                check(expected, format!("the error is {error:?}"))?;
            }
        }
    }
    Err(Failure::new("it never works"))
}

/// M3, L5: what the system refuses is the socket's fault; the same call works when it no longer is.
#[test]
fn refusal_of_the_system_is_a_socket_error() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let config = site.server(version)?;
        let bind = |address| Server::bind(address, EndpointConfig::new(), config.clone());
        let (socket, taken) = plain_socket()?;
        check_fails("bind", bind(taken).map(drop), ErrorKind::Socket)?;

        let config = site.client(version)?;
        let start = |local| {
            let options = ClientOptions::default().with_local_address(local);
            Client::start(&config, taken, name(), options)
        };
        // An address for documentation, which is not ours (RFC 5737).
        let foreign = "192.0.2.1:0".parse().or_fail("an address")?;
        check_fails("start", start(foreign).map(drop), ErrorKind::Socket)?;
        let client = start(LOOPBACK).or_fail("a client")?;
        let (_, from) = receive(&socket)?;
        check_eq("the client's address", client.local_addr().or_fail("it")?, from)?;

        drop(socket);
        let server = bind(taken).or_fail("a server")?;
        check_eq("where it listens", server.local_addr().or_fail("it")?, taken)
    });
}

/// M4, R5: one object, two connections in a row to peers with different certificates. Nothing of
/// the first one, whichever way it ended, is visible in the second one.
#[test]
fn second_connection_shows_nothing_of_the_first() {
    let cases = per_version(&[
        ("closed by us", State::ClosedByUs),
        ("closed by the peer", State::ClosedByPeer),
        ("aborted", State::Aborted),
        ("failed", State::Failed),
    ]);
    run(&cases, |&(version, first_end)| {
        let site = Site::new()?;
        let first = match first_end {
            // The first peer is refused.
            State::Failed => Authority::root()?.issue(Leaf::default())?,
            _ => site.authority.issue(Leaf::default())?,
        };
        let second = site.authority.intermediate()?.issue(Leaf::default())?;
        // The object that is used twice: a client's configuration, with everything in it.
        let client = site.client_with(version, quick(12))?;
        let serving = |identity: &Identity| {
            let site = Site { authority: Authority::root()?, identity: identity.clone() };
            Stage::new(site.server_with(version, quick(12))?)
        };

        let mut stage = serving(&first)?;
        stage.start(&client, name())?;
        let mut first_exported = None;
        match first_end {
            State::Aborted => stage.client_mut().client.close().or_fail("close")?,
            State::Failed => {
                stage.until("the client's end", |stage| stage.client().ends == 1)?;
            }
            _ => {
                stage.until_connected()?;
                let connected = stage.client().connected.as_ref().or_fail("it")?;
                check_eq("the first chain", &connected.peer_chain, &first.chain())?;
                first_exported = Some(exported(&stage)?);
                stage.exchange()?;
                if first_end == State::ClosedByUs {
                    stage.client_mut().client.close().or_fail("close")?;
                } else {
                    let peer = stage.peer()?;
                    stage.server.close(peer).or_fail("close")?;
                    stage.until("the client's end", |stage| stage.client().ends == 1)?;
                }
            }
        }

        let mut stage = serving(&second)?;
        stage.start(&client, name())?;
        let fresh = &stage.client().client;
        check(fresh.closed().is_none(), "the second one is closed from the start")?;
        check(fresh.info().negotiated.is_none(), "the second one has negotiated")?;
        check_eq("discards", fresh.stats().discards.total(), 0)?;
        check_eq("retransmissions", fresh.stats().flights_retransmitted, 0)?;
        stage.until_connected()?;
        let connected = stage.client().connected.as_ref().or_fail("it")?;
        check_eq("the second chain", &connected.peer_chain, &second.chain())?;
        check(connected.peer_chain != first.chain(), "both have the same chain")?;
        check(Some(exported(&stage)?) != first_exported, "both have the same secrets")?;
        stage.exchange()?;
        // The closed flag is the second one's own: it says goodbye, and is heard.
        stage.client_mut().client.close().or_fail("close")?;
        stage.until("the server's end", |stage| {
            stage.sessions.values().any(|session| session.ended.is_some())
        })?;
        let ended = stage.session()?.ended.as_ref().and_then(|ended| ended.closed.as_ref());
        check_eq("its reason", &ended.or_fail("it")?.reason, &CloseReason::Peer)
    });
}

fn exported(stage: &Stage) -> Checked<[u8; 16]> {
    let mut out = [0; 16];
    let client = &stage.client().client;
    client.export_keying_material(&mut out, b"EXPERIMENTAL-x", None).or_fail("the exporter")?;
    Ok(out)
}

/// M4 for a server: a second client from the same address, with another certificate, finds nothing
/// of the first one there.
///
/// (The addresses are the same because both clients are behind one middle.)
#[test]
fn second_client_finds_nothing_of_the_first() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let server = ServerConfig::builder()
            .with_versions(&[version])
            .with_client_verifier(sealgram::danger::AcceptAnyClient::new(SIGNATURE_ALGORITHMS))
            .with_identity(site.identity.chain(), &site.identity.key())
            .build()
            .or_fail("the server's configuration")?;
        let mut stage = Stage::with_middle(server)?;
        for common_name in ["first", "second"] {
            let identity = Leaf { common_name, ..Leaf::default() }.self_signed()?;
            let client = ClientConfig::builder()
                .with_versions(&[version])
                .with_root_certificates(site.roots()?)
                .with_identity(identity.chain(), &identity.key())
                .build()
                .or_fail("the client's configuration")?;
            stage.connect(&client, name())?;
            let connected = stage.session()?.connected.as_ref().or_fail("it")?;
            check_eq("the client's chain", &connected.peer_chain, &identity.chain())?;
            stage.exchange()?;
            stage.client_mut().client.close().or_fail("close")?;
            stage.until("the end", |stage| stage.server.peers().count() == 0)?;
        }
        // The third has none at all, and inherits none.
        stage.connect(&site.client(version)?, name())?;
        let connected = stage.session()?.connected.as_ref().or_fail("it")?;
        check(connected.peer_chain.is_empty(), "the third client has a certificate")?;
        check_eq("connections", stage.sessions.len(), 3)
    });
}

/// L5, R7: each of Qt's eight kinds has an error of its own here, and every error has one kind.
/// Most are provoked throughout these tests; this is the list.
#[test]
fn errors_have_the_eight_kinds() {
    let kinds = rows([
        ("NonFatal", (SendError::Exhausted.kind(), ErrorKind::NonFatal)),
        ("InvalidInput", (SendError::TooLong { max: 1 }.kind(), ErrorKind::InvalidInput)),
        ("InvalidState", (sealgram::Misuse::NotAsked.kind(), ErrorKind::InvalidState)),
        ("Fatal", (Error::TimedOut.kind(), ErrorKind::Fatal)),
        ("PeerVerification", (Error::NoPeerCertificate.kind(), ErrorKind::PeerVerification)),
        ("Init", (ConfigError::NoVersion.kind(), ErrorKind::Init)),
        (
            "RemoteClosed",
            (CloseReason::Peer.kind().unwrap_or(ErrorKind::Fatal), ErrorKind::RemoteClosed),
        ),
        (
            "Socket",
            (
                sealgram_udp::Error::from(std::io::Error::from(std::io::ErrorKind::AddrInUse))
                    .kind(),
                ErrorKind::Socket,
            ),
        ),
    ]);
    run(&kinds, |(found, expected)| check_eq("the kind", found, expected));
}
