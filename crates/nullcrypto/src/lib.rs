//! Deterministic, worthless cryptography for tests and fuzzing of sealgram
#![forbid(unsafe_code)]
#![no_std]
