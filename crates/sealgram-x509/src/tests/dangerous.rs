//! Verifiers that check less than they should, and that they check no less than they say.

use CertificateError as E;
use rcgen::{BasicConstraints, IsCa, SerialNumber, date_time_ymd};
use sealgram_crypto::CertificateError;

use super::*;
use crate::BuildError;
use crate::danger::{AcceptAnyClient, AcceptAnyName, AcceptAnyServer, AcceptErrors};

fn tolerant(
    root: &Party,
    tolerated: &[CertificateError],
) -> Arc<AcceptErrors<WebPkiServerVerifier>> {
    AcceptErrors::new(server_verifier(root), tolerated.iter().cloned()).unwrap()
}

#[test]
fn any_server_and_any_client_are_any() {
    let leaf = Party::self_signed(params("whoever"));
    let any = AcceptAnyServer::new(SIGNATURE_ALGORITHMS);
    assert!(!any.needs_name());
    assert_eq!(errors(verify_as(&*any, &[&leaf], None, 0)), []);
    let any = AcceptAnyClient::new(SIGNATURE_ALGORITHMS);
    assert!(!any.required());
    assert_eq!(errors(verify_client(&*any, &[&leaf])), []);
}

#[test]
fn any_name_still_needs_everything_else() {
    let root = Party::root();
    let verifier = AcceptAnyName::new(server_verifier(&root));
    assert!(!verifier.needs_name());
    let leaf = root.certify_leaf(|_| {});
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW)), []);
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], Some("other.example"), NOW)), []);
    let outcome = verify_as(&*verifier, &[&leaf], None, NOW + 400 * DAY);
    assert_eq!(errors(outcome), [E::Expired]);
    let leaf = Party::self_signed(params("leaf"));
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW)), [E::SelfSigned]);
}

#[test]
fn tolerated_errors_pass_and_others_do_not() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let later = NOW + 400 * DAY;
    let verifier = tolerant(&root, &[E::Expired, E::SelfSigned]);
    assert_eq!(errors(verify(&*verifier, &[&leaf])), []);
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], Some(NAME), later)), []);
    // All errors are reported then, the tolerated ones too.
    let outcome = verify_as(&*verifier, &[&leaf], Some("other.example"), later);
    assert_eq!(errors(outcome), [E::NotValidForName, E::Expired]);
    let leaf = Party::self_signed(params("leaf"));
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], Some(NAME), later)), []);
}

#[test]
fn tolerated_errors_of_clients_pass() {
    let root = Party::root();
    let leaf = Party::self_signed(params("leaf"));
    let inner: Arc<dyn ClientVerifier> =
        WebPkiClientVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS)
            .optional()
            .build()
            .unwrap();
    let verifier = AcceptErrors::new(inner.clone(), [E::SelfSigned]).unwrap();
    assert_eq!(errors(verify_client(&*verifier, &[&leaf])), []);
    assert!(!verifier.required());
    assert_eq!(verifier.authorities(), inner.authorities());
    let verifier = AcceptErrors::new(inner, [E::UnknownIssuer]).unwrap();
    assert_eq!(errors(verify_client(&*verifier, &[&leaf])), [E::SelfSigned]);
}

/// An attacker who holds no certificate makes one with exactly the fault that is tolerated.
#[test]
fn tolerated_error_is_no_way_in_for_a_forgery() {
    let root = Party::root();
    let tolerated = [
        E::Expired,
        E::NotYetValid,
        E::NotValidForName,
        E::WrongUsage,
        E::CaUsedAsEndEntity,
        E::EndEntityUsedAsCa,
        E::PathLengthExceeded,
        E::NameConstraintViolated,
        E::UnsupportedAlgorithm,
        E::UnknownRevocationStatus,
        E::BadSignature,
    ];
    let verifier = tolerant(&root, &tolerated);

    // The forger borrows the root's name; the victim has a certificate to imitate.
    let forger = Party::root();
    let not_ca = forger.certify(params("not a ca"));
    let mut short = ca_params("short");
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let short = forger.certify(short);
    let below = short.certify(ca_params("below"));

    let expired = forger.certify_leaf(|params| params.not_after = date_time_ymd(2024, 6, 1));
    let early = forger.certify_leaf(|params| params.not_before = date_time_ymd(2025, 6, 1));
    let other = forger.certify_leaf(|params| params.subject_alt_names.clear());
    let usage = forger.certify_leaf(|params| {
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyAgreement];
    });
    let ca = forger.certify_leaf(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let of_not_ca = not_ca.certify_leaf(|_| {});
    let of_below = below.certify_leaf(|_| {});
    let chains: [&[&Party]; 7] = [
        &[&expired],
        &[&early],
        &[&other],
        &[&usage],
        &[&ca],
        &[&of_not_ca, &not_ca],
        &[&of_below, &below, &short],
    ];
    for (i, chain) in chains.iter().enumerate() {
        let found = errors(verify(&*verifier, chain));
        assert!(found.contains(&E::UnknownIssuer), "{i}: {found:?}");
    }
}

#[test]
fn tolerated_expiry_does_not_forgive_distrust_or_usage_of_an_intermediate() {
    let root = Party::root();
    let mut params = ca_params("for clients");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(5));
    let intermediate = root.certify(params);
    let leaf = intermediate.certify_leaf(|_| {});
    let verifier = tolerant(&root, &[E::Expired]);
    let outcome = verify_as(&*verifier, &[&leaf, &intermediate], Some(NAME), NOW + 400 * DAY);
    assert_eq!(errors(outcome), [E::WrongUsage, E::Expired]);

    let inner = WebPkiServerVerifier::builder(store([&root.der]), SIGNATURE_ALGORITHMS)
        .with_distrusted([intermediate.fingerprint()], SHA256)
        .build()
        .unwrap();
    let verifier = AcceptErrors::new(inner, [E::Expired, E::WrongUsage]).unwrap();
    let outcome = verify_as(&*verifier, &[&leaf, &intermediate], Some(NAME), NOW + 400 * DAY);
    assert_eq!(errors(outcome), [E::Distrusted, E::WrongUsage, E::Expired]);
}

#[test]
fn missing_name_can_be_tolerated() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    assert!(tolerant(&root, &[E::Expired]).needs_name());
    let verifier = tolerant(&root, &[E::NameMissing]);
    assert!(!verifier.needs_name());
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW)), []);
    let outcome = verify_as(&*verifier, &[&leaf], Some("other.example"), NOW);
    assert_eq!(errors(outcome), [E::NotValidForName]);
}

#[test]
fn tolerating_nothing_or_what_hides_all_else_is_refused() {
    let inner = server_verifier(&Party::root());
    let result = AcceptErrors::new(inner.clone(), []);
    assert_eq!(result.err(), Some(BuildError::NotTolerable));
    let result = AcceptErrors::new(inner, [E::Expired, E::Malformed]);
    assert_eq!(result.err(), Some(BuildError::NotTolerable));
}
