extern crate std;

use std::collections::BTreeSet;
use std::vec;
use std::vec::Vec;

use pki_types::{CertificateDer, UnixTime};
use sealgram_crypto::{
    AeadKind, CertificateError, HashKind, KeyError, PeerChain, ServerVerifier, SignatureAlgorithm,
    SignatureVerifier, SignedMessage, facts,
};
use sealgram_iana::{NamedGroup, SignatureScheme, Version};

use crate::{
    ALL_SUITES, Source, Verifier, aead, certificate, certificate_with, private_key, provider,
};

const KINDS: [AeadKind; 5] = [
    AeadKind::Aes128Gcm,
    AeadKind::Aes256Gcm,
    AeadKind::ChaCha20Poly1305,
    AeadKind::Aes128Ccm,
    AeadKind::Aes128Ccm8,
];
const NONCE: [u8; 12] = [7; 12];

/// A record sealed under a key of `byte`s.
fn sealed(kind: AeadKind, byte: u8, plaintext: &[u8]) -> Vec<u8> {
    let mut record = plaintext.to_vec();
    record.resize(plaintext.len() + kind.tag_len(), 0);
    let key = aead::of(kind).key(&vec![byte; kind.key_len()]).unwrap();
    key.seal(&NONCE, b"aad", &mut record).unwrap();
    record
}

fn opens(kind: AeadKind, byte: u8, nonce: [u8; 12], aad: &[u8], mut record: Vec<u8>) -> bool {
    let key = aead::of(kind).key(&vec![byte; kind.key_len()]).unwrap();
    key.open(&nonce, aad, &mut record).is_ok()
}

#[test]
fn sealed_record_opens_to_its_plaintext() {
    for kind in KINDS {
        let mut record = sealed(kind, 1, b"plaintext");
        assert!(!record.windows(9).any(|window| window == b"plaintext"));
        let key = aead::of(kind).key(&vec![1; kind.key_len()]).unwrap();
        key.open(&NONCE, b"aad", &mut record).unwrap();
        assert_eq!(&record[..9], b"plaintext");
        assert_eq!(record.len(), 9 + kind.tag_len());
    }
}

#[test]
fn every_altered_byte_fails_to_open() {
    for kind in KINDS {
        let record = sealed(kind, 1, b"plaintext");
        for i in 0..record.len() {
            let mut altered = record.clone();
            altered[i] ^= 0x40;
            assert!(!opens(kind, 1, NONCE, b"aad", altered), "{kind:?}, byte {i}");
        }
        assert!(!opens(kind, 2, NONCE, b"aad", record.clone()));
        assert!(!opens(kind, 1, [8; 12], b"aad", record.clone()));
        assert!(!opens(kind, 1, NONCE, b"aae", record.clone()));
        assert!(!opens(kind, 1, NONCE, b"aad", record[1..].to_vec()));
        assert!(!opens(kind, 1, NONCE, b"aad", vec![0; kind.tag_len() - 1]));
    }
}

#[test]
fn kinds_do_not_open_each_others_records() {
    let record = sealed(AeadKind::Aes256Gcm, 1, b"plaintext");
    assert!(!opens(AeadKind::ChaCha20Poly1305, 1, NONCE, b"aad", record));
}

#[test]
fn key_of_wrong_length_is_refused() {
    for kind in KINDS {
        assert!(aead::of(kind).key(&vec![0; kind.key_len() - 1]).is_err());
        assert!(aead::of(kind).mask(&vec![0; kind.key_len() + 1]).is_err());
    }
}

#[test]
fn mask_depends_on_key_and_sample() {
    let mask = |key: u8, sample: u8| {
        aead::of(AeadKind::Aes128Gcm).mask(&[key; 16]).unwrap().mask(&[sample; 16])
    };
    assert_eq!(mask(1, 1), mask(1, 1));
    assert_ne!(mask(1, 1), mask(2, 1));
    assert_ne!(mask(1, 1), mask(1, 2));
}

#[test]
fn hash_depends_on_the_concatenation_alone() {
    for hash in [crate::SHA256, crate::SHA384] {
        let mut context = hash.start();
        context.update(b"ab");
        let fork = context.fork();
        context.update(b"c");
        assert_eq!(context.current(), hash.hash(b"abc"));
        assert_eq!(fork.current(), hash.hash(b"ab"));
        assert_eq!(hash.hash(b"").as_ref().len(), hash.kind().output_len());
        assert_ne!(hash.hash(b"abc"), hash.hash(b"acb"));
    }
    let (short, long) = (crate::SHA256.hash(b"abc"), crate::SHA384.hash(b"abc"));
    assert_ne!(short.as_ref(), &long.as_ref()[..HashKind::Sha256.output_len()]);
}

#[test]
fn hmac_depends_on_key_and_concatenation() {
    let hmac = |key: &[u8], parts: &[&[u8]]| crate::SHA256.hmac(key, parts).as_ref().to_vec();
    assert_eq!(hmac(b"key", &[b"ab", b"c"]), hmac(b"key", &[b"a", b"bc"]));
    assert_ne!(hmac(b"key", &[b"abc"]), hmac(b"kez", &[b"abc"]));
    assert_ne!(hmac(b"key", &[b"abc"]), hmac(b"ke", &[b"yabc"]));
    assert_ne!(hmac(b"key", &[b"abc"]), crate::SHA256.hash(b"abc").as_ref());
}

#[test]
fn digests_of_short_inputs_differ() {
    let inputs = (0..=255_u8).flat_map(|a| (0..=255_u8).map(move |b| [a, b]));
    let digests: BTreeSet<_> =
        inputs.map(|input| crate::SHA256.hash(&input).as_ref().to_vec()).collect();
    assert_eq!(digests.len(), 65_536);
}

#[test]
fn both_sides_agree_on_a_secret() {
    let (client, server) = (provider(1), provider(2));
    for (ours, theirs) in client.groups.iter().zip(&server.groups) {
        let active = ours.start().unwrap();
        assert_eq!(active.group(), ours.name());
        let answer = theirs.answer(active.share()).unwrap();
        let third = theirs.answer(active.share()).unwrap();
        let secret = active.complete(&answer.share).unwrap();
        assert_eq!(secret.expose(), answer.secret.expose());
        assert_ne!(secret.expose(), third.secret.expose());
    }
}

#[test]
fn invalid_share_is_refused() {
    for group in provider(1).groups {
        let good = group.start().unwrap().share().to_vec();
        let mut bad = good.clone();
        bad[0] = 0xff;
        for share in [&bad[..], &good[1..], &[]] {
            assert!(group.answer(share).is_err());
            assert!(group.start().unwrap().complete(share).is_err());
        }
        assert!(group.answer(&good).is_ok());
    }
}

/// Everything random that a provider gives.
fn draw(provider: &sealgram_crypto::CryptoProvider) -> Vec<Vec<u8>> {
    let mut drawn: Vec<_> =
        provider.groups.iter().map(|group| group.start().unwrap().share().to_vec()).collect();
    let mut random = vec![0; 41];
    provider.random.fill(&mut random).unwrap();
    drawn.push(random);
    drawn
}

#[test]
fn same_seed_gives_the_same_bytes() {
    assert_eq!(draw(&provider(3)), draw(&provider(3)));
    let other = provider(4);
    let (first, second) = (draw(&other), draw(&other));
    for ((a, b), c) in first.iter().zip(&second).zip(draw(&provider(3))) {
        assert_ne!(a, b);
        assert_ne!(*a, c);
    }
}

#[test]
fn reset_source_starts_again() {
    static SOURCE: Source = Source::new();
    SOURCE.reset(5);
    let provider = SOURCE.provider();
    let first = draw(&provider);
    SOURCE.reset(5);
    assert_eq!(draw(&provider), first);
}

#[test]
fn provider_has_every_suite_without_ccm_8() {
    let known: BTreeSet<_> = facts::ALL.iter().map(|facts| facts.suite).collect();
    let ours: BTreeSet<_> = ALL_SUITES.iter().map(|suite| suite.id()).collect();
    assert_eq!(known, ours);
    let provider = provider(0);
    assert_eq!(provider.suites.len(), ALL_SUITES.len() - 4);
    for suite in ALL_SUITES {
        assert_eq!(suite.aead.kind(), suite.facts.aead);
        assert_eq!(suite.hash.kind(), suite.facts.hash);
        let listed = provider.suite(suite.id()).is_some();
        assert_eq!(listed, suite.facts.aead != AeadKind::Aes128Ccm8);
    }
    assert!(provider.group(NamedGroup::X25519, Version::V12).is_some());
}

#[test]
fn signature_verifies_with_its_certificate_only() {
    let verifier = Verifier { client_required: true };
    let schemes = crate::SIGNATURE_ALGORITHMS.schemes();
    assert_eq!(verifier.schemes(), schemes);
    for scheme in schemes {
        let (end_entity, key) = certificate_with(1, scheme);
        assert_eq!(Some(key.algorithm()), SignatureAlgorithm::of(scheme));
        let signature = key.sign(scheme, b"message").unwrap();
        let signed = SignedMessage {
            version: Version::V13,
            message: b"message",
            scheme,
            signature: &signature,
        };
        assert!(verifier.verify_signature(&end_entity, &signed).is_ok());

        let error = |end_entity: &CertificateDer<'_>, signed: SignedMessage<'_>| {
            verifier.verify_signature(end_entity, &signed).unwrap_err().errors()[0].clone()
        };
        let (other, _) = certificate_with(2, scheme);
        assert_eq!(error(&other, signed), CertificateError::BadSignature);
        let altered = SignedMessage { message: b"massage", ..signed };
        assert_eq!(error(&end_entity, altered), CertificateError::BadSignature);
        let unknown = SignedMessage { scheme: SignatureScheme::RSA_PKCS1_SHA256, ..signed };
        assert_eq!(error(&end_entity, unknown), CertificateError::UnsupportedAlgorithm);
        assert!(key.sign(SignatureScheme::RSA_PKCS1_SHA256, b"message").is_err());

        let algorithm = crate::SIGNATURE_ALGORITHMS.candidates(scheme, Version::V13)[0];
        let public = end_entity.strip_prefix(crate::CERTIFICATE_PREFIX).unwrap();
        assert!(algorithm.verify_signature(public, b"message", &signature).is_ok());
        assert!(algorithm.verify_signature(public, b"massage", &signature).is_err());
    }
}

#[test]
fn identity_is_accepted_with_the_right_prefix_only() {
    let verifier = Verifier { client_required: false };
    let verify = |end_entity: &CertificateDer<'_>| {
        let chain = PeerChain { end_entity, intermediates: &[] };
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        verifier.verify_server(&chain, None, now).map(|_| ())
    };
    let (good, _) = certificate(1);
    assert_eq!(verify(&good), Ok(()));
    let mut bad = good.to_vec();
    bad[0] ^= 1;
    let malformed = Err(CertificateError::Malformed.into());
    assert_eq!(verify(&CertificateDer::from(bad)), malformed);
    assert_eq!(verify(&CertificateDer::from(good[..good.len() - 1].to_vec())), malformed);
}

#[test]
fn loaded_key_signs_like_the_generated_one() {
    let scheme = SignatureScheme::ED25519;
    let loader = provider(0).key_loader;
    let loaded = loader.load(&private_key(9, scheme)).unwrap();
    let (_, key) = certificate_with(9, scheme);
    assert_eq!(loaded.sign(scheme, b"m").unwrap(), key.sign(scheme, b"m").unwrap());
    let other = pki_types::PrivatePkcs8KeyDer::from(b"something else".to_vec());
    assert_eq!(loader.load(&other.into()).unwrap_err(), KeyError::Malformed);
}
