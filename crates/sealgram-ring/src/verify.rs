//! Signature verification.

use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sealgram_crypto::SignatureAlgorithms;
use sealgram_iana::SignatureScheme;

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
    ($( $(#[$meta:meta])* $name:ident = $public_key:expr, $signature:expr, $ring:ident; )*) => {
        $(
            $(#[$meta])*
            pub static $name: &dyn SignatureVerificationAlgorithm = &Algorithm {
                public_key: $public_key,
                signature: $signature,
                ring: &signature::$ring,
            };
        )*
    };
}

algorithms! {
    /// ECDSA over P-256 with SHA-256.
    ECDSA_P256_SHA256 = alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, ECDSA_P256_SHA256_ASN1;
    /// ECDSA over P-256 with SHA-384.
    ECDSA_P256_SHA384 = alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, ECDSA_P256_SHA384_ASN1;
    /// ECDSA over P-384 with SHA-256.
    ECDSA_P384_SHA256 = alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, ECDSA_P384_SHA256_ASN1;
    /// ECDSA over P-384 with SHA-384.
    ECDSA_P384_SHA384 = alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, ECDSA_P384_SHA384_ASN1;
    /// Ed25519.
    ED25519 = alg_id::ED25519, alg_id::ED25519, ED25519;
    /// RSA PKCS#1 v1.5 with SHA-256, keys of 2048 to 8192 bits.
    RSA_PKCS1_2048_8192_SHA256 =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256, RSA_PKCS1_2048_8192_SHA256;
    /// RSA PKCS#1 v1.5 with SHA-384, keys of 2048 to 8192 bits.
    RSA_PKCS1_2048_8192_SHA384 =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384, RSA_PKCS1_2048_8192_SHA384;
    /// RSA PKCS#1 v1.5 with SHA-512, keys of 2048 to 8192 bits.
    RSA_PKCS1_2048_8192_SHA512 =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512, RSA_PKCS1_2048_8192_SHA512;
    /// RSA PKCS#1 v1.5 with SHA-256 where a certificate leaves the NULL parameters out, which
    /// must be accepted (RFC 4055 §5).
    RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS =
        alg_id::RSA_ENCRYPTION, absent_params(&SHA256_WITH_RSA), RSA_PKCS1_2048_8192_SHA256;
    /// RSA PKCS#1 v1.5 with SHA-384 without parameters (RFC 4055 §5).
    RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS =
        alg_id::RSA_ENCRYPTION, absent_params(&SHA384_WITH_RSA), RSA_PKCS1_2048_8192_SHA384;
    /// RSA PKCS#1 v1.5 with SHA-512 without parameters (RFC 4055 §5).
    RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS =
        alg_id::RSA_ENCRYPTION, absent_params(&SHA512_WITH_RSA), RSA_PKCS1_2048_8192_SHA512;
    /// RSA-PSS with SHA-256 by a key that is marked for any use of RSA.
    RSA_PSS_2048_8192_SHA256_LEGACY_KEY =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256;
    /// RSA-PSS with SHA-384 by a key that is marked for any use of RSA.
    RSA_PSS_2048_8192_SHA384_LEGACY_KEY =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384;
    /// RSA-PSS with SHA-512 by a key that is marked for any use of RSA.
    RSA_PSS_2048_8192_SHA512_LEGACY_KEY =
        alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512;
}

// 1.2.840.113549.1.1.11 to 13.
static SHA256_WITH_RSA: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
static SHA384_WITH_RSA: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
static SHA512_WITH_RSA: [u8; 11] = *b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";

const fn absent_params(oid: &'static [u8]) -> AlgorithmIdentifier {
    AlgorithmIdentifier::from_slice(oid)
}

#[derive(Debug)]
struct Algorithm {
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    ring: &'static dyn VerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.ring, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
