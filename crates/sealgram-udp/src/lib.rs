//! Blocking UDP driver for sealgram
#![forbid(unsafe_code)]
