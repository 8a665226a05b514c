//! What a connection tells its owner and its endpoint.

use alloc::boxed::Box;
use core::fmt;

use sealgram_handshake::{Ask, Connected, Error, ErrorKind, NewSession};
use sealgram_iana::AlertDescription;

/// Something happened that the application should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is complete, the peer is authenticated, and our last flight was handed to
    /// [`poll_transmit`](crate::Connection::poll_transmit): [`send`](crate::Connection::send)
    /// works from now on.
    Connected(Box<Connected>),
    /// The handshake waits for an answer: give it with
    /// [`resolve`](crate::Connection::resolve). The handshake's deadline runs on.
    Needs(AskId, Ask),
    /// What became of the early data that a client has sent or could have
    /// ([`Connection::send_early`](crate::Connection::send_early)); comes before `Connected`.
    EarlyData(EarlyDataOutcome),
    /// A server that asks for sessions
    /// ([`with_asked_sessions`](crate::ServerConfigBuilder::with_asked_sessions)) has a new one to
    /// be kept.
    KeepSession(NewSession),
    /// Our keys were changed: [`update_keys`](crate::Connection::update_keys) is done (1.3).
    KeysUpdated,
    /// 7/8 of what the keys may protect is used, and they cannot be changed: in 1.2, or because 1.3
    /// has no more than 65,532 changes. Connect anew in time.
    KeyLimitNear,
    /// The connection is over. Comes once, and is the last event. An alert may still wait in
    /// [`poll_transmit`](crate::Connection::poll_transmit).
    Closed(Closed),
}

/// What became of a client's early data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EarlyDataOutcome {
    /// The server takes it. Datagrams can still be lost on the way, as any others.
    Accepted,
    /// The server has dropped it unread: send it again, once connected.
    Rejected,
}

impl fmt::Display for EarlyDataOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        })
    }
}

/// Names one [`Ask`], so that a late answer cannot be taken for another one's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId(pub(crate) u64);

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// The alert that was sent, or still waits to be.
    pub alert_sent: Option<AlertDescription>,
    /// The alert that was received.
    pub alert_received: Option<AlertDescription>,
}

/// Why a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`close`](crate::Connection::close) was called.
    Local,
    /// The peer said close_notify, authenticated.
    Peer,
    /// It failed.
    Error(Error),
}

impl CloseReason {
    /// Which of the eight kinds of failure it is; `None` if we closed.
    #[must_use]
    pub const fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Local => None,
            Self::Peer => Some(ErrorKind::RemoteClosed),
            Self::Error(error) => Some(error.kind()),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed"),
            Self::Peer => f.write_str("closed by the peer"),
            Self::Error(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// Something happened that the [`Endpoint`](crate::Endpoint) must know: give it to
/// [`handle_event`](crate::Endpoint::handle_event).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EndpointEvent {
    /// The peer is authenticated: it takes the place of an older connection with its address.
    Established,
    /// The connection is over: datagrams are no longer routed to it.
    Closed,
}

/// Application data, decrypted in place.
#[derive(Debug)]
#[non_exhaustive]
pub struct Data<'d> {
    /// One record's content: exactly what one `send` of the peer was given. May be empty.
    pub bytes: &'d mut [u8],
    /// Whether it is early data: it came before the client has proven that it takes part in this
    /// handshake, without forward secrecy, and from a recording unless the ledger of spent tickets
    /// is right (RFC 8446 §8). Act on it only in ways that may happen twice.
    pub early: bool,
}

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Handled {
    /// Whether at least one of its records was protected and opened. If not, it may belong to
    /// another connection with the same address.
    pub opened: bool,
}

/// When [`handle_timeout`](crate::Connection::handle_timeout) wants to be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeout {
    /// When.
    pub at: crate::Instant,
    /// What for.
    pub what: TimeoutKind,
}

/// What a timeout is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// A flight is sent again.
    Retransmit,
    /// An ACK is due.
    Ack,
    /// The rest of the peer's flight does not come: what came is acknowledged again.
    Probe,
    /// The handshake, or the wait for a peer that seems to have refused it, ends.
    Deadline,
    /// What was kept for a peer that lost our last flight is dropped.
    Cleanup,
}
