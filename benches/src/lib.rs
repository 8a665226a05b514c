//! What the benchmarks share. Every figure that the project states comes from one of these:
//!
//! | command | what it measures |
//! |---|---|
//! | `cargo bench -p sealgram-benches` | records and handshakes in time, each beside raw *ring* |
//! | `cargo run --release -p sealgram-benches --bin ratios` | the same as ratios, in one table |
//! | `cargo run --release -p sealgram-benches --bin instructions` | the same in instructions; needs valgrind |
//! | `cargo run --release -p sealgram-benches --bin memory` | heap of connections and of unproven peers |
//! | `cargo run --release -p sealgram-benches --bin loss` | handshakes on a link that loses 30 % |
//!
//! Time on a shared machine says little by itself: that is why whatever is compared is measured in
//! the same run, in turns, and why there are instruction counts.
#![deny(unsafe_code)]

mod dimpl;
#[allow(unsafe_code, reason = "an allocator cannot be written without")]
mod heap;
mod joined;
mod parties;
mod raw;
mod timing;
mod work;

pub use dimpl::Dimpl;
pub use heap::{Counting, Heap};
pub use joined::Joined;
pub use parties::{Parties, Suite, VERSIONS, group_name};
pub use timing::compare;
pub use work::{Forgetful, SIZES, Work, handshakes, records};
