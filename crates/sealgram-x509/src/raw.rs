//! Peers that show a bare key instead of a certificate (RFC 7250).

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{ServerName, SubjectPublicKeyInfoDer};
use sealgram_crypto::{
    CertificateError, Hash, HashKind, IdentityVerified, RawPublicKeySignatures,
    RawPublicKeyVerifier, SignatureAlgorithms, SignatureVerified, SignedMessage, VerificationError,
    ct_eq,
};
use sealgram_iana::SignatureScheme;
use webpki::RawPublicKeyEntity;

use crate::BuildError;
use crate::signature::verify_with_raw_key;

/// Verifies handshake signatures with the peer's raw public key and leaves it to the application
/// whose key that is: for configurations that ask.
#[derive(Debug)]
pub struct AnyPublicKey {
    algorithms: SignatureAlgorithms,
    schemes: Vec<SignatureScheme>,
}

impl AnyPublicKey {
    /// Verifies with these algorithms.
    #[must_use]
    pub fn new(algorithms: SignatureAlgorithms) -> Arc<Self> {
        Arc::new(Self::with(algorithms))
    }

    fn with(algorithms: SignatureAlgorithms) -> Self {
        Self { algorithms, schemes: algorithms.schemes() }
    }
}

impl RawPublicKeySignatures for AnyPublicKey {
    fn verify_raw_signature(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        verify_with_raw_key(&self.algorithms, public_key, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }
}

/// Accepts the peers that hold one of the given keys, whatever they are called.
#[derive(Debug)]
pub struct PinnedPublicKeys {
    pins: Pins,
    signatures: AnyPublicKey,
}

/// Never empty.
#[derive(Debug)]
enum Pins {
    Keys(Vec<SubjectPublicKeyInfoDer<'static>>),
    Hashes { pins: Vec<[u8; 32]>, sha256: &'static dyn Hash },
}

impl PinnedPublicKeys {
    /// Accepts any of `keys`: each a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    ///
    /// [`BuildError::NoFingerprints`] if there are none, [`BuildError::BadPublicKey`] for bytes
    /// that are no such thing.
    pub fn new(
        keys: impl IntoIterator<Item = SubjectPublicKeyInfoDer<'static>>,
        algorithms: SignatureAlgorithms,
    ) -> Result<Arc<Self>, BuildError> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            return Err(BuildError::NoFingerprints);
        }
        if keys.iter().any(|key| RawPublicKeyEntity::try_from(key).is_err()) {
            return Err(BuildError::BadPublicKey);
        }
        Ok(Self::with(Pins::Keys(keys), algorithms))
    }

    /// Accepts the keys whose SubjectPublicKeyInfo has one of these SHA-256 hashes, as in
    /// RFC 7858 §4.2 and RFC 7469 §2.4.
    ///
    /// # Errors
    ///
    /// [`BuildError::NoFingerprints`], [`BuildError::NotSha256`].
    pub fn by_hash(
        pins: impl IntoIterator<Item = [u8; 32]>,
        sha256: &'static dyn Hash,
        algorithms: SignatureAlgorithms,
    ) -> Result<Arc<Self>, BuildError> {
        let pins: Vec<_> = pins.into_iter().collect();
        if pins.is_empty() {
            return Err(BuildError::NoFingerprints);
        }
        if sha256.kind() != HashKind::Sha256 {
            return Err(BuildError::NotSha256);
        }
        Ok(Self::with(Pins::Hashes { pins, sha256 }, algorithms))
    }

    fn with(pins: Pins, algorithms: SignatureAlgorithms) -> Arc<Self> {
        Arc::new(Self { pins, signatures: AnyPublicKey::with(algorithms) })
    }

    fn holds(&self, key: &SubjectPublicKeyInfoDer<'_>) -> bool {
        match &self.pins {
            Pins::Keys(keys) => keys.iter().any(|known| known == key),
            Pins::Hashes { pins, sha256 } => {
                let hash = sha256.hash(key);
                pins.iter().any(|pin| ct_eq(pin, hash.as_ref()))
            }
        }
    }
}

impl RawPublicKeySignatures for PinnedPublicKeys {
    fn verify_raw_signature(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.signatures.verify_raw_signature(public_key, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.signatures.schemes()
    }
}

impl RawPublicKeyVerifier for PinnedPublicKeys {
    fn verify_raw_public_key(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        _name: Option<&ServerName<'_>>,
    ) -> Result<IdentityVerified, VerificationError> {
        if self.holds(public_key) {
            Ok(IdentityVerified::danger_assertion())
        } else {
            Err(CertificateError::FingerprintMismatch.into())
        }
    }
}
