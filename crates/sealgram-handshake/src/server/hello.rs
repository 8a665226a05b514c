//! The ClientHello that was let in, and the choice of the version.
//!
//! ```text
//! ClientHello ──> 1.2 ─────────────────────────────────────────────> v12
//!                 1.3, with a key share that we can use ───────────> v13
//!                 1.3, without ──> HelloRetryRequest, ClientHello ──> v13
//! ```

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;

use sealgram_crypto::{Digest, Secret, Suite};
use sealgram_iana::{
    CipherSuite, CompressionMethod, HandshakeType, NamedGroup, PskKeyExchangeMode, Version,
};
use sealgram_wire::{ClientHello, Group, Message, MessageSeq, Phase, Random};

use super::psk::WaitPsk13;
use super::resume::{Needed, Search, Search12};
use super::{resume, v12, v13};
use crate::early::{self, Judge, ticket_proves_address};
use crate::error::{malformed, unexpected};
use crate::identity::{Answered, check_server};
use crate::machine::{State, WaitCertificate as WaitingCertificate, WaitPsk};
use crate::negotiate::{
    Answers, Choice, Choice13, Method, check_point_formats, choose_v12, choose_v13, choose_version,
    hello_hash, hello_retry_request, shares_psk_suite,
};
use crate::schedule::v13::Log;
use crate::transcript::Transcript;
use crate::{
    Ask, CertificateWanted, CertifiedKey, Effects, Error, Origin, PeerIncompatible, PeerMisbehaved,
    Randoms, ServerConfig,
};

/// Waits for the hello. Its cookie, if it needs one, was verified by the endpoint.
#[derive(Debug)]
pub(crate) struct ExpectHello {
    config: Arc<ServerConfig>,
    origin: Origin,
    retried: Option<Retried>,
}

/// What a HelloRetryRequest has settled, and all that is remembered of the first hello: a
/// stateless endpoint has it from the cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retried {
    /// The suite that was chosen.
    pub suite: CipherSuite,
    /// The group that a share was asked for, if one was.
    pub group: Option<NamedGroup>,
    /// The hash of the first hello, by [`hello_hash`].
    pub hello_hash: Digest,
    /// The body of the request, as [`hello_retry_request`] made it.
    pub request: Box<[u8]>,
}

impl ExpectHello {
    pub(crate) const fn new(
        config: Arc<ServerConfig>,
        origin: Origin,
        retried: Option<Retried>,
    ) -> Self {
        Self { config, origin, retried }
    }

    pub(crate) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        if message.typ != HandshakeType::CLIENT_HELLO {
            return Err(unexpected(message, "ClientHello"));
        }
        let hello = ClientHello::read(message.body).map_err(malformed(message))?;
        self.start(message, &hello, &Answered::default(), fx)
    }

    /// Goes on as far as it can without asking, or with what was `answered` to the end.
    fn start(
        self,
        message: &Message<'_>,
        hello: &ClientHello<'_>,
        answered: &Answered,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match choose_version(self.config.common.versions, hello)? {
            Version::V12 if self.retried.is_some() => Err(PeerMisbehaved::HelloChanged.into()),
            Version::V12 => self.start_v12(message, hello, answered, fx),
            Version::V13 => self.start_v13(message, hello, answered, fx),
        }
    }

    /// Waits for an answer. Nothing was sent yet, so the hello is all that has to be kept, and what
    /// was answered before.
    fn wait(self, message: &Message<'_>, answered: &Answered) -> WaitAnswer {
        let (seq, body) = (message.seq, message.body.into());
        WaitAnswer { expected: self, seq, body, answered: answered.clone() }
    }

    /// Asks which certificate the client shall see.
    fn ask(
        self,
        message: &Message<'_>,
        wanted: CertificateWanted,
        answered: &Answered,
        fx: &mut dyn Effects,
    ) -> State {
        fx.ask(Ask::Certificate(Box::new(wanted)));
        let next = WaitCertificate(self.wait(message, answered));
        State::WaitCertificate(WaitingCertificate::Server(Box::new(next)))
    }

    /// Asks for the session that the client offers as its offer `index`.
    fn ask_session(
        self,
        message: &Message<'_>,
        answered: &Answered,
        index: u16,
        id: [u8; 32],
        fx: &mut dyn Effects,
    ) -> State {
        fx.ask(Ask::Session(id));
        let waiting = self.wait(message, answered);
        State::WaitSession(Box::new(WaitSession { waiting, index }))
    }

    fn start_v12(
        self,
        message: &Message<'_>,
        hello: &ClientHello<'_>,
        answered: &Answered,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let config = self.config.clone();
        let common = &config.common;
        if !hello.compression_methods.contains(&CompressionMethod::NULL.0) {
            return Err(PeerMisbehaved::Compression.into());
        }
        let extensions = &hello.extensions;
        check_point_formats(extensions.ec_point_formats)?;
        // A first handshake has nothing to bind to (RFC 5746 §3.6).
        if extensions.renegotiation_info.is_some_and(|info| !info.is_empty()) {
            return Err(PeerMisbehaved::BadRenegotiationInfo.into());
        }
        if common.require_extended_master_secret && !extensions.extended_master_secret {
            return Err(PeerIncompatible::NoExtendedMasterSecret.into());
        }
        let resumed = match answered.certificate {
            None => resume::find_v12(&config, hello, &answered.sessions),
            // It was asked for because there is no session: nobody has to look again.
            Some(_) => Search12::Over(None),
        };
        let resumed = match resumed {
            Search12::Over(resumed) => resumed,
            Search12::Needs(id) => return Ok(self.ask_session(message, answered, 0, id, fx)),
        };
        // RFC 7627 §5.3: whoever had the extended master secret must not come without it.
        let had_it = resumed.as_ref().is_some_and(|session| session.extended_master_secret);
        if had_it && !extensions.extended_master_secret {
            return Err(PeerIncompatible::NoExtendedMasterSecret.into());
        }
        let choice = match &resumed {
            Some(_) => None,
            None => {
                let wanted = CertificateWanted::by_client(&config, hello, Version::V12);
                let with_psk = shares_psk_suite(&config, hello);
                let nothing_to_show = config.identities.is_empty();
                let candidates = if nothing_to_show || (with_psk && wanted.algorithms.is_empty()) {
                    Cow::default()
                } else {
                    let Some(candidates) = config.identities.candidates(&wanted, answered) else {
                        return Ok(self.ask(message, wanted, answered, fx));
                    };
                    match check_server(&config, &wanted, &candidates) {
                        // There is another way.
                        Err(_) if with_psk => Cow::default(),
                        checked => checked.map(|()| candidates)?,
                    }
                };
                Some(choose_v12(&config, hello, &wanted, &candidates)?)
            }
        };
        let suite = match (&resumed, &choice) {
            (Some(session), _) => common.provider.suite(session.suite),
            (None, choice) => choice.as_ref().map(|choice| choice.suite),
        };
        let suite = suite.ok_or(PeerIncompatible::NoSharedSuite)?;
        let mut answers = Answers::choose(common, extensions)?;
        let mut requests = None;
        if let Some(Choice { method: Method::Certificate { identity, .. }, .. }) = &choice {
            requests = answers.talk_about_types(&config, extensions, identity)?;
        }

        fx.set_version(Version::V12);
        let mut random = server_random(&config)?;
        if common.versions.v13 {
            // Tells a client that speaks 1.3 that it did not get here by our wish (RFC 8446
            // §4.1.3).
            random = random.with_sentinel(Random::DOWNGRADE_TO_1_2);
        }
        let mut transcript = Transcript::new(Version::V12, suite.hash);
        if requests.is_some() {
            transcript.keep_raw();
        }
        transcript.add_message(message);
        let scsv = CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV;
        let takes_tickets = extensions.session_ticket.is_some();
        let keeping = resume::Keeping::choose(&config, takes_tickets)?;
        let session_id = match &resumed {
            // An echo says that the session goes on (RFC 5077 §3.4).
            Some(_) => hello.session_id.to_vec(),
            None => keeping.session_id().to_vec(),
        };
        let hello = v12::Hello {
            session_id,
            keeping,
            randoms: Randoms { client: hello.random.0, server: random.0 },
            suite,
            extended_master_secret: extensions.extended_master_secret,
            signals_renegotiation: extensions.renegotiation_info.is_some()
                || hello.cipher_suites.contains(scsv),
            lists_point_formats: extensions.ec_point_formats.is_some(),
            answers,
            requests,
            transcript,
            config: config.clone(),
        };
        match (choice, resumed) {
            (Some(choice), _) => hello.answer(&choice.method, fx),
            (None, Some(session)) => hello.resume(session, fx),
            (None, None) => Err(PeerIncompatible::NoSharedSuite.into()),
        }
    }

    fn start_v13(
        self,
        message: &Message<'_>,
        hello: &ClientHello<'_>,
        answered: &Answered,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let config = self.config.clone();
        let retried = self.retried.as_ref();
        let origin = self.origin;
        let early = retried.is_none() && ticket_proves_address(&config, message, hello, origin);
        let choice = choose_v13(&config, hello, early)?;
        let Some(share) = choice.share.filter(|_| honours(retried, &choice, hello)) else {
            if retried.is_some() {
                return Err(PeerMisbehaved::HelloChanged.into());
            }
            return retry(config, origin, message, &choice, fx);
        };
        let mut answers = Answers::choose(&config.common, &hello.extensions)?;
        let mut requests = None;

        // A second hello must not offer early data (RFC 8446 §4.1.2).
        if retried.is_some() && hello.extensions.early_data {
            return Err(PeerMisbehaved::HelloChanged.into());
        }
        let mut transcript = match retried {
            Some(retried) => after_retry(choice.suite, retried),
            None => Transcript::new(Version::V13, choice.suite.hash),
        };
        let search = match answered.certificate {
            None => resume::find_v13(&config, message, hello, choice.suite, &transcript, answered)?,
            Some(_) => Search::Over(None),
        };
        let found = match search {
            Search::Over(found) => found,
            Search::Needs(index, Needed::Session(id)) => {
                return Ok(self.ask_session(message, answered, index, id, fx));
            }
            Search::Needs(index, Needed::Psk(find)) => {
                fx.ask(Ask::Psk(find));
                let next = WaitPsk13 { waiting: self.wait(message, answered), index };
                return Ok(State::WaitPsk(WaitPsk::Server13(Box::new(next))));
            }
        };
        let authentication = match found {
            Some(found) => v13::Authentication::Psk(found),
            // A client that accepts no certificate, or a server that has none.
            None if hello.extensions.signature_algorithms.is_none()
                || config.identities.is_empty() =>
            {
                return Err(PeerIncompatible::NoSharedPsk.into());
            }
            None => {
                let wanted = CertificateWanted::by_client(&config, hello, Version::V13);
                let Some(candidates) = config.identities.candidates(&wanted, answered) else {
                    return Ok(self.ask(message, wanted, answered, fx));
                };
                check_server(&config, &wanted, &candidates)?;
                let best = wanted.rank(&candidates).into_iter().next();
                let best = best.ok_or(PeerIncompatible::NoSharedSignatureScheme)?;
                let (identity, scheme) = (best.key.clone(), best.scheme);
                requests = answers.talk_about_types(&config, &hello.extensions, &identity)?;
                v13::Authentication::Certificate { identity, scheme }
            }
        };
        fx.set_version(Version::V13);
        transcript.add_message(message);
        let mut early_data = false;
        if let v13::Authentication::Psk(found) = &authentication {
            let (suite, answers) = (choice.suite, &answers);
            let judge = Judge { config: &config, hello, found, suite, answers, origin };
            let spendable = judge.judge().filter(|_| early);
            if let Some(max) = spendable.and_then(early::Spendable::spend) {
                let key_log = config.common.key_log.as_deref();
                let log = Log { key_log, client_random: &hello.random.0 };
                early::accept(&found.psk, suite, &transcript, max, log, fx)?;
                early_data = true;
            }
        }
        let random = server_random(&config)?;
        let modes = hello.extensions.psk_key_exchange_modes.unwrap_or_default();
        let hello = v13::Hello {
            client_random: hello.random.0,
            suite: choice.suite,
            answers,
            requests,
            transcript,
            takes_tickets: modes.contains(PskKeyExchangeMode::PSK_DHE_KE),
            early_data,
            origin,
            config: config.clone(),
        };
        hello.answer(random, choice.group, share, authentication, fx)
    }
}

/// A hello that cannot be answered before the application has said something.
#[derive(Debug)]
pub(super) struct WaitAnswer {
    expected: ExpectHello,
    seq: MessageSeq,
    /// The hello, which was read once without an error.
    body: Box<[u8]>,
    pub(super) answered: Answered,
}

impl WaitAnswer {
    /// Looks at the hello again, knowing more.
    pub(super) fn go_on(self, fx: &mut dyn Effects) -> Result<State, Error> {
        let Self { expected, seq, body, answered } = self;
        let typ = HandshakeType::CLIENT_HELLO;
        let message = Message { typ, seq, phase: Phase::Plaintext, body: &body };
        let hello = ClientHello::read(message.body).map_err(malformed(&message))?;
        expected.start(&message, &hello, &answered, fx)
    }
}

/// The application chooses the certificate.
#[derive(Debug)]
pub(crate) struct WaitCertificate(WaitAnswer);

impl WaitCertificate {
    pub(crate) fn on_certificate(
        mut self,
        certificate: Option<Arc<CertifiedKey>>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.0.answered.certificate = Some(certificate);
        self.0.go_on(fx)
    }
}

/// The application looks for a session.
#[derive(Debug)]
pub(crate) struct WaitSession {
    waiting: WaitAnswer,
    /// Which of the client's offers it is.
    index: u16,
}

impl WaitSession {
    pub(crate) fn on_session(
        mut self,
        content: Option<Secret>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        self.waiting.answered.sessions.push((self.index, content.map(Arc::new)));
        self.waiting.go_on(fx)
    }
}

fn server_random(config: &ServerConfig) -> Result<Random, Error> {
    let mut random = [0; 32];
    config.common.provider.random.fill(&mut random)?;
    Ok(Random(random))
}

/// Whether a hello is what a HelloRetryRequest has asked for: the same suite still comes out, and
/// of key shares there is the one that was wanted and no other (RFC 8446 §4.1.2).
fn honours(retried: Option<&Retried>, choice: &Choice13<'_>, hello: &ClientHello<'_>) -> bool {
    let Some(retried) = retried else { return true };
    let shares = hello.extensions.key_share.unwrap_or_default();
    let share_is_right = retried
        .group
        .is_none_or(|group| shares.len() == 1 && shares.iter().all(|share| share.group == group));
    retried.suite == choice.suite.id() && share_is_right
}

fn after_retry(suite: &Suite, retried: &Retried) -> Transcript {
    let mut transcript = Transcript::after_retry(suite.hash, &retried.hello_hash);
    // The number is not hashed in 1.3.
    transcript.add(HandshakeType::SERVER_HELLO, MessageSeq(0), &retried.request);
    transcript
}

/// Asks for another key share, on a connection whose address is proven already.
fn retry(
    config: Arc<ServerConfig>,
    origin: Origin,
    message: &Message<'_>,
    choice: &Choice13<'_>,
    fx: &mut dyn Effects,
) -> Result<State, Error> {
    let group = choice.group.name();
    let request = hello_retry_request(choice.suite.id(), Some(group), None);
    fx.set_version(Version::V13);
    fx.send(HandshakeType::SERVER_HELLO, &request, Phase::Plaintext, Group::Flight)?;
    let retried = Retried {
        suite: choice.suite.id(),
        group: Some(group),
        hello_hash: hello_hash(choice.suite, message.body),
        request: request.into_boxed_slice(),
    };
    let next = ExpectHello { config, origin, retried: Some(retried) };
    Ok(State::ServerHello(Box::new(next)))
}
