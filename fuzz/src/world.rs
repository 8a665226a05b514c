//! A client, a server, and the network between them.

use std::collections::VecDeque;
use std::sync::LazyLock;

use sealgram::crypto::{CertificateError, CryptoError, IdentityVerified};
use sealgram::{Answer, Ask, AskId, CloseReason, Event, Instant, Side};
use sealgram_testkit::{ConnectionFace, EndpointFace, Face};
use sealgram_wire::{Fragment, Reader, RecordHeader};

use crate::setup::{LONG, certificate, psk, sign};

/// How many datagrams may be on their way in one direction; what comes then is lost.
const AIR: usize = 64;

/// More datagrams than this at one time mean that an end never comes to rest.
const BURST: usize = 2000;

/// What serves: a server behind an endpoint or without one.
pub(crate) trait Serve: Face {
    /// The connection that counts: one that is connected, else the newest.
    fn main(&mut self) -> Option<&mut ConnectionFace>;

    /// Every connection that there ever was.
    fn all(&self) -> Vec<&ConnectionFace>;
}

impl Serve for EndpointFace {
    fn main(&mut self) -> Option<&mut ConnectionFace> {
        let faces = || self.connections.iter();
        let connected = faces().rposition(|(_, face)| face.connection.is_connected());
        let index = connected.or_else(|| faces().len().checked_sub(1))?;
        Some(&mut self.connections[index].1)
    }

    fn all(&self) -> Vec<&ConnectionFace> {
        self.connections.iter().map(|(_, face)| face).collect()
    }
}

impl Serve for ConnectionFace {
    fn main(&mut self) -> Option<&mut ConnectionFace> {
        Some(self)
    }

    fn all(&self) -> Vec<&ConnectionFace> {
        vec![self]
    }
}

pub(crate) struct World<S> {
    pub(crate) client: ConnectionFace,
    pub(crate) server: S,
    pub(crate) now: Instant,
    /// On their way to the client, to the server.
    pub(crate) air: [VecDeque<Vec<u8>>; 2],
    /// Application data as it was received by the client, by the server.
    pub(crate) got: [Vec<Vec<u8>>; 2],
    /// Application data that the client, the server has sent.
    pub(crate) said: [Vec<Vec<u8>>; 2],
    /// Every datagram and who sent it.
    pub(crate) history: Vec<(Side, Vec<u8>)>,
    /// Whether questions are answered with no.
    pub(crate) refuse: bool,
    /// Whether the server is limited in what it may send before the handshake is complete.
    pub(crate) limited: bool,
    /// Datagrams that were lost because too many were on their way.
    pub(crate) overflowed: bool,
    /// Where datagrams are written.
    out: Vec<u8>,
}

pub(crate) const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

pub(crate) const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

impl<S: Serve> World<S> {
    pub(crate) fn new(client: ConnectionFace, server: S) -> Self {
        Self {
            client,
            server,
            now: Instant::ZERO,
            air: Default::default(),
            got: Default::default(),
            said: Default::default(),
            history: Vec::new(),
            refuse: false,
            limited: false,
            overflowed: false,
            out: vec![0; 65_536],
        }
    }

    pub(crate) fn face(&mut self, side: Side) -> &mut dyn Face {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    pub(crate) fn connection(&mut self, side: Side) -> Option<&mut ConnectionFace> {
        match side {
            Side::Client => Some(&mut self.client),
            Side::Server => self.server.main(),
        }
    }

    /// Hands a datagram to a side.
    pub(crate) fn hand(&mut self, to: Side, datagram: &[u8]) {
        if *TRACED {
            eprintln!("{:?} -> {to:?} {}", self.now, told(datagram));
        }
        let (now, mut bytes) = (self.now, datagram.to_vec());
        let mut got = Vec::new();
        self.face(to).handle_datagram(now, &mut bytes, &mut |data| got.push(data.to_vec()));
        self.got[index(to)].append(&mut got);
    }

    /// The next datagram on its way to a side arrives. False if there is none.
    pub(crate) fn deliver(&mut self, to: Side) -> bool {
        let Some(datagram) = self.air[index(to)].pop_front() else { return false };
        self.hand(to, &datagram);
        true
    }

    /// Both ends send what they have to send, and are answered what they ask.
    pub(crate) fn drain(&mut self) {
        let mut out = core::mem::take(&mut self.out);
        let mut burst = 0;
        for side in [Side::Client, Side::Server] {
            self.answer(side);
            self.take_waiting(side);
            let now = self.now;
            while let Some(len) = self.face(side).poll_transmit(now, &mut out) {
                assert!(len > 0);
                self.put(side, &out[..len]);
                burst += 1;
                assert!(burst < BURST, "{side:?} sends for ever");
            }
        }
        self.out = out;
    }

    /// Takes the data that came while a side was asked something.
    fn take_waiting(&mut self, side: Side) {
        let mut got = Vec::new();
        let Some(face) = self.connection(side) else { return };
        face.connection.deliver_waiting(&mut |data| got.push(data.bytes.to_vec()));
        self.got[index(side)].append(&mut got);
    }

    /// A datagram of a side goes on its way.
    pub(crate) fn put(&mut self, from: Side, datagram: &[u8]) {
        if *TRACED {
            eprintln!("{:?} {from:?} -> {}", self.now, told(datagram));
        }
        if self.history.len() < 4 * AIR {
            self.history.push((from, datagram.to_vec()));
        }
        let way = &mut self.air[index(other(from))];
        if way.len() < AIR {
            way.push_back(datagram.to_vec());
        } else {
            self.overflowed = true;
        }
    }

    /// Answers what a side asks.
    fn answer(&mut self, side: Side) {
        let (now, refuse) = (self.now, self.refuse);
        let Some(face) = self.connection(side) else { return };
        answer(face, side, now, refuse);
    }

    /// Sends application data, early if it is too soon for other. False if the side cannot send
    /// now.
    pub(crate) fn say(&mut self, from: Side, plaintext: &[u8]) -> bool {
        let mut out = vec![0; plaintext.len() + 128];
        let now = self.now;
        let Some(face) = self.connection(from) else { return false };
        let early = |face: &mut ConnectionFace, out: &mut [u8]| {
            face.connection.send_early(now, plaintext, out).ok().map(|transmit| transmit.len)
        };
        let len = face.send(now, plaintext, &mut out).or_else(|| early(face, &mut out));
        let Some(len) = len else { return false };
        self.said[index(from)].push(plaintext.to_vec());
        self.put(from, &out[..len]);
        true
    }

    /// Time goes on to the next timer. False if none runs.
    pub(crate) fn wait(&mut self) -> bool {
        let timeouts = [self.client.poll_timeout(), self.server.poll_timeout()];
        let Some(at) = timeouts.into_iter().flatten().min() else { return false };
        self.now = self.now.max(at);
        if *TRACED {
            eprintln!("{:?} a timer", self.now);
        }
        for side in [Side::Client, Side::Server] {
            let now = self.now;
            let face = self.face(side);
            if face.poll_timeout().is_some_and(|at| at <= now) {
                face.handle_timeout(now);
                let again = face.poll_timeout();
                assert!(again.is_none_or(|again| again > now), "{side:?}: time stands still");
            }
        }
        true
    }

    /// From now on everything arrives in order, until `done`, nothing happens any more, or an hour
    /// has passed.
    pub(crate) fn run_until(&mut self, done: impl Fn(&mut Self) -> bool) -> bool {
        let end = self.now + LONG;
        for _ in 0..10_000 {
            self.drain();
            if done(self) {
                return true;
            }
            if self.deliver(Side::Server) || self.deliver(Side::Client) {
                continue;
            }
            if self.now > end || !self.wait() {
                return false;
            }
        }
        panic!("the ends never come to rest");
    }

    /// Whether each end is connected or over.
    pub(crate) fn is_settled(&mut self) -> bool {
        let server = self.server.all();
        let over = !server.is_empty() && server.iter().all(|face| face.is_closed());
        let client = self.client.is_connected() || self.client.is_closed();
        client && (over || server.iter().any(|face| face.is_connected()))
    }

    /// Whether both ends are connected.
    pub(crate) fn is_connected(&self) -> bool {
        let server = self.server.all();
        self.client.is_connected() && server.iter().any(|face| face.is_connected())
    }

    /// Whether each side understands the other.
    pub(crate) fn data_flows(&mut self) {
        for from in [Side::Client, Side::Server] {
            // What is still on its way comes first.
            self.run_until(|world| world.air.iter().all(VecDeque::is_empty));
            let to = index(other(from));
            let before = self.got[to].len();
            let text = format!("{from:?} says this {before}");
            assert!(self.say(from, text.as_bytes()), "{from:?} cannot send");
            let arrived = self.run_until(|world| world.got[to].len() > before);
            assert!(arrived, "what {from:?} sent has not arrived");
            assert_eq!(self.got[to][before], text.as_bytes());
        }
    }

    /// Nobody got anything that was not said, or more often than it was said: each time it is
    /// another text.
    pub(crate) fn nothing_was_invented(&self) {
        for side in [Side::Client, Side::Server] {
            let said = &self.said[index(other(side))];
            for got in &self.got[index(side)] {
                assert!(said.contains(got), "{side:?} received what nobody sent: {got:02x?}");
                let times = self.got[index(side)].iter().filter(|other| *other == got).count();
                assert!(times == 1, "{side:?} received it {times} times: {got:02x?}");
            }
        }
    }
}

/// Whether what happens is told, so that a fault can be understood.
static TRACED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("TRACE").is_some());

/// The records of a datagram, in short.
fn told(datagram: &[u8]) -> String {
    let mut text = format!("{} bytes:", datagram.len());
    let mut rest = datagram;
    while let Ok((header, len)) = RecordHeader::read(rest, 0) {
        let tail = &rest[len..];
        let payload_len = header.payload_len().map_or(tail.len(), usize::from);
        let (payload, tail) = tail.split_at(payload_len.min(tail.len()));
        rest = tail;
        match header {
            RecordHeader::Full(full) if full.number.epoch() > 0 => {
                text += &format!(" [{} {:?} {payload_len}]", full.typ, full.number);
            }
            RecordHeader::Full(full) => {
                text += &format!(" [{} {}:", full.typ, full.number.sequence());
                let mut reader = Reader::new(payload);
                while let Ok(f) = Fragment::read(&mut reader) {
                    let (typ, seq, end) = (f.typ, f.seq.0, f.offset as usize + f.body.len());
                    text += &format!(" {typ} {seq} {}..{end} of {}", f.offset, f.message_len);
                    if reader.is_empty() {
                        break;
                    }
                }
                text.push(']');
            }
            RecordHeader::Unified(unified) => text += &format!(" [{unified:?} {payload_len}]"),
            RecordHeader::Cid(cid) => text += &format!(" [{cid:?}]"),
        }
    }
    text
}

/// Answers what the events of a connection ask.
pub(crate) fn answer(face: &mut ConnectionFace, side: Side, now: Instant, refuse: bool) {
    while let Some((id, answer)) = question(&face.events, side, refuse) {
        // The events are a list of what was: the question was answered with its removal.
        face.events.retain(|event| !matches!(event, Event::Needs(other, _) if *other == id));
        let result = face.connection.resolve(now, id, answer);
        assert!(result.is_ok() || face.connection.is_closed(), "{result:?}");
        face.events.extend(core::iter::from_fn(|| face.connection.poll_event()));
        let events = core::iter::from_fn(|| face.connection.poll_endpoint_event());
        face.endpoint_events.extend(events);
    }
}

fn question(events: &[Event], side: Side, refuse: bool) -> Option<(AskId, Answer)> {
    events.iter().find_map(|event| {
        let Event::Needs(id, ask) = event else { return None };
        Some((
            *id,
            match ask {
                Ask::VerifyPeer(_) if refuse => {
                    Answer::VerifyPeer(Err(CertificateError::UnknownIssuer.into()))
                }
                Ask::VerifyPeer(_) => Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion())),
                Ask::Sign(_) if refuse => Answer::Sign(Err(CryptoError)),
                Ask::Sign(ask) => Answer::Sign(Ok(sign(side, &ask.message))),
                Ask::Psk(_) => Answer::Psk((!refuse).then(psk)),
                Ask::Certificate(_) => Answer::Certificate((!refuse).then(|| certificate(side))),
                _ => return None,
            },
        ))
    })
}

/// Looks at how a connection ended: every error can be shown and has a kind.
pub(crate) fn look_at_the_end(face: &ConnectionFace) {
    if let Some(closed) = face.closed() {
        assert!(face.connection.is_closed());
        assert!(face.connection.poll_timeout().is_none(), "a timer of what is over");
        assert!(!closed.reason.to_string().is_empty());
        let _ = closed.reason.kind();
        if let CloseReason::Error(error) = &closed.reason {
            assert!(!format!("{error:?}").is_empty());
        }
    } else {
        assert!(!face.connection.is_closed(), "the end was not told");
    }
}
