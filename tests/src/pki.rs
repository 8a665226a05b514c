//! Keys and certificates, made on the spot.

use core::fmt::{self, Display};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    RevocationReason, RevokedCertParams, SignatureAlgorithm, date_time_ymd,
};
use tempfile::TempDir;

use crate::names::Group;
use crate::scene::{Checked, Failure};

/// What kind of key a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa,
}

impl KeyKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::Ed25519, Self::Rsa];

    fn generate(self) -> Checked<KeyPair> {
        Ok(match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?,
            // ring writes the public key into the file too (RFC 5958), and OpenSSL 3.0 does not
            // read such files.
            Self::Ed25519 => generate_with_openssl(&["ED25519"], &PKCS_ED25519)?,
            // ring signs with RSA keys and cannot make them.
            Self::Rsa => generate_with_openssl(
                &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                &PKCS_RSA_SHA256,
            )?,
        })
    }

    /// Whether `openssl s_server` can use it: OpenSSL 3.0 counts Ed25519 as a kind of ECDSA for
    /// TLS 1.2 servers and not for DTLS 1.2 ones, and finds no shared cipher. As a client, and for
    /// client certificates, it can.
    pub fn openssl_can_serve(self) -> bool {
        self != Self::Ed25519
    }

    /// The group that a key of this kind is on, if it is one of those that TLS negotiates: a
    /// client that does not offer it wants no such certificate (RFC 8422 §5.1).
    pub fn group(self) -> Option<Group> {
        match self {
            Self::P256 => Some(Group::P256),
            Self::P384 => Some(Group::P384),
            Self::Ed25519 | Self::Rsa => None,
        }
    }
}

fn generate_with_openssl(
    algorithm: &[&str],
    scheme: &'static SignatureAlgorithm,
) -> Checked<KeyPair> {
    let made = Command::new("openssl").args(["genpkey", "-algorithm"]).args(algorithm).output()?;
    let pem = String::from_utf8_lossy(&made.stdout);
    Ok(KeyPair::from_pkcs8_pem_and_sign_algo(&pem, scheme)?)
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

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Self {
        Self::new(format!("rcgen: {error}"))
    }
}

/// What a certificate of an end entity says.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// The DNS names and IP addresses it is for.
    pub names: &'a [&'a str],
    /// Whether its time has passed.
    pub expired: bool,
}

impl Default for Leaf<'_> {
    /// Valid now, for `localhost`.
    fn default() -> Self {
        Self { names: &["localhost"], expired: false }
    }
}

/// A certificate chain and its key, in PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The kind of the key.
    pub kind: KeyKind,
    /// The leaf, then the intermediates; the root is left out.
    pub chain: PathBuf,
    /// The intermediates alone, if there are any.
    pub intermediates: Option<PathBuf>,
    /// The key, as PKCS#8.
    pub key: PathBuf,
    serial: u64,
}

impl Identity {
    /// The public half of the key, in PEM (a SubjectPublicKeyInfo).
    ///
    /// # Errors
    ///
    /// If openssl does not tell it.
    pub fn public_key(&self) -> Checked<String> {
        let output =
            Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&self.key).output()?;
        if !output.status.success() {
            let what = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("openssl pkey: {what}")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The SHA-256 fingerprint of the leaf, in lower-case hex.
    ///
    /// # Errors
    ///
    /// If openssl does not tell it.
    pub fn fingerprint(&self) -> Checked<String> {
        let output = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(&self.chain)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (_, hex) =
            text.split_once('=').ok_or_else(|| Failure::new("openssl x509 says nothing"))?;
        Ok(hex.trim().replace(':', "").to_lowercase())
    }

    /// The key in the older form of its kind (SEC1 or PKCS#1), at `path`.
    ///
    /// # Errors
    ///
    /// If openssl does not convert it; Ed25519 keys have no other form.
    pub fn write_traditional_key(&self, path: &Path) -> Checked {
        let output = Command::new("openssl")
            .args(["pkey", "-traditional", "-in"])
            .arg(&self.key)
            .arg("-out")
            .arg(path)
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("openssl pkey: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

/// How many authorities this process has made.
static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);

/// A certification authority with everything that it issued, in a directory that goes with it.
#[derive(Debug)]
pub struct Authority {
    directory: TempDir,
    kind: KeyKind,
    issuer: Issuer<'static, KeyPair>,
    /// Intermediates between the root and the leaves, the one that issues leaves first.
    intermediates: Vec<Certificate>,
    root: PathBuf,
    issued: AtomicU64,
}

impl Authority {
    /// A root that issues leaves itself. Its keys and those of its leaves are of `kind`, so every
    /// signature that the peer has to verify is.
    ///
    /// # Errors
    ///
    /// If a key cannot be made or a file not be written.
    pub fn new(kind: KeyKind) -> Checked<Self> {
        Self::with_intermediates(kind, 0)
    }

    /// A root with `depth` intermediates below it, the last of which issues leaves.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_intermediates(kind: KeyKind, depth: usize) -> Checked<Self> {
        let directory = TempDir::new()?;
        // No two authorities have the same name: a program that looks for issuers by name, as
        // openssl does, must not find somebody else's.
        let name = format!("authority {}", AUTHORITIES.fetch_add(1, Ordering::Relaxed));
        let key = kind.generate()?;
        let params = authority_params(&format!("{name}, root"));
        let certificate = params.self_signed(&key)?;
        let root = directory.path().join("root.pem");
        fs::write(&root, certificate.pem())?;
        let mut issuer = Issuer::new(params, key);
        let mut intermediates = Vec::new();
        for number in 1..=depth {
            let key = kind.generate()?;
            let params = authority_params(&format!("{name}, intermediate {number}"));
            intermediates.insert(0, params.signed_by(&key, &issuer)?);
            issuer = Issuer::new(params, key);
        }
        Ok(Self { directory, kind, issuer, intermediates, root, issued: AtomicU64::new(1) })
    }

    /// The root certificate, in a PEM file.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Issues a certificate with a key of its own.
    ///
    /// # Errors
    ///
    /// If the key cannot be made or a file not be written.
    pub fn issue(&self, leaf: Leaf<'_>) -> Checked<Identity> {
        let names: Vec<String> = leaf.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "leaf");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        if leaf.expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(number.into());
        let key = self.kind.generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let write = |name: &str, pem: String| -> Checked<PathBuf> {
            let path = self.directory.path().join(format!("leaf-{number}-{name}.pem"));
            fs::write(&path, pem)?;
            Ok(path)
        };
        let above: String = self.intermediates.iter().map(Certificate::pem).collect();
        Ok(Identity {
            kind: self.kind,
            chain: write("chain", certificate.pem() + &above)?,
            intermediates: match above.as_str() {
                "" => None,
                _ => Some(write("intermediates", above)?),
            },
            key: write("key", key.serialize_pem())?,
            serial: number,
        })
    }

    /// Writes the list of what this authority has revoked, which is `identity` alone, to `path`.
    /// It must be issued by the root itself.
    ///
    /// # Errors
    ///
    /// If the list cannot be made or written.
    pub fn write_crl(&self, identity: &Identity, path: &Path) -> Checked {
        let revoked = RevokedCertParams {
            serial_number: identity.serial.into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 2),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(fs::write(path, list.signed_by(&self.issuer)?.pem()?)?)
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
