//! The fuzz targets of sealgram, as functions over a fuzzer's bytes.
//!
//! Each module is one target: its `run` may do anything but panic, and states its laws as
//! assertions. `fuzz_targets/` makes binaries of them for libFuzzer; the tests of this crate and
//! `seeds` call them without it.
//!
//! ```text
//!                 sees bytes alone     records hellos messages12 messages13 sessions cookies x509
//!                 sees one layer       flight record_layer
//!                 sees everything      handshake   a network that does what it likes
//!                                      insider     a peer that has all the keys
//!                                      endpoint    many peers, and many that are none
//!                 compares providers   providers
//! ```
//!
//! Nothing here reads a clock or the system's randomness, except the real providers inside
//! [`providers`], so
//! the same bytes do the same thing in every run.
#![deny(unsafe_code)]

pub mod cookies;
pub mod endpoint;
pub mod flight;
pub mod handshake;
pub mod hellos;
pub mod insider;
pub mod messages12;
pub mod messages13;
pub mod providers;
pub mod record_layer;
pub mod records;
pub mod sessions;
pub mod x509;

mod blind;
pub mod heap;
pub mod input;
pub mod recording;
pub mod seeds;
mod setup;
mod wire;
mod world;

/// What a target is: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("records", records::run),
    ("hellos", hellos::run),
    ("messages12", messages12::run),
    ("messages13", messages13::run),
    ("sessions", sessions::run),
    ("cookies", cookies::run),
    ("flight", flight::run),
    ("record_layer", record_layer::run),
    ("x509", x509::run),
    ("handshake", handshake::run),
    ("insider", insider::run),
    ("endpoint", endpoint::run),
    ("providers", providers::run),
];
