//! Time as the runner tells it.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use sealgram::Instant;
use sealgram::crypto::WallClock;
use sealgram::pki_types::UnixTime;

/// A clock that moves only when the runner says so. It serves timers and calendar time, so that
/// tickets age with it.
#[derive(Debug)]
pub(crate) struct Clock {
    nanoseconds: AtomicU64,
}

impl Clock {
    /// Any time but zero, so that nothing works by chance.
    const START: Duration = Duration::from_secs(1234);

    pub(crate) fn start() -> Arc<Self> {
        let start = u64::try_from(Self::START.as_nanos()).unwrap_or_default();
        Arc::new(Self { nanoseconds: AtomicU64::new(start) })
    }

    pub(crate) fn advance(&self, nanoseconds: u64) {
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(self.nanoseconds.load(Ordering::Relaxed) / 1000)
    }
}

impl WallClock for Clock {
    fn now(&self) -> UnixTime {
        let since = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        UnixTime::since_unix_epoch(since)
    }
}
