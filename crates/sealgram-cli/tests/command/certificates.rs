//! `sealgram cert`.

use crate::program::{Folder, Listener, run};

#[test]
fn certificate_and_key_go_to_standard_output_and_the_fingerprint_does_not() {
    let ended = run(&["cert"], b"");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.matches("-----BEGIN CERTIFICATE-----").count(), 1);
    assert_eq!(ended.stdout.matches("-----BEGIN PRIVATE KEY-----").count(), 1);
    let fingerprint = ended.stderr.trim().strip_prefix("fingerprint ").unwrap();
    assert_eq!(fingerprint.len(), 64);
    assert!(fingerprint.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()));
    // One file with both is what every option takes.
    let folder = Folder::new();
    let file = folder.file("both.pem");
    std::fs::write(&file, &ended.stdout).unwrap();
    let server = Listener::start(&["--cert", &file, "--key", &file]);
    let address = server.address.to_string();
    let upper = fingerprint.to_uppercase();
    let ended = run(&["connect", &address, "--fingerprint", &upper, "--send", "x"], b"");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "x\n"), "{ended:?}");
}

#[test]
fn certificate_of_every_kind_is_good_for_its_names() {
    for kind in ["p256", "p384", "ed25519"] {
        for authority in [None, Some("p256"), Some("p384"), Some("ed25519")] {
            let folder = Folder::new();
            let [ca, ca_key, cert, key] =
                ["ca", "ca_key", "cert", "key"].map(|name| folder.file(name));
            let mut arguments = vec!["cert", "example.com", "127.0.0.1", "--kind", kind];
            arguments.extend(["--cert", &cert, "--key", &key]);
            if let Some(kind) = authority {
                let made = run(
                    &[
                        "cert",
                        "--authority",
                        "Ä CA",
                        "--kind",
                        kind,
                        "--cert",
                        &ca,
                        "--key",
                        &ca_key,
                    ],
                    b"",
                );
                assert_eq!(made.code, Some(0), "{made:?}");
                arguments.extend(["--ca", &ca, "--ca-key", &ca_key]);
            }
            assert_eq!(run(&arguments, b"").code, Some(0));
            let trusted = if authority.is_some() { &ca } else { &cert };
            let server = Listener::start(&["--cert", &cert, "--key", &key]);
            let address = server.address.to_string();
            let connect = ["connect", &address, "--ca", trusted, "--send", "x"];
            let ended = run(&connect, b"");
            assert_eq!(ended.code, Some(0), "{kind} by {authority:?}: {ended:?}");
            let ended = run(&[&connect[..], &["--name", "example.com"]].concat(), b"");
            assert_eq!(ended.code, Some(0), "{kind} by {authority:?}: {ended:?}");
            let ended = run(&[&connect[..], &["--name", "www.example.com"]].concat(), b"");
            assert_eq!(ended.code, Some(3), "{kind} by {authority:?}: {ended:?}");
        }
    }
}

#[test]
fn authoritys_key_must_fit_its_certificate() {
    let folder = Folder::new();
    let [ca, ca_key, other_key] = ["ca", "ca_key", "other_key"].map(|name| folder.file(name));
    for key in [&other_key, &ca_key] {
        let made = run(&["cert", "--authority", "CA", "--cert", &ca, "--key", key], b"");
        assert_eq!(made.code, Some(0));
    }
    let ended = run(&["cert", "--ca", &ca, "--ca-key", &other_key], b"");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("does not belong"), "{ended:?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn server_with_several_certificates_shows_the_one_for_the_name() {
    let folder = Folder::new();
    let [ca, ca_key] = ["ca", "ca_key"].map(|name| folder.file(name));
    let made = run(&["cert", "--authority", "CA", "--cert", &ca, "--key", &ca_key], b"");
    assert_eq!(made.code, Some(0), "{made:?}");
    let names = ["a.example", "b.example", "c.example"];
    let files = names.map(|name| [folder.file(name), folder.file(&format!("{name}.key"))]);
    let mut arguments = Vec::new();
    for (name, [cert, key]) in names.iter().zip(&files) {
        let signed = ["--ca", &ca, "--ca-key", &ca_key, "--cert", cert, "--key", key];
        assert_eq!(run(&[&["cert", name], &signed[..]].concat(), b"").code, Some(0));
        arguments.extend(["--cert", cert, "--key", key]);
    }
    let server = Listener::start(&arguments);
    let address = server.address.to_string();
    for version in ["1.2", "1.3"] {
        for name in names {
            let connect = ["connect", &address, "--dtls", version, "--ca", &ca, "--send", "x"];
            let ended = run(&[&connect[..], &["--name", name]].concat(), b"");
            assert_eq!(ended.code, Some(0), "{version} {name}: {ended:?}");
        }
    }
}

#[test]
fn raw_public_keys_stand_for_certificates_on_both_sides() {
    let folder = Folder::new();
    let [ours, theirs, report] = ["ours", "theirs", "report"].map(|name| folder.file(name));
    for key in [&ours, &theirs] {
        assert_eq!(run(&["cert", "--key", key, "--cert", &folder.file("c")], b"").code, Some(0));
    }
    let raw = ["--raw-public-key", "--key", &ours, "--client-auth", "request"];
    let mut server = Listener::start(&[&raw[..], &["--report", &report, "--count", "4"]].concat());
    let address = server.address.to_string();
    let raw = |version| ["--dtls", version, "--raw-public-key", "--send", "x"];
    for version in ["1.2", "1.3"] {
        // Another key than the one that is pinned, and a client that wants a certificate.
        let pinned = ["connect", &address, "--fingerprint", &"00".repeat(32)];
        let ended = run(&[&pinned[..], &raw(version)].concat(), b"");
        assert_eq!(ended.code, Some(3), "{ended:?}");
        let ended = server.connect(&["--dtls", version, "--send", "x"], b"");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("unsupported_certificate"), "{ended:?}");
    }
    for version in ["1.2", "1.3"] {
        for own in [&[][..], &["--key", &theirs]] {
            let ended = server.connect(&[&raw(version)[..], own].concat(), b"");
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "x\n"), "{ended:?}");
        }
    }
    assert_eq!(server.code(), Some(0));
    // Every other client has shown a key.
    let reports = std::fs::read_to_string(&report).unwrap();
    let reports = reports.lines().map(|line| serde_json::from_str(line).unwrap());
    let established = reports.filter(|line: &serde_json::Value| line["version"].is_string());
    let shown: Vec<_> =
        established.map(|line| line["peer_certificate_sha256"].is_array()).collect();
    assert_eq!(shown, [false, true, false, true]);
}

#[test]
fn raw_public_keys_do_not_go_with_certificates() {
    let folder = Folder::new();
    let [cert, key] = ["cert", "key"].map(|name| folder.file(name));
    assert_eq!(run(&["cert", "--cert", &cert, "--key", &key], b"").code, Some(0));
    for arguments in [
        &["listen", "127.0.0.1:0", "--raw-public-key"][..],
        &["listen", "127.0.0.1:0", "--raw-public-key", "--cert", &cert, "--key", &key],
        &["listen", "127.0.0.1:0", "--raw-public-key", "--key", &key, "--client-ca", &cert],
        &["connect", "127.0.0.1:1", "--raw-public-key", "--key", &key],
        // There is no public key in it.
        &["connect", "127.0.0.1:1", "--raw-public-key", "--ca", &cert],
    ] {
        let ended = run(arguments, b"");
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("hint: "), "{ended:?}");
    }
}
