//! A client's 1.3 handshake after the hellos (RFC 8446 §2, RFC 9147 §5).
//!
//! ```text
//!                            <── EncryptedExtensions
//!                            <── CertificateRequest   (if the server wants to know us)
//!                            <── Certificate
//!                            <── CertificateVerify
//!      (the server's identity is verified here, before anything is sent)
//!                            <── Finished
//! Certificate, CertificateVerify ──>                  (if asked for)
//! Finished ──>
//!                            <── ACK
//! ```
//!
//! A resumed handshake goes from EncryptedExtensions to Finished.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::ServerName;
use sealgram_crypto::{CryptoError, IdentityVerified, SharedSecret, SignatureVerified, Suite};
use sealgram_iana::{
    CertificateType, ExtensionType, HandshakeType, NamedGroup, SignatureScheme, Version,
};
use sealgram_wire::messages13::{CertificateRequest, EncryptedExtensions};
use sealgram_wire::{DigitallySigned, Group, Message, Phase};

use super::hello::check_types;
use crate::auth::{self, Identity, PeerAuthenticated};
use crate::error::{malformed, unexpected};
use crate::identity::{Answered, choose_for_server};
use crate::machine::{
    State, WaitCertificate as WaitingCertificate, WaitIdentity as WaitingIdentity,
    WaitSignature as WaitingSignature,
};
use crate::negotiate::{Answers, Offered};
use crate::post::{Connected13, TicketTaker};
use crate::schedule::v13::{Early, Handshake, Log, Master, OfferedPsk, PskKind};
use crate::shown::{PeerIdentity, certificate_v13};
use crate::transcript::Transcript;
use crate::{
    Ask, CertificateWanted, CertifiedKey, ClientConfig, ClientSession, EarlyData, Effects, Error,
    ExternalPsk, KeySource, Negotiated, PeerIncompatible, PeerMisbehaved, Session, Side, Sign,
};

/// What the hellos have settled.
#[derive(Debug)]
pub(crate) struct Hellos {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: Option<ServerName<'static>>,
    pub(super) client_random: [u8; 32],
    pub(super) suite: &'static Suite,
    pub(super) group: NamedGroup,
    pub(super) server_name: Option<Vec<u8>>,
    /// The extensions of our hello.
    pub(super) offered: Vec<ExtensionType>,
    /// Whether our hello offered early data, and nobody has said no.
    pub(super) early_data: bool,
    pub(super) transcript: Transcript,
}

/// What is expected next.
#[derive(Debug)]
pub(crate) enum Client13 {
    EncryptedExtensions(ExpectEncryptedExtensions),
    CertificateOrRequest(Negotiating),
    Certificate(Negotiating),
    CertificateVerify(ExpectCertificateVerify),
    Finished(ExpectFinished),
}

impl Client13 {
    pub(crate) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match self {
            Self::EncryptedExtensions(state) => state.handle(message, fx),
            Self::CertificateOrRequest(state) => match message.typ {
                HandshakeType::CERTIFICATE_REQUEST => state.on_request(message),
                _ => state.on_certificate(message),
            },
            Self::Certificate(state) => state.on_certificate(message),
            Self::CertificateVerify(state) => state.handle(message, fx),
            Self::Finished(state) => state.handle(message, fx),
        }
    }
}

impl Hellos {
    pub(super) fn expect_encrypted_extensions(
        self,
        shared: SharedSecret,
        authentication: Authentication,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let log = log(&self.config, &self.client_random);
        let hash = self.suite.hash;
        let early = match &authentication {
            Authentication::Certificate => Early::without_psk(hash),
            Authentication::Session(kept) => {
                OfferedPsk::new(hash, PskKind::Resumption, &kept.session.secret).accepted()
            }
            Authentication::Psk(psk) => {
                OfferedPsk::new(hash, PskKind::External, psk.secret()).accepted()
            }
        };
        let (schedule, traffic) =
            early.into_handshake(self.suite, shared, &self.transcript.current(), log);
        fx.install_write(Phase::Handshake, traffic.client)?;
        fx.install_read(Phase::Handshake, traffic.server)?;
        let next = ExpectEncryptedExtensions { hellos: self, schedule, authentication };
        Ok(Client13::EncryptedExtensions(next).into())
    }

    fn send(&mut self, typ: HandshakeType, body: &[u8], fx: &mut dyn Effects) -> Result<(), Error> {
        let seq = fx.send(typ, body, Phase::Handshake, Group::LastFlight)?;
        self.transcript.add(typ, seq, body);
        Ok(())
    }
}

fn log<'a>(config: &'a ClientConfig, client_random: &'a [u8; 32]) -> Log<'a> {
    Log { key_log: config.common.key_log.as_deref(), client_random }
}

/// What the server will be known by.
#[derive(Debug)]
pub(super) enum Authentication {
    /// Its certificate and a signature.
    Certificate,
    /// The session that goes on.
    Session(Box<ClientSession>),
    /// The pre-shared key that it has.
    Psk(Arc<ExternalPsk>),
}

#[derive(Debug)]
pub(crate) struct ExpectEncryptedExtensions {
    hellos: Hellos,
    schedule: Handshake,
    authentication: Authentication,
}

impl ExpectEncryptedExtensions {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::ENCRYPTED_EXTENSIONS {
            return Err(unexpected(message, "EncryptedExtensions"));
        }
        let Self { mut hellos, schedule, authentication } = self;
        let read = EncryptedExtensions::read(message.body).map_err(malformed(message))?;
        let extensions = &read.extensions;
        let allowed = [
            ExtensionType::SERVER_NAME,
            ExtensionType::SUPPORTED_GROUPS,
            ExtensionType::USE_SRTP,
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            ExtensionType::RECORD_SIZE_LIMIT,
            ExtensionType::MAX_FRAGMENT_LENGTH,
            ExtensionType::EARLY_DATA,
            ExtensionType::SERVER_CERTIFICATE_TYPE,
            ExtensionType::CLIENT_CERTIFICATE_TYPE,
        ];
        check_types(extensions.types(), &allowed, &hellos.offered)?;
        let offered = Offered { config: &hellos.config, types: &hellos.offered };
        let mut answers = offered.accept(extensions)?;
        answers.server_name = hellos.server_name.take();
        if let Some(limits) = answers.record_limits(&hellos.config.common, Version::V13) {
            fx.limit_records(limits);
        }
        if hellos.early_data {
            hellos.early_data = extensions.early_data;
            let session = match &authentication {
                Authentication::Session(kept) => Some(&kept.session),
                _ => None,
            };
            let same = session.is_some_and(|session| {
                session.suite == hellos.suite.id() && session.alpn == answers.alpn
            });
            // It can be taken only by a server that goes on with the session as it was (RFC 8446
            // §4.2.10).
            if hellos.early_data && !same {
                return Err(PeerMisbehaved::BadExtension(ExtensionType::EARLY_DATA).into());
            }
            fx.early_data(match session {
                Some(session) if hellos.early_data => {
                    EarlyData::Accepted { max: session.max_early_data }
                }
                _ => EarlyData::Rejected,
            });
        }
        hellos.transcript.add_message(message);
        let negotiating = Negotiating { hellos, schedule, answers, request: None };
        match authentication {
            Authentication::Certificate => Ok(Client13::CertificateOrRequest(negotiating).into()),
            Authentication::Session(kept) => negotiating.resume(kept.session),
            Authentication::Psk(psk) => {
                let server = Server {
                    shown: PeerIdentity::Nothing,
                    scheme: None,
                    authenticated_at: None,
                    psk_identity: Some(psk.identity().to_vec()),
                    peer: PeerAuthenticated::by_psk(&psk),
                };
                Ok(Client13::Finished(ExpectFinished { negotiating, server }).into())
            }
        }
    }
}

/// Everything is negotiated; nobody is authenticated.
#[derive(Debug)]
pub(crate) struct Negotiating {
    hellos: Hellos,
    schedule: Handshake,
    answers: Answers,
    /// The server asked for a certificate, and this is what it wants.
    request: Option<CertificateWanted>,
}

impl Negotiating {
    /// The server needs no certificate: it holds the session's key.
    fn resume(self, session: Session) -> Result<State, Error> {
        let Hellos { config, name, .. } = &self.hellos;
        if config.verify_resumed {
            auth::verify_server_again(config, &session.peer_identity, name.as_ref())?;
        }
        let peer = PeerAuthenticated::by_session(&session);
        let authenticated_at = Some(session.authenticated_at);
        let shown = session.peer_identity;
        let psk_identity = session.psk_identity;
        let server = Server { shown, scheme: None, authenticated_at, psk_identity, peer };
        Ok(Client13::Finished(ExpectFinished { negotiating: self, server }).into())
    }

    fn on_request(mut self, message: &Message<'_>) -> Result<State, Error> {
        let request = CertificateRequest::read(message.body).map_err(malformed(message))?;
        // RFC 8446 §4.3.2: the context is for requests after the handshake.
        if !request.certificate_request_context.is_empty() {
            return Err(PeerMisbehaved::BadExtension(ExtensionType::POST_HANDSHAKE_AUTH).into());
        }
        let schemes = request
            .signature_algorithms
            .ok_or(PeerIncompatible::MissingExtension(ExtensionType::SIGNATURE_ALGORITHMS))?;
        let typ = self.answers.client_certificate_type.unwrap_or(CertificateType::X509);
        self.request = Some(CertificateWanted::by_server_v13(&request, schemes, typ));
        self.hellos.transcript.add_message(message);
        Ok(Client13::Certificate(self).into())
    }

    fn on_certificate(mut self, message: &Message<'_>) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE {
            return Err(unexpected(message, "Certificate"));
        }
        let typ = self.answers.server_certificate_type.unwrap_or(CertificateType::X509);
        let shown = PeerIdentity::read_v13(message, typ)?;
        if shown.is_nothing() {
            return Err(PeerMisbehaved::EmptyCertificate.into());
        }
        self.hellos.transcript.add_message(message);
        let next = ExpectCertificateVerify { negotiating: self, shown };
        Ok(Client13::CertificateVerify(next).into())
    }
}

#[derive(Debug)]
pub(crate) struct ExpectCertificateVerify {
    negotiating: Negotiating,
    shown: PeerIdentity,
}

impl ExpectCertificateVerify {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE_VERIFY {
            return Err(unexpected(message, "CertificateVerify"));
        }
        let Self { mut negotiating, shown } = self;
        let hellos = &mut negotiating.hellos;
        let signature = DigitallySigned::read(message.body).map_err(malformed(message))?;
        let bytes = auth::signed_bytes_v13(Side::Server, &hellos.transcript.current());
        let verified = auth::verify_signature(
            hellos.config.signatures(),
            &shown,
            &auth::signed(Version::V13, &bytes, &signature),
        )?;
        hellos.transcript.add_message(message);
        let identity = auth::verify_server(&hellos.config, &shown, hellos.name.as_ref())?;
        let scheme = signature.scheme;
        let next = WaitIdentity { negotiating, shown, scheme, signature: verified };
        match identity {
            Identity::Verified(identity) => Ok(next.accept(identity)),
            Identity::Asked(ask) => {
                fx.ask(ask);
                Ok(State::WaitIdentity(WaitingIdentity::Client13(Box::new(next))))
            }
        }
    }
}

/// The server holds the key of its certificate; whether it is the right one is not yet known.
#[derive(Debug)]
pub(crate) struct WaitIdentity {
    negotiating: Negotiating,
    shown: PeerIdentity,
    scheme: SignatureScheme,
    signature: SignatureVerified,
}

impl WaitIdentity {
    pub(crate) fn accept(self, identity: IdentityVerified) -> State {
        let Self { negotiating, shown, scheme, signature } = self;
        let peer = PeerAuthenticated::by_certificate(identity, signature);
        let scheme = Some(scheme);
        let server = Server { shown, scheme, authenticated_at: None, psk_identity: None, peer };
        Client13::Finished(ExpectFinished { negotiating, server }).into()
    }
}

/// The server, authenticated.
#[derive(Debug)]
struct Server {
    shown: PeerIdentity,
    /// Of its signature, if it signed.
    scheme: Option<SignatureScheme>,
    /// When it showed its certificate, in Unix seconds, if that was in an earlier connection.
    authenticated_at: Option<u64>,
    /// Of the pre-shared key that it has, if that is what it is known by.
    psk_identity: Option<Vec<u8>>,
    peer: PeerAuthenticated,
}

#[derive(Debug)]
pub(crate) struct ExpectFinished {
    negotiating: Negotiating,
    server: Server,
}

impl ExpectFinished {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::FINISHED {
            return Err(unexpected(message, "Finished"));
        }
        let Self { negotiating, server } = self;
        let Negotiating { mut hellos, schedule, answers, request } = negotiating;
        let transcript = hellos.transcript.current();
        if !schedule.server_finished_is_right(&transcript, message.body) {
            return Err(PeerMisbehaved::BadFinished.into());
        }
        hellos.transcript.add_message(message);
        let log = log(&hellos.config, &hellos.client_random);
        let master = schedule.into_master(&hellos.transcript.current(), log);

        let authenticated = Authenticated { hellos, answers, server, master };
        match request {
            None => authenticated.finish(fx),
            Some(wanted) => {
                WaitCertificate { authenticated, wanted }.choose(&Answered::default(), fx)
            }
        }
    }
}

/// The server wants to know us; which certificate it sees is not yet known.
#[derive(Debug)]
pub(crate) struct WaitCertificate {
    authenticated: Authenticated,
    wanted: CertificateWanted,
}

impl WaitCertificate {
    fn choose(self, answered: &Answered, fx: &mut dyn Effects) -> Result<State, Error> {
        let identities = &self.authenticated.hellos.config.identities;
        let Some(shown) = choose_for_server(identities, &self.wanted, answered) else {
            fx.ask(Ask::Certificate(Box::new(self.wanted.clone())));
            return Ok(State::WaitCertificate(WaitingCertificate::Client13(Box::new(self))));
        };
        let mut authenticated = self.authenticated;
        let body = certificate_v13(shown.as_ref().map(|(identity, _)| &**identity));
        authenticated.hellos.send(HandshakeType::CERTIFICATE, &body, fx)?;
        match shown {
            None => authenticated.finish(fx),
            Some((identity, scheme)) => WaitSignature { authenticated, scheme }.sign(&identity, fx),
        }
    }

    pub(crate) fn on_certificate(
        self,
        certificate: Option<Arc<CertifiedKey>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.choose(&Answered { certificate: Some(certificate), ..Answered::default() }, fx)
    }
}

/// The server is who it should be and has finished.
#[derive(Debug)]
struct Authenticated {
    hellos: Hellos,
    answers: Answers,
    server: Server,
    master: Master,
}

/// Our Certificate is sent; CertificateVerify comes next.
#[derive(Debug)]
pub(crate) struct WaitSignature {
    authenticated: Authenticated,
    /// The scheme of our own signature.
    scheme: SignatureScheme,
}

impl WaitSignature {
    fn sign(self, identity: &CertifiedKey, fx: &mut dyn Effects) -> Result<State, Error> {
        let transcript = self.authenticated.hellos.transcript.current();
        let message = auth::signed_bytes_v13(Side::Client, &transcript);
        match &identity.key {
            KeySource::Inline(key) => {
                let signature = key.sign(self.scheme, &message);
                self.on_signature(signature, fx)
            }
            KeySource::Ask { .. } => {
                fx.ask(Ask::Sign(Sign::new(self.scheme, message, identity)));
                Ok(State::WaitSignature(WaitingSignature::Client13(Box::new(self))))
            }
        }
    }

    pub(crate) fn on_signature(
        mut self,
        signature: Result<Vec<u8>, CryptoError>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let body = DigitallySigned { scheme: self.scheme, signature: &signature? }.encode();
        self.authenticated.hellos.send(HandshakeType::CERTIFICATE_VERIFY, &body, fx)?;
        self.authenticated.finish(fx)
    }
}

impl Authenticated {
    fn finish(self, fx: &mut dyn Effects) -> Result<State, Error> {
        let Self { mut hellos, answers, server, master } = self;
        let Server { shown, scheme, authenticated_at, psk_identity, peer } = server;
        let PeerAuthenticated { .. } = peer;
        let verify_data = master.client_verify_data(&hellos.transcript.current());
        hellos.send(HandshakeType::FINISHED, verify_data.as_ref(), fx)?;
        let traffic = master.traffic();
        fx.install_write(Phase::Application(0), traffic.client.current())?;
        fx.install_read(Phase::Application(0), traffic.server.current())?;
        let application = master.into_application(&hellos.transcript.current());
        let negotiated = Negotiated {
            version: Version::V13,
            cipher_suite: hellos.suite.id(),
            group: Some(hellos.group),
            signature_scheme: scheme,
            psk_identity,
            server_name: answers.server_name,
            alpn: answers.alpn,
            srtp_profile: answers.srtp_profile,
            extended_master_secret: true,
            resumed: authenticated_at.is_some(),
            early_data: hellos.early_data,
        };
        let Hellos { config, name, .. } = hellos;
        let tickets = config.sessions.is_some().then(|| {
            let now = config.common.wall_clock.now().as_secs();
            Box::new(TicketTaker {
                config,
                name,
                negotiated: negotiated.clone(),
                peer_identity: shown.clone(),
                authenticated_at: authenticated_at.unwrap_or(now),
            })
        });
        fx.connected(shown.into_connected(negotiated));
        Ok(State::Connected13(Box::new(Connected13::client(application, tickets))))
    }
}

impl From<Client13> for State {
    fn from(state: Client13) -> Self {
        Self::Client13(Box::new(state))
    }
}
