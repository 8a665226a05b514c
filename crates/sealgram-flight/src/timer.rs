//! The timers: retransmission with its back-off, the delayed ACK, and the ACK that is repeated
//! while the rest of the peer's flight does not come.
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
    /// They are acknowledged again, because nothing has followed them.
    Probe,
}

/// The last retransmission, or the last repeated ACK, had no answer either: the peer is gone.
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

/// The timers, and the back-off that the first two share.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    initial: Duration,
    max: Duration,
    max_retransmits: u32,
    /// Expiries since the last progress: the exponent of the back-off.
    retransmits: u32,
    retransmit: Option<Timer>,
    ack: Option<Timer>,
    probe: Option<Timer>,
    /// Probes since the last progress: the exponent of their own back-off.
    probes: u32,
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
            probe: None,
            probes: 0,
        }
    }

    /// The retransmission timeout as the back-off has made it.
    fn current(&self) -> Duration {
        self.backed_off(self.retransmits)
    }

    fn backed_off(&self, exponent: u32) -> Duration {
        let factor = 1u32.checked_shl(exponent).unwrap_or(u32::MAX);
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
            TimerKind::Probe => self.probe,
        }
        .map(|timer| timer.due())
    }

    pub(crate) fn earliest(&self) -> Option<(Instant, TimerKind)> {
        [TimerKind::Ack, TimerKind::Retransmit, TimerKind::Probe]
            .into_iter()
            .filter_map(|kind| Some((self.due(kind)?, kind)))
            .min_by_key(|(due, _)| *due)
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

    /// Starts the probe's timer, unless it runs.
    pub(crate) fn start_probe(&mut self, now: Instant) {
        if self.probe.is_none() {
            self.probe = Some(Timer { start: now, period: self.backed_off(self.probes) });
        }
    }

    /// Stops the probe's timer: there was progress, or there is nothing to wait for.
    pub(crate) fn reset_probe(&mut self) {
        self.probe = None;
        self.probes = 0;
    }

    /// Whether the probe's timer has expired; if so it is stopped and the next period is twice as
    /// long.
    pub(crate) fn take_expired_probe(&mut self, now: Instant) -> Result<bool, TimedOut> {
        if !self.probe.is_some_and(|timer| timer.is_expired(now)) {
            return Ok(false);
        }
        self.probe = None;
        if self.probes >= self.max_retransmits {
            return Err(TimedOut);
        }
        self.probes = self.probes.saturating_add(1);
        Ok(true)
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
        let probe = self.backed_off(self.probes);
        if let Some(timer) = &mut self.probe {
            timer.period = probe;
        }
        if let Some(timer) = &mut self.retransmit {
            timer.period = current;
        }
        if let Some(timer) = &mut self.ack {
            timer.period = ack_delay;
        }
    }
}
