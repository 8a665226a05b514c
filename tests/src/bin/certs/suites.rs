//! Where suites are found, and how each writes its cases.
//!
//! | in the folder | suite |
//! |---|---|
//! | `limbo*.json`, `limbo-online/*.json` | x509-limbo |
//! | `boringssl-pki-testdata.tar.gz` | BoringSSL's chains, and NIST's PKITS |
//! | `botan-x509-testdata.tar.gz` | Botan's name constraints, path building and others |

mod boringssl;
mod botan;
mod limbo;

use std::path::{Path, PathBuf};
use std::process::Command;

use sealgram::pki_types::CertificateDer;
use sealgram::pki_types::pem::PemObject;

use crate::case::Case;

/// A case of a suite, or what it asks for that no verifier here does.
pub(crate) type Found = (&'static str, Result<Case, &'static str>);

/// The cases of all suites in the folder.
pub(crate) fn load(folder: &Path) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let name = file_name(&entry);
        if name.starts_with("limbo-schema") || name.ends_with(".md") {
            continue;
        }
        if name.starts_with("limbo") && name.ends_with(".json") {
            found.extend(limbo::suite(&entry)?);
        } else if name == "limbo-online" {
            for file in entries(&entry)? {
                found.extend(limbo::single(&file)?);
            }
        } else if name == "boringssl-pki-testdata.tar.gz" {
            let unpacked = unpack(&entry)?;
            found.extend(boringssl::load(&unpacked.path().join("pki/testdata"))?);
        } else if name == "botan-x509-testdata.tar.gz" {
            let unpacked = unpack(&entry)?;
            found.extend(botan::load(&unpacked.path().join("src/tests/data/x509"))?);
        }
    }
    Ok(found)
}

fn unpack(archive: &Path) -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .status()
        .map_err(|error| format!("tar: {error}"))?;
    if status.success() { Ok(folder) } else { Err(format!("tar: {status}")) }
}

/// What is in a folder, in a fixed order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The certificates of a file in PEM, or the one of a file in DER.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.into()]);
    }
    pem(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// The one certificate of a file.
fn one(path: &Path) -> Result<CertificateDer<'static>, String> {
    let first = certificates(path)?.into_iter().next();
    first.ok_or_else(|| format!("{}: no certificate", path.display()))
}

fn pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not PEM: {error}"))
}

/// Seconds since 1970 of a date: `[year, month, day, hour, minute, second]`.
fn seconds([year, month, day, hour, minute, second]: [u64; 6]) -> u64 {
    // Years that begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // Days from March of year 0 to 1970.
    ((days - 719_468) * 24 + hour) * 3600 + minute * 60 + second
}

/// A date as digits with anything between them: `2024-02-01T01:02:03...` or `20240201010203Z`.
fn date(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let part = |from: usize, to: usize| digits.get(from..to)?.parse().ok();
    Some(seconds([
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14).unwrap_or(0),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        assert_eq!(date("1970-01-01T00:00:00+00:00"), Some(0));
        assert_eq!(date("20000301000000Z"), Some(951_868_800));
        assert_eq!(date("2024-02-29T12:34:56+00:00"), Some(1_709_210_096));
        assert_eq!(date("2023"), None);
    }
}
