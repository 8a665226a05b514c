//! What sealgram and openssl agree on: suites, groups, keys, and the secrets that follow.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use std::collections::BTreeSet;
use std::fs;

use sealgram_tests::{
    Certified, Checked, Cipher, Conversation, Group, KeyKind, Loss, Openssl, Role, Sealgram,
    Stream, check, check_contains, check_eq, foreign_peer, rows,
};

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

/// One agreement: a cell of the product of everything.
#[derive(Clone, Copy)]
struct Agreement<'a> {
    role: Role,
    certified: &'a Certified,
    cipher: Cipher,
    group: Group,
}

impl Display for Agreement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, certified, cipher, group } = self;
        write!(f, "{role}, {} certificate, {}, {group}", certified.identity.kind, cipher.iana)
    }
}

#[test]
fn handshake_with_every_suite_key_and_group_agrees_on_them() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = KeyKind::ALL.map(|kind| Certified::new(kind).expect("a certificate"));
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for certified in &certified {
            let kind = certified.identity.kind;
            if role == Role::Client && !kind.openssl_can_serve() {
                continue;
            }
            for cipher in Cipher::for_key(kind) {
                for group in Group::ALL {
                    cases.push(Agreement { role, certified, cipher, group });
                }
            }
        }
    }
    assert_eq!(cases.len(), (3 + 4) * 3 * 3);
    rows(&cases, |&Agreement { role, certified, cipher, group }, scene| {
        let mut groups = vec![group];
        // The group of the key must be on offer too, and comes last.
        groups.extend(certified.identity.kind.group().filter(|of_key| *of_key != group));
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let sealgram = sealgram.cipher(cipher).groups(&groups);
        let openssl = openssl.cipher(cipher).groups(&groups);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        let openssl = conversation.foreign();
        let shown = match role {
            Role::Client => Openssl::served_cipher(openssl)?,
            Role::Server => {
                let shown = Openssl::called_group(openssl)?;
                check(shown.starts_with(group.shown), format!("openssl's group is {shown}"))?;
                Openssl::called_cipher(openssl)?
            }
        };
        check_eq("openssl's suite", shown.as_str(), cipher.openssl)?;
        let ended = conversation.end()?;
        check_eq("the group on the wire", ended.relay.group(), Some(group.number))?;
        ended.report.check("cipher_suite", cipher.iana)?;
        ended.report.check("group", group.iana)?;
        ended.report.check("datagrams_sent", 2)?;
        ended.report.check("datagrams_received", 2)?;
        let role_name = if role == Role::Client { "client" } else { "server" };
        ended.report.check("role", role_name)?;
        ended.report.check("peer_verified", role == Role::Client)?;
        ended.report.check("server_name", "localhost")
    });
}

/// RFC 6655: suites that only small devices ask for, and only if both sides name them.
#[test]
fn handshake_with_ccm_agrees_on_it() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let cases = Role::BOTH.map(|role| {
        let group = Group::P256;
        Cipher::CCM.map(|cipher| Agreement { role, certified: &certified, cipher, group })
    });
    rows(cases.as_flattened(), |&Agreement { role, certified, cipher, .. }, scene| {
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let (sealgram, openssl) = (sealgram.cipher(cipher), openssl.cipher(cipher));
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        conversation.end()?.report.check("cipher_suite", cipher.iana)
    });
}

#[test]
fn openssl_client_of_sealgram_sees_the_extended_master_secret_and_its_verification() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["s_client"], |_, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (sealgram, openssl) = certified.programs(sealgram(), Role::Server);
        let mut conversation =
            Conversation::start(scene, Role::Server, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        for line in [
            "Extended master secret: yes",
            "Verify return code: 0 (ok)",
            "Secure Renegotiation IS supported",
            "Compression: NONE",
        ] {
            check(ended.foreign.stdout.contains(line), format!("s_client does not say {line}"))?;
        }
        Ok(())
    });
}

/// The forms of a file with a private key.
#[derive(Clone, Copy, Debug)]
enum KeyFile {
    /// PKCS#8, `BEGIN PRIVATE KEY`.
    Pkcs8,
    /// SEC1 or PKCS#1: `BEGIN EC PRIVATE KEY`, `BEGIN RSA PRIVATE KEY`.
    Traditional,
}

#[test]
fn key_file_of_every_form_is_taken() {
    if !foreign_peer("openssl") {
        return;
    }
    struct Row(KeyKind, KeyFile);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} key, {:?}", self.0, self.1)
        }
    }
    let mut cases: Vec<Row> = KeyKind::ALL.map(|kind| Row(kind, KeyFile::Pkcs8)).into();
    // Ed25519 has no other form.
    cases.extend(
        [KeyKind::P256, KeyKind::P384, KeyKind::Rsa].map(|kind| Row(kind, KeyFile::Traditional)),
    );
    rows(&cases, |&Row(kind, form), scene| {
        let mut certified = Certified::new(kind)?;
        if let KeyFile::Traditional = form {
            let key = scene.new_path("key.pem");
            certified.identity.write_traditional_key(&key)?;
            let pem = fs::read_to_string(&key)?;
            let label = if kind == KeyKind::Rsa { "BEGIN RSA PRIVATE" } else { "BEGIN EC PRIVATE" };
            check(pem.contains(label), format!("the key file has no {label}"))?;
            certified.identity.key = key;
        }
        let (sealgram, openssl) = certified.programs(sealgram(), Role::Server);
        let mut conversation =
            Conversation::start(scene, Role::Server, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end().map(|_| ())
    });
}

#[test]
fn server_with_two_certificates_shows_the_one_that_the_suite_needs() {
    if !foreign_peer("openssl") {
        return;
    }
    let ecdsa = Certified::new(KeyKind::P256).expect("a certificate");
    let rsa = Certified::new(KeyKind::Rsa).expect("a certificate");
    rows(&[KeyKind::P256, KeyKind::Rsa], |&kind, scene| {
        let wanted = if kind == KeyKind::Rsa { &rsa } else { &ecdsa };
        let [cipher, ..] = Cipher::for_key(kind);
        let (_, openssl) = wanted.programs(sealgram(), Role::Server);
        let sealgram = sealgram().identity(&ecdsa.identity).identity(&rsa.identity);
        let openssl = openssl.cipher(cipher);
        let mut conversation =
            Conversation::start(scene, Role::Server, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end()?.report.check("cipher_suite", cipher.iana)
    });
}

#[test]
fn key_log_of_both_programs_is_the_same() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    struct Row(Role, &'static str);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, {}", self.0, self.1)
        }
    }
    let cases: Vec<Row> = Role::BOTH
        .into_iter()
        .flat_map(|role| [Row(role, "--keylog"), Row(role, "SSLKEYLOGFILE")])
        .collect();
    rows(&cases, |&Row(role, how), scene| {
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let (ours, theirs) = (scene.new_path("ours"), scene.new_path("theirs"));
        let sealgram = match how {
            "--keylog" => sealgram.with(how, &ours),
            variable => sealgram.variable(variable, &ours),
        };
        let openssl = openssl.with("-keylogfile", &theirs);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end()?;
        let lines = |path| -> Checked<BTreeSet<String>> {
            let text = fs::read_to_string(path)?;
            Ok(text
                .lines()
                .filter(|line| line.starts_with("CLIENT_RANDOM "))
                .map(str::to_lowercase)
                .collect())
        };
        let theirs = lines(&theirs)?;
        check_eq("the number of keys that openssl logged", theirs.len(), 1)?;
        check(lines(&ours)? == theirs, "the key logs differ")
    });
}

#[test]
fn exported_keys_of_both_programs_are_the_same() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let sealgram = sealgram.with("--export", "EXPERIMENTAL-sealgram:48");
        let openssl =
            openssl.with("-keymatexport", "EXPERIMENTAL-sealgram").with("-keymatexportlen", "48");
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let theirs = conversation.foreign().wait_for_line(Stream::Out, "Keying material: ")?;
        check_eq("the length of what openssl exported", theirs.len(), 96)?;
        let ended = conversation.end()?;
        let theirs = theirs.to_lowercase();
        check(
            ended.sealgram.stderr.lines().any(|line| line == theirs),
            format!("sealgram has not exported {theirs}"),
        )
    });
}

#[test]
fn alpn_with_one_common_protocol_is_agreed_on() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let sealgram = sealgram.with("--alpn", "webrtc,coap");
        let openssl = openssl.with("-alpn", "c-webrtc,coap");
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        let line = match role {
            Role::Client => "ALPN protocols selected: coap",
            Role::Server => "ALPN protocol: coap",
        };
        check(ended.foreign.stdout.contains(line), format!("openssl does not say {line}"))?;
        ended.report.check("alpn", "coap")
    });
}

#[test]
fn srtp_profile_in_common_is_agreed_on() {
    if !foreign_peer("openssl") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = certified.programs(sealgram(), role);
        let sealgram = sealgram.with("--srtp", "SRTP_AEAD_AES_128_GCM,SRTP_AES128_CM_HMAC_SHA1_80");
        let openssl = openssl.with("-use_srtp", "SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80");
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        let line = "SRTP Extension negotiated, profile=SRTP_AES128_CM_SHA1_80";
        check(ended.foreign.stdout.contains(line), format!("openssl does not say {line}"))?;
        ended.report.check("srtp_profile", "SRTP_AES128_CM_HMAC_SHA1_80")
    });
}

#[test]
fn certificate_known_by_its_fingerprint_is_trusted() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["self-made root nobody trusts"], |_, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (_, openssl) = certified.programs(sealgram(), Role::Client);
        let sealgram = sealgram().with("--fingerprint", certified.identity.fingerprint()?);
        let mut conversation =
            Conversation::start(scene, Role::Client, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end()?.report.check("peer_verified", true)
    });
}

#[test]
fn certificate_made_by_sealgram_serves_openssl() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["p256", "p384"], |&kind, scene| {
        let (certificate, key, fingerprint) =
            sealgram().make_certificate(scene, &["--kind", kind])?;
        let openssl = Openssl::new().with("-cert", &certificate).with("-key", key);
        let sealgram = sealgram().trust(&certificate, "localhost");
        let mut conversation =
            Conversation::start(scene, Role::Client, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end()?.report.check("peer_certificate_sha256", vec![fingerprint])
    });
}

#[test]
fn session_ticket_held_by_openssl_resumes_the_session_with_its_server_only() {
    if !foreign_peer("openssl") {
        return;
    }
    rows(&["s_client"], |_, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (sealgram, openssl) = certified.programs(sealgram(), Role::Server);
        let first = sealgram.clone().with("--count", "2").listen(scene)?;
        // The ticket keys of another process are others.
        let second = sealgram.with("--count", "1").listen(scene)?;
        let session = scene.new_path("session.pem");
        for (address, option, expected) in [
            (first.address, "-sess_out", "New, TLSv1.2"),
            (first.address, "-sess_in", "Reused, TLSv1.2"),
            (second.address, "-sess_in", "New, TLSv1.2"),
        ] {
            let openssl = openssl.clone().with(option, &session);
            let mut client = openssl.connect(scene, address)?;
            client.program.input(b"hello\n")?;
            client.program.wait_for(Stream::Out, "hello")?;
            client.program.input(b"Q\n")?;
            let exit = client.program.exit()?;
            check_eq("openssl's exit code", exit.code, Some(0))?;
            check_contains("openssl's output", &exit.stdout, expected)?;
        }
        for (reports, expected) in [
            (first.reports.wait_for(2)?, vec![false, true]),
            (second.reports.wait_for(1)?, vec![false]),
        ] {
            for (report, resumed) in reports.iter().zip(expected) {
                report.check_flawless()?;
                report.check("resumed", resumed)?;
            }
        }
        Ok(())
    });
}
