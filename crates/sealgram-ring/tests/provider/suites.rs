//! The lists: which algorithms the provider has, and in which order.

use std::collections::BTreeSet;

use sealgram_crypto::{AeadKind, KeyExchangeKind, facts};
use sealgram_iana::{CipherSuite, NamedGroup, SignatureScheme, Version};
use sealgram_ring::{ALL_SUITES, default_provider};

#[test]
fn all_suites_are_the_known_ones_without_ccm() {
    let known: BTreeSet<_> = facts::ALL
        .iter()
        .filter(|facts| !matches!(facts.aead, AeadKind::Aes128Ccm | AeadKind::Aes128Ccm8))
        .map(|facts| facts.suite)
        .collect();
    let ours: BTreeSet<_> = ALL_SUITES.iter().map(|suite| suite.id()).collect();
    assert_eq!(ours, known);
    assert_eq!(ours.len(), ALL_SUITES.len());
}

#[test]
fn suite_has_the_algorithms_of_its_facts() {
    for suite in ALL_SUITES {
        assert_eq!(suite.aead.kind(), suite.facts.aead, "{suite:?}");
        assert_eq!(suite.hash.kind(), suite.facts.hash, "{suite:?}");
    }
}

/// RFC 9257 §4: without a key exchange of its own a pre-shared key has no forward secrecy.
#[test]
fn default_suites_with_a_key_exchange_come_before_those_without() {
    let suites = default_provider().suites;
    assert_eq!(suites.first().map(|suite| suite.id()), Some(CipherSuite::TLS_AES_128_GCM_SHA256));
    let kinds: Vec<_> = suites.iter().map(|suite| suite.facts.key_exchange).collect();
    let first = kinds.iter().position(|kind| *kind == KeyExchangeKind::Psk).unwrap();
    assert!(kinds[first..].iter().all(|kind| *kind == KeyExchangeKind::Psk));
}

#[test]
fn default_provider_prefers_x25519_and_knows_each_scheme_once() {
    let provider = default_provider();
    let groups: Vec<_> = provider.groups.iter().map(|group| group.name()).collect();
    assert_eq!(groups, [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1]);
    let schemes = provider.signature_algorithms.schemes();
    assert_eq!(schemes.iter().collect::<BTreeSet<_>>().len(), schemes.len());
    assert_eq!(schemes.first(), Some(&SignatureScheme::ECDSA_SECP256R1_SHA256));
    for (scheme, algorithms) in provider.signature_algorithms.mapping {
        assert!(!algorithms.is_empty());
        let in_v13 = provider.signature_algorithms.candidates(*scheme, Version::V13).len();
        assert_eq!(in_v13, usize::from(scheme.usable_in_dtls13()), "{scheme}");
    }
}

#[test]
fn random_fills_differ() {
    let random = default_provider().random;
    let (mut a, mut b) = ([0; 32], [0; 32]);
    random.fill(&mut a).unwrap();
    random.fill(&mut b).unwrap();
    assert_ne!(a, [0; 32]);
    assert_ne!(a, b);
}
