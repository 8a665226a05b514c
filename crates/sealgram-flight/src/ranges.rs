//! A set of byte positions, kept as ranges: which bytes of an outgoing message are acknowledged.

use alloc::vec::Vec;

/// A set of byte positions.
///
/// Invariant: the ranges are half-open, not empty, sorted, and neither overlap nor touch.
///
/// Bound: each range needs a record of ours that was acknowledged between two that were not, so
/// there are at most half as many as a message has fragments.
#[derive(Clone, Default, Debug)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Adds `start..end`. Whether anything was new.
    pub(crate) fn add(&mut self, mut start: u32, mut end: u32) -> bool {
        if start >= end {
            return false;
        }
        let from = self.0.partition_point(|range| range.1 < start);
        let to = self.0.partition_point(|range| range.0 <= end);
        if let Some(touched) = self.0.get(from..to) {
            if let [only] = touched {
                if only.0 <= start && end <= only.1 {
                    return false;
                }
            }
            start = touched.first().map_or(start, |range| range.0.min(start));
            end = touched.last().map_or(end, |range| range.1.max(end));
        }
        self.0.splice(from..to, [(start, end)]);
        true
    }

    /// The first range at or after `from` and before `end` that is not in the set.
    pub(crate) fn first_gap(&self, mut from: u32, end: u32) -> Option<(u32, u32)> {
        for range in &self.0 {
            if from < range.0 {
                return (from < end).then(|| (from, range.0.min(end)));
            }
            from = from.max(range.1);
        }
        (from < end).then_some((from, end))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<(u32, u32)>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_name_their_gaps() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.first_gap(0, 10), Some((0, 10)));
        assert!(ranges.add(2, 4) && ranges.add(6, 8));
        assert_eq!(ranges.first_gap(0, 10), Some((0, 2)));
        assert_eq!(ranges.first_gap(2, 10), Some((4, 6)));
        assert_eq!(ranges.first_gap(7, 10), Some((8, 10)));
        assert_eq!(ranges.first_gap(5, 5), None);
        assert!(ranges.heap_bytes() >= 2 * size_of::<(u32, u32)>());
        assert!(!ranges.add(2, 4) && !ranges.add(3, 3));
        assert!(ranges.add(4, 6));
        assert_eq!(ranges.0, [(2, 8)]);
        assert!(ranges.add(0, 12));
        assert_eq!(ranges.first_gap(0, 12), None);
    }
}
