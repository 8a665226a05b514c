//! Pre-shared keys with openssl, in both roles: suites, hints, resumption, and what goes wrong.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram_tests::{
    Alert, Certified, Cipher, Conversation, KeyKind, Loss, Openssl, Refuser, Role, Sealgram,
    Stream, check, check_eq, foreign_peer, rows,
};

const IDENTITY: &str = "device 7";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What a sealgram client ends with when the handshake fails.
const HANDSHAKE_FAILED: Option<i32> = Some(2);

fn sealgram(identity: &str, key: &str) -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
        .with("--psk", format!("{identity}:{key}"))
}

/// openssl with this key, as the peer of a sealgram with this role.
fn openssl(role: Role, identity: &str, key: &str) -> Openssl {
    let openssl = Openssl::new().with("-psk", key).with("-psk_identity", identity);
    match role {
        Role::Client => openssl.flag("-nocert"),
        Role::Server => openssl,
    }
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
    if !foreign_peer("openssl") {
        return;
    }
    let mut cases = Vec::new();
    for cipher in Cipher::PSK {
        cases.push(Row { role: Role::Server, cipher, hint: None });
        for hint in [None, Some("which device?")] {
            cases.push(Row { role: Role::Client, cipher, hint });
        }
    }
    rows(&cases, |&Row { role, cipher, hint }, scene| {
        let sealgram = sealgram(IDENTITY, KEY).cipher(cipher);
        let mut openssl = openssl(role, IDENTITY, KEY).cipher(cipher);
        if let Some(hint) = hint {
            openssl = openssl.with("-psk_hint", hint);
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        let shown = match role {
            Role::Client => Openssl::served_cipher(conversation.foreign())?,
            Role::Server => Openssl::called_cipher(conversation.foreign())?,
        };
        check_eq("openssl's suite", shown.as_str(), cipher.openssl)?;
        let ended = conversation.end()?;
        ended.report.check("cipher_suite", cipher.iana)?;
        ended.report.check("psk_identity", IDENTITY)?;
        ended.report.check("peer_verified", true)?;
        let exchanges_keys = cipher == Cipher::ECDHE_PSK;
        check_eq("whether a group is reported", ended.report.is_null("group"), !exchanges_keys)?;
        if let Role::Server = role {
            let line = format!("PSK identity: {IDENTITY}");
            check(ended.foreign.stdout.contains(&line), "openssl names another identity")?;
            let line = "Extended master secret: yes";
            check(ended.foreign.stdout.contains(line), "no extended master secret")?;
        }
        Ok(())
    });
}

/// RFC 9257 §4: without a key exchange there is no forward secrecy, so nobody gets there unasked.
#[test]
fn psk_suite_with_a_key_exchange_is_preferred_by_default() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&Role::BOTH, |&role, scene| {
        let all = Cipher::PSK.map(|suite| suite.openssl).join(":");
        let openssl = openssl(role, IDENTITY, KEY).with("-cipher", all);
        // openssl leaves the choice to the client.
        let sealgram = sealgram(IDENTITY, KEY);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end()?.report.check("cipher_suite", Cipher::ECDHE_PSK.iana)
    });
}

/// Many devices have such keys.
#[test]
fn psk_that_is_short_connects_and_is_warned_about() {
    if !foreign_peer("openssl") {
        return;
    }
    let keys = ["1a2b3c4d", "70617373776f7264"];
    let cases: Vec<_> =
        Role::BOTH.into_iter().flat_map(|role| keys.map(|key| (role, key))).collect();
    let named: Vec<_> = cases.iter().map(|(role, key)| format!("{role}, {key}")).collect();
    rows(&named, |name, scene| {
        let (role, key) = cases[named.iter().position(|other| other == name).unwrap()];
        let (sealgram, openssl) = (sealgram(IDENTITY, key), openssl(role, IDENTITY, key));
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        ended.report.check("psk_identity", IDENTITY)?;
        check(ended.sealgram.stderr.contains("can be guessed"), "no warning")
    });
}

/// One server for clients that have a key, and for those that want to see a certificate.
#[test]
fn server_with_certificate_and_psks_serves_both_kinds_of_clients() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let [gcm, ..] = Cipher::PSK;
    let [ecdsa, ..] = Cipher::for_key(KeyKind::P256);
    rows(&[gcm.openssl, ecdsa.openssl], |&cipher, scene| {
        let server = sealgram("somebody else", OTHER_KEY)
            .with("--psk", format!("{IDENTITY}:{KEY}"))
            .identity(&certified.identity);
        let by_psk = cipher == gcm.openssl;
        let (_, verifying) = certified.programs(server.clone(), Role::Server);
        let client = if by_psk { openssl(Role::Server, IDENTITY, KEY) } else { verifying };
        let client = client.with("-cipher", cipher);
        let mut conversation =
            Conversation::start(scene, Role::Server, &server, &client, Loss::none())?;
        conversation.echo("hello")?;
        let shown = Openssl::called_cipher(conversation.foreign())?;
        check_eq("openssl's suite", shown.as_str(), cipher)?;
        let ended = conversation.end()?;
        check_eq("no identity", ended.report.is_null("psk_identity"), !by_psk)
    });
}

/// What is wrong with what the client has.
#[derive(Clone, Copy, Debug)]
struct Wrong(&'static str, &'static str, Cipher);

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.0, self.2.iana)
    }
}

/// RFC 4279 §2: who has a wrong key and who has an unknown identity are told the same.
#[test]
fn openssl_client_with_a_wrong_psk_or_identity_is_refused_with_the_same_alert() {
    if !foreign_peer("openssl") {
        return;
    }
    let [gcm, ..] = Cipher::PSK;
    let cases = [gcm, Cipher::ECDHE_PSK]
        .map(|cipher| [Wrong(IDENTITY, OTHER_KEY, cipher), Wrong("a stranger", KEY, cipher)]);
    rows(cases.as_flattened(), |&Wrong(identity, key, cipher), scene| {
        let openssl = openssl(Role::Server, identity, key).cipher(cipher);
        let sealgram = sealgram(IDENTITY, KEY);
        let conversation =
            Conversation::start(scene, Role::Server, &sealgram, &openssl, Loss::none())?;
        let failed = conversation.fail(Refuser::Sealgram, Alert::DECRYPT_ERROR)?;
        failed.report.check("psk_identity", serde_json::Value::Null)?;
        check(failed.stderr.contains("pre-shared key"), "the error does not name the key")
    });
}

/// openssl drops what it cannot open in silence, so there is no evidence but the silence.
#[test]
fn sealgram_client_with_a_wrong_psk_gives_up_with_an_openssl_server() {
    if !foreign_peer("openssl") {
        return;
    }
    let [gcm, ..] = Cipher::PSK;
    rows(&[gcm.iana, Cipher::ECDHE_PSK.iana], |&suite, scene| {
        let server = openssl(Role::Client, IDENTITY, KEY).serve(scene)?;
        let mut client = sealgram(IDENTITY, OTHER_KEY)
            .with("--suites", suite)
            .with("--timeout", "2")
            .connect(scene, server.address)?;
        check_eq("sealgram's exit code", client.program.exit()?.code, Some(4))?;
        let report = client.reports.wait_for_one()?;
        check(!report.is_null("error"), "sealgram reports no error")
    });
}

#[test]
fn side_without_a_psk_and_side_with_nothing_else_share_no_suite() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (_, openssl) = certified.programs(sealgram(IDENTITY, KEY), role);
        let refuser = match role {
            Role::Client => Refuser::Foreign,
            Role::Server => Refuser::Sealgram,
        };
        let sealgram = sealgram(IDENTITY, KEY);
        let conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        let failed = conversation.fail(refuser, Alert::HANDSHAKE_FAILURE)?;
        let code = if let Role::Client = role { HANDSHAKE_FAILED } else { None };
        check_eq("sealgram's exit code", failed.code, code)
    });
}

/// A session that began with a pre-shared key keeps the identity, and belongs to it.
#[test]
fn resumed_psk_session_keeps_its_identity() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["sealgram server"], |_, scene| {
        let server = sealgram(IDENTITY, KEY).listen(scene)?;
        let session = scene.new_path("session");
        for (option, line) in [("-sess_out", "New, TLSv1.2"), ("-sess_in", "Reused, TLSv1.2")] {
            let openssl = openssl(Role::Server, IDENTITY, KEY).cipher(Cipher::ECDHE_PSK);
            let mut client = openssl.with(option, &session).connect(scene, server.address)?;
            client.program.input(b"hello\n")?;
            client.program.wait_for(Stream::Out, "hello")?;
            client.program.input(b"Q\n")?;
            let exit = client.program.exit()?;
            check(exit.stdout.contains(line), format!("s_client does not say {line}"))?;
        }
        for (report, resumed) in server.reports.wait_for(2)?.iter().zip([false, true]) {
            report.check("resumed", resumed)?;
            report.check("psk_identity", IDENTITY)?;
        }
        Ok(())
    });
    rows(&["sealgram client"], |_, scene| {
        let server = openssl(Role::Client, IDENTITY, KEY).cipher(Cipher::ECDHE_PSK).serve(scene)?;
        let session = scene.new_path("session");
        for resumed in [false, true] {
            let client = sealgram(IDENTITY, KEY).with("--resume", &session).with("--send", "hello");
            let mut client = client.with("--idle", "1").connect(scene, server.address)?;
            check_eq("sealgram's exit code", client.program.exit()?.code, Some(0))?;
            let report = client.reports.wait_for_one()?;
            report.check("resumed", resumed)?;
            report.check("psk_identity", IDENTITY)?;
        }
        Ok(())
    });
}
