//! The two timers: retransmission with its back-off, and the delayed ACK.
//!
//! ```text
//!   everything sent --> running --expired--> resend, period x 2 --> running ... --> TimedOut
//!                          |
//!                          +-- answered or acknowledged: stopped, period back to the initial one
//! ```

use core::fmt;
use core::time::Duration;

use sealgram_wire::Instant;

use crate::FlightConfig;

/// Which timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerKind {
    /// What was sent and not acknowledged is sent again.
    Retransmit,
    /// Received records are acknowledged (RFC 9147 §7.1).
    Ack,
}

/// The last retransmission had no answer either: the peer is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer answered none of the retransmissions")
    }
}

impl core::error::Error for TimedOut {}

/// How much too early a timer may be handled. Sockets and event loops round their timeouts, some
/// down: without this, an early wake-up would only wait again.
const EARLY: Duration = Duration::from_millis(10);

#[allow(clippy::arithmetic_side_effects, reason = "adding to an Instant saturates")]
fn after(start: Instant, duration: Duration) -> Instant {
    start + duration
}

/// A running timer. The start is kept so that a new period can be put in.
#[derive(Clone, Copy, Debug)]
struct Timer {
    start: Instant,
    period: Duration,
}

impl Timer {
    fn due(&self) -> Instant {
        after(self.start, self.period)
    }

    fn is_expired(&self, now: Instant) -> bool {
        // A quarter of the period: a timer of a few milliseconds must not be due from its start.
        let early = EARLY.min(self.period.checked_div(4).unwrap_or_default());
        after(now, early) >= self.due()
    }
}

/// Both timers and the back-off that they share.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    initial: Duration,
    max: Duration,
    max_retransmits: u32,
    /// Expiries since the last progress: the exponent of the back-off.
    retransmits: u32,
    retransmit: Option<Timer>,
    ack: Option<Timer>,
}

impl Timers {
    pub(crate) fn new(config: &FlightConfig) -> Self {
        Self {
            initial: config.initial_timeout,
            max: config.max_timeout,
            max_retransmits: config.max_retransmits,
            retransmits: 0,
            retransmit: None,
            ack: None,
        }
    }

    /// The retransmission timeout as the back-off has made it.
    fn current(&self) -> Duration {
        let factor = 1u32.checked_shl(self.retransmits).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max)
    }

    /// RFC 9147 §7.1: a quarter of the current retransmission timeout.
    fn ack_delay(&self) -> Duration {
        self.current().checked_div(4).unwrap_or_default()
    }

    pub(crate) fn retransmits(&self) -> u32 {
        self.retransmits
    }

    pub(crate) fn due(&self, kind: TimerKind) -> Option<Instant> {
        match kind {
            TimerKind::Retransmit => self.retransmit,
            TimerKind::Ack => self.ack,
        }
        .map(|timer| timer.due())
    }

    pub(crate) fn earliest(&self) -> Option<(Instant, TimerKind)> {
        let retransmit = self.due(TimerKind::Retransmit).map(|at| (at, TimerKind::Retransmit));
        let ack = self.due(TimerKind::Ack).map(|at| (at, TimerKind::Ack));
        match (ack, retransmit) {
            (Some(ack), Some(retransmit)) if retransmit.0 < ack.0 => Some(retransmit),
            (Some(ack), _) => Some(ack),
            (None, retransmit) => retransmit,
        }
    }

    /// Starts the retransmission timer, unless it runs: a message that is sent while others wait
    /// for their answer must not postpone them.
    pub(crate) fn start_retransmit(&mut self, now: Instant) {
        if self.retransmit.is_none() {
            self.retransmit = Some(Timer { start: now, period: self.current() });
        }
    }

    /// Stops the retransmission timer and keeps the back-off: a resend is under way.
    pub(crate) fn suspend_retransmit(&mut self) {
        self.retransmit = None;
    }

    /// Stops the retransmission timer: there was progress, so the back-off begins anew.
    pub(crate) fn reset_retransmit(&mut self) {
        self.retransmit = None;
        self.retransmits = 0;
    }

    /// Starts the ACK timer, unless it runs: the delay counts from the first record.
    pub(crate) fn start_ack(&mut self, now: Instant) {
        if self.ack.is_none() {
            self.ack = Some(Timer { start: now, period: self.ack_delay() });
        }
    }

    pub(crate) fn stop_ack(&mut self) {
        self.ack = None;
    }

    /// Whether the ACK timer has expired; stops it if so.
    pub(crate) fn take_expired_ack(&mut self, now: Instant) -> bool {
        let expired = self.ack.is_some_and(|timer| timer.is_expired(now));
        if expired {
            self.ack = None;
        }
        expired
    }

    /// Whether the retransmission timer has expired; if so it is stopped and the next period is
    /// twice as long.
    pub(crate) fn take_expired_retransmit(&mut self, now: Instant) -> Result<bool, TimedOut> {
        if !self.retransmit.is_some_and(|timer| timer.is_expired(now)) {
            return Ok(false);
        }
        self.retransmit = None;
        if self.retransmits >= self.max_retransmits {
            return Err(TimedOut);
        }
        self.retransmits = self.retransmits.saturating_add(1);
        Ok(true)
    }

    /// A new initial timeout. Running timers keep their start and their back-off, so one can be
    /// due at once.
    pub(crate) fn set_initial(&mut self, initial: Duration) {
        self.initial = initial;
        let (current, ack_delay) = (self.current(), self.ack_delay());
        if let Some(timer) = &mut self.retransmit {
            timer.period = current;
        }
        if let Some(timer) = &mut self.ack {
            timer.period = ack_delay;
        }
    }
}
