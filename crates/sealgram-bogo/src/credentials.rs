//! Our own certificates and their keys, and which of them is shown.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealgram::crypto::{CryptoProvider, SigningKey};
use sealgram::iana::{CertificateType, SignatureScheme, Version};
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};
use sealgram::{
    CertificateWanted, CertifiedKey, ResolvesCertificate, Sign, certified, certified_elsewhere,
    raw_public_key, raw_public_key_elsewhere,
};

use crate::flags::{Credential, Options};
use crate::report::Failure;

/// A chain with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    /// As it was given to the library, unless that asks for signatures.
    pub(crate) private: PrivateKeyDer<'static>,
    pub(crate) key: Arc<dyn SigningKey>,
    /// What may be signed with, best first.
    pub(crate) schemes: Vec<SignatureScheme>,
    must_match_issuer: bool,
}

impl Identity {
    fn load(
        credential: &Credential,
        elsewhere: bool,
        provider: &CryptoProvider,
    ) -> Result<Option<Self>, Failure> {
        let Some(key) = &credential.key else { return Ok(None) };
        let pem = |error| Failure::failed(format!("{error}"));
        let private = PrivateKeyDer::from_pem_slice(&fs::read(key)?).map_err(pem)?;
        let key = provider.key_loader.load(&private);
        let key = key.map_err(|error| Failure::unimplemented(format!("a key: {error}")))?;
        let schemes = if credential.signing_prefs.is_empty() {
            key.schemes().to_vec()
        } else {
            let able = |scheme: &&SignatureScheme| key.schemes().contains(*scheme);
            credential.signing_prefs.iter().filter(able).copied().collect()
        };
        let certified = if credential.raw_public_key {
            let certified = raw_public_key(provider, &private)?;
            match certified.raw_public_key() {
                Some(public) if elsewhere => {
                    raw_public_key_elsewhere(public.clone(), key.algorithm(), schemes.clone())
                }
                _ => certified,
            }
        } else {
            let Some(certificate) = &credential.certificate else { return Ok(None) };
            let chain = CertificateDer::pem_slice_iter(&fs::read(certificate)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(pem)?;
            if elsewhere {
                certified_elsewhere(chain, key.algorithm(), schemes.clone())?
            } else {
                certified(provider, chain, &private)?
            }
        };
        let must_match_issuer = credential.must_match_issuer;
        Ok(Some(Self { certified, private, key, schemes, must_match_issuer }))
    }

    fn suits(&self, wanted: &CertificateWanted) -> bool {
        let allowed =
            |scheme: &SignatureScheme| wanted.version == Version::V12 || scheme.usable_in_dtls13();
        let signs = self
            .schemes
            .iter()
            .filter(|scheme| allowed(scheme))
            .any(|scheme| wanted.schemes.contains(scheme));
        let issuers = &wanted.authorities;
        let issued = !issuers.is_empty()
            && self.certified.facts().is_some_and(|facts| facts.is_issued_by(issuers));
        let fits = wanted.algorithms.contains(&self.key.algorithm())
            && wanted.certificate_types.contains(&self.certified.certificate_type());
        signs && fits && (issued || !self.must_match_issuer)
    }
}

/// All identities that the test gives, best first.
#[derive(Debug)]
pub(crate) struct Identities {
    pub(crate) list: Vec<Identity>,
    /// What the client that was asked about has offered.
    offered_alpn: Mutex<Vec<Vec<u8>>>,
}

impl Identities {
    pub(crate) fn load(options: &Options, provider: &CryptoProvider) -> Result<Arc<Self>, Failure> {
        let credentials = options.credentials.iter().chain([&options.last_credential]);
        let load = |one| Identity::load(one, options.keys_elsewhere, provider).transpose();
        let list = credentials.filter_map(load).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { list, offered_alpn: Mutex::default() }))
    }

    /// What can be shown, best first.
    pub(crate) fn types(&self) -> Vec<CertificateType> {
        let mut types = Vec::new();
        for one in &self.list {
            let typ = one.certified.certificate_type();
            if !types.contains(&typ) {
                types.push(typ);
            }
        }
        types
    }

    /// Whether the library cannot choose by itself.
    pub(crate) fn need_resolver(&self) -> bool {
        self.list.iter().any(|one| one.must_match_issuer)
    }

    pub(crate) fn offered_alpn(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.offered_alpn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which identity is asked for, and its signature.
    pub(crate) fn sign(&self, sign: &Sign) -> Result<(usize, Vec<u8>), Failure> {
        let fits = |one: &Identity| {
            one.certified.chain() == sign.chain
                && one.certified.raw_public_key() == sign.raw_public_key.as_ref()
                && one.schemes.contains(&sign.scheme)
        };
        let index = self.list.iter().position(fits);
        let index = index.ok_or_else(|| Failure::failed("asked for a key that nobody has"))?;
        let signature = self.list[index].key.sign(sign.scheme, &sign.message);
        Ok((index, signature.map_err(|error| Failure::failed(error.to_string()))?))
    }
}

impl ResolvesCertificate for Identities {
    fn resolve(&self, wanted: &CertificateWanted) -> Option<Arc<CertifiedKey>> {
        self.offered_alpn().clone_from(&wanted.alpn);
        self.list.iter().find(|one| one.suits(wanted)).map(|one| one.certified.clone())
    }
}
