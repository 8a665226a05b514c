//! Chains of Botan's tests: name constraints, path building, and a few that NIST's do not cover.
//!
//! Its copies of x509test, of NIST's first suite and of chains with PSS are signed with SHA-1 or
//! with RSA keys of 1,024 bits, which nobody here verifies: those say nothing and are not run.

use std::path::Path;

use sealgram::pki_types::CertificateDer;

use super::{Found, certificates, date, entries, file_name, one, stem, text};
use crate::case::{Case, Peer};

/// When its newer chains are judged.
const TIME: &str = "20260601000000Z";

/// When those of `extended` are judged.
const EXTENDED_TIME: &str = "20170901000000Z";

pub(super) fn load(folder: &Path) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    let constraints = folder.join("name_constraints");
    for (id, expected) in expectations(&constraints)? {
        let file = constraints.join(format!("{id}.pem"));
        let chain = if file.is_file() { certificates(&file)? } else { Vec::new() };
        let Some((leaf, intermediates)) = chain.split_first() else {
            found.push(("botan-constraints", Err("an expectation without a chain")));
            continue;
        };
        let root = one(&constraints.join("root.pem"))?;
        let case = case(id, expected, TIME, vec![root], intermediates.to_vec(), leaf.clone())?;
        found.push(("botan-constraints", Ok(case)));
    }
    let building = folder.join("path_building");
    let mut intermediates = Vec::new();
    for file in entries(&building)? {
        if file_name(&file).starts_with("level") {
            intermediates.push(one(&file)?);
        }
    }
    for (id, expected) in expectations(&building)? {
        let leaf = one(&building.join(&id))?;
        let root = one(&building.join("root.pem"))?;
        let case = case(id, expected, TIME, vec![root], intermediates.clone(), leaf)?;
        found.push(("botan-building", Ok(case)));
    }
    let extended = folder.join("extended");
    for (id, expected) in expectations(&extended)? {
        let folder = extended.join(&id);
        let file = |name: &str| one(&folder.join(name));
        let (leaf, root) = (file("end.crt")?, file("root.crt")?);
        let mut intermediates = Vec::new();
        for path in entries(&folder)? {
            if !["end", "root"].contains(&stem(&path).as_str()) {
                intermediates.extend(certificates(&path)?);
            }
        }
        let case = case(id, expected, EXTENDED_TIME, vec![root], intermediates, leaf)?;
        found.push(("botan-extended", Ok(case)));
    }
    Ok(found)
}

/// Lines of `case:result`, where the good result is `Verified`.
fn expectations(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let text = text(&folder.join("expected.txt"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(':'));
    Ok(pairs.map(|(id, result)| (id.to_owned(), result.trim().to_owned())).collect())
}

fn case(
    id: String,
    expected: String,
    time: &str,
    roots: Vec<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    leaf: CertificateDer<'static>,
) -> Result<Case, String> {
    Ok(Case {
        roots,
        intermediates,
        leaf,
        crls: Vec::new(),
        peer: Peer::AnyServer,
        time: date(time).ok_or_else(|| format!("{id}: not a time: {time}"))?,
        expected: expected == "Verified",
        description: expected,
        id,
    })
}
