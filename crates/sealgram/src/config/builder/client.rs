//! A client's steps.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer};
use sealgram_crypto::{
    CryptoProvider, RawPublicKeySignatures, RawPublicKeyVerifier, ServerVerifier, SignatureVerifier,
};
use sealgram_handshake::{
    ClientConfig as Client, ClientPsk, ClientSessionStore, ExternalPsk, Identities, PskChoice,
    RawPublicKeyVerification, ResolvesCertificate, ServerVerification,
};
use sealgram_iana::CertificateType;
use sealgram_x509::{RootStore, WebPkiServerVerifier};

use super::{ClientConfigBuilder, Options, Ready, Resumption};
use crate::ConfigError;
use crate::config::ClientConfig;
use crate::config::identity::certified;

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
