//! Our own certificates and their keys.

use std::fs;
use std::sync::Arc;

use sealgram::Sign;
use sealgram::crypto::{CryptoProvider, SigningKey};
use sealgram::iana::SignatureScheme;
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};

use crate::flags::{Credential, Options};
use crate::report::Failure;

/// A chain with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) private: PrivateKeyDer<'static>,
    pub(crate) key: Arc<dyn SigningKey>,
    /// What may be signed with, best first.
    pub(crate) schemes: Vec<SignatureScheme>,
}

impl Identity {
    fn load(credential: &Credential, provider: &CryptoProvider) -> Result<Option<Self>, Failure> {
        let (Some(certificate), Some(key)) = (&credential.certificate, &credential.key) else {
            return Ok(None);
        };
        let pem = |error| Failure::failed(format!("{error}"));
        let chain = CertificateDer::pem_slice_iter(&fs::read(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(pem)?;
        let private = PrivateKeyDer::from_pem_slice(&fs::read(key)?).map_err(pem)?;
        let key = provider.key_loader.load(&private);
        let key = key.map_err(|error| Failure::unimplemented(format!("a key: {error}")))?;
        let schemes = if credential.signing_prefs.is_empty() {
            key.schemes().to_vec()
        } else {
            let able = |scheme: &&SignatureScheme| key.schemes().contains(*scheme);
            credential.signing_prefs.iter().filter(able).copied().collect()
        };
        Ok(Some(Self { chain, private, key, schemes }))
    }
}

/// All that the test gives, best first.
pub(crate) fn identities(
    options: &Options,
    provider: &CryptoProvider,
) -> Result<Vec<Identity>, Failure> {
    let credentials = options.credentials.iter().chain([&options.last_credential]);
    credentials.filter_map(|one| Identity::load(one, provider).transpose()).collect()
}

/// Which identity is asked for, and its signature.
pub(crate) fn sign(identities: &[Identity], sign: &Sign) -> Result<(usize, Vec<u8>), Failure> {
    let fits = |one: &Identity| one.chain == sign.chain && one.schemes.contains(&sign.scheme);
    let index = identities.iter().position(fits);
    let index = index.ok_or_else(|| Failure::failed("asked for a key that nobody has"))?;
    let signature = identities[index].key.sign(sign.scheme, &sign.message);
    Ok((index, signature.map_err(|error| Failure::failed(error.to_string()))?))
}
