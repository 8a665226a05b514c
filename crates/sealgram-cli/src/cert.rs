//! `sealgram cert`.

use std::io::{self, Write as _};

use sealgram::ring::hash::SHA256;

use crate::args::CertArgs;
use crate::certificates::{Authority, Wish};
use crate::failure::Failure;
use crate::{files, hex, screen};

pub(crate) fn run(args: &CertArgs) -> Result<(), Failure> {
    let issuer = match (&args.ca, &args.ca_key) {
        (Some(certificate), Some(key)) => Some(Authority::read(certificate, key)?),
        _ => None,
    };
    let CertArgs { names, kind, days, authority, .. } = args;
    let wish = Wish { names, kind: *kind, days: *days, authority: *authority };
    let made = wish.make(issuer.as_ref())?;
    match &args.key {
        Some(path) => files::write_secret(path, &made.key_pem)?,
        None => print(&made.key_pem)?,
    }
    match &args.cert {
        Some(path) => files::write(path, &made.certificate_pem)?,
        None => print(&made.certificate_pem)?,
    }
    let fingerprint = SHA256.hash(&made.certificate);
    screen::say(&format_args!("fingerprint {}", hex::encode(fingerprint.as_ref())));
    Ok(())
}

fn print(pem: &str) -> Result<(), Failure> {
    io::stdout()
        .write_all(pem.as_bytes())
        .map_err(|error| Failure::usage(format!("standard output: {error}")))
}
