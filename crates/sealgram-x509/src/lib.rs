//! Certificate verification for sealgram, over rustls-webpki
#![forbid(unsafe_code)]
#![no_std]
