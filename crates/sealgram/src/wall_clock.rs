//! Calendar time from the operating system.

use pki_types::UnixTime;
use sealgram_crypto::WallClock;

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::now()
    }
}
