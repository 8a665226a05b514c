//! Certificates that `sealgram cert` makes, in the eyes of openssl.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use sealgram_tests::{
    Checked, Failure, Scene, check, check_contains, check_eq, foreign_peer, rows,
};

/// Runs a program that should succeed; gives what it wrote to both outputs.
fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) -> Checked<(String, String)> {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() {
        return Ok((out, err));
    }
    Err(Failure::new(format!("{command:?}: {}\n{out}\n{err}", output.status)))
}

fn sealgram(arguments: &[&dyn AsRef<OsStr>]) -> Checked<String> {
    run(env!("CARGO_BIN_EXE_sealgram-under-test"), arguments).map(|(_, err)| err)
}

fn openssl(arguments: &[&dyn AsRef<OsStr>]) -> Checked<String> {
    run("openssl", arguments).map(|(out, _)| out)
}

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signer {
    Itself,
    Sealgram,
    Openssl,
}

struct Row {
    kind: &'static str,
    shown: &'static str,
    signer: Signer,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, signed by {:?}", self.kind, self.signer)
    }
}

/// An authority's certificate and key.
fn authority(scene: &Scene, signer: Signer, cert: &Path, key: &Path) -> Checked {
    let made = if signer == Signer::Sealgram {
        sealgram(&[&"cert", &"--authority", &"Test CA", &"--cert", &cert, &"--key", &key])
    } else {
        // Several parts, and string types of openssl's choice.
        let traditional = scene.new_path("traditional.key");
        openssl(&[
            &"req",
            &"-x509",
            &"-newkey",
            &"ec",
            &"-pkeyopt",
            &"ec_paramgen_curve:P-256",
            &"-nodes",
            &"-subj",
            &"/C=DE/O=Tests & Co/OU=Ä/CN=Test CA/emailAddress=a@example.com",
            &"-utf8",
            &"-addext",
            &"keyUsage=critical,keyCertSign",
            &"-days",
            &"2",
            &"-keyout",
            &traditional,
            &"-out",
            &cert,
        ])?;
        openssl(&[&"pkcs8", &"-topk8", &"-nocrypt", &"-in", &traditional, &"-out", &key])
    };
    made.map(drop)
}

#[test]
fn openssl_reads_and_verifies_what_sealgram_makes() {
    if !foreign_peer("openssl") {
        return;
    }
    let kinds = [("p256", "prime256v1"), ("p384", "secp384r1"), ("ed25519", "ED25519")];
    let signers = [Signer::Itself, Signer::Sealgram, Signer::Openssl];
    let cases: Vec<Row> = kinds
        .into_iter()
        .flat_map(|(kind, shown)| signers.map(|signer| Row { kind, shown, signer }))
        .collect();
    rows(&cases, |&Row { kind, shown, signer }, scene| {
        let [ca, ca_key, cert, key] =
            ["ca.pem", "ca.key", "cert.pem", "cert.key"].map(|name| scene.new_path(name));
        let names: [&dyn AsRef<OsStr>; 3] = [&"cert", &"localhost", &"127.0.0.1"];
        let files: [&dyn AsRef<OsStr>; 6] = [&"--kind", &kind, &"--cert", &cert, &"--key", &key];
        let mut arguments = [&names[..], &files[..]].concat();
        let issuer: [&dyn AsRef<OsStr>; 4] = [&"--ca", &ca, &"--ca-key", &ca_key];
        let trusted = if signer == Signer::Itself {
            &cert
        } else {
            authority(scene, signer, &ca, &ca_key)?;
            arguments.extend(issuer);
            &ca
        };
        let said = sealgram(&arguments)?;

        let text =
            openssl(&[&"x509", &"-in", &cert, &"-noout", &"-text", &"-fingerprint", &"-sha256"])?;
        for expected in [shown, "DNS:localhost, IP Address:127.0.0.1", "Digital Signature"] {
            check_contains("the certificate", &text, expected)?;
        }
        let shown = text.rsplit_once('=').map_or("", |(_, hex)| hex.trim()).replace(':', "");
        check_eq("the fingerprint", said.trim(), format!("fingerprint {}", shown.to_lowercase()))?;

        let verified = openssl(&[
            &"verify",
            &"-x509_strict",
            &"-purpose",
            &"sslserver",
            &"-verify_hostname",
            &"localhost",
            &"-CAfile",
            trusted,
            &cert,
        ]);
        // Strict rules want extensions of a self-signed certificate that no peer looks at.
        let verified = match (verified, signer) {
            (Err(_), Signer::Itself) => openssl(&[&"verify", &"-CAfile", trusted, &cert]),
            (verified, _) => verified,
        }?;
        check(verified.ends_with("OK\n"), verified)?;

        // The key is the certificate's.
        let public = openssl(&[&"pkey", &"-in", &key, &"-pubout"])?;
        let certified = openssl(&[&"x509", &"-in", &cert, &"-noout", &"-pubkey"])?;
        check_eq("the public key", public, certified)
    });
}
