//! Fingerprints.

use CertificateError as E;
use sealgram_crypto::{CertificateError, SignatureVerifier, SignedMessage};
use sealgram_iana::{AlertDescription, SignatureScheme, Version};
use sealgram_ring::hash::SHA384;

use super::*;
use crate::{BuildError, FingerprintVerifier};

fn pinned(fingerprints: &[[u8; 32]]) -> Arc<FingerprintVerifier> {
    FingerprintVerifier::new(fingerprints.iter().copied(), SHA256, SIGNATURE_ALGORITHMS).unwrap()
}

#[test]
fn pinned_certificate_is_accepted_whatever_it_says() {
    // No name, expired, for clients, not allowed to sign.
    let mut params = params("anything");
    params.subject_alt_names.clear();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::CodeSigning];
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyAgreement];
    let leaf = Party::self_signed(params);
    let verifier = pinned(&[[1; 32], leaf.fingerprint()]);
    assert!(!verifier.needs_name());
    assert!(verifier.required());
    assert_eq!(errors(verify_as(&*verifier, &[&leaf], None, NOW + 4000 * DAY)), []);
    assert_eq!(errors(verify_client(&*verifier, &[&leaf])), []);
}

#[test]
fn other_certificate_is_refused() {
    let leaf = Party::self_signed(params("leaf"));
    let other = Party::self_signed(params("leaf"));
    let verifier = pinned(&[leaf.fingerprint()]);
    // Not even beside the pinned one.
    let error = verify(&*verifier, &[&other, &leaf]).unwrap_err();
    assert_eq!(error.errors(), [E::FingerprintMismatch]);
    assert_eq!(error.alert(), AlertDescription::BAD_CERTIFICATE);
    assert_eq!(errors(verify_client(&*verifier, &[&other, &leaf])), [E::FingerprintMismatch]);
}

#[test]
fn fingerprint_is_the_sha256_that_openssl_prints() {
    let der = CertificateDer::from(&include_bytes!("../../testdata/v1.der")[..]);
    let mut printed = [0; 32];
    let hex = "79dbbbdbe8b328b5015c47517a7244356317569b5ba7538e12b31a8882188c72";
    for (byte, at) in printed.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    }
    let chain = PeerChain { end_entity: &der, intermediates: &[] };
    assert!(pinned(&[printed]).verify_server(&chain, None, at(NOW)).is_ok());
}

#[test]
fn pinned_certificate_of_version_1_proves_its_key() {
    let der = CertificateDer::from(&include_bytes!("../../testdata/v1.der")[..]);
    let verifier = pinned(&[fingerprint(&der)]);
    let mut signed = SignedMessage {
        version: Version::V13,
        message: b"a handshake",
        scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
        signature: include_bytes!("../../testdata/v1.sha256.sig"),
    };
    assert!(verifier.verify_signature(&der, &signed).is_ok());
    signed.message = b"another";
    let error = verifier.verify_signature(&der, &signed).unwrap_err();
    assert_eq!(error.errors(), [E::BadSignature]);
}

#[test]
fn pinned_certificate_without_a_key_is_malformed() {
    let der = CertificateDer::from(vec![0x30, 0x00]);
    let verifier = pinned(&[fingerprint(&der)]);
    let signed = SignedMessage {
        version: Version::V13,
        message: b"a handshake",
        scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
        signature: &[],
    };
    let error = verifier.verify_signature(&der, &signed).unwrap_err();
    assert_eq!(error.errors(), [E::Malformed]);
}

#[test]
fn verifier_without_fingerprints_or_sha256_is_refused() {
    let result = FingerprintVerifier::new([], SHA256, SIGNATURE_ALGORITHMS);
    assert_eq!(result.err(), Some(BuildError::NoFingerprints));
    let result = FingerprintVerifier::new([[0; 32]], SHA384, SIGNATURE_ALGORITHMS);
    assert_eq!(result.err(), Some(BuildError::NotSha256));
}
