//! Clients and servers over real loopback sockets.
#![forbid(unsafe_code)]

mod failures;
mod hostile;
mod lives;
mod stage;
