//! A client, a server, and a network that does what it likes: datagrams are lost, repeated,
//! reordered, altered, cut, joined and invented.
//!
//! The laws: nothing panics; each end is connected or over in the end, with a typed error; if
//! nobody forged anything, both are connected; nobody receives what was not sent; and once both
//! are connected and have heard of each other, nothing that is forged disturbs them.
//!
//! Input: what is configured, then what happens.

use core::time::Duration;

use sealgram::{Instant, Side};
use sealgram_testkit::EndpointFace;

use crate::input::Input;
use crate::setup::{Crypto, Knobs, Setup};
use crate::world::{Serve, World, index, look_at_the_end, other};

/// What the network has done so far.
#[derive(Default)]
struct Deeds {
    forged: bool,
    lost: usize,
    /// An application has closed or refused something.
    ended: bool,
}

fn side(byte: u8) -> Side {
    if byte & 0x80 == 0 { Side::Server } else { Side::Client }
}

/// Runs a handshake, twice if there is a session to resume.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let knobs = Knobs::read(&mut input);
    let flags = input.u8();
    let setup = Setup::new(knobs, Crypto::Null);
    if flags & 1 == 1 {
        // A first connection on a good day, for the sessions that it leaves.
        let mut world = World::new(setup.client(), setup.server());
        assert!(world.run_until(World::is_settled), "the first handshake goes on for ever");
        assert!(world.is_connected(), "{:?} {:?}", world.client.events, world.server);
        world.data_flows();
    }
    let mut world = World::new(setup.client(), setup.server());
    world.limited = !setup.knobs.cookies;
    world.refuse = flags & 2 != 0;
    let mut deeds = Deeds { ended: world.refuse, ..Deeds::default() };
    world.drain();
    while !input.is_empty() {
        step(&mut world, &mut deeds, &mut input);
        world.drain();
    }
    finish(&mut world, &deeds);
}

fn step(world: &mut World<EndpointFace>, deeds: &mut Deeds, input: &mut Input<'_>) {
    let op = input.u8();
    let to = side(op);
    let way = &mut world.air[index(to)];
    match op & 0x7f {
        // Most of the time the network works.
        0..=0x2f => {
            world.deliver(to);
        }
        0x30..=0x37 => {
            let which = usize::from(op & 7) + 1;
            if let Some(datagram) = way.remove(which) {
                world.hand(to, &datagram);
            }
        }
        0x38..=0x3f => {
            deeds.lost += usize::from(way.pop_front().is_some());
        }
        0x40..=0x43 => {
            if let Some(datagram) = way.front().cloned() {
                world.hand(to, &datagram);
            }
        }
        0x44..=0x4b => {
            let (at, value) = (usize::from(input.u16()), input.u8());
            if let Some(mut datagram) = way.pop_front() {
                alter(&mut datagram, op & 7, at, value);
                deeds.forged = true;
                world.hand(to, &datagram);
            }
        }
        0x4c..=0x4f => {
            // The genuine datagram follows the forged one.
            let (at, value) = (usize::from(input.u16()), input.u8());
            if let Some(mut datagram) = way.front().cloned() {
                alter(&mut datagram, value & 7, at, value);
                deeds.forged = true;
                world.hand(to, &datagram);
            }
        }
        0x50..=0x57 => {
            // Something that was said before, to whom it was said.
            let which = usize::from(input.u8());
            if let Some(which) = which.checked_rem(world.history.len()) {
                let (from, datagram) = world.history[which].clone();
                world.hand(other(from), &datagram);
            }
        }
        0x58..=0x59 => {
            // Something that was said before, to who said it.
            let which = usize::from(input.u8());
            if let Some(which) = which.checked_rem(world.history.len()) {
                let (from, datagram) = world.history[which].clone();
                deeds.forged = true;
                world.hand(from, &datagram);
            }
        }
        0x5a..=0x5b => {
            deeds.forged = true;
            let datagram = input.short().to_vec();
            world.hand(to, &datagram);
        }
        0x5c..=0x61 => {
            world.wait();
        }
        0x62..=0x67 => {
            let said = world.said[0].len() + world.said[1].len();
            let text = format!("{said}: {}", "x".repeat(input.u8().into()));
            world.say(other(to), text.as_bytes());
        }
        0x68..=0x6b => {
            let now = world.now;
            if let Some(face) = world.connection(to) {
                let result = face.connection.update_keys(now, op & 1 == 0);
                assert!(result.is_ok() || !face.connection.is_connected() || is_v12(face));
            }
        }
        0x6c => {
            let now = world.now;
            if let Some(face) = world.connection(to) {
                face.connection.close(now);
                deeds.ended = true;
            }
        }
        0x6d => {
            let now = world.now;
            if let Some(face) = world.connection(to) {
                let _ = face.connection.abort(now, sealgram::iana::AlertDescription(input.u8()));
                deeds.ended = true;
            }
        }
        0x6e..=0x70 => {
            let bytes = usize::from(input.u16());
            if let Some(face) = world.connection(to) {
                face.connection.set_max_datagram(bytes);
            }
        }
        // Two datagrams become one.
        0x71..=0x75 => {
            if let Some(mut first) = way.pop_front() {
                first.extend(way.pop_front().unwrap_or_default());
                world.hand(to, &first);
            }
        }
        // One becomes two, wherever.
        _ => {
            let at = usize::from(input.u16());
            if let Some(datagram) = way.pop_front() {
                let (first, second) = datagram.split_at(at % (datagram.len() + 1));
                // A record that was cut is lost, and its rest is something else.
                deeds.forged = true;
                world.hand(to, first);
                world.hand(to, second);
            }
        }
    }
}

fn is_v12(face: &sealgram_testkit::ConnectionFace) -> bool {
    let negotiated = &face.connection.info().negotiated;
    negotiated.as_ref().is_some_and(|n| n.version == sealgram::iana::Version::V12)
}

fn alter(datagram: &mut Vec<u8>, how: u8, at: usize, value: u8) {
    let len = datagram.len();
    match how {
        0..=2 => {
            if let Some(byte) = datagram.get_mut(at % len.max(1)) {
                *byte = value;
            }
        }
        3 => {
            if let Some(byte) = datagram.get_mut(at % len.max(1)) {
                *byte ^= 1 << (value & 7);
            }
        }
        4 => datagram.truncate(at % len.max(1)),
        5 => datagram.insert(at % (len + 1), value),
        6 => {
            if len > 0 {
                datagram.remove(at % len);
            }
        }
        _ => {
            // The lengths of a fragment's header are where most can be broken.
            let at = 13 + at % 12;
            if let Some(byte) = datagram.get_mut(at) {
                *byte = byte.wrapping_add(value);
            }
        }
    }
}

/// How many lost datagrams, and how long a delay, a handshake must stand.
const PATIENCE: (usize, Duration) = (4, Duration::from_secs(60));

fn finish(world: &mut World<EndpointFace>, deeds: &Deeds) {
    let delay = world.now - Instant::ZERO;
    let settled = world.run_until(World::is_settled);
    let (client, server) = (&world.client, world.server.all());
    assert!(
        client.connection.is_connected() || client.connection.is_closed(),
        "the client is neither connected nor over"
    );
    // Without a connection there is nothing that could be over.
    assert!(settled || server.is_empty(), "the server is neither connected nor over: {server:?}");
    look_at_the_end(client);
    for face in &server {
        look_at_the_end(face);
    }
    // Without cookies the server waits, in the middle of its flight, until it has received more;
    // if that is lost, both may wait for each other until the end (RFC 9147 §5.1).
    let may_lose = if world.limited { 0 } else { PATIENCE.0 };
    let patient = deeds.lost <= may_lose && delay <= PATIENCE.1 && !world.overflowed;
    if !deeds.forged && !deeds.ended && patient {
        assert!(
            world.is_connected(),
            "nobody forged anything, and yet: {:?} {:?}",
            client.closed(),
            server.iter().map(|face| face.closed()).collect::<Vec<_>>()
        );
    }
    if world.is_connected() {
        world.data_flows();
        disturb(world);
        world.data_flows();
        assert!(world.is_connected());
    }
    world.nothing_was_invented();
    assert!(world.client.connection.heap_bytes() < 600_000);
}

/// Both have opened protected records of each other: nothing forged counts any more.
fn disturb(world: &mut World<EndpointFace>) {
    let history: Vec<_> = world.history.iter().rev().take(12).cloned().collect();
    for (n, (from, datagram)) in history.into_iter().enumerate() {
        let to = other(from);
        // Once more; altered; to the wrong side; cut.
        world.hand(to, &datagram);
        let mut altered = datagram.clone();
        let at = n * 7 % altered.len();
        altered[at] ^= 1 << (n % 8);
        world.hand(to, &altered);
        world.hand(from, &datagram);
        world.hand(to, &datagram[..datagram.len() / 2]);
    }
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
    world.hand(Side::Client, &alert);
    world.hand(Side::Server, &alert);
    world.hand(Side::Client, &[]);
    world.hand(Side::Server, &[]);
}
