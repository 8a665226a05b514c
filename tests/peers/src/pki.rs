//! Keys and certificates, made on the spot.

use core::fmt::{self, Display};
use core::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use sealgram::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What kind of key a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits. BoringSSL makes the key.
    Rsa,
}

impl Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::Ed25519 => "Ed25519",
            Self::Rsa => "RSA-2048",
        })
    }
}

/// The length of the header before the seed in a PKCS#8 file with an Ed25519 key (RFC 8410 §7).
const ED25519_HEADER: usize = 16;

impl KeyKind {
    fn generate(self) -> KeyPair {
        let algorithm = match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::P384 => &PKCS_ECDSA_P384_SHA384,
            Self::Ed25519 => &PKCS_ED25519,
            Self::Rsa => return generate_rsa(),
        };
        KeyPair::generate_for(algorithm).expect("a key")
    }

    /// The key in the form that every library reads. ring writes the public key of Ed25519 too
    /// (RFC 5958), which BoringSSL does not read.
    fn pkcs8(self, key: &KeyPair) -> Vec<u8> {
        let der = key.serialize_der();
        if self != Self::Ed25519 {
            return der;
        }
        // Version 0, the algorithm, and the seed in an octet string in an octet string.
        let header = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
        let seed = &der[ED25519_HEADER..ED25519_HEADER + 32];
        [&header, seed].concat()
    }
}

#[cfg(feature = "boring")]
fn generate_rsa() -> KeyPair {
    let key = boring::rsa::Rsa::generate(2048).expect("a key");
    let key = boring::pkey::PKey::from_rsa(key).expect("a key");
    let der = key.private_key_to_der_pkcs8().expect("PKCS#8");
    KeyPair::try_from(der.as_slice()).expect("ring reads the key")
}

#[cfg(not(feature = "boring"))]
fn generate_rsa() -> KeyPair {
    panic!("ring makes no RSA keys, and BoringSSL, which does, is not built in")
}

/// A certificate chain and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The kind of the key.
    pub kind: KeyKind,
    /// The leaf, then the intermediates; the root is left out.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key, as PKCS#8.
    pub key: Vec<u8>,
}

impl Identity {
    /// The leaf's bytes.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.chain[0]
    }

    /// The key as sealgram takes it.
    #[must_use]
    pub fn private_key(&self) -> PrivateKeyDer<'_> {
        PrivatePkcs8KeyDer::from(self.key.as_slice()).into()
    }
}

/// A certification authority, and two that it has certified.
#[derive(Debug)]
pub struct Authority {
    root: CertificateDer<'static>,
    /// A server's identity.
    pub server: Identity,
    /// A client's identity.
    pub client: Identity,
}

impl Authority {
    /// A root that issues leaves itself. All keys are of this kind.
    #[must_use]
    pub fn without_intermediate(kind: KeyKind) -> Self {
        let (root, issuer) = new_root(kind);
        let [server, client] = [(); 2].map(|()| issue(kind, &issuer, &[]));
        Self { root, server, client }
    }

    /// A root with an intermediate below it, which issues leaves. All keys are of this kind.
    #[must_use]
    pub fn new(kind: KeyKind) -> Self {
        let (root, above) = new_root(kind);
        let key = kind.generate();
        let params = authority("intermediate");
        let intermediate = params.signed_by(&key, &above).expect("an intermediate").der().clone();
        let issuer = Issuer::new(params, key);
        let [server, client] =
            [(); 2].map(|()| issue(kind, &issuer, core::slice::from_ref(&intermediate)));
        Self { root, server, client }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }
}

fn new_root(kind: KeyKind) -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
    let key = kind.generate();
    let params = authority("root");
    let root = params.self_signed(&key).expect("a root").der().clone();
    (root, Issuer::new(params, key))
}

/// A certificate for `localhost`, good for servers and clients, with a key of its own.
fn issue(
    kind: KeyKind,
    issuer: &Issuer<'static, KeyPair>,
    above: &[CertificateDer<'static>],
) -> Identity {
    let key = kind.generate();
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&key, issuer).expect("a certificate").der().clone();
    let chain = [leaf].into_iter().chain(above.iter().cloned()).collect();
    Identity { kind, chain, key: kind.pkcs8(&key) }
}

/// No two of the same name, or each would be looked at as the issuer of the other's certificates.
fn authority(what: &str) -> CertificateParams {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{what} {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
