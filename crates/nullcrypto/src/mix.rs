//! The one mixing function that everything here is made of.

/// A bijection on 64-bit numbers that spreads every input bit.
pub(crate) const fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Absorbs bytes, and gives any number of bytes that depend on all of them and on their order.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    a: u64,
    b: u64,
}

impl Mix {
    /// `purpose` keeps equal inputs for different uses apart.
    pub(crate) const fn new(purpose: u64) -> Self {
        Self { a: scramble(purpose.wrapping_add(1)), b: purpose }
    }

    /// Adds bytes as they are: only their concatenation counts.
    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.a = (self.a ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            self.b = self.b.rotate_left(7).wrapping_add(self.a);
        }
        self
    }

    /// Adds bytes and then their number, so that two fields cannot trade bytes.
    pub(crate) fn add_field(self, bytes: &[u8]) -> Self {
        self.add(bytes).add(&bytes.len().to_le_bytes())
    }

    /// Fills `out`.
    pub(crate) fn finish(self, out: &mut [u8]) {
        let mut state = scramble(self.a) ^ self.b;
        for chunk in out.chunks_mut(8) {
            state = scramble(state.wrapping_add(self.a).wrapping_add(0x9e37_79b9_7f4a_7c15));
            for (to, from) in chunk.iter_mut().zip(state.to_le_bytes()) {
                *to = from;
            }
        }
    }

    /// Like [`Mix::finish`], for a length that is known.
    pub(crate) fn bytes<const LEN: usize>(self) -> [u8; LEN] {
        let mut out = [0; LEN];
        self.finish(&mut out);
        out
    }
}
