//! The cryptographic traits, secrets and verifier interfaces of sealgram
#![forbid(unsafe_code)]
#![no_std]
