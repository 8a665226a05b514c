//! A client's 1.2 handshake with a pre-shared key (RFC 4279, RFC 5489).
//!
//! ```text
//!                            <── ServerKeyExchange    (a hint, ephemeral keys; or neither)
//!                            <── ServerHelloDone
//!      (the key is chosen here, by the hint)
//! ClientKeyExchange, Finished ──>
//! ```
//!
//! Nobody shows a certificate: each side is known by its Finished.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sealgram_crypto::CompletedKeyExchange;
use sealgram_iana::{HandshakeType, NamedGroup, Version};
use sealgram_wire::Message;
use sealgram_wire::messages12::{ClientKeyExchange, ServerHelloDone, ServerKeyExchange};

use super::v12::{Client12, Hellos, Keyed};
use crate::auth::PeerAuthenticated;
use crate::error::{malformed, unexpected};
use crate::machine::{State, WaitPsk};
use crate::negotiate::framing;
use crate::schedule::v12::psk_premaster;
use crate::shown::PeerIdentity;
use crate::{
    Ask, ClientPsk, Effects, Error, ExternalPsk, FindPsk, PeerIncompatible, PeerMisbehaved,
};

/// The server's flight so far.
#[derive(Debug)]
pub(crate) struct PskFlight {
    hellos: Hellos,
    contribution: Option<Contribution>,
}

/// What the server's ServerKeyExchange holds.
#[derive(Debug, Default)]
struct Contribution {
    hint: Vec<u8>,
    /// The server's ephemeral key, with suites that have one.
    share: Option<(NamedGroup, Vec<u8>)>,
}

impl PskFlight {
    pub(super) const fn new(hellos: Hellos) -> Self {
        Self { hellos, contribution: None }
    }

    pub(super) fn handle(
        mut self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        // Without a hint there may be nothing to say (RFC 4279 §2).
        let complete =
            self.contribution.is_some() || !self.hellos.suite.facts.key_exchange.uses_ecdhe();
        match message.typ {
            HandshakeType::SERVER_KEY_EXCHANGE if self.contribution.is_none() => {
                self.contribution = Some(self.read(message)?);
                self.hellos.transcript.add_message(message);
                Ok(Client12::Psk(self).into())
            }
            HandshakeType::SERVER_HELLO_DONE if complete => {
                ServerHelloDone::read(message.body).map_err(malformed(message))?;
                self.hellos.transcript.add_message(message);
                self.choose(fx)
            }
            _ if complete => Err(unexpected(message, "ServerHelloDone")),
            _ => Err(unexpected(message, "ServerKeyExchange")),
        }
    }

    fn read(&self, message: &Message<'_>) -> Result<Contribution, Error> {
        let kind = framing(self.hellos.suite.facts.key_exchange);
        match ServerKeyExchange::read(message.body, kind).map_err(malformed(message))? {
            ServerKeyExchange::Psk { psk_identity_hint } => {
                Ok(Contribution { hint: psk_identity_hint.to_vec(), share: None })
            }
            ServerKeyExchange::EcdhePsk { psk_identity_hint, params } => {
                if self.hellos.config.common.provider.group(params.group, Version::V12).is_none() {
                    return Err(PeerMisbehaved::UnofferedGroup.into());
                }
                let share = Some((params.group, params.public.to_vec()));
                Ok(Contribution { hint: psk_identity_hint.to_vec(), share })
            }
            ServerKeyExchange::Ecdhe { .. } => {
                Err(unexpected(message, "ServerKeyExchange with a hint"))
            }
        }
    }

    fn choose(self, fx: &mut dyn Effects) -> Result<State, Error> {
        let hint = self.contribution.as_ref().map_or(&[][..], |it| &it.hint);
        let psk = match self.hellos.config.psk() {
            None => None,
            Some(ClientPsk::One(psk)) => Some(psk.clone()),
            Some(ClientPsk::ByHint { choice, .. }) => choice.choose(hint),
            Some(ClientPsk::Ask { .. }) => {
                fx.ask(Ask::Psk(FindPsk::ByHint(hint.to_vec())));
                return Ok(State::WaitPsk(WaitPsk::Client12(Box::new(self))));
            }
        };
        self.answer(psk, fx)
    }

    /// Sends our flight, if there is a key for this server.
    pub(crate) fn answer(
        self,
        psk: Option<Arc<ExternalPsk>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let psk = psk.ok_or(PeerIncompatible::NoSharedPsk)?;
        let Self { mut hellos, contribution } = self;
        let psk_identity = psk.identity();
        let (master, group) = match contribution.unwrap_or_default().share {
            None => {
                let message = ClientKeyExchange::Psk { psk_identity };
                let premaster = psk_premaster(None, psk.secret());
                (hellos.exchange_keys(&message, premaster.expose(), fx)?, None)
            }
            Some((group, server_share)) => {
                let CompletedKeyExchange { share, secret } =
                    hellos.answer_share(group, &server_share)?;
                let message = ClientKeyExchange::EcdhePsk { psk_identity, public: &share };
                let premaster = psk_premaster(Some(secret.expose()), psk.secret());
                (hellos.exchange_keys(&message, premaster.expose(), fx)?, Some(group))
            }
        };
        let keyed = Keyed {
            hellos,
            shown: PeerIdentity::Nothing,
            group,
            scheme: None,
            psk_identity: Some(psk_identity.to_vec()),
            master,
            peer: PeerAuthenticated::by_psk(&psk),
            resumed: None,
        };
        keyed.finish(fx)
    }
}
