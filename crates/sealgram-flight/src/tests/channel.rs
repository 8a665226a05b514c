//! Two flights and a bad network between them.
//!
//! ```text
//!   client End --datagrams--> [ lost | late | twice ] --datagrams--> server End
//! ```
//!
//! The handshakes are scripts of messages. A record whose keys its reader does not have yet is
//! lost, as it is in a record layer that does not buffer.

use alloc::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// A message of a script: type, length, phase, group.
type Line = (HandshakeType, usize, Phase, Group);

/// Flights, the client's first, and in turn from then on.
type Script = Vec<Vec<Line>>;

fn script_12() -> Script {
    use Group::{Flight as F, LastFlight as L};
    const P: Phase = Phase::Plaintext;
    vec![
        vec![(HandshakeType::CLIENT_HELLO, 200, P, F)],
        vec![(HandshakeType::HELLO_VERIFY_REQUEST, 35, P, F)],
        vec![(HandshakeType::CLIENT_HELLO, 232, P, F)],
        vec![
            (HandshakeType::SERVER_HELLO, 90, P, F),
            (HandshakeType::CERTIFICATE, 2500, P, F),
            (HandshakeType::SERVER_KEY_EXCHANGE, 300, P, F),
            (HandshakeType::CERTIFICATE_REQUEST, 40, P, F),
            (HandshakeType::SERVER_HELLO_DONE, 0, P, F),
        ],
        vec![
            (HandshakeType::CERTIFICATE, 1500, P, F),
            (HandshakeType::CLIENT_KEY_EXCHANGE, 33, P, F),
            (HandshakeType::CERTIFICATE_VERIFY, 260, P, F),
            (HandshakeType::FINISHED, 12, APP, F),
        ],
        vec![(HandshakeType::NEW_SESSION_TICKET, 180, P, L), (HandshakeType::FINISHED, 12, APP, L)],
    ]
}

fn script_13() -> Script {
    use Group::{Flight as F, LastFlight as L, Ticket as T};
    const P: Phase = Phase::Plaintext;
    const H: Phase = Phase::Handshake;
    vec![
        vec![(HandshakeType::CLIENT_HELLO, 1500, P, F)],
        vec![(HandshakeType::SERVER_HELLO, 60, P, F)], // HelloRetryRequest
        vec![(HandshakeType::CLIENT_HELLO, 1600, P, F)],
        vec![
            (HandshakeType::SERVER_HELLO, 1200, P, F),
            (HandshakeType::ENCRYPTED_EXTENSIONS, 20, H, F),
            (HandshakeType::CERTIFICATE_REQUEST, 40, H, F),
            (HandshakeType::CERTIFICATE, 2500, H, F),
            (HandshakeType::CERTIFICATE_VERIFY, 260, H, F),
            (HandshakeType::FINISHED, 32, H, F),
        ],
        vec![
            (HandshakeType::CERTIFICATE, 1500, H, L),
            (HandshakeType::CERTIFICATE_VERIFY, 260, H, L),
            (HandshakeType::FINISHED, 32, H, L),
        ],
        vec![(HandshakeType::NEW_SESSION_TICKET, 180, APP, T)],
    ]
}

/// What the network does with one datagram: the delays, in ms, of the copies that arrive.
type Fate = Vec<u64>;

struct Side {
    end: End,
    /// All messages that this side must get, in order.
    expected: Vec<Line>,
    got: usize,
    timed_out: bool,
}

struct Pair<'f> {
    script: Script,
    rules: FlightRules,
    /// Flights of the script that were sent.
    sent: [usize; 2],
    sides: [Side; 2],
    /// Datagrams under way: arrival, and a number that keeps the order of sending.
    network: BTreeMap<(Instant, u64), (usize, Vec<Record>)>,
    datagrams: u64,
    copies: u64,
    fate: &'f mut dyn FnMut(u64) -> Fate,
    room: usize,
    now: Instant,
}

impl<'f> Pair<'f> {
    fn new(rules: FlightRules, room: usize, fate: &'f mut dyn FnMut(u64) -> Fate) -> Self {
        let script = if rules.acks { script_13() } else { script_12() };
        let side = |side: usize| {
            let flights = script.iter().enumerate().filter(|(i, _)| i % 2 != side);
            Side {
                end: End::new(FlightRules::UNDECIDED),
                expected: flights.flat_map(|(_, flight)| flight.clone()).collect(),
                got: 0,
                timed_out: false,
            }
        };
        Self {
            sides: [side(CLIENT), side(SERVER)],
            script,
            rules,
            sent: [0, 0],
            network: BTreeMap::new(),
            datagrams: 0,
            copies: 0,
            fate,
            room,
            now: Instant::ZERO,
        }
    }

    fn send_flight(&mut self, who: usize) {
        let index = self.sent[who] * 2 + who;
        self.sent[who] += 1;
        let Some(flight) = self.script.get(index).cloned() else { return };
        let side = &mut self.sides[who].end;
        for (typ, len, phase, group) in flight {
            side.send(typ, len, phase, group);
            side.flight.set_write_phase(phase);
        }
        let last =
            index + 1 == self.script.len() || (self.rules.acks && who == CLIENT && index == 4);
        if last {
            side.flight.complete(self.now);
        }
    }

    /// `who` has got a message; it was the next one of the script.
    fn on_message(&mut self, who: usize, message: &OwnedMessage) {
        let side = &mut self.sides[who];
        let (typ, len, phase, _) = side.expected[side.got];
        assert_eq!((message.typ, message.phase), (typ, phase));
        assert_eq!(message.body, body(len, typ.0));
        side.got += 1;
        // The version is in the server's first hello that is no HelloVerifyRequest.
        if who == SERVER || typ == HandshakeType::SERVER_HELLO {
            side.end.flight.set_rules(self.rules);
        }
        if let Some(next) = side.expected.get(side.got) {
            if next.2 != phase {
                side.end.flight.set_read_phase(next.2).unwrap();
            }
        }
        let mut whole = 0;
        let ends_flight = self.script.iter().skip(1 - who).step_by(2).any(|flight| {
            whole += flight.len();
            whole == side.got
        });
        if ends_flight {
            let done = side.got == side.expected.len();
            if self.rules.acks && who == SERVER && done {
                side.end.flight.ack_now();
            }
            if !self.rules.acks && done {
                side.end.flight.complete(self.now);
            }
            self.send_flight(who);
        }
    }

    fn transmit(&mut self, who: usize) {
        loop {
            // Records share a datagram as long as there is room.
            let (mut datagram, mut left) = (Vec::new(), self.room);
            while let Some(record) = self.sides[who].end.record(self.now, left) {
                left = left.saturating_sub(record.content.len() + 30);
                datagram.push(record);
            }
            if datagram.is_empty() {
                assert_eq!(self.sides[who].end.flight.wants(), None);
                return;
            }
            for delay in (self.fate)(self.datagrams) {
                let key = (self.now + Duration::from_millis(delay), self.copies);
                self.copies += 1;
                self.network.insert(key, (1 - who, datagram.clone()));
            }
            self.datagrams += 1;
        }
    }

    fn deliver(&mut self, who: usize, datagram: &[Record], seen: &mut [Vec<RecordNumber>; 2]) {
        for record in datagram {
            // Keys and replay window.
            let keys = self.sides[who].end.flight.read_phase();
            if record.phase > keys || seen[who].contains(&record.number) {
                continue;
            }
            seen[who].push(record.number);
            match record.content_type {
                ContentType::HANDSHAKE => {
                    // As in `End::read`, but the script runs between the messages.
                    let side = &mut self.sides[who].end;
                    let mut open = side.flight.begin_record(record.number, record.phase);
                    let mut reader = Reader::new(&record.content);
                    while !reader.is_empty() {
                        let fragment = Fragment::read(&mut reader).unwrap();
                        let flight = &mut self.sides[who].end.flight;
                        let received = flight.on_fragment(self.now, &mut open, fragment).unwrap();
                        if let Received::Message(m) = received {
                            let body = m.body.to_vec();
                            let (typ, seq, phase) = (m.typ, m.seq, m.phase);
                            self.on_message(who, &OwnedMessage { typ, seq, phase, body });
                        }
                        while let Some(message) = self.sides[who].end.flight.pop_message() {
                            self.on_message(who, &message);
                        }
                    }
                    self.sides[who].end.flight.end_record(self.now, open);
                }
                ContentType::ACK => {
                    let numbers = acked(record);
                    assert!(numbers.is_sorted());
                    self.sides[who].end.flight.on_ack(self.now, numbers);
                }
                _ => assert_eq!(record.content, [1]),
            }
        }
    }

    /// Runs until nothing moves any more. Whether both sides got everything.
    fn run(&mut self) -> bool {
        let mut seen = [Vec::new(), Vec::new()];
        self.send_flight(CLIENT);
        for _ in 0..100_000 {
            self.transmit(CLIENT);
            self.transmit(SERVER);
            let datagram = self.network.keys().next().map(|key| key.0);
            let timer = self
                .sides
                .iter()
                .filter(|side| !side.timed_out)
                .filter_map(|side| side.end.flight.poll_timeout())
                .map(|(due, _)| due)
                .min();
            let Some(next) = [datagram, timer].into_iter().flatten().min() else {
                let done = self.sides.iter().all(|side| side.got == side.expected.len());
                let gave_up = self.sides.iter().any(|side| side.timed_out);
                assert!(done || gave_up, "nothing moves, and nobody has given up");
                return done;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.network.first_entry().filter(|e| e.key().0 <= self.now) {
                let (who, datagram) = entry.remove();
                self.deliver(who, &datagram, &mut seen);
                self.transmit(who);
            }
            for side in &mut self.sides {
                while !side.timed_out {
                    match side.end.flight.handle_timeout(self.now) {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(crate::TimedOut) => side.timed_out = true,
                    }
                }
            }
        }
        panic!("the handshake never ends");
    }
}

const BOTH: [FlightRules; 2] = [FlightRules::V12, FlightRules::V13];

#[test]
fn handshake_without_loss_resends_nothing_and_settles_empty() {
    for rules in BOTH {
        let mut fate = |_| vec![10];
        let mut pair = Pair::new(rules, 1200, &mut fate);
        assert!(pair.run());
        for side in &mut pair.sides {
            assert_eq!(side.end.flight.flights_resent(), 0);
            assert!(!side.timed_out);
            side.end.flight.forget_last_flight();
            while side.end.flight.poll_acked().is_some() {}
            assert!(side.end.flight.heap_bytes() < 1200, "{}", side.end.flight.heap_bytes());
        }
    }
}

#[test]
fn every_single_and_every_pair_of_lost_datagrams_completes() {
    for rules in BOTH {
        for first in 0..24 {
            for second in first..24 {
                let mut fate = |n| if n == first || n == second { vec![] } else { vec![10] };
                let mut pair = Pair::new(rules, 600, &mut fate);
                assert!(pair.run(), "{first} and {second} lost");
                assert!(pair.sides.iter().all(|side| !side.timed_out), "{first}, {second}");
            }
        }
    }
}

#[test]
fn lost_server_flight_is_resent_after_one_second() {
    // RFC 6347 §4.2.4.1. Datagrams 0 to 2 are the hellos and the HelloVerifyRequest.
    let mut fate = |n| if (3..6).contains(&n) { vec![] } else { vec![0] };
    let mut pair = Pair::new(FlightRules::V12, 1200, &mut fate);
    assert!(pair.run());
    assert_eq!(pair.now, at(1000));
    assert_eq!(pair.sides[SERVER].end.flight.flights_resent(), 1);
}

#[test]
fn silent_network_times_out() {
    for rules in BOTH {
        let mut fate = |_| vec![];
        let mut pair = Pair::new(rules, 1200, &mut fate);
        assert!(!pair.run());
        assert!(pair.sides[CLIENT].timed_out);
        assert_eq!(pair.now, Instant::ZERO + FlightConfig::default().give_up_after());
    }
}

/// A small generator: the fates of a run must depend on its seed alone.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn bad_network(seed: u64, loss: u64, twice: u64, late: u64) -> impl FnMut(u64) -> Fate {
    let mut state = seed | 1;
    move |_| {
        let mut fate = Vec::new();
        if random(&mut state) % 100 >= loss {
            fate.push(1 + random(&mut state) % (late + 1));
        }
        if random(&mut state) % 100 < twice {
            fate.push(1 + random(&mut state) % (late + 1));
        }
        fate
    }
}

#[test]
fn third_of_all_datagrams_lost_completes_or_times_out() {
    for rules in BOTH {
        let completed = (1..=1000u64)
            .filter(|seed| {
                let mut fate = bad_network(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 30, 5, 300);
                Pair::new(rules, 1200, &mut fate).run()
            })
            .count();
        assert!(completed >= 990, "{completed} of 1000");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn bad_network_delivers_everything_in_order_or_times_out(
        seed: u64,
        v13: bool,
        room in 60usize..1500,
        loss in 0u64..90,
        twice in 0u64..50,
        late in 0u64..3000,
    ) {
        let rules = if v13 { FlightRules::V13 } else { FlightRules::V12 };
        let mut fate = bad_network(seed, loss, twice, late);
        let mut pair = Pair::new(rules, room, &mut fate);
        let done = pair.run();
        prop_assert!(done || loss > 0);
    }
}
