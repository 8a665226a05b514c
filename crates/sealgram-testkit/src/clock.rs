//! Calendar time that stands still.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use sealgram::crypto::WallClock;
use sealgram::pki_types::UnixTime;

/// A wall clock that moves only when it is told to, so that cookies are the same in every run.
#[derive(Debug)]
pub struct StoppedClock(AtomicU64);

impl StoppedClock {
    /// A clock that shows `seconds` since 1970.
    #[must_use]
    pub const fn at(seconds: u64) -> Self {
        Self(AtomicU64::new(seconds))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl WallClock for StoppedClock {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }
}
