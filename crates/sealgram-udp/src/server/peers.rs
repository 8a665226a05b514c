//! The connections of a server.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sealgram::{Closed, Connection};

use super::{Ended, PeerId};

/// A connection and where its peer is.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) addr: SocketAddr,
    pub(super) connection: Connection,
}

impl Peer {
    pub(super) fn into_ended(self, closed: Option<Closed>) -> Box<Ended> {
        let Self { addr, connection } = self;
        let (info, stats) = (connection.info().clone(), connection.stats());
        Box::new(Ended { addr, closed, info, stats })
    }
}

/// All connections, and which of them are still in their handshake.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: BTreeMap<PeerId, Peer>,
    /// Oldest first: identifiers count upwards.
    handshaking: BTreeSet<PeerId>,
    /// The handshake at an address: there is at most one.
    by_address: HashMap<SocketAddr, PeerId>,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.all.keys().copied()
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Peer> {
        self.all.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: PeerId) -> Option<&mut Peer> {
        self.all.get_mut(&peer)
    }

    pub(super) fn handshaking_at(&self, address: SocketAddr) -> Option<PeerId> {
        self.by_address.get(&address).copied()
    }

    pub(super) fn oldest_handshake(&self) -> Option<PeerId> {
        self.handshaking.first().copied()
    }

    /// A new handshake.
    pub(super) fn insert(&mut self, peer: PeerId, entry: Peer) {
        self.handshaking.insert(peer);
        self.by_address.insert(entry.addr, peer);
        self.all.insert(peer, entry);
    }

    /// The handshake is complete. Says where the peer is.
    pub(super) fn establish(&mut self, peer: PeerId) -> Option<SocketAddr> {
        let addr = self.all.get(&peer)?.addr;
        self.end_handshake(peer, addr);
        Some(addr)
    }

    pub(super) fn remove(&mut self, peer: PeerId) -> Option<Peer> {
        let entry = self.all.remove(&peer)?;
        self.end_handshake(peer, entry.addr);
        Some(entry)
    }

    fn end_handshake(&mut self, peer: PeerId, addr: SocketAddr) {
        if self.handshaking.remove(&peer) && self.by_address.get(&addr) == Some(&peer) {
            self.by_address.remove(&addr);
        }
    }
}
