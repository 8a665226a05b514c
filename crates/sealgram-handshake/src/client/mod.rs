//! The client's side: one hello for both versions, then the message order of the chosen one.

mod hello;
mod v12;
mod v13;

pub(crate) use v13::encode_chain;

use alloc::boxed::Box;
use alloc::sync::Arc;

use pki_types::ServerName;
use sealgram_wire::Message;

use crate::machine::unexpected;
use crate::post::Connected13;
use crate::schedule::Exporter;
use crate::schedule::v12::MasterSecret;
use crate::{Answer, ClientConfig, Effects, Error};

/// A client's handshake. The states are boxed: they differ in size, and a connection that is done
/// should not keep the space of the largest.
#[derive(Debug)]
pub(crate) enum Client {
    Hello(Box<hello::HelloSent>),
    V12(Box<v12::Client12>),
    /// Done with 1.2: what is left is what exporters need.
    Connected12(MasterSecret),
    V13(Box<v13::Client13>),
    /// Done with 1.3: key updates and exporters.
    Connected13(Box<Connected13>),
}

impl Client {
    /// Sends the first ClientHello.
    pub(crate) fn start(
        config: Arc<ClientConfig>,
        name: Option<ServerName<'static>>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        let state = hello::HelloSent::start(config, name, fx)?;
        Ok(Self::Hello(Box::new(state)))
    }

    pub(crate) fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<Self, Error> {
        match self {
            Self::Hello(state) => state.handle(message, fx),
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
            Self::Hello(_) | Self::Connected12(_) | Self::Connected13(_) => false,
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
            Self::Hello(_) | Self::V12(_) | Self::V13(_) => None,
            Self::Connected12(master) => Some(Exporter::V12(master)),
            Self::Connected13(connected) => Some(Exporter::V13(connected.exporter())),
        }
    }
}

impl From<v12::Client12> for Client {
    fn from(state: v12::Client12) -> Self {
        match state {
            v12::Client12::Connected(master) => Self::Connected12(master),
            state => Self::V12(Box::new(state)),
        }
    }
}

impl From<v13::Client13> for Client {
    fn from(state: v13::Client13) -> Self {
        Self::V13(Box::new(state))
    }
}
