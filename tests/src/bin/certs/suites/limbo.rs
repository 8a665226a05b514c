//! x509-limbo: JSON.

use std::path::Path;

use sealgram::pki_types::CertificateRevocationListDer;
use sealgram::pki_types::pem::PemObject;
use serde_json::Value;

use super::{Found, date, pem, text};
use crate::case::{Case, Peer};

/// When cases are judged that do not say when: after the suite was made.
const TIME: &str = "2024-01-01T00:00:00";

/// A file with many cases.
pub(super) fn suite(path: &Path) -> Result<Vec<Found>, String> {
    let json = read(path)?;
    let cases = json["testcases"].as_array().ok_or("no test cases")?;
    cases.iter().map(|case| Ok(("limbo", read_case(case)?))).collect()
}

/// A file with one case.
pub(super) fn single(path: &Path) -> Result<Vec<Found>, String> {
    Ok(vec![("limbo-online", read_case(&read(path)?)?)])
}

fn read(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&text(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_case(json: &Value) -> Result<Result<Case, &'static str>, String> {
    let id = json["id"].as_str().ok_or("a case without a name")?;
    let certificates = |key: &str| -> Result<Vec<_>, String> {
        let list = json[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts = list.iter().filter_map(Value::as_str);
        let all = texts.map(|text| pem(text.as_bytes())).collect::<Result<Vec<_>, _>>();
        Ok(all.map_err(|error| format!("{id}: {error}"))?.concat())
    };
    if !json["max_chain_depth"].is_null() {
        return Ok(Err("a limit on the length of the chain"));
    }
    let usage = json["extended_key_usage"].as_array().map(Vec::as_slice).unwrap_or_default();
    if usage.iter().any(|usage| usage != "serverAuth" && usage != "clientAuth") {
        return Ok(Err("another extended key usage than serverAuth and clientAuth"));
    }
    let peer =
        match (json["validation_kind"].as_str(), json["expected_peer_name"]["value"].as_str()) {
            (Some("CLIENT"), _) => Peer::Client,
            (_, Some(name)) => Peer::Server(name.to_owned()),
            (_, None) => Peer::AnyServer,
        };
    let time = json["validation_time"].as_str().unwrap_or(TIME);
    let leaf = pem(json["peer_certificate"].as_str().unwrap_or_default().as_bytes())?;
    let crls = json["crls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let crls = crls
        .iter()
        .filter_map(Value::as_str)
        .map(|text| CertificateRevocationListDer::from_pem_slice(text.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{id}: {error}"))?;
    Ok(Ok(Case {
        id: id.to_owned(),
        description: json["description"].as_str().unwrap_or_default().to_owned(),
        roots: certificates("trusted_certs")?,
        intermediates: certificates("untrusted_intermediates")?,
        leaf: leaf.into_iter().next().ok_or_else(|| format!("{id}: no certificate"))?,
        crls,
        peer,
        time: date(time).ok_or_else(|| format!("{id}: not a time: {time}"))?,
        expected: json["expected_result"] == "SUCCESS",
    }))
}
