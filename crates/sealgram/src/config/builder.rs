//! The builders. Each step is a type of its own, so that none can be left out.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram_crypto::{
    AeadKind, ClientVerifier, CryptoProvider, Hash, HashKind, KeyExchangeKind, KeyLog,
    RawPublicKeySignatures, RawPublicKeyVerifier, ServerVerifier, SignatureAlgorithm,
    SignatureVerifier, SuiteFacts, WallClock,
};
use sealgram_handshake::{
    CertifiedKey, ClientConfig as Client, ClientPsk, ClientSessionStore, ClientVerification,
    CommonConfig, EarlyDataLedger, EarlyDataTerms, ExternalPsk, Identities, PskChoice, PskLookup,
    PskSource, RawPublicKeyVerification, ResolvesCertificate, ServerConfig as Server,
    ServerVerification, SessionCache, TicketSealer, Versions,
};
use sealgram_iana::{
    CertificateType, CipherSuite, NamedGroup, SignatureScheme, SrtpProfile, Version,
};
use sealgram_x509::{RootStore, WebPkiServerVerifier};

use super::identity::{certified, certified_elsewhere, raw_public_key, raw_public_key_elsewhere};
use super::{ClientConfig, ServerConfig, TransportConfig};
use crate::ConfigError;

/// What every builder collects, whatever its step.
#[derive(Clone, Debug)]
struct Options {
    provider: CryptoProvider,
    /// For cookies: the provider's SHA-256, whatever suites are left of it.
    sha256: Option<&'static dyn Hash>,
    /// `None`: whatever the provider has suites and groups for.
    versions: Option<Versions>,
    alpn: Vec<Vec<u8>>,
    srtp: Vec<SrtpProfile>,
    record_size_limit: Option<u16>,
    require_extended_master_secret: bool,
    ccm_8_forgeries: Option<u64>,
    key_log: Option<Arc<dyn KeyLog>>,
    wall_clock: Option<Arc<dyn WallClock>>,
    transport: TransportConfig,
}

impl Options {
    fn new(provider: CryptoProvider) -> Self {
        #[cfg(feature = "std")]
        let wall_clock: Option<Arc<dyn WallClock>> = Some(Arc::new(crate::SystemClock));
        #[cfg(not(feature = "std"))]
        let wall_clock = None;
        let mut hashes = provider.suites.iter().map(|suite| suite.hash);
        Self {
            sha256: hashes.find(|hash| hash.kind() == HashKind::Sha256),
            provider,
            versions: None,
            alpn: Vec::new(),
            srtp: Vec::new(),
            record_size_limit: None,
            require_extended_master_secret: true,
            ccm_8_forgeries: None,
            key_log: None,
            wall_clock,
            transport: TransportConfig::default(),
        }
    }

    /// Leaves 1.2 alone; contradicts whoever has asked for something else.
    fn only_v12(&mut self) -> Result<(), ConfigError> {
        if self.versions.is_some_and(|versions| versions.v13) {
            return Err(ConfigError::NoPskForV13);
        }
        self.versions = Some(Versions { v12: true, v13: false });
        Ok(())
    }

    /// Checks what both roles have in common. Suites of kinds that are not `usable` do not count.
    fn build(
        self,
        usable: impl Fn(KeyExchangeKind) -> bool,
    ) -> Result<(CommonConfig, TransportConfig), ConfigError> {
        let has_suite = |version| {
            let fits = |facts: &SuiteFacts| facts.version == version && usable(facts.key_exchange);
            self.provider.suites.iter().any(|suite| fits(suite.facts))
        };
        let has_group = |version| self.provider.groups.iter().any(|group| group.usable_in(version));
        let has_both = |version| has_suite(version) && has_group(version);
        let versions = self.versions.unwrap_or_else(|| Versions {
            v12: has_both(Version::V12),
            v13: has_both(Version::V13),
        });
        if versions == (Versions { v12: false, v13: false }) {
            return Err(ConfigError::NoVersion);
        }
        let enabled = [Version::V12, Version::V13].into_iter();
        for version in enabled.filter(|version| versions.contains(*version)) {
            if !has_suite(version) {
                return Err(ConfigError::NoSuite(version));
            }
            if !has_group(version) {
                return Err(ConfigError::NoGroup(version));
            }
        }
        if self.alpn.iter().any(|protocol| !(1..=255).contains(&protocol.len())) {
            return Err(ConfigError::BadProtocol);
        }
        if self.record_size_limit.is_some_and(|limit| !(64..=1 << 14).contains(&limit)) {
            return Err(ConfigError::OutOfRange("the record size limit"));
        }
        let has_ccm_8 =
            self.provider.suites.iter().any(|suite| suite.facts.aead == AeadKind::Aes128Ccm8);
        if has_ccm_8 && self.ccm_8_forgeries.is_none() {
            return Err(ConfigError::Ccm8NotAllowed);
        }
        // No limit may be above that of the AEADs with a full tag.
        if self.ccm_8_forgeries.is_some_and(|limit| !(1..=1 << 36).contains(&limit)) {
            return Err(ConfigError::OutOfRange("the forgery limit of CCM_8"));
        }
        let mut transport = self.transport;
        transport.ccm_8_forgeries = self.ccm_8_forgeries;
        let common = CommonConfig {
            provider: self.provider,
            versions,
            alpn: self.alpn,
            srtp: self.srtp,
            record_size_limit: self.record_size_limit,
            require_extended_master_secret: self.require_extended_master_secret,
            key_log: self.key_log,
            wall_clock: self.wall_clock.ok_or(ConfigError::NoWallClock)?,
        };
        Ok((common, transport))
    }
}

/// The options that both builders have, at every step.
macro_rules! options {
    ($builder:ident) => {
        impl<Step> $builder<Step> {
            /// The versions that may be negotiated. By default those that the provider has suites
            /// and groups for.
            #[must_use]
            pub fn with_versions(mut self, versions: &[Version]) -> Self {
                self.options.versions = Some(Versions {
                    v12: versions.contains(&Version::V12),
                    v13: versions.contains(&Version::V13),
                });
                self
            }

            /// Only these suites of the provider, in this order.
            #[must_use]
            pub fn with_cipher_suites(mut self, suites: &[CipherSuite]) -> Self {
                let provider = &self.options.provider;
                let chosen = suites.iter().filter_map(|suite| provider.suite(*suite)).collect();
                self.options.provider.suites = chosen;
                self
            }

            /// Only these groups of the provider, in this order.
            #[must_use]
            pub fn with_groups(mut self, groups: &[NamedGroup]) -> Self {
                let all = self.options.provider.groups;
                let find = |name: &NamedGroup| all.iter().copied().find(|g| g.name() == *name);
                self.options.provider.groups = groups.iter().filter_map(find).collect();
                self
            }

            /// Application protocols to negotiate, best first (RFC 7301).
            #[must_use]
            pub fn with_alpn(mut self, protocols: Vec<Vec<u8>>) -> Self {
                self.options.alpn = protocols;
                self
            }

            /// SRTP profiles to negotiate, best first (RFC 5764).
            #[must_use]
            pub fn with_srtp(mut self, profiles: Vec<SrtpProfile>) -> Self {
                self.options.srtp = profiles;
                self
            }

            /// The longest plaintext that the peer may put into one protected record, in bytes
            /// from 64 to 16,384 (RFC 8449). For receivers with little memory; peers that do not
            /// know the extension ignore it. A peer's own wish is always granted.
            #[must_use]
            pub fn with_record_size_limit(mut self, bytes: u16) -> Self {
                self.options.record_size_limit = Some(bytes);
                self
            }

            /// Where secrets are logged so that captures can be read. Off unless given.
            #[must_use]
            pub fn with_key_log(mut self, log: Arc<dyn KeyLog>) -> Self {
                self.options.key_log = Some(log);
                self
            }

            /// Where calendar time comes from. The feature `std` provides the system's clock.
            #[must_use]
            pub fn with_wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
                self.options.wall_clock = Some(clock);
                self
            }

            /// Timers, sizes and limits.
            #[must_use]
            pub fn with_transport(mut self, transport: TransportConfig) -> Self {
                self.options.transport = transport;
                self
            }

            /// Allows the provider's suites with AES-128-CCM_8, whose tag of 8 bytes one in 2^64
            /// forged records passes. `forgeries`, from 1 to 2^36, is how many records may fail
            /// under one key: then the connection ends with
            /// [`Error::TooManyForgeries`](crate::Error::TooManyForgeries), in both versions.
            ///
            /// RFC 9147 §4.5.3 and §B.3: with 128 an attacker's chance is as small as with other
            /// suites, but 128 datagrams of anybody who can forge addresses end a connection. A
            /// higher limit needs something else that keeps forgers away: a link with its own
            /// protection, or one too slow for many tries.
            #[must_use]
            pub fn danger_allow_ccm_8(mut self, forgeries: u64) -> Self {
                self.options.ccm_8_forgeries = Some(forgeries);
                self
            }

            /// Lets 1.2 peers in that do not support the extended master secret (RFC 7627).
            ///
            /// Without it, two connections through a man in the middle can share a master
            /// secret. Only for peers that cannot be updated.
            #[must_use]
            pub fn danger_allow_no_extended_master_secret(mut self) -> Self {
                self.options.require_extended_master_secret = false;
                self
            }
        }
    };
}

/// Builds a [`ClientConfig`].
#[derive(Clone, Debug)]
pub struct ClientConfigBuilder<Step> {
    options: Options,
    step: Step,
}

/// Builds a [`ServerConfig`].
#[derive(Clone, Debug)]
pub struct ServerConfigBuilder<Step> {
    options: Options,
    step: Step,
}

options!(ClientConfigBuilder);
options!(ServerConfigBuilder);

/// Step of a client: how is the server verified?
#[derive(Clone, Debug)]
pub struct WantsServerVerifier(());

/// Step of a client: which certificates does it have itself?
#[derive(Clone, Debug)]
pub struct WantsClientIdentity {
    verification: Result<ServerVerification, ConfigError>,
    raw_public_keys: Option<RawPublicKeyVerification>,
}

impl WantsClientIdentity {
    const fn new(verification: Result<ServerVerification, ConfigError>) -> Self {
        Self { verification, raw_public_keys: None }
    }

    fn into_ready(self) -> ReadyClient {
        Ready { raw_public_keys: self.raw_public_keys, ..Ready::new(self.verification) }
    }
}

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

/// Last step: everything that is needed is there.
#[derive(Clone, Debug)]
pub struct Ready<Verification> {
    verification: Verification,
    raw_public_keys: Option<RawPublicKeyVerification>,
    raw_public_key_required: bool,
    identities: Result<Identities, ConfigError>,
    require_known_name: bool,
    psks: Option<PskSource>,
    psk_hint: Vec<u8>,
    prefer_client_order: bool,
    send_server_name: bool,
    hybrid_share_first: bool,
    /// In bytes.
    max_fragment_length: Option<u16>,
    resumption: Resumption,
    verify_resumed: bool,
    offer_early_data: bool,
    early_data: Option<EarlyChoice>,
}

/// How many bytes of early data a ticket allows, and the ledger if the application has one.
type EarlyChoice = (u32, Option<Arc<dyn EarlyDataLedger>>);

/// Where sessions are kept.
#[derive(Clone, Debug, Default)]
struct Resumption {
    /// Nobody has said anything: the feature `std` has its defaults.
    chosen: bool,
    client: Option<Arc<dyn ClientSessionStore>>,
    tickets: Option<Arc<dyn TicketSealer>>,
    /// Lifetime in seconds.
    asked: Option<u32>,
    cache: Option<Arc<dyn SessionCache>>,
}

impl<Verification> Ready<Verification> {
    fn new(verification: Verification) -> Self {
        Self {
            verification,
            raw_public_keys: None,
            raw_public_key_required: false,
            identities: Ok(Identities::Fixed(Vec::new())),
            require_known_name: false,
            psks: None,
            psk_hint: Vec::new(),
            prefer_client_order: false,
            send_server_name: true,
            hybrid_share_first: false,
            max_fragment_length: None,
            resumption: Resumption::default(),
            verify_resumed: false,
            offer_early_data: false,
            early_data: None,
        }
    }

    fn add(&mut self, identity: Result<Arc<CertifiedKey>, ConfigError>) {
        match (&mut self.identities, identity) {
            (Ok(Identities::Fixed(list)), Ok(identity)) => list.push(identity),
            (identities @ Ok(_), Err(error)) => *identities = Err(error),
            (identities @ Ok(_), Ok(_)) => *identities = Err(ConfigError::TwoCertificateSources),
            (Err(_), _) => {}
        }
    }
}

impl Resumption {
    fn client_store(&self) -> Option<Arc<dyn ClientSessionStore>> {
        #[cfg(feature = "std")]
        if !self.chosen {
            return Some(Arc::new(crate::MemorySessions::new(256)));
        }
        self.client.clone()
    }

    fn sealer(&self, common: &CommonConfig) -> Result<Option<Arc<dyn TicketSealer>>, ConfigError> {
        #[cfg(feature = "std")]
        if !self.chosen {
            // Tickets under a short tag would be worse than none.
            if !crate::sessions::can_seal(&common.provider) {
                return Ok(None);
            }
            let now = common.wall_clock.now();
            let period = crate::Tickets::DEFAULT_PERIOD;
            return Ok(Some(Arc::new(crate::Tickets::new(&common.provider, period, now)?)));
        }
        let _ = common;
        Ok(self.tickets.clone())
    }
}

/// The terms for early data, with a ledger in memory if there is none. A limit of 0 bytes takes
/// none.
fn early_terms(
    chosen: Option<EarlyChoice>,
    common: &CommonConfig,
) -> Result<Option<EarlyDataTerms>, ConfigError> {
    let Some((max_bytes, ledger)) = chosen.filter(|(max_bytes, _)| *max_bytes > 0) else {
        return Ok(None);
    };
    #[cfg(feature = "std")]
    let ledger = match ledger {
        Some(ledger) => Some(ledger),
        None => {
            let capacity = crate::SpentTickets::DEFAULT_CAPACITY;
            let ledger = crate::SpentTickets::new(&common.provider, capacity)?;
            Some(Arc::new(ledger) as Arc<dyn EarlyDataLedger>)
        }
    };
    let _ = common;
    Ok(ledger.map(|ledger| EarlyDataTerms { max_bytes, ledger }))
}

impl ClientConfig {
    /// Starts with ring's algorithms.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn builder() -> ClientConfigBuilder<WantsServerVerifier> {
        Self::builder_with_provider(crate::default_provider())
    }

    /// Starts with this provider, exactly as it is.
    #[must_use]
    pub fn builder_with_provider(
        provider: CryptoProvider,
    ) -> ClientConfigBuilder<WantsServerVerifier> {
        ClientConfigBuilder { options: Options::new(provider), step: WantsServerVerifier(()) }
    }
}

impl ClientConfigBuilder<WantsServerVerifier> {
    /// Accepts servers whose chain leads to one of these roots and whose certificate is for the
    /// name that the connection is given.
    #[must_use]
    pub fn with_root_certificates(
        self,
        roots: impl Into<Arc<RootStore>>,
    ) -> ClientConfigBuilder<WantsClientIdentity> {
        let algorithms = self.options.provider.signature_algorithms;
        let verifier = WebPkiServerVerifier::builder(roots.into(), algorithms).build();
        let verification = verifier
            .map(|verifier| ServerVerification::Inline(verifier))
            .map_err(ConfigError::Verifier);
        ClientConfigBuilder { options: self.options, step: WantsClientIdentity::new(verification) }
    }

    /// Accepts the servers that this verifier accepts: a
    /// [`WebPkiServerVerifier`](crate::WebPkiServerVerifier) with revocation lists, a
    /// [`FingerprintVerifier`](crate::FingerprintVerifier), or one of the application's own.
    #[must_use]
    pub fn with_server_verifier(
        self,
        verifier: Arc<dyn ServerVerifier>,
    ) -> ClientConfigBuilder<WantsClientIdentity> {
        let verification = Ok(ServerVerification::Inline(verifier));
        ClientConfigBuilder { options: self.options, step: WantsClientIdentity::new(verification) }
    }

    /// Accepts the server that has this key and no other, whatever certificate one may have.
    ///
    /// In 1.2 the suites with a key exchange of their own (`ECDHE_PSK`) are preferred; those without
    /// (`PSK`) have no forward secrecy and are there for small devices. Leave them out with
    /// [`with_cipher_suites`](Self::with_cipher_suites) if no server needs them.
    ///
    /// ```
    /// # #[cfg(feature = "ring")] {
    /// use std::sync::Arc;
    /// use sealgram::{ClientConfig, ExternalPsk, ServerConfig};
    ///
    /// // 16 to 64 random bytes, which both sides were given beforehand.
    /// let secret = [7; 32];
    /// let psk = Arc::new(ExternalPsk::new(b"device 7", &secret).ok_or("too short or too long")?);
    /// let client = ClientConfig::builder().with_psk(Arc::clone(&psk)).build()?;
    /// let server = ServerConfig::builder()
    ///     .with_no_client_auth()
    ///     .with_psks(Arc::new(vec![psk]))
    ///     .build()?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_psk(self, psk: Arc<ExternalPsk>) -> ClientConfigBuilder<ReadyClient> {
        self.with_client_psk(ClientPsk::One(psk))
    }

    /// Like [`with_psk`](Self::with_psk), with a key that is chosen by the hint of a 1.2 server
    /// (RFC 4279 §5.2). 1.3 has no hints: `offered` is what its servers are offered; without it the
    /// configuration speaks 1.2 alone.
    #[must_use]
    pub fn with_psk_by_hint(
        self,
        choice: Arc<dyn PskChoice>,
        offered: Option<Arc<ExternalPsk>>,
    ) -> ClientConfigBuilder<ReadyClient> {
        self.with_client_psk(ClientPsk::ByHint { offered, choice })
    }

    /// Like [`with_psk_by_hint`](Self::with_psk_by_hint), with a key that the application is asked
    /// for with [`Ask::Psk`](crate::Ask::Psk), which may take its time.
    #[must_use]
    pub fn with_asked_psk(
        self,
        offered: Option<Arc<ExternalPsk>>,
    ) -> ClientConfigBuilder<ReadyClient> {
        self.with_client_psk(ClientPsk::Ask { offered })
    }

    fn with_client_psk(self, psk: ClientPsk) -> ClientConfigBuilder<ReadyClient> {
        let verification = Ok(ServerVerification::Psk(psk));
        ClientConfigBuilder { options: self.options, step: Ready::new(verification) }
    }

    /// Accepts servers that show a raw public key which this verifier accepts (RFC 7250), and no
    /// certificates: [`PinnedPublicKeys`](crate::PinnedPublicKeys), or one of the application's own.
    #[must_use]
    pub fn with_raw_public_keys(
        self,
        verifier: Arc<dyn RawPublicKeyVerifier>,
    ) -> ClientConfigBuilder<WantsClientIdentity> {
        self.with_raw_public_keys_only().and_raw_public_keys(verifier)
    }

    /// Like [`with_raw_public_keys`](Self::with_raw_public_keys), but asks the application with
    /// [`Ask::VerifyRawPublicKey`](crate::Ask::VerifyRawPublicKey). `signatures` verifies the
    /// handshake's signature: see [`AnyPublicKey`](crate::AnyPublicKey).
    #[must_use]
    pub fn with_asked_raw_public_keys(
        self,
        signatures: Arc<dyn RawPublicKeySignatures>,
    ) -> ClientConfigBuilder<WantsClientIdentity> {
        self.with_raw_public_keys_only().and_asked_raw_public_keys(signatures)
    }

    fn with_raw_public_keys_only(self) -> ClientConfigBuilder<WantsClientIdentity> {
        let verification = Ok(ServerVerification::RawPublicKeysOnly);
        let step = WantsClientIdentity::new(verification);
        ClientConfigBuilder { options: self.options, step }
    }

    /// Asks the application with [`Ask::VerifyPeer`](crate::Ask::VerifyPeer), which may take its
    /// time. `signatures` verifies the handshake's signature.
    #[must_use]
    pub fn with_asked_verification(
        self,
        signatures: Arc<dyn SignatureVerifier>,
    ) -> ClientConfigBuilder<WantsClientIdentity> {
        let verification = Ok(ServerVerification::Ask(signatures));
        ClientConfigBuilder { options: self.options, step: WantsClientIdentity::new(verification) }
    }
}

type ReadyClient = Ready<Result<ServerVerification, ConfigError>>;

impl ClientConfigBuilder<WantsClientIdentity> {
    /// Sends no certificate when the server asks for one.
    #[must_use]
    pub fn with_no_client_auth(self) -> ClientConfigBuilder<ReadyClient> {
        ClientConfigBuilder { options: self.options, step: self.step.into_ready() }
    }

    /// Sends this chain (leaf first) if the server asks for a certificate.
    #[must_use]
    pub fn with_identity(
        self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> ClientConfigBuilder<ReadyClient> {
        self.with_no_client_auth().and_identity(chain, key)
    }

    /// If the server asks for a certificate, sends the one that this chooses.
    #[must_use]
    pub fn with_client_cert_resolver(
        self,
        resolver: Arc<dyn ResolvesCertificate>,
    ) -> ClientConfigBuilder<ReadyClient> {
        self.ready_with(Identities::Resolver(resolver))
    }

    /// If the server asks for a certificate, asks the application which one to send with
    /// [`Ask::Certificate`](crate::Ask::Certificate), once the server is verified.
    #[must_use]
    pub fn with_asked_certificate(self) -> ClientConfigBuilder<ReadyClient> {
        self.with_asked_certificate_types(&[CertificateType::X509])
    }

    /// Like [`with_asked_certificate`](Self::with_asked_certificate), for an application that may
    /// answer with one of these types, best first (RFC 7250): the server is offered them.
    #[must_use]
    pub fn with_asked_certificate_types(
        self,
        types: &[CertificateType],
    ) -> ClientConfigBuilder<ReadyClient> {
        self.ready_with(Identities::Ask(types.to_vec()))
    }

    /// Accepts servers besides that show a raw public key which this verifier accepts (RFC 7250):
    /// [`PinnedPublicKeys`](crate::PinnedPublicKeys), or one of the application's own. Servers that
    /// have both show the key.
    #[must_use]
    pub fn and_raw_public_keys(mut self, verifier: Arc<dyn RawPublicKeyVerifier>) -> Self {
        self.step.raw_public_keys = Some(RawPublicKeyVerification::Inline(verifier));
        self
    }

    /// Like [`and_raw_public_keys`](Self::and_raw_public_keys), but asks the application with
    /// [`Ask::VerifyRawPublicKey`](crate::Ask::VerifyRawPublicKey). `signatures` verifies the
    /// handshake's signature: see [`AnyPublicKey`](crate::AnyPublicKey).
    #[must_use]
    pub fn and_asked_raw_public_keys(
        mut self,
        signatures: Arc<dyn RawPublicKeySignatures>,
    ) -> Self {
        self.step.raw_public_keys = Some(RawPublicKeyVerification::Ask(signatures));
        self
    }

    /// If the server asks for it, sends the public half of this key without a certificate
    /// (RFC 7250).
    #[must_use]
    pub fn with_raw_public_key(self, key: &PrivateKeyDer<'_>) -> ClientConfigBuilder<ReadyClient> {
        self.with_no_client_auth().and_raw_public_key(key)
    }

    fn ready_with(self, identities: Identities) -> ClientConfigBuilder<ReadyClient> {
        let step = Ready { identities: Ok(identities), ..self.step.into_ready() };
        ClientConfigBuilder { options: self.options, step }
    }
}

impl ClientConfigBuilder<ReadyClient> {
    /// One more chain. Of those whose keys the server can use, the first one is sent that the
    /// server says it can verify and whose issuer it names; if there is none, the first one: what
    /// a server says of issuers is a hint.
    #[must_use]
    pub fn and_identity(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Self {
        self.step.add(certified(&self.options.provider, chain, key));
        self
    }

    /// One more chain whose key is asked for with [`Ask::Sign`](crate::Ask::Sign).
    #[must_use]
    pub fn and_asked_identity(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        algorithm: SignatureAlgorithm,
        schemes: Vec<SignatureScheme>,
    ) -> Self {
        self.step.add(certified_elsewhere(chain, algorithm, schemes));
        self
    }

    /// Shows the public half of this key without a certificate (RFC 7250) where that is wanted.
    #[must_use]
    pub fn and_raw_public_key(mut self, key: &PrivateKeyDer<'_>) -> Self {
        self.step.add(raw_public_key(&self.options.provider, key));
        self
    }

    /// Like [`and_raw_public_key`](Self::and_raw_public_key), with a key that is asked for with
    /// [`Ask::Sign`](crate::Ask::Sign).
    #[must_use]
    pub fn and_asked_raw_public_key(
        mut self,
        public_key: SubjectPublicKeyInfoDer<'static>,
        algorithm: SignatureAlgorithm,
        schemes: Vec<SignatureScheme>,
    ) -> Self {
        self.step.add(Ok(raw_public_key_elsewhere(public_key, algorithm, schemes)));
        self
    }

    /// Whether the server's DNS name is sent in the clear (RFC 6066 §3). On by default.
    #[must_use]
    pub const fn with_server_name_sent(mut self, on: bool) -> Self {
        self.step.send_server_name = on;
        self
    }

    /// Whether the first hello carries a share of the hybrid (post-quantum) group if that is the
    /// best one. Off by default: the hello then needs two datagrams, which many servers drop, and
    /// a server that wants the group asks for it. Saves a round trip with servers that take such
    /// hellos and use no cookies.
    #[must_use]
    pub const fn with_hybrid_share_first(mut self, on: bool) -> Self {
        self.step.hybrid_share_first = on;
        self
    }

    /// Asks the server to put no more than 512, 1,024, 2,048 or 4,096 bytes of plaintext into any
    /// record, and does so itself if the server agrees (RFC 6066 §4). Servers that know
    /// [`with_record_size_limit`](Self::with_record_size_limit) should be told that instead; told
    /// both, they go by that.
    #[must_use]
    pub const fn with_max_fragment_length(mut self, bytes: u16) -> Self {
        self.step.max_fragment_length = Some(bytes);
        self
    }

    /// Where sessions are kept. By default, with the feature `std`, 256 of them in memory.
    ///
    /// A store must not be shared by configurations that verify servers differently.
    #[must_use]
    pub fn with_session_store(mut self, store: Arc<dyn ClientSessionStore>) -> Self {
        self.step.resumption.chosen = true;
        self.step.resumption.client = Some(store);
        self
    }

    /// Keeps no sessions: every handshake is a full one.
    #[must_use]
    pub fn without_resumption(mut self) -> Self {
        self.step.resumption = Resumption { chosen: true, ..Resumption::default() };
        self
    }

    /// Verifies the server's chain again, at the time of then, when a session is resumed. Off by
    /// default: the server shows that it holds the session's secret.
    #[must_use]
    pub const fn with_verification_on_resumption(mut self, on: bool) -> Self {
        self.step.verify_resumed = on;
        self
    }

    /// Lets [`Connection::send_early`](crate::Connection::send_early) send data with the first
    /// hello when a session is resumed whose server takes it (RFC 8446 §2.3). Off by default.
    ///
    /// Dangerous: such data has no forward secrecy, and whoever records it can send it again. See
    /// [`Connection::send_early`](crate::Connection::send_early).
    #[must_use]
    pub const fn danger_offer_early_data(mut self, on: bool) -> Self {
        self.step.offer_early_data = on;
        self
    }

    /// Checks everything. The first contradiction found is returned.
    pub fn build(self) -> Result<ClientConfig, ConfigError> {
        let Ready {
            verification,
            raw_public_keys,
            identities,
            send_server_name,
            hybrid_share_first,
            max_fragment_length,
            resumption,
            verify_resumed,
            offer_early_data,
            ..
        } = self.step;
        let max_fragment_length = match max_fragment_length {
            None => None,
            Some(512) => Some(1),
            Some(1024) => Some(2),
            Some(2048) => Some(3),
            Some(4096) => Some(4),
            Some(_) => return Err(ConfigError::OutOfRange("the maximum fragment length")),
        };
        let mut options = self.options;
        let verification = verification?;
        if let ServerVerification::Psk(psk) = &verification {
            if psk.offered().is_none() {
                options.only_v12()?;
            }
        }
        let (common, transport) = options.build(|kind| verification.fits(kind))?;
        let handshake = Client {
            common,
            verification,
            raw_public_keys,
            identities: identities?,
            send_server_name,
            hybrid_share_first,
            max_fragment_length,
            sessions: resumption.client_store(),
            verify_resumed,
            offer_early_data,
        };
        Ok(ClientConfig { handshake: Arc::new(handshake), transport })
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

    /// One more chain whose key is asked for with [`Ask::Sign`](crate::Ask::Sign).
    #[must_use]
    pub fn and_asked_identity(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        algorithm: SignatureAlgorithm,
        schemes: Vec<SignatureScheme>,
    ) -> Self {
        self.step.add(certified_elsewhere(chain, algorithm, schemes));
        self
    }

    /// Shows the public half of this key without a certificate (RFC 7250) where that is wanted.
    #[must_use]
    pub fn and_raw_public_key(mut self, key: &PrivateKeyDer<'_>) -> Self {
        self.step.add(raw_public_key(&self.options.provider, key));
        self
    }

    /// Like [`and_raw_public_key`](Self::and_raw_public_key), with a key that is asked for with
    /// [`Ask::Sign`](crate::Ask::Sign).
    #[must_use]
    pub fn and_asked_raw_public_key(
        mut self,
        public_key: SubjectPublicKeyInfoDer<'static>,
        algorithm: SignatureAlgorithm,
        schemes: Vec<SignatureScheme>,
    ) -> Self {
        self.step.add(Ok(raw_public_key_elsewhere(public_key, algorithm, schemes)));
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
