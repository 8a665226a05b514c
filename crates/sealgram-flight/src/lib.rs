//! DTLS handshake reliability: fragmentation, reassembly, retransmission
#![forbid(unsafe_code)]
#![no_std]
