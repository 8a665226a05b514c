//! Revocation lists and distrust.

use CertificateError as E;
use pki_types::CertificateRevocationListDer;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};
use sealgram_crypto::CertificateError;
use sealgram_iana::AlertDescription;
use sealgram_ring::hash::SHA384;

use super::*;
use crate::{BuildError, ServerVerifierBuilder, UnknownStatus};

type Crl = CertificateRevocationListDer<'static>;

/// A list that is to be replaced in 2026, like everything else here.
fn crl(issuer: &Party, revoked: &[u64]) -> Crl {
    crl_until(issuer, revoked, 2026)
}

fn crl_until(issuer: &Party, revoked: &[u64], year: i32) -> Crl {
    let revoked_certs = revoked
        .iter()
        .map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 3, 1),
            reason_code: None,
            invalidity_date: None,
        })
        .collect();
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 2, 1),
        next_update: date_time_ymd(year, 3, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer.issuer()).unwrap().into()
}

fn builder(root: &Party) -> ServerVerifierBuilder {
    WebPkiServerVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS)
}

fn with_crls(root: &Party, crls: impl IntoIterator<Item = Crl>) -> Arc<WebPkiServerVerifier> {
    builder(root).with_crls(crls).build().unwrap()
}

fn numbered(issuer: &Party, mut params: CertificateParams, serial: u64) -> Party {
    params.serial_number = Some(SerialNumber::from(serial));
    issuer.certify(params)
}

#[test]
fn revoked_leaf_is_refused_and_others_are_not() {
    let root = Party::root();
    let verifier = with_crls(&root, [crl(&root, &[7])]);
    let bad = numbered(&root, params("bad"), 7);
    let error = verify(&*verifier, &[&bad]).unwrap_err();
    assert_eq!(error.errors(), [E::Revoked]);
    assert_eq!(error.alert(), AlertDescription::CERTIFICATE_REVOKED);
    let good = numbered(&root, params("good"), 8);
    assert_eq!(errors(verify(&*verifier, &[&good])), []);
    assert_eq!(errors(verify(&*server_verifier(&root), &[&bad])), []);
}

#[test]
fn revoked_client_is_refused() {
    let root = Party::root();
    let verifier = WebPkiClientVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS)
        .with_crls([crl(&root, &[7])])
        .build()
        .unwrap();
    let bad = numbered(&root, params("bad"), 7);
    assert_eq!(errors(verify_client(&*verifier, &[&bad])), [E::Revoked]);
}

#[test]
fn revoked_intermediate_is_refused() {
    let root = Party::root();
    let intermediate = numbered(&root, ca_params("intermediate"), 7);
    let leaf = intermediate.certify_leaf(|_| {});
    let crls = [crl(&root, &[7]), crl(&intermediate, &[])];
    let verifier = with_crls(&root, crls);
    assert_eq!(errors(verify(&*verifier, &[&leaf, &intermediate])), [E::Revoked]);
}

#[test]
fn unknown_status_is_judged_by_the_policy() {
    let root = Party::root();
    let stranger = Party::self_signed(ca_params("stranger"));
    let leaf = root.certify_leaf(|_| {});
    let verify_with = |status: Option<UnknownStatus>| {
        let mut builder = builder(&root).with_crls([crl(&stranger, &[])]);
        if let Some(status) = status {
            builder = builder.with_unknown_revocation(status);
        }
        errors(verify(&*builder.build().unwrap(), &[&leaf]))
    };
    assert_eq!(verify_with(None), [E::UnknownRevocationStatus]);
    assert_eq!(verify_with(Some(UnknownStatus::Deny)), [E::UnknownRevocationStatus]);
    assert_eq!(verify_with(Some(UnknownStatus::Allow)), []);
}

#[test]
fn overdue_list_says_nothing_unless_unknown_status_is_allowed() {
    let root = Party::root();
    let bad = numbered(&root, params("bad"), 7);
    let good = numbered(&root, params("good"), 8);
    let crls = [crl_until(&root, &[7], 2024)];
    let verifier = with_crls(&root, crls.clone());
    assert_eq!(errors(verify(&*verifier, &[&good])), [E::UnknownRevocationStatus]);
    // It still proves what it says.
    assert_eq!(errors(verify(&*verifier, &[&bad])), [E::Revoked, E::UnknownRevocationStatus]);
    let verifier = builder(&root)
        .with_crls(crls)
        .with_unknown_revocation(UnknownStatus::Allow)
        .build()
        .unwrap();
    assert_eq!(errors(verify(&*verifier, &[&good])), []);
    assert_eq!(errors(verify(&*verifier, &[&bad])), [E::Revoked]);
}

#[test]
fn list_with_a_forged_signature_says_nothing() {
    let root = Party::root();
    let impostor = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let verifier = with_crls(&root, [crl(&impostor, &[])]);
    assert_eq!(errors(verify(&*verifier, &[&leaf])), [E::UnknownRevocationStatus]);
}

#[test]
fn revoked_leaf_shows_behind_an_intermediate_of_unknown_status() {
    let root = Party::root();
    let intermediate = root.certify(ca_params("intermediate"));
    let leaf = numbered(&intermediate, params("leaf"), 7);
    let verifier = with_crls(&root, [crl(&intermediate, &[7])]);
    assert_eq!(
        errors(verify(&*verifier, &[&leaf, &intermediate])),
        [E::Revoked, E::UnknownRevocationStatus]
    );
}

#[test]
fn revoked_leaf_shows_behind_its_expiry() {
    let root = Party::root();
    let bad = numbered(&root, params("bad"), 7);
    let later = NOW + 400 * DAY;
    let verifier = builder(&root)
        .with_crls([crl(&root, &[7])])
        .with_unknown_revocation(UnknownStatus::Allow)
        .build()
        .unwrap();
    let outcome = verify_as(&*verifier, &[&bad], Some(NAME), later);
    assert_eq!(errors(outcome), [E::Revoked, E::Expired]);
    // What is wanted known cannot be: lists drop certificates whose time is over.
    let verifier = with_crls(&root, [crl(&root, &[7])]);
    let outcome = verify_as(&*verifier, &[&bad], Some(NAME), later);
    assert_eq!(errors(outcome), [E::Revoked, E::Expired, E::UnknownRevocationStatus]);
    let good = numbered(&root, params("good"), 8);
    let outcome = verify_as(&*verifier, &[&good], Some(NAME), later);
    assert_eq!(errors(outcome), [E::Expired, E::UnknownRevocationStatus]);
}

#[test]
fn contradictory_revocation_settings_are_refused() {
    let root = Party::root();
    let result = builder(&root).with_unknown_revocation(UnknownStatus::Allow).build();
    assert_eq!(result.err(), Some(BuildError::NoCrls));
    let result = builder(&root).with_crls([Crl::from(vec![1, 2, 3])]).build();
    assert_eq!(result.err(), Some(BuildError::BadCrl));
}

#[test]
fn distrusted_leaf_is_refused() {
    let root = Party::root();
    let bad = root.certify_leaf(|_| {});
    let good = root.certify_leaf(|_| {});
    let verifier =
        builder(&root).with_distrusted([[0; 32], bad.fingerprint()], SHA256).build().unwrap();
    assert_eq!(errors(verify(&*verifier, &[&bad])), [E::Distrusted]);
    assert_eq!(errors(verify(&*verifier, &[&good])), []);
}

#[test]
fn distrusted_intermediate_is_refused_unless_another_way_is_sent() {
    let root = Party::root();
    let bad = root.certify(ca_params("intermediate"));
    let leaf = bad.certify_leaf(|_| {});
    let verifier = builder(&root).with_distrusted([bad.fingerprint()], SHA256).build().unwrap();
    assert_eq!(errors(verify(&*verifier, &[&leaf, &bad])), [E::Distrusted]);
    let later = NOW + 400 * DAY;
    assert_eq!(
        errors(verify_as(&*verifier, &[&leaf, &bad], Some(NAME), later)),
        [E::Distrusted, E::Expired]
    );

    // The same authority, with its key certified anew.
    let mut again = Party { params: ca_params("intermediate"), ..bad };
    again.params.serial_number = Some(SerialNumber::from(99));
    let old = Party {
        params: again.params.clone(),
        key: KeyPair::generate().unwrap(),
        der: again.der.clone(),
    };
    again.der = again.params.signed_by(&again.key, &root.issuer()).unwrap().into();
    assert_eq!(errors(verify(&*verifier, &[&leaf, &old, &again])), []);
}

/// One way leads through a revoked intermediate, the other through a distrusted one.
#[test]
fn each_way_with_its_own_fault_is_no_way() {
    let root = Party::root();
    let revoked = numbered(&root, ca_params("intermediate"), 7);
    let leaf = revoked.certify_leaf(|_| {});
    let mut params = ca_params("intermediate");
    params.serial_number = Some(SerialNumber::from(8));
    let der = params.signed_by(&revoked.key, &root.issuer()).unwrap().into();
    let distrusted = Party { params, key: KeyPair::generate().unwrap(), der };
    let verifier = builder(&root)
        .with_crls([crl(&root, &[7])])
        .with_unknown_revocation(UnknownStatus::Allow)
        .with_distrusted([distrusted.fingerprint()], SHA256)
        .build()
        .unwrap();
    let chain = [&leaf, &revoked, &distrusted];
    for now in [NOW, NOW + 400 * DAY] {
        let found = errors(verify_as(&*verifier, &chain, Some(NAME), now));
        assert!(found.contains(&E::Revoked) || found.contains(&E::Distrusted), "{found:?}");
    }
}

#[test]
fn contradictory_distrust_is_refused() {
    let root = Party::root();
    let result = builder(&root).with_distrusted([root.fingerprint()], SHA256).build();
    assert_eq!(result.err(), Some(BuildError::DistrustedRoot));
    let result = builder(&root).with_distrusted([[0; 32]], SHA384).build();
    assert_eq!(result.err(), Some(BuildError::NotSha256));
}
