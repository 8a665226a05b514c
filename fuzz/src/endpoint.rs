//! An endpoint, a few clients, and anybody else who can send it something.
//!
//! The laws: whoever has not shown that it receives at its address costs no memory beyond a
//! constant, and gets no more than three times what it sent; clients whose handshakes complete
//! can talk whatever else is going on.
//!
//! Input: what is configured, then what happens.

use std::collections::{BTreeMap, VecDeque};

use sealgram::{Endpoint, Handle, Instant, Path, Routed, Side};
use sealgram_testkit::{ConnectionFace, Face};

use crate::heap;
use crate::input::Input;
use crate::setup::{Crypto, Knobs, Setup, client_address};
use crate::world::{answer, look_at_the_end};

/// What an endpoint may hold without any connection: the pool of incomplete hellos, and a
/// datagram.
const POOL: usize = 32 * (8192 + 1024) + 65_536;

/// What it may hold for a connection.
const PER_CONNECTION: usize = 2048;

const CLIENTS: usize = 3;
const CONNECTIONS: usize = 6;
const AIR: usize = 32;

struct Peer {
    face: ConnectionFace,
    path: Path,
    /// On their way to the endpoint, from it.
    out: VecDeque<Vec<u8>>,
    back: VecDeque<Vec<u8>>,
    got: Vec<Vec<u8>>,
}

struct World {
    setup: Setup,
    endpoint: Endpoint,
    connections: Vec<(Handle, ConnectionFace, Path)>,
    peers: Vec<Peer>,
    now: Instant,
    /// Bytes received from and sent to each path without a connection.
    account: BTreeMap<Path, (usize, usize)>,
    /// Heap that routing has taken and not given back.
    taken: isize,
    server_got: Vec<Vec<u8>>,
    /// Where datagrams are written.
    out: Vec<u8>,
}

/// Routes datagrams.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut knobs = Knobs::read(&mut input);
    knobs.cookies = input.u8() & 7 != 0;
    let setup = Setup::new(knobs, Crypto::Null);
    let endpoint = setup.endpoint();
    let mut world = World {
        endpoint,
        setup,
        connections: Vec::new(),
        peers: Vec::new(),
        now: Instant::ZERO,
        account: BTreeMap::new(),
        taken: 0,
        server_got: Vec::new(),
        out: vec![0; 65_536],
    };
    while !input.is_empty() {
        world.step(&mut input);
        world.drain();
        world.check();
    }
    world.finish();
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        let op = input.u8();
        let which = usize::from(op >> 5).checked_rem(self.peers.len());
        match (op & 31, which) {
            (0 | 1, _) => {
                if self.peers.len() < CLIENTS {
                    let face =
                        ConnectionFace::new(self.setup.client_at(self.now), Path::connected());
                    let n = u8::try_from(self.peers.len()).expect("few");
                    let path = Path::to(client_address(n));
                    let (out, back) = (VecDeque::new(), VecDeque::new());
                    self.peers.push(Peer { face, path, out, back, got: Vec::new() });
                }
            }
            (2..=9, Some(which)) => {
                let (path, datagram) = (self.peers[which].path, self.peers[which].out.pop_front());
                if let Some(datagram) = datagram {
                    self.route(path, &datagram, 2048, true);
                }
            }
            (10..=14, Some(which)) => self.back(which),
            (15 | 16, Some(which)) => {
                // From elsewhere, and altered.
                let path = somewhere(input);
                let (at, flip) = (usize::from(input.u16()), input.u8());
                let datagram = self.peers[which].out.front().cloned();
                if let Some(mut datagram) = datagram {
                    let at = at % datagram.len();
                    datagram[at] ^= flip;
                    self.route(path, &datagram, 2048, flip & 1 == 0);
                }
            }
            (17, Some(which)) => {
                // Part of a genuine hello, from its sender or not.
                let path = if input.flag() { self.peers[which].path } else { somewhere(input) };
                let (from, len) = (usize::from(input.u8()), usize::from(input.u8()));
                let datagram = self.peers[which].out.front().cloned();
                if let Some(part) = datagram.and_then(|datagram| part(&datagram, from, len)) {
                    self.route(path, &part, 2048, true);
                }
            }
            (18, Some(which)) => {
                self.peers[which].out.pop_front();
            }
            (19, Some(which)) => {
                self.peers[which].back.pop_front();
            }
            (20 | 21, _) => {
                self.wait();
            }
            (22, _) => self.endpoint.rotate_cookie_key().expect("random"),
            (23, Some(which)) => {
                let now = self.now;
                self.peers[which].face.connection.close(now);
            }
            (24, _) => {
                let index = usize::from(input.u8()).checked_rem(self.connections.len());
                if let Some(index) = index {
                    self.connections[index].1.connection.close(self.now);
                }
            }
            _ => {
                let (path, room) = (somewhere(input), usize::from(input.u8()) * 2);
                let datagram = input.long();
                self.route(path, datagram, room, op & 1 == 0);
            }
        }
    }

    /// The endpoint receives a datagram.
    fn route(&mut self, path: Path, datagram: &[u8], room: usize, admit: bool) {
        let mut bytes = datagram.to_vec();
        let mut out = vec![0; room];
        let mut got = Vec::new();
        let before = heap::live();
        let routed = self.endpoint.handle_datagram(self.now, path, &mut bytes, &mut out);
        let after = heap::live();
        let mut accepted = None;
        match routed {
            Routed::Accept(incoming) => {
                assert_eq!(incoming.path(), path);
                accepted = Some(incoming);
            }
            other => {
                self.taken += after as isize - before as isize;
                let deliver = &mut |data: &[u8]| got.push(data.to_vec());
                match other {
                    Routed::Connection(handle, datagram) => {
                        if let Some(face) = find(&mut self.connections, handle) {
                            face.handle_datagram(self.now, datagram, deliver);
                        }
                    }
                    Routed::Shared { newer, older, datagram, copy } => {
                        assert_eq!(datagram, copy);
                        let (now, connections) = (self.now, &mut self.connections);
                        let opened = find(connections, newer).is_some_and(|face| {
                            let path = face.path;
                            let deliver = &mut |data: sealgram::Data<'_>| deliver(&*data.bytes);
                            face.connection.handle_datagram(now, path, datagram, deliver).opened
                        });
                        if !opened && let Some(face) = find(connections, older) {
                            face.handle_datagram(now, copy, deliver);
                        }
                    }
                    Routed::Reply(transmit) => {
                        assert_eq!(transmit.path, path);
                        assert!(transmit.len <= room);
                        let account = self.account.entry(path).or_default();
                        account.0 += datagram.len();
                        account.1 += transmit.len;
                        let reply = out[..transmit.len].to_vec();
                        self.send(path, reply);
                    }
                    Routed::NotDtls(datagram) => {
                        assert!(!(20..=63).contains(&datagram[0]));
                        self.account.entry(path).or_default().0 += datagram.len();
                    }
                    _ => self.account.entry(path).or_default().0 += datagram.len(),
                }
            }
        }
        if let Some(incoming) = accepted
            && admit
            && self.connections.len() < CONNECTIONS
        {
            let (handle, connection) = self.endpoint.accept(incoming, self.now).expect("serves");
            self.connections.push((handle, ConnectionFace::new(connection, path), path));
        }
        self.server_got.append(&mut got);
    }

    fn send(&mut self, path: Path, datagram: Vec<u8>) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.path == path)
            && peer.back.len() < AIR
        {
            peer.back.push_back(datagram);
        }
    }

    /// A client receives the next datagram on its way to it.
    fn back(&mut self, which: usize) {
        let peer = &mut self.peers[which];
        if let Some(mut datagram) = peer.back.pop_front() {
            let got = &mut peer.got;
            peer.face.handle_datagram(self.now, &mut datagram, &mut |data| got.push(data.to_vec()));
        }
    }

    fn drain(&mut self) {
        let mut out = core::mem::take(&mut self.out);
        let now = self.now;
        for peer in &mut self.peers {
            answer(&mut peer.face, Side::Client, now, false);
            while let Some(len) = peer.face.poll_transmit(now, &mut out) {
                if peer.out.len() < AIR {
                    peer.out.push_back(out[..len].to_vec());
                }
            }
        }
        for index in 0..self.connections.len() {
            let (handle, face, path) = &mut self.connections[index];
            let (handle, path) = (*handle, *path);
            answer(face, Side::Server, now, false);
            let mut sent = Vec::new();
            while let Some(len) = face.poll_transmit(now, &mut out) {
                sent.push(out[..len].to_vec());
            }
            for event in face.endpoint_events.drain(..) {
                let _ = self.endpoint.handle_event(handle, event);
            }
            sent.into_iter().for_each(|datagram| self.send(path, datagram));
        }
        self.out = out;
    }

    fn wait(&mut self) -> bool {
        let faces = self.peers.iter_mut().map(|peer| &mut peer.face);
        let mut faces: Vec<_> =
            faces.chain(self.connections.iter_mut().map(|(_, face, _)| face)).collect();
        let Some(at) = faces.iter().filter_map(|face| face.poll_timeout()).min() else {
            return false;
        };
        self.now = self.now.max(at);
        for face in &mut faces {
            face.handle_timeout(self.now);
        }
        true
    }

    fn check(&self) {
        let bound = POOL + self.connections.len() * PER_CONNECTION;
        let said = self.endpoint.heap_bytes();
        assert!(said <= bound, "the endpoint says that it holds {said} bytes");
        assert!(self.taken <= bound as isize, "the endpoint has taken {} bytes", self.taken);
        for (path, (received, sent)) in &self.account {
            assert!(*sent <= 3 * *received, "{path:?} got {sent} bytes for {received}");
        }
    }

    /// From now on everything arrives.
    fn finish(&mut self) {
        for _ in 0..2000 {
            self.drain();
            let mut idle = true;
            for which in 0..self.peers.len() {
                let (path, datagram) = (self.peers[which].path, self.peers[which].out.pop_front());
                if let Some(datagram) = datagram {
                    self.route(path, &datagram, 2048, true);
                    idle = false;
                }
                idle &= self.peers[which].back.is_empty();
                self.back(which);
            }
            let over = |peer: &Peer| peer.face.is_connected() || peer.face.is_closed();
            if idle && (self.peers.iter().all(over) || !self.wait()) {
                break;
            }
        }
        self.check();
        for peer in &self.peers {
            assert!(peer.face.is_connected() || peer.face.is_closed(), "a client waits for ever");
            look_at_the_end(&peer.face);
        }
        for (_, face, _) in &self.connections {
            look_at_the_end(face);
        }
        for which in 0..self.peers.len() {
            self.talk(which);
        }
    }

    /// If both ends are connected, what the client says is heard.
    fn talk(&mut self, which: usize) {
        let path = self.peers[which].path;
        let served = |(_, face, at): &(_, ConnectionFace, Path)| *at == path && face.is_connected();
        if !self.peers[which].face.is_connected() || !self.connections.iter().any(served) {
            return;
        }
        let text = format!("client {which}");
        let mut out = vec![0; 256];
        let now = self.now;
        let len = self.peers[which].face.send(now, text.as_bytes(), &mut out).expect("connected");
        self.route(path, &out[..len], 2048, false);
        let heard = self.server_got.iter().any(|got| got == text.as_bytes());
        assert!(heard, "client {which} is not heard");
    }
}

fn find(
    connections: &mut [(Handle, ConnectionFace, Path)],
    handle: Handle,
) -> Option<&mut ConnectionFace> {
    connections.iter_mut().find(|(other, ..)| *other == handle).map(|(_, face, _)| face)
}

/// Anywhere: the clients' own addresses too.
fn somewhere(input: &mut Input<'_>) -> Path {
    let [a, b] = [input.u8(), input.u8()];
    match a {
        0..=31 => Path::to(client_address(a % 3)),
        32..=63 => Path { tag: b.into(), ..Path::to(client_address(a % 3)) },
        64..=127 => Path::to(([0xfd, 0, 0, 0, 0, 0, a.into(), b.into()], 5000).into()),
        _ => Path::to(([198, 51, a, b], 5000).into()),
    }
}

/// The datagram of a fragment of the hello in another datagram.
fn part(datagram: &[u8], from: usize, len: usize) -> Option<Vec<u8>> {
    let (head, body) = datagram.split_at_checked(25)?;
    let from = from.min(body.len());
    let len = len.min(body.len() - from);
    let mut part = [head, &body[from..from + len]].concat();
    part[19..22].copy_from_slice(&u32::try_from(from).ok()?.to_be_bytes()[1..]);
    part[22..25].copy_from_slice(&u32::try_from(len).ok()?.to_be_bytes()[1..]);
    part[11..13].copy_from_slice(&u16::try_from(len + 12).ok()?.to_be_bytes());
    Some(part)
}
