//! Pre-shared keys with GnuTLS, in both roles: suites, hints, and what goes wrong.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use std::fs;

use sealgram_tests::{
    Alert, Checked, Cipher, Conversation, Foreign, Gnutls, Loss, Refuser, Role, Scene, Sealgram,
    check, check_contains, check_eq, foreign_peer, rows,
};

const IDENTITY: &str = "device-7";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn sealgram(identity: &str, key: &str) -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
        .with("--psk", format!("{identity}:{key}"))
}

/// GnuTLS with this key, as the peer of a sealgram with this role.
fn gnutls(scene: &Scene, role: Role, identity: &str, key: &str) -> Checked<Gnutls> {
    let gnutls = Gnutls::new();
    Ok(match role {
        Role::Client => {
            let file = scene.new_path("keys");
            fs::write(&file, format!("{identity}:{key}\n"))?;
            gnutls.with("--pskpasswd", file)
        }
        Role::Server => gnutls.with("--pskusername", identity).with("--pskkey", key),
    })
}

struct Row {
    role: Role,
    cipher: Cipher,
    /// Of the server.
    hint: Option<&'static str>,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, hint {:?}", self.role, self.cipher.iana, self.hint)
    }
}

#[test]
fn psk_handshake_with_every_suite_agrees_on_it_and_on_the_identity() {
    if !foreign_peer("gnutls") {
        return;
    }
    let mut cases = Vec::new();
    for cipher in Cipher::PSK {
        // After this handshake gnutls-cli 3.7.9 crashes, whoever the server is.
        if cipher != Cipher::ECDHE_PSK {
            cases.push(Row { role: Role::Server, cipher, hint: None });
        }
        for hint in [None, Some("which device?")] {
            cases.push(Row { role: Role::Client, cipher, hint });
        }
    }
    rows(&cases, |&Row { role, cipher, hint }, scene| {
        let sealgram = sealgram(IDENTITY, KEY).cipher(cipher);
        let mut gnutls = gnutls(scene, role, IDENTITY, KEY)?.cipher(cipher);
        if let Some(hint) = hint {
            gnutls = gnutls.with("--pskhint", hint);
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        let ended = conversation.end()?;
        ended.report.check("cipher_suite", cipher.iana)?;
        ended.report.check("psk_identity", IDENTITY)?;
        ended.report.check("peer_verified", true)?;
        let exchanges_keys = cipher == Cipher::ECDHE_PSK;
        check_eq("whether a group is reported", ended.report.is_null("group"), !exchanges_keys)
    });
}

/// What the client has.
struct Wrong(&'static str, &'static str, Cipher);

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}.., {}", self.0, &self.1[..2], self.2.iana)
    }
}

fn wrong() -> Vec<Wrong> {
    let [gcm, ..] = Cipher::PSK;
    let with = |cipher| [Wrong(IDENTITY, OTHER_KEY, cipher), Wrong("stranger", KEY, cipher)];
    [gcm, Cipher::ECDHE_PSK].into_iter().flat_map(with).collect()
}

/// RFC 4279 §2: who has a wrong key and who has an unknown identity are told the same.
#[test]
fn gnutls_client_with_a_wrong_psk_or_identity_is_refused_with_the_same_alert() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&wrong(), |&Wrong(identity, key, cipher), scene| {
        let role = Role::Server;
        let gnutls = gnutls(scene, role, identity, key)?.cipher(cipher);
        let sealgram = sealgram(IDENTITY, KEY);
        let conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        let failed = conversation.fail(Refuser::Sealgram, Alert::DECRYPT_ERROR)?;
        check(failed.report.is_null("psk_identity"), "an identity is reported")?;
        check_contains("sealgram's error", &failed.stderr, "pre-shared key")
    });
}

/// GnuTLS drops what it cannot open in silence, so there is no evidence but the silence.
#[test]
fn sealgram_client_with_a_wrong_psk_or_identity_gives_up_with_a_gnutls_server() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&wrong(), |&Wrong(identity, key, cipher), scene| {
        let server = gnutls(scene, Role::Client, IDENTITY, KEY)?.cipher(cipher).serve_one(scene)?;
        let client = sealgram(identity, key).with("--timeout", "2");
        let mut client = client.connect(scene, server.address)?;
        check_eq("sealgram's exit code", client.program.exit()?.code, Some(4))?;
        let report = client.reports.wait_for_one()?;
        check(!report.is_null("error"), "sealgram reports no error")
    });
}
