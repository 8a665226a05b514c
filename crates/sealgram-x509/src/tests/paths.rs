//! Paths, dates, constraints: one fault at a time, then several.

use alloc::string::ToString;

use CertificateError as E;
use rcgen::{
    BasicConstraints, CustomExtension, GeneralSubtree, IsCa, NameConstraints, date_time_ymd,
};
use sealgram_crypto::{CertificateError, SignatureAlgorithms};
use sealgram_iana::AlertDescription;
use sealgram_ring::verify::SIGNATURE_ALGORITHMS;

use super::*;

#[test]
fn leaf_of_a_root_is_accepted() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    assert_eq!(errors(verify(&*server_verifier(&root), &[&leaf])), []);
    assert_eq!(errors(verify_client(&*client_verifier(&root), &[&leaf])), []);
}

#[test]
fn leaf_of_an_intermediate_is_accepted_if_the_intermediate_is_sent() {
    let root = Party::root();
    let upper = root.certify(ca_params("upper"));
    let lower = upper.certify(ca_params("lower"));
    let leaf = lower.certify_leaf(|_| {});
    let verifier = server_verifier(&root);
    assert_eq!(errors(verify(&*verifier, &[&leaf, &lower, &upper])), []);
    assert_eq!(errors(verify(&*verifier, &[&leaf, &upper, &lower])), []);
    assert_eq!(errors(verify(&*verifier, &[&leaf, &lower])), [E::UnknownIssuer]);
    assert_eq!(errors(verify(&*verifier, &[&leaf])), [E::UnknownIssuer]);
}

#[test]
fn leaf_is_expired_after_its_last_second_only() {
    let root = Party::root();
    let leaf = root.certify_leaf(|params| params.not_after = date_time_ymd(2025, 1, 1));
    let verifier = server_verifier(&root);
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], Some(NAME), NOW)), []);
    let error = verify_as(&*verifier, &[&leaf], Some(NAME), NOW + 1).unwrap_err();
    assert_eq!(error.errors(), [E::Expired]);
    assert_eq!(error.alert(), AlertDescription::CERTIFICATE_EXPIRED);
}

#[test]
fn leaf_is_not_yet_valid_before_its_first_second_only() {
    let root = Party::root();
    let leaf = root.certify_leaf(|params| params.not_before = date_time_ymd(2025, 1, 1));
    let verifier = server_verifier(&root);
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], Some(NAME), NOW)), []);
    let outcome = verify_as(&*verifier, &[&leaf], Some(NAME), NOW - 1);
    assert_eq!(errors(outcome), [E::NotYetValid]);
}

#[test]
fn dates_of_an_intermediate_count() {
    let root = Party::root();
    let mut params = ca_params("intermediate");
    params.not_after = date_time_ymd(2024, 6, 1);
    let expired = root.certify(params.clone());
    params.not_after = date_time_ymd(2026, 1, 1);
    params.not_before = date_time_ymd(2025, 6, 1);
    let early = root.certify(params);
    let verifier = server_verifier(&root);
    let leaf = expired.certify_leaf(|_| {});
    assert_eq!(errors(verify(&*verifier, &[&leaf, &expired])), [E::Expired]);
    let leaf = early.certify_leaf(|_| {});
    assert_eq!(errors(verify(&*verifier, &[&leaf, &early])), [E::NotYetValid]);
}

#[test]
fn certificates_that_are_never_valid_together_have_no_path() {
    let root = Party::root();
    let mut params = ca_params("intermediate");
    params.not_after = date_time_ymd(2024, 6, 1);
    let intermediate = root.certify(params);
    let leaf = intermediate.certify_leaf(|params| params.not_before = date_time_ymd(2025, 6, 1));
    assert_eq!(
        errors(verify(&*server_verifier(&root), &[&leaf, &intermediate])),
        [E::UnknownIssuer, E::Expired, E::NotYetValid]
    );
}

#[test]
fn dates_that_do_not_forbid_the_present_are_not_reported() {
    let root = Party::root();
    let verifier = server_verifier(&root);
    // When the leaf's time comes, the intermediate's is over; but it is not over yet.
    let mut params = ca_params("intermediate");
    params.not_after = date_time_ymd(2025, 3, 1);
    let intermediate = root.certify(params);
    let leaf = intermediate.certify_leaf(|params| params.not_before = date_time_ymd(2025, 6, 1));
    assert_eq!(
        errors(verify(&*verifier, &[&leaf, &intermediate])),
        [E::UnknownIssuer, E::NotYetValid]
    );
    // The other way round.
    let mut params = ca_params("intermediate");
    params.not_before = date_time_ymd(2024, 9, 1);
    let intermediate = root.certify(params);
    let leaf = intermediate.certify_leaf(|params| params.not_after = date_time_ymd(2024, 6, 1));
    assert_eq!(errors(verify(&*verifier, &[&leaf, &intermediate])), [E::UnknownIssuer, E::Expired]);
}

#[test]
fn chain_that_asks_for_too_much_work_is_refused() {
    let root = Party::root();
    let crowd: Vec<_> = (0..60).map(|_| root.certify(ca_params("crowd"))).collect();
    let leaf = Party::self_signed(ca_params("crowd")).certify_leaf(|_| {});
    let chain: Vec<_> = core::iter::once(&leaf).chain(&crowd).collect();
    let found = errors(verify(&*server_verifier(&root), &chain));
    assert!(matches!(found[..], [E::UnknownIssuer, E::Other(_)]), "{found:?}");
}

#[test]
fn leaf_of_an_unknown_authority_is_refused() {
    let leaf = Party::self_signed(ca_params("somebody")).certify_leaf(|_| {});
    let error = verify(&*server_verifier(&Party::root()), &[&leaf]).unwrap_err();
    assert_eq!(error.errors(), [E::UnknownIssuer]);
    assert_eq!(error.alert(), AlertDescription::UNKNOWN_CA);
}

#[test]
fn leaf_of_an_authority_that_borrows_a_roots_name_is_refused() {
    let leaf = Party::root().certify_leaf(|_| {});
    assert_eq!(
        errors(verify(&*server_verifier(&Party::root()), &[&leaf])),
        [E::BadSignature, E::UnknownIssuer]
    );
}

#[test]
fn self_signed_leaf_is_reported_as_such() {
    let leaf = Party::self_signed(params("leaf"));
    let verifier = server_verifier(&Party::root());
    assert_eq!(errors(verify(&*verifier, &[&leaf])), [E::SelfSigned]);
    let outcome = verify_as(&*verifier, &[&leaf], Some("other.example"), NOW);
    assert_eq!(errors(outcome), [E::SelfSigned, E::NotValidForName]);
    let outcome = verify_as(&*verifier, &[&leaf], Some("other.example"), NOW + 400 * DAY);
    assert_eq!(errors(outcome), [E::SelfSigned, E::NotValidForName, E::Expired]);
}

#[test]
fn self_signed_authority_in_the_leafs_place_is_refused() {
    let leaf = Party::self_signed(ca_params("openssl req -x509"));
    assert_eq!(
        errors(verify(&*server_verifier(&Party::root()), &[&leaf])),
        [E::CaUsedAsEndEntity, E::SelfSigned, E::NotValidForName]
    );
}

#[test]
fn authority_in_the_leafs_place_is_refused() {
    let root = Party::root();
    let leaf = root.certify_leaf(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    // webpki does not follow such a path, so none is known.
    assert_eq!(
        errors(verify(&*server_verifier(&root), &[&leaf])),
        [E::CaUsedAsEndEntity, E::UnknownIssuer]
    );
}

#[test]
fn leaf_in_an_authoritys_place_is_refused() {
    let root = Party::root();
    let middle = root.certify(params("middle"));
    let leaf = middle.certify_leaf(|_| {});
    assert_eq!(
        errors(verify(&*server_verifier(&root), &[&leaf, &middle])),
        [E::EndEntityUsedAsCa, E::UnknownIssuer]
    );
}

#[test]
fn path_longer_than_its_constraint_is_refused() {
    let root = Party::root();
    let mut params = ca_params("upper");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper = root.certify(params);
    let lower = upper.certify(ca_params("lower"));
    let verifier = server_verifier(&root);
    let leaf = upper.certify_leaf(|_| {});
    assert_eq!(errors(verify(&*verifier, &[&leaf, &upper])), []);
    let leaf = lower.certify_leaf(|_| {});
    let error = verify(&*verifier, &[&leaf, &lower, &upper]).unwrap_err();
    assert_eq!(error.errors(), [E::PathLengthExceeded, E::UnknownIssuer]);
    assert_eq!(error.alert(), AlertDescription::BAD_CERTIFICATE);
}

/// webpki does not look at the key usage of authorities (RFC 5280 §6.1.4 n).
#[test]
fn authority_without_the_usage_of_signing_certificates_is_refused() {
    use rcgen::KeyUsagePurpose as P;
    let root = Party::root();
    let verifier = server_verifier(&root);
    for (usages, good) in [
        (vec![], true),
        (vec![P::KeyCertSign], true),
        (vec![P::KeyCertSign, P::CrlSign, P::DigitalSignature], true),
        (vec![P::CrlSign], false),
        (vec![P::DigitalSignature, P::DecipherOnly], false),
    ] {
        let mut params = ca_params("intermediate");
        params.key_usages = usages.clone();
        let intermediate = root.certify(params);
        let leaf = intermediate.certify_leaf(|_| {});
        let found = errors(verify(&*verifier, &[&leaf, &intermediate]));
        let expected = if good { vec![] } else { vec![E::EndEntityUsedAsCa, E::UnknownIssuer] };
        assert_eq!(found, expected, "{usages:?}");
    }
}

/// Another path is taken if there is one.
#[test]
fn authority_without_the_usage_beside_one_with_it_does_not_matter() {
    let root = Party::root();
    let mut params = ca_params("intermediate");
    let good = root.certify(params.clone());
    params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
    // The same name and key.
    let der = params.signed_by(&good.key, &root.issuer()).unwrap().into();
    let leaf = good.certify_leaf(|_| {});
    let intermediates = [der, good.der.clone()];
    let chain = PeerChain { end_entity: &leaf.der, intermediates: &intermediates };
    let verifier = server_verifier(&root);
    assert!(verifier.verify_server(&chain, Some(&name(NAME)), at(NOW)).is_ok());
}

#[test]
fn name_outside_its_constraint_is_refused() {
    let root = Party::root();
    let constrained = |permitted: &str| {
        let mut params = ca_params("constrained");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: [GeneralSubtree::DnsName(permitted.to_string())].into(),
            excluded_subtrees: [].into(),
        });
        root.certify(params)
    };
    let verifier = server_verifier(&root);
    let authority = constrained("example");
    let leaf = authority.certify_leaf(|_| {});
    assert_eq!(errors(verify(&*verifier, &[&leaf, &authority])), []);
    let authority = constrained("elsewhere.test");
    let leaf = authority.certify_leaf(|_| {});
    assert_eq!(
        errors(verify(&*verifier, &[&leaf, &authority])),
        [E::NameConstraintViolated, E::UnknownIssuer]
    );
    let excluding = |excluded: &str| {
        let mut params = ca_params("excluding");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: [].into(),
            excluded_subtrees: [GeneralSubtree::DnsName(excluded.to_string())].into(),
        });
        root.certify(params)
    };
    for (excluded, good) in [("elsewhere.test", true), ("example", false), (NAME, false)] {
        let authority = excluding(excluded);
        let leaf = authority.certify_leaf(|_| {});
        let found = errors(verify(&*verifier, &[&leaf, &authority]));
        let expected =
            if good { vec![] } else { vec![E::NameConstraintViolated, E::UnknownIssuer] };
        assert_eq!(found, expected, "{excluded}");
    }
}

#[test]
fn algorithm_that_the_provider_lacks_is_reported() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let algorithms = SignatureAlgorithms { all: &[], ..SIGNATURE_ALGORITHMS };
    let verifier = WebPkiServerVerifier::builder(store([&root.der]), algorithms).build().unwrap();
    assert_eq!(errors(verify(&*verifier, &[&leaf])), [E::UnknownIssuer, E::UnsupportedAlgorithm]);
}

#[test]
fn critical_extension_that_nobody_knows_is_malformed() {
    let root = Party::root();
    let leaf = root.certify_leaf(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    assert_eq!(errors(verify(&*server_verifier(&root), &[&leaf])), [E::Malformed]);
}

#[test]
fn faults_that_hide_each_other_in_webpki_are_all_reported() {
    let leaf = Party::root().certify_leaf(|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = date_time_ymd(2024, 6, 1);
    });
    let stranger = Party::self_signed(ca_params("stranger"));
    let outcome = verify_as(&*server_verifier(&stranger), &[&leaf], Some("x.example"), NOW);
    assert_eq!(errors(outcome), [E::UnknownIssuer, E::NotValidForName, E::WrongUsage, E::Expired]);
}

#[test]
fn expired_leaf_of_an_expired_authority_is_expired_and_nothing_else() {
    let root = Party::root();
    let mut params = ca_params("intermediate");
    params.not_after = date_time_ymd(2024, 6, 1);
    let intermediate = root.certify(params);
    let leaf = intermediate.certify_leaf(|params| params.not_after = date_time_ymd(2024, 9, 1));
    assert_eq!(errors(verify(&*server_verifier(&root), &[&leaf, &intermediate])), [E::Expired]);
}

#[test]
fn root_as_leaf_is_accepted_if_name_dates_and_usage_fit() {
    let mut authority = ca_params("both");
    authority.subject_alt_names = params("").subject_alt_names;
    for params in [params("leaf"), authority] {
        let leaf = Party::self_signed(params);
        let verifier = server_verifier(&leaf);
        assert_eq!(errors(verify(&*verifier, &[&leaf])), []);
        assert_eq!(errors(verify_client(&*client_verifier(&leaf), &[&leaf])), []);
        let outcome = verify_as(&*verifier, &[&leaf], Some("other.example"), NOW);
        assert_eq!(errors(outcome), [E::NotValidForName]);
        let outcome = verify_as(&*verifier, &[&leaf], Some(NAME), NOW + 400 * DAY);
        assert_eq!(errors(outcome), [E::Expired]);
        let outcome = verify_as(&*verifier, &[&leaf], Some(NAME), NOW - 400 * DAY);
        assert_eq!(errors(outcome), [E::NotYetValid]);
        assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW)), [E::NameMissing]);
    }
}

#[test]
fn root_as_leaf_of_the_wrong_usage_is_refused() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = params("leaf");
        params.is_ca = is_ca;
        let mut for_clients = params.clone();
        for_clients.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = Party::self_signed(for_clients);
        assert_eq!(errors(verify(&*server_verifier(&leaf), &[&leaf])), [E::WrongUsage]);
        assert_eq!(errors(verify_client(&*client_verifier(&leaf), &[&leaf])), []);

        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let leaf = Party::self_signed(params);
        assert_eq!(errors(verify(&*server_verifier(&leaf), &[&leaf])), [E::WrongUsage]);
    }
}

#[test]
fn self_signed_certificate_that_only_resembles_a_root_is_refused() {
    let root = Party::self_signed(params("leaf"));
    let twin = Party::self_signed(params("leaf"));
    assert_eq!(
        errors(verify(&*server_verifier(&root), &[&twin])),
        [E::BadSignature, E::SelfSigned]
    );
}

#[test]
fn certificate_of_openssl_req_x509_is_accepted_as_root_and_leaf() {
    for der in
        [&include_bytes!("../../testdata/p384.der")[..], include_bytes!("../../testdata/rsa.der")]
    {
        let der = CertificateDer::from(der);
        let verifier =
            WebPkiServerVerifier::builder(store([&der]), SIGNATURE_ALGORITHMS).build().unwrap();
        let chain = PeerChain { end_entity: &der, intermediates: &[] };
        let verify = |expected: &str, now| {
            errors(verifier.verify_server(&chain, Some(&name(expected)), at(now)))
        };
        assert_eq!(verify(NAME, FOREIGN_NOW), []);
        assert_eq!(verify("not-a-name.example", FOREIGN_NOW), [E::NotValidForName]);
        assert_eq!(verify(NAME, NOW), [E::NotYetValid]);
    }
}

#[test]
fn intermediate_that_is_no_certificate_does_not_help_or_harm() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let junk = [CertificateDer::from(vec![0x30, 0x00])];
    let verifier = server_verifier(&root);
    let chain = PeerChain { end_entity: &leaf.der, intermediates: &junk };
    assert!(verifier.verify_server(&chain, Some(&name(NAME)), at(NOW)).is_ok());

    let stranger = server_verifier(&Party::self_signed(ca_params("stranger")));
    let outcome = stranger.verify_server(&chain, Some(&name(NAME)), at(NOW));
    assert_eq!(errors(outcome), [E::Malformed, E::UnknownIssuer]);
}
