//! Private keys that sign.
//!
//! | key | formats | schemes |
//! |---|---|---|
//! | ECDSA P-256, P-384 | PKCS#8, SEC1, with or without the public key inside | the curve's own |
//! | Ed25519 | PKCS#8 v1 and v2 | Ed25519 |
//!
//! RSA keys are refused as unsupported: see the crate's documentation.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use der::Decode;
use ed25519_dalek::Signer;
use p256::NistP256;
use p256::ecdsa::signature::hazmat::RandomizedPrehashSigner;
use p256::elliptic_curve::ALGORITHM_OID as EC_PUBLIC_KEY;
use p256::pkcs8::{AssociatedOid, EncodePublicKey, ObjectIdentifier, PrivateKeyInfoRef};
use p384::NistP384;
use pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use sealgram_crypto::{
    CryptoError, KeyError, KeyLoader, SecureRandom, SignatureAlgorithm, SigningKey,
};
use sealgram_iana::SignatureScheme;
use sec1::{EcParameters, EcPrivateKey};
use sha2::{Digest, Sha256, Sha384};

use crate::random::Source;

/// Ed25519 (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Loads the keys that this module describes, which draw their nonces' random part from a source.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) random: &'static dyn SecureRandom,
}

impl KeyLoader for Loader {
    fn load(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyError> {
        match key {
            PrivateKeyDer::Pkcs8(key) => self.pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(key) => {
                let key = malformed(EcPrivateKey::from_der(key.secret_sec1_der()))?;
                self.ecdsa(sec1_curve(&key)?, key)
            }
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl Loader {
    fn pkcs8(&self, key: &[u8]) -> Result<Arc<dyn SigningKey>, KeyError> {
        let info = malformed(PrivateKeyInfoRef::from_der(key))?;
        match info.algorithm.oid {
            ED25519 => {
                let key = malformed(ed25519_dalek::pkcs8::KeypairBytes::try_from(info))?;
                let key = malformed(ed25519_dalek::SigningKey::try_from(&key))?;
                let spki = malformed(key.verifying_key().to_public_key_der())?;
                Ok(Arc::new(Ed25519Key { key, spki: spki.as_bytes().to_vec() }))
            }
            EC_PUBLIC_KEY => {
                let curve = malformed(info.algorithm.parameters_oid())?;
                self.ecdsa(curve, malformed(EcPrivateKey::from_der(info.private_key.as_bytes()))?)
            }
            _ => Err(KeyError::Unsupported),
        }
    }

    fn ecdsa(
        &self,
        curve: ObjectIdentifier,
        key: EcPrivateKey<'_>,
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        let random = self.random;
        match curve {
            // A public half that does not fit makes the conversion fail.
            NistP256::OID => {
                let key = malformed(p256::SecretKey::try_from(key))?;
                let spki = malformed(key.public_key().to_public_key_der())?.as_bytes().to_vec();
                Ok(Arc::new(EcdsaKey { key: p256::ecdsa::SigningKey::from(key), random, spki }))
            }
            NistP384::OID => {
                let key = malformed(p384::SecretKey::try_from(key))?;
                let spki = malformed(key.public_key().to_public_key_der())?.as_bytes().to_vec();
                Ok(Arc::new(EcdsaKey { key: p384::ecdsa::SigningKey::from(key), random, spki }))
            }
            _ => Err(KeyError::Unsupported),
        }
    }
}

/// The curve that an `ECPrivateKey` names or, if it names none, that has scalars of its length
/// (RFC 5915 §3).
fn sec1_curve(key: &EcPrivateKey<'_>) -> Result<ObjectIdentifier, KeyError> {
    match (key.parameters, key.private_key.len()) {
        (Some(EcParameters::NamedCurve(curve)), _) => Ok(curve),
        (None, 32) => Ok(NistP256::OID),
        (None, 48) => Ok(NistP384::OID),
        _ => Err(KeyError::Unsupported),
    }
}

/// The libraries' reasons would tell of the key's content.
fn malformed<T, E>(result: Result<T, E>) -> Result<T, KeyError> {
    result.map_err(|_| KeyError::Malformed)
}

/// A curve's way to sign.
trait Ecdsa: Send + Sync {
    const NAME: &'static str;
    const SCHEMES: &'static [SignatureScheme];

    fn sign(&self, random: &dyn SecureRandom, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// Nonces are those of RFC 6979 with random bytes mixed in: a source that fails or repeats itself
/// makes signatures that repeat themselves, but gives no key away.
macro_rules! ecdsa {
    ($curve:ident, $name:literal, $scheme:ident, $hash:ident) => {
        impl Ecdsa for $curve::ecdsa::SigningKey {
            const NAME: &'static str = $name;
            const SCHEMES: &'static [SignatureScheme] = &[SignatureScheme::$scheme];

            fn sign(
                &self,
                random: &dyn SecureRandom,
                message: &[u8],
            ) -> Result<Vec<u8>, CryptoError> {
                let hashed = $hash::digest(message);
                let signature: $curve::ecdsa::Signature = self
                    .sign_prehash_with_rng(&mut Source(random), &hashed)
                    .map_err(|_| CryptoError)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    };
}

ecdsa!(p256, "P-256", ECDSA_SECP256R1_SHA256, Sha256);
ecdsa!(p384, "P-384", ECDSA_SECP384R1_SHA384, Sha384);

struct EcdsaKey<K> {
    /// Wipes itself on drop.
    key: K,
    random: &'static dyn SecureRandom,
    spki: Vec<u8>,
}

impl<K: Ecdsa> SigningKey for EcdsaKey<K> {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ecdsa
    }

    fn schemes(&self) -> &[SignatureScheme] {
        K::SCHEMES
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.spki.as_slice()))
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes().contains(&scheme) {
            return Err(CryptoError);
        }
        self.key.sign(self.random, message)
    }
}

impl<K: Ecdsa> Debug for EcdsaKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaKey({})", K::NAME)
    }
}

struct Ed25519Key {
    /// Wipes itself on drop.
    key: ed25519_dalek::SigningKey,
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
        let signature = self.key.try_sign(message).map_err(|_| CryptoError)?;
        Ok(signature.to_bytes().to_vec())
    }
}

impl Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key(..)")
    }
}
