//! A server's pre-shared keys: the 1.2 handshake with one (RFC 4279, RFC 5489), and waiting for one
//! in either version.
//!
//! ```text
//! <── ServerHello, ServerKeyExchange?, ServerHelloDone
//!     ClientKeyExchange (the client's identity), Finished ──>
//!     (the key is looked for in between; one that does not exist is made up)
//! <── NewSessionTicket?, Finished
//! ```
//!
//! Nobody shows a certificate: each side is known by its Finished.
//!
//! An identity that does not exist goes the way of a wrong key, message by message: the same key
//! exchange and the same derivations with a random key as long as the others, then a Finished that
//! does not open. What is left to tell them apart is the time that the lookup takes, which is the
//! application's, and the random key itself, which is drawn whether it is needed or not.

use alloc::boxed::Box;
use alloc::sync::Arc;

use sealgram_crypto::{ActiveKeyExchange, CryptoError, KeyExchangeGroup, SharedSecret};
use sealgram_iana::{HandshakeType, NamedGroup};
use sealgram_wire::Message;
use sealgram_wire::messages12::{
    ClientKeyExchange, EcdheParams, ServerHelloDone, ServerKeyExchange,
};

use super::hello::WaitAnswer;
use super::v12::{Hello, Keyed, Server12};
use crate::auth::PeerAuthenticated;
use crate::error::{malformed, unexpected};
use crate::machine::{State, WaitPsk};
use crate::negotiate::framing;
use crate::schedule::v12::psk_premaster;
use crate::shown::PeerIdentity;
use crate::{
    Ask, Effects, Error, ExternalPsk, FindPsk, PeerIncompatible, PeerMisbehaved, PskSource,
};

impl Hello {
    /// Sends our flight, which names no identity but may hint at one.
    pub(super) fn answer_with_psk(
        mut self,
        group: Option<&dyn KeyExchangeGroup>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.send_hello(fx)?;
        let exchange = group.map(KeyExchangeGroup::start).transpose()?;
        let config = self.config.clone();
        let psk_identity_hint = &config.psk_hint;
        let message = match &exchange {
            Some(exchange) => {
                let params = EcdheParams { group: exchange.group(), public: exchange.share() };
                Some(ServerKeyExchange::EcdhePsk { psk_identity_hint, params })
            }
            // Without a hint there is nothing to say (RFC 4279 §2).
            None if psk_identity_hint.is_empty() => None,
            None => Some(ServerKeyExchange::Psk { psk_identity_hint }),
        };
        if let Some(message) = message {
            self.send(HandshakeType::SERVER_KEY_EXCHANGE, &message.encode(), fx)?;
        }
        self.send(HandshakeType::SERVER_HELLO_DONE, &ServerHelloDone.encode(), fx)?;
        Ok(Server12::PskIdentity(ExpectPskIdentity { hello: self, exchange }).into())
    }
}

/// The client says which key it has.
#[derive(Debug)]
pub(crate) struct ExpectPskIdentity {
    hello: Hello,
    /// With suites that exchange ephemeral keys.
    exchange: Option<Box<dyn ActiveKeyExchange>>,
}

impl ExpectPskIdentity {
    pub(super) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        if message.typ != HandshakeType::CLIENT_KEY_EXCHANGE {
            return Err(unexpected(message, "ClientKeyExchange"));
        }
        let Self { mut hello, exchange } = self;
        let kind = framing(hello.suite.facts.key_exchange);
        let received = ClientKeyExchange::read(message.body, kind).map_err(malformed(message))?;
        let (identity, exchanged) = match (received, exchange) {
            (ClientKeyExchange::Psk { psk_identity }, None) => (psk_identity, None),
            (ClientKeyExchange::EcdhePsk { psk_identity, public }, Some(exchange)) => {
                let group = exchange.group();
                let shared =
                    exchange.complete(public).map_err(|CryptoError| PeerMisbehaved::BadKeyShare)?;
                (psk_identity, Some((group, shared)))
            }
            _ => return Err(unexpected(message, "ClientKeyExchange with an identity")),
        };
        hello.transcript.add_message(message);
        let config = hello.config.clone();
        let source = config.psks.as_ref().ok_or(PeerIncompatible::NoSharedPsk)?;
        let next = WaitPsk12 { hello, exchanged };
        // No key has a longer name.
        let possible = identity.len() <= ExternalPsk::MAX_IDENTITY;
        match source {
            PskSource::Inline(psks) => {
                let psk = possible.then(|| psks.lookup(identity)).flatten();
                next.on_psk(psk, fx)
            }
            PskSource::Ask if possible => {
                fx.ask(Ask::Psk(FindPsk::ByIdentity(identity.to_vec())));
                Ok(State::WaitPsk(WaitPsk::Server12(Box::new(next))))
            }
            PskSource::Ask => next.on_psk(None, fx),
        }
    }
}

/// Only the key is missing (1.2).
#[derive(Debug)]
pub(crate) struct WaitPsk12 {
    hello: Hello,
    exchanged: Option<(NamedGroup, SharedSecret)>,
}

impl WaitPsk12 {
    pub(crate) fn on_psk(
        self,
        psk: Option<Arc<ExternalPsk>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let Self { hello, exchanged } = self;
        let source = hello.config.psks.as_ref().ok_or(PeerIncompatible::NoSharedPsk)?;
        let psk = source.or_made_up(psk, &*hello.config.common.provider.random)?;
        let shared = exchanged.as_ref().map(|(_, secret)| secret.expose());
        let premaster = psk_premaster(shared, psk.secret());
        let master = hello.master(premaster.expose());
        let keyed = Keyed {
            hello,
            group: exchanged.map(|(group, _)| group),
            scheme: None,
            psk_identity: Some(psk.identity().to_vec()),
            master,
            resumed_from: None,
        };
        keyed.expect_finished(PeerIdentity::Nothing, PeerAuthenticated::by_psk(&psk), fx)
    }
}

/// A 1.3 hello offers a key that must be looked for.
#[derive(Debug)]
pub(crate) struct WaitPsk13 {
    pub(super) waiting: WaitAnswer,
    /// Which of the client's offers it is.
    pub(super) index: u16,
}

impl WaitPsk13 {
    pub(crate) fn on_psk(
        mut self,
        psk: Option<Arc<ExternalPsk>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.waiting.answered.psks.push((self.index, psk));
        self.waiting.go_on(fx)
    }
}
