//! What a side is told to offer and to insist on, whatever library it is.

use sealgram::iana::{CipherSuite, NamedGroup, SrtpProfile, Version};
use sealgram::pki_types::CertificateDer;

use crate::{Authority, Identity};

/// A cipher suite without regard to version and kind of key.
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

    /// Its numbers: of 1.3, of 1.2 with ECDSA or Ed25519, of 1.2 with RSA.
    #[must_use]
    pub const fn numbers(self) -> [CipherSuite; 3] {
        match self {
            Self::Aes128Gcm => [
                CipherSuite::TLS_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            ],
            Self::Aes256Gcm => [
                CipherSuite::TLS_AES_256_GCM_SHA384,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            ],
            Self::ChaCha20Poly1305 => [
                CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            ],
        }
    }
}

/// What a server wants to see of its clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientCertificate {
    /// Nothing: it does not ask.
    Unasked,
    /// It asks, and takes what it gets if that leads to the trusted root.
    Asked,
    /// It asks, and insists.
    Required,
}

/// How sessions are resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resumption {
    /// Not at all.
    None,
    /// By tickets: of the server's making, or taken by the client.
    Tickets,
    /// By session IDs (1.2): the server keeps the sessions, and the client takes no tickets, if it
    /// lets itself be told.
    SessionIds,
}

/// What a side offers, in the order of its preference, and what it insists on.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The versions.
    pub versions: Vec<Version>,
    /// The cipher suites. BoringSSL always offers all of 1.3.
    pub suites: Vec<Suite>,
    /// The groups.
    pub groups: Vec<NamedGroup>,
    /// The groups that a 1.3 client sends shares of, if it lets itself be told.
    pub shares: Option<Vec<NamedGroup>>,
    /// The certificate to show.
    pub identity: Option<Identity>,
    /// The root that the peer's certificate must lead to. dimpl takes any.
    pub trust: Option<CertificateDer<'static>>,
    /// What a server wants of its clients.
    pub client_certificate: ClientCertificate,
    /// The application protocols.
    pub alpn: Vec<&'static str>,
    /// The SRTP profiles. dimpl always offers its own.
    pub srtp: Vec<SrtpProfile>,
    /// The largest datagram of the handshake, in bytes of UDP payload.
    pub max_datagram: usize,
    /// Whether a server wants its cookie back. BoringSSL's has none.
    pub cookies: bool,
    /// Whether sessions are resumed. dimpl resumes none.
    pub resumption: Resumption,
    /// After how many records a side changes its keys by itself (1.3), if it lets itself be told
    /// (dimpl).
    pub key_limit: Option<u64>,
    /// Whether a client adds values that nobody knows, and shuffles its extensions (BoringSSL).
    pub grease: bool,
}

impl Terms {
    /// Every suite; X25519, P-256 and P-384; datagrams of 1,200 bytes; cookies; nothing else.
    #[must_use]
    pub fn new(versions: &[Version]) -> Self {
        Self {
            versions: versions.to_vec(),
            suites: Suite::ALL.to_vec(),
            groups: vec![NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1],
            shares: None,
            identity: None,
            trust: None,
            client_certificate: ClientCertificate::Unasked,
            alpn: Vec::new(),
            srtp: Vec::new(),
            max_datagram: 1200,
            cookies: true,
            resumption: Resumption::None,
            key_limit: None,
            grease: false,
        }
    }

    /// The terms of a client and of a server that has a certificate of this authority, which the
    /// client trusts. Both know these versions.
    #[must_use]
    pub fn pair(authority: &Authority, versions: &[Version]) -> [Self; 2] {
        let client = Self { trust: Some(authority.root()), ..Self::new(versions) };
        let server = Self { identity: Some(authority.server.clone()), ..Self::new(versions) };
        [client, server]
    }
}
