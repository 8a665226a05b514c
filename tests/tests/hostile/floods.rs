//! What floods cost: never more memory than a constant.

use core::net::SocketAddr;
use core::time::Duration;

use sealgram::iana::{ContentType, HandshakeType, Version};
use sealgram::{CloseReason, Error, Instant, Path, PeerMisbehaved, Routed, Side};
use sealgram_testkit::{Ended, Rng};

use crate::mutate::{fragment, record};
use crate::states::{Joined, Reference, finish, setup};

/// Without optimisation everything takes ten times as long.
const FLOOD: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// The most that one connection may hold on the heap while its peer is unproven or hostile: two
/// directions of reassembly (the message that is next and those after it, 64 KiB each, vectors
/// grown by doubling, with the bookkeeping of their pieces), and 16 KiB of parked records.
const CONNECTION_BOUND: usize = 400 * 1024;

fn heap(pair: &Joined, side: Side) -> usize {
    match side {
        Side::Client => pair.client.connection.heap_bytes(),
        Side::Server => pair.server.latest().expect("accepted").connection.heap_bytes(),
    }
}

/// A client that waits for the server's flight, and a server that waits for the client's.
fn waiting(side: Side) -> Joined {
    let reference = Reference::new(Version::V12, 1, None);
    let arrivals = match side {
        Side::Client => 2,
        Side::Server => 3,
    };
    let pair = reference.advance(arrivals);
    assert!(reference.state(arrivals, side).plaintext_handshake);
    pair
}

#[test]
fn claimed_length_of_sixteen_megabytes_is_refused_before_it_costs_anything() {
    for side in [Side::Client, Side::Server] {
        let mut pair = waiting(side);
        let before = heap(&pair, side);
        for seq in 1..17 {
            let payload = fragment(HandshakeType::CERTIFICATE.0, seq, 0xff_ffff, 0, &[0; 100]);
            pair.inject(side, &record(ContentType::HANDSHAKE.0, 0, 100, &payload));
            assert!(heap(&pair, side) < before + 1024, "{} > {before}", heap(&pair, side));
        }
        let closed = match side {
            Side::Client => pair.client.closed(),
            Side::Server => pair.server.closed(),
        };
        let too_long = Error::PeerMisbehaved(PeerMisbehaved::MessageTooLong);
        assert_eq!(closed.expect("closed").reason, CloseReason::Error(too_long));
    }
}

#[test]
fn memory_for_fragments_is_proportional_to_what_was_received() {
    for side in [Side::Client, Side::Server] {
        let mut pair = waiting(side);
        let before = heap(&pair, side);
        // As long as is allowed, for every message that is kept, and beyond.
        for seq in 1..17 {
            let payload = fragment(HandshakeType::CERTIFICATE.0, seq, 65_536, 7, &[0; 10]);
            pair.inject(side, &record(ContentType::HANDSHAKE.0, 0, 100, &payload));
        }
        let grown = heap(&pair, side) - before;
        println!("{side:?}: 16 fragments of 10 bytes of messages of 65,536 cost {grown} bytes");
        assert!(grown < 4096 && grown > 0);
    }
}

#[test]
fn fragment_floods_stay_within_the_bound() {
    for side in [Side::Client, Side::Server] {
        let mut pair = waiting(side);
        let mut rng = Rng::new(1);
        let mut highest = 0;
        for number in 0..FLOOD {
            let seq = u16::try_from(rng.range(2..12)).expect("small");
            let offset = u32::try_from(rng.range(0..65_000)).expect("short");
            // Empty, tiny, overlapping, contradicting each other.
            let len = *rng.pick(&[0, 1, 1, 2, 20, 500]);
            let body = vec![rng.byte() & 1; len];
            let payload = fragment(HandshakeType::CERTIFICATE.0, seq, 65_536, offset, &body);
            let sequence = u64::try_from(number).expect("few");
            pair.inject(side, &record(ContentType::HANDSHAKE.0, 0, sequence, &payload));
            highest = highest.max(heap(&pair, side));
        }
        println!("{side:?}: {FLOOD} fragments, at most {highest} bytes");
        assert!(highest <= CONNECTION_BOUND, "{highest}");
        assert!(!pair.face(side).is_closed() && pair.drain() == 0);
    }
}

#[test]
fn future_epoch_floods_stay_within_the_bound_and_the_handshake_goes_on() {
    for version in [Version::V12, Version::V13] {
        let reference = Reference::new(version, 1, None);
        for arrivals in 0..reference.states() - 1 {
            for side in [Side::Client, Side::Server] {
                let state = reference.state(arrivals, side);
                if side == Side::Server && !state.accepted {
                    continue;
                }
                let mut pair = reference.advance(arrivals);
                let before = heap(&pair, side);
                let mut rng = Rng::new(1);
                let mut highest = 0;
                let count = if arrivals == 3 { 100_000 } else { FLOOD / 10 };
                for number in 0..count {
                    let len = *rng.pick(&[1, 30, 1000]);
                    let sequence = u64::try_from(number).expect("few");
                    let flood = match version {
                        Version::V12 => record(22, 1, sequence, &vec![1; len]),
                        Version::V13 => {
                            let len = u16::try_from(len).expect("short");
                            let header = [0x2c | rng.byte() & 3, rng.byte(), rng.byte()];
                            let body = vec![5; usize::from(len)];
                            [&header[..], &len.to_be_bytes(), &body].concat()
                        }
                    };
                    pair.inject(side, &flood);
                    highest = highest.max(heap(&pair, side));
                }
                assert!(highest <= before + 20 * 1024, "{highest} - {before}");
                let what = || format!("{version:?} {side:?} after {arrivals}");
                assert!(finish(&mut pair, &what), "{}", what());
                pair.run_for(Duration::from_secs(300));
                assert!(heap(&pair, side) < 4096, "{} when settled", heap(&pair, side));
            }
        }
    }
}

/// How many clients say hello and nothing else.
const ADDRESSES: usize = 100_000;

fn address(number: usize) -> SocketAddr {
    let number = u32::try_from(number).expect("few");
    let [a, b, c, d] = number.to_be_bytes();
    SocketAddr::from(([10, a, b, c], 1024 + u16::from(d)))
}

#[test]
fn hello_floods_leave_nothing_behind() {
    for version in [Version::V12, Version::V13] {
        let mut pair = setup(version, 1).pair();
        pair.drain();
        let hello = pair.trace()[0].bytes.clone();
        let endpoint = &mut pair.server.endpoint;
        let before = endpoint.heap_bytes();
        for number in 0..ADDRESSES {
            let mut datagram = hello.clone();
            let mut out = [0; 256];
            // The hello's random, so that each is another one.
            datagram[27..31].copy_from_slice(&u32::try_from(number).expect("few").to_be_bytes());
            let path = Path::to(address(number));
            match endpoint.handle_datagram(Instant::ZERO, path, &mut datagram, &mut out) {
                Routed::Reply(reply) => assert!(reply.len <= hello.len()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((endpoint.heap_bytes(), endpoint.connections()), (before, 0));
        assert_eq!(endpoint.stats().replies, u64::try_from(ADDRESSES).expect("few"));
        pair.run_until_settled();
        assert!(pair.is_connected());
    }
}

/// The first fragment of a hello that never goes on, of any kind.
fn hostile_part(rng: &mut Rng) -> Vec<u8> {
    let len = rng.range(1..1100);
    let total = u32::try_from(len + rng.range(1..8000)).expect("short");
    let body = vec![rng.byte(); len];
    let offset = if rng.chance(80) { 0 } else { rng.range(0..100) };
    let offset = u32::try_from(offset).expect("short");
    let seq = u16::from(rng.byte());
    let payload = fragment(HandshakeType::CLIENT_HELLO.0, seq, total, offset, &body);
    record(ContentType::HANDSHAKE.0, 0, 0, &payload)
}

#[test]
fn honest_client_with_a_long_hello_gets_in_through_a_flood_of_first_fragments() {
    for version in [Version::V12, Version::V13] {
        let mut setup = setup(version, 1);
        setup.alpn_bytes = 3000;
        setup.max_datagram = Some(600);
        let mut pair = setup.pair();
        let mut rng = Rng::new(9);
        let mut flood = |pair: &mut Joined, count: usize| {
            let mut out = [0; 256];
            for _ in 0..count {
                let path = Path::to(address(rng.range(0..1 << 20)));
                let mut part = hostile_part(&mut rng);
                let endpoint = &mut pair.server.endpoint;
                match endpoint.handle_datagram(Instant::ZERO, path, &mut part, &mut out) {
                    Routed::Discard(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        flood(&mut pair, 1);
        let heap = pair.server.endpoint.heap_bytes();
        println!("the pool takes {heap} bytes");
        assert!(heap < 300 * 1024);
        flood(&mut pair, FLOOD);
        assert_eq!(pair.server.endpoint.heap_bytes(), heap);
        pair.drain();
        assert!(pair.trace().len() > 5, "the hello takes several datagrams");
        // Five for one, all the time.
        while !pair.is_connected() {
            flood(&mut pair, 5);
            assert_eq!(pair.step(Instant::from_micros(1_000_000)), Ended::Done);
        }
        assert!(pair.now() < Instant::from_micros(100_000), "{:?}", pair.now());
        assert!(pair.data_flows());
    }
}
