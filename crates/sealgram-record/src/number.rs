//! Sequence numbers that were cut to their low bits.

use sealgram_wire::RecordNumber;

/// How much of a sequence number a 1.3 header carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Low {
    U8(u8),
    U16(u16),
}

impl Low {
    /// Takes the leading bytes of the mask off (RFC 9147 §4.2.3).
    pub(crate) const fn unmask(self, mask: [u8; 2]) -> Self {
        let [first, _] = mask;
        match self {
            Self::U8(low) => Self::U8(low ^ first),
            Self::U16(low) => Self::U16(low ^ u16::from_be_bytes(mask)),
        }
    }

    /// The number with these low bits that is closest to `expected` (RFC 9147 §4.2.2). Of two
    /// equally close ones the higher: the lower is outside of any window.
    ///
    /// `expected` is at most 2^48, the result at most 2^48 - 1.
    pub(crate) fn reconstruct(self, expected: u64) -> u64 {
        let (low, span) = match self {
            Self::U8(low) => (u64::from(low), 1_u64 << 8),
            Self::U16(low) => (u64::from(low), 1 << 16),
        };
        let half = span >> 1;
        let same = (expected & !span.wrapping_sub(1)) | low;
        let higher = same.saturating_add(span);
        if expected.saturating_sub(same) >= half && higher <= RecordNumber::MAX_SEQUENCE {
            return higher;
        }
        match same.checked_sub(span) {
            Some(lower)
                if same.saturating_sub(expected) > half || same > RecordNumber::MAX_SEQUENCE =>
            {
                lower
            }
            _ => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: u64 = RecordNumber::MAX_SEQUENCE;

    fn low(number: u64, long: bool) -> Low {
        if long { Low::U16(number as u16) } else { Low::U8(number as u8) }
    }

    /// Tries every number that has the right low bits and is not absurdly far.
    fn naive(expected: u64, bits: u16, long: bool) -> u64 {
        let (span, bits) =
            if long { (1 << 16, u64::from(bits)) } else { (1 << 8, u64::from(bits & 0xff)) };
        let base = expected / span;
        (base.saturating_sub(2)..=base + 2)
            .map(|high| high * span + bits)
            .filter(|n| *n <= MAX)
            .min_by_key(|n| (n.abs_diff(expected), u64::MAX - n))
            .unwrap()
    }

    fn expected_number() -> impl Strategy<Value = u64> {
        prop_oneof![0..=70_000_u64, 0..=MAX, MAX - 70_000..=MAX + 1]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn reconstruction_agrees_with_a_search(expected in expected_number(), bits: u16, long: bool) {
            let got = low(u64::from(bits), long).reconstruct(expected);
            prop_assert_eq!(got, naive(expected, bits, long));
        }

        #[test]
        fn number_near_the_expected_survives_its_cut(
            expected in expected_number(), distance in -100_i64..=100, long: bool,
        ) {
            let number = expected.saturating_add_signed(distance).min(MAX);
            prop_assert_eq!(low(number, long).reconstruct(expected), number);
        }
    }
}
