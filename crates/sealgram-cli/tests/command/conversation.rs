//! Connections that work: what is sent, printed and reported.

use core::net::Ipv6Addr;
use std::net::UdpSocket;

use serde_json::Value;

use crate::program::{Folder, Listener, run, run_with_variable};

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

#[test]
fn lines_of_the_input_come_back_as_lines() {
    let server = Listener::self_signed(&[]);
    for version in VERSIONS {
        let ended = server.connect(&["--dtls", version], b"one\n\ntwo words\nno newline");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout, "one\n\ntwo words\nno newline\n");
        assert_eq!(ended.stderr, "");
        // Nothing to send is fine, too.
        let ended = server.connect(&["--dtls", version], b"");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    }
}

#[test]
fn long_input_arrives_whole() {
    let server = Listener::self_signed(&[]);
    let input: String = (0..3000).map(|number| format!("line {number}\n")).collect();
    let ended = server.connect(&[], input.as_bytes());
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, input);
}

#[test]
fn options_of_sending_and_answering_do_what_they_say() {
    let say = Listener::self_signed(&["--say", "-always this"]);
    let ended = say.connect(&["--send", "a", "--send", "-b"], b"not read");
    assert_eq!(ended.stdout, "-always this\n-always this\n");
    let ended = say.connect(&["--send", "a", "--send", "b", "--count", "1"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "-always this\n"));
    let discard = Listener::self_signed(&["--discard"]);
    let ended = discard.connect(&["--send", "a", "--idle", "0.2"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
}

#[test]
fn line_that_is_longer_than_a_datagram_ends_with_1() {
    let server = Listener::self_signed(&[]);
    let longest = vec![b'x'; 16_384];
    let ended = server.connect(&[], &longest);
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 16_385));
    let ended = server.connect(&[], &[longest, vec![b'x']].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("16384"), "{ended:?}");
}

#[test]
fn server_with_a_count_ends_after_that_many_and_reports_each() {
    let folder = Folder::new();
    let (ours, theirs) = (folder.file("ours"), folder.file("theirs"));
    let mut server = Listener::self_signed(&["--count", "2", "--report", &theirs]);
    for version in VERSIONS {
        // One that fails does not count.
        let failed =
            run(&["connect", &server.address.to_string(), "--fingerprint", &"00".repeat(32)], b"");
        assert_eq!(failed.code, Some(3));
        let ended = server.connect(&["--dtls", version, "--report", &ours, "--send", "four"], b"");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let text = std::fs::read_to_string(&ours).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let chain = serde_json::json!([server.fingerprint()]);
        for (field, expected) in [
            ("role", Value::from("client")),
            ("peer", server.address.to_string().into()),
            ("version", version.into()),
            ("signature_scheme", "ecdsa_secp256r1_sha256".into()),
            ("peer_certificate_sha256", chain),
            ("peer_verified", true.into()),
            ("cookie_exchanged", true.into()),
            ("resumed", false.into()),
            ("datagrams_sent", 1.into()),
            ("datagrams_received", 1.into()),
            ("bytes_sent", 4.into()),
            ("bytes_received", 4.into()),
            ("flights_retransmitted", 0.into()),
            ("alert_sent", "close_notify".into()),
            ("error", Value::Null),
        ] {
            assert_eq!(report[field], expected, "{field} in {report}");
        }
        assert!(report["handshake_ms"].as_u64().unwrap() > 0);
    }
    assert_eq!(server.code(), Some(0));
    let text = std::fs::read_to_string(&theirs).unwrap();
    let reports: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let versions: Vec<&Value> = reports.iter().map(|report| &report["version"]).collect();
    assert_eq!(versions, [&Value::Null, &"1.2".into(), &Value::Null, &"1.3".into()]);
    assert_eq!(reports[1]["alert_received"], "close_notify");
    assert_eq!(reports[1]["bytes_received"], 4);
    assert_eq!(reports[0]["alert_received"], "bad_certificate");
}

#[test]
fn report_has_the_fields_of_the_contract_and_no_others() {
    let expected = "role, peer, version, cipher_suite, group, signature_scheme, server_name, alpn, \
        srtp_profile, psk_identity, peer_certificate_sha256, peer_verified, resumed, \
        early_data_accepted, cookie_exchanged, connection_id_local, connection_id_remote, \
        handshake_ms, datagrams_sent, datagrams_received, bytes_sent, bytes_received, \
        flights_retransmitted, records_discarded, error, alert_sent, alert_received";
    let mut expected: Vec<&str> = expected.split(", ").collect();
    expected.sort_unstable();
    let folder = Folder::new();
    let file = folder.file("report");
    let server = Listener::self_signed(&["--alpn", "coap", "--srtp", "SRTP_AEAD_AES_128_GCM"]);
    let options = [
        "--alpn",
        "other,coap",
        "--srtp",
        "srtp_aead_aes_256_gcm,srtp_aead_aes_128_gcm",
        "--name",
        "localhost",
        "--groups",
        "SECP384R1",
        "--suites",
        "tls_chacha20_poly1305_sha256",
        "--report",
        &file,
    ];
    assert_eq!(server.connect(&options, b"").code, Some(0));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let mut fields: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!(report["alpn"], "coap");
    assert_eq!(report["srtp_profile"], "SRTP_AEAD_AES_128_GCM");
    assert_eq!(report["server_name"], "localhost");
    assert_eq!(report["group"], "secp384r1");
    assert_eq!(report["cipher_suite"], "TLS_CHACHA20_POLY1305_SHA256");
    assert_eq!(report["psk_identity"], Value::Null);
}

#[test]
fn localhost_and_ipv6_addresses_are_found() {
    let server = Listener::self_signed(&[]);
    let address = format!("localhost:{}", server.address.port());
    let ended = run(&["connect", &address, "--insecure", "--send", "x"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "x\n"), "{ended:?}");
    assert!(ended.stderr.contains("--insecure"), "{ended:?}");
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("this machine has no IPv6 loopback: left out");
        return;
    }
    let server = Listener::start_at("[::1]:0", &["--self-signed", "::1"]);
    assert!(server.stderr().contains("listening on [::1]:"));
    let ended = server.connect(&["--send", "x"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "x\n"), "{ended:?}");
}

#[test]
fn silent_connection_is_closed_by_the_server() {
    let mut server = Listener::self_signed(&["--idle", "0.2", "--count", "1"]);
    // Waits for answers that never come: it is the server that ends it.
    let ended = server.connect(&["--send", "x", "--count", "2"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "x\n"), "{ended:?}");
    assert_eq!(server.code(), Some(0));
}

#[test]
fn exported_keys_and_key_logs_of_both_ends_are_the_same() {
    let folder = Folder::new();
    for version in VERSIONS {
        let [ours, theirs, variable] =
            ["ours", "theirs", "variable"].map(|name| folder.file(&format!("{name}-{version}")));
        let export = ["--export", "EXPERIMENTAL-a:16", "--export", "EXPERIMENTAL-b:32"];
        let server = Listener::self_signed(&[&export[..], &["--keylog", &theirs]].concat());
        let (address, fingerprint) = (server.address.to_string(), server.fingerprint());
        let arguments = [
            &["connect", &address, "--fingerprint", &fingerprint, "--dtls", version],
            &export[..],
            &["--keylog", &ours],
        ];
        let ended = run_with_variable(&arguments.concat(), "SSLKEYLOGFILE", variable.as_ref());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let keys: Vec<&str> = ended.stderr.lines().collect();
        assert_eq!(keys.iter().map(|key| key.len()).collect::<Vec<_>>(), [32, 64]);
        for key in keys {
            assert_eq!(server.line(key), "");
        }
        let log = |path: &str| {
            let text = std::fs::read_to_string(path).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let expected = if version == "1.2" { "CLIENT_RANDOM" } else { "CLIENT_TRAFFIC_SECRET_0" };
        assert!(log(&ours).iter().any(|line| line.starts_with(expected)));
        assert_eq!(log(&ours), log(&theirs));
        assert_eq!(log(&ours), log(&variable));
    }
}

#[cfg(unix)]
#[test]
fn key_log_can_be_read_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let (log, cert, key) = (folder.file("log"), folder.file("cert"), folder.file("key"));
    let server = Listener::self_signed(&[]);
    assert_eq!(server.connect(&["--keylog", &log], b"").code, Some(0));
    assert_eq!(run(&["cert", "--cert", &cert, "--key", &key], b"").code, Some(0));
    for path in [log, key] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[test]
fn server_says_nothing_about_ten_thousand_malformed_datagrams() {
    let mut server = Listener::self_signed(&[]);
    let before = server.stderr();
    let sockets: Vec<UdpSocket> =
        (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for number in 0..10_000_usize {
        let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1];
        datagram.extend(number.to_be_bytes());
        datagram.truncate(1 + number % datagram.len());
        sockets[number % sockets.len()].send_to(&datagram, server.address).unwrap();
    }
    let ended = server.connect(&["--send", "x"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "x\n"), "{ended:?}");
    assert!(server.is_running());
    let after = server.stderr();
    // Two lines about the one honest client, at most.
    let new: Vec<&str> = after[before.len()..].lines().collect();
    let honest = |line: &&str| line.contains(": connected, ") || line.ends_with("by the peer");
    assert!(new.len() <= 2 && new.iter().all(honest), "{new:?}");
}

#[test]
fn stored_session_is_resumed_by_the_next_run() {
    let folder = Folder::new();
    let (session, report) = (folder.file("session"), folder.file("report"));
    let server = Listener::self_signed(&[]);
    for version in VERSIONS {
        for resumed in [false, true, true] {
            let options =
                ["--dtls", version, "--resume", &session, "--report", &report, "--send", "a"];
            let ended = server.connect(&options, b"");
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "a\n"), "{ended:?}");
            let report: Value =
                serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
            assert_eq!(report["resumed"], resumed, "{version}");
        }
        std::fs::remove_file(&session).unwrap();
    }
}

#[test]
fn early_data_is_sent_and_answered_when_a_session_is_resumed() {
    let folder = Folder::new();
    let (session, report) = (folder.file("session"), folder.file("report"));
    let taking = Listener::self_signed(&["--early-data"]);
    let refusing = Listener::self_signed(&[]);
    for (server, accepted) in [(&taking, true), (&refusing, false)] {
        for visit in 0..3 {
            let options = [
                ["--early-data", "--dtls", "1.3", "--resume", &session],
                ["--report", &report, "--send", "first", "--send=second"],
            ];
            let ended = server.connect(&options.concat(), b"");
            let said = (ended.code, ended.stdout.as_str());
            assert_eq!(said, (Some(0), "first\nsecond\n"), "{visit}: {ended:?}");
            let report: Value =
                serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
            assert_eq!(report["resumed"], visit > 0, "{visit}");
            assert_eq!(report["early_data_accepted"], accepted && visit > 0, "{visit}");
            // The ticket proves the address.
            let cookie = !(accepted && visit > 0);
            assert_eq!(report["cookie_exchanged"], cookie, "{visit}");
            assert_eq!(report["datagrams_sent"], 2, "{visit}");
        }
        std::fs::remove_file(&session).unwrap();
    }
}

#[test]
fn pre_shared_key_connects_and_a_wrong_one_ends_both_sides_with_2() {
    let other = "other:101112131415161718191a1b1c1d1e1f";
    let right = "device:000102030405060708090a0b0c0d0e0f";
    for version in ["1.2", "1.3", "any"] {
        let folder = Folder::new();
        let (report, reports) = (folder.file("report"), folder.file("reports"));
        let mut server = Listener::start(&[
            "--psk", other, "--psk", right, "--count", "2", "--dtls", version, "--report", &reports,
        ]);
        let address = server.address.to_string();
        let connect = |psk| ["connect", &address, "--psk", psk, "--report", &report, "--send", "a"];
        for wrong in
            ["device:000102030405060708090a0b0c0d0eff", "nobody:000102030405060708090a0b0c0d0e0f"]
        {
            let ended = run(&connect(wrong), b"");
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.stderr.contains("decrypt_error"), "{ended:?}");
        }
        for (psk, identity) in [(right, "device"), (other, "other")] {
            let ended = run(&connect(psk), b"");
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "a\n"), "{ended:?}");
            let text = std::fs::read_to_string(&report).unwrap();
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(report["psk_identity"], identity);
            assert_eq!(report["peer_verified"], true);
        }
        // Nothing from the network ends a server; what ended it twice is in its reports.
        assert_eq!(server.code(), Some(0));
        let text = std::fs::read_to_string(&reports).unwrap();
        let reports: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let failed = reports.iter().filter(|report| report["alert_sent"] == "decrypt_error");
        let failed: Vec<_> = failed.collect();
        assert!(failed.len() >= 2, "{reports:?}");
        for report in failed {
            assert_eq!(report["psk_identity"], Value::Null);
            assert!(!report["error"].is_null());
        }
        let identities = reports.iter().filter_map(|report| report["psk_identity"].as_str());
        assert_eq!(identities.collect::<Vec<_>>(), ["device", "other"]);
    }
}
