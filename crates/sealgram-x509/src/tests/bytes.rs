//! Bytes that are not what they seem: nothing panics and nothing is accepted.

use std::sync::OnceLock;

use proptest::prelude::*;
use rcgen::CustomExtension;
use sealgram_crypto::{CertificateError, SignatureVerifier, SignedMessage};
use sealgram_iana::{SignatureScheme, Version};

use super::*;
use crate::danger::AcceptAnyServer;
use crate::der::{self, Certificate, NotDer};

struct Fixture {
    root: Party,
    intermediate: Party,
    leaf: Party,
}

/// Keys are slow to make; one set serves all cases.
fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let root = Party::root();
        let intermediate = root.certify(ca_params("intermediate"));
        let leaf = intermediate.certify_leaf(|params| {
            params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        });
        Fixture { root, intermediate, leaf }
    })
}

/// Runs everything that reads a peer's certificate. Says whether it was accepted.
fn accepted(leaf: &[u8], intermediate: &[u8]) -> bool {
    static VERIFIER: OnceLock<Arc<WebPkiServerVerifier>> = OnceLock::new();
    let verifier = VERIFIER.get_or_init(|| server_verifier(&fixture().root));
    let leaf = CertificateDer::from(leaf);
    let intermediates = [CertificateDer::from(intermediate)];
    let signed = SignedMessage {
        version: Version::V12,
        message: b"message",
        scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
        signature: b"signature",
    };
    assert!(verifier.verify_signature(&leaf, &signed).is_err());
    let any = AcceptAnyServer::new(SIGNATURE_ALGORITHMS);
    assert!(any.verify_signature(&leaf, &signed).is_err());
    let chain = PeerChain { end_entity: &leaf, intermediates: &intermediates };
    verifier.verify_server(&chain, Some(&name(NAME)), at(NOW)).is_ok()
}

#[test]
fn untouched_bytes_are_accepted() {
    let Fixture { intermediate, leaf, .. } = fixture();
    assert!(accepted(&leaf.der, &intermediate.der));
}

#[test]
fn truncated_certificates_are_refused() {
    let Fixture { intermediate, leaf, .. } = fixture();
    for len in 0..leaf.der.len() {
        assert!(!accepted(&leaf.der[..len], &intermediate.der));
        assert_eq!(Certificate::read(&leaf.der[..len]).err(), Some(NotDer));
    }
    for len in 0..intermediate.der.len() {
        assert!(!accepted(&leaf.der, &intermediate.der[..len]));
    }
}

#[test]
fn certificate_with_bytes_after_it_is_malformed() {
    let Fixture { root, intermediate, leaf } = fixture();
    let longer = [&leaf.der[..], &[0]].concat();
    let chain = PeerChain {
        end_entity: &CertificateDer::from(longer),
        intermediates: core::slice::from_ref(&intermediate.der),
    };
    let outcome = server_verifier(root).verify_server(&chain, Some(&name(NAME)), at(NOW));
    assert_eq!(errors(outcome), [CertificateError::Malformed]);
}

#[test]
fn key_that_is_read_is_the_key_that_webpki_reads() {
    for party in [&fixture().root, &fixture().intermediate, &fixture().leaf] {
        let webpki = webpki::EndEntityCert::try_from(&party.der).unwrap();
        let ours = Certificate::read(&party.der).unwrap();
        assert_eq!(ours.public_key, webpki.subject_public_key_info().as_ref());
    }
}

#[test]
fn extension_that_comes_twice_is_malformed() {
    for (number, content) in [(15, vec![3, 2, 7, 0x80]), (37, vec![0x30, 0])] {
        let root = Party::root();
        let leaf = root.certify_leaf(|params| {
            for _ in 0..2 {
                let oid = [2, 5, 29, number];
                let extension = CustomExtension::from_oid_content(&oid, content.clone());
                params.custom_extensions.push(extension);
            }
        });
        assert_eq!(Certificate::read(&leaf.der).err(), Some(NotDer));
        let found = errors(verify(&*server_verifier(&root), &[&leaf]));
        assert_eq!(found, [CertificateError::Malformed]);
    }
}

#[test]
fn key_usage_that_is_no_bit_string_is_malformed() {
    for content in [vec![], vec![4, 2, 7, 0x80], vec![3, 0], vec![3, 1, 7], vec![3, 5, 7, 0x80]] {
        let root = Party::root();
        let leaf = root.certify_leaf(|params| {
            let extension = CustomExtension::from_oid_content(&[2, 5, 29, 15], content);
            params.custom_extensions.push(extension);
        });
        assert_eq!(Certificate::read(&leaf.der).unwrap().may_sign(), Err(NotDer));
        let found = errors(verify(&*server_verifier(&root), &[&leaf]));
        assert_eq!(found, [CertificateError::Malformed]);
    }
}

#[test]
fn sequence_header_has_the_shortest_length() {
    for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 100_000] {
        let wrapped = der::sequence(&vec![7; len]).unwrap();
        let header: &[u8] = match len {
            0..=127 => &[0x30, u8::try_from(len).unwrap()],
            128..=255 => &[0x30, 0x81, u8::try_from(len).unwrap()],
            256..=65_535 => &[0x30, 0x82, len.to_be_bytes()[6], len.to_be_bytes()[7]],
            _ => &[0x30, 0x83, len.to_be_bytes()[5], len.to_be_bytes()[6], len.to_be_bytes()[7]],
        };
        assert_eq!(wrapped.len(), len + header.len());
        assert!(wrapped.starts_with(header));
    }
    assert_eq!(der::sequence(&vec![0; 1 << 24]), None);
}

proptest! {
    #[test]
    fn junk_is_refused(
        leaf in proptest::collection::vec(any::<u8>(), 0..400),
        intermediate in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        prop_assert!(!accepted(&leaf, &intermediate));
        prop_assert!(!accepted(&fixture().leaf.der, &intermediate));
        let _ = Certificate::read(&leaf).map(|read| (read.may_sign(), read.has_purpose(&[1])));
    }

    #[test]
    fn certificate_with_one_byte_changed_is_refused(
        at in any::<prop::sample::Index>(),
        change in 1..=u8::MAX,
        of_leaf in any::<bool>(),
    ) {
        let Fixture { intermediate, leaf, .. } = fixture();
        let (mut leaf, mut intermediate) = (leaf.der.to_vec(), intermediate.der.to_vec());
        let changed = if of_leaf { &mut leaf } else { &mut intermediate };
        let at = at.index(changed.len());
        changed[at] ^= change;
        prop_assert!(!accepted(&leaf, &intermediate));
    }

    /// Structure survives more often when only the middle is touched: this reaches the extensions.
    #[test]
    fn usages_with_bytes_replaced_never_panic(
        at in any::<prop::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 1..4),
    ) {
        let mut der = fixture().leaf.der.to_vec();
        let at = at.index(der.len());
        for (to, from) in der[at..].iter_mut().zip(bytes) {
            *to = from;
        }
        if let Ok(read) = Certificate::read(&der) {
            let _ = (read.may_sign(), read.has_purpose(&[1]));
        }
    }
}
