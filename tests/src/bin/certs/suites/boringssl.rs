//! BoringSSL's chains with their expected errors, and NIST's PKITS.

use std::path::Path;
use std::sync::Arc;

use sealgram::pki_types::{CertificateDer, CertificateRevocationListDer};
use sealgram::{RootStore, WebPkiClientVerifier};

use super::{Found, certificates, date, entries, file_name, one, stem, text};
use crate::case::{Case, Peer};

/// When chains are judged whose test says `DEFAULT`.
const TIME: &str = "20211005120000Z";

/// When PKITS is judged: all that should be valid is.
const PKITS_TIME: &str = "20210101000000Z";

pub(super) fn load(folder: &Path) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for test in entries(&folder.join("verify_certificate_chain_unittest"))? {
        if !test.is_dir() || file_name(&test) == "pkits_errors" {
            continue;
        }
        for file in entries(&test)? {
            if file.extension().is_some_and(|extension| extension == "test") {
                let id = format!("{}/{}", file_name(&test), stem(&file));
                found.push(("boringssl", chain(&test, &file, id)?));
            }
        }
    }
    found.extend(pkits(&folder.join("nist-pkits"))?);
    Ok(found)
}

/// A `.test` file: keys with values, and at the end the expected errors and warnings.
fn chain(folder: &Path, file: &Path, id: String) -> Result<Result<Case, &'static str>, String> {
    let text = text(file)?;
    let value = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        value.ok_or_else(|| format!("{id}: no {key}"))
    };
    if !value("last_cert_trust")?.starts_with("TRUSTED_ANCHOR") {
        return Ok(Err("trust in something else than the last certificate as a root"));
    }
    let purpose = value("key_purpose")?;
    let peer = if purpose.starts_with("SERVER_AUTH") {
        Peer::AnyServer
    } else if purpose.starts_with("CLIENT_AUTH") {
        Peer::Client
    } else {
        return Ok(Err("another extended key usage than serverAuth and clientAuth"));
    };
    if text.contains("digest_policy") {
        return Ok(Err("another policy for digests"));
    }
    let time = match value("utc_time")? {
        "DEFAULT" => TIME.to_owned(),
        // Two digits of the year.
        time => format!("20{time}"),
    };
    let mut chain = certificates(&folder.join(value("chain")?))?;
    let root = chain.pop().ok_or_else(|| format!("{id}: an empty chain"))?;
    if chain.is_empty() {
        return Ok(Err("a chain of one certificate"));
    }
    let leaf = chain.remove(0);
    let errors: Vec<_> = text.lines().filter(|line| line.contains("ERROR:")).collect();
    Ok(Ok(Case {
        description: errors.join("; "),
        roots: vec![root],
        intermediates: chain,
        leaf,
        crls: Vec::new(),
        peer,
        time: date(&time).ok_or_else(|| format!("{id}: not a time: {time}"))?,
        expected: errors.is_empty(),
        id,
    }))
}

/// Certificates whose names tell whether the path from them is valid. Paths are built from all
/// certificates of the suite, and checked against all its lists.
fn pkits(folder: &Path) -> Result<Vec<Found>, String> {
    let (mut root, mut authorities, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for path in entries(&folder.join("certs"))? {
        let (name, certificate) = (stem(&path), one(&path)?);
        if name.starts_with("TrustAnchorRoot") {
            root.push(certificate);
        } else if name.starts_with("Valid") || name.starts_with("Invalid") {
            leaves.push((name, certificate));
        } else {
            authorities.push(certificate);
        }
    }
    let mut crls: Vec<CertificateRevocationListDer<'static>> = Vec::new();
    for path in entries(&folder.join("crls"))? {
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        crls.push(bytes.into());
    }
    // Like an application that goes on without the lists that it cannot read.
    crls.retain(|crl| is_usable(crl, &root));
    let case = |(id, leaf): (String, _)| Case {
        description: String::new(),
        roots: root.clone(),
        intermediates: authorities.clone(),
        leaf,
        crls: crls.clone(),
        peer: Peer::Client,
        time: date(PKITS_TIME).unwrap_or_default(),
        expected: id.starts_with("Valid"),
        id,
    };
    Ok(leaves.into_iter().map(|leaf| ("pkits", Ok(case(leaf)))).collect())
}

/// Whether the list is of a kind that verifiers take at all.
fn is_usable(crl: &CertificateRevocationListDer<'static>, root: &[CertificateDer<'_>]) -> bool {
    let mut roots = RootStore::new();
    let _ = roots.add_parsable(root.iter().cloned());
    let algorithms = sealgram::default_provider().signature_algorithms;
    WebPkiClientVerifier::builder(Arc::new(roots), algorithms)
        .with_crls([crl.clone()])
        .build()
        .is_ok()
}
