//! What chains say about themselves.

use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType};
use sealgram_iana::SignatureScheme;

use super::*;
use crate::chain_facts;

#[test]
fn chain_tells_its_names_its_signatures_and_its_issuers() {
    let root_key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let root_params = ca_params("root");
    let root = root_params.self_signed(&root_key).unwrap();
    let between_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let between_params = ca_params("between");
    let by_root = Issuer::from_params(&root_params, &root_key);
    let between = between_params.signed_by(&between_key, &by_root).unwrap();
    let mut leaf_params = params("leaf");
    leaf_params.subject_alt_names.push(SanType::IpAddress([192, 0, 2, 1].into()));
    leaf_params.subject_alt_names.push(SanType::DnsName("*.example".try_into().unwrap()));
    let by_between = Issuer::from_params(&between_params, &between_key);
    let leaf = leaf_params.signed_by(&KeyPair::generate().unwrap(), &by_between).unwrap();

    let facts = chain_facts(&[leaf.into(), between.into(), root.into()]);
    assert_eq!(facts.dns_names, [NAME.as_bytes(), b"*.example"]);
    // The root is self-signed: nobody looks at its signature.
    let signed_with = [SignatureScheme::ECDSA_SECP384R1_SHA384, SignatureScheme::ED25519];
    assert_eq!(facts.signed_with, signed_with.map(Some));
    assert_eq!(facts.issuers.len(), 3);
    assert_ne!(facts.issuers[0], facts.issuers[1]);
    assert_eq!(facts.issuers[1], facts.issuers[2]);
}

#[test]
fn issuers_are_written_as_roots_hint_at_themselves() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let verifier = WebPkiClientVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS);
    let verifier = verifier.build().unwrap();
    assert!(chain_facts(&[leaf.der]).is_issued_by(verifier.authorities()));
}

#[test]
fn chain_that_cannot_be_read_tells_nothing() {
    let facts = chain_facts(&[CertificateDer::from(vec![1, 2, 3])]);
    assert_eq!(facts, sealgram_crypto::ChainFacts::default());
}
