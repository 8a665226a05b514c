//! The driver's clock: monotonic, and zero when it was made.

use sealgram::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO.saturating_add(self.0.elapsed())
    }
}
