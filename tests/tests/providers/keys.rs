//! Signing keys and signatures, with keys and signatures that OpenSSL made.

use std::fs;
use std::sync::Arc;

use sealgram::crypto::{KeyError, SignatureAlgorithm, SigningKey};
use sealgram::iana::{SignatureScheme, Version};
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{
    PrivateKeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer, SubjectPublicKeyInfoDer,
};

use crate::{Provider, pairs, ring, rustcrypto};

/// The keys and signatures that the tests of `sealgram-ring` have.
fn data(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    fs::read(format!("{root}/../crates/sealgram-ring/tests/data/{name}")).unwrap()
}

fn private_key(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(&data(&format!("{name}.pem"))).unwrap()
}

fn load(provider: &Provider, name: &str) -> Result<Arc<dyn SigningKey>, KeyError> {
    provider.provider.key_loader.load(&private_key(name))
}

fn spki(name: &str) -> SubjectPublicKeyInfoDer<'static> {
    SubjectPublicKeyInfoDer::from_pem_slice(&data(&format!("{name}.public.pem"))).unwrap()
}

/// The key inside, whose length is given by its kind.
fn subject_public_key(name: &str) -> Vec<u8> {
    let len = match name {
        "p256" => 65,
        "p384" => 97,
        "ed25519" => 32,
        // A 2048-bit modulus and the exponent 65537, with their headers.
        _ => 270,
    };
    let spki = spki(name);
    spki[spki.len() - len..].to_vec()
}

const KEYS: [(&str, &[&str], SignatureAlgorithm); 4] = [
    ("p256", &["p256.pkcs8", "p256.sec1"], SignatureAlgorithm::Ecdsa),
    ("p384", &["p384.pkcs8", "p384.sec1"], SignatureAlgorithm::Ecdsa),
    ("ed25519", &["ed25519.pkcs8"], SignatureAlgorithm::Ed25519),
    ("rsa2048", &["rsa2048.pkcs8", "rsa2048.pkcs1"], SignatureAlgorithm::Rsa),
];

#[test]
fn key_of_openssl_loads_from_every_format() {
    let rustcrypto = rustcrypto();
    for (name, files, algorithm) in KEYS {
        for file in files {
            if algorithm == SignatureAlgorithm::Rsa {
                assert_eq!(load(&rustcrypto, file).unwrap_err(), KeyError::Unsupported, "{file}");
                continue;
            }
            let key = load(&rustcrypto, file).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{file}");
            assert_eq!(key.public_key(), Some(spki(name)), "{file}");
        }
    }
    // Which ring does not.
    for file in ["p256-without-public.pkcs8", "p256-without-public.sec1"] {
        let key = load(&rustcrypto, file).unwrap();
        assert_eq!(key.public_key(), Some(spki("p256")), "{file}");
    }
}

#[test]
fn debug_of_key_shows_no_part_of_it() {
    let rustcrypto = rustcrypto();
    let shown = ["p256.pkcs8", "p384.sec1", "ed25519.pkcs8"]
        .map(|file| format!("{:?}", load(&rustcrypto, file).unwrap()));
    assert_eq!(shown, ["EcdsaKey(P-256)", "EcdsaKey(P-384)", "Ed25519Key(..)"]);
}

#[test]
fn what_one_provider_signs_the_other_verifies() {
    let mut schemes = Vec::new();
    for [signer, verifier] in pairs() {
        for (name, files, _) in KEYS {
            let Ok(key) = load(&signer, files[0]) else { continue };
            let public = subject_public_key(name);
            for scheme in key.schemes() {
                let signature = key.sign(*scheme, b"message").unwrap();
                let algorithms = verifier.provider.signature_algorithms;
                let verify = algorithms.candidates(*scheme, Version::V12)[0];
                assert!(verify.verify_signature(&public, b"message", &signature).is_ok());
                assert!(verify.verify_signature(&public, b"massage", &signature).is_err());
                let mut altered = signature.clone();
                *altered.last_mut().unwrap() ^= 1;
                assert!(verify.verify_signature(&public, b"message", &altered).is_err());
                schemes.push((signer.name, *scheme));
            }
            assert!(key.sign(SignatureScheme::ECDSA_SHA1, b"message").is_err());
        }
    }
    // ring: 2 of ECDSA, Ed25519, 6 of RSA; rustcrypto twice, without RSA.
    assert_eq!(schemes.len(), 9 + 3 + 3);
}

#[test]
fn ecdsa_signatures_of_one_message_differ() {
    for file in ["p256.pkcs8", "p384.pkcs8"] {
        let key = load(&rustcrypto(), file).unwrap();
        let sign = || key.sign(key.schemes()[0], b"message").unwrap();
        assert_ne!(sign(), sign(), "the nonce has a random part");
    }
}

#[test]
fn broken_keys_are_malformed() {
    let loader = rustcrypto().provider.key_loader;
    let malformed = |key: PrivateKeyDer<'_>, what: &str| {
        assert_eq!(loader.load(&key).unwrap_err(), KeyError::Malformed, "{what}");
    };
    for file in ["p256.pkcs8", "p384.pkcs8", "ed25519.pkcs8", "p256.sec1", "p384.sec1"] {
        let whole = private_key(file);
        let der = whole.secret_der();
        let remade = |der: Vec<u8>| match whole {
            PrivateKeyDer::Sec1(_) => PrivateSec1KeyDer::from(der).into(),
            _ => PrivatePkcs8KeyDer::from(der).into(),
        };
        for len in 0..der.len() {
            malformed(remade(der[..len].to_vec()), &format!("{file} cut at {len}"));
        }
        malformed(remade([der, &[0]].concat()), file);
        if !file.starts_with("ed25519") {
            // The last byte is part of the public key.
            let mut other = der.to_vec();
            *other.last_mut().unwrap() ^= 1;
            malformed(remade(other), file);
        }
    }
}

#[test]
fn other_curves_are_unsupported() {
    for file in ["secp256k1.pkcs8", "secp256k1.sec1"] {
        assert_eq!(load(&rustcrypto(), file).unwrap_err(), KeyError::Unsupported, "{file}");
    }
}

#[test]
fn both_providers_verify_the_same_signatures_of_openssl_with_the_same_algorithms() {
    let text = String::from_utf8(data("signatures.txt")).unwrap();
    let [ours, other] =
        [rustcrypto(), ring()].map(|provider| provider.provider.signature_algorithms.all);
    assert_eq!(ours.len(), other.len());
    let mut verified = 0;
    for line in text.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let [_, name, signature] = fields[..] else { panic!("{line}") };
        let signature: Vec<u8> = (0..signature.len() / 2)
            .map(|i| u8::from_str_radix(&signature[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let public = subject_public_key(name);
        for (ours, other) in ours.iter().zip(other) {
            assert_eq!(ours.public_key_alg_id(), other.public_key_alg_id());
            assert_eq!(ours.signature_alg_id(), other.signature_alg_id());
            let [result, expected] = [ours, other].map(|algorithm| {
                algorithm.verify_signature(&public, b"sealgram", &signature).is_ok()
            });
            assert_eq!(result, expected, "{line}, {ours:?}");
            verified += usize::from(result);
            assert!(ours.verify_signature(&public, b"sealgran", &signature).is_err());
            assert!(ours.verify_signature(&public[1..], b"sealgram", &signature).is_err());
            assert!(ours.verify_signature(&public, b"sealgram", &[]).is_err());
            assert!(ours.verify_signature(&[], b"sealgram", &signature).is_err());
        }
    }
    assert_eq!(verified, ours.len(), "each algorithm has verified one");
}
