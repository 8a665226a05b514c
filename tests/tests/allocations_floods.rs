//! What floods and failures leave behind, by the allocator's own count.

#![deny(unsafe_code)]

use sealgram::iana::{ContentType, HandshakeType, Version};
use sealgram::{Connection, Endpoint, Handle, Instant, Path, Routed};
use sealgram_testkit::{Face, Rng, Setup};

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
mod counting {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::Cell;
    use std::alloc::System;

    thread_local! {
        static LIVE: Cell<isize> = const { Cell::new(0) };
    }

    /// Counts the bytes that this thread holds.
    pub(crate) struct Counting;

    fn add(bytes: isize) {
        LIVE.set(LIVE.get() + bytes);
    }

    // SAFETY: everything is handed to the system's allocator; counting does not allocate, since
    // the thread-local is initialised statically and has no destructor. No layout is larger than
    // `isize::MAX`.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            add(layout.size().cast_signed());
            // SAFETY: as the caller's.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            add(-layout.size().cast_signed());
            // SAFETY: as the caller's.
            unsafe { System.dealloc(block, layout) }
        }
    }

    pub(crate) fn live() -> isize {
        LIVE.get()
    }
}

use counting::live;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const NOW: Instant = Instant::ZERO;
const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

fn setup(version: Version) -> Setup {
    let mut setup = Setup::new(1);
    setup.versions = vec![version];
    setup
}

fn path(number: u32) -> Path {
    let [a, b, c, d] = number.to_be_bytes();
    Path::to(([10, a, b, c], 1024 + u16::from(d)).into())
}

/// A plaintext record with one handshake fragment.
fn fragment_record(typ: HandshakeType, seq: u16, len: u32, offset: u32, body: &[u8]) -> Vec<u8> {
    let body_len = u16::try_from(body.len()).expect("short");
    let mut record = vec![ContentType::HANDSHAKE.0, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend((body_len + 12).to_be_bytes());
    record.push(typ.0);
    record.extend(&len.to_be_bytes()[1..]);
    record.extend(seq.to_be_bytes());
    record.extend(&offset.to_be_bytes()[1..]);
    record.push(0);
    record.extend(body_len.to_be_bytes());
    record.extend(body);
    record
}

#[test]
fn hellos_from_a_hundred_thousand_addresses_leave_no_byte() {
    for version in VERSIONS {
        let setup = setup(version);
        let mut endpoint = setup.endpoint();
        let (mut hello, mut out) = ([0; 2048], [0; 256]);
        let len = setup.client().poll_transmit(NOW, &mut hello).expect("a hello");
        let before = live();
        for number in 0..100_000 {
            let datagram = &mut hello[..len];
            // The hello's random.
            datagram[27..31].copy_from_slice(&u32::to_be_bytes(number));
            match endpoint.handle_datagram(NOW, path(number), datagram, &mut out) {
                Routed::Reply(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(live(), before, "{version:?}");
    }
}

#[test]
fn hostile_first_fragments_leave_no_byte_beyond_the_pool() {
    let mut endpoint = setup(Version::V12).endpoint();
    let mut rng = Rng::new(1);
    let mut flood = |endpoint: &mut Endpoint, count: u32| {
        for number in 0..count {
            let len = rng.range(1..1100);
            let total = u32::try_from(len + rng.range(1..8000)).expect("short");
            let body = vec![7; len];
            let mut part = fragment_record(HandshakeType::CLIENT_HELLO, 0, total, 0, &body);
            match endpoint.handle_datagram(NOW, path(number), &mut part, &mut []) {
                Routed::Discard(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let empty = live();
    flood(&mut endpoint, 1);
    let pool = live() - empty;
    assert!((0..300_000).contains(&pool));
    flood(&mut endpoint, 100_000);
    assert_eq!(live() - empty, pool);
    // Not before: where output is captured, this thread keeps it.
    println!("the pool takes {pool} bytes, and says {}", endpoint.heap_bytes());
}

/// A client and a server, handshake and all, until both are connected or one is closed.
fn meet(client: &mut Connection, endpoint: &mut Endpoint) -> Option<(Handle, Connection)> {
    let (mut buf, mut out) = ([0; 2048], [0; 256]);
    let mut accepted: Option<(Handle, Connection)> = None;
    for _ in 0..6 {
        while let Some(transmit) = client.poll_transmit(NOW, &mut buf) {
            match endpoint.handle_datagram(NOW, path(1), &mut buf[..transmit.len], &mut out) {
                Routed::Reply(reply) => {
                    let reply = &mut out[..reply.len];
                    client.handle_datagram(NOW, path(1), reply, &mut |_| {});
                }
                Routed::Accept(incoming) => accepted = endpoint.accept(incoming, NOW),
                Routed::Connection(_, datagram) => {
                    let (_, server) = accepted.as_mut().expect("it has a handle");
                    server.handle_datagram(NOW, path(1), datagram, &mut |_| {});
                }
                Routed::Discard(_) => {}
                other => panic!("{other:?}"),
            }
        }
        if let Some((handle, server)) = &mut accepted {
            while let Some(transmit) = server.poll_transmit(NOW, &mut buf) {
                let datagram = &mut buf[..transmit.len];
                client.handle_datagram(NOW, path(1), datagram, &mut |_| {});
            }
            while let Some(event) = server.poll_endpoint_event() {
                endpoint.handle_event(*handle, event);
            }
        }
    }
    accepted
}

#[test]
fn ten_thousand_handshakes_leave_no_byte_whether_they_fail_or_not() {
    for version in VERSIONS {
        for fails in [false, true] {
            let mut setup = setup(version);
            // A server that requires a certificate, and a client that has none.
            setup.client_auth = fails;
            let mut endpoint = setup.endpoint();
            setup.client_auth = false;
            let config = setup.client_config();
            let mut run = |count: usize| {
                for _ in 0..count {
                    let mut client =
                        Connection::client(&config, None, path(1), NOW).expect("a client");
                    let (handle, mut server) = meet(&mut client, &mut endpoint).expect("accepted");
                    assert_eq!(server.is_connected(), !fails);
                    assert_eq!(server.is_closed(), fails);
                    server.close(NOW);
                    while let Some(event) = server.poll_endpoint_event() {
                        endpoint.handle_event(handle, event);
                    }
                    assert_eq!(endpoint.connections(), 0);
                }
            };
            run(10);
            let before = live();
            run(10_000);
            // Sessions that a server or a client keeps on purpose are within a bound of their own.
            assert_eq!(live(), before, "{version:?}, fails: {fails}");
        }
    }
}

/// What a connection says it holds is what it holds, within a little; and no flood makes it more
/// than the bound.
#[test]
fn heap_bytes_tells_the_truth_under_a_flood() {
    let setup = setup(Version::V12);
    let config = setup.client_config();
    let mut client = Connection::client(&config, None, path(1), NOW).expect("a client");
    while client.poll_transmit(NOW, &mut [0; 2048]).is_some() {}
    let (before, said_before) = (live(), client.heap_bytes());
    let mut rng = Rng::new(1);
    let mut highest = 0;
    for _ in 0..100_000 {
        let seq = u16::try_from(rng.range(1..9)).expect("small");
        let offset = u32::try_from(rng.range(0..65_000)).expect("short");
        let body = vec![rng.byte() & 1; *rng.pick(&[0, 1, 2, 20, 500])];
        let mut datagram = fragment_record(HandshakeType::CERTIFICATE, seq, 65_536, offset, &body);
        drop(body);
        let size = datagram.capacity().cast_signed();
        client.handle_datagram(NOW, path(1), &mut datagram, &mut |_| {});
        let held = live() - size - before;
        let said = client.heap_bytes().cast_signed() - said_before.cast_signed();
        assert!((said - held).abs() <= 1024, "holds {held}, says {said}");
        highest = highest.max(held);
    }
    println!("at most {highest} bytes");
    assert!(highest < 400 * 1024 && highest > 10_000);
}
