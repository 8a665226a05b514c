//! Key usage and extended key usage.

use CertificateError as E;
use rcgen::ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
use rcgen::KeyUsagePurpose;
use sealgram_crypto::CertificateError;
use sealgram_iana::AlertDescription;

use super::*;

#[test]
fn extended_key_usage_must_have_the_role_if_there_is_one() {
    let root = Party::root();
    let cases = [
        (vec![], true, true),
        (vec![ServerAuth], true, false),
        (vec![ClientAuth], false, true),
        (vec![ClientAuth, ServerAuth], true, true),
        (vec![Any], false, false),
    ];
    for (purposes, server, client) in cases {
        let leaf = root.certify_leaf(|params| params.extended_key_usages = purposes.clone());
        let expected = |good| if good { vec![] } else { vec![E::WrongUsage] };
        let outcome = verify(&*server_verifier(&root), &[&leaf]);
        assert_eq!(errors(outcome), expected(server), "{purposes:?}");
        let outcome = verify_client(&*client_verifier(&root), &[&leaf]);
        assert_eq!(errors(outcome), expected(client), "{purposes:?}");
    }
}

#[test]
fn extended_key_usage_of_an_intermediate_counts() {
    let root = Party::root();
    let mut params = ca_params("for clients");
    params.extended_key_usages = vec![ClientAuth];
    let intermediate = root.certify(params);
    let leaf = intermediate.certify_leaf(|_| {});
    let chain = [&leaf, &intermediate];
    assert_eq!(errors(verify(&*server_verifier(&root), &chain)), [E::WrongUsage]);
    assert_eq!(errors(verify_client(&*client_verifier(&root), &chain)), []);
}

#[test]
fn key_usage_must_have_digital_signature_if_there_is_one() {
    use KeyUsagePurpose as P;
    let root = Party::root();
    let cases = [
        (vec![P::DigitalSignature], true),
        (vec![P::DigitalSignature, P::KeyEncipherment], true),
        (vec![P::KeyEncipherment], false),
        (vec![P::KeyAgreement], false),
        (vec![P::ContentCommitment], false),
        (vec![P::DecipherOnly], false),
    ];
    for (usages, good) in cases {
        let leaf = root.certify_leaf(|params| params.key_usages = usages.clone());
        let outcome = verify(&*server_verifier(&root), &[&leaf]);
        let expected = if good { vec![] } else { vec![E::WrongUsage] };
        assert_eq!(errors(outcome), expected, "{usages:?}");
        let outcome = verify_client(&*client_verifier(&root), &[&leaf]);
        assert_eq!(errors(outcome), expected, "{usages:?}");
    }
}

#[test]
fn wrong_usage_is_reported_once_and_with_its_alert() {
    let root = Party::root();
    let leaf = root.certify_leaf(|params| {
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ClientAuth];
    });
    let error = verify(&*server_verifier(&root), &[&leaf]).unwrap_err();
    assert_eq!(error.errors(), [E::WrongUsage]);
    assert_eq!(error.alert(), AlertDescription::UNSUPPORTED_CERTIFICATE);
}
