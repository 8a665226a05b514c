//! Exit codes.

use core::time::Duration;
use std::net::UdpSocket;
use std::thread;

use sealgram::iana::AlertDescription;
use sealgram::pki_types::pem::PemObject as _;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};
use sealgram::{EndpointConfig, ServerConfig};
use sealgram_udp::{MAX_PLAINTEXT, Server, ServerEvent};
use serde_json::Value;

use crate::program::{Folder, Listener, run};

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

fn report(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn server_that_is_not_the_pinned_one_ends_with_3() {
    for version in VERSIONS {
        let folder = Folder::new();
        let file = folder.file("report");
        let server = Listener::self_signed(&[]);
        let address = server.address.to_string();
        let wrong = "00".repeat(32);
        let ended = run(
            &["connect", &address, "--fingerprint", &wrong, "--dtls", version, "--report", &file],
            b"never sent\n",
        );
        assert_eq!(ended.code, Some(3), "{ended:?}");
        // What it is, instead.
        assert!(ended.stderr.contains(&server.fingerprint()), "{ended:?}");
        let report = report(&file);
        assert_eq!(report["peer_verified"], false);
        assert_eq!(report["alert_sent"], "bad_certificate");
        assert!(report["error"].as_str().unwrap().contains("identity"), "{report}");
    }
}

#[test]
fn certificate_of_another_authority_or_name_ends_with_3() {
    let folder = Folder::new();
    let [ca, ca_key, other, other_key, cert, key] =
        ["ca", "ca_key", "other", "other_key", "cert", "key"].map(|name| folder.file(name));
    for (name, cert, key) in [("One CA", &ca, &ca_key), ("Other CA", &other, &other_key)] {
        let made = run(&["cert", "--authority", name, "--cert", cert, "--key", key], b"");
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    let arguments =
        ["cert", "localhost", "--ca", &ca, "--ca-key", &ca_key, "--cert", &cert, "--key", &key];
    assert_eq!(run(&arguments, b"").code, Some(0));
    let server = Listener::start(&["--cert", &cert, "--key", &key]);
    let address = format!("localhost:{}", server.address.port());
    for version in VERSIONS {
        let connect = |arguments: &[&str]| {
            run(&[&["connect", &address, "--dtls", version], arguments].concat(), b"hi\n")
        };
        let ended = connect(&["--ca", &ca]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "hi\n"), "{ended:?}");
        let ended = connect(&["--ca", &other]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains("--ca"), "{ended:?}");
        let ended = connect(&["--ca", &ca, "--name", "example.com"]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains("--name"), "{ended:?}");
    }
}

#[test]
fn silence_and_closed_ports_end_with_4() {
    let folder = Folder::new();
    let file = folder.file("report");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, nobody) in [(silent.local_addr().unwrap(), false), (closed, true)] {
        let address = address.to_string();
        let arguments = ["connect", &address, "--insecure", "--timeout", "0.3", "--report", &file];
        let ended = run(&arguments, b"");
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert_eq!(ended.stderr.contains("nobody listens"), nobody, "{ended:?}");
        assert_eq!(report(&file)["version"], Value::Null);
    }
}

#[test]
fn handshake_that_fails_ends_with_2_and_names_error_and_alert() {
    let server = Listener::self_signed(&[
        "--dtls",
        "1.2",
        "--suites",
        "tls_ecdhe_ecdsa_with_aes_256_gcm_sha384",
    ]);
    for arguments in [["--suites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"], ["--dtls", "1.3"]] {
        let ended = server.connect(&arguments, b"");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let alert = if arguments[0] == "--dtls" { "protocol_version" } else { "handshake_failure" };
        assert!(ended.stderr.contains(alert), "{ended:?}");
        assert!(ended.stderr.contains("hint: "), "{ended:?}");
    }
    // The server is still there.
    assert_eq!(server.connect(&[], b"hi").stdout, "hi\n");
}

#[test]
fn client_whose_certificate_is_refused_ends_with_2_in_both_versions() {
    let folder = Folder::new();
    let [ca, ca_key, cert, key, report_file] =
        ["ca", "ca_key", "cert", "key", "report"].map(|name| folder.file(name));
    let made = run(&["cert", "--authority", "CA", "--cert", &ca, "--key", &ca_key], b"");
    assert_eq!(made.code, Some(0));
    // By itself, not by the authority.
    assert_eq!(run(&["cert", "client", "--cert", &cert, "--key", &key], b"").code, Some(0));
    let server = Listener::self_signed(&[
        "--client-auth",
        "require",
        "--client-ca",
        &ca,
        "--report",
        &report_file,
    ]);
    for version in VERSIONS {
        for (arguments, alert) in [
            (["--cert", &cert, "--key", &key].as_slice(), "unknown_ca"),
            (&[], if version == "1.2" { "handshake_failure" } else { "certificate_required" }),
        ] {
            let arguments = [arguments, &["--dtls", version]].concat();
            let ended = server.connect(&arguments, b"");
            assert_eq!(ended.code, Some(2), "{version} {arguments:?}: {ended:?}");
            assert!(ended.stderr.contains(alert), "{version} {arguments:?}: {ended:?}");
        }
    }
    let arguments =
        ["cert", "client", "--ca", &ca, "--ca-key", &ca_key, "--cert", &cert, "--key", &key];
    assert_eq!(run(&arguments, b"").code, Some(0));
    for version in VERSIONS {
        let ended = server.connect(&["--cert", &cert, "--key", &key, "--dtls", version], b"hi");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "hi\n"), "{ended:?}");
    }
    // The last client may be gone before the server has heard its goodbye.
    let mut reports = String::new();
    for _ in 0..200 {
        reports = std::fs::read_to_string(&report_file).unwrap();
        if reports.lines().count() >= 6 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let verified: Vec<bool> = reports
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["peer_verified"] == true)
        .collect();
    assert_eq!(verified, [false, false, false, false, true, true]);
}

#[test]
fn peer_that_ends_the_connection_with_an_error_ends_it_with_5() {
    let folder = Folder::new();
    let (cert, key) = (folder.file("cert"), folder.file("key"));
    assert_eq!(run(&["cert", "--cert", &cert, "--key", &key], b"").code, Some(0));
    for version in VERSIONS {
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_identity(
                vec![CertificateDer::from_pem_file(&cert).unwrap()],
                &PrivateKeyDer::from_pem_file(&key).unwrap(),
            )
            .build()
            .unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut server = Server::bind(address, EndpointConfig::new(), config).unwrap();
        let address = server.local_addr().unwrap().to_string();
        // Answers the first datagram, and takes offence at the second.
        let serving = thread::spawn(move || {
            let mut buf = vec![0; MAX_PLAINTEXT];
            let mut heard = 0;
            loop {
                match server.step(Duration::from_secs(30), &mut buf).unwrap() {
                    Some(ServerEvent::Data { peer, len, .. }) if heard == 0 => {
                        heard = 1;
                        server.send(peer, &buf[..len]).unwrap();
                    }
                    Some(ServerEvent::Data { peer, .. }) => {
                        server.abort(peer, AlertDescription::ACCESS_DENIED).unwrap();
                        return;
                    }
                    Some(_) => {}
                    None => panic!("nobody came"),
                }
            }
        });
        let file = folder.file("report");
        let arguments = ["connect", &address, "--insecure", "--dtls", version, "--report", &file];
        let ended = run(&arguments, b"one\ntwo\n");
        serving.join().unwrap();
        assert_eq!(ended.code, Some(5), "{ended:?}");
        assert_eq!(ended.stdout, "one\n");
        assert!(ended.stderr.contains("access_denied"), "{ended:?}");
        assert_eq!(report(&file)["alert_received"], "access_denied");
        assert_eq!(report(&file)["version"], version);
    }
}
