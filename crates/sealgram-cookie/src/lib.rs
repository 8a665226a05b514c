//! Stateless DTLS cookies and their rotating keys
#![forbid(unsafe_code)]
#![no_std]
