//! Signing keys and signature verification, against keys and signatures that OpenSSL made.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use pki_types::pem::PemObject;
use pki_types::{
    PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
    SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
};
use sealgram_crypto::{KeyError, SignatureAlgorithm, SigningKey};
use sealgram_iana::{SignatureScheme, Version};
use sealgram_ring::sign::KEY_LOADER;
use sealgram_ring::verify::{self, SIGNATURE_ALGORITHMS};

use crate::hex;

fn data(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn private_key(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(&data(&format!("{name}.pem"))).unwrap()
}

fn load(name: &str) -> Result<Arc<dyn SigningKey>, KeyError> {
    KEY_LOADER.load(&private_key(name))
}

fn spki(name: &str) -> SubjectPublicKeyInfoDer<'static> {
    SubjectPublicKeyInfoDer::from_pem_slice(&data(&format!("{name}.public.pem"))).unwrap()
}

/// The key inside a SubjectPublicKeyInfo: what follows the outer header, the algorithm identifier
/// and the header of the bit string with its count of unused bits.
fn subject_public_key(spki: &SubjectPublicKeyInfoDer<'_>) -> Vec<u8> {
    fn contents(der: &[u8]) -> (&[u8], &[u8]) {
        let (start, len) = match der[1] {
            0x81 => (3, usize::from(der[2])),
            0x82 => (4, usize::from(der[2]) * 256 + usize::from(der[3])),
            len => (2, usize::from(len)),
        };
        der[start..].split_at(len)
    }
    let (fields, _) = contents(spki);
    let (_, bit_string) = contents(fields);
    contents(bit_string).0[1..].to_vec()
}

const KEYS: [(&str, &[&str], SignatureAlgorithm); 4] = [
    ("p256", &["p256.pkcs8", "p256.sec1"], SignatureAlgorithm::Ecdsa),
    ("p384", &["p384.pkcs8", "p384.sec1"], SignatureAlgorithm::Ecdsa),
    ("ed25519", &["ed25519.pkcs8"], SignatureAlgorithm::Ed25519),
    ("rsa2048", &["rsa2048.pkcs8", "rsa2048.pkcs1"], SignatureAlgorithm::Rsa),
];

#[test]
fn key_of_openssl_loads_from_every_format() {
    for (name, files, algorithm) in KEYS {
        for file in files {
            let key = load(file).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{file}");
            assert_eq!(key.public_key(), Some(spki(name)), "{file}");
        }
    }
}

#[test]
fn every_scheme_signs_what_verifies_in_both_versions() {
    for (name, files, algorithm) in KEYS {
        let public = subject_public_key(&spki(name));
        for file in files {
            let key = load(file).unwrap();
            for scheme in key.schemes() {
                assert_eq!(SignatureAlgorithm::of(*scheme), Some(algorithm));
                let signature = key.sign(*scheme, b"message").unwrap();
                for version in [Version::V12, Version::V13] {
                    let candidates = SIGNATURE_ALGORITHMS.candidates(*scheme, version);
                    if version == Version::V13 && !scheme.usable_in_dtls13() {
                        assert!(candidates.is_empty());
                        continue;
                    }
                    // The first is the one of the scheme's own curve.
                    let verify = candidates[0];
                    assert!(verify.verify_signature(&public, b"message", &signature).is_ok());
                    assert!(verify.verify_signature(&public, b"massage", &signature).is_err());
                }
            }
        }
    }
}

#[test]
fn rsa_prefers_pss() {
    let key = load("rsa2048.pkcs8").unwrap();
    let (pss, pkcs1) = key.schemes().split_at(3);
    assert!(pss.iter().all(|scheme| scheme.usable_in_dtls13()));
    assert!(!pkcs1.iter().any(|scheme| scheme.usable_in_dtls13()));
}

#[test]
fn scheme_of_another_key_is_refused() {
    for (_, files, _) in KEYS {
        let key = load(files[0]).unwrap();
        for scheme in SIGNATURE_ALGORITHMS.schemes() {
            let signs = key.schemes().contains(&scheme);
            assert_eq!(key.sign(scheme, b"message").is_ok(), signs, "{scheme}");
        }
        assert!(key.sign(SignatureScheme::ECDSA_SHA1, b"message").is_err());
    }
}

/// RFC 8410 §10.3: version 1, which has no public key, and version 2, which has one.
#[test]
fn ed25519_keys_of_rfc_8410_load() {
    let v1 = hex("302e020100300506032b657004220420
                  d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
    let public = hex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
    let v2 = hex("3051020101300506032b657004220420
                  d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842
                  812100
                  19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
    for der in [v1, v2] {
        let key = KEY_LOADER.load(&PrivatePkcs8KeyDer::from(der).into()).unwrap();
        assert_eq!(subject_public_key(&key.public_key().unwrap()), public);
    }
}

#[test]
fn inconsistent_key_is_malformed() {
    // The last byte is part of the public key, or of an RSA coefficient.
    for file in ["p256.pkcs8", "p384.pkcs8", "rsa2048.pkcs8"] {
        let mut der = private_key(file).secret_der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        let key = PrivatePkcs8KeyDer::from(der).into();
        assert_eq!(KEY_LOADER.load(&key).unwrap_err(), KeyError::Malformed, "{file}");
    }
    let mut der = private_key("p256.sec1").secret_der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let key = PrivateSec1KeyDer::from(der).into();
    assert_eq!(KEY_LOADER.load(&key).unwrap_err(), KeyError::Malformed);
}

#[test]
fn truncated_key_is_malformed() {
    for (_, files, _) in KEYS {
        for file in files {
            let whole = private_key(file);
            let der = whole.secret_der();
            for len in 0..der.len() {
                let cut = der[..len].to_vec();
                let key: PrivateKeyDer<'_> = match whole {
                    PrivateKeyDer::Pkcs8(_) => PrivatePkcs8KeyDer::from(cut).into(),
                    PrivateKeyDer::Sec1(_) => PrivateSec1KeyDer::from(cut).into(),
                    _ => PrivatePkcs1KeyDer::from(cut).into(),
                };
                assert_eq!(KEY_LOADER.load(&key).unwrap_err(), KeyError::Malformed, "{file} {len}");
            }
        }
    }
}

#[test]
fn key_with_trailing_data_is_malformed() {
    for (_, files, _) in KEYS {
        let der = [private_key(files[0]).secret_der(), &[0]].concat();
        let key = PrivatePkcs8KeyDer::from(der).into();
        assert_eq!(KEY_LOADER.load(&key).unwrap_err(), KeyError::Malformed, "{}", files[0]);
    }
}

#[test]
fn other_curves_and_sizes_are_unsupported() {
    for file in [
        "secp256k1.pkcs8",
        "secp256k1.sec1",
        "rsa1024.pkcs8",
        // ring needs the public half beside the private one.
        "p256-without-public.sec1",
        "p256-without-public.pkcs8",
    ] {
        assert_eq!(load(file).unwrap_err(), KeyError::Unsupported, "{file}");
    }
}

#[test]
fn debug_of_key_shows_no_part_of_it() {
    let shown: Vec<_> =
        KEYS.iter().map(|(_, files, _)| format!("{:?}", load(files[0]).unwrap())).collect();
    assert_eq!(
        shown,
        ["EcdsaKey(P-256)", "EcdsaKey(P-384)", "Ed25519Key(..)", "RsaKey(256 bytes)"]
    );
}

/// The algorithms that sign as this line of `signatures.txt` says.
fn algorithms(signed: &str, key: &str) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    match (signed, key) {
        ("ecdsa_sha256", "p256") => vec![verify::ECDSA_P256_SHA256],
        ("ecdsa_sha384", "p256") => vec![verify::ECDSA_P256_SHA384],
        ("ecdsa_sha256", "p384") => vec![verify::ECDSA_P384_SHA256],
        ("ecdsa_sha384", "p384") => vec![verify::ECDSA_P384_SHA384],
        ("ed25519", _) => vec![verify::ED25519],
        ("rsa_pss_sha256", _) => vec![verify::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        ("rsa_pss_sha384", _) => vec![verify::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        ("rsa_pss_sha512", _) => vec![verify::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        ("rsa_pkcs1_sha256", _) => {
            vec![
                verify::RSA_PKCS1_2048_8192_SHA256,
                verify::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
            ]
        }
        ("rsa_pkcs1_sha384", _) => {
            vec![
                verify::RSA_PKCS1_2048_8192_SHA384,
                verify::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
            ]
        }
        ("rsa_pkcs1_sha512", _) => {
            vec![
                verify::RSA_PKCS1_2048_8192_SHA512,
                verify::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
            ]
        }
        other => panic!("no algorithm for {other:?}"),
    }
}

#[test]
fn signature_of_openssl_verifies_with_its_algorithm_only() {
    let text = String::from_utf8(data("signatures.txt")).unwrap();
    let mut used = BTreeSet::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let [signed, name, signature] = fields[..] else { panic!("{line}") };
        let (public, signature) = (subject_public_key(&spki(name)), hex(signature));
        let right = algorithms(signed, name);
        for algorithm in SIGNATURE_ALGORITHMS.all {
            let verified = algorithm.verify_signature(&public, b"sealgram", &signature).is_ok();
            let expected = right.iter().any(|right| core::ptr::eq(*right, *algorithm));
            assert_eq!(verified, expected, "{line}, {algorithm:?}");
            assert!(algorithm.verify_signature(&public, b"sealgran", &signature).is_err());
            assert!(algorithm.verify_signature(&public[1..], b"sealgram", &signature).is_err());
            assert!(algorithm.verify_signature(&public, b"sealgram", &[]).is_err());
        }
        used.extend(right.iter().map(|algorithm| format!("{algorithm:?}")));
    }
    assert_eq!(used.len(), SIGNATURE_ALGORITHMS.all.len());
}

#[test]
fn scheme_maps_to_its_own_curve_first() {
    let curves = |scheme| {
        SIGNATURE_ALGORITHMS
            .candidates(scheme, Version::V12)
            .iter()
            .map(|algorithm| algorithm.public_key_alg_id())
            .collect::<Vec<_>>()
    };
    let (p256, p384) = (pki_types::alg_id::ECDSA_P256, pki_types::alg_id::ECDSA_P384);
    assert_eq!(curves(SignatureScheme::ECDSA_SECP256R1_SHA256), [p256, p384]);
    assert_eq!(curves(SignatureScheme::ECDSA_SECP384R1_SHA384), [p384, p256]);
}

/// The identifiers of an OpenSSL key must be those that paths of certificates are matched with.
#[test]
fn public_key_identifier_is_the_one_of_openssl() {
    for (name, files, _) in KEYS {
        let spki = spki(name);
        let scheme = load(files[0]).unwrap().schemes()[0];
        let algorithm = SIGNATURE_ALGORITHMS.candidates(scheme, Version::V13)[0];
        let id = algorithm.public_key_alg_id();
        assert!(spki.windows(id.len()).any(|bytes| bytes == id.as_ref()), "{name}");
    }
}
