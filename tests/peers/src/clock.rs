//! What time it is, for all ends in this thread.

use core::cell::Cell;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use sealgram::Instant;
use sealgram::crypto::WallClock;
use sealgram::pki_types::UnixTime;

thread_local! {
    /// Virtual time since the meeting began.
    static NOW: Cell<Instant> = const { Cell::new(Instant::ZERO) };
    /// Calendar time when it began, since 1970.
    static START: Cell<Duration> = Cell::new(
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970")
    );
}

/// It is this late in the meeting.
pub(crate) fn set(now: Instant) {
    NOW.set(now);
}

/// A new meeting begins, so much later than the one before began.
pub(crate) fn begin_after(pause: Duration) {
    START.set(START.get() + pause);
    NOW.set(Instant::ZERO);
}

/// Calendar time, since 1970.
pub(crate) fn calendar() -> Duration {
    START.get() + Duration::from_micros(NOW.get().as_micros())
}

/// Calendar time for sealgram.
#[derive(Debug)]
pub(crate) struct Calendar;

impl WallClock for Calendar {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(calendar())
    }
}
