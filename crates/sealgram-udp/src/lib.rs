//! Blocking UDP drivers for sealgram: DTLS over `std::net::UdpSocket`, without a runtime.
//!
//! | | is |
//! |---|---|
//! | [`Client`] | one connection on a socket of its own |
//! | [`Server`] | many connections on one socket |
//!
//! Both are driven by their `step` method: it waits for the network or for a timer, does what is
//! due, and returns one event. [`Client::connect`], [`Client::recv`] and [`Client::send`] do that
//! for programs that want to read and write datagrams and nothing else.
//!
//! ```no_run
//! use sealgram::{ClientConfig, RootStore};
//! use sealgram_udp::Client;
//! use std::time::Duration;
//!
//! # fn example(config: ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
//! let name = "example.com".try_into()?;
//! let mut client = Client::connect(&config, "192.0.2.1:4433".parse()?, Some(name))?;
//! client.send(b"hello")?;
//! let mut buf = [0; sealgram_udp::MAX_PLAINTEXT];
//! if let Some(len) = client.recv(&mut buf, Duration::from_secs(5))? {
//!     println!("{} bytes", buf[..len].len());
//! }
//! client.close()?;
//! # Ok(()) }
//! ```
//!
//! What comes from the network never makes a driver fail: neither datagrams nor what ICMP reports
//! about them. An [`Error`] is about an argument, about this machine's socket, or about the end of
//! the connection.
#![forbid(unsafe_code)]
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

mod address;
mod client;
mod clock;
mod error;
mod inbox;
mod server;
mod socket;

pub use address::{AddressError, max_payload};
pub use client::{Client, ClientEvent, ClientOptions};
pub use error::Error;
pub use server::{Ended, PeerId, Server, ServerEvent, ServerOptions, ServerStats};

/// The longest plaintext of a record, in bytes: a buffer of this size holds whatever a peer sends
/// (RFC 6347 §4.1, RFC 9147 §4).
pub const MAX_PLAINTEXT: usize = 1 << 14;
