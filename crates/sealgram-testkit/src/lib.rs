//! A network in memory with virtual time, and the two ends of a DTLS association at it. For tests
//! only: never published, and what it makes protects nothing.
//!
//! ```text
//!   Setup ──> ConnectionFace   client            EndpointFace   server
//!                    │         poll_transmit          │
//!                    └──────────────┐  ┌──────────────┘
//!                                   v  v
//!                    Pair:    Plan says what becomes of each datagram
//!                                   │
//!                             queue by time of arrival ──> handle_datagram, handle_timeout
//! ```
//!
//! Nothing sleeps and nothing reads a clock: [`Pair`] jumps from one arrival or timeout to the
//! next. What stands at its ends is a [`Face`], so another version or another implementation can
//! take either place.
//!
//! ```
//! use core::time::Duration;
//! use sealgram_testkit::{Ended, Fate, Pair, Setup, plan};
//!
//! // The first datagram is lost: one retransmission period, then three round trips of 20 ms.
//! let mut pair = Setup::new(1).pair();
//! pair.set_plan(plan::fates(vec![Fate::Drop]));
//! assert_eq!(pair.run_until_settled(), Ended::Done);
//! assert_eq!(pair.now().as_micros(), 1_060_000);
//! ```
//!
//! [`Faults`] has every kind of fault with a knob of its own, and [`soak`] draws whole runs from
//! seeds: `cargo run --release -p sealgram-testkit --bin soak -- --seeds 100000`.
#![forbid(unsafe_code)]

mod clock;
mod face;
mod faces;
mod faults;
mod link;
mod pair;
pub mod plan;
mod records;
mod rng;
mod setup;
pub mod soak;

pub use clock::StoppedClock;
pub use face::Face;
pub use faces::{ConnectionFace, EndpointFace};
pub use faults::{Bursts, Faults};
pub use link::{Damage, Fate, Plan, Sent};
pub use pair::{Ended, Pair};
pub use records::{Record, SeenFragment, null_plaintext, records};
pub use rng::Rng;
pub use setup::{Asks, Sessions, Setup, answer};
