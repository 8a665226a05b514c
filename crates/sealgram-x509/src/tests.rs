//! A small certificate authority, and what all tests need. All clocks stand still.

extern crate std;

mod bytes;
mod dangerous;
mod facts;
mod names;
mod paths;
mod pinned;
mod raw;
mod revocation;
mod settings;
mod signatures;
mod usage;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use std::string::ToString;

use pki_types::{CertificateDer, ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use sealgram_crypto::{
    CertificateError, ClientVerifier, IdentityVerified, PeerChain, ServerVerifier,
    VerificationError,
};
use sealgram_ring::hash::SHA256;
use sealgram_ring::verify::SIGNATURE_ALGORITHMS;

use crate::{RootStore, WebPkiClientVerifier, WebPkiServerVerifier};

/// 2025-01-01, amid the validity of everything that [`params`] makes.
const NOW: u64 = 1_735_689_600;
/// 2030-01-01, within the validity of what OpenSSL made.
const FOREIGN_NOW: u64 = 1_893_456_000;
const DAY: u64 = 86_400;

const NAME: &str = "server.example";

fn at(secs: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(secs))
}

fn name(name: &str) -> ServerName<'_> {
    ServerName::try_from(name).unwrap()
}

/// A leaf for [`NAME`], valid in 2024 and 2025.
fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([NAME.to_string()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 1);
    params
}

fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Somebody with a key and a certificate.
struct Party {
    params: CertificateParams,
    key: KeyPair,
    der: CertificateDer<'static>,
}

impl Party {
    fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().into();
        Self { params, key, der }
    }

    fn root() -> Self {
        Self::self_signed(ca_params("root"))
    }

    /// Certifies another, whatever this one's certificate says it may do.
    fn certify(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer()).unwrap().into();
        Self { params, key, der }
    }

    fn certify_leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params("leaf");
        change(&mut params);
        self.certify(params)
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.der)
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    SHA256.hash(certificate).as_ref().try_into().unwrap()
}

fn store<'a>(roots: impl IntoIterator<Item = &'a CertificateDer<'a>>) -> Arc<RootStore> {
    let mut store = RootStore::new();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    Arc::new(store)
}

fn server_verifier(root: &Party) -> Arc<WebPkiServerVerifier> {
    WebPkiServerVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS).build().unwrap()
}

fn client_verifier(root: &Party) -> Arc<WebPkiClientVerifier> {
    WebPkiClientVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS).build().unwrap()
}

type Outcome = Result<IdentityVerified, VerificationError>;

/// Verifies leaf and intermediates for [`NAME`] at [`NOW`].
fn verify(verifier: &dyn ServerVerifier, chain: &[&Party]) -> Outcome {
    verify_as(verifier, chain, Some(NAME), NOW)
}

fn verify_as(
    verifier: &dyn ServerVerifier,
    chain: &[&Party],
    expected: Option<&str>,
    now: u64,
) -> Outcome {
    with_chain(chain, |chain| verifier.verify_server(chain, expected.map(name).as_ref(), at(now)))
}

fn verify_client(verifier: &dyn ClientVerifier, chain: &[&Party]) -> Outcome {
    with_chain(chain, |chain| verifier.verify_client(chain, at(NOW)))
}

fn with_chain<R>(chain: &[&Party], run: impl FnOnce(&PeerChain<'_>) -> R) -> R {
    let (leaf, intermediates) = chain.split_first().unwrap();
    let intermediates: Vec<_> = intermediates.iter().map(|party| party.der.clone()).collect();
    run(&PeerChain { end_entity: &leaf.der, intermediates: &intermediates })
}

/// All errors, in order; none for a success.
fn errors(outcome: Outcome) -> Vec<CertificateError> {
    match outcome {
        Ok(_) => vec![],
        Err(error) => error.errors().to_vec(),
    }
}
