//! DTLS handshake reliability: fragmentation, reassembly, acknowledgement, retransmission.
//!
//! This crate owns what makes a handshake survive loss, reordering and duplication. It sees
//! neither keys nor record bytes: messages and fragments with their [`Phase`] go in, the contents
//! of records come out, and time is a parameter. What one version does and the other does not is
//! data ([`FlightRules`]); there is one code path.
//!
//! ```text
//!            handshake                                             handshake
//!                | send                                    Message ^  ^ pop_message
//!                v                                                 |  |
//!   outgoing  [ queue of messages, cursor ]        reassembly  [ up to 7 messages ]
//!                | wants, fill      ^ on_ack                       ^ on_fragment
//!                v                  |                              |
//!   record    seal, sent(number) -> ring of 32     ack list <- begin_record, end_record
//!                                                     |
//!                                                     +-> wants: an ACK
//!   timer     retransmission: after everything was sent      ACK: 1/4 of it
//! ```
//!
//! How a facade uses it:
//!
//! 1. For each opened handshake record: [`Flight::begin_record`], [`Flight::on_fragment`] for each
//!    fragment, [`Flight::end_record`]. A whole message in order comes back at once; after it (and
//!    after [`Flight::pause`] ends) drain [`Flight::pop_message`].
//! 2. To send: while [`Flight::wants`] names a record, give [`Flight::fill`] the room that is left
//!    for its content, seal it in the phase that was named, and hand the token to
//!    [`Flight::sent`]. When `fill` says `None`, the datagram is full.
//! 3. Sleep until [`Flight::poll_timeout`], then call [`Flight::handle_timeout`] until it says
//!    `None`.
//!
//! [`Phase`]: sealgram_wire::Phase
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

mod ack;
mod flight;
mod outgoing;
mod ranges;
mod reassembly;
mod rules;
#[cfg(test)]
mod tests;
mod timer;

pub use flight::{Filled, Fired, Flight, IncomingRecord, Received, Wanted};
pub use outgoing::Exhausted;
pub use reassembly::{Violation, reassembly_bound};
pub use rules::{FlightConfig, FlightRules};
pub use timer::{TimedOut, TimerKind};
