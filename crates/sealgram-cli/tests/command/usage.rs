//! Arguments.

use crate::program::{Folder, run};

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    let connect = ["connect", "127.0.0.1:1", "--insecure"];
    for (arguments, name) in [
        (["proxy", "--listen", "127.0.0.1:1", "--to", "127.0.0.1:2"].as_slice(), "sealgram proxy"),
        (&["bench"], "sealgram bench"),
        (&[&connect[..], &["--cid", "4"]].concat(), "--cid"),
        (&["listen", "--self-signed", "x", "--cid", "0"], "--cid"),
    ] {
        let ended = run(arguments, b"");
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        let expected = format!("{name}` is not available").replace("--", "");
        let said = ended.stderr.replace("--", "").replace(" is not", "` is not").replace("``", "`");
        assert!(said.contains(&expected), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn argument_that_cannot_be_ends_with_1_and_says_which() {
    let folder = Folder::new();
    let missing = folder.file("missing.pem");
    let empty = folder.file("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let to = |more: &[&'static str]| [&["connect", "127.0.0.1:1"], more].concat();
    let at = |more: &[&'static str]| {
        [&["listen", "127.0.0.1:0", "--self-signed", "localhost"], more].concat()
    };
    let cases: &[(Vec<&str>, &str)] = &[
        (vec![], "Usage"),
        (vec!["nonsense"], "nonsense"),
        (vec!["connect"], "HOST:PORT"),
        (to(&["--insecure", "--early-data"]), "--resume"),
        (vec!["connect", "localhost", "--insecure"], "there is no port"),
        (vec!["connect", "127.0.0.1:70000", "--insecure"], "127.0.0.1:70000"),
        (vec!["connect", "127.0.0.1:0", "--insecure"], "port 0"),
        (vec!["connect", "0.0.0.0:1", "--insecure"], "unspecified"),
        (vec!["connect", "224.0.0.1:1", "--insecure"], "multicast"),
        (to(&[]), "--fingerprint"),
        (to(&["--insecure", "--fingerprint", "00"]), "64 hex digits"),
        (to(&["--ca", "x", "--insecure"]), "cannot be used with"),
        (vec!["connect", "127.0.0.1:1", "--ca", &missing], "missing.pem"),
        (vec!["connect", "127.0.0.1:1", "--ca", &empty], "no certificate"),
        (to(&["--insecure", "--suites", "TLS_NONSENSE"]), "TLS_NONSENSE"),
        (to(&["--insecure", "--suites", ""]), "empty"),
        (to(&["--insecure", "--groups", "x448"]), "x448"),
        (to(&["--insecure", "--srtp", "SRTP_NULL"]), "SRTP_NULL"),
        (to(&["--insecure", "--dtls", "1.0"]), "1.0"),
        (
            to(&[
                "--insecure",
                "--dtls",
                "1.3",
                "--groups",
                "x25519",
                "--suites",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            ]),
            "suite",
        ),
        (to(&["--insecure", "--mtu", "100"]), "--mtu"),
        (to(&["--insecure", "--retransmit", "0"]), "--retransmit"),
        (to(&["--insecure", "--timeout", "0"]), "--timeout"),
        (to(&["--insecure", "--export", "label"]), "LABEL:LEN"),
        (to(&["--insecure", "--count", "0"]), "--count"),
        (to(&["--insecure", "--cert", "x"]), "pairs"),
        (to(&["--insecure", "--crl", "x"]), "x"),
        (to(&["--insecure", "--name", "not a name"]), "not a name"),
        (vec!["listen", "127.0.0.1:0"], "--self-signed"),
        (vec!["listen", "nonsense", "--self-signed", "localhost"], "ADDR:PORT"),
        (vec!["listen", "192.0.2.1:1", "--self-signed", "localhost"], "192.0.2.1:1"),
        (at(&["--discard", "--say", "x"]), "cannot be used with"),
        (at(&["--client-auth", "require"]), "--client-ca"),
        (at(&["--client-ca", "x"]), "--client-auth"),
        (vec!["listen", "--cert", &missing, "--key", &missing], "missing.pem"),
        (vec!["cert", "--ca", "x"], "--ca-key"),
        (vec!["cert", "--days", "0"], "--days"),
    ];
    for (arguments, expected) in cases {
        let ended = run(arguments, b"");
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(expected), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn help_of_every_subcommand_has_an_example_and_ends_with_0() {
    for subcommand in ["demo", "listen", "connect", "cert"] {
        let ended = run(&[subcommand, "--help"], b"");
        assert_eq!(ended.code, Some(0), "{subcommand}");
        let example = ended.stdout.split("Example").nth(1).unwrap();
        assert!(example.contains(&format!("sealgram {subcommand}")), "{example}");
    }
    assert_eq!(run(&["--help"], b"").code, Some(0));
    let version = run(&["--version"], b"");
    assert_eq!(version.code, Some(0));
    assert_eq!(version.stdout.trim(), concat!("sealgram ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn demo_shows_both_versions_and_ends_with_0() {
    let ended = run(&["demo"], b"");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for expected in [
        "DTLSv1.3",
        "DTLSv1.2",
        "HelloRetryRequest",
        "HelloVerifyRequest",
        "TLS_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "datagrams",
        " ms",
    ] {
        assert!(ended.stdout.contains(expected), "no {expected} in {}", ended.stdout);
    }
}
