//! Pre-shared keys in both versions, sans-IO: what is agreed on, who is asked, what goes wrong, and
//! what a resumed session remembers.
#![forbid(unsafe_code)]

mod agreement;
mod asks;
mod ends;
mod resumption;
mod wrong;
