//! Handshake signatures, and private keys against certificates.

use CertificateError as E;
use pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use rcgen::SigningKey as _;
use sealgram_crypto::{
    CertificateError, CryptoError, KeyError, SignatureAlgorithm, SignatureVerifier, SignedMessage,
    SigningKey,
};
use sealgram_iana::{AlertDescription, SignatureScheme, Version};
use sealgram_ring::sign::KEY_LOADER;

use super::*;
use crate::check_key;
use crate::danger::AcceptAnyServer;

const MESSAGE: &[u8] = b"a handshake";

struct Foreign {
    der: CertificateDer<'static>,
    scheme: SignatureScheme,
    signature: &'static [u8],
}

macro_rules! foreign {
    ($der:literal, $signature:literal, $scheme:ident) => {
        Foreign {
            der: CertificateDer::from(&include_bytes!(concat!("../../testdata/", $der))[..]),
            scheme: SignatureScheme::$scheme,
            signature: include_bytes!(concat!("../../testdata/", $signature)),
        }
    };
}

impl Foreign {
    fn verify(&self, version: Version) -> Result<(), VerificationError> {
        let signed = SignedMessage {
            version,
            message: MESSAGE,
            scheme: self.scheme,
            signature: self.signature,
        };
        let webpki = WebPkiServerVerifier::builder(store([&self.der]), SIGNATURE_ALGORITHMS)
            .build()
            .unwrap()
            .verify_signature(&self.der, &signed)
            .map(|_| ());
        let any = AcceptAnyServer::new(SIGNATURE_ALGORITHMS)
            .verify_signature(&self.der, &signed)
            .map(|_| ());
        assert_eq!(webpki, any);
        webpki
    }
}

fn assert_refused(
    result: Result<(), VerificationError>,
    error: CertificateError,
    alert: AlertDescription,
) {
    let found = result.unwrap_err();
    assert_eq!((found.errors(), found.alert()), (&[error][..], alert));
}

#[test]
fn signatures_of_openssl_verify() {
    let p384 = foreign!("p384.der", "p384.sha384.sig", ECDSA_SECP384R1_SHA384);
    let pss = foreign!("rsa.der", "rsa.pss-sha256.sig", RSA_PSS_RSAE_SHA256);
    for foreign in [p384, pss] {
        assert_eq!(foreign.verify(Version::V12), Ok(()));
        assert_eq!(foreign.verify(Version::V13), Ok(()));
    }
}

#[test]
fn ecdsa_scheme_ties_hash_to_curve_in_1_3_only() {
    let mixed = foreign!("p384.der", "p384.sha256.sig", ECDSA_SECP256R1_SHA256);
    assert_eq!(mixed.verify(Version::V12), Ok(()));
    assert_refused(mixed.verify(Version::V13), E::BadSignature, AlertDescription::DECRYPT_ERROR);
}

#[test]
fn rsa_pkcs1_signs_handshakes_in_1_2_only() {
    let pkcs1 = foreign!("rsa.der", "rsa.pkcs1-sha256.sig", RSA_PKCS1_SHA256);
    assert_eq!(pkcs1.verify(Version::V12), Ok(()));
    assert_refused(
        pkcs1.verify(Version::V13),
        E::UnsupportedAlgorithm,
        AlertDescription::ILLEGAL_PARAMETER,
    );
}

#[test]
fn signature_under_another_scheme_or_key_is_bad() {
    for wrong in [
        foreign!("p384.der", "p384.sha384.sig", ECDSA_SECP256R1_SHA256),
        foreign!("p384.der", "p384.sha256.sig", ECDSA_SECP384R1_SHA384),
        foreign!("p384.der", "p384.sha384.sig", ED25519),
        foreign!("rsa.der", "rsa.pkcs1-sha256.sig", RSA_PSS_RSAE_SHA256),
        foreign!("rsa.der", "p384.sha384.sig", ECDSA_SECP384R1_SHA384),
    ] {
        for version in [Version::V12, Version::V13] {
            assert_refused(wrong.verify(version), E::BadSignature, AlertDescription::DECRYPT_ERROR);
        }
    }
}

#[test]
fn signature_over_another_message_is_bad() {
    let root = Party::root();
    let leaf = root.certify_leaf(|_| {});
    let signature = leaf.key.sign(MESSAGE).unwrap();
    let verifier = client_verifier(&root);
    let verify = |message| {
        let signed = SignedMessage {
            version: Version::V13,
            message,
            scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
            signature: &signature,
        };
        verifier.verify_signature(&leaf.der, &signed).map(|_| ())
    };
    assert_eq!(verify(MESSAGE), Ok(()));
    assert_refused(verify(b"another"), E::BadSignature, AlertDescription::DECRYPT_ERROR);
}

#[test]
fn scheme_that_was_never_offered_is_an_illegal_parameter() {
    let unknown = Foreign {
        scheme: SignatureScheme(0xfefe),
        ..foreign!("rsa.der", "rsa.pss-sha256.sig", RSA_PSS_RSAE_SHA256)
    };
    for version in [Version::V12, Version::V13] {
        assert_refused(
            unknown.verify(version),
            E::UnsupportedAlgorithm,
            AlertDescription::ILLEGAL_PARAMETER,
        );
    }
}

#[test]
fn schemes_are_those_of_the_provider() {
    let verifier = server_verifier(&Party::root());
    assert_eq!(verifier.schemes(), SIGNATURE_ALGORITHMS.schemes());
}

#[test]
fn key_of_the_certificate_is_told_from_another() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params("leaf").self_signed(&key).unwrap().der().clone();
        let load = |key: &KeyPair| {
            KEY_LOADER.load(&PrivateKeyDer::try_from(key.serialized_der()).unwrap()).unwrap()
        };
        assert_eq!(check_key(&der, &*load(&key)), Ok(()));
        let other = KeyPair::generate_for(algorithm).unwrap();
        assert_eq!(check_key(&der, &*load(&other)), Err(KeyError::CertificateMismatch));
        let junk = CertificateDer::from(vec![1, 2, 3]);
        assert_eq!(check_key(&junk, &*load(&key)), Err(KeyError::CertificateMismatch));
    }
}

/// A key in a place that does not tell its public half.
#[derive(Debug)]
struct Silent;

impl SigningKey for Silent {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ecdsa
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[]
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        None
    }

    fn sign(&self, _: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError)
    }
}

#[test]
fn key_that_cannot_tell_is_taken_at_its_word() {
    assert_eq!(check_key(&Party::root().der, &Silent), Ok(()));
}
