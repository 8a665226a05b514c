//! Makes identities, checked, for lists of them and for whoever resolves or is asked.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, PrivateKeyDer};
use sealgram_crypto::{CryptoProvider, SignatureAlgorithm};
use sealgram_handshake::{CertifiedKey, KeySource};
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
    Arc::new(CertifiedKey { chain, facts, key })
}
