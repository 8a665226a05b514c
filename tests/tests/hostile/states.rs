//! Ten thousand hostile datagrams in every state of both roles.

use core::time::Duration;

use sealgram::iana::{HandshakeType, Version};
use sealgram::{CloseReason, Instant, Side};
use sealgram_testkit::{
    ConnectionFace, Ended, EndpointFace, Face, Pair, Rng, SeenFragment, Sent, Setup, plan, records,
};

use crate::judge::{Class, State};
use crate::mutate::{Corpus, hostile};

pub(crate) type Joined = Pair<ConnectionFace, EndpointFace>;

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// A handshake with client authentication, so that both sides have a flight worth attacking.
pub(crate) fn setup(version: Version, seed: u64) -> Setup {
    let mut setup = Setup::new(seed);
    setup.versions = vec![version];
    setup.client_auth = true;
    setup
}

/// A handshake in which nothing is lost: what the attacker's victims should see.
pub(crate) struct Reference {
    setup: Setup,
    version: Version,
    /// The datagrams that arrive, in order.
    pub(crate) arrivals: Vec<Sent>,
    pub(crate) took: Instant,
}

impl Reference {
    pub(crate) fn new(version: Version, seed: u64, max_datagram: Option<usize>) -> Self {
        let mut setup = setup(version, seed);
        setup.max_datagram = max_datagram;
        let mut pair = setup.pair();
        assert_eq!(pair.run_until_settled(), Ended::Done);
        assert!(pair.is_connected());
        let took = pair.now();
        let arrived = |sent: &&Sent| sent.at + Duration::from_millis(10) <= took;
        let arrivals = pair.trace().iter().filter(arrived).cloned().collect();
        Self { setup, version, arrivals, took }
    }

    /// How many states there are: after each arrival, and before the first.
    pub(crate) fn states(&self) -> usize {
        self.arrivals.len() + 1
    }

    /// The pair after so many arrivals; the last state is a connection at rest.
    pub(crate) fn advance(&self, arrivals: usize) -> Joined {
        self.setup.reset();
        let mut pair = self.setup.pair();
        pair.drain();
        for _ in 0..arrivals {
            assert_eq!(pair.step(Instant::from_micros(u64::MAX)), Ended::Done);
        }
        if arrivals == self.arrivals.len() {
            assert!(pair.is_connected());
            pair.run_for(Duration::from_secs(5));
        }
        pair
    }

    fn is_last(&self, arrivals: usize) -> bool {
        arrivals == self.arrivals.len()
    }

    pub(crate) fn state(&self, arrivals: usize, side: Side) -> State {
        let (before, after) = self.arrivals.split_at(arrivals);
        let fragments = |sent: &[Sent]| -> Vec<SeenFragment> {
            let to_side = sent.iter().filter(|sent| sent.from != side);
            to_side.flat_map(|sent| plaintext_fragments(&sent.bytes)).collect()
        };
        let next_seq = next_seq(&fragments(before));
        let hellos = self.arrivals.iter().filter(|sent| sent.from == Side::Client);
        let hello = hellos.clone().nth(1).expect("a hello with a cookie");
        State {
            version: self.version,
            side,
            next_seq,
            plaintext_handshake: fragments(after).iter().any(|f| f.seq.0 >= next_seq),
            protected: before.iter().any(|sent| sent.from != side && has_protected(&sent.bytes)),
            accepted: before.iter().filter(|sent| sent.from == Side::Client).count() >= 2,
            // One record with one fragment.
            hello_with_cookie: hello.bytes[25..].to_vec(),
        }
    }

    /// What an attacker has seen after so many arrivals: those, and other handshakes of both
    /// versions.
    fn corpus(&self, arrivals: usize, others: &[Self]) -> Corpus {
        let seen = self.arrivals.iter().take(arrivals);
        let others = others.iter().flat_map(|other| &other.arrivals);
        Corpus(seen.chain(others).map(|sent| sent.bytes.clone()).collect())
    }
}

pub(crate) fn plaintext_fragments(datagram: &[u8]) -> Vec<SeenFragment> {
    let plaintext = crate::mutate::record_ranges(datagram)
        .into_iter()
        .filter(|range| datagram[range.start] < 0x20)
        .flat_map(|range| records(&datagram[range]));
    let plaintext = plaintext.filter(|record| record.number.epoch() == 0);
    plaintext.flat_map(|record| record.fragments()).collect()
}

/// The number of the first message that is not there as a whole. Fragments come in order.
pub(crate) fn next_seq(fragments: &[SeenFragment]) -> u16 {
    let is_last = |f: &&SeenFragment| usize::try_from(f.message_len - f.offset) == Ok(f.body.len());
    fragments.iter().filter(is_last).map(|f| f.seq.0 + 1).max().unwrap_or(0)
}

pub(crate) fn has_protected(datagram: &[u8]) -> bool {
    crate::mutate::record_ranges(datagram).into_iter().any(|range| {
        let record = &datagram[range];
        record[0] >= 0x20 || record[3..5] != [0, 0]
    })
}

/// How many of each class there were, and how many of (b) ended the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) silent: usize,
    pub(crate) replies: usize,
    pub(crate) may_end: usize,
    pub(crate) ended: usize,
}

/// What a side shows to the outside, except for counters.
fn appearance(pair: &Joined, side: Side) -> (bool, bool, usize, usize) {
    let face = pair.face(side);
    let events = match side {
        Side::Client => pair.client.events.len(),
        Side::Server => pair.server.latest().map_or(0, |face| face.events.len()),
    };
    (face.is_connected(), face.is_closed(), events, pair.server.connections.len())
}

/// Takes what a side wants to send, off the link.
fn take_output(pair: &mut Joined, side: Side) -> Vec<Vec<u8>> {
    let (now, mut out) = (pair.now(), [0; 2048]);
    core::iter::from_fn(|| {
        let len = match side {
            Side::Client => pair.client.poll_transmit(now, &mut out),
            Side::Server => pair.server.poll_transmit(now, &mut out),
        }?;
        Some(out[..len].to_vec())
    })
    .collect()
}

/// Runs a handshake that somebody has tampered with to its end: connected, or over with a typed
/// error on at least one side. Whether it is connected.
pub(crate) fn finish(pair: &mut Joined, what: &dyn Fn() -> String) -> bool {
    let ended = pair.run_until_settled();
    assert_ne!(ended, Ended::OutOfTime, "hangs: {}", what());
    if pair.is_connected() {
        let server = pair.server.latest().expect("connected");
        let negotiated = |face: &ConnectionFace| face.connection.info().negotiated.clone();
        assert_eq!(negotiated(&pair.client), negotiated(server), "{}", what());
        pair.set_plan(plan::perfect());
        assert!(pair.data_flows(), "no data: {}", what());
        return true;
    }
    let closed: Vec<_> =
        [pair.client.closed(), pair.server.closed()].into_iter().flatten().collect();
    assert!(!closed.is_empty(), "neither connected nor over: {}", what());
    for closed in closed {
        assert!(matches!(closed.reason, CloseReason::Error(_)), "{closed:?}: {}", what());
    }
    false
}

/// With a group, and a cookie for SHA-384.
const LONGEST_RETRY_REQUEST: usize = 170;

/// Hands hostile datagrams to `side` in one state, and judges each.
pub(crate) fn attack(
    reference: &Reference,
    arrivals: usize,
    side: Side,
    datagrams: impl IntoIterator<Item = Vec<u8>>,
) -> Tally {
    let state = reference.state(arrivals, side);
    let mut tally = Tally::default();
    // Those without effect all go to one victim, which then has to finish as if nothing had been.
    let mut victim = reference.advance(arrivals);
    for (number, datagram) in datagrams.into_iter().enumerate() {
        let what = || format!("{state:?}\n{arrivals} arrivals, datagram {number}: {datagram:02x?}");
        let class = state.classify(&datagram);
        if class == Class::MayEnd {
            tally.may_end += 1;
            let mut pair = reference.advance(arrivals);
            pair.inject(side, &datagram);
            tally.ended += usize::from(!finish(&mut pair, &what));
            continue;
        }
        let before = appearance(&victim, side);
        victim.inject(side, &datagram);
        let output = take_output(&mut victim, side);
        assert_eq!(appearance(&victim, side), before, "{}", what());
        if class == Class::Silent {
            tally.silent += 1;
            assert!(output.is_empty(), "{output:02x?}: {}", what());
            continue;
        }
        tally.replies += 1;
        assert_eq!(output.len(), 1, "{}", what());
        // A HelloRetryRequest carries a hash of the hello, which makes it longer than a minimal
        // one (RFC 9147 §5.1).
        let longest = match reference.version {
            Version::V12 => datagram.len(),
            Version::V13 => datagram.len().max(LONGEST_RETRY_REQUEST),
        };
        assert!(output[0].len() <= longest, "{} bytes: {}", output[0].len(), what());
    }
    let what = || format!("{state:?} after {arrivals} arrivals and {tally:?}");
    assert!(finish(&mut victim, &what), "{}", what());
    if !reference.is_last(arrivals) {
        // Not even time was lost: the two datagrams that show that data flows take 10 ms each.
        let late = victim.now().saturating_since(reference.took);
        assert_eq!(late, Duration::from_millis(20), "{}", what());
    }
    tally
}

fn attack_every_state(version: Version) {
    let reference = Reference::new(version, 1, None);
    let others = [Version::V12, Version::V13].map(|version| Reference::new(version, 77, None));
    for arrivals in 0..reference.states() {
        let corpus = reference.corpus(arrivals, &others);
        for side in SIDES {
            let seed = u64::try_from(2 * arrivals).expect("few") + u64::from(side == Side::Client);
            let mut rng = Rng::new(seed);
            let datagrams = (0..10_000).map(|_| hostile(&mut rng, &corpus));
            let tally = attack(&reference, arrivals, side, datagrams);
            println!("{version:?} {side:?} after {arrivals} arrivals: {tally:?}");
            assert!(tally.silent > 5_000);
        }
    }
}

#[test]
fn every_state_of_dtls12_survives_ten_thousand_hostile_datagrams() {
    attack_every_state(Version::V12);
}

#[test]
fn every_state_of_dtls13_survives_ten_thousand_hostile_datagrams() {
    attack_every_state(Version::V13);
}

/// The classes are not empty phrases: one member of each, and what it does.
#[test]
fn classes_are_told_apart() {
    let reference = Reference::new(Version::V12, 1, None);
    let genuine = |index: usize| reference.arrivals[index].bytes.clone();
    let at = |arrivals, side, datagram: &[u8]| reference.state(arrivals, side).classify(datagram);
    assert_eq!(at(0, Side::Server, &genuine(0)), Class::Reply);
    assert_eq!(at(0, Side::Server, &genuine(2)), Class::MayEnd);
    assert_eq!(at(3, Side::Server, &genuine(2)), Class::Silent);
    assert_eq!(at(3, Side::Client, &genuine(3)), Class::MayEnd);
    assert_eq!(at(4, Side::Client, &genuine(3)), Class::Silent);
    assert_eq!(at(0, Side::Client, &[]), Class::Silent);
    let types: Vec<_> =
        records(&genuine(3)).iter().flat_map(|r| r.fragments()).map(|f| f.typ).collect();
    assert_eq!(types[0], HandshakeType::SERVER_HELLO);
}
