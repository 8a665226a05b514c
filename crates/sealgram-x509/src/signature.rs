//! Signatures in the handshake, and private keys against certificates.

use alloc::vec::Vec;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use sealgram_crypto::{
    CertificateError, KeyError, SignatureAlgorithms, SignatureVerified, SignatureVerifier,
    SignedMessage, SigningKey, VerificationError,
};
use sealgram_iana::{AlertDescription, SignatureScheme};
use webpki::{EndEntityCert, RawPublicKeyEntity};

use crate::der::Certificate;
use crate::errors::translate;

/// Verifies with the key of a certificate that webpki understands in full.
pub(crate) fn verify_with_certificate(
    algorithms: &SignatureAlgorithms,
    end_entity: &CertificateDer<'_>,
    signed: &SignedMessage<'_>,
) -> Result<SignatureVerified, VerificationError> {
    let certificate = EndEntityCert::try_from(end_entity).map_err(|error| translate(&error))?;
    try_candidates(algorithms, signed, |algorithm| {
        certificate.verify_signature(algorithm, signed.message, signed.signature)
    })
}

/// Verifies handshake signatures for whoever looks at nothing but the certificate's key.
#[derive(Debug)]
pub(crate) struct KeyAlone {
    algorithms: SignatureAlgorithms,
    schemes: Vec<SignatureScheme>,
}

impl KeyAlone {
    pub(crate) fn new(algorithms: SignatureAlgorithms) -> Self {
        Self { algorithms, schemes: algorithms.schemes() }
    }
}

impl SignatureVerifier for KeyAlone {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        verify_with_key(&self.algorithms, end_entity, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }
}

/// Lets a field verify the handshake signatures of the type that has it.
macro_rules! signatures_by {
    ($field:ident of $verifier:ty) => {
        impl SignatureVerifier for $verifier {
            fn verify_signature(
                &self,
                end_entity: &CertificateDer<'_>,
                signed: &SignedMessage<'_>,
            ) -> Result<SignatureVerified, VerificationError> {
                self.$field.verify_signature(end_entity, signed)
            }

            fn schemes(&self) -> &[SignatureScheme] {
                self.$field.schemes()
            }

            fn certificate_schemes(&self) -> &[SignatureScheme] {
                self.$field.certificate_schemes()
            }
        }
    };
}
pub(crate) use signatures_by;

/// Verifies with the key of a certificate of which nothing but the key matters.
///
/// It may be of version 1, or have critical extensions that nobody understands.
fn verify_with_key(
    algorithms: &SignatureAlgorithms,
    end_entity: &CertificateDer<'_>,
    signed: &SignedMessage<'_>,
) -> Result<SignatureVerified, VerificationError> {
    let certificate = Certificate::read(end_entity).map_err(CertificateError::from)?;
    verify_with_raw_key(algorithms, &certificate.public_key.into(), signed)
}

/// Verifies with a key that comes without a certificate.
pub(crate) fn verify_with_raw_key(
    algorithms: &SignatureAlgorithms,
    public_key: &SubjectPublicKeyInfoDer<'_>,
    signed: &SignedMessage<'_>,
) -> Result<SignatureVerified, VerificationError> {
    let key = RawPublicKeyEntity::try_from(public_key).map_err(|error| translate(&error))?;
    try_candidates(algorithms, signed, |algorithm| {
        key.verify_signature(algorithm, signed.message, signed.signature)
    })
}

/// Tries each algorithm that the scheme may mean: in 1.2 it leaves the curve open, and the wrong
/// one is told apart by the key, not by the signature.
fn try_candidates(
    algorithms: &SignatureAlgorithms,
    signed: &SignedMessage<'_>,
    verify: impl Fn(&dyn SignatureVerificationAlgorithm) -> Result<(), webpki::Error>,
) -> Result<SignatureVerified, VerificationError> {
    let candidates = algorithms.candidates(signed.scheme, signed.version);
    if candidates.is_empty() {
        // We never offered it (RFC 8446 §4.4.3).
        return Err(VerificationError::from(CertificateError::UnsupportedAlgorithm)
            .with_alert(AlertDescription::ILLEGAL_PARAMETER));
    }
    // No other failure differs between algorithms of one scheme, so the order does not matter.
    if candidates.iter().any(|algorithm| verify(*algorithm).is_ok()) {
        return Ok(SignatureVerified::danger_assertion());
    }
    // RFC 8446 §4.4.3
    Err(VerificationError::from(CertificateError::BadSignature)
        .with_alert(AlertDescription::DECRYPT_ERROR))
}

/// Checks that `key` is the private half of the key in `leaf`, the first certificate of a chain.
///
/// A key that cannot tell its public half passes.
///
/// # Errors
///
/// [`KeyError::CertificateMismatch`] if the keys differ or `leaf` is not a certificate.
pub fn check_key(leaf: &CertificateDer<'_>, key: &dyn SigningKey) -> Result<(), KeyError> {
    let Some(public_key) = key.public_key() else { return Ok(()) };
    match Certificate::read(leaf) {
        Ok(certificate) if certificate.public_key == public_key.as_ref() => Ok(()),
        _ => Err(KeyError::CertificateMismatch),
    }
}
