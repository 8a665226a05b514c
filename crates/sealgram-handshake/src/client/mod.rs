//! The client's side: one hello for both versions, then the message order of the chosen one.

mod hello;
mod psk;
mod v12;
mod v13;

pub(crate) use hello::HelloSent;
pub(crate) use psk::PskFlight as PskFlight12;
pub(crate) use v12::{
    Client12, ServerFlight as WaitIdentity12, WaitCertificate as WaitCertificate12,
    WaitSignature as WaitSignature12,
};
pub(crate) use v13::{
    Client13, WaitCertificate as WaitCertificate13, WaitIdentity as WaitIdentity13,
    WaitSignature as WaitSignature13,
};
