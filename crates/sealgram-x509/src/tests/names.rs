//! Server names.

use CertificateError as E;
use rcgen::SanType;
use sealgram_crypto::CertificateError;
use sealgram_iana::AlertDescription;

use super::*;

fn leaf_for(root: &Party, names: &[&str]) -> Party {
    root.certify_leaf(|params| {
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
    })
}

fn check(names: &[&str], good: &[&str], bad: &[&str]) {
    let root = Party::root();
    let leaf = leaf_for(&root, names);
    let verifier = server_verifier(&root);
    for name in good {
        assert_eq!(errors(verify_as(&*verifier, &[&leaf], Some(name), NOW)), [], "{name}");
    }
    for name in bad {
        let error = verify_as(&*verifier, &[&leaf], Some(name), NOW).unwrap_err();
        assert_eq!(error.errors(), [E::NotValidForName], "{name}");
        assert_eq!(error.alert(), AlertDescription::BAD_CERTIFICATE);
    }
}

#[test]
fn dns_name_is_compared_without_case_and_as_a_whole() {
    check(
        &["server.example", "second.example"],
        &["server.example", "SERVER.example", "second.example"],
        &["example", "x.server.example", "server.example.org", "192.0.2.1"],
    );
}

#[test]
fn wildcard_stands_for_one_label() {
    check(
        &["*.server.example"],
        &["a.server.example", "B.server.example"],
        &["server.example", "a.b.server.example", "a.other.example"],
    );
}

#[test]
fn ip_address_is_compared_as_an_address() {
    check(
        &["192.0.2.1", "2001:db8::1"],
        &["192.0.2.1", "2001:db8::1", "2001:db8:0:0::1"],
        &["192.0.2.2", "2001:db8::2", "::ffff:192.0.2.1", "server.example"],
    );
}

#[test]
fn ip_address_in_a_dns_name_does_not_count() {
    let root = Party::root();
    let leaf = root.certify_leaf(|params| {
        params.subject_alt_names = vec![SanType::DnsName("192.0.2.1".try_into().unwrap())];
    });
    let outcome = verify_as(&*server_verifier(&root), &[&leaf], Some("192.0.2.1"), NOW);
    assert_eq!(errors(outcome), [E::NotValidForName]);
}

#[test]
fn common_name_is_ignored() {
    let root = Party::root();
    let verifier = server_verifier(&root);
    for names in [&["other.example"][..], &[]] {
        let mut params = params(NAME);
        params.subject_alt_names = leaf_for(&root, names).params.subject_alt_names;
        let leaf = root.certify(params);
        assert_eq!(errors(verify(&*verifier, &[&leaf])), [E::NotValidForName]);
    }
}

#[test]
fn missing_name_is_an_error_and_not_a_skip() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let verifier = server_verifier(&root);
    assert!(verifier.needs_name());
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW)), [E::NameMissing]);
    let leaf = Party::self_signed(params("leaf"));
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW)), [E::SelfSigned, E::NameMissing]);
}

#[test]
fn client_needs_no_name() {
    let root = Party::root();
    let leaf = leaf_for(&root, &[]);
    assert_eq!(errors(verify_client(&*client_verifier(&root), &[&leaf])), []);
}
