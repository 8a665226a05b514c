//! Two ends, the link between them, and virtual time.

use core::cmp::Ordering;
use core::time::Duration;
use std::collections::BinaryHeap;

use sealgram::{Instant, Side};

use crate::link::{Fate, Plan, Sent};
use crate::{Face, plan};

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// What was waited for has come.
    Done,
    /// Nothing is on its way and no timer runs: nothing will ever happen again.
    Idle,
    /// The time is up.
    OutOfTime,
}

/// A client and a server at the two ends of a simulated link.
#[derive(Debug)]
pub struct Pair<C, S> {
    /// The client's end.
    pub client: C,
    /// The server's end.
    pub server: S,
    now: Instant,
    latency: Duration,
    plan: Plan,
    /// What is on its way.
    arrivals: BinaryHeap<Arrival>,
    /// Every datagram that was sent, in order.
    trace: Vec<Sent>,
    /// Application data as each side received it: the client's, the server's.
    received: [Vec<Vec<u8>>; 2],
    /// Arrivals so far, to keep the order of those at the same time.
    scheduled: u64,
    /// How many datagrams each side has sent: the client, the server.
    sent: [usize; 2],
    /// The client's address as the server sees it, counted from 0.
    address: u16,
    /// What the ends write datagrams into.
    buffer: Buffer,
}

/// Room for the largest datagram. Says nothing of its content.
struct Buffer(Vec<u8>);

impl core::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Buffer")
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Arrival {
    at: Instant,
    order: u64,
    to: Side,
    /// The sender's address, if that is the client.
    address: u16,
    bytes: Vec<u8>,
}

impl Ord for Arrival {
    /// The earliest is the greatest, so that the heap gives it first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// More steps than this without time passing mean that an end never comes to rest.
const MAX_STEPS_AT_ONCE: usize = 100_000;

const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

impl<C: Face, S: Face> Pair<C, S> {
    /// Both ends at time 0, a link that loses nothing, and a latency of 10 ms each way.
    #[must_use]
    pub fn new(client: C, server: S) -> Self {
        Self {
            client,
            server,
            now: Instant::ZERO,
            latency: Duration::from_millis(10),
            plan: plan::perfect(),
            arrivals: BinaryHeap::new(),
            trace: Vec::new(),
            received: [Vec::new(), Vec::new()],
            scheduled: 0,
            sent: [0, 0],
            address: 0,
            buffer: Buffer(vec![0; 65_536]),
        }
    }

    /// The server sees the client at another address from now on, as behind a NAT that has
    /// forgotten it. What goes to the address before is lost; what is on its way arrives.
    pub fn rebind(&mut self) {
        self.address += 1;
    }

    /// What becomes of the datagrams that are sent from now on. [`Sent::index`] counts on.
    pub fn set_plan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    /// How long a datagram is on its way.
    pub fn set_latency(&mut self, latency: Duration) {
        self.latency = latency;
    }

    /// Virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Every datagram that was sent so far, lost ones included, in order.
    #[must_use]
    pub fn trace(&self) -> &[Sent] {
        &self.trace
    }

    /// The datagrams of one side.
    pub fn sent_by(&self, side: Side) -> impl Iterator<Item = &Sent> {
        self.trace.iter().filter(move |sent| sent.from == side)
    }

    /// The application data that a side has received, one item per record.
    #[must_use]
    pub fn received_by(&self, side: Side) -> &[Vec<u8>] {
        &self.received[index(side)]
    }

    /// One of the ends.
    pub fn face(&self, side: Side) -> &dyn Face {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn face_mut(&mut self, side: Side) -> &mut dyn Face {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Whether both ends are connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.is_connected() && self.server.is_connected()
    }

    /// Hands a datagram to a side now, past the link, as somebody else could.
    pub fn inject(&mut self, to: Side, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let now = self.now;
        let mut got = Vec::new();
        let deliver = &mut |data: &[u8]| got.push(data.to_vec());
        self.face_mut(to).handle_datagram(now, &mut bytes, deliver);
        self.received[index(to)].append(&mut got);
    }

    /// Puts everything on the link that both ends have to send. Says how many datagrams that was.
    pub fn drain(&mut self) -> usize {
        let before = self.trace.len();
        let mut out = core::mem::take(&mut self.buffer.0);
        for side in [Side::Client, Side::Server] {
            let now = self.now;
            while let Some(len) = self.face_mut(side).poll_transmit(now, &mut out) {
                self.transmit(side, &out[..len]);
                assert!(self.trace.len() - before < MAX_STEPS_AT_ONCE, "{side:?} sends for ever");
            }
        }
        self.buffer.0 = out;
        self.trace.len() - before
    }

    /// Puts a datagram of this side on the link.
    pub fn transmit(&mut self, from: Side, bytes: &[u8]) {
        let mut sent = Sent {
            from,
            index: self.trace.len(),
            index_of_side: self.sent[index(from)],
            at: self.now,
            bytes: bytes.to_vec(),
            fate: Fate::Deliver,
        };
        let lost_address =
            from == Side::Server && self.server.sends_to().is_some_and(|to| to != self.address);
        sent.fate = if lost_address { Fate::Drop } else { self.plan.decide(&sent) };
        self.sent[index(from)] += 1;
        let arrival = self.now + self.latency;
        match sent.fate {
            Fate::Deliver => self.schedule(arrival, from, bytes),
            Fate::Drop => {}
            Fate::Delay(late) => self.schedule(arrival + late, from, bytes),
            Fate::Duplicate(late) => {
                self.schedule(arrival, from, bytes);
                self.schedule(arrival + late, from, bytes);
            }
            Fate::Damage(damage, late) => {
                let mut bytes = bytes.to_vec();
                damage.apply(&mut bytes);
                self.schedule(arrival + late, from, &bytes);
            }
        }
        self.trace.push(sent);
    }

    fn schedule(&mut self, at: Instant, from: Side, bytes: &[u8]) {
        self.scheduled += 1;
        let (order, to, address) = (self.scheduled, other(from), self.address);
        self.arrivals.push(Arrival { at, order, to, address, bytes: bytes.to_vec() });
    }

    /// Sends application data. False if the side cannot send now.
    pub fn send(&mut self, from: Side, plaintext: &[u8]) -> bool {
        let mut out = vec![0; plaintext.len() + 128];
        let now = self.now;
        let Some(len) = self.face_mut(from).send(now, plaintext, &mut out) else { return false };
        self.transmit(from, &out[..len]);
        true
    }

    /// The next moment at which something happens.
    fn next(&self) -> Option<Instant> {
        let arrival = self.arrivals.peek().map(|arrival| arrival.at);
        let timeouts = [self.client.poll_timeout(), self.server.poll_timeout()];
        timeouts.into_iter().chain([arrival]).flatten().min()
    }

    /// Does the next thing that happens, if that is not after `limit`: an arrival, or timeouts.
    /// Whatever is to be sent at that time is put on the link before and after.
    pub fn step(&mut self, limit: Instant) -> Ended {
        self.drain();
        let Some(next) = self.next() else { return Ended::Idle };
        if next > limit {
            return Ended::OutOfTime;
        }
        self.now = self.now.max(next);
        let due = self.arrivals.peek().is_some_and(|arrival| arrival.at <= self.now);
        let arrival = if due { self.arrivals.pop() } else { None };
        if let Some(Arrival { to, address, bytes, .. }) = arrival {
            self.face_mut(to).peer_seen_at(address);
            self.inject(to, &bytes);
        } else {
            for side in [Side::Client, Side::Server] {
                let now = self.now;
                let face = self.face_mut(side);
                if face.poll_timeout().is_some_and(|at| at <= now) {
                    face.handle_timeout(now);
                }
            }
        }
        self.drain();
        Ended::Done
    }

    /// Runs until `done`, but not beyond `limit`.
    pub fn run_until(&mut self, limit: Instant, mut done: impl FnMut(&Self) -> bool) -> Ended {
        let (mut steps, mut since) = (0, self.now);
        loop {
            self.drain();
            if done(self) {
                return Ended::Done;
            }
            match self.step(limit) {
                Ended::Done => {}
                ended => return ended,
            }
            steps = if self.now == since { steps + 1 } else { 0 };
            since = self.now;
            assert!(steps < MAX_STEPS_AT_ONCE, "time stands still at {since:?}");
        }
    }

    /// Runs until each end is connected or over, for at most an hour.
    pub fn run_until_settled(&mut self) -> Ended {
        let limit = self.now + Duration::from_secs(3600);
        self.run_until(limit, |pair| {
            [Side::Client, Side::Server].into_iter().all(|side| {
                let face = pair.face(side);
                face.is_connected() || face.is_closed()
            })
        })
    }

    /// Lets time pass until `at`, at which or before which nothing happens on its own.
    ///
    /// # Panics
    ///
    /// If something does happen before.
    pub fn wait_until(&mut self, at: Instant) {
        assert!(self.next().is_none_or(|next| next >= at), "something happens before {at:?}");
        self.now = self.now.max(at);
    }

    /// Runs for this long.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run_until(end, |_| false);
        self.now = end;
    }

    /// Whether application data gets through both ways: sends a few bytes each way, runs until
    /// they arrive (for at most ten seconds), and looks at them.
    pub fn data_flows(&mut self) -> bool {
        [Side::Client, Side::Server].into_iter().all(|from| {
            let before = self.received_by(other(from)).len();
            let text = format!("{from:?} {before}");
            if !self.send(from, text.as_bytes()) {
                return false;
            }
            let limit = self.now + Duration::from_secs(10);
            self.run_until(limit, |pair| pair.received_by(other(from)).len() > before);
            self.received_by(other(from)).get(before).is_some_and(|got| got == text.as_bytes())
        })
    }
}
