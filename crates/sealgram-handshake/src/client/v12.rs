//! A client's 1.2 handshake after the hellos (RFC 5246 §7.3).
//!
//! ```text
//!                            <── Certificate
//!                            <── ServerKeyExchange
//!                            <── CertificateRequest   (if the server wants to know us)
//!                            <── ServerHelloDone
//!      (the server's identity is verified here, before anything is sent)
//! Certificate, CertificateVerify ──>                  (if asked for)
//! ClientKeyExchange, Finished ──>
//!                            <── NewSessionTicket, Finished
//!
//! resumed:                   <── NewSessionTicket?, Finished
//! Finished ──>
//! ```
//!
//! With a pre-shared key the flights up to our Finished differ: see `psk`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::ServerName;
use sealgram_crypto::{
    CompletedKeyExchange, CryptoError, IdentityVerified, SignatureAlgorithm, SignatureVerified,
    Suite,
};
use sealgram_iana::{CertificateType, HandshakeType, NamedGroup, SignatureScheme, Version};
use sealgram_wire::messages12::{
    CertificateRequest, ClientKeyExchange, NewSessionTicket, ServerHelloDone, ServerKeyExchange,
};
use sealgram_wire::{DigitallySigned, Group, Message, Phase};

use super::psk::PskFlight;
use crate::auth::{self, Identity, PeerAuthenticated};
use crate::error::{malformed, unexpected};
use crate::identity::{Answered, Shown, choose_for_server};
use crate::machine::{
    State, WaitCertificate as WaitingCertificate, WaitIdentity as WaitingIdentity,
    WaitSignature as WaitingSignature,
};
use crate::negotiate::{Answers, framing};
use crate::schedule::v12::MasterSecret;
use crate::session::Facts;
use crate::shown::{PeerIdentity, certificate_v12};
use crate::transcript::Transcript;
use crate::{
    Ask, CertificateWanted, CertifiedKey, ClientConfig, ClientSession, Effects, Error, KeySource,
    Negotiated, PeerMisbehaved, Randoms, Session, Side, Sign,
};

/// What the hellos have settled.
#[derive(Debug)]
pub(crate) struct Hellos {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: Option<ServerName<'static>>,
    pub(super) randoms: Randoms,
    pub(super) suite: &'static Suite,
    pub(super) extended_master_secret: bool,
    pub(super) answers: Answers,
    pub(super) transcript: Transcript,
    /// The server will send a NewSessionTicket (RFC 5077 §3.2).
    pub(super) ticket_promised: bool,
    /// What the server calls this session; empty if it does not keep it.
    pub(super) session_id: Vec<u8>,
}

/// What is expected next.
#[derive(Debug)]
pub(crate) enum Client12 {
    Certificate(Hellos),
    ServerKeyExchange(ExpectServerKeyExchange),
    RequestOrDone(ServerFlight),
    Psk(PskFlight),
    Ticket(ExpectTicket),
    Finished(ExpectFinished),
}

impl Client12 {
    pub(crate) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match self {
            Self::Certificate(state) => state.on_certificate(message),
            Self::ServerKeyExchange(state) => state.handle(message),
            Self::RequestOrDone(state) => state.handle(message, fx),
            Self::Psk(state) => state.handle(message, fx),
            Self::Ticket(state) => state.handle(message, fx),
            Self::Finished(state) => state.handle(message, fx),
        }
    }
}

impl Hellos {
    /// What follows depends on how the suite agrees on keys.
    pub(super) fn expect_server_flight(self) -> State {
        if self.suite.facts.key_exchange.uses_psk() {
            return Client12::Psk(PskFlight::new(self)).into();
        }
        Client12::Certificate(self).into()
    }

    /// The server goes on with the session that was offered (RFC 5246 §7.3, RFC 7627 §5.3).
    pub(super) fn resume(self, kept: ClientSession, fx: &mut dyn Effects) -> Result<State, Error> {
        let session = &kept.session;
        if session.suite != self.suite.id()
            || session.extended_master_secret != self.extended_master_secret
        {
            return Err(PeerMisbehaved::SessionChanged.into());
        }
        if self.config.verify_resumed {
            auth::verify_server_again(&self.config, &session.peer_identity, self.name.as_ref())?;
        }
        let Self { suite, randoms, .. } = self;
        let master = MasterSecret::resumed(suite, randoms, session.secret.duplicate());
        if let Some(log) = &self.config.common.key_log {
            log.log("CLIENT_RANDOM", &randoms.client, master.expose());
        }
        let keyed = Keyed {
            shown: session.peer_identity.clone(),
            group: None,
            scheme: None,
            psk_identity: session.psk_identity.clone(),
            peer: PeerAuthenticated::by_session(session),
            master,
            resumed: Some(kept),
            hellos: self,
        };
        keyed.expect_ticket_or_finished(fx)
    }

    fn on_certificate(mut self, message: &Message<'_>) -> Result<State, Error> {
        if message.typ != HandshakeType::CERTIFICATE {
            return Err(unexpected(message, "Certificate"));
        }
        let typ = self.answers.server_certificate_type.unwrap_or(CertificateType::X509);
        let shown = PeerIdentity::read_v12(message, typ)?;
        if shown.is_nothing() {
            return Err(PeerMisbehaved::EmptyCertificate.into());
        }
        self.transcript.add_message(message);
        let next = ExpectServerKeyExchange { hellos: self, shown };
        Ok(Client12::ServerKeyExchange(next).into())
    }

    /// Our share for the server's, and what both make.
    pub(super) fn answer_share(
        &self,
        group: NamedGroup,
        share: &[u8],
    ) -> Result<CompletedKeyExchange, Error> {
        let group = self.config.common.provider.group(group, Version::V12);
        let group = group.ok_or(PeerMisbehaved::UnofferedGroup)?;
        group.answer(share).map_err(|CryptoError| PeerMisbehaved::BadKeyShare.into())
    }

    /// Sends our part of the exchange and derives the master secret.
    pub(super) fn exchange_keys(
        &mut self,
        message: &ClientKeyExchange<'_>,
        premaster: &[u8],
        fx: &mut dyn Effects,
    ) -> Result<MasterSecret, Error> {
        let typ = HandshakeType::CLIENT_KEY_EXCHANGE;
        self.send(typ, &message.encode(), Phase::Plaintext, fx)?;
        let session_hash = self.extended_master_secret.then(|| self.transcript.current());
        let master = MasterSecret::new(self.suite, self.randoms, premaster, session_hash.as_ref());
        if let Some(log) = &self.config.common.key_log {
            log.log("CLIENT_RANDOM", &self.randoms.client, master.expose());
        }
        Ok(master)
    }

    fn send(
        &mut self,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        self.send_in(Group::Flight, typ, body, phase, fx)
    }

    fn send_in(
        &mut self,
        group: Group,
        typ: HandshakeType,
        body: &[u8],
        phase: Phase,
        fx: &mut dyn Effects,
    ) -> Result<(), Error> {
        let seq = fx.send(typ, body, phase, group)?;
        self.transcript.add(typ, seq, body);
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct ExpectServerKeyExchange {
    hellos: Hellos,
    shown: PeerIdentity,
}

impl ExpectServerKeyExchange {
    fn handle(mut self, message: &Message<'_>) -> Result<State, Error> {
        if message.typ != HandshakeType::SERVER_KEY_EXCHANGE {
            return Err(unexpected(message, "ServerKeyExchange"));
        }
        let kind = self.hellos.suite.facts.key_exchange;
        let exchange =
            ServerKeyExchange::read(message.body, framing(kind)).map_err(malformed(message))?;
        let ServerKeyExchange::Ecdhe { params, signature } = exchange else {
            return Err(unexpected(message, "ServerKeyExchange with ECDHE parameters"));
        };
        let provider = &self.hellos.config.common.provider;
        if provider.group(params.group, Version::V12).is_none() {
            return Err(PeerMisbehaved::UnofferedGroup.into());
        }
        let fits = SignatureAlgorithm::of(signature.scheme).is_some_and(|a| kind.accepts(a));
        if !fits {
            return Err(PeerMisbehaved::UnofferedSignatureScheme.into());
        }
        let Randoms { client, server } = &self.hellos.randoms;
        let signed_bytes = [&client[..], server, &params.encode()].concat();
        let verified = auth::verify_signature(
            self.hellos.config.signatures(),
            &self.shown,
            &auth::signed(Version::V12, &signed_bytes, &signature),
        )?;
        self.hellos.transcript.add_message(message);
        let received = Received {
            group: params.group,
            server_share: params.public.to_vec(),
            scheme: signature.scheme,
            shown: self.shown,
            request: None,
            hellos: self.hellos,
        };
        Ok(Client12::RequestOrDone(ServerFlight { received, signature: verified }).into())
    }
}

/// The server's flight so far. Its signature is right; its identity is not yet verified.
#[derive(Debug)]
pub(crate) struct ServerFlight {
    received: Received,
    signature: SignatureVerified,
}

/// What the server's flight holds.
#[derive(Debug)]
struct Received {
    hellos: Hellos,
    shown: PeerIdentity,
    group: NamedGroup,
    server_share: Vec<u8>,
    scheme: SignatureScheme,
    /// The server asked for a certificate, and this is what it wants.
    request: Option<CertificateWanted>,
}

impl ServerFlight {
    fn handle(mut self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        let received = &mut self.received;
        match message.typ {
            HandshakeType::CERTIFICATE_REQUEST if received.request.is_none() => {
                let request = CertificateRequest::read(message.body).map_err(malformed(message))?;
                let typ = received.hellos.answers.client_certificate_type;
                let typ = typ.unwrap_or(CertificateType::X509);
                received.request = Some(CertificateWanted::by_server_v12(&request, typ));
                received.hellos.transcript.add_message(message);
                Ok(Client12::RequestOrDone(self).into())
            }
            HandshakeType::SERVER_HELLO_DONE => {
                ServerHelloDone::read(message.body).map_err(malformed(message))?;
                received.hellos.transcript.add_message(message);
                self.verify(fx)
            }
            _ => Err(unexpected(message, "CertificateRequest or ServerHelloDone")),
        }
    }

    fn verify(self, fx: &mut dyn Effects) -> Result<State, Error> {
        let Received { hellos, shown, .. } = &self.received;
        match auth::verify_server(&hellos.config, shown, hellos.name.as_ref())? {
            Identity::Verified(identity) => self.accept(identity, fx),
            Identity::Asked(ask) => {
                fx.ask(ask);
                Ok(State::WaitIdentity(WaitingIdentity::Client12(Box::new(self))))
            }
        }
    }

    pub(crate) fn accept(
        self,
        identity: IdentityVerified,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.received.answer(PeerAuthenticated::by_certificate(identity, self.signature), fx)
    }
}

/// The server wants to know us; which certificate it sees is not yet known.
#[derive(Debug)]
pub(crate) struct WaitCertificate {
    received: Received,
    wanted: CertificateWanted,
    peer: PeerAuthenticated,
}

impl WaitCertificate {
    fn choose(self, answered: &Answered, fx: &mut dyn Effects) -> Result<State, Error> {
        let identities = &self.received.hellos.config.identities;
        let Some(shown) = choose_for_server(identities, &self.wanted, answered) else {
            fx.ask(Ask::Certificate(Box::new(self.wanted.clone())));
            return Ok(State::WaitCertificate(WaitingCertificate::Client12(Box::new(self))));
        };
        let Self { mut received, peer, .. } = self;
        let body = certificate_v12(shown.as_ref().map(|(identity, _)| &**identity));
        received.hellos.send(HandshakeType::CERTIFICATE, &body, Phase::Plaintext, fx)?;
        received.exchange_keys(shown, peer, fx)
    }

    pub(crate) fn on_certificate(
        self,
        certificate: Option<Arc<CertifiedKey>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.choose(&Answered { certificate: Some(certificate), ..Answered::default() }, fx)
    }
}

impl Received {
    fn answer(mut self, peer: PeerAuthenticated, fx: &mut dyn Effects) -> Result<State, Error> {
        match self.request.take() {
            None => self.exchange_keys(None, peer, fx),
            Some(wanted) => {
                WaitCertificate { received: self, wanted, peer }.choose(&Answered::default(), fx)
            }
        }
    }

    /// Sends our flight up to where a signature may be needed.
    fn exchange_keys(
        mut self,
        identity: Option<Shown>,
        peer: PeerAuthenticated,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let CompletedKeyExchange { share, secret } =
            self.hellos.answer_share(self.group, &self.server_share)?;
        let message = ClientKeyExchange::Ecdhe { public: &share };
        let master = self.hellos.exchange_keys(&message, secret.expose(), fx)?;

        let raw = self.hellos.transcript.take_raw();
        let Self { hellos, shown, group, scheme, .. } = self;
        let (group, scheme) = (Some(group), Some(scheme));
        let psk_identity = None;
        let keyed =
            Keyed { hellos, shown, group, scheme, psk_identity, master, peer, resumed: None };
        match identity {
            None => keyed.finish(fx),
            Some((identity, scheme)) => WaitSignature { keyed, scheme }.sign(&identity, raw, fx),
        }
    }
}

/// The keys are agreed on with an authenticated server.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) hellos: Hellos,
    pub(super) shown: PeerIdentity,
    pub(super) group: Option<NamedGroup>,
    pub(super) scheme: Option<SignatureScheme>,
    /// Of the pre-shared key that was used, now or when the session began.
    pub(super) psk_identity: Option<Vec<u8>>,
    pub(super) master: MasterSecret,
    pub(super) peer: PeerAuthenticated,
    /// The session that goes on, if one does.
    pub(super) resumed: Option<ClientSession>,
}

/// Everything is sent but CertificateVerify and Finished.
#[derive(Debug)]
pub(crate) struct WaitSignature {
    keyed: Keyed,
    /// The scheme of our own signature.
    scheme: SignatureScheme,
}

impl WaitSignature {
    fn sign(
        self,
        identity: &CertifiedKey,
        message: Vec<u8>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match &identity.key {
            KeySource::Inline(key) => {
                let signature = key.sign(self.scheme, &message);
                self.on_signature(signature, fx)
            }
            KeySource::Ask { .. } => {
                fx.ask(Ask::Sign(Sign::new(self.scheme, message, identity)));
                Ok(State::WaitSignature(WaitingSignature::Client12(Box::new(self))))
            }
        }
    }

    pub(crate) fn on_signature(
        mut self,
        signature: Result<Vec<u8>, CryptoError>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let body = DigitallySigned { scheme: self.scheme, signature: &signature? }.encode();
        let typ = HandshakeType::CERTIFICATE_VERIFY;
        self.keyed.hellos.send(typ, &body, Phase::Plaintext, fx)?;
        self.keyed.finish(fx)
    }
}

impl Keyed {
    /// Sends our Finished, ahead of the server's.
    pub(super) fn finish(mut self, fx: &mut dyn Effects) -> Result<State, Error> {
        self.send_finished(Group::Flight, fx)?;
        self.expect_ticket_or_finished(fx)
    }

    fn send_finished(&mut self, group: Group, fx: &mut dyn Effects) -> Result<(), Error> {
        let phase = Phase::Application(0);
        fx.install_write(phase, self.master.traffic(Side::Client))?;
        let transcript = self.hellos.transcript.current();
        let verify_data = self.master.verify_data(Side::Client, &transcript);
        self.hellos.send_in(group, HandshakeType::FINISHED, &verify_data, phase, fx)
    }

    fn expect_ticket_or_finished(self, fx: &mut dyn Effects) -> Result<State, Error> {
        if self.hellos.ticket_promised {
            return Ok(Client12::Ticket(ExpectTicket(self)).into());
        }
        self.expect_finished(Vec::new(), 0, fx)
    }

    /// Only now are records under the new keys looked for: a ticket still comes in plaintext.
    fn expect_finished(
        self,
        ticket: Vec<u8>,
        lifetime: u32,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        fx.install_read(Phase::Application(0), self.master.traffic(Side::Server))?;
        Ok(Client12::Finished(ExpectFinished { keyed: self, ticket, lifetime }).into())
    }
}

/// The server gives us a ticket, before its Finished.
#[derive(Debug)]
pub(crate) struct ExpectTicket(Keyed);

impl ExpectTicket {
    fn handle(mut self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::NEW_SESSION_TICKET {
            return Err(unexpected(message, "NewSessionTicket"));
        }
        let ticket = NewSessionTicket::read(message.body).map_err(malformed(message))?;
        self.0.hellos.transcript.add_message(message);
        // No hint means that the client decides (RFC 5077 §3.3).
        let lifetime = match ticket.ticket_lifetime_hint {
            0 => DEFAULT_LIFETIME,
            hint => hint,
        };
        self.0.expect_finished(ticket.ticket.to_vec(), lifetime, fx)
    }
}

/// How long a session is kept if the server does not say, in seconds: a day (RFC 5246 §F.1.4).
const DEFAULT_LIFETIME: u32 = 24 * 60 * 60;

/// Only the server's Finished is missing.
#[derive(Debug)]
pub(crate) struct ExpectFinished {
    keyed: Keyed,
    /// What the server has just given us; may be empty.
    ticket: Vec<u8>,
    lifetime: u32,
}

impl ExpectFinished {
    fn handle(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        if message.typ != HandshakeType::FINISHED {
            return Err(unexpected(message, "Finished"));
        }
        let Self { mut keyed, ticket, lifetime } = self;
        let transcript = keyed.hellos.transcript.current();
        if !keyed.master.finished_is_right(Side::Server, &transcript, message.body) {
            return Err(PeerMisbehaved::BadFinished.into());
        }
        let resumed = keyed.resumed.is_some();
        if resumed {
            // The server has finished first.
            keyed.hellos.transcript.add_message(message);
            keyed.send_finished(Group::LastFlight, fx)?;
        }
        let negotiated = Negotiated {
            version: Version::V12,
            cipher_suite: keyed.hellos.suite.id(),
            group: keyed.group,
            signature_scheme: keyed.scheme,
            psk_identity: keyed.psk_identity.take(),
            server_name: keyed.hellos.answers.server_name.clone(),
            alpn: keyed.hellos.answers.alpn.clone(),
            srtp_profile: keyed.hellos.answers.srtp_profile,
            extended_master_secret: keyed.hellos.extended_master_secret,
            resumed,
            early_data: false,
        };
        keyed.keep_session(&negotiated, ticket, lifetime);
        let Keyed { shown, master, peer: PeerAuthenticated { .. }, .. } = keyed;
        fx.connected(shown.into_connected(negotiated));
        Ok(State::Connected12(master))
    }
}

impl Keyed {
    /// Puts the session where the next connection to this server finds it.
    fn keep_session(&mut self, negotiated: &Negotiated, ticket: Vec<u8>, lifetime: u32) {
        let Some(store) = &self.hellos.config.sessions else { return };
        let now = self.hellos.config.common.wall_clock.now();
        let name = self.hellos.name.as_ref();
        let kept = match self.resumed.take() {
            // 1.2 sessions may be resumed many times, and this one was not replaced.
            Some(kept) if ticket.is_empty() => Some(kept),
            resumed => {
                let authenticated_at =
                    resumed.map_or(now.as_secs(), |kept| kept.session.authenticated_at);
                let id =
                    if ticket.is_empty() { self.hellos.session_id.clone() } else { Vec::new() };
                let lifetime = if lifetime == 0 { DEFAULT_LIFETIME } else { lifetime };
                let facts = Facts {
                    peer_identity: &self.shown,
                    authenticated_at,
                    now,
                    lifetime,
                    age_add: 0,
                    max_early_data: 0,
                    early_binding: None,
                };
                let session = Session::new(negotiated, self.master.duplicate_secret(), &facts);
                let of_use = !ticket.is_empty() || !id.is_empty();
                of_use.then_some(ClientSession { session, ticket, id })
            }
        };
        if let Some(kept) = kept {
            store.put(name, kept);
        }
    }
}

impl From<Client12> for State {
    fn from(state: Client12) -> Self {
        Self::Client12(Box::new(state))
    }
}
