//! A fuzzer's bytes as a program.

/// Reads a program. Past its end everything is zero, so every string of bytes is one, and a seed
/// can be written by hand: see [`Program`].
#[derive(Clone, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The program in these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing but zeros is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// Two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// Three bytes.
    pub fn u24(&mut self) -> u32 {
        u32::from_be_bytes([0, self.u8(), self.u8(), self.u8()])
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(core::array::from_fn(|_| self.u8()))
    }

    /// One byte as a number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.u8()) % end
    }

    /// A bit.
    pub fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// This many bytes, or as many as there are.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes behind their length of one byte.
    pub fn short(&mut self) -> &'a [u8] {
        let len = self.u8();
        self.take(len.into())
    }

    /// Bytes behind their length of two bytes.
    pub fn long(&mut self) -> &'a [u8] {
        let len = self.u16();
        self.take(len.into())
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}

/// Writes what [`Input`] reads.
#[derive(Clone, Default, Debug)]
pub struct Program(pub Vec<u8>);

impl Program {
    /// Single bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// For [`Input::short`]; cut at 255 bytes.
    #[must_use]
    pub fn short(mut self, bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(255)];
        self.0.push(u8::try_from(bytes.len()).expect("cut"));
        self.bytes(bytes)
    }

    /// For [`Input::long`]; cut at 65,535 bytes.
    #[must_use]
    pub fn long(mut self, bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(65_535)];
        self.0.extend(u16::try_from(bytes.len()).expect("cut").to_be_bytes());
        self.bytes(bytes)
    }
}
