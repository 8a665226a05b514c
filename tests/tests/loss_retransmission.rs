//! What is sent again, when, and under which numbers and keys.

use core::time::Duration;
use std::collections::BTreeMap;

use sealgram::iana::{ContentType, HandshakeType, Version};
use sealgram::{CloseReason, Error, Instant, Side, TimeoutKind, TransportConfig};
use sealgram_testkit::{
    ConnectionFace, Ended, EndpointFace, Face, Fate, Pair, Plan, Sent, Setup, plan, records,
};

type Joined = Pair<ConnectionFace, EndpointFace>;

/// A handshake message as it was sent: its type, and its body.
type Messages = BTreeMap<u16, (HandshakeType, Vec<u8>)>;

/// The messages in these datagrams, put together of their fragments. Fails unless they are whole
/// and fragments agree where they overlap.
fn messages<'a>(datagrams: impl IntoIterator<Item = &'a Sent>) -> Messages {
    let mut partial: BTreeMap<u16, (HandshakeType, Vec<Option<u8>>)> = BTreeMap::new();
    for record in datagrams.into_iter().flat_map(|sent| records(&sent.bytes)) {
        for fragment in record.fragments() {
            // The Finished is the one message under keys.
            assert_eq!(fragment.typ == HandshakeType::FINISHED, record.number.epoch() == 1);
            let len = usize::try_from(fragment.message_len).expect("short");
            let (typ, body) =
                partial.entry(fragment.seq.0).or_insert_with(|| (fragment.typ, vec![None; len]));
            assert_eq!((*typ, body.len()), (fragment.typ, len));
            let offset = usize::try_from(fragment.offset).expect("short");
            for (at, byte) in fragment.body.iter().enumerate() {
                assert!([None, Some(*byte)].contains(&body[offset + at]), "fragments disagree");
                body[offset + at] = Some(*byte);
            }
        }
    }
    let whole = |body: Vec<Option<u8>>| body.into_iter().map(|byte| byte.expect("whole")).collect();
    partial.into_iter().map(|(seq, (typ, body))| (seq, (typ, whole(body)))).collect()
}

/// Each epoch and sequence number is used once, and in rising order.
fn assert_numbers_rise<'a>(datagrams: impl IntoIterator<Item = &'a Sent>) {
    let mut last: BTreeMap<u16, u64> = BTreeMap::new();
    for record in datagrams.into_iter().flat_map(|sent| records(&sent.bytes)) {
        let (epoch, sequence) = (record.number.epoch(), record.number.sequence());
        assert!(last.insert(epoch, sequence).is_none_or(|last| last < sequence), "{record:?}");
    }
}

/// The datagrams of a side, one group for each time at which it sent some.
fn flights(pair: &Joined, side: Side) -> Vec<(Instant, Vec<&Sent>)> {
    let mut flights: Vec<(Instant, Vec<&Sent>)> = Vec::new();
    for sent in pair.sent_by(side) {
        match flights.last_mut() {
            Some((at, flight)) if *at == sent.at => flight.push(sent),
            _ => flights.push((sent.at, vec![sent])),
        }
    }
    flights
}

/// The periods of RFC 6347 §4.2.4.1 and RFC 9147 §5.8.2: 1 s doubling to 60 s; after twelve
/// retransmissions the last period ends the handshake.
const PERIODS: [u64; 13] = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60];

/// The seconds between one transmission and the next, and between the last one and the `end`.
fn periods(flights: &[(Instant, Vec<&Sent>)], end: Option<Instant>) -> Vec<u64> {
    let times = flights.iter().map(|(at, _)| *at).chain(end);
    let times: Vec<u64> = times.map(Instant::as_micros).collect();
    let seconds = |pair: &[u64]| {
        assert_eq!((pair[1] - pair[0]) % 1_000_000, 0, "{times:?}");
        (pair[1] - pair[0]) / 1_000_000
    };
    times.windows(2).map(seconds).collect()
}

const TIMED_OUT: CloseReason = CloseReason::Error(Error::TimedOut);

#[test]
fn unanswered_client_doubles_its_period_and_times_out() {
    for version in [Version::V12, Version::V13] {
        let mut setup = Setup::new(1);
        setup.versions = vec![version];
        let mut pair = setup.pair();
        pair.set_plan(plan::silence(None));
        assert_eq!(pair.run_until_settled(), Ended::Idle);
        let flights = flights(&pair, Side::Client);
        assert_eq!(periods(&flights, Some(pair.now())), PERIODS);
        assert_eq!(pair.now().as_micros(), 483_000_000);
        let closed = pair.client.closed().expect("closed");
        assert_eq!((&closed.reason, closed.alert_sent), (&TIMED_OUT, None));
        assert_eq!(pair.client.connection.poll_timeout(), None);
        assert_eq!(pair.client.connection.stats().flights_retransmitted, 12);
        // The same hello each time, under a new number.
        let hello = messages(flights[0].1.iter().copied());
        assert_eq!(hello.len(), 1);
        for (_, flight) in &flights {
            assert_eq!(messages(flight.iter().copied()), hello);
        }
        assert_numbers_rise(pair.trace());
    }
}

/// The longest flight of each side, lost whenever it is sent.
fn unanswered_flight(side: Side, max_datagram: Option<usize>) -> Joined {
    let mut setup = Setup::new(1);
    setup.client_auth = true;
    setup.chain_bytes = 2000;
    setup.max_datagram = max_datagram;
    let mut pair = setup.pair();
    // A server's flight begins after its HelloVerifyRequest, a client's after its two hellos.
    let before = 1 + u64::from(side == Side::Client);
    pair.set_plan(Plan::new(move |sent| {
        let plaintext = |sent: &Sent| records(&sent.bytes).into_iter().flat_map(|r| r.fragments());
        let of_flight = sent.from == side && plaintext(sent).any(|f| u64::from(f.seq.0) >= before);
        let first_hellos =
            sent.from != side && plaintext(sent).all(|f| f.typ == HandshakeType::CLIENT_HELLO);
        let answers = sent.from != side && side == Side::Client;
        match (of_flight, first_hellos || answers) {
            (true, _) => Fate::Drop,
            _ if sent.at > Instant::from_micros(900_000) => Fate::Drop,
            _ => Fate::Deliver,
        }
    }));
    pair.run_until_settled();
    pair
}

#[test]
fn unanswered_flights_are_repeated_in_content_and_never_in_number() {
    for side in [Side::Client, Side::Server] {
        for max_datagram in [None, Some(256), Some(1400)] {
            let pair = unanswered_flight(side, max_datagram);
            let flights = flights(&pair, side);
            // After the hellos of the client and the HelloVerifyRequest of the server.
            let skipped = if side == Side::Client { 2 } else { 1 };
            let flights = &flights[skipped..];
            let first = messages(flights[0].1.iter().copied());
            let types: Vec<_> = first.values().map(|(typ, _)| *typ).collect();
            use HandshakeType as T;
            let expected: &[T] = match side {
                Side::Client => {
                    &[T::CERTIFICATE, T::CLIENT_KEY_EXCHANGE, T::CERTIFICATE_VERIFY, T::FINISHED]
                }
                Side::Server => &[
                    T::SERVER_HELLO,
                    T::CERTIFICATE,
                    T::SERVER_KEY_EXCHANGE,
                    T::CERTIFICATE_REQUEST,
                    T::SERVER_HELLO_DONE,
                ],
            };
            assert_eq!(types, expected);
            assert_eq!(flights.len(), 13);
            for (at, flight) in flights {
                assert_eq!(messages(flight.iter().copied()), first, "at {at:?}");
                assert_change_cipher_spec_precedes_finished(flight, side);
            }
            assert_numbers_rise(pair.sent_by(side));
            // The last period is cut short by the deadline of the whole handshake, which is as
            // long as all periods and began with the first hello.
            assert_eq!(periods(flights, None), PERIODS[..12]);
            let closed = match side {
                Side::Client => pair.client.closed(),
                Side::Server => pair.server.closed(),
            };
            assert_eq!(closed.expect("closed").reason, TIMED_OUT);
        }
    }
}

/// One ChangeCipherSpec, in epoch 0, right in front of the Finished (RFC 6347 §4.2.4).
fn assert_change_cipher_spec_precedes_finished(flight: &[&Sent], side: Side) {
    let all: Vec<_> = flight.iter().flat_map(|sent| records(&sent.bytes)).collect();
    let is_change = |r: &sealgram_testkit::Record| r.typ == ContentType::CHANGE_CIPHER_SPEC;
    let changes: Vec<_> = all.iter().enumerate().filter(|(_, r)| is_change(r)).collect();
    if side == Side::Server {
        assert!(changes.is_empty());
        return;
    }
    let [(at, change)] = changes[..] else { panic!("{changes:?}") };
    assert_eq!((change.number.epoch(), &change.payload[..]), (0, &[1][..]));
    assert!(all[..at].iter().all(|record| record.number.epoch() == 0));
    assert!(!all[at + 1..].is_empty());
    assert!(all[at + 1..].iter().all(|record| record.number.epoch() == 1));
}

#[test]
fn progress_resets_the_period() {
    let mut pair = Setup::new(1).pair();
    // The first hello goes three times; of what follows each first datagram is lost.
    pair.set_plan(plan::dropping(vec![0, 1, 4, 7]));
    assert_eq!(pair.run_until_settled(), Ended::Done);
    let seconds: Vec<u64> =
        flights(&pair, Side::Client).iter().map(|(at, _)| at.as_micros() / 1_000).collect();
    // Lost, lost, answered; the second hello is lost: 1 s later; the Finished ...
    assert_eq!(seconds[..4], [0, 1000, 3000, 3020]);
    assert_eq!(seconds[4], 4020, "the second hello's first period is 1 s again");
}

#[test]
fn timers_and_counts_are_those_of_the_configuration() {
    let mut setup = Setup::new(1);
    setup.transport = TransportConfig::default()
        .with_retransmit_timeout(Duration::from_millis(400))
        .and_then(|transport| transport.with_max_retransmits(3))
        .expect("in range");
    let mut pair = setup.pair();
    pair.set_plan(plan::silence(None));
    pair.run_until_settled();
    let millis: Vec<u64> = pair.trace().iter().map(|sent| sent.at.as_micros() / 1000).collect();
    assert_eq!(millis, [0, 400, 1200, 2800]);
    assert_eq!(pair.now().as_micros(), 6_000_000);
    assert_eq!(pair.client.closed().expect("closed").reason, TIMED_OUT);
}

#[test]
fn deadline_ends_a_handshake_whatever_the_timers_say() {
    let mut setup = Setup::new(1);
    setup.transport = TransportConfig::default().with_handshake_deadline(Duration::from_secs(5));
    let mut pair = setup.pair();
    pair.set_plan(plan::silence(None));
    pair.run_until_settled();
    assert_eq!(pair.now().as_micros(), 5_000_000);
    assert_eq!(pair.trace().len(), 3);
    assert_eq!(pair.client.closed().expect("closed").reason, TIMED_OUT);
}

#[test]
fn no_retransmission_is_due_once_connected_or_closed() {
    for version in [Version::V12, Version::V13] {
        let mut setup = Setup::new(1);
        setup.versions = vec![version];
        let mut pair = setup.pair();
        pair.run_until_settled();
        pair.run_for(Duration::from_secs(1));
        let server = &pair.server.latest().expect("connected").connection;
        for connection in [&pair.client.connection, server] {
            assert!(connection.is_connected());
            assert_eq!(connection.timeout(TimeoutKind::Retransmit), None);
            assert_eq!(connection.timeout(TimeoutKind::Deadline), None);
        }
        let now = pair.now();
        pair.client.connection.close(now);
        pair.run_for(Duration::from_secs(1));
        assert!(pair.client.is_closed() && pair.server.is_closed());
        assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
    }
    // In the middle of a handshake too.
    let mut pair = Setup::new(1).pair();
    pair.drain();
    let now = pair.now();
    pair.client.connection.close(now);
    assert_eq!(pair.client.poll_timeout(), None);
}

/// CVE-2013-6450 and its like: data that is sent between two transmissions of a flight, and the
/// flight itself, share the numbers of their epoch.
#[test]
fn last_flight_that_is_sent_again_and_data_never_share_a_number() {
    let mut pair = Setup::new(1).pair();
    let mut finished = 0;
    pair.set_plan(Plan::new(move |sent| {
        let protected = records(&sent.bytes).iter().any(|record| record.number.epoch() == 1);
        if sent.from == Side::Server && protected {
            finished += 1;
            return if finished < 8 { Fate::Drop } else { Fate::Deliver };
        }
        Fate::Deliver
    }));
    for _ in 0..3 {
        pair.run_for(Duration::from_millis(1500));
        assert!(pair.server.is_connected() && !pair.client.is_connected());
        assert!(pair.send(Side::Server, b"early"));
    }
    assert_eq!(pair.run_until_settled(), Ended::Done);
    assert!(pair.data_flows());
    assert_numbers_rise(pair.sent_by(Side::Server));
}
