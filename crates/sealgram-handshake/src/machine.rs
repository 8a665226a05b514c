//! The state machine of either side, as the facade drives it.

use alloc::sync::Arc;

use pki_types::ServerName;
use sealgram_wire::{Malformed, Message};

use crate::post::Connected13;
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
    /// was verified before. `retried` is what a 1.3 cookie carried.
    #[must_use]
    pub fn server(config: Arc<ServerConfig>, retried: Option<server::Retried>) -> Self {
        Self(State::Server(server::Server::new(config, retried)))
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

    /// Whether this kind of answer is waited for.
    #[must_use]
    pub fn waits_for(&self, answer: &Answer) -> bool {
        match &self.0 {
            State::Client(client) => client.waits_for(answer),
            State::Server(server) => server.waits_for(answer),
            State::Over => false,
        }
    }

    /// Handles the answer to the one open [`Ask`](crate::Ask). An answer that is not
    /// [waited for](Self::waits_for) changes nothing.
    pub fn resolve(&mut self, answer: Answer, fx: &mut dyn Effects) -> Result<(), Error> {
        self.0 = match core::mem::replace(&mut self.0, State::Over) {
            State::Client(client) => State::Client(client.resolve(answer, fx)?),
            State::Server(server) => State::Server(server.resolve(answer, fx)?),
            State::Over => State::Over,
        };
        Ok(())
    }

    /// A KeyUpdate of ours, and everything sent before it, was acknowledged.
    pub fn on_key_update_acked(&mut self, fx: &mut dyn Effects) -> Result<(), Error> {
        match self.connected13() {
            Some(connected) => connected.on_key_update_acked(fx),
            None => Ok(()),
        }
    }

    /// Starts an update of our keys, and with `peer_too` of the peer's. `false` if there is no
    /// such thing here: before the handshake is complete, and in 1.2.
    pub fn update_keys(&mut self, peer_too: bool, fx: &mut dyn Effects) -> Result<bool, Error> {
        match self.connected13() {
            Some(connected) => connected.update_keys(peer_too, fx).map(|()| true),
            None => Ok(false),
        }
    }

    fn connected13(&mut self) -> Option<&mut Connected13> {
        match &mut self.0 {
            State::Client(client::Client::Connected13(connected))
            | State::Server(server::Server::Connected13(connected)) => Some(connected),
            _ => None,
        }
    }

    /// Keying material for the application (RFC 5705, RFC 8446 §7.5). `false` before the
    /// handshake is complete, and if label or length are outside of what the version allows.
    #[must_use]
    pub fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) -> bool {
        let exporter = match &self.0 {
            State::Client(client) => client.exporter(),
            State::Server(server) => server.exporter(),
            State::Over => None,
        };
        exporter.is_some_and(|exporter| exporter.export(out, label, context))
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
