//! Numbers that look random and are not.

use core::sync::atomic::{AtomicU64, Ordering};

use sealgram_crypto::{CryptoError, SecureRandom};

use crate::mix::scramble;

/// A generator with a seed. Shared freely, but only one thread at a time gives the same bytes in
/// every run.
#[derive(Debug)]
pub struct Random(AtomicU64);

impl Random {
    /// A generator with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(scramble(seed)))
    }

    /// Starts again with this seed.
    pub fn reset(&self, seed: u64) {
        self.0.store(scramble(seed), Ordering::Relaxed);
    }
}

impl SecureRandom for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        for chunk in out.chunks_mut(8) {
            let number = scramble(self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed));
            for (to, from) in chunk.iter_mut().zip(number.to_le_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}

impl SecureRandom for &'static Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        (**self).fill(out)
    }
}
