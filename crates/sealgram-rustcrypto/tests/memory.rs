//! Nothing that is done per record may allocate, and what is given back to the allocator holds no
//! key any more. Alone in its process, because the allocator is global; it watches each thread by
//! itself.

use sealgram_crypto::{Aead, CryptoError, SecureRandom};
use sealgram_rustcrypto::RustCrypto;
use sealgram_rustcrypto::aead::{
    AES_128_CCM, AES_128_CCM_8, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305,
};
use sealgram_rustcrypto::hash::{SHA256, SHA384};

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
mod watching {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::Cell;
    use core::slice;
    use std::alloc::System;

    thread_local! {
        static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
        /// Blocks of this size are looked at.
        static WATCHED: Cell<usize> = const { Cell::new(0) };
        static DIRTY: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub(crate) struct Watching;

    // SAFETY: everything is handed to the system's allocator; watching does not allocate, since
    // the thread-locals are initialised statically and have no destructors.
    unsafe impl GlobalAlloc for Watching {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            ALLOCATIONS.set(ALLOCATIONS.get() + 1);
            // Zeroed, so that every byte may be read when it comes back.
            // SAFETY: the caller's promise, passed on.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            if layout.size() == WATCHED.get() {
                // SAFETY: a block of that many bytes, which came zeroed and which nobody else has
                // any more. What its last owner has copied over as padding is of no type that
                // would forbid any value.
                let bytes = unsafe { slice::from_raw_parts(block, layout.size()) };
                let dirty = bytes.iter().filter(|byte| **byte != 0).count();
                DIRTY.set(DIRTY.get().max(Some(dirty)));
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { System.dealloc(block, layout) }
        }
    }

    pub(crate) fn allocations(work: impl FnOnce()) -> usize {
        let before = ALLOCATIONS.get();
        work();
        ALLOCATIONS.get() - before
    }

    /// Drops `boxed`, and says how many bytes of its block were not zero when it was given back.
    pub(crate) fn left_of<T: ?Sized>(boxed: Box<T>) -> usize {
        WATCHED.set(size_of_val(&*boxed));
        DIRTY.set(None);
        drop(boxed);
        WATCHED.set(0);
        DIRTY.get().expect("the block was given back")
    }
}

use watching::{allocations, left_of};

#[global_allocator]
static ALLOCATOR: watching::Watching = watching::Watching;

const AEADS: [&dyn Aead; 5] =
    [AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, AES_128_CCM, AES_128_CCM_8];

#[test]
fn seal_open_and_mask_do_not_allocate() {
    for aead in AEADS {
        let bytes = vec![7; aead.kind().key_len()];
        let built = allocations(|| drop(aead.key(&bytes)));
        assert_eq!(built, 1, "a key is one box, and allocations are counted");
        let key = aead.key(&bytes).unwrap();
        let mask = aead.mask(&bytes).unwrap();
        let mut record = [0; 1200];
        let count = allocations(|| {
            key.seal(&[1; 12], b"header", &mut record).unwrap();
            assert_ne!(mask.mask(record.first_chunk().unwrap()), [0; 2]);
            key.open(&[1; 12], b"header", &mut record).unwrap();
            assert!(key.open(&[1; 12], b"header", &mut record).is_err());
        });
        assert_eq!(count, 0, "{:?}", aead.kind());
    }
}

#[test]
fn watching_sees_what_is_not_wiped() {
    assert_eq!(left_of(Box::new([7_u8; 77])), 77);
}

/// What may stay: which code the CPU can run. The shortest secret has 16 bytes.
const HARMLESS: usize = 2;

#[test]
fn keys_of_records_are_wiped_when_they_are_dropped() {
    for aead in AEADS {
        let bytes = vec![0xa5; aead.kind().key_len()];
        let left = left_of(aead.key(&bytes).unwrap());
        assert!(left <= HARMLESS, "{aead:?}: {left} bytes of the key");
        let left = left_of(aead.mask(&bytes).unwrap());
        assert!(left <= HARMLESS, "{aead:?}: {left} bytes of the mask");
    }
}

#[test]
fn keys_of_hmac_are_wiped_when_they_are_dropped() {
    for hash in [SHA256, SHA384] {
        let left = left_of(hash.hmac_key(&[0xa5; 32]));
        assert!(left <= HARMLESS, "{hash:?}: {left} bytes");
    }
}

/// Gives one byte again and again.
#[derive(Debug)]
struct Constant;

impl SecureRandom for Constant {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0xa5);
        Ok(())
    }
}

static CRYPTO: RustCrypto = RustCrypto::new(&Constant);

/// Where the share is stays: a pointer, a length and a capacity. Secrets have 32 bytes and more.
const PLACE_OF_SHARE: usize = 12;

#[test]
fn ephemeral_keys_are_wiped_when_they_are_dropped() {
    for group in CRYPTO.groups() {
        let left = left_of(group.start().unwrap());
        assert!(left <= PLACE_OF_SHARE, "{group:?}: {left} bytes");
    }
}
