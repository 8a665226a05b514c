//! The server's side: one hello for both versions, then the message order of the chosen one.

mod hello;
mod v12;

use alloc::boxed::Box;
use alloc::sync::Arc;

use sealgram_wire::Message;

use crate::machine::unexpected;
use crate::schedule::Exporter;
use crate::schedule::v12::MasterSecret;
use crate::{Answer, Effects, Error, ServerConfig};

/// A server's handshake.
#[derive(Debug)]
pub(crate) enum Server {
    ExpectHello(hello::ExpectHello),
    V12(Box<v12::Server12>),
    /// Done with 1.2: what is left is what exporters need.
    Connected12(MasterSecret),
}

impl Server {
    pub(crate) const fn new(config: Arc<ServerConfig>) -> Self {
        Self::ExpectHello(hello::ExpectHello::new(config))
    }

    pub(crate) fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<Self, Error> {
        match self {
            Self::ExpectHello(state) => state.handle(message, fx),
            Self::V12(state) => state.handle(message, fx).map(Self::from),
            Self::Connected12(_) => Err(unexpected(message, "no handshake message")),
        }
    }

    pub(crate) fn waits_for(&self, answer: &Answer) -> bool {
        match self {
            Self::ExpectHello(_) | Self::Connected12(_) => false,
            Self::V12(state) => state.waits_for(answer),
        }
    }

    pub(crate) fn resolve(self, answer: Answer, fx: &mut dyn Effects) -> Result<Self, Error> {
        match self {
            Self::V12(state) => state.resolve(answer, fx).map(Self::from),
            state => Ok(state),
        }
    }

    pub(crate) fn exporter(&self) -> Option<Exporter<'_>> {
        match self {
            Self::ExpectHello(_) | Self::V12(_) => None,
            Self::Connected12(master) => Some(Exporter::V12(master)),
        }
    }
}

impl From<v12::Server12> for Server {
    fn from(state: v12::Server12) -> Self {
        match state {
            v12::Server12::Connected(master) => Self::Connected12(master),
            state => Self::V12(Box::new(state)),
        }
    }
}
