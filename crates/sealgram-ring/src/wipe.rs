//! Overwrites key objects of *ring* when they are dropped. The workspace's only `unsafe`.

use core::mem::{MaybeUninit, needs_drop};
use core::ops::{Deref, DerefMut};
use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

/// A value whose bytes, all `size_of::<T>()` of them, are zero after it was dropped.
///
/// Only for types without drop glue (checked when this is compiled): such a type can own no heap
/// memory that the wiping would miss or leak. Moving a `Wiped` leaves a copy behind like any
/// move, so it is built inside [`crate::stack::clean`] and stays in its box from then on.
///
/// Invariant: the content is initialised until `drop` begins.
pub(crate) struct Wiped<T>(MaybeUninit<T>);

impl<T> Wiped<T> {
    /// Takes `value` over.
    pub(crate) const fn new(value: T) -> Self {
        const { assert!(!needs_drop::<T>(), "only plain data can be wiped") };
        Self(MaybeUninit::new(value))
    }
}

impl<T> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` is the only constructor and initialises the content; only `drop`
        // destroys it, and nobody can hold or make a reference after that.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; whoever writes through the reference writes a valid `T`.
        unsafe { self.0.assume_init_mut() }
    }
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        let bytes = self.0.as_mut_ptr().cast::<MaybeUninit<u8>>();
        for offset in 0..size_of::<T>() {
            // SAFETY: `bytes` points to `size_of::<T>()` bytes that we have exclusively, and
            // `offset` is below that. A `MaybeUninit<T>` may hold any bytes, and it is never
            // read as a `T` again: `T` has no drop glue, and `MaybeUninit` would not run it.
            unsafe { ptr::write_volatile(bytes.add(offset), MaybeUninit::new(0)) };
        }
        // Volatile writes are not removed; the fence keeps them before the memory is freed.
        compiler_fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Drops `value` inside a buffer that outlives it, and returns the buffer's bytes from
    /// before and after.
    fn bytes_around_drop<T>(value: Wiped<T>) -> (Vec<u8>, Vec<u8>) {
        // Zeroed beforehand: padding is then initialised and can be read.
        let mut place = MaybeUninit::<Wiped<T>>::zeroed();
        // SAFETY: source and destination are distinct, valid for one `Wiped<T>`, and aligned;
        // copied bytewise as a value with padding, it is forgotten below, so it exists once.
        unsafe {
            ptr::copy_nonoverlapping(
                (&raw const value).cast::<u8>(),
                place.as_mut_ptr().cast(),
                size_of::<T>(),
            );
        }
        core::mem::forget(value);
        let read = |place: &MaybeUninit<Wiped<T>>| {
            (0..size_of::<T>())
                // SAFETY: inside of `place`; the tests use types without padding.
                .map(|i| unsafe { place.as_ptr().cast::<u8>().add(i).read() })
                .collect::<Vec<u8>>()
        };
        let before = read(&place);
        // SAFETY: `place` holds an initialised value, dropped once.
        unsafe { place.assume_init_drop() };
        let after = read(&place);
        (before, after)
    }

    #[test]
    fn array_is_zero_after_drop() {
        let (before, after) = bytes_around_drop(Wiped::new([0xa5_u8; 77]));
        assert_eq!(before, vec![0xa5; 77]);
        assert_eq!(after, vec![0; 77]);
    }

    #[test]
    fn words_are_zero_after_drop() {
        let (before, after) = bytes_around_drop(Wiped::new([u64::MAX, 1, 2]));
        assert!(before.iter().any(|byte| *byte != 0));
        assert_eq!(after, vec![0; 24]);
    }

    #[test]
    fn content_is_readable_and_writable_before_drop() {
        let mut wiped = Wiped::new([1_u8, 2, 3]);
        wiped[1] = 9;
        assert_eq!(*wiped, [1, 9, 3]);
    }

    #[test]
    fn value_taken_from_an_option_is_wiped_too() {
        let mut wiped = Wiped::new(Some([0x5a_u8; 31]));
        assert_eq!(wiped.take(), Some([0x5a; 31]));
        let (_, after) = bytes_around_drop(wiped);
        assert_eq!(after, vec![0; 32]);
    }
}
