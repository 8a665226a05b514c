//! Which certificate is shown to openssl, and which one openssl is asked for: by name, and by
//! signature algorithms.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use sealgram_tests::{
    Alert, Authority, Checked, Conversation, Identity, KeyKind, Leaf, Loss, Openssl, Refuser, Role,
    Sealgram, check_eq, foreign_peer, rows,
};

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

fn named<'a>(names: &'a [&'a str]) -> Leaf<'a> {
    Leaf { names, ..Leaf::default() }
}

#[test]
fn openssl_client_sees_the_certificate_of_the_name_that_it_asks_for() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["a.example", "b.example", "x.c.example"], |name, scene| {
        let authority = Authority::new(KeyKind::P256)?;
        let names = [&["a.example"][..], &["b.example"], &["*.c.example"]];
        let mut sealgram = sealgram();
        for names in names {
            sealgram = sealgram.identity(&authority.issue(named(names))?);
        }
        let openssl = Openssl::new()
            .trust(authority.root())
            .with("-servername", name)
            .with("-verify_hostname", name);
        let role = Role::Server;
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("data")?;
        conversation.end()?.report.check("server_name", *name)
    });
}

#[test]
fn openssl_server_shows_the_certificate_of_the_name_that_is_asked_for() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["a.example", "b.example"], |name, scene| {
        let authority = Authority::new(KeyKind::P256)?;
        let [first, second] =
            [&["a.example"][..], &["b.example"]].map(|it| authority.issue(named(it)));
        let (first, second) = (first?, second?);
        let openssl = Openssl::new()
            .with("-cert", &first.chain)
            .with("-key", &first.key)
            .with("-servername", "b.example")
            .with("-cert2", &second.chain)
            .with("-key2", &second.key);
        let sealgram = sealgram().trust(authority.root(), name);
        let role = Role::Client;
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("data")?;
        let expected = if *name == "a.example" { &first } else { &second };
        let report = conversation.end()?.report;
        report.check("peer_certificate_sha256", serde_json::json!([expected.fingerprint()?]))
    });
}

/// Certificates for localhost with keys of two kinds, and their roots in one file.
fn two_kinds(roots: &Path) -> Checked<[(Authority, Identity); 2]> {
    let make = |kind| -> Checked<_> {
        let authority = Authority::new(kind)?;
        let identity = authority.issue(Leaf::default())?;
        Ok((authority, identity))
    };
    let made = [make(KeyKind::P256)?, make(KeyKind::P384)?];
    let pems = [fs::read(made[0].0.root())?, fs::read(made[1].0.root())?];
    fs::write(roots, pems.concat())?;
    Ok(made)
}

const SCHEMES: [(&str, &str); 2] =
    [("ECDSA+SHA256", "ecdsa_secp256r1_sha256"), ("ECDSA+SHA384", "ecdsa_secp384r1_sha384")];

#[test]
fn openssl_client_gets_the_certificate_that_its_signature_algorithms_fit() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&SCHEMES.map(|(theirs, _)| theirs), |theirs, scene| {
        let roots = scene.new_path("roots.pem");
        let [(_a, p256), (_b, p384)] = two_kinds(&roots)?;
        let sealgram = sealgram().identity(&p256).identity(&p384);
        // It says the same of chains, and both are signed with keys of their own kind.
        let openssl = Openssl::new().trust(&roots).with("-sigalgs", theirs);
        let role = Role::Server;
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("data")?;
        let ours = SCHEMES.iter().find(|(other, _)| other == theirs).map(|(_, ours)| *ours);
        conversation.end()?.report.check("signature_scheme", ours)
    });
}

#[test]
fn client_shows_no_certificate_that_openssl_cannot_verify() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&SCHEMES.map(|(theirs, _)| theirs), |theirs, scene| {
        let roots = scene.new_path("roots.pem");
        let [(authority, p256), (_b, p384)] = two_kinds(&roots)?;
        let openssl = |theirs: &str| {
            Openssl::new()
                .with("-cert", &p256.chain)
                .with("-key", &p256.key)
                .trust(&roots)
                .with("-Verify", "9")
                .with("-client_sigalgs", theirs)
        };
        let role = Role::Client;
        let sealgram = sealgram().trust(authority.root(), "localhost").identity(&p384);
        let mut conversation =
            Conversation::start(scene, role, &sealgram, &openssl(theirs), Loss::none())?;
        if *theirs == "ECDSA+SHA384" {
            conversation.echo("data")?;
            conversation.end()?;
            return Ok(());
        }
        let failed = conversation.fail(Refuser::Foreign, Alert::HANDSHAKE_FAILURE)?;
        check_eq("sealgram's exit code", failed.code, Some(2))
    });
}
