//! Root stores and builders.

use pki_types::TrustAnchor;
use sealgram_crypto::{CertificateError, SignatureVerifier};
use sealgram_iana::SignatureScheme;

use super::*;
use crate::BuildError;

#[test]
fn root_is_added_once() {
    let root = Party::root();
    let mut store = RootStore::new();
    assert!(store.is_empty());
    store.add(root.der.clone()).unwrap();
    store.add(root.der.clone()).unwrap();
    assert_eq!(store.len(), 1);
    assert!(store.contains(&root.der));
    assert!(!store.contains(&Party::root().der));
}

#[test]
fn junk_is_no_root() {
    let mut store = RootStore::new();
    let junk = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
    assert_eq!(store.add(junk.clone()), Err(CertificateError::Malformed));
    let root = Party::root();
    assert_eq!(store.add_parsable([junk.clone(), root.der, junk]), (1, 2));
    assert_eq!(store.len(), 1);
}

#[test]
fn anchor_without_certificate_ends_paths_and_is_no_leaf() {
    let root = Party::self_signed(params("root"));
    let anchor: TrustAnchor<'static> =
        webpki::anchor_from_trusted_cert(&root.der).unwrap().to_owned();
    let mut store = RootStore::new();
    store.add_anchor(anchor);
    let verifier =
        WebPkiServerVerifier::builder(Arc::new(store), SIGNATURE_ALGORITHMS).build().unwrap();
    let leaf = root.certify_leaf(|_| {});
    assert_eq!(errors(verify(&*verifier, &[&leaf])), []);
    // It is signed by the anchor, which happens to be itself: a path of one signature.
    assert_eq!(errors(verify(&*verifier, &[&root])), []);
}

#[test]
fn verifier_without_roots_is_refused() {
    let none = Arc::new(RootStore::new());
    let result = WebPkiServerVerifier::builder(none.clone(), SIGNATURE_ALGORITHMS).build();
    assert_eq!(result.err(), Some(BuildError::NoRoots));
    let result = WebPkiClientVerifier::builder(none, SIGNATURE_ALGORITHMS).build();
    assert_eq!(result.err(), Some(BuildError::NoRoots));
}

#[test]
fn client_certificate_is_required_unless_optional() {
    let roots = store([&Party::root().der]);
    let builder = || WebPkiClientVerifier::builder(roots.clone(), SIGNATURE_ALGORITHMS);
    assert!(builder().build().unwrap().required());
    assert!(!builder().optional().build().unwrap().required());
    assert!(builder().optional().required().build().unwrap().required());
}

#[test]
fn authorities_are_the_distinguished_names_of_the_roots() {
    let (a, b) = (Party::root(), Party::self_signed(ca_params("other")));
    // A second root of the same name adds nothing.
    let roots = store([&a.der, &b.der, &Party::root().der]);
    let builder = || WebPkiClientVerifier::builder(roots.clone(), SIGNATURE_ALGORITHMS);
    let verifier = builder().build().unwrap();
    // SEQUENCE { SET { SEQUENCE { id-at-commonName, UTF8String } } }
    let name = |text: &[u8]| {
        let len = u8::try_from(text.len()).unwrap();
        let header = [0x30, len + 11, 0x31, len + 9, 0x30, len + 7, 6, 3, 0x55, 4, 3, 12, len];
        [&header, text].concat()
    };
    assert_eq!(verifier.authorities(), [name(b"root"), name(b"other")]);
    assert!(builder().without_authorities().build().unwrap().authorities().is_empty());
}

#[test]
fn handshake_schemes_narrow_handshakes_and_leave_paths_alone() {
    let roots = store([&Party::root().der]);
    let builder = || WebPkiServerVerifier::builder(roots.clone(), SIGNATURE_ALGORITHMS);
    let all = SIGNATURE_ALGORITHMS.schemes();
    let schemes = [SignatureScheme::ED25519, SignatureScheme::ECDSA_SHA1];
    let narrow = builder().with_handshake_schemes(schemes).build().unwrap();
    assert_eq!(narrow.schemes(), [SignatureScheme::ED25519]);
    assert_eq!(narrow.certificate_schemes(), all);
    let wide = builder().build().unwrap();
    assert_eq!((wide.schemes(), wide.certificate_schemes()), (&all[..], &all[..]));
    let none = builder().with_handshake_schemes([SignatureScheme::ECDSA_SHA1]).build();
    assert_eq!(none.err(), Some(BuildError::NoSchemes));
}
