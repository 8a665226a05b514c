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
