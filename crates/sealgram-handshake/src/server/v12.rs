//! A server's 1.2 handshake after the ClientHello (RFC 5246 §7.3).
//!
//! ```text
//! <── ServerHello, Certificate, ServerKeyExchange, CertificateRequest?, ServerHelloDone
//!     Certificate?, ClientKeyExchange, CertificateVerify?, Finished ──>
//!     (the client's identity is verified at CertificateVerify, before our Finished)
//! <── NewSessionTicket?, Finished
//!
//! resumed:
//! <── ServerHello, NewSessionTicket?, Finished
//!     Finished ──>
//! ```
//!
//! With a pre-shared key the flights up to the client's Finished differ: see `psk`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sealgram_crypto::{ActiveKeyExchange, CryptoError, IdentityVerified, SignatureVerified, Suite};
use sealgram_iana::{
    CertificateType, ClientCertificateType, CompressionMethod, EcPointFormat, HandshakeType,
    NamedGroup, ProtocolVersion, SignatureScheme, Version,
};
use sealgram_wire::messages12::{
    CertificateRequest, ClientKeyExchange, EcdheParams, ServerHelloDone, ServerKeyExchange,
};
use sealgram_wire::{
    DigitallySigned, DistinguishedName, Group, List, Message, Phase, Random, SelectedSrtp,
    ServerExtensions, ServerHello,
};

use super::psk::ExpectPskIdentity;
use super::resume::{Keeping, New};
use crate::auth::{self, Identity, PeerAuthenticated};
use crate::error::{malformed, unexpected};
use crate::machine::{State, WaitIdentity as WaitingIdentity, WaitSignature as WaitingSignature};
use crate::negotiate::{Answers, Method, framing, own_record_size_limit};
use crate::schedule::v12::MasterSecret;
use crate::shown::{PeerIdentity, certificate_v12};
use crate::transcript::Transcript;
use crate::{
    Ask, Effects, Error, KeySource, Negotiated, PeerMisbehaved, Randoms, ServerConfig, Session,
    Side, Sign,
};

/// What the ClientHello has settled.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) config: Arc<ServerConfig>,
    pub(super) randoms: Randoms,
    pub(super) suite: &'static Suite,
    pub(super) extended_master_secret: bool,
    pub(super) signals_renegotiation: bool,
    pub(super) lists_point_formats: bool,
    pub(super) answers: Answers,
    pub(super) transcript: Transcript,
    /// What the client is asked to show, if it is asked.
    pub(super) requests: Option<CertificateType>,
    /// What the ServerHello calls the session; may be empty.
    pub(super) session_id: Vec<u8>,
    pub(super) keeping: Keeping,
}

/// What is expected next.
#[derive(Debug)]
pub(crate) enum Server12 {
    Certificate(Exchange),
    ClientKeyExchange(ExpectClientKeyExchange),
    CertificateVerify(ExpectCertificateVerify),
    PskIdentity(ExpectPskIdentity),
    Finished(ExpectFinished),
}

impl Server12 {
    pub(crate) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match self {
            Self::Certificate(state) => state.on_certificate(message),
            Self::ClientKeyExchange(state) => state.handle(message, fx),
            Self::CertificateVerify(state) => state.handle(message, fx),
            Self::PskIdentity(state) => state.handle(message, fx),
            Self::Finished(state) => state.handle(message, fx),
        }
    }
}

impl Hello {
    pub(super) fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        let seq = fx.send(typ, body, Phase::Plaintext, Group::Flight)?;
        self.transcript.add(typ, seq, body);
        Ok(())
    }

    pub(super) fn send_hello(&mut self, fx: &mut dyn Effects) -> Result<(), Error> {
        let answers = &self.answers;
        let extensions = ServerExtensions {
            max_fragment_length: answers.max_fragment_length,
            server_certificate_type: answers.server_certificate_type,
            client_certificate_type: answers.client_certificate_type,
            record_size_limit: answers
                .record_size_limit
                .map(|_| own_record_size_limit(&self.config.common, Version::V12)),
            session_ticket: self.keeping.promises_ticket(),
            server_name: answers.server_name.is_some(),
            extended_master_secret: self.extended_master_secret,
            renegotiation_info: self.signals_renegotiation.then_some(&[]),
            ec_point_formats: self.lists_point_formats.then_some(&[EcPointFormat::UNCOMPRESSED.0]),
            alpn: answers.alpn.as_deref(),
            use_srtp: answers.srtp_profile.map(|profile| SelectedSrtp { profile, mki: &[] }),
            ..ServerExtensions::default()
        };
        let hello = ServerHello {
            legacy_version: ProtocolVersion::DTLS_1_2,
            random: Random(self.randoms.server),
            session_id: &self.session_id,
            cipher_suite: self.suite.id(),
            compression_method: CompressionMethod::NULL,
            extensions,
        };
        let body = hello.encode();
        if let Some(limits) = self.answers.record_limits(&self.config.common, Version::V12) {
            fx.limit_records(limits);
        }
        self.send(HandshakeType::SERVER_HELLO, &body, fx)
    }

    /// Goes on with an earlier session: both sides finish at once, we first (RFC 5246 §7.3).
    pub(super) fn resume(mut self, session: Session, fx: &mut dyn Effects) -> Result<State, Error> {
        self.send_hello(fx)?;
        let peer = PeerAuthenticated::by_session(&session);
        let master = MasterSecret::resumed(self.suite, self.randoms, session.secret);
        self.log(&master);
        let mut keyed = Keyed {
            hello: self,
            group: None,
            scheme: None,
            psk_identity: session.psk_identity,
            master,
            resumed_from: Some(session.authenticated_at),
        };
        keyed.send_finished(&session.peer_identity, Group::Flight, fx)?;
        keyed.expect_finished(session.peer_identity, peer, fx)
    }

    /// The master secret of all messages so far.
    pub(super) fn master(&self, premaster: &[u8]) -> MasterSecret {
        let session_hash = self.extended_master_secret.then(|| self.transcript.current());
        let master = MasterSecret::new(self.suite, self.randoms, premaster, session_hash.as_ref());
        self.log(&master);
        master
    }

    fn log(&self, master: &MasterSecret) {
        if let Some(log) = &self.config.common.key_log {
            log.log("CLIENT_RANDOM", &self.randoms.client, master.expose());
        }
    }

    /// Sends our flight up to where a signature is needed.
    pub(super) fn answer(mut self, method: &Method, fx: &mut dyn Effects) -> Result<State, Error> {
        let (group, identity, scheme) = match method {
            Method::Certificate { group, identity, scheme } => (group, identity, *scheme),
            Method::Psk { group } => return self.answer_with_psk(*group, fx),
        };
        self.send_hello(fx)?;
        self.send(HandshakeType::CERTIFICATE, &certificate_v12(Some(identity)), fx)?;

        let exchange = group.start()?;
        let params = EcdheParams { group: exchange.group(), public: exchange.share() };
        let Randoms { client, server } = &self.randoms;
        let message = [&client[..], server, &params.encode()].concat();
        let next = Exchange { hello: self, exchange, scheme };
        match &identity.key {
            KeySource::Inline(key) => next.on_signature(key.sign(scheme, &message), fx),
            KeySource::Ask { .. } => {
                fx.ask(Ask::Sign(Sign::new(scheme, message, identity)));
                Ok(State::WaitSignature(WaitingSignature::Server12(Box::new(next))))
            }
        }
    }

    fn request_certificate(&mut self, fx: &mut dyn Effects) -> Result<bool, Error> {
        let config = self.config.clone();
        let Some(typ) = self.requests else { return Ok(false) };
        let authorities: Vec<_> =
            config.client_authorities().iter().map(|name| DistinguishedName(name)).collect();
        let types = [ClientCertificateType::ECDSA_SIGN, ClientCertificateType::RSA_SIGN];
        let body = CertificateRequest {
            certificate_types: List::from_slice(&types),
            supported_signature_algorithms: List::from_slice(config.signatures().schemes(typ)),
            certificate_authorities: List::from_slice(&authorities),
        }
        .encode();
        self.send(HandshakeType::CERTIFICATE_REQUEST, &body, fx)?;
        Ok(true)
    }
}

/// Our share is made; it is sent once it is signed.
#[derive(Debug)]
pub(crate) struct Exchange {
    hello: Hello,
    exchange: Box<dyn ActiveKeyExchange>,
    scheme: SignatureScheme,
}

impl Exchange {
    pub(crate) fn on_signature(
        mut self,
        signature: Result<Vec<u8>, CryptoError>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let body = ServerKeyExchange::Ecdhe {
            params: EcdheParams { group: self.exchange.group(), public: self.exchange.share() },
            signature: DigitallySigned { scheme: self.scheme, signature: &signature? },
        }
        .encode();
        self.hello.send(HandshakeType::SERVER_KEY_EXCHANGE, &body, fx)?;
        let requested = self.hello.request_certificate(fx)?;
        self.hello.send(HandshakeType::SERVER_HELLO_DONE, &ServerHelloDone.encode(), fx)?;
        if requested {
            return Ok(Server12::Certificate(self).into());
        }
        let peer = PeerAuthenticated::anonymous_client(&self.hello.config)?;
        let client = ClientIdentity::Settled(peer);
        Ok(Server12::ClientKeyExchange(ExpectClientKeyExchange { exchange: self, client }).into())
    }

    fn on_certificate(mut self, message: &Message<'_>) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE {
            return Err(unexpected(message, "Certificate"));
        }
        let typ = self.hello.requests.unwrap_or(CertificateType::X509);
        let shown = PeerIdentity::read_v12(message, typ)?;
        let client = if shown.is_nothing() {
            ClientIdentity::Settled(PeerAuthenticated::anonymous_client(&self.hello.config)?)
        } else {
            ClientIdentity::Claimed(shown)
        };
        self.hello.transcript.add_message(message);
        Ok(Server12::ClientKeyExchange(ExpectClientKeyExchange { exchange: self, client }).into())
    }
}

/// Who the client says it is.
#[derive(Debug)]
enum ClientIdentity {
    /// It has no certificate, and needs none.
    Settled(PeerAuthenticated),
    /// It has shown this, which is not nothing, and will prove that the key is its own.
    Claimed(PeerIdentity),
}

#[derive(Debug)]
pub(crate) struct ExpectClientKeyExchange {
    exchange: Exchange,
    client: ClientIdentity,
}

impl ExpectClientKeyExchange {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::CLIENT_KEY_EXCHANGE {
            return Err(unexpected(message, "ClientKeyExchange"));
        }
        let Exchange { mut hello, exchange, scheme } = self.exchange;
        let kind = framing(hello.suite.facts.key_exchange);
        let received = ClientKeyExchange::read(message.body, kind).map_err(malformed(message))?;
        let ClientKeyExchange::Ecdhe { public } = received else {
            return Err(unexpected(message, "ClientKeyExchange with an ECDHE share"));
        };
        let group = exchange.group();
        let secret =
            exchange.complete(public).map_err(|CryptoError| PeerMisbehaved::BadKeyShare)?;
        hello.transcript.add_message(message);
        let master = hello.master(secret.expose());
        let (group, scheme) = (Some(group), Some(scheme));
        let keyed = Keyed { hello, group, scheme, psk_identity: None, master, resumed_from: None };
        match self.client {
            ClientIdentity::Settled(peer) => keyed.expect_finished(PeerIdentity::Nothing, peer, fx),
            ClientIdentity::Claimed(shown) => {
                let next = ExpectCertificateVerify { keyed, shown };
                Ok(Server12::CertificateVerify(next).into())
            }
        }
    }
}

/// The keys are agreed on; the client may still be anybody.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) hello: Hello,
    pub(super) group: Option<NamedGroup>,
    pub(super) scheme: Option<SignatureScheme>,
    /// Of the pre-shared key that was used, now or when the session began.
    pub(super) psk_identity: Option<Vec<u8>>,
    pub(super) master: MasterSecret,
    /// When the client was authenticated, if that was in the session that goes on.
    pub(super) resumed_from: Option<u64>,
}

impl Keyed {
    /// Only now are records under the new keys looked for: CertificateVerify still comes in
    /// plaintext, and handshake messages are expected in one phase at a time.
    pub(super) fn expect_finished(
        self,
        shown: PeerIdentity,
        peer: PeerAuthenticated,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        fx.install_read(Phase::Application(0), self.master.traffic(Side::Client))?;
        Ok(Server12::Finished(ExpectFinished { keyed: self, shown, peer }).into())
    }
}

#[derive(Debug)]
pub(crate) struct ExpectCertificateVerify {
    keyed: Keyed,
    shown: PeerIdentity,
}

impl ExpectCertificateVerify {
    fn handle(mut self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE_VERIFY {
            return Err(unexpected(message, "CertificateVerify"));
        }
        let signature = DigitallySigned::read(message.body).map_err(malformed(message))?;
        let hello = &mut self.keyed.hello;
        let raw = hello.transcript.take_raw();
        let config = hello.config.clone();
        let signed = auth::signed(Version::V12, &raw, &signature);
        let signature = auth::verify_signature(config.signatures(), &self.shown, &signed)?;
        hello.transcript.add_message(message);
        let identity = auth::verify_client(&config, &self.shown)?;
        let next = WaitIdentity { keyed: self.keyed, shown: self.shown, signature };
        match identity {
            Identity::Verified(identity) => next.accept(identity, fx),
            Identity::Asked(ask) => {
                fx.ask(ask);
                Ok(State::WaitIdentity(WaitingIdentity::Server12(Box::new(next))))
            }
        }
    }
}

/// The client holds the key of its certificate; whether it may come in is not yet known.
#[derive(Debug)]
pub(crate) struct WaitIdentity {
    keyed: Keyed,
    shown: PeerIdentity,
    signature: SignatureVerified,
}

impl WaitIdentity {
    pub(crate) fn accept(
        self,
        identity: IdentityVerified,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let peer = PeerAuthenticated::by_certificate(identity, self.signature);
        self.keyed.expect_finished(self.shown, peer, fx)
    }
}

#[derive(Debug)]
pub(crate) struct ExpectFinished {
    keyed: Keyed,
    shown: PeerIdentity,
    peer: PeerAuthenticated,
}

impl ExpectFinished {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::FINISHED {
            return Err(unexpected(message, "Finished"));
        }
        let Self { mut keyed, shown, peer: PeerAuthenticated { .. } } = self;
        let transcript = keyed.hello.transcript.current();
        if !keyed.master.finished_is_right(Side::Client, &transcript, message.body) {
            return Err(PeerMisbehaved::BadFinished.into());
        }
        keyed.hello.transcript.add_message(message);
        if keyed.resumed_from.is_none() {
            keyed.send_finished(&shown, Group::LastFlight, fx)?;
            let negotiated = keyed.negotiated();
            let secret = keyed.master.duplicate_secret();
            keyed.new_session(&negotiated, &shown).keep_v12(&keyed.hello.keeping, secret, fx);
        }
        fx.connected(shown.into_connected(keyed.negotiated()));
        Ok(State::Connected12(keyed.master))
    }
}

impl Keyed {
    /// Sends the ticket, if one was promised, and our Finished.
    fn send_finished(
        &mut self,
        shown: &PeerIdentity,
        group: Group,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        if self.hello.keeping.promises_ticket() {
            let negotiated = self.negotiated();
            let secret = self.master.duplicate_secret();
            let body = self.new_session(&negotiated, shown).ticket_v12(secret);
            self.send(HandshakeType::NEW_SESSION_TICKET, &body, Phase::Plaintext, group, fx)?;
        }
        let phase = Phase::Application(0);
        fx.install_write(phase, self.master.traffic(Side::Server))?;
        let verify_data = self.master.verify_data(Side::Server, &self.hello.transcript.current());
        self.send(HandshakeType::FINISHED, &verify_data, phase, group, fx)
    }

    fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        group: Group,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        let seq = fx.send(typ, body, phase, group)?;
        self.hello.transcript.add(typ, seq, body);
        Ok(())
    }

    fn new_session<'a>(
        &'a self,
        negotiated: &'a Negotiated,
        peer_identity: &'a PeerIdentity,
    ) -> New<'a> {
        let config = &self.hello.config;
        let authenticated_at = self.resumed_from;
        New { config, negotiated, peer_identity, authenticated_at, early_data: None }
    }

    fn negotiated(&self) -> Negotiated {
        let Hello { answers, .. } = &self.hello;
        Negotiated {
            version: Version::V12,
            cipher_suite: self.hello.suite.id(),
            group: self.group,
            signature_scheme: self.scheme,
            psk_identity: self.psk_identity.clone(),
            server_name: answers.server_name.clone(),
            alpn: answers.alpn.clone(),
            srtp_profile: answers.srtp_profile,
            extended_master_secret: self.hello.extended_master_secret,
            resumed: self.resumed_from.is_some(),
            early_data: false,
        }
    }
}

impl From<Server12> for State {
    fn from(state: Server12) -> Self {
        Self::Server12(Box::new(state))
    }
}
