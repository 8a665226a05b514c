//! The ClientHello and what may answer it.
//!
//! ```text
//! ClientHello ──>
//!             <── HelloVerifyRequest        (1.2: a few times)
//!             <── HelloRetryRequest         (1.3: once)
//! ClientHello + cookie, share ──>
//!             <── ServerHello ... -> v12 | v13
//! ```

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::ServerName;
use sealgram_crypto::{ActiveKeyExchange, Hash, Suite};
use sealgram_iana::{
    CertificateType, CompressionMethod, EcPointFormat, ExtensionType, HandshakeType, NamedGroup,
    ProtocolVersion, PskKeyExchangeMode, Version,
};
use sealgram_wire::{
    ClientExtensions, ClientHello, Extension, Group, HelloVerifyRequest, KeyShareEntry, List,
    MAX_SESSION_ID, Message, MessageSeq, OfferedPsks, Phase, ProtocolName, PskBinderEntry,
    PskIdentity, Random, ServerHello, UseSrtp, Writer,
};

use super::{v12, v13};
use crate::auth;
use crate::early;
use crate::error::{malformed, unexpected};
use crate::machine::State;
use crate::negotiate::{Offered, own_record_size_limit};
use crate::psk::PSK_HASH;
use crate::schedule::v13::{Log, OfferedPsk, PskKind};
use crate::transcript::Transcript;
use crate::{
    ClientConfig, ClientPsk, ClientSession, CommonConfig, EarlyData, Effects, Error, ExternalPsk,
    PeerIncompatible, PeerMisbehaved, Randoms, ServerVerification, Session,
};

/// How many HelloVerifyRequests are answered. An honest server sends one, or a second one if its
/// cookie expired meanwhile; a forger could send any number, each worth a ClientHello from us.
const MAX_HELLO_VERIFY_REQUESTS: u8 = 4;

/// The hello is out.
#[derive(Debug)]
pub(crate) struct HelloSent {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    random: Random,
    /// One for each key share in the hello. None if 1.3 is not offered.
    shares: Vec<Box<dyn ActiveKeyExchange>>,
    hello: SentHello,
    requests_answered: u8,
    retry: Option<Retry>,
    offer: Option<Offer>,
    /// Whether the hello offers early data.
    early_data: bool,
}

/// The session that the hello offers to resume.
#[derive(Debug)]
struct Offer {
    kept: ClientSession,
    suite: &'static Suite,
    /// 1.2: what the server echoes if it resumes. With a ticket it is made up (RFC 5077 §3.4).
    session_id: Vec<u8>,
}

impl Offer {
    fn psk(&self) -> OfferedPsk {
        OfferedPsk::new(self.suite.hash, PskKind::Resumption, &self.kept.session.secret)
    }
}

/// A hello as it was sent.
#[derive(Debug)]
struct SentHello {
    seq: MessageSeq,
    body: Vec<u8>,
    /// The extensions in it: the server may answer these and no others.
    types: Vec<ExtensionType>,
}

/// What a HelloRetryRequest has settled (RFC 8446 §4.1.4).
#[derive(Debug)]
struct Retry {
    suite: &'static Suite,
    /// The hash of the first hello and the request; the second hello comes next.
    transcript: Transcript,
}

/// What varies between the hellos of one handshake.
#[derive(Clone, Copy, Default)]
struct Variable<'a> {
    /// Of a HelloVerifyRequest, which servers of 1.3 do not send.
    legacy_cookie: Option<&'a [u8]>,
    /// Of a HelloRetryRequest.
    cookie: Option<&'a [u8]>,
}

impl HelloSent {
    pub(crate) fn start(
        config: Arc<ClientConfig>,
        name: Option<ServerName<'static>>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        let mut random = [0; 32];
        config.common.provider.random.fill(&mut random)?;
        let random = Random(random);
        let shares = first_shares(&config)?;
        let offer = take_session(&config, name.as_ref())?;
        let parts = Parts {
            config: &config,
            name: name.as_ref(),
            random,
            shares: &shares,
            offer: offer.as_ref(),
            before: None,
            early_data: false,
        };
        let max = match &offer {
            Some(Offer { kept, .. }) if kept.session.version == Version::V13 => {
                early::offered(&config, name.as_ref(), &kept.session)
            }
            _ => 0,
        };
        let early_data = max > 0;
        let hello = Parts { early_data, ..parts }.send(Variable::default(), fx)?;
        if let Some(offer) = offer.as_ref().filter(|_| early_data) {
            let mut transcript = Transcript::new(Version::V13, offer.suite.hash);
            transcript.add(HandshakeType::CLIENT_HELLO, hello.seq, &hello.body);
            let log = Log { key_log: config.common.key_log.as_deref(), client_random: &random.0 };
            let psk = offer.psk();
            fx.install_write(Phase::EarlyData, early::secret(&psk, offer.suite, &transcript, log))?;
            fx.early_data(EarlyData::Offered { max });
        }
        let (requests_answered, retry) = (0, None);
        Ok(Self {
            config,
            name,
            random,
            shares,
            hello,
            requests_answered,
            retry,
            offer,
            early_data,
        })
    }

    pub(crate) fn handle(
        self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        match message.typ {
            HandshakeType::HELLO_VERIFY_REQUEST if self.retry.is_none() => {
                let next = self.answer_request(message, fx)?;
                Ok(State::ClientHello(Box::new(next)))
            }
            HandshakeType::SERVER_HELLO => self.on_server_hello(message, fx),
            _ => Err(unexpected(message, "ServerHello or HelloVerifyRequest")),
        }
    }

    /// Sends the same hello again with the cookie (RFC 6347 §4.2.1). Neither the request nor the
    /// hello it answers is part of the transcript. Only 1.2 servers send such a request.
    fn answer_request(
        mut self,
        message: &Message<'_>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        if !self.config.common.versions.v12 {
            return Err(PeerIncompatible::NoSharedVersion.into());
        }
        let request = HelloVerifyRequest::read(message.body).map_err(malformed(message))?;
        self.requests_answered = self.requests_answered.saturating_add(1);
        if self.requests_answered > MAX_HELLO_VERIFY_REQUESTS {
            return Err(PeerMisbehaved::TooManyHelloVerifyRequests.into());
        }
        let variable = Variable { legacy_cookie: Some(request.cookie), ..Variable::default() };
        self.hello = self.send_again(variable, fx)?;
        Ok(self)
    }

    fn send_again(&self, variable: Variable<'_>, fx: &mut dyn Effects) -> Result<SentHello, Error> {
        let parts = Parts {
            config: &self.config,
            name: self.name.as_ref(),
            random: self.random,
            shares: &self.shares,
            offer: self.offer.as_ref(),
            before: self.retry.as_ref().map(|retry| &retry.transcript),
            early_data: self.early_data,
        };
        parts.send(variable, fx)
    }

    fn on_server_hello(self, message: &Message<'_>, fx: &mut dyn Effects) -> Result<State, Error> {
        let hello = ServerHello::read(message.body).map_err(malformed(message))?;
        match self.check_version(&hello)? {
            Version::V12 => self.start_v12(message, &hello, fx),
            Version::V13 if hello.is_hello_retry_request() => {
                let next = self.answer_retry(message, &hello, fx)?;
                Ok(State::ClientHello(Box::new(next)))
            }
            Version::V13 => self.start_v13(message, &hello, fx),
        }
    }

    /// The version that the server chose (RFC 8446 §4.2.1).
    fn check_version(&self, hello: &ServerHello<'_>) -> Result<Version, Error> {
        let versions = self.config.common.versions;
        if hello.legacy_version != ProtocolVersion::DTLS_1_2 {
            return Err(PeerMisbehaved::UnofferedVersion.into());
        }
        match hello.extensions.supported_versions {
            Some(chosen) => {
                // A server that has sent a HelloVerifyRequest does not speak 1.3.
                let offered = versions.v13 && self.requests_answered == 0;
                if chosen != ProtocolVersion::DTLS_1_3 || !offered {
                    return Err(
                        PeerMisbehaved::BadExtension(ExtensionType::SUPPORTED_VERSIONS).into()
                    );
                }
                Ok(Version::V13)
            }
            None if !versions.v12 || self.retry.is_some() || hello.is_hello_retry_request() => {
                Err(PeerMisbehaved::UnofferedVersion.into())
            }
            // RFC 8446 §4.1.3: the server says in its random that it could have spoken 1.3.
            None if versions.v13
                && (hello.random.has_sentinel(Random::DOWNGRADE_TO_1_2)
                    || hello.random.has_sentinel(Random::DOWNGRADE_BELOW_1_2)) =>
            {
                Err(PeerMisbehaved::DowngradeDetected.into())
            }
            None => Ok(Version::V12),
        }
    }

    fn offered_suite(
        &self,
        hello: &ServerHello<'_>,
        version: Version,
    ) -> Result<&'static Suite, Error> {
        if hello.compression_method != CompressionMethod::NULL {
            return Err(PeerMisbehaved::Compression.into());
        }
        let suite = self.config.common.provider.suite(hello.cipher_suite);
        let suite = suite.filter(|suite| {
            suite.facts.version == version
                && self.config.verification.fits(suite.facts.key_exchange)
        });
        suite.ok_or_else(|| PeerMisbehaved::UnofferedSuite.into())
    }

    fn start_v12(
        self,
        message: &Message<'_>,
        hello: &ServerHello<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let suite = self.offered_suite(hello, Version::V12)?;
        // RFC 8446 §D.3: the server that gave the ticket spoke 1.3.
        if self.early_data {
            return Err(PeerMisbehaved::UnofferedVersion.into());
        }
        let Self { config, name, random, hello: sent, offer, .. } = self;
        let common = &config.common;
        let offered = Offered { config: &config, types: &sent.types };
        let mut answers = offered.accept(&hello.extensions)?;
        answers.server_name = sent_name(&config, name.as_ref()).map(<[u8]>::to_vec);
        // A first handshake has nothing to bind to (RFC 5746 §3.4).
        if hello.extensions.renegotiation_info.is_some_and(|info| !info.is_empty()) {
            return Err(PeerMisbehaved::BadRenegotiationInfo.into());
        }
        let extended_master_secret = hello.extensions.extended_master_secret;
        if common.require_extended_master_secret && !extended_master_secret {
            return Err(PeerIncompatible::NoExtendedMasterSecret.into());
        }

        fx.set_version(Version::V12);
        if let Some(limits) = answers.record_limits(common, Version::V12) {
            fx.limit_records(limits);
        }
        let mut transcript = Transcript::new(Version::V12, suite.hash);
        if !config.identities.is_empty() {
            transcript.keep_raw();
        }
        transcript.add(HandshakeType::CLIENT_HELLO, sent.seq, &sent.body);
        transcript.add_message(message);
        let randoms = Randoms { client: random.0, server: hello.random.0 };
        let resumed = offer.filter(|offer| {
            offer.kept.session.version == Version::V12
                && !offer.session_id.is_empty()
                && hello.session_id == offer.session_id
        });
        let start = v12::Hellos {
            config,
            name,
            randoms,
            suite,
            extended_master_secret,
            answers,
            transcript,
            ticket_promised: hello.extensions.session_ticket,
            session_id: hello.session_id.to_vec(),
        };
        match resumed {
            Some(offer) => start.resume(offer.kept, fx),
            None => Ok(start.expect_server_flight()),
        }
    }

    /// Sends the second hello that the server asked for, which differs from the first one in what
    /// it asked for and in nothing else (RFC 8446 §4.1.2).
    fn answer_retry(
        mut self,
        message: &Message<'_>,
        request: &ServerHello<'_>,
        fx: &mut dyn Effects,
    ) -> Result<Self, Error> {
        let suite = self.offered_suite(request, Version::V13)?;
        if self.retry.is_some() {
            return Err(unexpected(message, "ServerHello"));
        }
        check_session_id(request)?;
        let extensions = &request.extensions;
        let allowed =
            [ExtensionType::SUPPORTED_VERSIONS, ExtensionType::KEY_SHARE, ExtensionType::COOKIE];
        check_types(extensions.types(), &allowed, &self.hello.types)?;
        if extensions.selected_group.is_none() && extensions.cookie.is_none() {
            return Err(PeerMisbehaved::PointlessRetry.into());
        }
        if let Some(selected) = extensions.selected_group {
            let group = self.config.common.provider.group(selected, Version::V13);
            let group = group.ok_or(PeerMisbehaved::UnofferedGroup)?;
            if self.shares.iter().any(|share| share.group() == selected) {
                return Err(PeerMisbehaved::PointlessRetry.into());
            }
            self.shares = Vec::from([group.start()?]);
        }

        fx.set_version(Version::V13);
        let mut first = Transcript::new(Version::V13, suite.hash);
        first.add(HandshakeType::CLIENT_HELLO, self.hello.seq, &self.hello.body);
        let mut transcript = Transcript::after_retry(suite.hash, &first.current());
        transcript.add_message(message);
        // A key for another hash cannot be used with this suite (RFC 8446 §4.1.4).
        self.offer = self.offer.filter(|offer| offer.suite.facts.hash == suite.facts.hash);
        self.retry = Some(Retry { suite, transcript });
        // A second hello must not offer it (RFC 8446 §4.1.2).
        if core::mem::take(&mut self.early_data) {
            fx.early_data(EarlyData::Rejected);
        }
        let variable = Variable { cookie: extensions.cookie, ..Variable::default() };
        self.hello = self.send_again(variable, fx)?;
        Ok(self)
    }

    fn start_v13(
        self,
        message: &Message<'_>,
        hello: &ServerHello<'_>,
        fx: &mut dyn Effects,
    ) -> Result<State, Error> {
        let suite = self.offered_suite(hello, Version::V13)?;
        check_session_id(hello)?;
        let Self { config, name, random, shares, hello: sent, retry, offer, early_data, .. } = self;
        let allowed = [
            ExtensionType::SUPPORTED_VERSIONS,
            ExtensionType::KEY_SHARE,
            ExtensionType::PRE_SHARED_KEY,
        ];
        check_types(hello.extensions.types(), &allowed, &sent.types)?;
        let accepted = accepted_psk(&config, hello, suite, offer)?;
        let entry = hello
            .extensions
            .key_share
            .ok_or(PeerIncompatible::MissingExtension(ExtensionType::KEY_SHARE))?;
        let share = shares.into_iter().find(|share| share.group() == entry.group);
        let share = share.ok_or(PeerMisbehaved::UnofferedGroup)?;
        let shared = share.complete(entry.key_exchange).map_err(|_| PeerMisbehaved::BadKeyShare)?;

        let mut transcript = match retry {
            Some(retry) if retry.suite.id() != suite.id() => {
                return Err(PeerMisbehaved::UnofferedSuite.into());
            }
            Some(retry) => retry.transcript,
            None => {
                fx.set_version(Version::V13);
                Transcript::new(Version::V13, suite.hash)
            }
        };
        transcript.add(HandshakeType::CLIENT_HELLO, sent.seq, &sent.body);
        transcript.add_message(message);
        let server_name = sent_name(&config, name.as_ref()).map(<[u8]>::to_vec);
        let start = v13::Hellos {
            config,
            name,
            client_random: random.0,
            suite,
            group: entry.group,
            server_name,
            offered: sent.types,
            early_data,
            transcript,
        };
        start.expect_encrypted_extensions(shared, accepted, fx)
    }
}

/// The key that the server has chosen. Its hash must be the suite's (RFC 8446 §4.2.11).
fn accepted_psk(
    config: &ClientConfig,
    hello: &ServerHello<'_>,
    suite: &Suite,
    offer: Option<Offer>,
) -> Result<v13::Authentication, Error> {
    let session = offer.filter(|offer| offer.kept.session.version == Version::V13);
    // In the order in which they were offered.
    let external_index = u16::from(session.is_some());
    let external = config.psk().and_then(ClientPsk::offered);
    match (hello.extensions.pre_shared_key, session, external) {
        (None, _, None) => Ok(v13::Authentication::Certificate),
        (None, _, Some(_)) => Err(PeerIncompatible::NoSharedPsk.into()),
        (Some(0), Some(offer), _) if offer.suite.facts.hash == suite.facts.hash => {
            Ok(v13::Authentication::Session(Box::new(offer.kept)))
        }
        (Some(index), _, Some(psk)) if index == external_index && suite.facts.hash == PSK_HASH => {
            Ok(v13::Authentication::Psk(psk.clone()))
        }
        (Some(_), _, _) => Err(PeerMisbehaved::BadExtension(ExtensionType::PRE_SHARED_KEY).into()),
    }
}

/// DTLS 1.3 has no session IDs, so there is nothing to echo (RFC 9147 §5.3).
fn check_session_id(hello: &ServerHello<'_>) -> Result<(), Error> {
    if hello.session_id.is_empty() { Ok(()) } else { Err(PeerMisbehaved::BadSessionId.into()) }
}

/// Refuses extensions that do not belong into this message, or that were not offered. A cookie
/// may come unasked (RFC 8446 §4.2.2).
pub(super) fn check_types(
    types: impl Iterator<Item = ExtensionType>,
    allowed: &[ExtensionType],
    offered: &[ExtensionType],
) -> Result<(), Error> {
    for typ in types {
        if allowed.contains(&typ) && (offered.contains(&typ) || typ == ExtensionType::COOKIE) {
            continue;
        }
        // RFC 8446 §4.2: known but in the wrong message, or never asked for.
        return Err(if offered.contains(&typ) {
            PeerMisbehaved::BadExtension(typ).into()
        } else {
            PeerMisbehaved::UnsolicitedExtension(typ).into()
        });
    }
    Ok(())
}

/// The key share of a first hello: for the best classic group, unless the configuration wants the
/// hybrid one in it, whose share is so long that the hello needs two datagrams. Many servers drop
/// such a hello; those that want a hybrid group ask for its share, and if they use cookies that
/// costs no further round trip.
fn first_shares(config: &ClientConfig) -> Result<Vec<Box<dyn ActiveKeyExchange>>, Error> {
    if !config.common.versions.v13 {
        return Ok(Vec::new());
    }
    let groups = &config.common.provider.groups;
    let usable = || groups.iter().filter(|group| group.usable_in(Version::V13));
    let classic = usable().find(|group| group.usable_in(Version::V12));
    let hybrid = usable().next().filter(|group| !group.usable_in(Version::V12));
    let hybrid = hybrid.filter(|_| config.hybrid_share_first || classic.is_none());
    hybrid.into_iter().chain(classic).map(|group| group.start().map_err(Error::from)).collect()
}

/// A session for this server that is still of use.
fn take_session(
    config: &ClientConfig,
    name: Option<&ServerName<'static>>,
) -> Result<Option<Offer>, Error> {
    let common = &config.common;
    let Some(kept) = config.sessions.as_ref().and_then(|store| store.take(name)) else {
        return Ok(None);
    };
    let session = &kept.session;
    let bound = session.extended_master_secret || !common.require_extended_master_secret;
    let Some(suite) = session.usable_suite(common) else { return Ok(None) };
    // Whoever wants the chain verified again cannot be asked at this point.
    let verifiable =
        !config.verify_resumed || matches!(config.verification, ServerVerification::Inline(_));
    let known = is_known_alike(config, session);
    if !session.is_fresh(common.wall_clock.now()) || !bound || !verifiable || !known {
        return Ok(None);
    }
    let mut session_id = kept.id.clone();
    if session.version == Version::V12 && !kept.ticket.is_empty() {
        session_id = vec![0; MAX_SESSION_ID];
        common.provider.random.fill(&mut session_id)?;
    }
    Ok(Some(Offer { kept, suite, session_id }))
}

/// Whether the server would be known by what it was known by when the session began: a session
/// that began with one pre-shared key says nothing about whoever should have another.
fn is_known_alike(config: &ClientConfig, session: &Session) -> bool {
    let identity = session.psk_identity.as_deref();
    match config.psk() {
        None => identity.is_none(),
        Some(ClientPsk::One(psk)) => identity == Some(psk.identity()),
        Some(ClientPsk::ByHint { .. } | ClientPsk::Ask { .. }) => identity.is_some(),
    }
}

/// What goes into every hello of one handshake.
struct Parts<'a> {
    config: &'a ClientConfig,
    name: Option<&'a ServerName<'static>>,
    random: Random,
    shares: &'a [Box<dyn ActiveKeyExchange>],
    offer: Option<&'a Offer>,
    /// The transcript before this hello, if a HelloRetryRequest came.
    before: Option<&'a Transcript>,
    early_data: bool,
}

impl Parts<'_> {
    /// Encodes and sends a hello. The only place that says what a ClientHello holds.
    fn send(&self, variable: Variable<'_>, fx: &mut dyn Effects) -> Result<SentHello, Error> {
        let Self { config, name, random, shares, .. } = *self;
        let common = &config.common;
        let versions = common.versions;
        let enabled = [Version::V13, Version::V12].into_iter().filter(|v| versions.contains(*v));
        let suites: Vec<_> = enabled
            .clone()
            .flat_map(|version| {
                common.provider.suites.iter().filter(move |suite| suite.facts.version == version)
            })
            .filter(|suite| config.verification.fits(suite.facts.key_exchange))
            .map(|suite| suite.id())
            .collect();
        let groups: Vec<NamedGroup> = common
            .provider
            .groups
            .iter()
            .filter(|group| enabled.clone().any(|version| group.usable_in(version)))
            .map(|group| group.name())
            .collect();
        let protocols: Vec<_> = common.alpn.iter().map(|name| ProtocolName(name)).collect();
        let shares: Vec<_> = shares
            .iter()
            .map(|share| KeyShareEntry { group: share.group(), key_exchange: share.share() })
            .collect();
        let wire_versions: Vec<_> = enabled.map(Version::wire).collect();

        let schemes = config.signatures().all_schemes();
        let server_types = config.signatures().types();
        let client_types = config.identities.types();
        let resumes = config.sessions.is_some();
        let offered = |version| self.offer.filter(|offer| offer.kept.session.version == version);
        // A server of 1.2 has no use for keys of 1.3, and OpenSSL 3.0 refuses a hello with them. The
        // hello may differ from the first one in its extensions (RFC 6347 §4.2.1).
        let psks = match variable.legacy_cookie {
            Some(_) => Vec::new(),
            None => self.psks(offered(Version::V13)),
        };
        let identities: Vec<_> = psks.iter().map(|psk| psk.identity).collect();
        let binders: Vec<_> = psks.iter().map(|psk| PskBinderEntry(&psk.no_binder)).collect();
        let old = offered(Version::V12);
        let extensions = ClientExtensions {
            server_name: sent_name(config, name),
            supported_groups: Some(List::from_slice(&groups)),
            ec_point_formats: versions.v12.then_some(&[EcPointFormat::UNCOMPRESSED.0]),
            session_ticket: (resumes && versions.v12)
                .then(|| old.map_or(&[][..], |offer| &offer.kept.ticket)),
            signature_algorithms: (!schemes.is_empty()).then_some(List::from_slice(&schemes)),
            server_certificate_type: certificate_types(&server_types),
            client_certificate_type: certificate_types(&client_types),
            signature_algorithms_cert: config
                .signatures()
                .certificates
                .and_then(auth::certificate_schemes)
                .map(List::from_slice),
            use_srtp: (!common.srtp.is_empty())
                .then_some(UseSrtp { profiles: List::from_slice(&common.srtp), mki: &[] }),
            alpn: (!protocols.is_empty()).then_some(List::from_slice(&protocols)),
            extended_master_secret: versions.v12,
            renegotiation_info: versions.v12.then_some(&[]),
            supported_versions: versions.v13.then_some(List::from_slice(&wire_versions)),
            key_share: versions.v13.then_some(List::from_slice(&shares)),
            psk_key_exchange_modes: ((resumes || config.psk().is_some()) && versions.v13)
                .then_some(List::from_slice(&[PskKeyExchangeMode::PSK_DHE_KE])),
            cookie: variable.cookie,
            max_fragment_length: config.max_fragment_length,
            // It belongs to the first key (RFC 8446 §4.2.10).
            early_data: self.early_data && !psks.is_empty(),
            record_size_limit: common.record_size_limit.map(|_| {
                // The server decides whether the content type counts, by choosing the version: the
                // lower of both numbers is one that it cannot exceed.
                let lowest = if versions.v12 { Version::V12 } else { Version::V13 };
                own_record_size_limit(common, lowest)
            }),
            pre_shared_key: (!psks.is_empty()).then_some(OfferedPsks {
                identities: List::from_slice(&identities),
                binders: List::from_slice(&binders),
            }),
            ..ClientExtensions::default()
        };
        let hello = ClientHello {
            legacy_version: ProtocolVersion::DTLS_1_2,
            random,
            session_id: old.map_or(&[][..], |offer| &offer.session_id),
            cookie: variable.legacy_cookie.unwrap_or_default(),
            cipher_suites: List::from_slice(&suites),
            compression_methods: &[CompressionMethod::NULL.0],
            extensions,
        };
        let mut body = hello.encode();
        bind(&psks, &mut body, self.before);
        let types = extension_types(&extensions);
        let seq = fx.send(HandshakeType::CLIENT_HELLO, &body, Phase::Plaintext, Group::Flight)?;
        Ok(SentHello { seq, body, types })
    }
}

impl<'a> Parts<'a> {
    /// The pre-shared keys that are offered: that of a session, and that of the configuration.
    fn psks(&self, session: Option<&'a Offer>) -> Vec<Psk<'a>> {
        let common = &self.config.common;
        let session = session.map(|offer| Psk::of_session(offer, common));
        let sha256 = common.provider.hash(PSK_HASH);
        // After a retry only keys for the hash of its suite are of use (RFC 8446 §4.1.4).
        let usable = self.before.is_none_or(|before| before.hash().kind() == PSK_HASH);
        let external = self.config.psk().and_then(ClientPsk::offered);
        let external = external.zip(sha256).filter(|_| usable);
        let external = external.map(|(psk, hash)| Psk::external(psk, hash));
        session.into_iter().chain(external).collect()
    }
}

/// A pre-shared key as a hello offers it.
struct Psk<'a> {
    hash: &'static dyn Hash,
    key: OfferedPsk,
    identity: PskIdentity<'a>,
    /// Stands for the binder until the rest of the hello is there to be bound.
    no_binder: Vec<u8>,
}

impl<'a> Psk<'a> {
    fn of_session(offer: &'a Offer, common: &CommonConfig) -> Self {
        let Offer { kept, suite, .. } = offer;
        // RFC 8446 §4.2.11.1.
        let age = kept.session.age_millis(common.wall_clock.now());
        let age = age.wrapping_add(kept.session.age_add);
        Self::new(suite.hash, offer.psk(), &kept.ticket, age)
    }

    fn external(psk: &'a ExternalPsk, hash: &'static dyn Hash) -> Self {
        let key = OfferedPsk::new(hash, PskKind::External, psk.secret());
        Self::new(hash, key, psk.identity(), 0)
    }

    fn new(hash: &'static dyn Hash, key: OfferedPsk, identity: &'a [u8], age: u32) -> Self {
        let identity = PskIdentity { identity, obfuscated_ticket_age: age };
        Self { hash, key, identity, no_binder: vec![0; hash.kind().output_len()] }
    }
}

/// Writes the binders over the end of the hello (RFC 8446 §4.2.11.2).
fn bind(psks: &[Psk<'_>], body: &mut [u8], before: Option<&Transcript>) {
    // Each binder has a length of one byte in front of it, the list one of two.
    let entries = psks.iter().map(|psk| psk.no_binder.len().saturating_add(1));
    let binders = entries.fold(0_usize, usize::saturating_add);
    let len = body.len();
    let end = len.saturating_sub(binders.saturating_add(2));
    let mut at = len.saturating_sub(binders);
    for psk in psks {
        let start = body.get(..end).unwrap_or_default();
        let typ = HandshakeType::CLIENT_HELLO;
        let hash = match before {
            Some(before) => before.with_start_of(typ, len, start),
            None => Transcript::new(Version::V13, psk.hash).with_start_of(typ, len, start),
        };
        let binder = psk.key.binder(&hash);
        at = at.saturating_add(1);
        let room = body.get_mut(at..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(binder.as_ref()) {
            *to = *from;
        }
        at = at.saturating_add(psk.no_binder.len());
    }
}

/// The name as it is sent: DNS names only, and without a final dot (RFC 6066 §3).
fn sent_name<'a>(config: &ClientConfig, name: Option<&'a ServerName<'static>>) -> Option<&'a [u8]> {
    match name.filter(|_| config.send_server_name)? {
        ServerName::DnsName(name) => {
            let name: &str = name.as_ref();
            Some(name.strip_suffix('.').unwrap_or(name).as_bytes())
        }
        _ => None,
    }
}

/// What a hello says about types of certificates: nothing if there is only the one that it stands
/// for without a word (RFC 7250 §4.1).
fn certificate_types(types: &[CertificateType]) -> Option<List<'_, CertificateType>> {
    (!types.is_empty() && types != [CertificateType::X509]).then_some(List::from_slice(types))
}

fn extension_types(extensions: &ClientExtensions<'_>) -> Vec<ExtensionType> {
    let mut writer = Writer::new();
    extensions.encode(&mut writer);
    let block = writer.into_vec();
    let list = List::<Extension<'_>>::from_wire(&block);
    list.map(|list| list.iter().map(|e| e.extension_type).collect()).unwrap_or_default()
}
