//! Peers that are known by the hash of their certificate.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName, UnixTime};
use sealgram_crypto::{
    CertificateError, ClientVerifier, Hash, HashKind, IdentityVerified, PeerChain, ServerVerifier,
    SignatureAlgorithms, SignatureVerified, SignatureVerifier, SignedMessage, VerificationError,
    ct_eq,
};
use sealgram_iana::SignatureScheme;

use crate::BuildError;
use crate::signature::{KeyAlone, signatures_by};

/// Accepts the peers whose certificate has one of the given SHA-256 fingerprints (RFC 8122 §5).
///
/// Nothing else in the certificate matters: not its name, issuer, dates or usage. Only its key is
/// read, and the peer must prove that it holds it. This is how WebRTC knows its peers.
#[derive(Debug)]
pub struct FingerprintVerifier {
    /// Never empty.
    fingerprints: Vec<[u8; 32]>,
    sha256: &'static dyn Hash,
    signatures: KeyAlone,
}

impl FingerprintVerifier {
    /// Accepts any of `fingerprints`: SHA-256 hashes of certificates in DER.
    ///
    /// # Errors
    ///
    /// [`BuildError::NoFingerprints`], [`BuildError::NotSha256`].
    pub fn new(
        fingerprints: impl IntoIterator<Item = [u8; 32]>,
        sha256: &'static dyn Hash,
        algorithms: SignatureAlgorithms,
    ) -> Result<Arc<Self>, BuildError> {
        let fingerprints: Vec<_> = fingerprints.into_iter().collect();
        if fingerprints.is_empty() {
            return Err(BuildError::NoFingerprints);
        }
        if sha256.kind() != HashKind::Sha256 {
            return Err(BuildError::NotSha256);
        }
        Ok(Arc::new(Self { fingerprints, sha256, signatures: KeyAlone::new(algorithms) }))
    }

    fn verify(&self, leaf: &CertificateDer<'_>) -> Result<IdentityVerified, VerificationError> {
        if is_listed(&self.fingerprints, self.sha256, leaf) {
            Ok(IdentityVerified::danger_assertion())
        } else {
            Err(CertificateError::FingerprintMismatch.into())
        }
    }
}

/// Whether the certificate's hash is in the list.
pub(crate) fn is_listed(
    fingerprints: &[[u8; 32]],
    sha256: &dyn Hash,
    certificate: &CertificateDer<'_>,
) -> bool {
    let fingerprint = sha256.hash(certificate);
    fingerprints.iter().any(|known| ct_eq(known, fingerprint.as_ref()))
}

signatures_by!(signatures of FingerprintVerifier);

impl ServerVerifier for FingerprintVerifier {
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        _name: Option<&ServerName<'_>>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.verify(chain.end_entity)
    }

    fn needs_name(&self) -> bool {
        false
    }
}

impl ClientVerifier for FingerprintVerifier {
    fn verify_client(
        &self,
        chain: &PeerChain<'_>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.verify(chain.end_entity)
    }

    fn required(&self) -> bool {
        true
    }
}
