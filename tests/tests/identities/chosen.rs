//! Certificates chosen for the peer.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use sealgram::crypto::{Secret, SignatureAlgorithm};
use sealgram::iana::{AlertDescription, CipherSuite, SignatureScheme, Version};
use sealgram::pki_types::UnixTime;
use sealgram::{
    Answer, Ask, CertificateWanted, CertifiedKey, ClientConfig, CloseReason, ConfigError,
    Connection, Error, Instant, Path, PeerIncompatible, ResolvesCertificate, ServerConfig, Side,
    TicketSealer, WebPkiClientVerifier, WebPkiServerVerifier, certified, default_provider,
};
use sealgram_wire::ClientHello;

use crate::rig::{Authority, Chain, VERSIONS, meet, meet_and_answer};

fn client(version: Version, authority: &Authority) -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
        .with_versions(&[version])
        .build()
        .expect("a client")
}

fn server(version: Version, chains: &[&Chain]) -> ServerConfig {
    let chains = chains.iter().map(|(chain, key)| (chain.clone(), key.clone_key()));
    ServerConfig::builder()
        .with_no_client_auth()
        .with_certificates(chains)
        .with_versions(&[version])
        .build()
        .expect("a server")
}

#[test]
fn certificate_is_chosen_by_the_name_that_the_client_asks_for() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let first = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let second = authority.issue(&["b.example", "c.example"], &PKCS_ECDSA_P256_SHA256);
    let wildcard = authority.issue(&["*.d.example"], &PKCS_ECDSA_P256_SHA256);
    for version in VERSIONS {
        let server = server(version, &[&first, &second, &wildcard]);
        let client = client(version, &authority);
        for (name, expected) in [
            ("a.example", &first),
            ("b.example", &second),
            ("C.Example", &second),
            ("x.d.example", &wildcard),
        ] {
            let met = meet(&client, name, &server);
            assert_eq!(met.seen_by_client(), &expected.0[0], "{version} {name}");
        }
    }
}

#[test]
fn name_comes_before_the_better_suite_and_before_the_order() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    // In 1.2 the key decides between suites, and the order of suites must not decide the name.
    let other = authority.issue(&["a.example"], &PKCS_ECDSA_P384_SHA384);
    let wanted = authority.issue(&["b.example"], &PKCS_ED25519);
    for version in VERSIONS {
        let met =
            meet(&client(version, &authority), "b.example", &server(version, &[&other, &wanted]));
        assert_eq!(met.seen_by_client(), &wanted.0[0], "{version}");
    }
}

#[test]
fn unknown_name_gets_the_first_certificate_unless_only_known_names_are_let_in() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let first = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let second = authority.issue(&["b.example"], &PKCS_ECDSA_P256_SHA256);
    for version in VERSIONS {
        let lenient = server(version, &[&first, &second]);
        let met = meet(&client(version, &authority), "z.example", &lenient);
        // The client decides: this one verifies names.
        assert!(matches!(met.client, Err(CloseReason::Error(Error::PeerIdentity(_)))));

        let strict = ServerConfig::builder()
            .with_no_client_auth()
            .with_certificates([(first.0.clone(), first.1.clone_key())])
            .with_known_names_only(true)
            .with_versions(&[version])
            .build()
            .expect("a server");
        let met = meet(&client(version, &authority), "z.example", &strict);
        let unknown = Error::PeerIncompatible(PeerIncompatible::UnknownServerName);
        assert_eq!(met.server.err(), Some(CloseReason::Error(unknown)));
        let alert = AlertDescription::UNRECOGNIZED_NAME;
        let refused = Error::AlertReceived { description: alert, authenticated: false };
        assert_eq!(met.client.err(), Some(CloseReason::Error(refused)));
        // A client that asks for no name is let in, and one that asks for the right one.
        let silent = ClientConfig::builder()
            .with_root_certificates(authority.roots())
            .with_no_client_auth()
            .with_server_name_sent(false)
            .with_versions(&[version])
            .build()
            .expect("a client");
        assert_eq!(meet(&silent, "a.example", &strict).seen_by_client(), &first.0[0]);
        let asking = client(version, &authority);
        assert_eq!(meet(&asking, "a.example", &strict).seen_by_client(), &first.0[0]);
    }
}

#[test]
fn certificate_is_chosen_by_the_signature_schemes_of_the_client() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let names = &["a.example"];
    let p256 = authority.issue(names, &PKCS_ECDSA_P256_SHA256);
    let p384 = authority.issue(names, &PKCS_ECDSA_P384_SHA384);
    let ed25519 = authority.issue(names, &PKCS_ED25519);
    for version in VERSIONS {
        let server = server(version, &[&p256, &p384, &ed25519]);
        for (scheme, expected) in [
            (SignatureScheme::ECDSA_SECP256R1_SHA256, &p256),
            (SignatureScheme::ECDSA_SECP384R1_SHA384, &p384),
            (SignatureScheme::ED25519, &ed25519),
        ] {
            // Only handshakes are narrowed: the chains are signed with P-256 throughout.
            let algorithms = default_provider().signature_algorithms;
            let verifier = WebPkiServerVerifier::builder(authority.roots().into(), algorithms)
                .with_handshake_schemes([scheme])
                .build()
                .expect("a verifier");
            let client = ClientConfig::builder()
                .with_server_verifier(verifier)
                .with_no_client_auth()
                .with_versions(&[version])
                .build()
                .expect("a client");
            let met = meet(&client, "a.example", &server);
            // A P-384 key of ours signs with SHA-384 alone, a P-256 key with SHA-256.
            assert_eq!(met.seen_by_client(), &expected.0[0], "{version} {scheme}");
            let negotiated = &met.client.as_ref().expect("connected").negotiated;
            assert_eq!(negotiated.signature_scheme, Some(scheme));
        }
    }
}

#[test]
fn client_without_a_common_scheme_is_refused_with_handshake_failure() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let p256 = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let algorithms = default_provider().signature_algorithms;
    for version in VERSIONS {
        let verifier = WebPkiServerVerifier::builder(authority.roots().into(), algorithms)
            .with_handshake_schemes([SignatureScheme::ED25519])
            .build()
            .expect("a verifier");
        let client = ClientConfig::builder()
            .with_server_verifier(verifier)
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet(&client, "a.example", &server(version, &[&p256]));
        let reason = Error::PeerIncompatible(PeerIncompatible::NoSharedSignatureScheme);
        assert_eq!(met.server.err(), Some(CloseReason::Error(reason)));
    }
}

/// RFC 8446 §4.2.3: what the client verifies in chains decides between chains, and is told apart
/// from what it verifies in handshakes.
#[test]
fn chain_that_the_client_can_verify_comes_first() {
    let with_p384 = Authority::new("p384", &PKCS_ECDSA_P384_SHA384);
    let with_p256 = Authority::new("p256", &PKCS_ECDSA_P256_SHA256);
    let names = &["a.example"];
    let unverifiable = with_p384.issue(names, &PKCS_ECDSA_P256_SHA256);
    let verifiable = with_p256.issue(names, &PKCS_ECDSA_P256_SHA256);
    for version in VERSIONS {
        // The verifier's path algorithms are those of the provider; this one has no P-384.
        let mut provider = default_provider();
        provider.signature_algorithms.mapping = &provider.signature_algorithms.mapping[..1];
        let client = ClientConfig::builder_with_provider(provider)
            .with_root_certificates(with_p256.roots())
            .with_no_client_auth()
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet(&client, "a.example", &server(version, &[&unverifiable, &verifiable]));
        assert_eq!(met.seen_by_client(), &verifiable.0[0], "{version}");
        // RFC 8446 §4.4.2.2: a server that has no such chain sends what it has.
        let met = meet(&client, "a.example", &server(version, &[&unverifiable]));
        assert!(matches!(met.client, Err(CloseReason::Error(Error::PeerIdentity(_)))));
    }
}

/// A client that takes P-256 in handshakes, and in chains whatever its provider has.
fn narrow(version: Version, authorities: [&Authority; 2]) -> ClientConfig {
    let mut roots = authorities[0].roots();
    roots.add(authorities[1].root.clone()).expect("a root");
    let algorithms = default_provider().signature_algorithms;
    let verifier = WebPkiServerVerifier::builder(roots.into(), algorithms)
        .with_handshake_schemes([SignatureScheme::ECDSA_SECP256R1_SHA256])
        .build()
        .expect("a verifier");
    ClientConfig::builder()
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .with_versions(&[version])
        .build()
        .expect("a client")
}

/// RFC 8446 §4.2.3: signature_algorithms_cert speaks for chains, and signature_algorithms no more.
#[test]
fn schemes_for_chains_replace_those_for_handshakes() {
    let with_p384 = Authority::new("p384", &PKCS_ECDSA_P384_SHA384);
    let with_p256 = Authority::new("p256", &PKCS_ECDSA_P256_SHA256);
    let names = &["a.example"];
    let first = with_p384.issue(names, &PKCS_ECDSA_P256_SHA256);
    let second = with_p256.issue(names, &PKCS_ECDSA_P256_SHA256);
    for version in VERSIONS {
        let client = narrow(version, [&with_p384, &with_p256]);
        let met = meet(&client, "a.example", &server(version, &[&first, &second]));
        assert_eq!(met.seen_by_client(), &first.0[0], "{version}");
    }
}

#[test]
fn schemes_for_chains_are_sent_only_if_they_are_others() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let sent = |config: &ClientConfig| {
        let name = Some("a.example".try_into().expect("a name"));
        let (path, now) = (Path::connected(), Instant::ZERO);
        let mut client = Connection::client(config, name, path, now).expect("a client");
        let mut datagram = [0; 2048];
        let len = client.poll_transmit(now, &mut datagram).expect("a hello").len;
        // Behind the headers of the record and of the message.
        let hello = ClientHello::read(&datagram[25..len]).expect("a hello");
        let list = hello.extensions.signature_algorithms_cert;
        list.map(|list| list.iter().collect::<Vec<_>>())
    };
    let all = default_provider().signature_algorithms.schemes();
    for version in VERSIONS {
        assert_eq!(sent(&narrow(version, [&authority, &authority])), Some(all.clone()));
        assert_eq!(sent(&client(version, &authority)), None);
    }
}

/// A server that requires a certificate from this authority, and names it.
fn curious_server(version: Version, own: &Chain, clients: &Authority) -> ServerConfig {
    let algorithms = default_provider().signature_algorithms;
    let verifier = WebPkiClientVerifier::builder(clients.roots().into(), algorithms)
        .build()
        .expect("a verifier");
    ServerConfig::builder()
        .with_client_verifier(verifier)
        .with_identity(own.0.clone(), &own.1)
        .with_versions(&[version])
        .build()
        .expect("a server")
}

#[test]
fn client_certificate_is_chosen_by_the_authorities_that_the_server_names() {
    let servers = Authority::new("servers", &PKCS_ECDSA_P256_SHA256);
    let (ours, theirs) = (
        Authority::new("ours", &PKCS_ECDSA_P256_SHA256),
        Authority::new("theirs", &PKCS_ECDSA_P256_SHA256),
    );
    let own = servers.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let by_ours = ours.issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    let by_theirs = theirs.issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    for version in VERSIONS {
        let client = ClientConfig::builder()
            .with_root_certificates(servers.roots())
            .with_identity(by_ours.0.clone(), &by_ours.1)
            .and_identity(by_theirs.0.clone(), &by_theirs.1)
            .with_versions(&[version])
            .build()
            .expect("a client");
        for (authority, expected) in [(&ours, &by_ours), (&theirs, &by_theirs)] {
            let server = curious_server(version, &own, authority);
            let met = meet(&client, "a.example", &server);
            assert_eq!(met.seen_by_server(), expected.0.first(), "{version}");
        }
    }
}

#[test]
fn client_certificate_is_chosen_by_the_schemes_of_the_request() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let p256 = authority.issue(&["client"], &PKCS_ECDSA_P256_SHA256);
    let ed25519 = authority.issue(&["client"], &PKCS_ED25519);
    let algorithms = default_provider().signature_algorithms;
    for version in VERSIONS {
        let verifier = WebPkiClientVerifier::builder(authority.roots().into(), algorithms)
            .with_handshake_schemes([SignatureScheme::ED25519])
            .build()
            .expect("a verifier");
        let server = ServerConfig::builder()
            .with_client_verifier(verifier)
            .with_identity(own.0.clone(), &own.1)
            .with_versions(&[version])
            .build()
            .expect("a server");
        let client = ClientConfig::builder()
            .with_root_certificates(authority.roots())
            .with_identity(p256.0.clone(), &p256.1)
            .and_identity(ed25519.0.clone(), &ed25519.1)
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet(&client, "a.example", &server);
        assert_eq!(met.seen_by_server(), ed25519.0.first(), "{version}");
    }
}

/// Gives everybody the same, and remembers nothing.
#[derive(Debug)]
struct Always(Option<Arc<CertifiedKey>>);

impl ResolvesCertificate for Always {
    fn resolve(&self, wanted: &CertificateWanted) -> Option<Arc<CertifiedKey>> {
        assert!(!wanted.schemes.is_empty() && !wanted.algorithms.is_empty(), "{wanted:?}");
        self.0.clone()
    }
}

fn key(chain: &Chain) -> Arc<CertifiedKey> {
    certified(&default_provider(), chain.0.clone(), &chain.1).expect("a key")
}

#[test]
fn resolvers_of_both_sides_choose() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let theirs = authority.issue(&["client"], &PKCS_ED25519);
    let algorithms = default_provider().signature_algorithms;
    for version in VERSIONS {
        let verifier = WebPkiClientVerifier::builder(authority.roots().into(), algorithms)
            .optional()
            .build()
            .expect("a verifier");
        let server = ServerConfig::builder()
            .with_client_verifier(verifier)
            .with_cert_resolver(Arc::new(Always(Some(key(&own)))))
            .with_versions(&[version])
            .build()
            .expect("a server");
        for shown in [None, Some(&theirs)] {
            let client = ClientConfig::builder()
                .with_root_certificates(authority.roots())
                .with_client_cert_resolver(Arc::new(Always(shown.map(key))))
                .with_versions(&[version])
                .build()
                .expect("a client");
            let met = meet(&client, "a.example", &server);
            assert_eq!(met.seen_by_client(), &own.0[0]);
            assert_eq!(met.seen_by_server(), shown.map(|shown| &shown.0[0]), "{version}");
        }
    }
}

#[test]
fn resolver_without_an_answer_ends_a_server_s_handshake() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    for version in VERSIONS {
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(None)))
            .with_versions(&[version])
            .build()
            .expect("a server");
        for (sent, expected) in
            [(true, PeerIncompatible::UnknownServerName), (false, PeerIncompatible::NoCertificate)]
        {
            let client = ClientConfig::builder()
                .with_root_certificates(authority.roots())
                .with_no_client_auth()
                .with_server_name_sent(sent)
                .with_versions(&[version])
                .build()
                .expect("a client");
            let reason = meet(&client, "a.example", &server).server.err();
            assert_eq!(reason, Some(CloseReason::Error(expected.into())), "{version}");
        }
    }
}

#[test]
fn application_is_asked_for_certificates_and_told_what_is_wanted() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let theirs = authority.issue(&["client"], &PKCS_ED25519);
    let algorithms = default_provider().signature_algorithms;
    for version in VERSIONS {
        let verifier = WebPkiClientVerifier::builder(authority.roots().into(), algorithms)
            .build()
            .expect("a verifier");
        let server = ServerConfig::builder()
            .with_client_verifier(verifier)
            .with_asked_certificate()
            .with_alpn(vec![b"coap".to_vec()])
            .with_versions(&[version])
            .build()
            .expect("a server");
        let client = ClientConfig::builder()
            .with_root_certificates(authority.roots())
            .with_asked_certificate()
            .with_alpn(vec![b"coap".to_vec()])
            .with_versions(&[version])
            .build()
            .expect("a client");
        let met = meet_and_answer(&client, "a.example", &server, |side, ask| match (side, ask) {
            (Side::Server, Ask::Certificate(wanted)) => {
                assert_eq!(wanted.version, version);
                assert_eq!(wanted.server_name.as_deref(), Some(&b"a.example"[..]));
                assert_eq!(wanted.alpn, [b"coap"]);
                assert_eq!(wanted.schemes, algorithms.schemes());
                Answer::Certificate(Some(key(&own)))
            }
            (Side::Client, Ask::Certificate(wanted)) => {
                assert_eq!((wanted.version, &wanted.server_name), (version, &None));
                assert_eq!(wanted.authorities.len(), 1);
                Answer::Certificate(Some(key(&theirs)))
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(met.asked.len(), 2);
        assert!(met.connections.iter().all(Connection::is_connected));
        assert_eq!(met.seen_by_client(), &own.0[0]);
        assert_eq!(met.seen_by_server(), theirs.0.first());
    }
}

#[test]
fn answer_with_a_key_that_the_client_cannot_use_ends_the_handshake() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let suites = [CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let client = ClientConfig::builder()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
        .with_versions(&[Version::V12])
        .with_cipher_suites(&suites)
        .build()
        .expect("a client");
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_asked_certificate()
        .with_versions(&[Version::V12])
        .build()
        .expect("a server");
    let met = meet_and_answer(&client, "a.example", &server, |_, ask| match ask {
        Ask::Certificate(wanted) => {
            assert_eq!(wanted.algorithms, [SignatureAlgorithm::Rsa]);
            Answer::Certificate(Some(key(&own)))
        }
        other => panic!("{other:?}"),
    });
    let reason = Error::PeerIncompatible(PeerIncompatible::NoSharedSuite);
    assert_eq!(met.server.err(), Some(CloseReason::Error(reason)));
}

#[test]
fn list_beside_a_resolver_is_a_contradiction() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let result = ServerConfig::builder()
        .with_no_client_auth()
        .with_asked_certificate()
        .and_identity(own.0, &own.1)
        .build();
    assert_eq!(result.err(), Some(ConfigError::TwoCertificateSources));
}

/// Gives out tickets that nobody can open, and counts who tries.
#[derive(Debug, Default)]
struct Forgetful(AtomicUsize);

impl TicketSealer for Forgetful {
    fn seal(&self, _now: UnixTime, _content: &Secret) -> Option<Vec<u8>> {
        Some(vec![7; 32])
    }

    fn open(&self, _now: UnixTime, _ticket: &[u8]) -> Option<Secret> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn lifetime(&self) -> u32 {
        3600
    }
}

#[test]
fn ticket_is_looked_at_once_even_if_a_certificate_is_asked_for_then() {
    let authority = Authority::new("root", &PKCS_ECDSA_P256_SHA256);
    let own = key(&authority.issue(&["a.example"], &PKCS_ECDSA_P256_SHA256));
    for version in VERSIONS {
        let sealer = Arc::new(Forgetful::default());
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_asked_certificate()
            .with_tickets(sealer.clone())
            .with_versions(&[version])
            .build()
            .expect("a server");
        let client = client(version, &authority);
        for looks in 0..2 {
            let answer = |_, _: &Ask| Answer::Certificate(Some(own.clone()));
            let met = meet_and_answer(&client, "a.example", &server, answer);
            assert!(!met.server.expect("the server is connected").negotiated.resumed);
            assert_eq!(sealer.0.load(Ordering::Relaxed), looks, "{version}");
        }
    }
}
