//! The replay window (RFC 6347 §4.1.2.6, RFC 9147 §4.5.1).

use alloc::boxed::Box;
use alloc::vec;

/// How many sequence numbers a [`ReplayWindow`] remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowSize {
    /// Invariant: a power of two, from 64 to 1024.
    bits: u16,
}

impl WindowSize {
    /// The smallest window: the 64 that RFC 6347 §4.1.2.6 prefers to its minimum of 32.
    pub const MIN: Self = Self { bits: 64 };
    /// The largest: beyond it a reordered record is too late for any application known to us.
    pub const MAX: Self = Self { bits: 1024 };
    /// The default.
    pub const DEFAULT: Self = Self { bits: 128 };

    /// A window of at least `records` numbers, rounded up to a power of two. `None` unless
    /// `records` is from 64 to 1024.
    #[must_use]
    pub const fn new(records: u16) -> Option<Self> {
        if records < Self::MIN.bits || records > Self::MAX.bits {
            return None;
        }
        Some(Self { bits: records.next_power_of_two() })
    }

    /// How many sequence numbers the window remembers.
    #[must_use]
    pub const fn records(self) -> u16 {
        self.bits
    }
}

impl Default for WindowSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Proof that a sequence number was not a replay when it was checked. Consumed by
/// [`ReplayWindow::commit`].
#[derive(Debug)]
#[must_use]
pub struct Fresh(u64);

/// Which sequence numbers of one epoch have been received.
///
/// A ring of bits, one per sequence number modulo the size. Checking changes nothing: a forged
/// record must not move the window.
#[derive(Debug)]
pub struct ReplayWindow {
    /// Invariant: as many 64-bit words as the size needs; their number is a power of two.
    words: Box<[u64]>,
    /// One above the highest number committed; zero before the first.
    next: u64,
}

impl ReplayWindow {
    /// An empty window: everything is fresh.
    #[must_use]
    pub fn new(size: WindowSize) -> Self {
        let words = usize::from(size.bits >> 6).max(1);
        Self { words: vec![0; words].into_boxed_slice(), next: 0 }
    }

    /// One above the highest number received: what the next record most likely has.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.next
    }

    /// Whether `sequence` is neither a replay nor older than the window.
    #[must_use]
    pub fn check(&self, sequence: u64) -> Option<Fresh> {
        let Some(age) = self.next.checked_sub(sequence).and_then(|n| n.checked_sub(1)) else {
            return Some(Fresh(sequence));
        };
        (age < self.size() && !self.bit(sequence)).then_some(Fresh(sequence))
    }

    /// Remembers a number whose record has been authenticated.
    pub fn commit(&mut self, fresh: Fresh) {
        let Fresh(sequence) = fresh;
        if sequence >= self.next {
            // The numbers that enter the window take over the bits of those that leave it. A jump
            // by more than the window replaces all of them.
            let first = self.next.max(sequence.saturating_sub(self.size()));
            for entering in first..sequence {
                self.set(entering, false);
            }
            self.next = sequence.saturating_add(1);
        }
        self.set(sequence, true);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    fn size(&self) -> u64 {
        u64::try_from(self.words.len()).unwrap_or(1).saturating_mul(64)
    }

    /// Which word holds the bit of `sequence`, and its mask there.
    fn place(&self, sequence: u64) -> (usize, u64) {
        let ring = self.size().saturating_sub(1) & sequence;
        (usize::try_from(ring >> 6).unwrap_or_default(), 1 << (ring & 63))
    }

    fn bit(&self, sequence: u64) -> bool {
        let (word, mask) = self.place(sequence);
        self.words.get(word).is_some_and(|word| word & mask != 0)
    }

    fn set(&mut self, sequence: u64, seen: bool) {
        let (word, mask) = self.place(sequence);
        if let Some(word) = self.words.get_mut(word) {
            *word = if seen { *word | mask } else { *word & !mask };
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn window_size_is_bounded_and_rounds_up() {
        assert_eq!(WindowSize::new(63), None);
        assert_eq!(WindowSize::new(1025), None);
        assert_eq!(WindowSize::new(129).unwrap().records(), 256);
        assert_eq!(WindowSize::new(1024), Some(WindowSize::MAX));
    }

    #[test]
    fn check_alone_changes_nothing() {
        let window = ReplayWindow::new(WindowSize::MIN);
        let _ = window.check((1 << 48) - 1).unwrap();
        assert!(window.check(0).is_some());
        assert_eq!(window.expected(), 0);
    }

    fn accept(window: &mut ReplayWindow, sequence: u64) -> bool {
        match window.check(sequence) {
            Some(fresh) => {
                window.commit(fresh);
                true
            }
            None => false,
        }
    }

    #[test]
    fn number_at_the_left_edge_is_accepted_and_the_one_before_is_not() {
        let mut window = ReplayWindow::new(WindowSize::DEFAULT);
        assert!(accept(&mut window, 1000));
        assert!(accept(&mut window, 1000 - 127));
        assert!(!accept(&mut window, 1000 - 128));
    }

    proptest! {
        #[test]
        fn window_agrees_with_a_set_of_all_numbers(
            size in prop::sample::select(&[64_u16, 128, 512, 1024][..]),
            steps in prop::collection::vec((0_u64..3, 0_u64..3000), 1..200),
        ) {
            let mut window = ReplayWindow::new(WindowSize::new(size).unwrap());
            let mut seen = BTreeSet::new();
            let mut near = 0_u64;
            for (kind, offset) in steps {
                let sequence = match kind {
                    0 => near + offset % 3,
                    1 => near.saturating_sub(offset % 1100),
                    _ => near + offset,
                };
                let highest = seen.last().copied();
                let expected = !seen.contains(&sequence)
                    && highest.is_none_or(|h| sequence + u64::from(size) > h);
                prop_assert_eq!(accept(&mut window, sequence), expected);
                if expected {
                    seen.insert(sequence);
                    near = near.max(sequence);
                }
            }
        }
    }
}
