//! Certificates in memory, with the faults that the tests are about.

use core::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use sealgram::RootStore;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sealgram_tests::Checked;

use super::OrFail;

/// The name that certificates are for unless told otherwise.
pub(crate) const NAME: &str = "server.example";

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Usage {
    Server,
    Client,
}

/// What a certificate of an end entity says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf<'a> {
    /// DNS names and IP addresses.
    pub(crate) names: &'a [&'a str],
    pub(crate) common_name: &'a str,
    pub(crate) usage: Usage,
    /// The years it is valid from and to.
    pub(crate) years: (i32, i32),
}

impl Default for Leaf<'_> {
    /// A server's, for [`NAME`], valid now.
    fn default() -> Self {
        Self { names: &[NAME], common_name: "leaf", usage: Usage::Server, years: (2020, 4000) }
    }
}

impl Leaf<'_> {
    fn params(&self) -> Checked<CertificateParams> {
        let names: Vec<String> = self.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).or_fail("names")?;
        params.distinguished_name.push(DnType::CommonName, self.common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match self.usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        Ok(params)
    }

    /// Signed with its own key.
    pub(crate) fn self_signed(&self) -> Checked<Identity> {
        let key = KeyPair::generate().or_fail("a key")?;
        let certificate = self.params()?.self_signed(&key).or_fail("a certificate")?;
        Ok(Identity { chain: vec![certificate.into()], key: key.serialize_der() })
    }
}

/// A chain, leaf first and without the root, and the leaf's key.
#[derive(Clone)]
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Identity {
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

/// What an authority's certificate does not allow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits<'a> {
    /// How many authorities there may be below it.
    pub(crate) path_length: Option<u8>,
    /// The only domain that it may issue for.
    pub(crate) domain: Option<&'a str>,
}

/// A certification authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    /// Those below the root, the one that issues leaves first.
    intermediates: Vec<CertificateDer<'static>>,
}

impl Authority {
    pub(crate) fn root() -> Checked<Self> {
        // Two roots with one name would be one root that has changed its key.
        static ROOTS: AtomicUsize = AtomicUsize::new(0);
        let number = ROOTS.fetch_add(1, Ordering::Relaxed);
        let key = KeyPair::generate().or_fail("a key")?;
        let params = authority_params(&format!("root {number}"), Limits::default());
        let root = params.self_signed(&key).or_fail("a root")?.into();
        Ok(Self { issuer: Issuer::new(params, key), root, intermediates: Vec::new() })
    }

    /// One that this one vouches for.
    pub(crate) fn intermediate(&self) -> Checked<Self> {
        self.intermediate_with(Limits::default())
    }

    /// One that this one vouches for within limits.
    pub(crate) fn intermediate_with(&self, limits: Limits<'_>) -> Checked<Self> {
        let key = KeyPair::generate().or_fail("a key")?;
        let name = format!("intermediate {}", self.intermediates.len());
        let params = authority_params(&name, limits);
        let certificate = params.signed_by(&key, &self.issuer).or_fail("an intermediate")?;
        let mut intermediates = vec![certificate.into()];
        intermediates.extend(self.intermediates.iter().cloned());
        Ok(Self { issuer: Issuer::new(params, key), root: self.root.clone(), intermediates })
    }

    pub(crate) fn issue(&self, leaf: Leaf<'_>) -> Checked<Identity> {
        let key = KeyPair::generate().or_fail("a key")?;
        let certificate = leaf.params()?.signed_by(&key, &self.issuer).or_fail("a certificate")?;
        let mut chain = vec![certificate.into()];
        chain.extend(self.intermediates.iter().cloned());
        Ok(Identity { chain, key: key.serialize_der() })
    }

    /// Trusts the root.
    pub(crate) fn roots(&self) -> Checked<RootStore> {
        let mut roots = RootStore::new();
        roots.add(self.root.clone()).or_fail("a root")?;
        Ok(roots)
    }
}

fn authority_params(name: &str, limits: Limits<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(match limits.path_length {
        Some(length) => BasicConstraints::Constrained(length),
        None => BasicConstraints::Unconstrained,
    });
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = limits.domain.map(|domain| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
        excluded_subtrees: Vec::new(),
    });
    params
}
