//! Every public call in every state: what is not allowed is a typed error and changes nothing.

use core::time::Duration;

use sealgram::iana::Version;
use sealgram::{
    Answer, AskId, CloseReason, Connection, Event, Instant, Misuse, Path, SendError, Side,
};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Pair, Sent, Setup, answer, plan};

type Joined = Pair<ConnectionFace, EndpointFace>;

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Its first flight is out.
    Handshaking,
    /// The application was asked something.
    Asked,
    /// Complete, but its last flight has not been polled.
    Finishing,
    Connected,
    /// `close` was called, and nothing polled since.
    Closing,
    /// The close_notify is out as well.
    ClosedHere,
    ClosedByPeer,
    Failed,
}

const ALL: [At; 8] = [
    At::Handshaking,
    At::Asked,
    At::Finishing,
    At::Connected,
    At::Closing,
    At::ClosedHere,
    At::ClosedByPeer,
    At::Failed,
];

const SIDES: [Side; 2] = [Side::Client, Side::Server];

fn setup(version: Version, side: Side, at: At) -> Setup {
    let mut setup = Setup::new(1);
    setup.versions = vec![version];
    if at == At::Asked {
        setup.asks.client_verifies = side == Side::Client;
        setup.asks.server_signs = side == Side::Server;
    }
    setup
}

fn connection(pair: &mut Joined, side: Side) -> &mut Connection {
    match side {
        Side::Client => &mut pair.client.connection,
        Side::Server => &mut pair.server.latest_mut().expect("accepted").connection,
    }
}

fn events(pair: &Joined, side: Side) -> &[Event] {
    match side {
        Side::Client => &pair.client.events,
        Side::Server => &pair.server.latest().expect("accepted").events,
    }
}

/// A pair of which one side is in this state; `None` if the protocol has no such state.
fn reach(setup: &Setup, side: Side, at: At) -> Option<Joined> {
    setup.reset();
    let mut pair = setup.pair();
    let limit = Instant::from_micros(10_000_000);
    let accepted = |pair: &Joined| pair.server.latest().is_some();
    let complete = |pair: &mut Joined| connection(pair, side).info().handshake_time.is_some();
    match at {
        At::Handshaking | At::Asked => {
            assert_eq!(pair.run_until(limit, accepted), Ended::Done);
            if at == At::Asked && side == Side::Client {
                pair.run_until(limit, |pair| !pair.client.events.is_empty());
            }
        }
        At::Finishing => {
            pair.run_until(limit, accepted);
            // What completes the handshake is handed in, and nothing is polled after that.
            while !complete(&mut pair) {
                let last = pair.trace().last().expect("sent").clone();
                if last.from != side {
                    pair.inject(side, &last.bytes);
                }
                if !complete(&mut pair) {
                    assert_eq!(pair.step(limit), Ended::Done);
                }
            }
            if connection(&mut pair, side).is_connected() {
                return None;
            }
        }
        At::Connected | At::Closing | At::ClosedHere | At::ClosedByPeer => {
            assert_eq!(pair.run_until_settled(), Ended::Done);
            pair.run_for(Duration::from_secs(2));
            let now = pair.now();
            let closes = match (at, side) {
                (At::Connected, _) => return Some(pair),
                (At::ClosedByPeer, Side::Client) => Side::Server,
                (At::ClosedByPeer, Side::Server) => Side::Client,
                _ => side,
            };
            connection(&mut pair, closes).close(now);
            if at != At::Closing {
                pair.run_for(Duration::from_secs(1));
            }
        }
        At::Failed => {
            pair.run_until(limit, accepted);
            pair.set_plan(plan::silence(None));
            pair.run_until(Instant::from_micros(u64::MAX), |pair| pair.face(side).is_closed());
            let closed = match side {
                Side::Client => pair.client.closed(),
                Side::Server => pair.server.closed(),
            };
            assert!(matches!(closed.expect("closed").reason, CloseReason::Error(_)));
        }
    }
    Some(pair)
}

/// The id of the question that another connection was asked. Ids are counted by each connection,
/// so this is also the one of the connection under test in [`At::Asked`].
fn ask_id(side: Side) -> AskId {
    let setup = setup(Version::V12, side, At::Asked);
    let pair = reach(&setup, side, At::Asked).expect("asked");
    let Some(Event::Needs(id, _)) = events(&pair, side).last() else { panic!("not asked") };
    *id
}

/// An answer to another question than the one that this side is asked in [`At::Asked`].
fn wrong_answer(side: Side) -> Answer {
    match side {
        Side::Client => Answer::Sign(Err(sealgram::crypto::CryptoError)),
        Side::Server => {
            Answer::VerifyPeer(Ok(sealgram::crypto::IdentityVerified::danger_assertion()))
        }
    }
}

/// Every call that can be wrong, with arguments that are right, and what it returned as text.
fn calls(
    connection: &mut Connection,
    now: Instant,
    side: Side,
    ask: AskId,
) -> [(&'static str, String); 5] {
    let mut buf = [0; 512];
    let mut out = [0; 40];
    [
        ("send", format!("{:?}", connection.send(now, b"data", &mut buf))),
        ("send_in_place", format!("{:?}", connection.send_in_place(now, &mut buf, 100..110))),
        ("export", format!("{:?}", connection.export_keying_material(&mut out, b"EXPORTER", None))),
        ("update_keys", format!("{:?}", connection.update_keys(now, false))),
        ("resolve", format!("{:?}", connection.resolve(now, ask, wrong_answer(side)))),
    ]
}

/// What each of [`calls`] returns in this state; `None`: it works.
fn expected(version: Version, at: At) -> [Option<String>; 5] {
    let closed = matches!(at, At::Closing | At::ClosedHere | At::ClosedByPeer | At::Failed);
    let misuse = if closed { Misuse::Closed } else { Misuse::NotConnected };
    let plain = |misuse: Misuse| Some(format!("{:?}", Err::<(), _>(misuse)));
    let send = Some(format!("{:?}", Err::<(), _>(SendError::Misuse(misuse))));
    let not_asked = plain(if closed { Misuse::Closed } else { Misuse::NotAsked });
    match at {
        At::Connected => {
            let update = (version == Version::V12).then(|| plain(Misuse::NotInThisVersion));
            [None, None, None, update.flatten(), not_asked]
        }
        // The secrets are there; nothing can be sent yet.
        At::Finishing => [send.clone(), send, None, plain(misuse), not_asked],
        _ => [send.clone(), send, plain(misuse), plain(misuse), not_asked],
    }
}

/// Everything that can be seen of a connection.
fn snapshot(connection: &Connection) -> String {
    format!("{connection:?} {:?} {:?}", connection.stats(), connection.poll_timeout())
}

#[test]
fn every_call_in_every_state_is_allowed_or_a_typed_error_that_changes_nothing() {
    let mut rows = 0;
    for version in [Version::V12, Version::V13] {
        for side in SIDES {
            let ask = ask_id(side);
            for at in ALL {
                let setup = setup(version, side, at);
                let Some(mut pair) = reach(&setup, side, at) else {
                    // A 1.2 client's flight is out before the server's Finished comes.
                    assert_eq!((version, side, at), (Version::V12, Side::Client, At::Finishing));
                    continue;
                };
                let now = pair.now();
                let expected = expected(version, at);
                let before = snapshot(connection(&mut pair, side));
                let outcomes = calls(connection(&mut pair, side), now, side, ask);
                for ((call, outcome), expected) in outcomes.iter().zip(&expected) {
                    rows += 1;
                    match expected {
                        Some(expected) => {
                            assert_eq!(outcome, expected, "{version:?} {side:?} {at:?}: {call}");
                        }
                        None => assert!(outcome.starts_with("Ok"), "{at:?} {call}: {outcome}"),
                    }
                }
                if expected.iter().all(Option::is_some) {
                    assert_eq!(snapshot(connection(&mut pair, side)), before, "{at:?}");
                }
            }
        }
    }
    println!("{rows} rows: calls in states of both roles and versions");
    assert_eq!(rows, 5 * (2 * 2 * ALL.len() - 1));
}

/// The calls that are refused, or that only look, in this state.
fn misuse(connection: &mut Connection, now: Instant, at: At, side: Side, ask: AskId) {
    let mut buf = vec![0; 20_000];
    let mut out = [0; 8];
    assert!(connection.resolve(now, ask, wrong_answer(side)).is_err());
    let context = vec![0; 65_536];
    let refused = connection.export_keying_material(&mut out, b"EXPORTER", Some(&context));
    assert_eq!(refused, Err(Misuse::OutOfRange("the context")));
    if at == At::Connected {
        let max = connection.max_plaintext();
        let too_long = vec![0; max + 1];
        assert_eq!(connection.send(now, &too_long, &mut buf), Err(SendError::TooLong { max }));
        let (before, after) = connection.overhead();
        let needed = before + 100 + after;
        let small = Err(SendError::BufferTooSmall { needed });
        assert_eq!(connection.send(now, &[0; 100], &mut buf[..needed - 1]), small);
        assert_eq!(connection.send(now, &[0; 100], &mut []), small);
        // No room in front, behind, or at all.
        let small = Err(SendError::BufferTooSmall { needed });
        let in_front = before - 1..before + 99;
        assert_eq!(connection.send_in_place(now, &mut buf, in_front), small);
        let behind = before..before + 100;
        assert_eq!(connection.send_in_place(now, &mut buf[..needed - 1], behind), small);
        assert_eq!(connection.send_in_place(now, &mut buf, 30_000..30_100), small);
        let end = usize::MAX - 100..usize::MAX;
        assert_eq!(connection.send_in_place(now, &mut buf, end), small);
        // A range that ends before it begins is no empty one.
        #[expect(clippy::reversed_empty_ranges, reason = "this is what is tested")]
        let reversed = connection.send_in_place(now, &mut buf, 110..100);
        assert_eq!(reversed, Err(SendError::Misuse(Misuse::OutOfRange("the plaintext's range"))));
    } else {
        assert!(connection.send(now, b"data", &mut buf).is_err());
        assert!(connection.send_in_place(now, &mut buf, 100..110).is_err());
        assert!(connection.update_keys(now, true).is_err());
        assert_eq!(connection.max_plaintext(), 0);
        assert_eq!(connection.plaintext_per_datagram(1200), 0);
        assert_eq!(connection.overhead(), (0, 0));
    }
    // Looking changes nothing; neither does a timeout that is not due.
    let _ = (connection.info().clone(), connection.stats(), connection.heap_bytes());
    let _ = (connection.poll_timeout(), connection.is_connected(), connection.is_closed());
    connection.handle_timeout(now);
    assert_eq!(connection.poll_transmit(now, &mut []), None);
}

/// Answers whatever was asked, and lets the handshake and some data go their way.
fn go_on(setup: &Setup, pair: &mut Joined, side: Side) -> Vec<Sent> {
    let now = pair.now();
    if let Some(Event::Needs(id, ask)) = events(pair, side).last() {
        let (id, answer) = (*id, answer(setup, side, ask));
        connection(pair, side).resolve(now, id, answer).expect("asked");
    }
    pair.run_until_settled();
    if pair.is_connected() {
        assert!(pair.data_flows());
        let now = pair.now();
        connection(pair, side).close(now);
        pair.run_for(Duration::from_secs(1));
    }
    pair.run_until(Instant::from_micros(u64::MAX), |_| false);
    pair.trace().to_vec()
}

/// A connection that was misused goes on as one that was not, byte for byte.
#[test]
fn misused_connection_goes_on_as_if_nothing_had_been() {
    let mut compared = 0;
    for version in [Version::V12, Version::V13] {
        for side in SIDES {
            let ask = ask_id(side);
            for at in ALL {
                let setup = setup(version, side, at);
                let Some(mut control) = reach(&setup, side, at) else { continue };
                let expected = go_on(&setup, &mut control, side);
                let mut pair = reach(&setup, side, at).expect("as before");
                let now = pair.now();
                misuse(connection(&mut pair, side), now, at, side, ask);
                let trace = go_on(&setup, &mut pair, side);
                assert_eq!(trace.len(), expected.len(), "{version:?} {side:?} {at:?}");
                for (sent, expected) in trace.iter().zip(&expected) {
                    assert_eq!((sent.from, sent.at), (expected.from, expected.at));
                    assert_eq!(sent.bytes, expected.bytes, "{version:?} {side:?} {at:?}");
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} datagrams after misuse are those without it");
}

#[test]
fn closing_twice_closes_once() {
    for version in [Version::V12, Version::V13] {
        for side in SIDES {
            for at in ALL {
                let setup = setup(version, side, at);
                let Some(mut pair) = reach(&setup, side, at) else { continue };
                let now = pair.now();
                for _ in 0..3 {
                    connection(&mut pair, side).close(now);
                    assert!(connection(&mut pair, side).is_closed());
                }
                pair.run_for(Duration::from_secs(1));
                // The face insists on one `Closed`, at the end. The first connection: a hello that
                // comes again makes another one.
                let closed = match side {
                    Side::Client => pair.client.closed(),
                    Side::Server => pair.server.connections[0].1.closed(),
                };
                let reason = &closed.expect("closed").reason;
                match at {
                    At::ClosedByPeer => assert_eq!(*reason, CloseReason::Peer),
                    At::Failed => assert!(matches!(reason, CloseReason::Error(_))),
                    _ => assert_eq!(*reason, CloseReason::Local),
                }
                // Whatever still comes in has no effect, and time has none.
                let trace = pair.trace().to_vec();
                let connection = match side {
                    Side::Client => &mut pair.client.connection,
                    Side::Server => &mut pair.server.connections[0].1.connection,
                };
                assert_eq!(connection.poll_timeout(), None);
                for mut sent in trace {
                    let deliver = &mut |data: sealgram::Data<'_>| panic!("{data:?}");
                    connection.handle_datagram(now, Path::connected(), &mut sent.bytes, deliver);
                }
                connection.handle_timeout(now + Duration::from_secs(1000));
                assert!(connection.poll_transmit(now, &mut [0; 2048]).is_none());
                assert!(connection.poll_event().is_none());
            }
        }
    }
}

/// Settings can be changed at any time and are kept in bounds.
#[test]
fn settings_are_clamped_to_what_the_configuration_takes() {
    let mut pair = Setup::new(1).pair();
    pair.set_plan(plan::silence(None));
    pair.client.connection.set_retransmit_timeout(Duration::ZERO);
    pair.client.connection.set_max_datagram(0);
    pair.run_until_settled();
    // 1 ms, doubling twelve times.
    assert_eq!(pair.now().as_micros(), 8_191_000);
    assert!(pair.trace().iter().all(|sent| sent.bytes.len() <= 128));

    let mut pair = Setup::new(1).pair();
    pair.set_plan(plan::silence(None));
    pair.client.connection.set_retransmit_timeout(Duration::MAX);
    pair.run_until(Instant::from_micros(u64::MAX), |pair| pair.trace().len() == 2);
    assert_eq!(pair.now().as_micros(), 60_000_000);
}
