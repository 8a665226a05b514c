//! What both sides agree on.

use std::sync::Arc;

use sealgram::iana::{CipherSuite, ContentType, ProtocolVersion, Version};
use sealgram::{
    ClientConfig, ConfigError, Connection, ExternalPsk, Instant, Path, PskChoice, ServerConfig,
    Side,
};
use sealgram_testkit::{plan, records};
use sealgram_wire::ClientHello;

use crate::ends::{Ends, SIDES, SUITES, VERSIONS, good, negotiated, psk, settle};

/// RFC 4279, RFC 5487, RFC 5489, RFC 6655, RFC 7905, RFC 8442.
#[test]
fn every_psk_suite_connects_and_protects_data() {
    let suites = nullcrypto::ALL_SUITES.iter().filter(|suite| suite.facts.key_exchange.uses_psk());
    let mut count = 0;
    for suite in suites {
        let pair = Ends { suite: Some(suite.id()), ..Ends::new(Version::V12) }.connect();
        for side in SIDES {
            let negotiated = negotiated(&pair, side);
            assert_eq!(negotiated.cipher_suite, suite.id());
            assert_eq!(negotiated.psk_identity.as_deref(), Some(&b"device"[..]));
            let exchanges = suite.facts.key_exchange.uses_ecdhe();
            assert_eq!(negotiated.group.is_some(), exchanges, "{suite:?}");
            assert_eq!(negotiated.signature_scheme, None);
            assert!(negotiated.extended_master_secret);
        }
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn highest_version_of_both_is_chosen_with_one_key_for_either() {
    let both = || VERSIONS.to_vec();
    for (client, server, expected) in [
        (both(), both(), Version::V13),
        (both(), vec![Version::V12], Version::V12),
        (vec![Version::V12], both(), Version::V12),
        (both(), vec![Version::V13], Version::V13),
        (vec![Version::V13], both(), Version::V13),
    ] {
        for asked in [false, true] {
            let ends = Ends {
                client: client.clone(),
                server: server.clone(),
                asked,
                ..Ends::new(expected)
            };
            let pair = ends.connect();
            for side in SIDES {
                let negotiated = negotiated(&pair, side);
                assert_eq!(negotiated.version, expected, "{client:?} {server:?}");
                assert_eq!(negotiated.psk_identity.as_deref(), Some(&b"device"[..]));
            }
        }
    }
}

fn first_hello(config: &ClientConfig) -> Vec<u8> {
    let path = Path::connected();
    let mut client = Connection::client(config, None, path, Instant::ZERO).expect("a client");
    let mut out = [0; 2048];
    let len = client.poll_transmit(Instant::ZERO, &mut out).expect("a hello").len;
    let record = records(&out[..len]).swap_remove(0);
    assert_eq!(record.typ, ContentType::HANDSHAKE);
    record.fragments().swap_remove(0).body
}

/// RFC 9257 §4: suites without a key exchange of their own have no forward secrecy and come last.
/// And nobody offers what it could not go on with.
#[test]
fn client_with_a_psk_offers_both_versions_and_key_exchanges_first() {
    let ends = Ends { client: VERSIONS.to_vec(), ..Ends::new(Version::V13) };
    let hello = first_hello(&ends.client_config());
    let hello = ClientHello::read(&hello).expect("a hello");
    let extensions = &hello.extensions;
    let versions: Vec<_> = extensions.supported_versions.expect("it").iter().collect();
    assert_eq!(versions, [ProtocolVersion::DTLS_1_3, ProtocolVersion::DTLS_1_2]);
    assert_eq!(extensions.pre_shared_key.expect("it").identities.iter().count(), 1);
    assert!(extensions.signature_algorithms.is_none());
    let provider = nullcrypto::provider(1);
    let kinds: Vec<_> = hello
        .cipher_suites
        .iter()
        .filter_map(|id| provider.suite(id))
        .map(|suite| suite.facts)
        .filter(|facts| facts.version == Version::V12)
        .map(|facts| (facts.key_exchange.uses_psk(), facts.key_exchange.uses_ecdhe()))
        .collect();
    assert_eq!(kinds.len(), 7);
    assert!(kinds.iter().all(|(psk, _)| *psk));
    assert!(kinds.is_sorted_by_key(|(_, exchanges)| !exchanges), "{kinds:?}");
}

#[test]
fn client_without_a_psk_offers_no_suite_that_needs_one() {
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    let config = ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .build()
        .expect("a client's configuration");
    let hello = first_hello(&config);
    let hello = ClientHello::read(&hello).expect("a hello");
    let provider = nullcrypto::provider(1);
    let suites = hello.cipher_suites.iter().filter_map(|id| provider.suite(id));
    assert!(suites.clone().count() > 5);
    assert!(suites.into_iter().all(|suite| !suite.facts.key_exchange.uses_psk()));
}

/// A server of 1.2 has no use for the keys of 1.3: they are left out of the hello that answers its
/// HelloVerifyRequest, because some refuse a hello with them.
#[test]
fn hello_with_the_cookie_of_1_2_offers_no_keys_of_1_3() {
    let ends = Ends { client: VERSIONS.to_vec(), ..Ends::new(Version::V12) };
    let pair = ends.connect();
    let offers_keys = |datagram: &[u8]| {
        let fragment = records(datagram).swap_remove(0).fragments().swap_remove(0);
        let hello = ClientHello::read(&fragment.body).expect("a hello");
        hello.extensions.pre_shared_key.is_some()
    };
    let hellos = pair.sent_by(Side::Client).take(2).map(|sent| offers_keys(&sent.bytes));
    assert_eq!(hellos.collect::<Vec<_>>(), [true, false]);
}

/// Whoever loses any one datagram of the handshake still gets there.
#[test]
fn every_single_lost_datagram_is_made_up_for() {
    for version in VERSIONS {
        for suite in SUITES {
            let ends = Ends { suite: Some(suite), hint: "device", ..Ends::new(version) };
            let mut whole = ends.pair();
            settle(&mut whole);
            let count = whole.trace().len();
            for lost in 0..count {
                let mut pair = ends.pair();
                pair.set_plan(plan::dropping(vec![lost]));
                settle(&mut pair);
                assert!(pair.is_connected() && pair.data_flows(), "{version:?} {suite} {lost}");
            }
        }
    }
}

#[derive(Debug)]
struct Nothing;

impl PskChoice for Nothing {
    fn choose(&self, _: &[u8]) -> Option<Arc<ExternalPsk>> {
        None
    }
}

/// A contradiction is found when the configuration is built.
#[test]
fn configuration_that_cannot_work_is_refused() {
    let client = || ClientConfig::builder_with_provider(nullcrypto::provider(1));
    // 1.3 has no hints, so there must be something to offer.
    let failed = client().with_versions(&VERSIONS).with_asked_psk(None).build().map(|_| ());
    assert_eq!(failed, Err(ConfigError::NoPskForV13));
    let by_hint = client().with_psk_by_hint(Arc::new(Nothing), None).build();
    let hello = first_hello(&by_hint.expect("1.2 alone"));
    let hello = ClientHello::read(&hello).expect("a hello");
    assert!(hello.extensions.supported_versions.is_none());

    let without = [CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let only = client().with_versions(&[Version::V12]).with_cipher_suites(&without);
    let failed = only.with_psk(good()).build().map(|_| ());
    assert_eq!(failed, Err(ConfigError::NoSuite(Version::V12)));

    for (len, fits) in
        [(0, true), (ExternalPsk::MAX_HINT, true), (ExternalPsk::MAX_HINT + 1, false)]
    {
        let built = ServerConfig::builder_with_provider(nullcrypto::provider(1))
            .with_no_client_auth()
            .with_psks(Arc::new(vec![psk("device", 1)]))
            .with_psk_hint(&vec![b'h'; len])
            .build()
            .map(|_| ());
        let expected =
            if fits { Ok(()) } else { Err(ConfigError::OutOfRange("the identity hint")) };
        assert_eq!(built, expected, "{len}");
    }
}
