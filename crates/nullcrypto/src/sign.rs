//! "Signatures": a checksum over public key and message.
//!
//! A key is its scheme's number and 32 bytes, public and private alike.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use sealgram_crypto::{CryptoError, KeyError, KeyLoader, SignatureAlgorithm, SigningKey};
use sealgram_iana::SignatureScheme;

use crate::mix::Mix;

/// What a pseudo-certificate begins with; the public key follows.
pub const CERTIFICATE_PREFIX: &[u8] = b"null-certificate:";

const PRIVATE_KEY_PREFIX: &[u8] = b"null-private-key:";
const KEY: u64 = 128;
const SIGNATURE: u64 = 129;

/// A pseudo-certificate for ECDSA over P-256, and its key.
#[must_use]
pub fn certificate(seed: u64) -> (CertificateDer<'static>, Arc<dyn SigningKey>) {
    certificate_with(seed, SignatureScheme::ECDSA_SECP256R1_SHA256)
}

/// A pseudo-certificate whose key signs with this scheme, and its key. Of use are the schemes of
/// [`crate::SIGNATURE_ALGORITHMS`]: what other keys sign is not accepted.
#[must_use]
pub fn certificate_with(
    seed: u64,
    scheme: SignatureScheme,
) -> (CertificateDer<'static>, Arc<dyn SigningKey>) {
    let public = PublicKey::generate(seed, scheme);
    let certificate = CertificateDer::from([CERTIFICATE_PREFIX, &public.encode()].concat());
    (certificate, Arc::new(Key { public, schemes: [scheme] }))
}

/// The key of [`certificate_with`] in the form that the provider's loader takes.
#[must_use]
pub fn private_key(seed: u64, scheme: SignatureScheme) -> PrivateKeyDer<'static> {
    let public = PublicKey::generate(seed, scheme).encode();
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from([PRIVATE_KEY_PREFIX, &public].concat()))
}

/// A public key, which is all there is to a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicKey {
    pub(crate) scheme: SignatureScheme,
    bytes: [u8; 32],
}

impl PublicKey {
    fn generate(seed: u64, scheme: SignatureScheme) -> Self {
        Self { scheme, bytes: Mix::new(KEY).add(&seed.to_le_bytes()).bytes() }
    }

    pub(crate) fn read(key: &[u8]) -> Option<Self> {
        let (&scheme, bytes) = key.split_first_chunk()?;
        let scheme = SignatureScheme(u16::from_be_bytes(scheme));
        Some(Self { scheme, bytes: bytes.try_into().ok()? })
    }

    fn encode(&self) -> Vec<u8> {
        [&u16::from(self.scheme).to_be_bytes()[..], &self.bytes].concat()
    }

    /// The one signature over `message`.
    pub(crate) fn signature(&self, message: &[u8]) -> [u8; 64] {
        Mix::new(SIGNATURE).add(&self.encode()).add(message).bytes()
    }
}

#[derive(Debug)]
struct Key {
    public: PublicKey,
    schemes: [SignatureScheme; 1],
}

impl SigningKey for Key {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::of(self.public.scheme).unwrap_or(SignatureAlgorithm::Ecdsa)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    /// None: a pseudo-certificate has no SubjectPublicKeyInfo to compare with.
    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        None
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if scheme != self.public.scheme {
            return Err(CryptoError);
        }
        Ok(self.public.signature(message).to_vec())
    }
}

/// Loads what [`private_key`] makes.
pub(crate) static KEY_LOADER: &dyn KeyLoader = &Loader;

#[derive(Debug)]
struct Loader;

impl KeyLoader for Loader {
    fn load(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyError> {
        let key = key.secret_der().strip_prefix(PRIVATE_KEY_PREFIX).ok_or(KeyError::Malformed)?;
        let public = PublicKey::read(key).ok_or(KeyError::Malformed)?;
        Ok(Arc::new(Key { public, schemes: [public.scheme] }))
    }
}
