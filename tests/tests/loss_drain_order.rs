//! The calls of the sans-IO interface may come in any order: the same datagrams come out.

use std::collections::VecDeque;

use sealgram::iana::Version;
use sealgram::{Connection, Endpoint, Handle, Instant, Path, Routed};
use sealgram_testkit::{Rng, Setup};

/// Everything that can be seen of a run from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Seen {
    /// The datagrams of each side, in order.
    datagrams: [Vec<Vec<u8>>; 2],
    events: [Vec<String>; 2],
    received: [Vec<Vec<u8>>; 2],
    stats: [String; 2],
    /// When timeouts were due.
    moments: Vec<(Instant, String)>,
}

/// Client and server with a queue in each direction, and nobody who drains them by rule.
struct World {
    client: Connection,
    endpoint: Endpoint,
    server: Option<(Handle, Connection)>,
    path: Path,
    now: Instant,
    /// To the client, to the server.
    queues: [VecDeque<Vec<u8>>; 2],
    /// Which datagrams get lost, by side and number.
    lost: Vec<(usize, usize)>,
    seen: Seen,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl World {
    fn new(setup: &Setup, lost: Vec<(usize, usize)>) -> Self {
        setup.reset();
        Self {
            client: setup.client().connection,
            endpoint: setup.endpoint(),
            server: None,
            path: setup.client_path,
            now: Instant::ZERO,
            queues: [VecDeque::new(), VecDeque::new()],
            lost,
            seen: Seen::default(),
        }
    }

    fn connection(&mut self, side: usize) -> Option<&mut Connection> {
        if side == CLIENT {
            return Some(&mut self.client);
        }
        self.server.as_mut().map(|(_, connection)| connection)
    }

    fn put(&mut self, from: usize, datagram: &[u8]) {
        let number = self.seen.datagrams[from].len();
        self.seen.datagrams[from].push(datagram.to_vec());
        if !self.lost.contains(&(from, number)) {
            self.queues[1 - from].push_back(datagram.to_vec());
        }
    }

    /// Takes one datagram of this side. False if there is none.
    fn transmit(&mut self, side: usize) -> bool {
        let (now, mut out) = (self.now, [0; 2048]);
        let Some(transmit) = self.connection(side).and_then(|c| c.poll_transmit(now, &mut out))
        else {
            return false;
        };
        self.put(side, &out[..transmit.len]);
        true
    }

    /// Hands one waiting datagram to this side. False if there is none.
    fn deliver(&mut self, side: usize) -> bool {
        let Some(mut datagram) = self.queues[side].pop_front() else { return false };
        let (now, path) = (self.now, self.path);
        let received = &mut self.seen.received[side];
        let deliver = &mut |data: sealgram::Data<'_>| received.push(data.bytes.to_vec());
        if side == CLIENT {
            self.client.handle_datagram(now, Path::connected(), &mut datagram, deliver);
            return true;
        }
        let mut out = [0; 2048];
        match self.endpoint.handle_datagram(now, path, &mut datagram, &mut out) {
            Routed::Reply(transmit) => {
                let reply = out[..transmit.len].to_vec();
                self.put(SERVER, &reply);
            }
            Routed::Accept(incoming) => self.server = self.endpoint.accept(incoming, now),
            Routed::Connection(_, datagram) => {
                let (_, server) = self.server.as_mut().expect("it has a handle");
                server.handle_datagram(now, path, datagram, deliver);
            }
            Routed::Discard(_) => {}
            other => panic!("{other:?}"),
        }
        true
    }

    fn poll_event(&mut self, side: usize) -> bool {
        let Some(event) = self.connection(side).and_then(Connection::poll_event) else {
            return false;
        };
        self.seen.events[side].push(format!("{event:?}"));
        true
    }

    fn poll_endpoint_event(&mut self, side: usize) -> bool {
        let Some(event) = self.connection(side).and_then(Connection::poll_endpoint_event) else {
            return false;
        };
        if let (SERVER, Some((handle, _))) = (side, &self.server) {
            assert_eq!(self.endpoint.handle_event(*handle, event), None);
        }
        true
    }

    /// Something that must not change anything.
    fn look(&mut self, side: usize, rng: &mut Rng) {
        let now = self.now;
        let Some(connection) = self.connection(side) else { return };
        match rng.range(0..6) {
            0 => drop(connection.poll_timeout()),
            1 => connection.handle_timeout(now),
            2 => drop((connection.stats(), connection.info().clone())),
            3 => drop(connection.poll_transmit(now, &mut [])),
            4 => drop((connection.max_plaintext(), connection.heap_bytes())),
            _ => drop(connection.handle_datagram(now, Path::connected(), &mut [], &mut |_| {})),
        }
    }

    /// Does everything that can be done now, in an order of `rng`'s choosing; without one, in the
    /// order that a driver would choose.
    fn settle(&mut self, rng: &mut Option<Rng>) {
        let Some(rng) = rng else {
            while (0..2).any(|side| self.transmit(side) || self.deliver(side)) {}
            for side in 0..2 {
                while self.poll_endpoint_event(side) || self.poll_event(side) {}
            }
            return;
        };
        loop {
            for _ in 0..rng.range(0..40) {
                let side = rng.range(0..2);
                match rng.range(0..6) {
                    0 => drop(self.transmit(side)),
                    1 => drop(self.deliver(side)),
                    2 => drop(self.poll_event(side)),
                    3 => drop(self.poll_endpoint_event(side)),
                    _ => self.look(side, rng),
                }
            }
            let idle = (0..2).all(|side| self.queues[side].is_empty());
            // Whoever still had something to send or to tell has now done so.
            let quiet = (0..2).all(|side| {
                !self.transmit(side) && !self.poll_event(side) && !self.poll_endpoint_event(side)
            });
            if idle && quiet {
                return;
            }
        }
    }

    /// Lets time pass until the next timeout. False if there is none within ten seconds.
    fn sleep(&mut self) -> bool {
        let server = self.server.as_ref().and_then(|(_, c)| c.poll_timeout());
        let timeouts = [self.client.poll_timeout(), server];
        let Some(next) = timeouts.iter().flatten().min_by_key(|timeout| timeout.at).copied() else {
            return false;
        };
        if next.at.saturating_since(self.now).as_secs() > 10 {
            return false;
        }
        self.now = self.now.max(next.at);
        self.seen.moments.push((next.at, format!("{timeouts:?}")));
        let now = self.now;
        for side in 0..2 {
            if let Some(connection) = self.connection(side) {
                connection.handle_timeout(now);
            }
            // What is sent again goes out before anything else comes in: an answer that came first
            // would make it needless, and then it is not sent.
            while self.transmit(side) {}
        }
        true
    }

    fn run(mut self, mut rng: Option<Rng>) -> Seen {
        loop {
            self.settle(&mut rng);
            if !self.sleep() {
                break;
            }
        }
        for side in 0..2 {
            for number in 0..3 {
                let (now, mut out) = (self.now, [0; 256]);
                let connection = self.connection(side).expect("connected");
                let transmit = connection.send(now, &[number; 20], &mut out).expect("connected");
                self.put(side, &out[..transmit.len]);
            }
        }
        self.settle(&mut rng);
        for side in 0..2 {
            let connection = self.connection(side).expect("connected");
            // Empty datagrams were handed in at will.
            let mut stats = connection.stats();
            stats.discards.malformed = 0;
            stats.datagrams_received = 0;
            self.seen.stats[side] = format!("{stats:?}");
        }
        self.seen
    }
}

#[test]
fn any_drain_order_gives_the_same_datagrams_and_events() {
    let mut compared = 0;
    for bits in 0..16 {
        let mut setup = Setup::new(bits);
        setup.versions = vec![if bits & 1 == 0 { Version::V12 } else { Version::V13 }];
        setup.client_auth = bits & 2 != 0;
        setup.max_datagram = (bits & 4 != 0).then_some(256);
        let lost = if bits & 8 == 0 { vec![] } else { vec![(CLIENT, 1), (SERVER, 1)] };
        let expected = World::new(&setup, lost.clone()).run(None);
        for side in 0..2 {
            assert_eq!(expected.received[side], [[0; 20], [1; 20], [2; 20]]);
            assert!(expected.events[side][0].starts_with("Connected"));
        }
        assert!(lost.is_empty() || !expected.moments.is_empty());
        for seed in 0..200 {
            let seen = World::new(&setup, lost.clone()).run(Some(Rng::new(seed)));
            assert_eq!(seen.events, expected.events, "bits {bits}, seed {seed}");
            assert_eq!(seen.received, expected.received, "bits {bits}, seed {seed}");
            // What 1.3 acknowledges depends on what has arrived when it does. Without losses every
            // flight is acknowledged by the next one.
            if setup.versions == [Version::V12] || lost.is_empty() {
                assert_eq!(seen, expected, "bits {bits}, seed {seed}");
            }
            compared += 1;
        }
    }
    println!("{compared} random orders of calls gave what the usual order gives");
}

#[test]
fn other_seed_gives_other_datagrams() {
    let [one, other] = [1, 2].map(|seed| World::new(&Setup::new(seed), vec![]).run(None));
    assert_ne!(one.datagrams, other.datagrams);
    assert_eq!(one.datagrams[CLIENT].len(), other.datagrams[CLIENT].len());
}
