//! What sealgram and GnuTLS agree on: versions, suites, groups, keys, extensions, sessions.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram_tests::{
    Certified, Cipher, Conversation, Foreign, Gnutls, Group, KeyKind, Loss, Role, Sealgram, Stream,
    check, check_contains, check_eq, foreign_peer, rows,
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
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = KeyKind::ALL.map(|kind| Certified::new(kind).expect("a certificate"));
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for certified in &certified {
            for cipher in Cipher::for_key(certified.identity.kind) {
                for group in Group::ALL {
                    cases.push(Agreement { role, certified, cipher, group });
                }
            }
        }
    }
    assert_eq!(cases.len(), 2 * 4 * 3 * 3);
    rows(&cases, |&Agreement { role, certified, cipher, group }, scene| {
        let mut groups = vec![group];
        // The group of the key must be on offer too, and comes last.
        groups.extend(certified.identity.kind.group().filter(|of_key| *of_key != group));
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let sealgram = sealgram.cipher(cipher).groups(&groups);
        let gnutls = gnutls.cipher(cipher).groups(&groups);
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        if role == Role::Server {
            let shown = conversation.foreign().wait_for_line(Stream::Out, "- Description: ")?;
            check_contains("GnuTLS's group", &shown, &format!("(ECDHE-{})", group.gnutls))?;
            let (_, cipher) = cipher.gnutls.rsplit_once('+').expect("a cipher");
            check_contains("GnuTLS's cipher", &shown, &format!("({cipher})"))?;
        }
        let ended = conversation.end()?;
        check_eq("the group on the wire", ended.relay.group(), Some(group.number))?;
        ended.report.check("cipher_suite", cipher.iana)?;
        ended.report.check("group", group.iana)?;
        ended.report.check("datagrams_sent", 2)?;
        ended.report.check("datagrams_received", 2)?;
        ended.report.check("peer_verified", role == Role::Client)?;
        ended.report.check("server_name", "localhost")
    });
}

/// RFC 6655: suites that only small devices ask for, and only if both sides name them.
#[test]
fn handshake_with_ccm_agrees_on_it() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let cases = Role::BOTH.map(|role| {
        let group = Group::P256;
        Cipher::CCM.map(|cipher| Agreement { role, certified: &certified, cipher, group })
    });
    rows(cases.as_flattened(), |&Agreement { role, certified, cipher, .. }, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let (sealgram, gnutls) = (sealgram.cipher(cipher), gnutls.cipher(cipher));
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("first")?;
        conversation.echo("and again")?;
        conversation.end()?.report.check("cipher_suite", cipher.iana)
    });
}

#[test]
fn signature_scheme_that_gnutls_allows_alone_is_used() {
    if !foreign_peer("gnutls") {
        return;
    }
    /// The scheme, by GnuTLS's and by IANA's name.
    struct Row(Role, KeyKind, &'static str, &'static str);
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, {} certificate, {}", self.0, self.1, self.3)
        }
    }
    let mut cases = Vec::new();
    for role in Role::BOTH {
        cases.extend([
            Row(role, KeyKind::P256, "ECDSA-SHA256", "ecdsa_secp256r1_sha256"),
            Row(role, KeyKind::P384, "ECDSA-SHA384", "ecdsa_secp384r1_sha384"),
            Row(role, KeyKind::Ed25519, "EDDSA-ED25519", "ed25519"),
            Row(role, KeyKind::Rsa, "RSA-SHA256", "rsa_pkcs1_sha256"),
            Row(role, KeyKind::Rsa, "RSA-PSS-RSAE-SHA256", "rsa_pss_rsae_sha256"),
            Row(role, KeyKind::Rsa, "RSA-PSS-RSAE-SHA384", "rsa_pss_rsae_sha384"),
            Row(role, KeyKind::Rsa, "RSA-PSS-RSAE-SHA512", "rsa_pss_rsae_sha512"),
        ]);
    }
    rows(&cases, |&Row(role, kind, theirs, ours), scene| {
        let certified = Certified::new(kind)?;
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        // GnuTLS makes no handshake with Ed25519 alone. The scheme that is added last is that of
        // the RSA certificates themselves, and none that the other keys can use.
        let mut schemes = format!("-SIGN-ALL:+SIGN-{theirs}");
        if theirs != "RSA-SHA256" {
            schemes.push_str(":+SIGN-RSA-SHA256");
        }
        let gnutls = gnutls.priority(&schemes);
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end()?.report.check("signature_scheme", ours)
    });
}

#[test]
fn client_that_offers_1_3_first_gets_1_2_from_gnutls() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&["any", "1.2"], |&versions, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Client);
        let sealgram = sealgram.with("--dtls", versions);
        let mut conversation =
            Conversation::start(scene, Role::Client, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        let seen = ended.relay.seen();
        // The extension supported_versions that begins with 1.3 (RFC 8446 §4.2.1).
        let offer = [0, 43, 0, 5, 4, 0xfe, 0xfc, 0xfe, 0xfd];
        let hello = &seen.first().expect("a hello").bytes;
        let offered = hello.windows(offer.len()).any(|window| window == offer);
        check_eq("an offer of 1.3 in the first hello", offered, versions == "any")?;
        ended.report.check("version", "1.2")
    });
}

#[test]
fn gnutls_client_of_sealgram_sees_the_extended_master_secret_and_its_verification() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&["gnutls-cli"], |_, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Server);
        let mut conversation =
            Conversation::start(scene, Role::Server, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        for text in [
            "Options: extended master secret, safe renegotiation",
            "Status: The certificate is trusted.",
        ] {
            check_contains("what gnutls-cli says", &ended.foreign.stdout, text)?;
        }
        Ok(())
    });
}

#[test]
fn exported_keys_of_both_programs_are_the_same() {
    if !foreign_peer("gnutls") {
        return;
    }
    // gnutls-serv exports nothing over UDP.
    rows(&["gnutls-cli"], |_, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Server);
        let sealgram = sealgram.with("--export", "EXPERIMENTAL-sealgram:48");
        let gnutls =
            gnutls.with("--keymatexport", "EXPERIMENTAL-sealgram").with("--keymatexportsize", "48");
        let mut conversation =
            Conversation::start(scene, Role::Server, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let theirs = conversation.foreign().wait_for_line(Stream::Out, "- Key material: ")?;
        check_eq("the length of what GnuTLS exported", theirs.len(), 96)?;
        let ended = conversation.end()?;
        check(
            ended.sealgram.stderr.lines().any(|line| line == theirs),
            format!("sealgram has not exported {theirs}"),
        )
    });
}

#[test]
fn alpn_with_one_common_protocol_is_agreed_on() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let sealgram = sealgram.with("--alpn", "webrtc,coap");
        let gnutls = gnutls.with("--alpn", "c-webrtc").with("--alpn", "coap");
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        if role == Role::Server {
            let line = "- Application protocol: coap\n";
            check_contains("what gnutls-cli says", &ended.foreign.stdout, line)?;
        }
        ended.report.check("alpn", "coap")
    });
}

#[test]
fn srtp_profile_in_common_is_agreed_on() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let sealgram = sealgram.with("--srtp", "SRTP_AEAD_AES_128_GCM,SRTP_AES128_CM_HMAC_SHA1_80");
        let gnutls = gnutls
            .with("--srtp-profiles", "SRTP_AES128_CM_HMAC_SHA1_32:SRTP_AES128_CM_HMAC_SHA1_80");
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        if role == Role::Server {
            let line = "- SRTP profile: SRTP_AES128_CM_HMAC_SHA1_80\n";
            check_contains("what gnutls-cli says", &ended.foreign.stdout, line)?;
        }
        ended.report.check("srtp_profile", "SRTP_AES128_CM_HMAC_SHA1_80")
    });
}

#[test]
fn session_of_gnutls_client_is_resumed() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&["ticket", "session ID"], |&how, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Server);
        let mut server = sealgram.with("--count", "2").listen(scene)?;
        let gnutls = if how == "ticket" { gnutls } else { gnutls.flag("--noticket") };
        // It says hello, closes, and comes again by itself.
        let mut client = gnutls.flag("--resume").call(scene, server.address)?;
        client.wait_for(Stream::Out, "trying to resume previous session")?;
        client.input(b"hello\n")?;
        client.wait_for(Stream::Out, "\nhello\n")?;
        client.end_input();
        let exit = client.exit()?;
        check_eq("gnutls's exit code", exit.code, Some(0))?;
        check_contains("what gnutls-cli says", &exit.stdout, "*** This is a resumed session")?;
        check_eq("sealgram's exit code", server.program.exit()?.code, Some(0))?;
        for (report, resumed) in server.reports.wait_for(2)?.iter().zip([false, true]) {
            report.check_flawless()?;
            report.check("resumed", resumed)?;
        }
        Ok(())
    });
}

#[test]
fn session_of_gnutls_server_is_resumed_by_it_only() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&["ticket", "session ID"], |&how, scene| {
        let certified = Certified::new(KeyKind::P256)?;
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), Role::Client);
        let gnutls = if how == "ticket" { gnutls } else { gnutls.flag("--noticket") };
        let first = gnutls.serve_one(scene)?;
        let second = gnutls.serve_one(scene)?;
        let sealgram = sealgram.with("--resume", scene.new_path("session"));
        for (address, resumed) in
            [(first.address, false), (first.address, true), (second.address, false)]
        {
            let mut client = sealgram.connect(scene, address)?;
            client.program.input(b"hello\n")?;
            client.program.wait_for(Stream::Out, "hello")?;
            client.program.end_input();
            check_eq("sealgram's exit code", client.program.exit()?.code, Some(0))?;
            let report = client.reports.wait_for_one()?;
            report.check_flawless()?;
            report.check("resumed", resumed)?;
            report.check("peer_verified", true)?;
        }
        Ok(())
    });
}
