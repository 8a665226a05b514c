//! Makes identities, checked, for lists of them and for whoever resolves or is asked.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram_crypto::{CryptoProvider, SignatureAlgorithm};
use sealgram_handshake::{CertifiedKey, Credential, KeySource};
use sealgram_iana::SignatureScheme;
use sealgram_x509::{chain_facts, check_key};

use crate::ConfigError;

/// A chain (leaf first) with the key of its leaf, for a
/// [`ResolvesCertificate`](crate::ResolvesCertificate) or as the answer to
/// [`Ask::Certificate`](crate::Ask::Certificate).
///
/// # Errors
///
/// [`ConfigError::EmptyChain`], and [`ConfigError::Key`] if the key cannot be used or is not the
/// leaf's.
pub fn certified(
    provider: &CryptoProvider,
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'_>,
) -> Result<Arc<CertifiedKey>, ConfigError> {
    let key = provider.key_loader.load(key)?;
    let leaf = chain.first().ok_or(ConfigError::EmptyChain)?;
    check_key(leaf, &*key)?;
    Ok(with_key(chain, KeySource::Inline(key)))
}

/// A chain (leaf first) whose key is asked for with [`Ask::Sign`](crate::Ask::Sign). `schemes` are
/// those that the key can sign with, best first.
///
/// # Errors
///
/// [`ConfigError::EmptyChain`].
pub fn certified_elsewhere(
    chain: Vec<CertificateDer<'static>>,
    algorithm: SignatureAlgorithm,
    schemes: Vec<SignatureScheme>,
) -> Result<Arc<CertifiedKey>, ConfigError> {
    if chain.is_empty() {
        return Err(ConfigError::EmptyChain);
    }
    Ok(with_key(chain, KeySource::Ask { algorithm, schemes }))
}

fn with_key(chain: Vec<CertificateDer<'static>>, key: KeySource) -> Arc<CertifiedKey> {
    let facts = chain_facts(&chain);
    Arc::new(CertifiedKey { credential: Credential::Certificates { chain, facts }, key })
}

/// A key whose public half is shown without a certificate (RFC 7250), as by [`certified`].
///
/// # Errors
///
/// [`ConfigError::Key`] if the key cannot be used, [`ConfigError::NoPublicKey`] if it does not tell
/// its public half.
pub fn raw_public_key(
    provider: &CryptoProvider,
    key: &PrivateKeyDer<'_>,
) -> Result<Arc<CertifiedKey>, ConfigError> {
    let key = provider.key_loader.load(key)?;
    let public_key = key.public_key().ok_or(ConfigError::NoPublicKey)?.into_owned();
    let credential = Credential::RawPublicKey(public_key);
    Ok(Arc::new(CertifiedKey { credential, key: KeySource::Inline(key) }))
}

/// A SubjectPublicKeyInfo (in DER) that is shown without a certificate, whose private half is asked
/// for with [`Ask::Sign`](crate::Ask::Sign). `schemes` are those that the key can sign with, best
/// first.
#[must_use]
pub fn raw_public_key_elsewhere(
    public_key: SubjectPublicKeyInfoDer<'static>,
    algorithm: SignatureAlgorithm,
    schemes: Vec<SignatureScheme>,
) -> Arc<CertifiedKey> {
    let credential = Credential::RawPublicKey(public_key);
    Arc::new(CertifiedKey { credential, key: KeySource::Ask { algorithm, schemes } })
}
