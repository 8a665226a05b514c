//! The state machine of either side, as the facade drives it.

use alloc::sync::Arc;

use pki_types::ServerName;
use sealgram_wire::{Malformed, Message};

use crate::{Answer, ClientConfig, Effects, Error, ServerConfig, client, server};

/// A handshake, and what remains of it afterwards.
#[derive(Debug)]
pub struct Handshake(State);

#[derive(Debug)]
enum State {
    Client(client::Client),
    Server(server::Server),
    /// After an error: nothing more is handled.
    Over,
}

/// An answer came that nobody waits for. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAsked;

impl Handshake {
    /// Starts a client's handshake: the ClientHello is sent at once.
    ///
    /// `name` is what the server's certificate is verified for and, if it is a DNS name, what the
    /// server is told.
    pub fn client(
        config: Arc<ClientConfig>,
        name: Option<ServerName<'static>>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        Ok(Self(State::Client(client::Client::start(config, name, fx)?)))
    }

    /// Starts a server's handshake: it waits for the ClientHello, whose cookie, if one is needed,
    /// was verified before.
    #[must_use]
    pub fn server(config: Arc<ServerConfig>) -> Self {
        Self(State::Server(server::Server::new(config)))
    }

    /// Handles the next message. After an error the handshake is over.
    pub fn handle(&mut self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<(), Error> {
        self.0 = match core::mem::replace(&mut self.0, State::Over) {
            State::Client(client) => State::Client(client.handle(message, fx)?),
            State::Server(server) => State::Server(server.handle(message, fx)?),
            State::Over => State::Over,
        };
        Ok(())
    }

    /// Handles the answer to the one open [`Ask`](crate::Ask).
    ///
    /// The outer error means that no such answer is waited for, and changes nothing; the inner one
    /// ends the handshake.
    pub fn resolve(
        &mut self,
        answer: Answer,
        fx: &mut dyn Effects,
    ) -> Result<Result<(), Error>, NotAsked> {
        let waits = match &self.0 {
            State::Client(client) => client.waits_for(&answer),
            State::Server(server) => server.waits_for(&answer),
            State::Over => false,
        };
        if !waits {
            return Err(NotAsked);
        }
        let next = match core::mem::replace(&mut self.0, State::Over) {
            State::Client(client) => client.resolve(answer, fx).map(State::Client),
            State::Server(server) => server.resolve(answer, fx).map(State::Server),
            State::Over => Ok(State::Over),
        };
        Ok(next.map(|state| self.0 = state))
    }

    /// Keying material for the application (RFC 5705, RFC 8446 §7.5). `false` before the
    /// handshake is complete.
    #[must_use]
    pub fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) -> bool {
        let schedule = match &self.0 {
            State::Client(client) => client.exporter(),
            State::Server(server) => server.exporter(),
            State::Over => None,
        };
        match schedule {
            Some(schedule) => {
                schedule.export(out, label, context);
                true
            }
            None => false,
        }
    }
}

/// Names the message in a parsing error.
pub(crate) fn malformed(message: &Message<'_>) -> impl Fn(Malformed) -> Error + use<> {
    let typ = Some(message.typ);
    move |what| Error::Malformed { typ, what }
}

/// Refuses a message that is none of the `expected`.
pub(crate) fn unexpected(message: &Message<'_>, expected: &'static str) -> Error {
    Error::UnexpectedMessage { got: message.typ, expected }
}
