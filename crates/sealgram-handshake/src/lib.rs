//! The DTLS handshake state machines: whole messages in, effects out
#![forbid(unsafe_code)]
#![no_std]
