//! A server's steps.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer};
use sealgram_crypto::{
    ClientVerifier, CryptoProvider, KeyExchangeKind, RawPublicKeySignatures, RawPublicKeyVerifier,
    SignatureAlgorithm, SignatureVerifier,
};
use sealgram_handshake::{
    ClientVerification, EarlyDataLedger, ExternalPsk, Identities, PskLookup, PskSource,
    RawPublicKeyVerification, ResolvesCertificate, ServerConfig as Server, SessionCache,
    TicketSealer,
};
use sealgram_iana::{CertificateType, SignatureScheme};

use super::{Options, Ready, Resumption, ServerConfigBuilder, early_terms};
use crate::ConfigError;
use crate::config::ServerConfig;
use crate::config::identity::certified;

/// Step of a server: how are clients verified?
#[derive(Clone, Debug)]
pub struct WantsClientVerifier(());

/// Step of a server: which certificates does it have itself?
#[derive(Clone, Debug)]
pub struct WantsIdentity {
    verification: ClientVerification,
    raw_public_keys: Option<RawPublicKeyVerification>,
    raw_public_key_required: bool,
}

impl WantsIdentity {
    const fn new(verification: ClientVerification) -> Self {
        Self { verification, raw_public_keys: None, raw_public_key_required: false }
    }

    fn into_ready(self) -> ReadyServer {
        Ready {
            raw_public_keys: self.raw_public_keys,
            raw_public_key_required: self.raw_public_key_required,
            ..Ready::new(self.verification)
        }
    }
}

impl ServerConfig {
    /// Starts with ring's algorithms.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn builder() -> ServerConfigBuilder<WantsClientVerifier> {
        Self::builder_with_provider(crate::default_provider())
    }

    /// Starts with this provider, exactly as it is.
    #[must_use]
    pub fn builder_with_provider(
        provider: CryptoProvider,
    ) -> ServerConfigBuilder<WantsClientVerifier> {
        ServerConfigBuilder { options: Options::new(provider), step: WantsClientVerifier(()) }
    }
}

impl ServerConfigBuilder<WantsClientVerifier> {
    /// Does not ask clients for a certificate.
    #[must_use]
    pub fn with_no_client_auth(self) -> ServerConfigBuilder<WantsIdentity> {
        let step = WantsIdentity::new(ClientVerification::None);
        ServerConfigBuilder { options: self.options, step }
    }

    /// Asks clients for a certificate, and lets in whom this verifier accepts:
    /// a [`WebPkiClientVerifier`](crate::WebPkiClientVerifier), or one of the application's own.
    #[must_use]
    pub fn with_client_verifier(
        self,
        verifier: Arc<dyn ClientVerifier>,
    ) -> ServerConfigBuilder<WantsIdentity> {
        let step = WantsIdentity::new(ClientVerification::Inline(verifier));
        ServerConfigBuilder { options: self.options, step }
    }

    /// Asks clients for a raw public key (RFC 7250), and lets in whom this verifier accepts:
    /// [`PinnedPublicKeys`](crate::PinnedPublicKeys), or one of the application's own. `required`
    /// refuses clients that show none; certificates are not accepted.
    #[must_use]
    pub fn with_raw_public_keys(
        self,
        verifier: Arc<dyn RawPublicKeyVerifier>,
        required: bool,
    ) -> ServerConfigBuilder<WantsIdentity> {
        self.with_no_client_auth().and_raw_public_keys(verifier, required)
    }

    /// Like [`with_raw_public_keys`](Self::with_raw_public_keys), but asks the application with
    /// [`Ask::VerifyRawPublicKey`](crate::Ask::VerifyRawPublicKey). `signatures` verifies the
    /// handshake's signature: see [`AnyPublicKey`](crate::AnyPublicKey).
    #[must_use]
    pub fn with_asked_raw_public_keys(
        self,
        signatures: Arc<dyn RawPublicKeySignatures>,
        required: bool,
    ) -> ServerConfigBuilder<WantsIdentity> {
        self.with_no_client_auth().and_asked_raw_public_keys(signatures, required)
    }

    /// Asks clients for a certificate, and the application about it with
    /// [`Ask::VerifyPeer`](crate::Ask::VerifyPeer). `signatures` verifies the handshake's
    /// signature; `required` refuses clients without a certificate.
    #[must_use]
    pub fn with_asked_verification(
        self,
        signatures: Arc<dyn SignatureVerifier>,
        required: bool,
    ) -> ServerConfigBuilder<WantsIdentity> {
        let step = WantsIdentity::new(ClientVerification::Ask { signatures, required });
        ServerConfigBuilder { options: self.options, step }
    }
}

type ReadyServer = Ready<ClientVerification>;

impl ServerConfigBuilder<WantsIdentity> {
    /// Lets clients show a raw public key instead of a certificate (RFC 7250), and lets in whom
    /// this verifier accepts. Clients that can show both are asked for what they like better.
    /// `required` refuses clients that show neither.
    #[must_use]
    pub fn and_raw_public_keys(
        mut self,
        verifier: Arc<dyn RawPublicKeyVerifier>,
        required: bool,
    ) -> Self {
        self.step.raw_public_keys = Some(RawPublicKeyVerification::Inline(verifier));
        self.step.raw_public_key_required = required;
        self
    }

    /// Like [`and_raw_public_keys`](Self::and_raw_public_keys), but asks the application with
    /// [`Ask::VerifyRawPublicKey`](crate::Ask::VerifyRawPublicKey).
    #[must_use]
    pub fn and_asked_raw_public_keys(
        mut self,
        signatures: Arc<dyn RawPublicKeySignatures>,
        required: bool,
    ) -> Self {
        self.step.raw_public_keys = Some(RawPublicKeyVerification::Ask(signatures));
        self.step.raw_public_key_required = required;
        self
    }

    /// The server shows the public half of this key without a certificate (RFC 7250), to clients
    /// that take such keys; all others are refused with unsupported_certificate.
    #[must_use]
    pub fn with_raw_public_key(self, key: &PrivateKeyDer<'_>) -> ServerConfigBuilder<ReadyServer> {
        self.ready().and_raw_public_key(key)
    }

    /// The server's chain (leaf first) and the key of its leaf.
    #[must_use]
    pub fn with_identity(
        self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> ServerConfigBuilder<ReadyServer> {
        self.ready().and_identity(chain, key)
    }

    /// Several chains, best first, as by [`and_identity`](ServerConfigBuilder::and_identity).
    #[must_use]
    pub fn with_certificates(
        self,
        identities: impl IntoIterator<Item = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> ServerConfigBuilder<ReadyServer> {
        let identities = identities.into_iter();
        identities.fold(self.ready(), |ready, (chain, key)| ready.and_identity(chain, &key))
    }

    /// Shows each client the certificate that this chooses.
    #[must_use]
    pub fn with_cert_resolver(
        self,
        resolver: Arc<dyn ResolvesCertificate>,
    ) -> ServerConfigBuilder<ReadyServer> {
        self.ready_with(Identities::Resolver(resolver))
    }

    /// Asks the application for each client's certificate with
    /// [`Ask::Certificate`](crate::Ask::Certificate). Resumed sessions need none.
    #[must_use]
    pub fn with_asked_certificate(self) -> ServerConfigBuilder<ReadyServer> {
        let types = [CertificateType::X509, CertificateType::RAW_PUBLIC_KEY];
        self.ready_with(Identities::Ask(types.to_vec()))
    }

    /// The server's chain, whose key is asked for with [`Ask::Sign`](crate::Ask::Sign).
    #[must_use]
    pub fn with_asked_identity(
        self,
        chain: Vec<CertificateDer<'static>>,
        algorithm: SignatureAlgorithm,
        schemes: Vec<SignatureScheme>,
    ) -> ServerConfigBuilder<ReadyServer> {
        self.ready().and_asked_identity(chain, algorithm, schemes)
    }

    /// No certificate, only pre-shared keys: clients without one of them are refused.
    ///
    /// In 1.2 the suites with a key exchange of their own (`ECDHE_PSK`) are preferred; those without
    /// (`PSK`) have no forward secrecy and are there for small devices. Leave them out with
    /// [`with_cipher_suites`](Self::with_cipher_suites) if no client needs them.
    #[must_use]
    pub fn with_psks(self, psks: Arc<dyn PskLookup>) -> ServerConfigBuilder<ReadyServer> {
        self.ready().and_psks(psks)
    }

    /// Like [`with_psks`](Self::with_psks), with keys that the application is asked for with
    /// [`Ask::Psk`](crate::Ask::Psk), which may take its time.
    #[must_use]
    pub fn with_asked_psks(self) -> ServerConfigBuilder<ReadyServer> {
        self.ready().and_asked_psks()
    }

    fn ready(self) -> ServerConfigBuilder<ReadyServer> {
        ServerConfigBuilder { options: self.options, step: self.step.into_ready() }
    }

    fn ready_with(self, identities: Identities) -> ServerConfigBuilder<ReadyServer> {
        let step = Ready { identities: Ok(identities), ..self.step.into_ready() };
        ServerConfigBuilder { options: self.options, step }
    }
}

impl ServerConfigBuilder<ReadyServer> {
    /// One more chain.
    ///
    /// Of those whose keys fit the client's suites and signature schemes, clients get the first one
    /// for the name that they ask for (RFC 6066 §3): one with that name, or a wildcard for it, in
    /// its subjectAltName. If several are, one that the client can verify (RFC 8446 §4.2.3) and
    /// whose issuer it knows comes first. Clients that ask for no name, or for one that no chain
    /// is for, get the first one of all; see
    /// [`with_known_names_only`](Self::with_known_names_only).
    #[must_use]
    pub fn and_identity(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Self {
        self.step.add(certified(&self.options.provider, chain, key));
        self
    }

    /// Whether clients that ask for a name which none of the chains is for are refused with
    /// unrecognized_name. Off by default: they get the first chain, and decide themselves. Clients
    /// that ask for no name are let in all the same.
    #[must_use]
    pub const fn with_known_names_only(mut self, on: bool) -> Self {
        self.step.require_known_name = on;
        self
    }

    /// Pre-shared keys besides the certificates, for clients that have one. Of no use if clients
    /// must show a certificate.
    ///
    /// Such a 1.3 server goes on with its certificate if it does not know the identity that a client
    /// offers, which tells the client so.
    #[must_use]
    pub fn and_psks(mut self, psks: Arc<dyn PskLookup>) -> Self {
        self.step.psks = Some(PskSource::Inline(psks));
        self
    }

    /// Like [`and_psks`](Self::and_psks), with keys that the application is asked for with
    /// [`Ask::Psk`](crate::Ask::Psk), which may take its time.
    #[must_use]
    pub fn and_asked_psks(mut self) -> Self {
        self.step.psks = Some(PskSource::Ask);
        self
    }

    /// What helps 1.2 clients choose their identity (RFC 4279 §5.2), at most
    /// [`ExternalPsk::MAX_HINT`](crate::ExternalPsk::MAX_HINT) bytes; anyone can read it. None by
    /// default.
    #[must_use]
    pub fn with_psk_hint(mut self, hint: &[u8]) -> Self {
        self.step.psk_hint = hint.to_vec();
        self
    }

    /// Lets the client's order of suites and groups decide instead of ours.
    #[must_use]
    pub const fn with_client_preference(mut self, on: bool) -> Self {
        self.step.prefer_client_order = on;
        self
    }

    /// What seals tickets. By default, with the feature `std`, random keys that change every day.
    #[must_use]
    pub fn with_tickets(mut self, tickets: Arc<dyn TicketSealer>) -> Self {
        self.step.resumption.chosen = true;
        self.step.resumption.asked = None;
        self.step.resumption.tickets = Some(tickets);
        self
    }

    /// Where sessions of 1.2 clients are kept that take no tickets. By default nowhere.
    #[must_use]
    pub fn with_session_cache(mut self, cache: Arc<dyn SessionCache>) -> Self {
        self.step.resumption.asked = None;
        self.step.resumption.cache = Some(cache);
        self
    }

    /// Sessions are kept by the application, in a store that several servers share, for example:
    /// [`Event::KeepSession`](crate::Event::KeepSession) hands each new one over, and
    /// [`Ask::Session`](crate::Ask::Session) asks for it when a client comes back, in both
    /// versions. Clients are given random IDs instead of sealed tickets. Sessions are good for
    /// `lifetime` seconds, up to a week. Takes the place of tickets and of a cache; early data is
    /// not possible.
    #[must_use]
    pub fn with_asked_sessions(mut self, lifetime: u32) -> Self {
        self.step.resumption =
            Resumption { chosen: true, asked: Some(lifetime), ..Resumption::default() };
        self
    }

    /// Gives out no tickets and keeps no sessions: every handshake is a full one.
    #[must_use]
    pub fn without_resumption(mut self) -> Self {
        self.step.resumption = Resumption { chosen: true, ..Resumption::default() };
        self
    }

    /// Verifies the client's chain again, at the time of then, when a session is resumed. Off by
    /// default.
    #[must_use]
    pub const fn with_verification_on_resumption(mut self, on: bool) -> Self {
        self.step.verify_resumed = on;
        self
    }

    /// Takes early data from 1.3 clients that resume a session: up to `max_bytes` of plaintext for
    /// each ticket, marked with [`Data::early`](crate::Data::early) (RFC 8446 §2.3, §8). Off by
    /// default. Such a client needs no cookie: its ticket names its address.
    ///
    /// Dangerous: early data has no forward secrecy, and somebody may have recorded it and send it
    /// again. This server takes each ticket once, from the IP address that it was given to, and
    /// none that another server or an earlier run has given out; what it cannot be sure of it
    /// rejects, and the handshake goes on. See [`SpentTickets`](crate::SpentTickets).
    #[cfg(feature = "std")]
    #[must_use]
    pub fn danger_accept_early_data(mut self, max_bytes: u32) -> Self {
        self.step.early_data = Some((max_bytes, None));
        self
    }

    /// As `danger_accept_early_data`, with a ledger of spent tickets of the application's.
    #[must_use]
    pub fn danger_accept_early_data_with(
        mut self,
        max_bytes: u32,
        ledger: Arc<dyn EarlyDataLedger>,
    ) -> Self {
        self.step.early_data = Some((max_bytes, Some(ledger)));
        self
    }

    /// Checks everything. The first contradiction found is returned.
    pub fn build(self) -> Result<ServerConfig, ConfigError> {
        let Ready {
            verification,
            raw_public_keys,
            raw_public_key_required,
            identities,
            require_known_name,
            psks,
            psk_hint,
            prefer_client_order,
            resumption,
            verify_resumed,
            early_data,
            ..
        } = self.step;
        let sha256 = self.options.sha256.ok_or(ConfigError::NoSha256)?;
        let identities = identities?;
        if identities.is_empty() && psks.is_none() {
            return Err(ConfigError::NoIdentity);
        }
        if psk_hint.len() > ExternalPsk::MAX_HINT {
            return Err(ConfigError::OutOfRange("the identity hint"));
        }
        let usable = |kind: KeyExchangeKind| match kind {
            KeyExchangeKind::Any => true,
            _ if kind.uses_psk() => psks.is_some(),
            _ => !identities.is_empty(),
        };
        let (common, transport) = self.options.build(usable)?;
        let tickets = resumption.sealer(&common)?;
        if resumption.asked.is_some_and(|lifetime| !(1..=7 * 24 * 60 * 60).contains(&lifetime)) {
            return Err(ConfigError::OutOfRange("the sessions' lifetime"));
        }
        let early_data = early_terms(early_data, &common)?;
        if early_data.is_some() && tickets.is_none() {
            return Err(ConfigError::EarlyDataNeedsTickets);
        }
        let handshake = Server {
            common,
            psks,
            psk_hint,
            identities,
            require_known_name,
            verification,
            raw_public_keys,
            raw_public_key_required,
            prefer_client_order,
            tickets,
            asked_sessions: resumption.asked,
            cache: resumption.cache,
            verify_resumed,
            early_data,
        };
        Ok(ServerConfig { handshake: Arc::new(handshake), transport, sha256 })
    }
}
