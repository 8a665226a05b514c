//! The builders. Each step is a type of its own, so that none can be left out.

mod client;
mod server;

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram_crypto::{
    AeadKind, CryptoProvider, Hash, HashKind, KeyExchangeKind, KeyLog, SignatureAlgorithm,
    SuiteFacts, WallClock,
};
use sealgram_handshake::{
    CertifiedKey, ClientSessionStore, CommonConfig, EarlyDataLedger, EarlyDataTerms, Identities,
    PskSource, RawPublicKeyVerification, SessionCache, TicketSealer, Versions,
};
use sealgram_iana::{CipherSuite, NamedGroup, SignatureScheme, SrtpProfile, Version};

pub use client::{WantsClientIdentity, WantsServerVerifier};
pub use server::{WantsClientVerifier, WantsIdentity};

use super::TransportConfig;
use super::identity::{certified_elsewhere, raw_public_key, raw_public_key_elsewhere};
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

/// The ways to bring further identities, which are the same for both roles.
macro_rules! identities {
    ($builder:ident) => {
        impl<Verification> $builder<Ready<Verification>> {
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
        }
    };
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
            ///
            /// In 1.2 a client's list also says which curves it wants in certificates (RFC 8422
            /// §5.3): without `SECP256R1` in it, servers with a P-256 certificate refuse it.
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

/// Builds a [`ClientConfig`](crate::ClientConfig).
#[derive(Clone, Debug)]
pub struct ClientConfigBuilder<Step> {
    options: Options,
    step: Step,
}

/// Builds a [`ServerConfig`](crate::ServerConfig).
#[derive(Clone, Debug)]
pub struct ServerConfigBuilder<Step> {
    options: Options,
    step: Step,
}

options!(ClientConfigBuilder);
options!(ServerConfigBuilder);
identities!(ClientConfigBuilder);
identities!(ServerConfigBuilder);

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
