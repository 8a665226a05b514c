//! The allocator: libc's, and a count of who has how much.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(alignment: usize, size: usize) -> *mut u8;
    fn free(block: *mut u8);
}

/// On whose account memory is taken and given back.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// Configurations and the program itself.
    Nobody,
    Client,
    Server,
}

static OWNER: AtomicUsize = AtomicUsize::new(Owner::Nobody as usize);
/// Bytes that are taken, by owner. One side frees nothing of the other's.
static LIVE: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
/// The most that was taken at once.
static PEAK: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// Runs `work` on the account of `owner`.
pub(crate) fn charged<R>(owner: Owner, work: impl FnOnce() -> R) -> R {
    let before = OWNER.swap(owner as usize, Ordering::Relaxed);
    let result = work();
    OWNER.store(before, Ordering::Relaxed);
    result
}

/// Bytes on the heap of `owner` now.
pub(crate) fn live(owner: Owner) -> usize {
    LIVE[owner as usize].load(Ordering::Relaxed)
}

/// The most bytes that `owner` had at once since the last call.
pub(crate) fn take_peak(owner: Owner) -> usize {
    PEAK[owner as usize].swap(live(owner), Ordering::Relaxed)
}

struct Libc;

// SAFETY: `aligned_alloc` gives a block of at least `size` bytes with this alignment, or null. It
// wants a size that is a multiple of the alignment, hence the padding. `free` takes such blocks.
// Counting touches no memory but the counters.
unsafe impl GlobalAlloc for Libc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let owner = OWNER.load(Ordering::Relaxed);
        let live = LIVE[owner].fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK[owner].fetch_max(live, Ordering::Relaxed);
        let layout = layout.pad_to_align();
        // SAFETY: plain values.
        unsafe { aligned_alloc(layout.align().max(16), layout.size().next_multiple_of(16)) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE[OWNER.load(Ordering::Relaxed)].fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's block came from `alloc`.
        unsafe { free(block) }
    }
}

#[global_allocator]
static ALLOCATOR: Libc = Libc;
