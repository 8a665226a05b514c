//! A server's 1.3 handshake after the ClientHello (RFC 8446 §2, RFC 9147 §5).
//!
//! ```text
//! <── ServerHello, EncryptedExtensions, CertificateRequest?, Certificate, CertificateVerify,
//!     Finished
//!     Certificate?, CertificateVerify?, Finished ──>
//!     (the client's identity is verified at CertificateVerify; nothing is reported as connected,
//!     and no application data is sent, before)
//! <── ACK, NewSessionTicket...
//! ```
//!
//! A resumed handshake has neither certificates nor signatures.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sealgram_crypto::{
    CompletedKeyExchange, CryptoError, IdentityVerified, KeyExchangeGroup, SignatureVerified, Suite,
};
use sealgram_iana::{
    CertificateType, CompressionMethod, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme, Version,
};
use sealgram_wire::messages13::{CertificateRequest, EncryptedExtensions};
use sealgram_wire::{
    DigitallySigned, DistinguishedName, Group, KeyShareEntry, List, Message, Phase, Random,
    SelectedSrtp, ServerExtensions, ServerHello,
};

use super::resume::{Found, Key, New, TICKETS};
use crate::auth::{self, Identity, PeerAuthenticated};
use crate::error::{malformed, unexpected};
use crate::machine::{State, WaitIdentity as WaitingIdentity, WaitSignature as WaitingSignature};
use crate::negotiate::{Answers, own_record_size_limit};
use crate::post::Connected13;
use crate::schedule::v13::{Application, Early, Handshake, Log, Master};
use crate::shown::{PeerIdentity, certificate_v13};
use crate::transcript::Transcript;
use crate::{
    Ask, CertifiedKey, Effects, Error, KeySource, Negotiated, Origin, PeerMisbehaved, ServerConfig,
    Side, Sign,
};

/// What the ClientHello has settled.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_random: [u8; 32],
    pub(super) suite: &'static Suite,
    pub(super) answers: Answers,
    pub(super) transcript: Transcript,
    /// What the client is asked to show, if it is asked.
    pub(super) requests: Option<CertificateType>,
    /// Whether the client can use tickets.
    pub(super) takes_tickets: bool,
    /// Whether its early data is taken.
    pub(super) early_data: bool,
    pub(super) origin: Origin,
}

/// What the client will know us by.
#[derive(Debug)]
pub(super) enum Authentication {
    /// A certificate, and a signature with its key.
    Certificate { identity: Arc<CertifiedKey>, scheme: SignatureScheme },
    /// A key that both have: of a session, or given beforehand.
    Psk(Box<Found>),
}

/// What is expected next.
#[derive(Debug)]
pub(crate) enum Server13 {
    Certificate(Finished),
    CertificateVerify(ExpectCertificateVerify),
    Finished(ExpectFinished),
}

impl Server13 {
    pub(crate) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match self {
            Self::Certificate(state) => state.on_certificate(message),
            Self::CertificateVerify(state) => state.handle(message, fx),
            Self::Finished(state) => state.handle(message, fx),
        }
    }
}

impl Hello {
    fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        let seq = fx.send(typ, body, phase, Group::Flight)?;
        self.transcript.add(typ, seq, body);
        Ok(())
    }

    fn log(&self) -> Log<'_> {
        let key_log = self.config.common.key_log.as_deref();
        Log { key_log, client_random: &self.client_random }
    }

    /// Sends our flight up to where a signature is needed.
    pub(super) fn answer(
        mut self,
        random: Random,
        group: &dyn KeyExchangeGroup,
        client_share: &[u8],
        authentication: Authentication,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let CompletedKeyExchange { share, secret } =
            group.answer(client_share).map_err(|CryptoError| PeerMisbehaved::BadKeyShare)?;
        let group = group.name();
        let pre_shared_key = match &authentication {
            Authentication::Psk(found) => Some(found.index),
            Authentication::Certificate { .. } => None,
        };
        let body = ServerHello {
            legacy_version: ProtocolVersion::DTLS_1_2,
            random,
            session_id: &[],
            cipher_suite: self.suite.id(),
            compression_method: CompressionMethod::NULL,
            extensions: ServerExtensions {
                supported_versions: Some(ProtocolVersion::DTLS_1_3),
                key_share: Some(KeyShareEntry { group, key_exchange: &share }),
                pre_shared_key,
                ..ServerExtensions::default()
            },
        }
        .encode();
        self.send(HandshakeType::SERVER_HELLO, &body, Phase::Plaintext, fx)?;

        let (early, authentication) = match authentication {
            Authentication::Certificate { identity, scheme } => {
                (Early::without_psk(self.suite.hash), Ok((identity, scheme)))
            }
            Authentication::Psk(found) => {
                let Found { key, psk, .. } = *found;
                (psk.accepted(), Err(key))
            }
        };
        let (schedule, traffic) =
            early.into_handshake(self.suite, secret, &self.transcript.current(), self.log());
        fx.install_read(Phase::Handshake, traffic.client)?;
        fx.install_write(Phase::Handshake, traffic.server)?;

        let answers = &self.answers;
        let extensions = ServerExtensions {
            // Not for a session, which has its name already (RFC 6066 §3).
            server_name: answers.server_name.is_some() && authentication.is_ok(),
            alpn: answers.alpn.as_deref(),
            max_fragment_length: answers.max_fragment_length,
            server_certificate_type: answers.server_certificate_type,
            client_certificate_type: answers.client_certificate_type,
            record_size_limit: answers
                .record_size_limit
                .map(|_| own_record_size_limit(&self.config.common, Version::V13)),
            use_srtp: answers.srtp_profile.map(|profile| SelectedSrtp { profile, mki: &[] }),
            early_data: self.early_data,
            ..ServerExtensions::default()
        };
        let body = EncryptedExtensions { extensions }.encode();
        if let Some(limits) = answers.record_limits(&self.config.common, Version::V13) {
            fx.limit_records(limits);
        }
        self.send(HandshakeType::ENCRYPTED_EXTENSIONS, &body, Phase::Handshake, fx)?;
        let (identity, scheme) = match authentication {
            Ok(certificate) => certificate,
            Err(key) => {
                let client = match key {
                    Key::Session(session) => Client {
                        peer: PeerAuthenticated::by_session(&session),
                        resumed_from: Some(session.authenticated_at),
                        shown: session.peer_identity,
                        psk_identity: session.psk_identity,
                    },
                    Key::External(psk) => Client {
                        peer: PeerAuthenticated::by_psk(&psk),
                        resumed_from: None,
                        shown: PeerIdentity::Nothing,
                        psk_identity: Some(psk.identity().to_vec()),
                    },
                };
                let unfinished = Unfinished { hello: self, schedule, group };
                return Ok(unfinished.finish(None, fx)?.expect_finished(client));
            }
        };
        let requested = self.request_certificate(fx)?;
        let body = certificate_v13(Some(&identity));
        self.send(HandshakeType::CERTIFICATE, &body, Phase::Handshake, fx)?;

        let message = auth::signed_bytes_v13(Side::Server, &self.transcript.current());
        let unfinished = Unfinished { hello: self, schedule, group };
        let next = WaitSignature { unfinished, requested, scheme };
        match &identity.key {
            KeySource::Inline(key) => next.on_signature(key.sign(scheme, &message), fx),
            KeySource::Ask { .. } => {
                fx.ask(Ask::Sign(Sign::new(scheme, message, &identity)));
                Ok(State::WaitSignature(WaitingSignature::Server13(Box::new(next))))
            }
        }
    }

    fn request_certificate(&mut self, fx: &mut dyn Effects) -> Result<bool, Error> {
        let config = self.config.clone();
        let Some(typ) = self.requests else { return Ok(false) };
        let signatures = config.signatures();
        let authorities: Vec<_> =
            config.client_authorities().iter().map(|name| DistinguishedName(name)).collect();
        let body = CertificateRequest {
            signature_algorithms: Some(List::from_slice(signatures.schemes(typ))),
            signature_algorithms_cert: signatures
                .certificates
                .and_then(auth::certificate_schemes)
                .map(List::from_slice),
            certificate_authorities: (!authorities.is_empty())
                .then_some(List::from_slice(&authorities)),
            ..CertificateRequest::default()
        }
        .encode();
        self.send(HandshakeType::CERTIFICATE_REQUEST, &body, Phase::Handshake, fx)?;
        Ok(true)
    }
}

/// Our flight, up to the Finished.
#[derive(Debug)]
struct Unfinished {
    hello: Hello,
    schedule: Handshake,
    group: NamedGroup,
}

impl Unfinished {
    fn finish(
        self,
        scheme: Option<SignatureScheme>,
        fx: &mut dyn Effects,
    ) -> Result<Finished, Error> {
        let Self { mut hello, schedule, group } = self;
        let verify_data = schedule.server_verify_data(&hello.transcript.current());
        hello.send(HandshakeType::FINISHED, verify_data.as_ref(), Phase::Handshake, fx)?;
        let master = schedule.into_master(&hello.transcript.current(), hello.log());
        // Alerts are due under these keys from now on (RFC 8446 §4.4.4).
        fx.install_write(Phase::Application(0), master.traffic().server.current())?;
        Ok(Finished { hello, group, scheme, master })
    }
}

/// Our Certificate is sent; CertificateVerify comes next.
#[derive(Debug)]
pub(crate) struct WaitSignature {
    unfinished: Unfinished,
    /// Whether the client was asked for a certificate.
    requested: bool,
    scheme: SignatureScheme,
}

impl WaitSignature {
    pub(crate) fn on_signature(
        self,
        signature: Result<Vec<u8>, CryptoError>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let Self { mut unfinished, requested, scheme } = self;
        let body = DigitallySigned { scheme, signature: &signature? }.encode();
        let typ = HandshakeType::CERTIFICATE_VERIFY;
        unfinished.hello.send(typ, &body, Phase::Handshake, fx)?;
        let finished = unfinished.finish(Some(scheme), fx)?;
        if requested {
            return Ok(Server13::Certificate(finished).into());
        }
        let peer = PeerAuthenticated::anonymous_client(&finished.hello.config)?;
        Ok(finished.expect_finished(Client::known_by(peer, PeerIdentity::Nothing)))
    }
}

/// We have finished; the client may still be anybody.
#[derive(Debug)]
pub(crate) struct Finished {
    hello: Hello,
    group: NamedGroup,
    scheme: Option<SignatureScheme>,
    master: Master,
}

/// The client, authenticated (or nobody in particular, where that is allowed).
#[derive(Debug)]
struct Client {
    shown: PeerIdentity,
    /// When it showed its certificate, if that was in the session that goes on.
    resumed_from: Option<u64>,
    /// Of the pre-shared key that it has, if that is what it is known by.
    psk_identity: Option<Vec<u8>>,
    peer: PeerAuthenticated,
}

impl Client {
    /// By what it has shown in this handshake.
    const fn known_by(peer: PeerAuthenticated, shown: PeerIdentity) -> Self {
        Self { shown, resumed_from: None, psk_identity: None, peer }
    }
}

impl Finished {
    fn expect_finished(self, client: Client) -> State {
        Server13::Finished(ExpectFinished { finished: self, client }).into()
    }

    fn on_certificate(mut self, message: &Message<'_>) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE {
            return Err(unexpected(message, "Certificate"));
        }
        let typ = self.hello.requests.unwrap_or(CertificateType::X509);
        let shown = PeerIdentity::read_v13(message, typ)?;
        self.hello.transcript.add_message(message);
        if shown.is_nothing() {
            let peer = PeerAuthenticated::anonymous_client(&self.hello.config)?;
            return Ok(self.expect_finished(Client::known_by(peer, shown)));
        }
        let next = ExpectCertificateVerify { finished: self, shown };
        Ok(Server13::CertificateVerify(next).into())
    }
}

#[derive(Debug)]
pub(crate) struct ExpectCertificateVerify {
    finished: Finished,
    shown: PeerIdentity,
}

impl ExpectCertificateVerify {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE_VERIFY {
            return Err(unexpected(message, "CertificateVerify"));
        }
        let Self { mut finished, shown } = self;
        let hello = &mut finished.hello;
        let signature = DigitallySigned::read(message.body).map_err(malformed(message))?;
        let bytes = auth::signed_bytes_v13(Side::Client, &hello.transcript.current());
        let signed = auth::signed(Version::V13, &bytes, &signature);
        let signature = auth::verify_signature(hello.config.signatures(), &shown, &signed)?;
        hello.transcript.add_message(message);
        let identity = auth::verify_client(&hello.config, &shown)?;
        let next = WaitIdentity { finished, shown, signature };
        match identity {
            Identity::Verified(identity) => Ok(next.accept(identity)),
            Identity::Asked(ask) => {
                fx.ask(ask);
                Ok(State::WaitIdentity(WaitingIdentity::Server13(Box::new(next))))
            }
        }
    }
}

/// The client holds the key of its certificate; whether it may come in is not yet known.
#[derive(Debug)]
pub(crate) struct WaitIdentity {
    finished: Finished,
    shown: PeerIdentity,
    signature: SignatureVerified,
}

impl WaitIdentity {
    pub(crate) fn accept(self, identity: IdentityVerified) -> State {
        let peer = PeerAuthenticated::by_certificate(identity, self.signature);
        self.finished.expect_finished(Client::known_by(peer, self.shown))
    }
}

#[derive(Debug)]
pub(crate) struct ExpectFinished {
    finished: Finished,
    client: Client,
}

impl ExpectFinished {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::FINISHED {
            return Err(unexpected(message, "Finished"));
        }
        let Self { finished, client } = self;
        let Client { shown, resumed_from, psk_identity, peer: PeerAuthenticated { .. } } = client;
        let Finished { mut hello, group, scheme, master } = finished;
        let transcript = hello.transcript.current();
        if !master.client_finished_is_right(&transcript, message.body) {
            return Err(PeerMisbehaved::BadFinished.into());
        }
        hello.transcript.add_message(message);
        fx.install_read(Phase::Application(0), master.traffic().client.current())?;
        let application = master.into_application(&hello.transcript.current());
        // The client waits for it: nothing else of ours answers its last flight (RFC 9147 §7.1).
        fx.acknowledge();
        let negotiated = Negotiated {
            version: Version::V13,
            cipher_suite: hello.suite.id(),
            group: Some(group),
            signature_scheme: scheme,
            psk_identity,
            server_name: hello.answers.server_name,
            alpn: hello.answers.alpn,
            srtp_profile: hello.answers.srtp_profile,
            extended_master_secret: true,
            resumed: resumed_from.is_some(),
            early_data: hello.early_data,
        };
        let Application { traffic, exporter, resumption } = application;
        if hello.takes_tickets {
            let terms = hello.config.early_data.as_ref();
            let new = New {
                config: &hello.config,
                negotiated: &negotiated,
                peer_identity: &shown,
                authenticated_at: resumed_from,
                early_data: terms.map(|terms| (terms.max_bytes, terms.binding(hello.origin))),
            };
            for nonce in 0..TICKETS {
                let Some(body) = new.ticket_v13(&resumption, nonce, fx)? else { break };
                let phase = Phase::Application(0);
                fx.send(HandshakeType::NEW_SESSION_TICKET, &body, phase, Group::Ticket)?;
            }
        }
        fx.connected(shown.into_connected(negotiated));
        Ok(State::Connected13(Box::new(Connected13::server(traffic, exporter))))
    }
}

impl From<Server13> for State {
    fn from(state: Server13) -> Self {
        Self::Server13(Box::new(state))
    }
}
