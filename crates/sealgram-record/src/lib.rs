//! DTLS record protection: epochs, sequence numbers, replay windows
#![forbid(unsafe_code)]
#![no_std]
