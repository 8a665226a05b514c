//! The DTLS wire format: records, handshake messages, extensions
#![forbid(unsafe_code)]
#![no_std]
