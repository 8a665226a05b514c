//! Questions to the application, answered late, wrongly, twice or not at all.

use core::time::Duration;

use sealgram::crypto::{CertificateError, CryptoError, IdentityVerified, VerificationError};
use sealgram::iana::{AlertDescription, ContentType, HandshakeType, Version};
use sealgram::{
    Answer, Ask, AskId, CloseReason, Connection, Error, Event, Instant, Misuse, PeerMisbehaved,
    Side, TimeoutKind, TransportConfig,
};
use sealgram_testkit::{
    Asks, ConnectionFace, Ended, EndpointFace, Face, Fate, Pair, Plan, Setup, answer, plan, records,
};

type Joined = Pair<ConnectionFace, EndpointFace>;

const VERSIONS: [Version; 2] = [Version::V12, Version::V13];
const SIDES: [Side; 2] = [Side::Client, Side::Server];
const HOUR: Instant = Instant::from_micros(3_600_000_000);

/// Client authentication, and whatever is asked.
fn setup(version: Version, asks: Asks) -> Setup {
    let mut setup = Setup::new(1);
    setup.versions = vec![version];
    setup.client_auth = true;
    setup.asks = asks;
    setup
}

fn events(pair: &Joined, side: Side) -> &[Event] {
    match side {
        Side::Client => &pair.client.events,
        Side::Server => pair.server.latest().map_or(&[], |face| &face.events),
    }
}

/// The question that a side waits for an answer to.
fn open(pair: &Joined, side: Side) -> Option<(AskId, &Ask)> {
    match events(pair, side).last()? {
        Event::Needs(id, ask) => Some((*id, ask)),
        _ => None,
    }
}

fn connection(pair: &mut Joined, side: Side) -> &mut Connection {
    match side {
        Side::Client => &mut pair.client.connection,
        Side::Server => &mut pair.server.latest_mut().expect("accepted").connection,
    }
}

/// Runs until this side is asked, and answers the other side's questions meanwhile.
fn run_until_asked(pair: &mut Joined, setup: &Setup, side: Side) {
    loop {
        let ended =
            pair.run_until(HOUR, |pair| SIDES.into_iter().any(|side| open(pair, side).is_some()));
        assert_eq!(ended, Ended::Done, "{side:?} is not asked");
        if open(pair, side).is_some() {
            return;
        }
        resolve(pair, setup, if side == Side::Client { Side::Server } else { Side::Client });
    }
}

/// Runs to the end, and answers whatever is asked.
fn settle(pair: &mut Joined, setup: &Setup) {
    while !pair.is_connected() {
        let ended = pair.run_until(HOUR, |pair| {
            pair.is_connected() || SIDES.into_iter().any(|side| open(pair, side).is_some())
        });
        assert_eq!(ended, Ended::Done, "{:?}", SIDES.map(|side| reason(pair, side)));
        for side in SIDES {
            if open(pair, side).is_some() {
                resolve(pair, setup, side);
            }
        }
    }
}

/// Gives the open question's answer, and takes the question off the list.
fn give(pair: &mut Joined, side: Side, answer: Answer) {
    let now = pair.now();
    let (id, _) = open(pair, side).expect("asked");
    match side {
        Side::Client => drop(pair.client.events.pop()),
        Side::Server => drop(pair.server.latest_mut().expect("accepted").events.pop()),
    }
    connection(pair, side).resolve(now, id, answer).expect("asked");
}

fn resolve(pair: &mut Joined, setup: &Setup, side: Side) {
    let (_, ask) = open(pair, side).expect("asked");
    let answer = answer(setup, side, ask);
    give(pair, side, answer);
}

/// How a side ended. A server's first connection: a hello that comes again makes another one.
fn reason(pair: &Joined, side: Side) -> Option<CloseReason> {
    let closed = match side {
        Side::Client => pair.client.closed(),
        Side::Server => pair.server.connections.first().and_then(|(_, face)| face.closed()),
    };
    closed.map(|closed| closed.reason.clone())
}

const ALL: Asks =
    Asks { client_verifies: true, client_signs: true, server_verifies: true, server_signs: true };

/// Every combination of questions, each answered after `delay`.
fn answer_after(delay: Duration, max_datagram: Option<usize>) {
    for version in VERSIONS {
        for bits in 1..16 {
            let asks = Asks {
                client_verifies: bits & 1 != 0,
                client_signs: bits & 2 != 0,
                server_verifies: bits & 4 != 0,
                server_signs: bits & 8 != 0,
            };
            let mut setup = setup(version, asks);
            setup.max_datagram = max_datagram;
            let mut pair = setup.pair();
            let mut answered = 0;
            loop {
                let ended = pair.run_until(HOUR, |pair| {
                    pair.is_connected() || SIDES.iter().any(|side| open(pair, *side).is_some())
                });
                assert_eq!(ended, Ended::Done, "{version:?} {asks:?}");
                if pair.is_connected() {
                    break;
                }
                pair.run_for(delay);
                let side = *SIDES.iter().find(|side| open(&pair, **side).is_some()).expect("asked");
                resolve(&mut pair, &setup, side);
                answered += 1;
            }
            assert_eq!(answered, u32::count_ones(bits), "{version:?} {asks:?}");
            assert!(pair.data_flows(), "{version:?} {asks:?}");
        }
    }
}

#[test]
fn every_combination_of_questions_completes_when_answered_at_once() {
    answer_after(Duration::ZERO, None);
    answer_after(Duration::ZERO, Some(256));
}

/// The peer sends its flight again meanwhile, several times.
#[test]
fn every_combination_of_questions_completes_when_answered_late() {
    answer_after(Duration::from_millis(7300), None);
    answer_after(Duration::from_secs(70), Some(256));
}

/// Wrong kind, wrong id, a second time: each is a misuse and changes nothing.
#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    for version in VERSIONS {
        for side in SIDES {
            let setup = setup(version, ALL);
            let mut pair = setup.pair();
            let mut old: Option<AskId> = None;
            for _ in 0..2 {
                run_until_asked(&mut pair, &setup, side);
                let (id, ask) = open(&pair, side).expect("asked");
                let wrong = |ask: &Ask| match ask {
                    Ask::VerifyPeer(_) => Answer::Sign(Ok(vec![1; 64])),
                    _ => Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion())),
                };
                let (wrong, right) = (wrong(ask), answer(&setup, side, ask));
                let now = pair.now();
                let trace = pair.trace().len();
                let connection = connection(&mut pair, side);
                let before = format!("{connection:?} {:?}", connection.stats());
                assert_eq!(connection.resolve(now, id, wrong), Err(Misuse::NotAsked));
                if let Some(old) = old {
                    // The right answer to a question that was answered.
                    let again = connection.resolve(now, old, right);
                    assert_eq!(again, Err(Misuse::NotAsked));
                }
                assert_eq!(format!("{connection:?} {:?}", connection.stats()), before);
                pair.drain();
                assert_eq!(pair.trace().len(), trace);
                old = Some(id);
                resolve(&mut pair, &setup, side);
            }
            settle(&mut pair, &setup);
            assert!(pair.is_connected() && pair.data_flows());
            // And when all is over.
            let (now, id) = (pair.now(), old.expect("asked"));
            let late = || Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
            let connection = connection(&mut pair, side);
            assert_eq!(connection.resolve(now, id, late()), Err(Misuse::NotAsked));
            connection.close(now);
            assert_eq!(connection.resolve(now, id, late()), Err(Misuse::Closed));
        }
    }
}

fn refusal() -> VerificationError {
    CertificateError::Expired.into()
}

/// Whoever refuses says so with an alert, and the refused side never reports a connection.
#[test]
fn refused_identity_ends_both_sides() {
    for version in VERSIONS {
        for side in SIDES {
            let asks = Asks {
                client_verifies: side == Side::Client,
                server_verifies: side == Side::Server,
                ..Asks::default()
            };
            let setup = setup(version, asks);
            let mut pair = setup.pair();
            run_until_asked(&mut pair, &setup, side);
            give(&mut pair, side, Answer::VerifyPeer(Err(refusal())));
            pair.run_until(HOUR, |pair| SIDES.iter().all(|side| pair.face(*side).is_closed()));
            let refused = CloseReason::Error(Error::PeerIdentity(refusal()));
            assert_eq!(reason(&pair, side), Some(refused), "{version:?}");
            let other = if side == Side::Client { Side::Server } else { Side::Client };
            let Some(CloseReason::Error(Error::AlertReceived { description, .. })) =
                reason(&pair, other)
            else {
                panic!("{version:?} {side:?}: {:?}", reason(&pair, other));
            };
            assert_eq!(description, AlertDescription::CERTIFICATE_EXPIRED);
            // A 1.3 client has sent all it has to before the server looks at its certificate.
            let informed = version == Version::V13 && side == Side::Server;
            let connected = |event: &Event| matches!(event, Event::Connected(_));
            assert!(!events(&pair, side).iter().any(connected));
            assert!(informed || !events(&pair, other).iter().any(connected));
        }
    }
}

#[test]
fn key_that_cannot_sign_ends_the_handshake() {
    for version in VERSIONS {
        for side in SIDES {
            let asks = Asks {
                client_signs: side == Side::Client,
                server_signs: side == Side::Server,
                ..Asks::default()
            };
            let setup = setup(version, asks);
            // An error, and a signature of something else.
            for answer in [Err(CryptoError), Ok(setup.sign(side, b"something else"))] {
                let failed = answer.is_err();
                let mut pair = setup.pair();
                run_until_asked(&mut pair, &setup, side);
                give(&mut pair, side, Answer::Sign(answer));
                pair.run_until(HOUR, |pair| SIDES.iter().all(|side| pair.face(*side).is_closed()));
                let other = if side == Side::Client { Side::Server } else { Side::Client };
                let (by, why, alert) = if failed {
                    (side, Error::Crypto(CryptoError), AlertDescription::INTERNAL_ERROR)
                } else {
                    let bad = Error::PeerMisbehaved(PeerMisbehaved::BadSignature);
                    (other, bad, AlertDescription::DECRYPT_ERROR)
                };
                assert_eq!(reason(&pair, by), Some(CloseReason::Error(why)), "{version:?}");
                let informed = if by == side { other } else { side };
                let Some(CloseReason::Error(Error::AlertReceived { description, .. })) =
                    reason(&pair, informed)
                else {
                    panic!("{version:?} {side:?}: {:?}", reason(&pair, informed));
                };
                assert_eq!(description, alert);
            }
        }
    }
}

/// A question keeps nobody for ever: the deadline of the handshake runs.
#[test]
fn deadline_runs_while_the_application_is_asked() {
    for version in VERSIONS {
        for (seconds, transport) in [
            (483, TransportConfig::default()),
            (20, TransportConfig::default().with_handshake_deadline(Duration::from_secs(20))),
        ] {
            for side in SIDES {
                let asks = Asks {
                    client_verifies: side == Side::Client,
                    server_verifies: side == Side::Server,
                    ..Asks::default()
                };
                let mut setup = setup(version, asks);
                setup.transport = transport;
                let mut pair = setup.pair();
                run_until_asked(&mut pair, &setup, side);
                let (id, _) = open(&pair, side).expect("asked");
                let started = if side == Side::Client { 0 } else { 30_000 };
                pair.run_until(HOUR, |pair| pair.face(side).is_closed());
                assert_eq!(pair.now().as_micros(), seconds * 1_000_000 + started);
                assert_eq!(reason(&pair, side), Some(CloseReason::Error(Error::TimedOut)));
                let now = pair.now();
                let answer = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
                let late = connection(&mut pair, side).resolve(now, id, answer);
                assert_eq!(late, Err(Misuse::Closed));
            }
        }
    }
}

/// The peer has answered, or cannot answer half a flight: whoever is asked sends nothing again,
/// and does not give up for want of answers.
#[test]
fn nothing_is_sent_again_while_the_application_is_asked() {
    for version in VERSIONS {
        for side in SIDES {
            for bit in 0..2 {
                let asks = Asks {
                    client_verifies: side == Side::Client && bit == 0,
                    client_signs: side == Side::Client && bit == 1,
                    server_verifies: side == Side::Server && bit == 0,
                    server_signs: side == Side::Server && bit == 1,
                };
                let mut setup = setup(version, asks);
                // Three retransmissions are 15 s. The deadline, and the peer's patience, are
                // longer.
                setup.transport = TransportConfig::default()
                    .with_max_retransmits(if bit == 0 { 12 } else { 8 })
                    .expect("in range")
                    .with_handshake_deadline(Duration::from_secs(3000));
                let mut pair = setup.pair();
                run_until_asked(&mut pair, &setup, side);
                assert_eq!(connection(&mut pair, side).timeout(TimeoutKind::Retransmit), None);
                let resent = connection(&mut pair, side).stats().flights_retransmitted;
                pair.run_for(Duration::from_secs(100));
                let now_resent = connection(&mut pair, side).stats().flights_retransmitted;
                assert_eq!(now_resent, resent, "{version:?} {asks:?}");
                resolve(&mut pair, &setup, side);
                assert_eq!(pair.run_until_settled(), Ended::Done);
                assert!(pair.is_connected() && pair.data_flows(), "{version:?} {asks:?}");
            }
        }
    }
}

/// Half a flight that waited for a signature is sent again as a whole, from its first message on,
/// and the timer begins when it is complete.
#[test]
fn flight_that_waited_for_its_signature_is_sent_again_as_a_whole() {
    let setup = setup(Version::V12, Asks { server_signs: true, ..Asks::default() });
    let mut pair = setup.pair();
    // Every first transmission of the server's flight is lost.
    pair.set_plan(Plan::new(|sent| {
        let hello = records(&sent.bytes)[0]
            .fragments()
            .first()
            .is_some_and(|f| f.typ == HandshakeType::HELLO_VERIFY_REQUEST);
        if sent.from == Side::Server && !hello && sent.at < Instant::from_micros(60_000_000) {
            Fate::Drop
        } else {
            Fate::Deliver
        }
    }));
    run_until_asked(&mut pair, &setup, Side::Server);
    let asked = pair.now();
    let wait = Duration::from_micros(59_500_000) - asked.saturating_since(Instant::ZERO);
    pair.run_for(wait);
    resolve(&mut pair, &setup, Side::Server);
    let at = pair.now();
    assert_eq!(pair.run_until_settled(), Ended::Done);
    assert!(pair.is_connected() && pair.data_flows());
    let times: Vec<Instant> = pair.sent_by(Side::Server).map(|sent| sent.at).collect();
    assert!(times.contains(&(at + Duration::from_secs(1))), "{times:?}");
}

/// The client's Finished comes while the server still asks about its certificate, before its keys
/// are wanted: it waits, and opens as soon as the answer is there.
#[test]
fn finished_that_came_while_asked_opens_with_the_answer() {
    for version in VERSIONS {
        let setup = setup(version, Asks { server_verifies: true, ..Asks::default() });
        let mut pair = setup.pair();
        run_until_asked(&mut pair, &setup, Side::Server);
        pair.run_for(Duration::from_millis(100));
        // Nothing more gets to the server.
        pair.set_plan(plan::silence(Some(Side::Client)));
        assert!(!pair.server.is_connected());
        resolve(&mut pair, &setup, Side::Server);
        pair.drain();
        assert!(pair.server.is_connected(), "{version:?}");
        pair.run_for(Duration::from_millis(10));
        assert!(pair.client.is_connected(), "{version:?}");
        pair.set_plan(plan::perfect());
        assert!(pair.data_flows());
    }
}

/// What comes while the application is asked is kept or dropped, and never handled: neither a
/// forged message nor a forged alert ends the handshake meanwhile.
#[test]
fn forged_datagrams_while_asked_do_nothing() {
    for version in VERSIONS {
        for (side, number) in [(Side::Client, 1), (Side::Client, 2), (Side::Server, 1)] {
            for messages in [false, true] {
                let setup = setup(version, Asks { server_signs: false, ..ALL });
                let mut pair = setup.pair();
                run_until_asked(&mut pair, &setup, side);
                if number == 2 {
                    resolve(&mut pair, &setup, side);
                    run_until_asked(&mut pair, &setup, side);
                }
                let heap = connection(&mut pair, side).heap_bytes();
                for seq in 0..if messages { 20 } else { 0 } {
                    let header = [HandshakeType::FINISHED.0, 0, 0, 12, 0, seq, 0, 0, 0, 0, 0, 12];
                    let payload = [&header[..], &[9; 12]].concat();
                    pair.inject(side, &record(ContentType::HANDSHAKE, &payload));
                }
                for alert in [AlertDescription::HANDSHAKE_FAILURE, AlertDescription::UNKNOWN_CA] {
                    pair.inject(side, &record(ContentType::ALERT, &[2, alert.0]));
                }
                pair.run_for(Duration::from_secs(20));
                assert_eq!(reason(&pair, side), None, "{version:?} {side:?} {number}");
                assert!(connection(&mut pair, side).heap_bytes() < heap + 4096);
                // A 1.2 client waits for the server's ticket next, in plaintext, and cannot tell a
                // forged message from it.
                if !messages || (version, side) != (Version::V12, Side::Client) {
                    resolve(&mut pair, &setup, side);
                    settle(&mut pair, &setup);
                    assert!(pair.is_connected() && pair.data_flows());
                }
            }
        }
    }
}

/// An alert that came while the application was asked is obeyed after the answer, if it was true.
#[test]
fn alert_while_asked_is_obeyed_after_the_answer() {
    let setup = setup(Version::V12, Asks { client_verifies: true, ..Asks::default() });
    let mut pair = setup.pair();
    run_until_asked(&mut pair, &setup, Side::Client);
    pair.set_plan(plan::silence(None));
    let refused = AlertDescription::HANDSHAKE_FAILURE;
    pair.inject(Side::Client, &record(ContentType::ALERT, &[2, refused.0]));
    pair.run_for(Duration::from_secs(20));
    assert_eq!(reason(&pair, Side::Client), None);
    resolve(&mut pair, &setup, Side::Client);
    let answered = pair.now();
    pair.run_until(HOUR, |pair| pair.client.is_closed());
    assert_eq!(pair.now(), answered + Duration::from_secs(1));
    let error = Error::AlertReceived { description: refused, authenticated: false };
    assert_eq!(reason(&pair, Side::Client), Some(CloseReason::Error(error)));
}

/// A plaintext record.
fn record(typ: ContentType, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("short").to_be_bytes();
    [&[typ.0, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 9, 9][..], &len, payload].concat()
}

/// A 1.3 client may send as soon as its Finished is out. What arrives while the server still waits
/// for the verdict on its certificate is kept until there is one.
#[test]
fn data_that_comes_while_the_server_asks_is_delivered_after_the_answer() {
    let asks = Asks { server_verifies: true, ..Asks::default() };
    let setup = setup(Version::V13, asks);
    let mut pair = setup.pair();
    run_until_asked(&mut pair, &setup, Side::Server);
    assert!(pair.send(Side::Client, b"one") && pair.send(Side::Client, b"two"));
    pair.run_for(Duration::from_millis(100));
    assert_eq!(pair.received_by(Side::Server), [] as [Vec<u8>; 0]);
    resolve(&mut pair, &setup, Side::Server);
    let mut delivered = Vec::new();
    let server = connection(&mut pair, Side::Server);
    server.deliver_waiting(&mut |data| delivered.push((data.bytes.to_vec(), data.early)));
    assert_eq!(delivered, [(b"one".to_vec(), false), (b"two".to_vec(), false)]);
    server.deliver_waiting(&mut |_| panic!("delivered twice"));
}
