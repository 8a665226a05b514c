//! What a server is told, and what it tells.

use core::net::SocketAddr;

use sealgram::{Ask, AskId, Closed, Connected, EndpointStats, Handle, Info, NewSession, Stats};

/// Names a connection of a server. Never used twice by the same server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub(super) Handle);

/// What a [`Server`](super::Server) does beyond its configurations.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    pub(super) max_connections: usize,
    pub(super) mtu: Option<usize>,
}

impl ServerOptions {
    /// 10,000 connections, and an MTU that nobody has told.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_connections: 10_000, mtu: None }
    }

    /// How many connections there may be at a time, handshakes included; at least one.
    ///
    /// When all places are taken, a new peer gets the one of the oldest unfinished handshake; if
    /// all are established, it is turned away. So nobody can keep others out with handshakes that
    /// never end.
    #[must_use]
    pub const fn with_max_connections(mut self, count: usize) -> Self {
        self.max_connections = if count == 0 { 1 } else { count };
        self
    }

    /// The path's MTU, in bytes with the headers of IP and UDP. Handshake datagrams keep to it;
    /// application data is sent as it is given.
    #[must_use]
    pub const fn with_mtu(mut self, bytes: usize) -> Self {
        self.mtu = Some(bytes);
        self
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`Server::step`](super::Server::step) has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A peer's handshake is complete: [`Server::send`](super::Server::send) works.
    Connected {
        /// The connection.
        peer: PeerId,
        /// Where the peer is.
        addr: SocketAddr,
        /// What was settled, and who it is.
        connected: Box<Connected>,
    },
    /// A handshake waits for an answer: give it with [`Server::resolve`](super::Server::resolve).
    Needs {
        /// The connection.
        peer: PeerId,
        /// Which question it is.
        ask: AskId,
        /// The question.
        what: Ask,
    },
    /// A datagram is in the buffer.
    Data {
        /// From whom.
        peer: PeerId,
        /// Its length in bytes.
        len: usize,
        /// Whether it is early data: it may be a replay, and comes before `Connected`. See
        /// [`Data::early`](sealgram::Data::early).
        early: bool,
    },
    /// A new session is to be kept, by whoever answers [`Ask::Session`].
    KeepSession {
        /// The connection.
        peer: PeerId,
        /// The session.
        session: NewSession,
    },
    /// The keys of a connection are almost used up.
    KeyLimitNear {
        /// The connection.
        peer: PeerId,
    },
    /// A connection is over, or a handshake has failed. It is the connection's last event.
    Closed {
        /// The connection.
        peer: PeerId,
        /// How it ended, and what is left to know about it.
        ended: Box<Ended>,
    },
    /// The peer has connected anew from the same address, and has shown that it is allowed to.
    /// It is the old connection's last event.
    Replaced {
        /// The old connection.
        peer: PeerId,
        /// The new one.
        by: PeerId,
        /// What is left to know about the old one.
        ended: Box<Ended>,
    },
}

/// What is left of a connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// Where the peer was.
    pub addr: SocketAddr,
    /// How it ended; `None` if nobody has said goodbye because a new connection took its place.
    pub closed: Option<Closed>,
    /// What was known about it.
    pub info: Info,
    /// What it had counted.
    pub stats: Stats,
}

/// What a server has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ServerStats {
    /// What the endpoint has counted.
    pub endpoint: EndpointStats,
    /// Peers that were turned away because all places were taken.
    pub turned_away: u64,
    /// Unfinished handshakes that had to make room.
    pub evicted: u64,
    /// Datagrams that are not DTLS (RFC 7983).
    pub not_dtls: u64,
    /// Datagrams that the system would not send.
    pub unsent: u64,
}
