//! Private keys that sign.
//!
//! | key | formats | schemes |
//! |---|---|---|
//! | ECDSA P-256, P-384 | PKCS#8, SEC1, both with the public key inside | the curve's own |
//! | Ed25519 | PKCS#8 v1 and v2 | Ed25519 |
//! | RSA, 2048 to 4096 bits | PKCS#8, PKCS#1 | PSS, then PKCS#1 v1.5 |

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use pki_types::{AlgorithmIdentifier, PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use ring::rand::SystemRandom;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use sealgram_crypto::{CryptoError, KeyError, KeyLoader, SignatureAlgorithm, SigningKey};
use sealgram_iana::SignatureScheme;

use crate::wipe::Wiped;
use crate::{der, stack, unspecified};

/// Loads the keys that this module describes.
pub static KEY_LOADER: &dyn KeyLoader = &Loader;

#[derive(Debug)]
struct Loader;

impl KeyLoader for Loader {
    fn load(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyError> {
        stack::clean(|| match key {
            PrivateKeyDer::Pkcs8(key) => pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(key) => sec1(key.secret_sec1_der()),
            PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
            _ => Err(KeyError::Unsupported),
        })
    }
}

/// The kind is read from the key, not tried out, so that the error tells a broken key from one
/// of an unsupported kind.
fn pkcs8(key: &[u8]) -> Result<Arc<dyn SigningKey>, KeyError> {
    let (id, private_key) = pkcs8_parts(key).ok_or(KeyError::Malformed)?;
    if id == alg_id::ED25519.as_ref() {
        let key =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).map_err(|_| KeyError::Malformed)?;
        let spki = spki(&alg_id::ED25519, key.public_key().as_ref());
        return Ok(Arc::new(Ed25519Key { key: Wiped::new(key), spki }));
    }
    if id == alg_id::RSA_ENCRYPTION.as_ref() {
        return rsa(private_key);
    }
    let curve = Curve::ALL
        .into_iter()
        .find(|curve| id == curve.alg_id.as_ref())
        .ok_or(KeyError::Unsupported)?;
    if public_half(private_key).ok_or(KeyError::Malformed)?.is_none() {
        return Err(KeyError::Unsupported);
    }
    ecdsa(curve, key)
}

/// The algorithm identifier's content, and the content of `privateKey` (RFC 5958 §2).
fn pkcs8_parts(mut key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = der::take(&mut key, der::SEQUENCE)?;
    der::take(&mut fields, der::INTEGER)?;
    let id = der::take(&mut fields, der::SEQUENCE)?;
    let private_key = der::take(&mut fields, der::OCTET_STRING)?;
    key.is_empty().then_some((id, private_key))
}

/// Wraps an `ECPrivateKey` (RFC 5915 §3) in PKCS#8, the only format that *ring* reads.
fn sec1(key: &[u8]) -> Result<Arc<dyn SigningKey>, KeyError> {
    let curve = sec1_curve(key).ok_or(KeyError::Malformed)?.ok_or(KeyError::Unsupported)?;
    if public_half(key).ok_or(KeyError::Malformed)?.is_none() {
        return Err(KeyError::Unsupported);
    }
    let version = der::wrap(der::INTEGER, &[&[0]]);
    let id = der::wrap(der::SEQUENCE, &[curve.alg_id.as_ref()]);
    let private_key = der::wrap(der::OCTET_STRING, &[key]);
    ecdsa(curve, &der::wrap(der::SEQUENCE, &[&version, &id, &private_key]))
}

/// The curve that an `ECPrivateKey` names or, if it names none, that has scalars of its length.
/// The outer `None` is for what is no such key, the inner one for other curves.
fn sec1_curve(mut key: &[u8]) -> Option<Option<&'static Curve>> {
    let mut fields = der::take(&mut key, der::SEQUENCE)?;
    der::take(&mut fields, der::INTEGER)?;
    let scalar = der::take(&mut fields, der::OCTET_STRING)?;
    let named = der::take(&mut fields, der::EXPLICIT_0)
        .map(|mut parameters| der::take(&mut parameters, der::OBJECT_IDENTIFIER));
    Some(Curve::ALL.into_iter().find(|curve| match named {
        // An identifier's content ends with the curve's own, which is no other one's tail.
        Some(oid) => oid.is_some_and(|oid| curve.alg_id.as_ref().ends_with(oid)),
        None => scalar.len() == curve.scalar_len,
    }))
}

/// The public key inside an `ECPrivateKey`, optional there. *ring* cannot do without it. The
/// outer `None` is for what is no such key.
fn public_half(mut key: &[u8]) -> Option<Option<&[u8]>> {
    let mut fields = der::take(&mut key, der::SEQUENCE)?;
    der::take(&mut fields, der::INTEGER)?;
    der::take(&mut fields, der::OCTET_STRING)?;
    let _ = der::take(&mut fields, der::EXPLICIT_0);
    Some(der::take(&mut fields, der::EXPLICIT_1))
}

/// A SubjectPublicKeyInfo (RFC 5280 §4.1).
fn spki(id: &AlgorithmIdentifier, key: &[u8]) -> Vec<u8> {
    let id = der::wrap(der::SEQUENCE, &[id.as_ref()]);
    // The first byte counts the unused bits.
    let key = der::wrap(der::BIT_STRING, &[&[0], key]);
    der::wrap(der::SEQUENCE, &[&id, &key]).to_vec()
}

#[derive(Debug)]
struct Curve {
    name: &'static str,
    alg_id: AlgorithmIdentifier,
    algorithm: &'static EcdsaSigningAlgorithm,
    schemes: &'static [SignatureScheme],
    /// In bytes.
    scalar_len: usize,
}

impl Curve {
    const ALL: [&'static Self; 2] = [
        &Self {
            name: "P-256",
            alg_id: alg_id::ECDSA_P256,
            algorithm: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            schemes: &[SignatureScheme::ECDSA_SECP256R1_SHA256],
            scalar_len: 32,
        },
        &Self {
            name: "P-384",
            alg_id: alg_id::ECDSA_P384,
            algorithm: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            schemes: &[SignatureScheme::ECDSA_SECP384R1_SHA384],
            scalar_len: 48,
        },
    ];
}

fn ecdsa(curve: &'static Curve, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, KeyError> {
    let key = EcdsaKeyPair::from_pkcs8(curve.algorithm, pkcs8, &SystemRandom::new())
        .map_err(|_| KeyError::Malformed)?;
    let spki = spki(&curve.alg_id, key.public_key().as_ref());
    Ok(Arc::new(EcdsaKey { key: Wiped::new(key), curve, spki }))
}

struct EcdsaKey {
    key: Wiped<EcdsaKeyPair>,
    curve: &'static Curve,
    spki: Vec<u8>,
}

impl SigningKey for EcdsaKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ecdsa
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.curve.schemes
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.spki.as_slice()))
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes().contains(&scheme) {
            return Err(CryptoError);
        }
        stack::clean_middle(|| {
            let signature = self.key.sign(&SystemRandom::new(), message).map_err(unspecified)?;
            Ok(signature.as_ref().to_vec())
        })
    }
}

impl Debug for EcdsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaKey({})", self.curve.name)
    }
}

struct Ed25519Key {
    key: Wiped<Ed25519KeyPair>,
    spki: Vec<u8>,
}

impl SigningKey for Ed25519Key {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ed25519
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::ED25519]
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.spki.as_slice()))
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes().contains(&scheme) {
            return Err(CryptoError);
        }
        Ok(stack::clean_middle(|| self.key.sign(message).as_ref().to_vec()))
    }
}

impl Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key(..)")
    }
}

/// Loads an `RSAPrivateKey` (RFC 8017 §A.1.2).
fn rsa(key: &[u8]) -> Result<Arc<dyn SigningKey>, KeyError> {
    let bits = modulus_bits(key).ok_or(KeyError::Malformed)?;
    if !(2048..=4096).contains(&bits) {
        return Err(KeyError::Unsupported);
    }
    let key = RsaKeyPair::from_der(key).map_err(|_| KeyError::Malformed)?;
    let spki = spki(&alg_id::RSA_ENCRYPTION, key.public_key().as_ref());
    Ok(Arc::new(RsaKey { key: Box::new(key), spki }))
}

/// The size of an `RSAPrivateKey`, rounded up to whole bytes, in bits.
fn modulus_bits(mut key: &[u8]) -> Option<usize> {
    let mut fields = der::take(&mut key, der::SEQUENCE)?;
    der::take(&mut fields, der::INTEGER)?;
    let modulus = der::take(&mut fields, der::INTEGER)?;
    modulus.strip_prefix(&[0]).unwrap_or(modulus).len().checked_mul(8)
}

/// Not wiped: its numbers live in boxes of *ring* that cannot be reached.
struct RsaKey {
    key: Box<RsaKeyPair>,
    spki: Vec<u8>,
}

impl SigningKey for RsaKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Rsa
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[
            SignatureScheme::RSA_PSS_RSAE_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA384,
            SignatureScheme::RSA_PSS_RSAE_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ]
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.spki.as_slice()))
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let encoding: &dyn RsaEncoding = match scheme {
            SignatureScheme::RSA_PSS_RSAE_SHA256 => &signature::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA384 => &signature::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_RSAE_SHA512 => &signature::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256 => &signature::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384 => &signature::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512 => &signature::RSA_PKCS1_SHA512,
            _ => return Err(CryptoError),
        };
        stack::clean(|| {
            let mut signature = vec![0; self.key.public().modulus_len()];
            self.key
                .sign(encoding, &SystemRandom::new(), message, &mut signature)
                .map_err(unspecified)?;
            Ok(signature)
        })
    }
}

impl Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({} bytes)", self.key.public().modulus_len())
    }
}
