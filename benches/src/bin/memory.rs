//! Counts the heap of connections, and of peers that have not shown their address.
//!
//! ```text
//! cargo run --release -p sealgram-benches --bin memory
//! ```
//!
//! *Fresh*: the handshake is complete and the application has taken the events, with the peer's
//! chain. *Settled*: five minutes later, when everything is acknowledged and nothing has to be kept
//! for a peer that lost our last flight. *Handshake*: the most that both sides together held during
//! one handshake. Bytes as they were asked for, with what *ring* keeps behind its keys; without the
//! `Connection` itself, which lies wherever its owner puts it, and without the configurations, which
//! all connections share.
//!
//! Fails if an endpoint keeps a byte for a peer that has not returned its cookie.
#![forbid(unsafe_code)]

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use sealgram::iana::{NamedGroup, Version};
use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Instant, Path, Routed, ServerConfig,
};
use sealgram_benches::{Counting, Forgetful, Heap, Joined, Parties, Suite, VERSIONS};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Connections that are counted at once.
const CONNECTIONS: usize = 100;

/// Peers without a cookie.
const UNPROVEN: u32 = 10_000;

fn configs(
    parties: &Parties,
    version: Version,
    suite: Suite,
    group: NamedGroup,
) -> (ClientConfig, ServerConfig) {
    let client = parties.client(version, suite, group, Some(Arc::new(Forgetful)));
    (client, parties.server(version, suite, true))
}

/// Drops everything, and says how many bytes and blocks each had.
fn weigh<T>(all: Vec<T>) -> (usize, usize) {
    let (count, list) = (all.len(), all.capacity() * size_of::<T>());
    let before = Heap::now();
    drop(all);
    let after = Heap::now();
    ((before.bytes - after.bytes - list) / count, (before.blocks - after.blocks) / count)
}

/// What the clients and the servers have, each on average.
fn weigh_both(all: Vec<Joined>) -> [(usize, usize); 2] {
    let (clients, servers): (Vec<Connection>, Vec<Connection>) =
        all.into_iter().map(|joined| (joined.client, joined.server)).unzip();
    [weigh(clients), weigh(servers)]
}

fn connections(parties: &Parties, version: Version, suite: Suite) {
    let (client, server) = configs(parties, version, suite, NamedGroup::X25519);
    let start = Heap::now();
    Heap::reset_peak();
    let first = Joined::new(&client, &server);
    let peak = Heap::now().peak - start.bytes;
    drop(first);

    let make =
        || -> Vec<Joined> { (0..CONNECTIONS).map(|_| Joined::new(&client, &server)).collect() };
    let fresh = weigh_both(make());
    let mut settled = make();
    for joined in &mut settled {
        joined.run_until(Instant::ZERO + Duration::from_secs(300));
        assert!(joined.client.poll_timeout().is_none() && joined.server.poll_timeout().is_none());
    }
    let settled = weigh_both(settled);
    for (side, fresh, settled) in
        [("client", fresh[0], settled[0]), ("server", fresh[1], settled[1])]
    {
        println!(
            "| {version:?} | {suite} | {side} | {} in {} | {} in {} | {peak} |",
            fresh.0, fresh.1, settled.0, settled.1
        );
    }
}

fn unproven(parties: &Parties, version: Version, group: NamedGroup, what: &str) {
    let (client, server) = configs(parties, version, Suite::Aes128Gcm, group);
    let endpoint = Endpoint::new(EndpointConfig::new(), Some(server));
    let mut endpoint = endpoint.expect("an endpoint");
    let (mut buf, mut out) = ([0; 2048], [0; 256]);
    let (mut most, mut replies) = (0, 0);
    // One more in front: parts of hellos are put together in a pool of fixed size that all peers
    // share, and the first part makes it.
    let mut pool = 0;
    for peer in 0..=UNPROVEN {
        let [_, b, c, d] = peer.to_be_bytes();
        let path = Path::to(SocketAddr::from(([10, b, c, d], 5000)));
        let name = Some(Parties::name());
        let mut client =
            Connection::client(&client, name, Path::connected(), Instant::ZERO).expect("a client");
        // Only the first datagram of a hello of two: the rest never comes.
        let sent = client.poll_transmit(Instant::ZERO, &mut buf).expect("a hello");
        let before = Heap::now().bytes;
        let routed = endpoint.handle_datagram(Instant::ZERO, path, &mut buf[..sent.len], &mut out);
        let replied = matches!(routed, Routed::Reply(_));
        let kept = Heap::now().bytes.saturating_sub(before);
        if peer == 0 {
            pool = kept;
        } else {
            replies += usize::from(replied);
            most = most.max(kept);
        }
    }
    println!("| {version:?} | {what} | {UNPROVEN} | {replies} | {most} | {pool} |");
    assert_eq!(most, 0, "bytes are kept for a peer without a cookie");
}

fn main() {
    let parties = Parties::new();
    println!("A Connection is {} bytes.\n", size_of::<Connection>());
    println!("| version | suite | side | fresh | settled | handshake, both sides |");
    println!("|---|---|---|--:|--:|--:|");
    for version in VERSIONS {
        for suite in Suite::ALL {
            connections(&parties, version, suite);
        }
    }
    println!(
        "\n| version | from each unproven peer | peers | replies | most kept for one | pool |"
    );
    println!("|---|---|--:|--:|--:|--:|");
    for version in VERSIONS {
        unproven(&parties, version, NamedGroup::X25519, "a hello");
    }
    let hybrid = NamedGroup::X25519_MLKEM768;
    unproven(&parties, Version::V13, hybrid, "the first part of a hello");
}
