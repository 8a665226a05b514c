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
        if const { align_of::<T>() >= size_of::<u64>() } {
            let words = self.0.as_mut_ptr().cast::<MaybeUninit<u64>>();
            for index in 0..size_of::<T>().div_euclid(size_of::<u64>()) {
                // SAFETY: as below, for words: `words` is aligned for them, and a size is a
                // multiple of its type's alignment, so the words cover every byte.
                unsafe { ptr::write_volatile(words.add(index), MaybeUninit::new(0)) };
            }
        } else {
            let bytes = self.0.as_mut_ptr().cast::<MaybeUninit<u8>>();
            for offset in 0..size_of::<T>() {
                // SAFETY: `bytes` points to `size_of::<T>()` bytes that we have exclusively, and
                // `offset` is below that. A `MaybeUninit<T>` may hold any bytes, and it is never
                // read as a `T` again: `T` has no drop glue, and `MaybeUninit` would not run it.
                unsafe { ptr::write_volatile(bytes.add(offset), MaybeUninit::new(0)) };
            }
        }
        // Volatile writes are not removed; the fence keeps them before the memory is freed.
        compiler_fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::boxed::Box;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Drops `value` in a buffer that outlives it. Returns the buffer's bytes.
    fn bytes_after_drop<T>(value: Wiped<T>) -> Vec<u8> {
        let mut place = MaybeUninit::new(value);
        // SAFETY: initialised in the line before, and dropped only here.
        unsafe { place.assume_init_drop() };
        let bytes = place.as_ptr().cast::<u8>();
        // SAFETY: inside of `place`; dropping has written every byte, padding included (under
        // Miri this fails if one was left out).
        (0..size_of::<Wiped<T>>()).map(|i| unsafe { bytes.add(i).read() }).collect()
    }

    #[test]
    fn bytes_are_zero_after_drop() {
        assert_eq!(bytes_after_drop(Wiped::new([0xa5_u8; 77])), vec![0; 77]);
        assert_eq!(bytes_after_drop(Wiped::new([u64::MAX, 1, 2])), vec![0; 24]);
        assert_eq!(bytes_after_drop(Wiped::new(())), vec![]);
    }

    #[test]
    fn padding_is_zero_after_drop() {
        assert_eq!(bytes_after_drop(Wiped::new((1_u8, u64::MAX))), vec![0; 16]);
        assert_eq!(bytes_after_drop(Wiped::new(None::<[u32; 5]>)), vec![0; 24]);
    }

    #[test]
    fn value_taken_from_an_option_is_wiped_too() {
        let mut wiped = Wiped::new(Some([0x5a_u8; 31]));
        assert_eq!(wiped.take(), Some([0x5a; 31]));
        assert_eq!(bytes_after_drop(wiped), vec![0; 32]);
    }

    #[test]
    fn boxed_value_is_dropped_where_it_is() {
        let mut boxed = Box::new(MaybeUninit::new(Wiped::new([0x5a_u8; 64])));
        // SAFETY: initialised in the line before, and dropped only here.
        unsafe { boxed.assume_init_drop() };
        // SAFETY: any bytes make an array of bytes, and dropping has written them all.
        let bytes = unsafe { boxed.as_ptr().cast::<[u8; 64]>().read() };
        assert_eq!(bytes, [0; 64]);
    }

    #[test]
    fn content_is_readable_and_writable_before_drop() {
        let mut wiped = Wiped::new([1_u8, 2, 3]);
        wiped[1] = 9;
        assert_eq!(*wiped, [1, 9, 3]);
    }

    /// Not under Miri, which cannot call what *ring* is made of.
    #[cfg(not(miri))]
    #[test]
    fn ring_keys_are_zero_after_drop() {
        use ring::aead::{self, LessSafeKey, UnboundKey, quic};
        use ring::agreement::{EphemeralPrivateKey, X25519};

        let all_zero = |bytes: Vec<u8>, least: usize| {
            assert!(bytes.len() >= least, "{} bytes", bytes.len());
            assert!(bytes.iter().all(|byte| *byte == 0));
        };
        let key = UnboundKey::new(&aead::AES_256_GCM, &[0x5a; 32]).unwrap();
        all_zero(bytes_after_drop(Wiped::new(LessSafeKey::new(key))), 240);
        let key = quic::HeaderProtectionKey::new(&quic::AES_256, &[0x5a; 32]).unwrap();
        all_zero(bytes_after_drop(Wiped::new(key)), 240);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[0x5a; 32]);
        all_zero(bytes_after_drop(Wiped::new(key)), 64);
        let rng = ring::rand::SystemRandom::new();
        let key = EphemeralPrivateKey::generate(&X25519, &rng).unwrap();
        all_zero(bytes_after_drop(Wiped::new(Some(key))), 32);
    }

    #[test]
    fn rsa_key_has_drop_glue_and_is_therefore_refused() {
        assert!(needs_drop::<ring::signature::RsaKeyPair>());
    }
}
