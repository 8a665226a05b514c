//! Private keys that sign.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram_iana::SignatureScheme;

use crate::CryptoError;

/// A family of signature algorithms: what a 1.2 suite and a certificate must agree on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SignatureAlgorithm {
    /// RSA, with PKCS#1 v1.5 or PSS padding.
    Rsa,
    /// ECDSA over any curve.
    Ecdsa,
    /// Ed25519. 1.2 counts it among the ECDSA suites (RFC 8422 §2.2).
    Ed25519,
}

impl SignatureAlgorithm {
    /// The family that a scheme belongs to, or `None` for one that sealgram does not know.
    #[must_use]
    pub const fn of(scheme: SignatureScheme) -> Option<Self> {
        match scheme {
            SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
            | SignatureScheme::RSA_PSS_RSAE_SHA256
            | SignatureScheme::RSA_PSS_RSAE_SHA384
            | SignatureScheme::RSA_PSS_RSAE_SHA512
            | SignatureScheme::RSA_PSS_PSS_SHA256
            | SignatureScheme::RSA_PSS_PSS_SHA384
            | SignatureScheme::RSA_PSS_PSS_SHA512 => Some(Self::Rsa),
            SignatureScheme::ECDSA_SECP256R1_SHA256
            | SignatureScheme::ECDSA_SECP384R1_SHA384
            | SignatureScheme::ECDSA_SECP521R1_SHA512 => Some(Self::Ecdsa),
            SignatureScheme::ED25519 => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// A private key that signs. Never shows itself: its `Debug` must be redacted.
pub trait SigningKey: Debug + Send + Sync {
    /// The key's family.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// The schemes that the key can sign with, best first.
    fn schemes(&self) -> &[SignatureScheme];

    /// The public half, if the key can tell: a configuration compares it with the certificate.
    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>>;

    /// Signs `message` with `scheme`, one of [`SigningKey::schemes`].
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// Makes signing keys from DER (PKCS#8, SEC1 or PKCS#1).
pub trait KeyLoader: Debug + Send + Sync {
    /// Loads one key.
    fn load(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyError>;
}

/// Why a private key cannot be used. Says nothing about the key's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are not a key in a known format, or the key is inconsistent.
    Malformed,
    /// A key of a kind or size that the provider does not support.
    Unsupported,
    /// The certificate is for another key.
    CertificateMismatch,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "the private key is malformed or inconsistent (expected PKCS#8, SEC1 or PKCS#1)"
            }
            Self::Unsupported => "the provider does not support this kind of private key",
            Self::CertificateMismatch => "the private key does not belong to the certificate",
        })
    }
}

impl core::error::Error for KeyError {}
