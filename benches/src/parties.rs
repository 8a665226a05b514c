//! Clients and servers as an application would configure them.

use core::fmt::{self, Display};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use sealgram::iana::{CipherSuite, NamedGroup, Version};
use sealgram::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use sealgram::{ClientConfig, ClientSessionStore, RootStore, ServerConfig};

/// Both versions.
pub const VERSIONS: [Version; 2] = [Version::V12, Version::V13];

/// An AEAD without regard to the version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suite {
    /// AES-128-GCM with SHA-256.
    Aes128Gcm,
    /// AES-256-GCM with SHA-384.
    Aes256Gcm,
    /// ChaCha20-Poly1305 with SHA-256.
    ChaCha20Poly1305,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::ChaCha20Poly1305];

    /// Its numbers, of 1.2 and 1.3.
    #[must_use]
    pub const fn numbers(self) -> [CipherSuite; 2] {
        match self {
            Self::Aes128Gcm => [
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_AES_128_GCM_SHA256,
            ],
            Self::Aes256Gcm => [
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_AES_256_GCM_SHA384,
            ],
            Self::ChaCha20Poly1305 => [
                CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
            ],
        }
    }
}

impl Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
        })
    }
}

/// The group's usual name.
#[must_use]
pub fn group_name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519 => "X25519",
        NamedGroup::X25519_MLKEM768 => "X25519MLKEM768",
        _ => "?",
    }
}

/// The server's name.
const NAME: &str = "server.example";

/// The server's identity: a P-256 certificate that a P-256 root has signed.
#[derive(Debug)]
pub struct Parties {
    root: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Default for Parties {
    fn default() -> Self {
        Self::new()
    }
}

impl Parties {
    /// With new keys.
    #[must_use]
    pub fn new() -> Self {
        let generate = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let root_key = generate();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&root_key).expect("a root").der().clone();
        let issuer = Issuer::new(params, root_key);

        let key = generate();
        let mut params = CertificateParams::new([NAME.to_owned()]).expect("a name");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
        Self { root, leaf, key: key.serialize_der() }
    }

    /// The name that clients expect.
    #[must_use]
    pub fn name() -> ServerName<'static> {
        NAME.try_into().expect("a name")
    }

    /// The server's certificate.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The server's private key, as PKCS#8.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// A client. With a store it resumes; without it every handshake is a full one.
    ///
    /// The default provider, certificates verified by webpki, and the rest as it comes.
    #[must_use]
    pub fn client(
        &self,
        version: Version,
        suite: Suite,
        group: NamedGroup,
        sessions: Option<Arc<dyn ClientSessionStore>>,
    ) -> ClientConfig {
        let mut roots = RootStore::new();
        roots.add(self.root.clone()).expect("a root");
        let ready = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_versions(&[version])
            .with_cipher_suites(&suite.numbers())
            // The certificate's curve as well: in 1.2 the list says which of them will do.
            .with_groups(&[group, NamedGroup::SECP256R1])
            .with_no_client_auth()
            // Else the server has to ask for the share, which is measured with the cookies.
            .with_hybrid_share_first(true);
        let ready = match sessions {
            Some(sessions) => ready.with_session_store(sessions),
            None => ready.without_resumption(),
        };
        ready.build().expect("a client's configuration")
    }

    /// A server, with tickets or without.
    #[must_use]
    pub fn server(&self, version: Version, suite: Suite, tickets: bool) -> ServerConfig {
        let key = PrivatePkcs8KeyDer::from(self.key.as_slice()).into();
        let ready = ServerConfig::builder()
            .with_no_client_auth()
            .with_versions(&[version])
            .with_cipher_suites(&suite.numbers())
            .with_identity(vec![self.leaf.clone()], &key);
        let ready = if tickets { ready } else { ready.without_resumption() };
        ready.build().expect("a server's configuration")
    }
}
