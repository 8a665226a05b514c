//! Verifiers of pseudo-certificates.

use pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use sealgram_crypto::{
    CertificateError, ClientVerifier, IdentityVerified, PeerChain, ServerVerifier,
    SignatureAlgorithms, SignatureVerified, SignatureVerifier, SignedMessage, VerificationError,
    ct_eq,
};
use sealgram_iana::{SignatureScheme, Version};

use crate::CERTIFICATE_PREFIX;
use crate::sign::PublicKey;

/// ECDSA over P-256, Ed25519 and RSA-PSS, as far as numbers go. Public keys are those of
/// pseudo-certificates.
pub static SIGNATURE_ALGORITHMS: SignatureAlgorithms = SignatureAlgorithms {
    all: &[ECDSA, ED25519, RSA_PSS],
    mapping: &[
        (SignatureScheme::ECDSA_SECP256R1_SHA256, &[ECDSA]),
        (SignatureScheme::ED25519, &[ED25519]),
        (SignatureScheme::RSA_PSS_RSAE_SHA256, &[RSA_PSS]),
    ],
};

const SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_SECP256R1_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_RSAE_SHA256,
];

static ECDSA: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
    public_key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA256,
};

static ED25519: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: SignatureScheme::ED25519,
    public_key: alg_id::ED25519,
    signature: alg_id::ED25519,
};

static RSA_PSS: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: SignatureScheme::RSA_PSS_RSAE_SHA256,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA256,
};

#[derive(Debug)]
struct Algorithm {
    scheme: SignatureScheme,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = PublicKey::read(public_key).ok_or(InvalidSignature)?;
        if key.scheme == self.scheme && ct_eq(&key.signature(message), signature) {
            Ok(())
        } else {
            Err(InvalidSignature)
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Accepts every pseudo-certificate, whatever its name, time or intermediates; checks handshake
/// signatures. Serves both roles.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    /// Whether a client must send a certificate.
    pub client_required: bool,
}

impl Verifier {
    fn key(certificate: &CertificateDer<'_>) -> Result<PublicKey, VerificationError> {
        let key = certificate.strip_prefix(CERTIFICATE_PREFIX);
        key.and_then(PublicKey::read).ok_or_else(|| CertificateError::Malformed.into())
    }
}

impl SignatureVerifier for Verifier {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        let key = Self::key(end_entity)?;
        let usable = signed.version == Version::V12 || signed.scheme.usable_in_dtls13();
        if key.scheme != signed.scheme || !SCHEMES.contains(&signed.scheme) || !usable {
            return Err(CertificateError::UnsupportedAlgorithm.into());
        }
        if !ct_eq(&key.signature(signed.message), signed.signature) {
            return Err(CertificateError::BadSignature.into());
        }
        Ok(SignatureVerified::danger_assertion())
    }

    fn schemes(&self) -> &[SignatureScheme] {
        SCHEMES
    }
}

impl ServerVerifier for Verifier {
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        _name: Option<&ServerName<'_>>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        Self::key(chain.end_entity)?;
        Ok(IdentityVerified::danger_assertion())
    }

    fn needs_name(&self) -> bool {
        false
    }
}

impl ClientVerifier for Verifier {
    fn verify_client(
        &self,
        chain: &PeerChain<'_>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        Self::key(chain.end_entity)?;
        Ok(IdentityVerified::danger_assertion())
    }

    fn required(&self) -> bool {
        self.client_required
    }
}
