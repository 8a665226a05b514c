//! Handshakes over links that lose, duplicate and reorder datagrams, in virtual time.

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sealgram::iana::Version;
use sealgram::{CloseReason, Error, Side};
use sealgram_testkit::{ConnectionFace, Ended, EndpointFace, Face, Fate, Pair, Setup, plan};

type Joined = Pair<ConnectionFace, EndpointFace>;

/// What handshakes differ in.
#[derive(Clone, Copy, Debug)]
struct Kind {
    version: Version,
    cookies: bool,
    client_auth: bool,
    /// Both sides' datagram size.
    max_datagram: Option<usize>,
}

impl Kind {
    fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self::from_bits)
    }

    fn from_bits(bits: u8) -> Self {
        Self {
            version: if bits & 8 == 0 { Version::V12 } else { Version::V13 },
            cookies: bits & 1 != 0,
            client_auth: bits & 2 != 0,
            max_datagram: (bits & 4 != 0).then_some(256),
        }
    }

    fn setup(self, seed: u64) -> Setup {
        let mut setup = Setup::new(seed);
        setup.versions = vec![self.version];
        setup.cookies = self.cookies;
        setup.client_auth = self.client_auth;
        setup.max_datagram = self.max_datagram;
        setup
    }
}

/// How a handshake ended, if it ended as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Connected(Duration),
    /// At least one side has given up, for want of answers.
    TimedOut,
}

/// Runs a handshake under a plan and judges how it ended. If it is complete, data must flow over a
/// link that loses nothing.
fn run(pair: &mut Joined) -> Result<Outcome, String> {
    let ended = pair.run_until_settled();
    if pair.is_connected() {
        let took = pair.now().saturating_since(sealgram::Instant::ZERO);
        let (client, server) = (&pair.client, pair.server.latest().expect("connected"));
        if client.connection.info().negotiated != server.connection.info().negotiated {
            return Err("the sides disagree about what was negotiated".to_owned());
        }
        pair.set_plan(plan::perfect());
        // What is still on its way may be anything but application data.
        return if pair.data_flows() {
            Ok(Outcome::Connected(took))
        } else {
            Err("no data".into())
        };
    }
    if ended == Ended::OutOfTime {
        return Err(format!("hangs: {pair:?}"));
    }
    let closed = [pair.client.closed(), pair.server.closed()];
    let timed_out =
        |closed: &sealgram::Closed| closed.reason == CloseReason::Error(Error::TimedOut);
    if closed.into_iter().flatten().all(timed_out) && closed.iter().any(Option::is_some) {
        return Ok(Outcome::TimedOut);
    }
    Err(format!("ended with {closed:?}"))
}

fn fate() -> impl Strategy<Value = Fate> {
    let late = (0_u64..5_000).prop_map(Duration::from_millis);
    prop_oneof![
        3 => Just(Fate::Deliver),
        4 => Just(Fate::Drop),
        2 => late.clone().prop_map(Fate::Duplicate),
        2 => late.prop_map(Fate::Delay),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// The law of the transport: whatever becomes of the first twelve datagrams, the handshake
    /// completes, because the ones after them arrive.
    #[test]
    fn any_fate_of_the_first_twelve_datagrams_ends_connected(
        bits in 0_u8..16,
        fates in vec(fate(), 12),
    ) {
        let kind = Kind::from_bits(bits);
        let mut pair = kind.setup(u64::from(bits)).pair();
        pair.set_plan(plan::fates(fates));
        let outcome = run(&mut pair);
        prop_assert!(matches!(outcome, Ok(Outcome::Connected(_))), "{:?}", outcome);
    }

    /// On a link that never gets better it may also end in the typed timeout, and in nothing else.
    #[test]
    fn chaos_without_end_ends_connected_or_timed_out(
        bits in 0_u8..16,
        seed in any::<u64>(),
        percent in 0_u64..60,
    ) {
        let mut pair = Kind::from_bits(bits).setup(u64::from(bits)).pair();
        pair.set_plan(plan::chaotic(seed, percent, Duration::from_secs(3)));
        let outcome = run(&mut pair);
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
    }
}

/// How many datagrams the handshake has if none is lost.
fn datagrams(kind: Kind) -> usize {
    let mut pair = kind.setup(1).pair();
    assert_eq!(pair.run_until_settled(), Ended::Done);
    pair.trace().len()
}

fn took(kind: Kind, dropped: Vec<usize>) -> Duration {
    let mut pair = kind.setup(1).pair();
    pair.set_plan(plan::dropping(dropped.clone()));
    match run(&mut pair) {
        Ok(Outcome::Connected(took)) => took,
        outcome => panic!("{kind:?} without {dropped:?}: {outcome:?}"),
    }
}

/// The longest handshake without the datagrams of each of `losses`, which is given the number of
/// datagrams: with cookies and without. And how many handshakes there were.
fn worst(losses: impl Fn(usize) -> Vec<Vec<usize>>) -> (Duration, Duration, usize) {
    let (mut proven, mut open, mut runs) = (Duration::ZERO, Duration::ZERO, 0);
    for kind in Kind::all() {
        let worst = if kind.cookies { &mut proven } else { &mut open };
        for dropped in losses(datagrams(kind)) {
            *worst = took(kind, dropped).max(*worst);
            runs += 1;
        }
    }
    (proven, open, runs)
}

/// A link's way there and back, five times.
const ROUND_TRIPS: Duration = Duration::from_millis(100);

#[test]
fn every_single_lost_datagram_costs_one_retransmission_period() {
    let (proven, open, runs) = worst(|count| (0..count).map(|lost| vec![lost]).collect());
    println!(
        "one lost datagram, {runs} cases: connected after {proven:?}, without cookies {open:?}"
    );
    assert!(proven <= Duration::from_secs(1) + ROUND_TRIPS);
    // One more period, where the server's flight is longer than three hellos.
    assert!(open <= Duration::from_secs(1 + 2) + ROUND_TRIPS);
}

#[test]
fn every_pair_of_lost_datagrams_costs_two_retransmission_periods() {
    let (proven, open, runs) = worst(|count| {
        // The loss of one makes more of them, which can be lost as well.
        let pair = |first| (first + 1..2 * count).map(move |second| vec![first, second]);
        (0..2 * count).flat_map(pair).collect()
    });
    println!(
        "two lost datagrams, {runs} cases: connected after {proven:?}, without cookies {open:?}"
    );
    assert!(proven <= Duration::from_secs(1 + 2) + ROUND_TRIPS);
    assert!(open <= Duration::from_secs(1 + 2 + 4) + ROUND_TRIPS);
}

#[test]
fn thirty_percent_loss_each_way_ends_connected_or_timed_out() {
    for version in [Version::V12, Version::V13] {
        let (mut times, mut timed_out) = (Vec::new(), 0);
        for seed in 0..1000 {
            let kind =
                Kind { version, cookies: true, client_auth: seed % 2 == 0, max_datagram: None };
            let mut pair = kind.setup(seed).pair();
            pair.set_plan(plan::lossy(seed, 30));
            match run(&mut pair) {
                Ok(Outcome::Connected(took)) => times.push(took),
                Ok(Outcome::TimedOut) => timed_out += 1,
                Err(why) => panic!("{version:?}, seed {seed}: {why}"),
            }
        }
        times.sort_unstable();
        let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!(
            "{version:?}, 30 % loss each way: {} connected, {timed_out} timed out; \
             median {median:?}, p99 {p99:?}, worst {:?}",
            times.len(),
            times.last(),
        );
        assert!(times.len() >= 990, "{timed_out} timed out");
        assert!(median < Duration::from_secs(5) && p99 < Duration::from_secs(200));
    }
}

#[test]
fn lost_last_flight_is_sent_again_by_a_connected_server() {
    for client_auth in [false, true] {
        let kind = Kind { version: Version::V12, cookies: true, client_auth, max_datagram: None };
        let mut pair = kind.setup(1).pair();
        // The server's Finished gets lost three times: its first flight arrives.
        let mut finished = 0;
        pair.set_plan(sealgram_testkit::Plan::new(move |sent| {
            let protected = |r: &sealgram_testkit::Record| r.number.epoch() == 1;
            if sent.from == Side::Server
                && sealgram_testkit::records(&sent.bytes).iter().any(protected)
            {
                finished += 1;
                return if finished <= 3 { Fate::Drop } else { Fate::Deliver };
            }
            Fate::Deliver
        }));
        pair.run_until(sealgram::Instant::from_micros(500_000), |_| false);
        assert!(pair.server.is_connected() && !pair.client.is_connected());
        assert_eq!(pair.run_until_settled(), Ended::Done);
        // 1 + 2 + 4 seconds, and the round trips.
        assert_eq!(pair.now().as_micros(), 7_060_000);
        let server = pair.server.latest().expect("connected");
        assert_eq!(server.connection.stats().flights_retransmitted, 3);
        assert!(pair.data_flows());
    }
}

/// Without cookies each hello pays for part of a long flight. If the ServerHello gets lost the next
/// one pays for it first: the client can do nothing with the rest.
#[test]
fn lost_server_hello_without_cookies_is_repeated_for_the_next_hello() {
    for chain_bytes in [0, 3500, 7000] {
        let mut setup = Setup::new(1);
        setup.versions = vec![Version::V13];
        setup.cookies = false;
        setup.chain_bytes = chain_bytes;
        let mut pair = setup.pair();
        pair.set_plan(plan::dropping(vec![1]));
        let outcome = run(&mut pair);
        let Ok(Outcome::Connected(took)) = outcome else { panic!("{chain_bytes}: {outcome:?}") };
        // The second hello, and for a long flight the client's ACK, which lifts the limit.
        assert!(took <= Duration::from_millis(1250) + ROUND_TRIPS, "{chain_bytes}: {took:?}");
    }
}

#[test]
fn last_flight_is_forgotten_after_four_minutes() {
    let mut pair = Setup::new(1).pair();
    pair.run_until_settled();
    assert!(pair.is_connected());
    let repeat = pair.sent_by(Side::Client).last().expect("the client's Finished").bytes.clone();
    // Alive until then: see above. Nobody has a timer left afterwards.
    assert_eq!(pair.run_until(sealgram::Instant::from_micros(u64::MAX), |_| false), Ended::Idle);
    assert_eq!(pair.now().as_micros(), 240_060_000);
    let sent = pair.trace().len();
    pair.inject(Side::Server, &repeat);
    pair.drain();
    assert_eq!(pair.trace().len(), sent);
    assert!(pair.data_flows());
}
