//! Stateless DTLS cookies and their rotating keys (RFC 6347 §4.2.1, RFC 9147 §5.1).
//!
//! A cookie proves that a client receives datagrams at the address it sends from. The server
//! keeps nothing per client: what it must know again is in the second hello, or in the cookie.
//!
//! ```text
//!  32 bytes, both versions                      1.3 only
//! +---+---------------------------------------+-----------+-----------+---+------------------+
//! |P|B|  HMAC-SHA-256, its first 31 bytes      |  suite 2  |  group 2  | n | n: Hash(hello 1) |
//! +---+---------------------------------------+-----------+-----------+---+------------------+
//!  P: parity of the key's generation, 1 bit    B: time bucket modulo 128, 7 bits
//!
//! HMAC input: label ‖ 4 or 6 ‖ IP address ‖ port(2) ‖ bucket(8) ‖ legacy_version(2) ‖ random(32)
//!             ‖ length(8) session_id ‖ length(8) cipher_suites ‖ length(8) compression_methods
//!             ‖ 1.3: suite(2) ‖ group(2) ‖ n(1) ‖ Hash(hello 1)
//! ```
//!
//! All integers are in network byte order. Each input has a fixed length or is preceded by its
//! length, so no two inputs have the same encoding. Extensions are not covered: a client may
//! change them between its hellos (RFC 8446 §4.1.2).
//!
//! An IPv4-mapped IPv6 address counts as the IPv4 address, so that a dual-stack socket and an
//! IPv4 socket with the same keys agree. Flow label and scope of an IPv6 address are local
//! matters and not covered.
//!
//! This crate owns cookies and their keys. It does not own the messages that carry them, nor what
//! an endpoint does with a proven address.
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

mod cookie;
mod keys;
#[cfg(test)]
mod tests;

pub use cookie::{
    AddressProven, COOKIE_LEN, Cookie13, CookieError, HelloFields, PERIOD, Retried, Retry,
};
pub use keys::{CookieKeyError, CookieKeys, DEFAULT_KEY_LIFETIME, MIN_KEY_LIFETIME, MIN_SECRET};
