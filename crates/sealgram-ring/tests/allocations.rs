//! Nothing that is done per record may allocate. Alone in its process, because the allocator is
//! global; it counts per thread.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

use sealgram_ring::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is handed to the system's allocator; counting does not allocate, since the
// thread-local is initialised statically and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn seal_open_and_mask_do_not_allocate() {
    for aead in [AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305] {
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
