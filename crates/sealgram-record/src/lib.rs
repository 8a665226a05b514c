//! DTLS record protection for both versions: epochs, sequence numbers, replay windows, sealing and
//! opening in place, and the usage limits of AEADs.
//!
//! [`RecordLayer`] owns both directions of one association. It knows nothing of messages, flights
//! or timers: it turns the bytes of a datagram into authenticated payloads and back.
//!
//! ```text
//! open:  parse header -> epoch's keys -> unmask number (1.3) -> window: Fresh -> AEAD -> commit
//! seal:  header -> plaintext (already there) -> type byte, padding (1.3) -> AEAD -> mask (1.3)
//! ```
//!
//! What differs between the versions is data: a [`Phase`](sealgram_wire::Phase) maps to an epoch,
//! and a `Format` says how the record of an epoch is framed. Nothing is copied and nothing is
//! allocated for a record under current keys; keys are boxed once, when they are installed.
#![forbid(unsafe_code)]
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

extern crate alloc;

mod epoch;
mod format;
mod layer;
mod number;
mod open;
mod outcome;
mod seal;
mod window;

pub use epoch::Limits;
pub use format::{Framing, Overhead};
pub use layer::{RecordLayer, Usage};
pub use outcome::{Discard, Discarded, Fault, Opened, SealError, Violation};
pub use window::{Fresh, ReplayWindow, WindowSize};

#[cfg(test)]
mod tests;
