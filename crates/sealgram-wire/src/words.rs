//! The words that all layers share: time, phases, and the numbers of messages and records.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: microseconds since a zero of the driver's choosing.
///
/// Only differences matter, and only timers use it; calendar time is `WallClock`'s. The core
/// never reads a clock: every call that needs the time is given it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The driver's zero.
    pub const ZERO: Self = Self(0);

    /// The instant `micros` microseconds after the driver's zero.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the driver's zero.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The instant `duration` later, or the end of time (584,000 years) if that is earlier.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// The time from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// As [`Instant::saturating_add`].
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// As [`Instant::saturating_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_micros(self.0))
    }
}

/// Which keys protect a message: the epoch, named by its meaning.
///
/// A phase travels with every message and every fragment, so that a plaintext fragment can never
/// become part of an encrypted message and no message straddles a key change (RFC 9147 §6.1).
/// The numbers that the wire gives to phases are data of the record layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// No keys: epoch 0 of both versions.
    Plaintext,
    /// 0-RTT data: epoch 1 of 1.3.
    EarlyData,
    /// The encrypted handshake: epoch 2 of 1.3.
    Handshake,
    /// Application data and post-handshake messages. 1.2 knows only `Application(0)` (epoch 1);
    /// in 1.3 each KeyUpdate raises the number (epoch 3 and up).
    Application(u16),
}

impl Phase {
    /// Whether records of this phase are unauthenticated.
    #[must_use]
    pub const fn is_plaintext(self) -> bool {
        matches!(self, Self::Plaintext)
    }
}

/// What a message that is sent belongs to, which decides what acknowledges it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Group {
    /// Part of a flight that the peer answers: acknowledged by ACKs, or by the first new fragment
    /// of the reply (RFC 9147 §7.1).
    Flight,
    /// Part of the last flight of a handshake: no reply follows, so only ACKs acknowledge it
    /// (in 1.2 nothing does, and it is sent again when the peer repeats its own).
    LastFlight,
    /// A NewSessionTicket after the handshake.
    Ticket,
    /// A KeyUpdate.
    KeyUpdate,
    /// A NewConnectionId.
    NewConnectionId,
    /// A RequestConnectionId.
    RequestConnectionId,
}

/// `message_seq`: the number of a handshake message (RFC 9147 §5.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MessageSeq(pub u16);

impl MessageSeq {
    /// The next number, or `None` after 65,535: message numbers never wrap (RFC 9147 §5.2).
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

/// A record's epoch and sequence number, ordered as the records of one direction are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RecordNumber {
    epoch: u16,
    /// Invariant: at most [`RecordNumber::MAX_SEQUENCE`].
    sequence: u64,
}

impl RecordNumber {
    /// The largest sequence number: 2^48 - 1 (RFC 6347 §4.1, RFC 9147 §4.2.1).
    pub const MAX_SEQUENCE: u64 = (1 << 48) - 1;

    /// The record `sequence` of `epoch`, or `None` if `sequence` does not fit in 48 bits.
    #[must_use]
    pub const fn new(epoch: u16, sequence: u64) -> Option<Self> {
        if sequence <= Self::MAX_SEQUENCE { Some(Self { epoch, sequence }) } else { None }
    }

    /// The epoch. The counter: a 1.3 header carries only its two low bits.
    #[must_use]
    pub const fn epoch(self) -> u16 {
        self.epoch
    }

    /// The sequence number, at most [`RecordNumber::MAX_SEQUENCE`].
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.sequence
    }

    /// Epoch and sequence number as the eight bytes of the 1.2 header.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        (((self.epoch as u64) << 48) | self.sequence).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_saturates_at_both_ends() {
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(Instant::ZERO - end, Duration::ZERO);
    }

    #[test]
    fn record_number_refuses_49_bits() {
        assert!(RecordNumber::new(1, 1 << 48).is_none());
        let number = RecordNumber::new(1, 0x0102_0304_0506).unwrap();
        assert_eq!(number.to_bytes(), [0, 1, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn message_seq_does_not_wrap() {
        assert_eq!(MessageSeq(65_535).next(), None);
    }
}
