//! Bytes that must not leak: wiped on drop, absent from `Debug`, compared in constant time.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret of any length: wiped when dropped, redacted in `Debug`, and not `Clone`.
///
/// It lives on the heap, so that moving it leaves no copy behind.
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// A copy of `bytes`. Wiping `bytes` stays the caller's duty.
    #[must_use]
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(Box::from(bytes)))
    }

    /// A secret of `len` bytes that `fill` writes in place.
    #[must_use]
    pub fn filled(len: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = Zeroizing::new(vec![0; len].into_boxed_slice());
        fill(&mut bytes);
        Self(bytes)
    }

    /// Like [`Secret::filled`], for a source that can fail.
    pub fn try_filled<E>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Zeroizing::new(vec![0; len].into_boxed_slice());
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Takes bytes over; the vector is wiped. If it has grown on the way, copies may be left
    /// behind: make it with the right capacity.
    #[must_use]
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self::copy_from(&Zeroizing::new(bytes))
    }

    /// Keeps the first `len` bytes and wipes the others.
    pub fn truncate(&mut self, len: usize) {
        if let Some(kept) = self.0.get(..len) {
            *self = Self::copy_from(kept);
        }
    }

    /// The bytes themselves, to be changed in place.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The bytes themselves. The name is there to be looked for in review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the secret has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, for the few places where the protocol needs the secret twice.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_from(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether `a` and `b` are equal, in time that depends on their lengths alone.
///
/// The only comparison that may be used on secrets and on tags, cookies or verify data that a
/// peer sent. Different lengths are unequal; lengths are never secret here.
#[must_use]
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn debug_of_secret_shows_nothing() {
        let secret = Secret::copy_from(b"marker");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn ct_eq_compares_content_and_length() {
        assert!(ct_eq(b"abc", b"abc"));
        assert!(!ct_eq(b"abc", b"abd"));
        assert!(!ct_eq(b"abc", b"ab"));
        assert!(!ct_eq(b"", b"a"));
    }
}
