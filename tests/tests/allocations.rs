//! Application data costs no allocation, whichever way it goes.

#![deny(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use sealgram::danger::AcceptAnyServer;
use sealgram::iana::{CipherSuite, Version};
use sealgram::pki_types::PrivateKeyDer;
use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Handle, Instant, Path, Routed, ServerConfig,
};

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
mod counting {
    use core::alloc::{GlobalAlloc, Layout};
    use core::sync::atomic::Ordering;
    use std::alloc::System;

    /// Counts every call that may allocate.
    pub(crate) struct Counting;

    // SAFETY: hands everything on to the system's allocator.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            super::ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            // SAFETY: as the caller's.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: as the caller's.
            unsafe { System.dealloc(block, layout) }
        }
    }
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const RECORDS: usize = 10_000;
const NOW: Instant = Instant::ZERO;

fn path() -> Path {
    Path::to("192.0.2.1:5000".parse().unwrap())
}

/// A client, and a server behind its endpoint.
struct Joined {
    client: Connection,
    endpoint: Endpoint,
    handle: Handle,
    server: Connection,
}

fn joined(version: Version, suite: CipherSuite) -> Joined {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_identity(vec![made.cert.der().clone()], &key)
        .with_versions(&[version])
        .with_cipher_suites(&[suite])
        .build()
        .unwrap();
    let algorithms = sealgram::default_provider().signature_algorithms;
    let client = ClientConfig::builder()
        .with_server_verifier(AcceptAnyServer::new(algorithms))
        .with_no_client_auth()
        .with_versions(&[version])
        .with_cipher_suites(&[suite])
        .build()
        .unwrap();
    let mut endpoint = Endpoint::new(EndpointConfig::new(), Some(server)).unwrap();
    let mut client = Connection::client(&client, None, path(), NOW).unwrap();
    let mut accepted: Option<(Handle, Connection)> = None;
    let (mut buf, mut out) = ([0; 2048], [0; 2048]);
    for _ in 0..10 {
        while let Some(transmit) = client.poll_transmit(NOW, &mut buf) {
            match endpoint.handle_datagram(NOW, path(), &mut buf[..transmit.len], &mut out) {
                Routed::Reply(reply) => {
                    client.handle_datagram(NOW, path(), &mut out[..reply.len], &mut |_| {});
                }
                Routed::Accept(incoming) => accepted = endpoint.accept(incoming, NOW),
                Routed::Connection(_, datagram) => {
                    let (_, server) = accepted.as_mut().unwrap();
                    server.handle_datagram(NOW, path(), datagram, &mut |_| {});
                }
                Routed::Discard(_) => {}
                other => panic!("{other:?}"),
            }
        }
        if let Some((_, server)) = &mut accepted {
            while let Some(transmit) = server.poll_transmit(NOW, &mut buf) {
                let datagram = &mut buf[..transmit.len];
                client.handle_datagram(NOW, path(), datagram, &mut |_| {});
            }
        }
    }
    let (handle, mut server) = accepted.unwrap();
    assert!(client.is_connected() && server.is_connected());
    while let Some(event) = server.poll_endpoint_event() {
        endpoint.handle_event(handle, event);
    }
    Joined { client, endpoint, handle, server }
}

/// Sends records each way by both calls and says how many allocations that took.
fn allocations(joined: &mut Joined) -> u64 {
    let plaintext = [0x5a; 1200];
    let (mut buf, mut out) = ([0; 2048], [0; 128]);
    let mut received = 0;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..RECORDS {
        let transmit = joined.client.send(NOW, &plaintext, &mut buf).unwrap();
        let datagram = &mut buf[..transmit.len];
        match joined.endpoint.handle_datagram(NOW, path(), datagram, &mut out) {
            Routed::Connection(handle, datagram) => {
                assert_eq!(handle, joined.handle);
                joined.server.handle_datagram(NOW, path(), datagram, &mut |data| {
                    received += data.bytes.len();
                });
            }
            _ => panic!("not routed"),
        }
        let (front, _) = joined.server.overhead();
        buf[front..][..plaintext.len()].copy_from_slice(&plaintext);
        let range = front..front + plaintext.len();
        let (range, _) = joined.server.send_in_place(NOW, &mut buf, range).unwrap();
        joined.client.handle_datagram(NOW, path(), &mut buf[range], &mut |data| {
            received += data.bytes.len();
        });
    }
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(received, 2 * RECORDS * plaintext.len());
    after - before
}

// One test: another one on its own thread would be counted too.
#[test]
fn ten_thousand_records_each_way_allocate_nothing() {
    let rows = [
        (Version::V12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        (Version::V12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        (Version::V12, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        (Version::V13, CipherSuite::TLS_AES_128_GCM_SHA256),
        (Version::V13, CipherSuite::TLS_AES_256_GCM_SHA384),
        (Version::V13, CipherSuite::TLS_CHACHA20_POLY1305_SHA256),
    ];
    for (version, suite) in rows {
        assert_eq!(allocations(&mut joined(version, suite)), 0, "{suite}");
    }
    let counted = ALLOCATIONS.load(Ordering::Relaxed);
    drop(Arc::new([0_u8; 64]));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > counted, "the counter counts nothing");
}
