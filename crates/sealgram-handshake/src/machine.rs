//! The state machine of either side, as the facade drives it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::ServerName;
use sealgram_crypto::{CryptoError, IdentityVerified};
use sealgram_wire::Message;

use crate::client::{self, Client12, Client13, HelloSent};
use crate::error::unexpected;
use crate::post::Connected13;
use crate::schedule::Exporter;
use crate::schedule::v12::MasterSecret;
use crate::server::{self, ExpectHello, Retried, Server12, Server13};
use crate::{
    Answer, CertifiedKey, ClientConfig, Effects, Error, ExternalPsk, Origin, ServerConfig,
};

/// A handshake, and what remains of it afterwards.
#[derive(Debug)]
pub struct Handshake(State);

/// Where a handshake stands. Boxed, because the states differ in size, and a connection that is
/// done should not keep the space of the largest.
#[derive(Debug)]
pub(crate) enum State {
    ClientHello(Box<HelloSent>),
    Client12(Box<Client12>),
    Client13(Box<Client13>),
    ServerHello(Box<ExpectHello>),
    Server12(Box<Server12>),
    Server13(Box<Server13>),
    WaitIdentity(WaitIdentity),
    WaitSignature(WaitSignature),
    WaitCertificate(WaitCertificate),
    WaitPsk(WaitPsk),
    WaitSession(Box<server::WaitSession>),
    /// Done with 1.2: what is left is what exporters need.
    Connected12(MasterSecret),
    /// Done with 1.3: key updates, tickets and exporters.
    Connected13(Box<Connected13>),
    /// After an error: nothing more is handled.
    Over,
}

/// The application looks at the peer's identity.
#[derive(Debug)]
pub(crate) enum WaitIdentity {
    Client12(Box<client::WaitIdentity12>),
    Client13(Box<client::WaitIdentity13>),
    Server12(Box<server::WaitIdentity12>),
    Server13(Box<server::WaitIdentity13>),
}

impl WaitIdentity {
    fn accept(self, identity: IdentityVerified, fx: &mut dyn Effects) -> Result<State, Error> {
        match self {
            Self::Client12(state) => state.accept(identity, fx),
            Self::Client13(state) => Ok(state.accept(identity)),
            Self::Server12(state) => state.accept(identity, fx),
            Self::Server13(state) => Ok(state.accept(identity)),
        }
    }
}

/// The application signs.
#[derive(Debug)]
pub(crate) enum WaitSignature {
    Client12(Box<client::WaitSignature12>),
    Client13(Box<client::WaitSignature13>),
    Server12(Box<server::WaitSignature12>),
    Server13(Box<server::WaitSignature13>),
}

impl WaitSignature {
    fn on_signature(
        self,
        signature: Result<Vec<u8>, CryptoError>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match self {
            Self::Client12(state) => state.on_signature(signature, fx),
            Self::Client13(state) => state.on_signature(signature, fx),
            Self::Server12(state) => state.on_signature(signature, fx),
            Self::Server13(state) => state.on_signature(signature, fx),
        }
    }
}

/// The application chooses the certificate that we show.
#[derive(Debug)]
pub(crate) enum WaitCertificate {
    Client12(Box<client::WaitCertificate12>),
    Client13(Box<client::WaitCertificate13>),
    Server(Box<server::WaitCertificate>),
}

impl WaitCertificate {
    fn on_certificate(
        self,
        certificate: Option<Arc<CertifiedKey>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match self {
            Self::Client12(state) => state.on_certificate(certificate, fx),
            Self::Client13(state) => state.on_certificate(certificate, fx),
            Self::Server(state) => state.on_certificate(certificate, fx),
        }
    }
}

/// The application looks for a pre-shared key.
#[derive(Debug)]
pub(crate) enum WaitPsk {
    Client12(Box<client::PskFlight12>),
    Server12(Box<server::WaitPsk12>),
    Server13(Box<server::WaitPsk13>),
}

impl WaitPsk {
    fn on_psk(self, psk: Option<Arc<ExternalPsk>>, fx: &mut dyn Effects) -> Result<State, Error> {
        match self {
            Self::Client12(state) => state.answer(psk, fx),
            Self::Server12(state) => state.on_psk(psk, fx),
            Self::Server13(state) => state.on_psk(psk, fx),
        }
    }
}

impl State {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<Self, Error> {
        match self {
            Self::ClientHello(state) => state.handle(message, fx),
            Self::Client12(state) => state.handle(message, fx),
            Self::Client13(state) => state.handle(message, fx),
            Self::ServerHello(state) => state.handle(message, fx),
            Self::Server12(state) => state.handle(message, fx),
            Self::Server13(state) => state.handle(message, fx),
            Self::Connected13(mut connected) => {
                connected.handle(message, fx)?;
                Ok(Self::Connected13(connected))
            }
            Self::WaitIdentity(_)
            | Self::WaitSignature(_)
            | Self::WaitCertificate(_)
            | Self::WaitPsk(_)
            | Self::WaitSession(_)
            | Self::Connected12(_) => Err(unexpected(message, "no handshake message")),
            Self::Over => Ok(Self::Over),
        }
    }

    const fn waits_for(&self, answer: &Answer) -> bool {
        matches!(
            (self, answer),
            (Self::WaitIdentity(_), Answer::VerifyPeer(_))
                | (Self::WaitSignature(_), Answer::Sign(_))
                | (Self::WaitCertificate(_), Answer::Certificate(_))
                | (Self::WaitPsk(_), Answer::Psk(_))
                | (Self::WaitSession(_), Answer::Session(_))
        )
    }

    fn resolve(self, answer: Answer, fx: &mut dyn Effects) -> Result<Self, Error> {
        match (self, answer) {
            (Self::WaitIdentity(state), Answer::VerifyPeer(verified)) => {
                state.accept(verified?, fx)
            }
            (Self::WaitSignature(state), Answer::Sign(signature)) => {
                state.on_signature(signature, fx)
            }
            (Self::WaitCertificate(state), Answer::Certificate(certificate)) => {
                state.on_certificate(certificate, fx)
            }
            (Self::WaitPsk(state), Answer::Psk(psk)) => state.on_psk(psk, fx),
            (Self::WaitSession(state), Answer::Session(content)) => state.on_session(content, fx),
            (state, _) => Ok(state),
        }
    }
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
        let state = HelloSent::start(config, name, fx)?;
        Ok(Self(State::ClientHello(Box::new(state))))
    }

    /// Starts a server's handshake: it waits for the ClientHello, whose cookie, if one is needed,
    /// was verified before. `retried` is what a 1.3 cookie carried.
    #[must_use]
    pub fn server(config: Arc<ServerConfig>, origin: Origin, retried: Option<Retried>) -> Self {
        Self(State::ServerHello(Box::new(ExpectHello::new(config, origin, retried))))
    }

    /// Handles the next message. After an error the handshake is over.
    pub fn handle(&mut self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<(), Error> {
        self.0 = core::mem::replace(&mut self.0, State::Over).handle(message, fx)?;
        Ok(())
    }

    /// Whether this kind of answer is waited for.
    #[must_use]
    pub const fn waits_for(&self, answer: &Answer) -> bool {
        self.0.waits_for(answer)
    }

    /// Handles the answer to the one open [`Ask`](crate::Ask). An answer that is not
    /// [waited for](Self::waits_for) changes nothing.
    pub fn resolve(&mut self, answer: Answer, fx: &mut dyn Effects) -> Result<(), Error> {
        self.0 = core::mem::replace(&mut self.0, State::Over).resolve(answer, fx)?;
        Ok(())
    }

    /// A KeyUpdate of ours, and everything sent before it, was acknowledged.
    pub fn on_key_update_acked(&mut self, fx: &mut dyn Effects) -> Result<(), Error> {
        match &mut self.0 {
            State::Connected13(connected) => connected.on_key_update_acked(fx),
            _ => Ok(()),
        }
    }

    /// Starts an update of our keys, and with `peer_too` of the peer's. `false` if there is no
    /// such thing here: before the handshake is complete, in 1.2, and when all 65,532 updates
    /// have been made.
    pub fn update_keys(&mut self, peer_too: bool, fx: &mut dyn Effects) -> Result<bool, Error> {
        match &mut self.0 {
            State::Connected13(connected) => connected.update_keys(peer_too, fx),
            _ => Ok(false),
        }
    }

    /// Keying material for the application (RFC 5705, RFC 8446 §7.5). `false` before the
    /// handshake is complete, and if label or length are outside of what the version allows.
    #[must_use]
    pub fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) -> bool {
        let exporter = match &self.0 {
            State::Connected12(master) => Exporter::V12(master),
            State::Connected13(connected) => Exporter::V13(connected.exporter()),
            _ => return false,
        };
        exporter.export(out, label, context)
    }
}
