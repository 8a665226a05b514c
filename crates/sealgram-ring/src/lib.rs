//! The default cryptographic provider of sealgram, over ring
#![forbid(unsafe_code)]
#![no_std]
