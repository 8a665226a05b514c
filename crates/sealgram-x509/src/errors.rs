//! What webpki says, in the words of the verifier traits, and errors collected and ranked.

use alloc::format;
use alloc::vec::Vec;

use sealgram_crypto::{CertificateError, VerificationError};

use crate::der::NotDer;

/// The errors found so far: none twice.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<CertificateError>);

impl Findings {
    pub(crate) fn add(&mut self, error: CertificateError) {
        if !self.0.contains(&error) {
            self.0.push(error);
        }
    }

    /// Passes if nothing was found; else all that was, gravest first.
    pub(crate) fn finish(self) -> Result<(), VerificationError> {
        let mut errors = self.0;
        errors.sort_by_key(rank);
        let mut errors = errors.into_iter();
        match errors.next() {
            None => Ok(()),
            Some(first) => Err(VerificationError::new(first, errors.collect())),
        }
    }
}

/// How grave an error is; 0 is the gravest. The first one chooses the alert.
///
/// First what speaks of forgery or withdrawn trust, then what breaks a path's rules, then the
/// missing path itself, then what may be a fault of configuration, last the clock's share.
const fn rank(error: &CertificateError) -> u8 {
    match error {
        CertificateError::Malformed => 0,
        CertificateError::Revoked => 1,
        CertificateError::Distrusted => 2,
        CertificateError::FingerprintMismatch => 3,
        CertificateError::BadSignature => 4,
        CertificateError::EndEntityUsedAsCa => 5,
        CertificateError::CaUsedAsEndEntity => 6,
        CertificateError::NameConstraintViolated => 7,
        CertificateError::PathLengthExceeded => 8,
        CertificateError::SelfSigned => 9,
        CertificateError::UnknownIssuer => 10,
        // It is why there is no path, or nobody needs it: a signature that nobody can check was
        // made by anybody.
        CertificateError::UnsupportedAlgorithm => 11,
        CertificateError::NotValidForName => 12,
        CertificateError::NameMissing => 13,
        CertificateError::WrongUsage => 14,
        CertificateError::Expired => 15,
        CertificateError::NotYetValid => 16,
        CertificateError::UnknownRevocationStatus => 17,
        _ => 18,
    }
}

impl From<NotDer> for CertificateError {
    fn from(NotDer: NotDer) -> Self {
        Self::Malformed
    }
}

/// The verifier's word for an error of webpki.
#[allow(deprecated)] // The old forms of three errors: webpki may still return them.
pub(crate) fn translate(error: &webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::BadDer
        | E::BadDerTime
        | E::ExtensionValueInvalid
        | E::InvalidCertValidity
        | E::InvalidNetworkMaskConstraint
        | E::InvalidSerialNumber
        | E::MalformedDnsIdentifier
        | E::MalformedExtensions
        | E::MalformedNameConstraint
        | E::SignatureAlgorithmMismatch
        | E::TrailingData(_)
        | E::UnsupportedCertVersion
        | E::UnsupportedCriticalExtension => CertificateError::Malformed,

        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotYetValid,

        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::CaUsedAsEndEntity => CertificateError::CaUsedAsEndEntity,
        E::EndEntityUsedAsCa => CertificateError::EndEntityUsedAsCa,
        E::PathLenConstraintViolated => CertificateError::PathLengthExceeded,
        E::NameConstraintViolation => CertificateError::NameConstraintViolated,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKey
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateError::UnsupportedAlgorithm
        }

        E::CertNotValidForName(_) | E::UnsupportedNameType => CertificateError::NotValidForName,
        E::EmptyEkuExtension | E::RequiredEkuNotFound | E::RequiredEkuNotFoundContext(_) => {
            CertificateError::WrongUsage
        }

        E::CertDistrusted => CertificateError::Distrusted,
        E::CertRevoked => CertificateError::Revoked,
        // There is a list, but it proves nothing.
        E::CrlExpired { .. }
        | E::InvalidCrlNumber
        | E::InvalidCrlSignatureForPublicKey
        | E::IssuerNotCrlSigner
        | E::UnknownRevocationStatus
        | E::UnsupportedCrlIssuingDistributionPoint
        | E::UnsupportedCrlSignatureAlgorithm
        | E::UnsupportedCrlSignatureAlgorithmContext(_)
        | E::UnsupportedCrlSignatureAlgorithmForPublicKey
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
        | E::UnsupportedCrlVersion
        | E::UnsupportedDeltaCrl
        | E::UnsupportedIndirectCrl
        | E::UnsupportedRevocationReason
        | E::UnsupportedRevocationReasonsPartitioning => CertificateError::UnknownRevocationStatus,

        E::MaximumNameConstraintComparisonsExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded => {
            CertificateError::Other("the certificates ask for too much work".into())
        }

        // webpki may learn to say more.
        other => CertificateError::Other(format!("{other:?}")),
    }
}

/// Whether webpki gave up because of the work that the peer asked for. Asking again would only do
/// that work again.
pub(crate) const fn gave_up(error: &webpki::Error) -> bool {
    matches!(
        error,
        webpki::Error::MaximumNameConstraintComparisonsExceeded
            | webpki::Error::MaximumPathBuildCallsExceeded
            | webpki::Error::MaximumSignatureChecksExceeded
    )
}
