//! A client or a server, and a peer that has all the keys and means harm.
//!
//! Under blind cryptography every record opens and every Finished is right, so whatever the
//! fuzzer makes of a recorded handshake is acted upon. Nothing but memory safety, termination and
//! bounds can be promised here: a peer that holds the keys may end its own connection in any way.
//!
//! Input: role, what is configured, then what happens.

use sealgram::iana::AlertDescription;
use sealgram::{Instant, Side};
use sealgram_testkit::{ConnectionFace, Face};

use crate::heap;
use crate::input::{Input, Program};
use crate::recording::{SESSIONS, Sessions};
use crate::setup::{Crypto, Knobs, Setup};
use crate::world::{answer, look_at_the_end};

/// What a connection says it holds, at most: reassembly, its last flight, parked records, lists.
const HEAP_SAID: usize = 500_000;

/// What it really holds: that, the peer's chain, and what the handshake's states own.
const HEAP_LIVE: usize = 1_000_000;

/// A script that hands these datagrams to `side`.
#[must_use]
pub(crate) fn script(
    side: Side,
    knobs: [u8; Knobs::LEN],
    flags: u8,
    datagrams: &[Vec<u8>],
) -> Vec<u8> {
    let role = u8::from(side == Side::Server) | flags << 1;
    let program = Program::default().bytes(&[role]).bytes(&knobs);
    datagrams.iter().fold(program, |p, datagram| p.bytes(&[0]).long(datagram)).0
}

/// Plays the peer.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let flags = input.u8();
    let side = if flags & 1 == 1 { Side::Server } else { Side::Client };
    let knobs = Knobs::read(&mut input);
    let Sessions { blind, .. } = &*SESSIONS;
    let setup = Setup::new(knobs, Crypto::Blind);
    let setup = if flags & 2 != 0 { setup.with_sessions(Crypto::Blind, blind) } else { setup };
    let refuse = flags & 4 != 0;
    let out = &mut *vec![0; 65_536];
    let base = heap::live();
    let mut face = match side {
        Side::Client => setup.client(),
        Side::Server => setup.trusting_server(),
    };
    let mut now = Instant::ZERO;
    rest(&mut face, side, now, refuse, out);
    while !input.is_empty() {
        step(&mut face, &mut now, &mut input);
        rest(&mut face, side, now, refuse, out);
        let (said, live) = (face.connection.heap_bytes(), heap::live() - base);
        assert!(said <= HEAP_SAID, "{said} bytes");
        assert!(live <= HEAP_LIVE, "{live} bytes, of which {said} are said");
    }
    look_at_the_end(&face);
    // Time ends every handshake.
    for _ in 0..1000 {
        let Some(at) = face.poll_timeout() else { break };
        now = now.max(at);
        face.handle_timeout(now);
        rest(&mut face, side, now, refuse, out);
    }
    assert!(face.poll_timeout().is_none(), "timers run for ever");
    let settled = face.is_connected() || face.is_closed();
    assert!(settled, "the handshake is neither complete nor over");
    look_at_the_end(&face);
}

fn step(face: &mut ConnectionFace, now: &mut Instant, input: &mut Input<'_>) {
    let op = input.u8();
    match op {
        0..=0xdf => {
            let mut datagram = input.long().to_vec();
            face.handle_datagram(*now, &mut datagram, &mut |_| {});
        }
        0xe0..=0xe7 => {
            if let Some(at) = face.poll_timeout() {
                *now = (*now).max(at);
                face.handle_timeout(*now);
            }
        }
        0xe8..=0xef => {
            let mut out = [0; 512];
            let text = input.short();
            let sent = face.send(*now, text, &mut out);
            assert!(sent.is_none() || face.is_connected());
            let early = face.connection.send_early(*now, text, &mut out);
            assert!(early.is_err() || !face.is_connected());
        }
        0xf0..=0xf7 => {
            let updated = face.connection.update_keys(*now, op & 1 == 0);
            assert!(updated.is_err() || face.is_connected() || face.is_closed());
        }
        0xf8 => face.connection.close(*now),
        0xf9 => {
            let _ = face.connection.abort(*now, AlertDescription(input.u8()));
        }
        0xfa..=0xfc => {
            let mut out = [0; 64];
            let exported = face.connection.export_keying_material(&mut out, input.short(), None);
            assert!(exported.is_err() || face.connection.info().negotiated.is_some());
        }
        _ => face.connection.set_max_datagram(input.u16().into()),
    }
}

/// Lets the connection send what it has to send, and answers what it asks.
fn rest(face: &mut ConnectionFace, side: Side, now: Instant, refuse: bool, out: &mut [u8]) {
    answer(face, side, now, refuse);
    for sent in 0.. {
        if face.poll_transmit(now, out).is_none() {
            break;
        }
        assert!(sent < 3000, "it sends for ever");
    }
    // What was said is not kept for ever.
    if face.events.len() > 64 && !face.connection.is_closed() {
        face.events.clear();
    }
}
