//! The server's side: one hello for both versions, then the message order of the chosen one.

mod hello;
mod psk;
mod resume;
mod v12;
mod v13;

pub use hello::Retried;
pub(crate) use hello::{ExpectHello, WaitCertificate, WaitSession};
pub(crate) use psk::{WaitPsk12, WaitPsk13};
pub(crate) use resume::{Found, Search, find_v13};
pub(crate) use v12::{Exchange as WaitSignature12, Server12, WaitIdentity as WaitIdentity12};
pub(crate) use v13::{Server13, WaitIdentity as WaitIdentity13, WaitSignature as WaitSignature13};
