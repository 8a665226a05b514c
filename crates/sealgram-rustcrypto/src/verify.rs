//! Signature verification.

use core::fmt::Debug;

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use rsa::traits::{PublicKeyParts, SignatureScheme as RsaPadding};
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sealgram_crypto::SignatureAlgorithms;
use sealgram_iana::SignatureScheme;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// All algorithms of this crate, and the schemes that they serve.
pub static SIGNATURE_ALGORITHMS: SignatureAlgorithms = SignatureAlgorithms {
    all: &[
        ECDSA_P256_SHA256,
        ECDSA_P256_SHA384,
        ECDSA_P384_SHA256,
        ECDSA_P384_SHA384,
        ED25519,
        RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512,
        RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        // The curve of the scheme's name first: 1.3 takes no other.
        (SignatureScheme::ECDSA_SECP256R1_SHA256, &[ECDSA_P256_SHA256, ECDSA_P384_SHA256]),
        (SignatureScheme::ECDSA_SECP384R1_SHA384, &[ECDSA_P384_SHA384, ECDSA_P256_SHA384]),
        (SignatureScheme::ED25519, &[ED25519]),
        (SignatureScheme::RSA_PSS_RSAE_SHA256, &[RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_RSAE_SHA384, &[RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_RSAE_SHA512, &[RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[RSA_PKCS1_2048_8192_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[RSA_PKCS1_2048_8192_SHA512]),
    ],
};

macro_rules! algorithms {
    ($( $(#[$meta:meta])* $name:ident = $public_key:expr, $signature:expr, $check:expr; )*) => {
        $(
            $(#[$meta])*
            pub static $name: &dyn SignatureVerificationAlgorithm = &Algorithm {
                name: stringify!($name),
                public_key: $public_key,
                signature: $signature,
                check: $check,
            };
        )*
    };
}

algorithms! {
    /// ECDSA over P-256 with SHA-256.
    ECDSA_P256_SHA256 = alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, ecdsa_p256::<Sha256>;
    /// ECDSA over P-256 with SHA-384.
    ECDSA_P256_SHA384 = alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, ecdsa_p256::<Sha384>;
    /// ECDSA over P-384 with SHA-256.
    ECDSA_P384_SHA256 = alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, ecdsa_p384::<Sha256>;
    /// ECDSA over P-384 with SHA-384.
    ECDSA_P384_SHA384 = alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, ecdsa_p384::<Sha384>;
    /// Ed25519.
    ED25519 = alg_id::ED25519, alg_id::ED25519, ed25519;
    /// RSA PKCS#1 v1.5 with SHA-256, keys of 2048 to 8192 bits.
    RSA_PKCS1_2048_8192_SHA256 =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256, rsa_pkcs1_sha256;
    /// RSA PKCS#1 v1.5 with SHA-384, keys of 2048 to 8192 bits.
    RSA_PKCS1_2048_8192_SHA384 =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384, rsa_pkcs1_sha384;
    /// RSA PKCS#1 v1.5 with SHA-512, keys of 2048 to 8192 bits.
    RSA_PKCS1_2048_8192_SHA512 =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512, rsa_pkcs1_sha512;
    /// RSA PKCS#1 v1.5 with SHA-256 where a certificate leaves the NULL parameters out, which
    /// must be accepted (RFC 4055 §5).
    RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS =
        alg_id::RSA_ENCRYPTION, absent_params(&SHA256_WITH_RSA), rsa_pkcs1_sha256;
    /// RSA PKCS#1 v1.5 with SHA-384 without parameters (RFC 4055 §5).
    RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS =
        alg_id::RSA_ENCRYPTION, absent_params(&SHA384_WITH_RSA), rsa_pkcs1_sha384;
    /// RSA PKCS#1 v1.5 with SHA-512 without parameters (RFC 4055 §5).
    RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS =
        alg_id::RSA_ENCRYPTION, absent_params(&SHA512_WITH_RSA), rsa_pkcs1_sha512;
    /// RSA-PSS with SHA-256 by a key that is marked for any use of RSA.
    RSA_PSS_2048_8192_SHA256_LEGACY_KEY =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256, rsa_pss_sha256;
    /// RSA-PSS with SHA-384 by a key that is marked for any use of RSA.
    RSA_PSS_2048_8192_SHA384_LEGACY_KEY =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384, rsa_pss_sha384;
    /// RSA-PSS with SHA-512 by a key that is marked for any use of RSA.
    RSA_PSS_2048_8192_SHA512_LEGACY_KEY =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512, rsa_pss_sha512;
}

// 1.2.840.113549.1.1.11 to 13.
static SHA256_WITH_RSA: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
static SHA384_WITH_RSA: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
static SHA512_WITH_RSA: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";

const fn absent_params(oid: &'static [u8]) -> AlgorithmIdentifier {
    AlgorithmIdentifier::from_slice(oid)
}

/// Key, message, signature: whether they belong together. `None` is a no, like `Some(false)`.
type Check = fn(&[u8], &[u8], &[u8]) -> Option<()>;

struct Algorithm {
    name: &'static str,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    check: Check,
}

impl Debug for Algorithm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        (self.check)(public_key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// How a point begins that is given in full. Compressed ones are optional (RFC 5480 §2.2), and a
/// second spelling of a key is of use to nobody.
const UNCOMPRESSED: u8 = 4;

fn ecdsa_p256<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = key.first().filter(|first| **first == UNCOMPRESSED).map(|_| key)?;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

fn ecdsa_p384<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = key.first().filter(|first| **first == UNCOMPRESSED).map(|_| key)?;
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

/// Strict: a key of small order verifies nothing.
fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::try_from(key).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(message, &signature).ok()
}

// What precedes the hash in the padded message (RFC 8017 §9.2, note 1).
const DIGEST_INFO_SHA256: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
const DIGEST_INFO_SHA384: &[u8] =
    b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30";
const DIGEST_INFO_SHA512: &[u8] =
    b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";

fn rsa_pkcs1_sha256(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa(key, pkcs1(DIGEST_INFO_SHA256), &Sha256::digest(message), signature)
}

fn rsa_pkcs1_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa(key, pkcs1(DIGEST_INFO_SHA384), &Sha384::digest(message), signature)
}

fn rsa_pkcs1_sha512(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa(key, pkcs1(DIGEST_INFO_SHA512), &Sha512::digest(message), signature)
}

fn pkcs1(prefix: &[u8]) -> Pkcs1v15Sign {
    Pkcs1v15Sign { hash_len: None, prefix: prefix.into() }
}

// The salt is as long as the hash (RFC 8446 §4.2.3), which is what `new` takes.

fn rsa_pss_sha256(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa(key, Pss::<Sha256>::new(), &Sha256::digest(message), signature)
}

fn rsa_pss_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa(key, Pss::<Sha384>::new(), &Sha384::digest(message), signature)
}

fn rsa_pss_sha512(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa(key, Pss::<Sha512>::new(), &Sha512::digest(message), signature)
}

fn rsa(key: &[u8], padding: impl RsaPadding, hashed: &[u8], signature: &[u8]) -> Option<()> {
    let key = rsa_public_key(key)?;
    // RFC 8017 §8.1.2 and §8.2.2, step 1.
    if signature.len() != key.size() {
        return None;
    }
    key.verify(padding, hashed, signature).ok()
}

/// The smallest modulus in bits. The largest, 8192, and the largest exponent, 2^33 - 1, are those
/// of `RsaPublicKey::new`: both bound the work that a certificate can make.
const MIN_MODULUS: u32 = 2048;

/// Reads an `RSAPublicKey` (RFC 8017 §A.1.1).
fn rsa_public_key(der: &[u8]) -> Option<RsaPublicKey> {
    let mut reader = SliceReader::new(der).ok()?;
    let (modulus, exponent) = reader
        .sequence(|fields| {
            Ok::<_, der::Error>((UintRef::decode(fields)?, UintRef::decode(fields)?))
        })
        .ok()?;
    reader.finish().ok()?;
    let [modulus, exponent] =
        [modulus, exponent].map(|number| BoxedUint::from_be_slice_vartime(number.as_bytes()));
    if modulus.bits_vartime() < MIN_MODULUS {
        return None;
    }
    RsaPublicKey::new(modulus, exponent).ok()
}
