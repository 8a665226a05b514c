//! The server's side: one hello for both versions, then the message order of the chosen one.

mod hello;
mod resume;
mod v12;
mod v13;

use alloc::boxed::Box;
use alloc::sync::Arc;

use sealgram_wire::Message;

use crate::machine::unexpected;
use crate::post::Connected13;
use crate::schedule::Exporter;
use crate::schedule::v12::MasterSecret;
pub use hello::Retried;
pub(crate) use hello::check_v13;

use crate::{Answer, Effects, Error, ServerConfig};

/// A server's handshake.
#[derive(Debug)]
pub(crate) enum Server {
    ExpectHello(Box<hello::ExpectHello>),
    V12(Box<v12::Server12>),
    /// Done with 1.2: what is left is what exporters need.
    Connected12(MasterSecret),
    V13(Box<v13::Server13>),
    /// Done with 1.3: key updates and exporters.
    Connected13(Box<Connected13>),
}

impl Server {
    pub(crate) fn new(config: Arc<ServerConfig>, retried: Option<Retried>) -> Self {
        Self::ExpectHello(Box::new(hello::ExpectHello::new(config, retried)))
    }

    pub(crate) fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<Self, Error> {
        match self {
            Self::ExpectHello(state) => state.handle(message, fx),
            Self::V12(state) => state.handle(message, fx).map(Self::from),
            Self::V13(state) => state.handle(message, fx),
            Self::Connected13(mut connected) => {
                connected.handle(message, fx)?;
                Ok(Self::Connected13(connected))
            }
            Self::Connected12(_) => Err(unexpected(message, "no handshake message")),
        }
    }

    pub(crate) fn waits_for(&self, answer: &Answer) -> bool {
        match self {
            Self::ExpectHello(_) | Self::Connected12(_) | Self::Connected13(_) => false,
            Self::V12(state) => state.waits_for(answer),
            Self::V13(state) => state.waits_for(answer),
        }
    }

    pub(crate) fn resolve(self, answer: Answer, fx: &mut dyn Effects) -> Result<Self, Error> {
        match self {
            Self::V12(state) => state.resolve(answer, fx).map(Self::from),
            Self::V13(state) => state.resolve(answer, fx),
            state => Ok(state),
        }
    }

    pub(crate) fn exporter(&self) -> Option<Exporter<'_>> {
        match self {
            Self::ExpectHello(_) | Self::V12(_) | Self::V13(_) => None,
            Self::Connected12(master) => Some(Exporter::V12(master)),
            Self::Connected13(connected) => Some(Exporter::V13(connected.exporter())),
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

impl From<v13::Server13> for Server {
    fn from(state: v13::Server13) -> Self {
        Self::V13(Box::new(state))
    }
}
