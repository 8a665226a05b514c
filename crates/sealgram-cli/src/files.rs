//! Files: PEM in, PEM and lines out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use sealgram::pki_types::pem::{self, PemObject as _};
use sealgram::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, SubjectPublicKeyInfoDer,
};

use crate::failure::Failure;

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file(path, error))
}

/// All certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(path, &error))?;
    if certificates.is_empty() {
        return Err(Failure::file(path, "there is no certificate in the file")
            .hint("a PEM file with `BEGIN CERTIFICATE` is expected"));
    }
    Ok(certificates)
}

/// The first private key of a PEM file: PKCS#8, SEC1 or PKCS#1.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => Failure::file(path, "there is no private key in the file")
            .hint("an unencrypted PEM file is expected: PKCS#8, SEC1 or PKCS#1"),
        error => not_pem(path, &error),
    })
}

/// All public keys of a PEM file, at least one.
pub(crate) fn public_keys(path: &Path) -> Result<Vec<SubjectPublicKeyInfoDer<'static>>, Failure> {
    let keys: Vec<_> = SubjectPublicKeyInfoDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(path, &error))?;
    if keys.is_empty() {
        return Err(Failure::file(path, "there is no public key in the file")
            .hint("a PEM file with `BEGIN PUBLIC KEY` is expected"));
    }
    Ok(keys)
}

/// All revocation lists of a file: PEM, or one in DER.
pub(crate) fn crls(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Failure> {
    let bytes = read(path)?;
    let crls: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(path, &error))?;
    // A DER SEQUENCE is no text.
    if crls.is_empty() && bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.into()]);
    }
    if crls.is_empty() {
        return Err(Failure::file(path, "there is no revocation list in the file")
            .hint("a PEM file with `BEGIN X509 CRL` is expected"));
    }
    Ok(crls)
}

fn not_pem(path: &Path, error: &pem::Error) -> Failure {
    Failure::file(path, format!("not a PEM file: {error}"))
}

/// Writes a file that others may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::file(path, error))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    owner_only(&mut options)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::file(path, error))
}

/// Opens a file that only its owner may read, to append to it.
pub(crate) fn append_secret(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    owner_only(&mut options).open(path)
}

/// Appends to a file, or starts it anew.
pub(crate) fn open_lines(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if append {
        options.append(true);
    } else {
        options.write(true).truncate(true);
    }
    options.create(true).open(path)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
