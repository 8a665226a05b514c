//! What Qt's tests leave out, and what Qt gets wrong. `crate::tables` says which is which.

mod certificates;
mod cookies;
mod lifecycle;
mod network;
mod psk;
mod reconnection;
