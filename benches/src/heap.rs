//! An allocator that counts.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::alloc::System;

/// The system's allocator, with counters for [`Heap`]. A program that measures makes it global:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: sealgram_benches::Counting = sealgram_benches::Counting;
///
/// # fn main() {
/// let before = sealgram_benches::Heap::now();
/// let kept = vec![0_u8; 1000];
/// assert_eq!(sealgram_benches::Heap::now().bytes - before.bytes, 1000);
/// assert_eq!(sealgram_benches::Heap::now().allocations - before.allocations, 1);
/// # drop(kept);
/// # }
/// ```
#[derive(Debug)]
pub struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    let now = BYTES.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
    ALLOCATIONS.fetch_add(1, Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it came, and counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        BLOCKS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of this function, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        BLOCKS.fetch_add(1, Relaxed);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        BLOCKS.fetch_sub(1, Relaxed);
        // SAFETY: as in `alloc`; `block` came from `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        BYTES.fetch_sub(layout.size(), Relaxed);
        took(new_size);
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

/// What the heap holds, as programs asked for it: what the system's allocator adds is not counted.
/// All zero unless [`Counting`] is the global allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heap {
    /// Bytes in use.
    pub bytes: usize,
    /// Blocks in use.
    pub blocks: usize,
    /// The most bytes that were in use since [`Heap::reset_peak`].
    pub peak: usize,
    /// How often memory was asked for since the program began.
    pub allocations: usize,
}

impl Heap {
    /// Now, in all threads together.
    #[must_use]
    pub fn now() -> Self {
        Self {
            bytes: BYTES.load(Relaxed),
            blocks: BLOCKS.load(Relaxed),
            peak: PEAK.load(Relaxed),
            allocations: ALLOCATIONS.load(Relaxed),
        }
    }

    /// Forgets the peak.
    pub fn reset_peak() {
        PEAK.store(BYTES.load(Relaxed), Relaxed);
    }
}
