//! Bare public keys.

use pki_types::SubjectPublicKeyInfoDer;
use rcgen::PublicKeyData;
use sealgram_crypto::{Hash, RawPublicKeyVerifier};
use sealgram_ring::hash::SHA384;

use super::*;
use crate::{BuildError, PinnedPublicKeys};

fn public_key(key: &KeyPair) -> SubjectPublicKeyInfoDer<'static> {
    SubjectPublicKeyInfoDer::from(key.subject_public_key_info())
}

#[test]
fn pinned_keys_are_accepted_by_themselves_and_by_their_hash() {
    let (known, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let hash: [u8; 32] = SHA256.hash(&public_key(&known)).as_ref().try_into().unwrap();
    let by_key = PinnedPublicKeys::new([public_key(&known)], SIGNATURE_ALGORITHMS).unwrap();
    let by_hash = PinnedPublicKeys::by_hash([hash], SHA256, SIGNATURE_ALGORITHMS).unwrap();
    for verifier in [by_key, by_hash] {
        assert!(verifier.verify_raw_public_key(&public_key(&known), None).is_ok());
        let error = verifier.verify_raw_public_key(&public_key(&other), None).unwrap_err();
        assert_eq!(error.errors(), [CertificateError::FingerprintMismatch]);
    }
}

#[test]
fn pins_that_could_accept_nobody_are_refused() {
    let refused = |result: Result<Arc<PinnedPublicKeys>, BuildError>| result.err();
    let none = PinnedPublicKeys::new([], SIGNATURE_ALGORITHMS);
    assert_eq!(refused(none), Some(BuildError::NoFingerprints));
    let junk = SubjectPublicKeyInfoDer::from(vec![0x30, 0x01, 0x00]);
    let junk = PinnedPublicKeys::new([junk], SIGNATURE_ALGORITHMS);
    assert_eq!(refused(junk), Some(BuildError::BadPublicKey));
    let certificate = SubjectPublicKeyInfoDer::from(Party::root().der.to_vec());
    let certificate = PinnedPublicKeys::new([certificate], SIGNATURE_ALGORITHMS);
    assert_eq!(refused(certificate), Some(BuildError::BadPublicKey));
    let none = PinnedPublicKeys::by_hash([], SHA256, SIGNATURE_ALGORITHMS);
    assert_eq!(refused(none), Some(BuildError::NoFingerprints));
    let sha384: &'static dyn Hash = SHA384;
    let wrong = PinnedPublicKeys::by_hash([[0; 32]], sha384, SIGNATURE_ALGORITHMS);
    assert_eq!(refused(wrong), Some(BuildError::NotSha256));
}
