//! Counters and facts of a connection.

use core::time::Duration;

use sealgram_handshake::{Negotiated, Side};
use sealgram_record::Discard;

use crate::Path;

/// What a connection has counted since it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that were handed out to be sent.
    pub datagrams_sent: u64,
    /// Their bytes (UDP payload).
    pub bytes_sent: u64,
    /// Datagrams that were handed in.
    pub datagrams_received: u64,
    /// Their bytes (UDP payload).
    pub bytes_received: u64,
    /// Records that were opened, or read in plaintext.
    pub records_received: u64,
    /// How often a flight, or what was left of it, was sent again.
    pub flights_retransmitted: u64,
    /// Records that were dropped in silence, by reason.
    pub discards: Discards,
}

/// Records that were dropped in silence (RFC 9147 §4.5.2), by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Discards {
    /// Not a record, too long, too short or of an unexpected type or version. An empty datagram
    /// counts here.
    pub malformed: u64,
    /// Seen before, or older than the replay window.
    pub replayed: u64,
    /// Failed authentication.
    pub unauthentic: u64,
    /// Of an epoch whose keys are gone, or had not come when there was no room to wait for them.
    pub unknown_epoch: u64,
    /// Well-formed, but not expected in the state of the connection: a plaintext alert after
    /// protection began, application data before the handshake was complete.
    pub unexpected: u64,
}

impl Discards {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.malformed
            .saturating_add(self.replayed)
            .saturating_add(self.unauthentic)
            .saturating_add(self.unknown_epoch)
            .saturating_add(self.unexpected)
    }

    pub(crate) fn count(&mut self, reason: Discard) {
        let counter = match reason {
            Discard::Replay => &mut self.replayed,
            Discard::Unauthentic | Discard::LimitReached => &mut self.unauthentic,
            Discard::UnknownEpoch | Discard::FutureEpoch => &mut self.unknown_epoch,
            _ => &mut self.malformed,
        };
        *counter = counter.saturating_add(1);
    }

    pub(crate) const fn count_unexpected(&mut self) {
        self.unexpected = self.unexpected.saturating_add(1);
    }
}

/// What is known about a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Info {
    /// Which end we are.
    pub side: Side,
    /// Where datagrams go.
    pub path: Path,
    /// What was negotiated; `None` before the handshake is complete.
    pub negotiated: Option<Negotiated>,
    /// Whether the client had to show that it can receive at its address.
    pub cookie_exchanged: bool,
    /// Whether a HelloRetryRequest (1.3) asked the client for a cookie or a share of another
    /// group, which costs a round trip.
    pub hello_retried: bool,
    /// How long the handshake took, once it is complete.
    pub handshake_time: Option<Duration>,
}
