//! DTLS 1.2 and 1.3 in pure Rust: a sans-IO core, no_std, safe under hostile input
#![forbid(unsafe_code)]
#![no_std]
