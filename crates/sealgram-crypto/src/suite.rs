//! Cipher suites: the facts of each, written once, and a provider's algorithms for it.

use core::fmt::{self, Debug};

use sealgram_iana::{CipherSuite, Version};

use crate::{Aead, AeadKind, Hash, HashKind, SignatureAlgorithm};

/// How a suite agrees on the premaster secret (1.2). 1.3 negotiates that apart from the suite.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyExchangeKind {
    /// Ephemeral elliptic curves, signed with an ECDSA or Ed25519 certificate (RFC 8422).
    EcdheEcdsa,
    /// Ephemeral elliptic curves, signed with an RSA certificate.
    EcdheRsa,
    /// A pre-shared key alone (RFC 4279).
    Psk,
    /// A pre-shared key and ephemeral elliptic curves (RFC 5489).
    EcdhePsk,
    /// Decided outside of the suite: 1.3.
    Any,
}

impl KeyExchangeKind {
    /// Whether a certificate of this family may sign the exchange.
    #[must_use]
    pub const fn accepts(self, algorithm: SignatureAlgorithm) -> bool {
        match self {
            Self::EcdheEcdsa => {
                matches!(algorithm, SignatureAlgorithm::Ecdsa | SignatureAlgorithm::Ed25519)
            }
            Self::EcdheRsa => matches!(algorithm, SignatureAlgorithm::Rsa),
            Self::Any => true,
            Self::Psk | Self::EcdhePsk => false,
        }
    }

    /// Whether the server sends a certificate.
    #[must_use]
    pub const fn uses_certificate(self) -> bool {
        matches!(self, Self::EcdheEcdsa | Self::EcdheRsa | Self::Any)
    }

    /// Whether 1.2 makes a pre-shared key part of the premaster secret.
    #[must_use]
    pub const fn uses_psk(self) -> bool {
        matches!(self, Self::Psk | Self::EcdhePsk)
    }

    /// Whether 1.2 exchanges ephemeral keys.
    #[must_use]
    pub const fn uses_ecdhe(self) -> bool {
        matches!(self, Self::EcdheEcdsa | Self::EcdheRsa | Self::EcdhePsk)
    }
}

/// What the registry and the RFCs say about a suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SuiteFacts {
    /// Its number.
    pub suite: CipherSuite,
    /// The one version that uses it.
    pub version: Version,
    /// How 1.2 agrees on a secret with it.
    pub key_exchange: KeyExchangeKind,
    /// What protects records.
    pub aead: AeadKind,
    /// The hash of the transcript, the PRF and HKDF.
    pub hash: HashKind,
}

/// A suite that a provider implements.
pub struct Suite {
    /// The facts.
    pub facts: &'static SuiteFacts,
    /// The provider's AEAD; its kind is the one of the facts.
    pub aead: &'static dyn Aead,
    /// The provider's hash; its kind is the one of the facts.
    pub hash: &'static dyn Hash,
}

impl Suite {
    /// The suite's number.
    #[must_use]
    pub const fn id(&self) -> CipherSuite {
        self.facts.suite
    }
}

impl Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.facts.suite, f)
    }
}

/// The facts of every suite that sealgram knows.
pub mod facts {
    use super::{AeadKind, CipherSuite, HashKind, KeyExchangeKind, SuiteFacts, Version};

    macro_rules! facts {
        ($( $name:ident: $version:ident, $kx:ident, $aead:ident, $hash:ident; )*) => {
            $(
                #[doc = concat!("The facts of `", stringify!($name), "`.")]
                pub static $name: SuiteFacts = SuiteFacts {
                    suite: CipherSuite::$name,
                    version: Version::$version,
                    key_exchange: KeyExchangeKind::$kx,
                    aead: AeadKind::$aead,
                    hash: HashKind::$hash,
                };
            )*

            /// The facts of all suites.
            pub static ALL: &[&SuiteFacts] = &[$( &$name ),*];
        };
    }

    facts! {
        TLS_AES_128_GCM_SHA256: V13, Any, Aes128Gcm, Sha256;
        TLS_AES_256_GCM_SHA384: V13, Any, Aes256Gcm, Sha384;
        TLS_CHACHA20_POLY1305_SHA256: V13, Any, ChaCha20Poly1305, Sha256;
        TLS_AES_128_CCM_SHA256: V13, Any, Aes128Ccm, Sha256;
        TLS_AES_128_CCM_8_SHA256: V13, Any, Aes128Ccm8, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: V12, EcdheEcdsa, Aes128Gcm, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: V12, EcdheEcdsa, Aes256Gcm, Sha384;
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: V12, EcdheEcdsa, ChaCha20Poly1305, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_128_CCM: V12, EcdheEcdsa, Aes128Ccm, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: V12, EcdheEcdsa, Aes128Ccm8, Sha256;
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: V12, EcdheRsa, Aes128Gcm, Sha256;
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: V12, EcdheRsa, Aes256Gcm, Sha384;
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: V12, EcdheRsa, ChaCha20Poly1305, Sha256;
        TLS_PSK_WITH_AES_128_GCM_SHA256: V12, Psk, Aes128Gcm, Sha256;
        TLS_PSK_WITH_AES_256_GCM_SHA384: V12, Psk, Aes256Gcm, Sha384;
        TLS_PSK_WITH_CHACHA20_POLY1305_SHA256: V12, Psk, ChaCha20Poly1305, Sha256;
        TLS_PSK_WITH_AES_128_CCM: V12, Psk, Aes128Ccm, Sha256;
        TLS_PSK_WITH_AES_128_CCM_8: V12, Psk, Aes128Ccm8, Sha256;
        TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256: V12, EcdhePsk, Aes128Gcm, Sha256;
        TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256: V12, EcdhePsk, ChaCha20Poly1305, Sha256;
        TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256: V12, EcdhePsk, Aes128Ccm, Sha256;
        TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256: V12, EcdhePsk, Aes128Ccm8, Sha256;
    }
}
