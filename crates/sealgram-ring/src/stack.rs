//! Overwrites the stack that *ring* worked on with keys.

use core::hint::black_box;

/// Enough for whatever *ring* does with a key. Measured by the tests below on x86-64: 12 KiB, to
/// sign with RSA; without optimisation 23 KiB, and the same 32 KiB hold.
const DEEP: usize = 32 * 1024;

/// Enough for key exchange, for signing with ECDSA and Ed25519, and for mask keys: 6 KiB by the same
/// measure, without optimisation 11 KiB.
const MIDDLE: usize = 16 * 1024;

/// Enough for HMAC: 3 KiB by the same measure, without optimisation 5 KiB. Small because there are
/// many in a handshake, and because cookies make one part of what answering a flood costs.
const SHALLOW: usize = 8 * 1024;

/// Runs `work` and overwrites the 32 KiB of stack below the caller's frame: *ring* returns its
/// keys by value and leaves copies on the way.
///
/// `work` must put secrets into boxes and capture them by reference, since what it captures or
/// returns by value passes through the caller's own frame.
pub(crate) fn clean<R>(work: impl FnOnce() -> R) -> R {
    let result = below(work);
    overwrite::<DEEP>();
    result
}

/// Like [`clean`], with 16 KiB.
pub(crate) fn clean_middle<R>(work: impl FnOnce() -> R) -> R {
    let result = below(work);
    overwrite::<MIDDLE>();
    result
}

/// Like [`clean`], with 8 KiB.
pub(crate) fn clean_shallow<R>(work: impl FnOnce() -> R) -> R {
    let result = below(work);
    overwrite::<SHALLOW>();
    result
}

/// Never inlined, so that `work` runs in frames below the ones that `overwrite` then covers.
#[inline(never)]
pub(crate) fn below<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[inline(never)]
fn overwrite<const LEN: usize>() {
    // Whoever is behind `black_box` might read the array, so that it has to be written.
    black_box(&mut [0_u8; LEN]);
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests;
