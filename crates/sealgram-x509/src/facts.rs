//! What our own chains say, so that the right one can be chosen.

use pki_types::CertificateDer;
use sealgram_crypto::ChainFacts;
use sealgram_iana::SignatureScheme;

use crate::der::Certificate;

/// The facts of a chain, leaf first. What cannot be read is left out: whether a chain is any good
/// is for the peer to say.
#[must_use]
pub fn chain_facts(chain: &[CertificateDer<'_>]) -> ChainFacts {
    let mut facts = ChainFacts::default();
    for (index, der) in chain.iter().enumerate() {
        let Ok(certificate) = Certificate::read(der) else { continue };
        if index == 0 {
            facts.dns_names = certificate.dns_names().unwrap_or_default();
        }
        facts.issuers.push(certificate.issuer.to_vec());
        if certificate.issuer != certificate.subject {
            let algorithm = certificate.signature_algorithm().ok();
            facts.signed_with.push(algorithm.and_then(|(oid, params)| scheme(oid, params)));
        }
    }
    facts
}

/// The scheme that stands for a certificate's signature algorithm. In certificates an ECDSA scheme
/// says nothing about the curve, and RSA-PSS is one thing whatever the key is marked for.
fn scheme(oid: &[u8], params: &[u8]) -> Option<SignatureScheme> {
    use SignatureScheme as S;
    Some(match oid {
        // 1.2.840.10045.4.1 and 4.3.2 to 4.3.4.
        b"\x2a\x86\x48\xce\x3d\x04\x01" => S::ECDSA_SHA1,
        b"\x2a\x86\x48\xce\x3d\x04\x03\x02" => S::ECDSA_SECP256R1_SHA256,
        b"\x2a\x86\x48\xce\x3d\x04\x03\x03" => S::ECDSA_SECP384R1_SHA384,
        b"\x2a\x86\x48\xce\x3d\x04\x03\x04" => S::ECDSA_SECP521R1_SHA512,
        // 1.2.840.113549.1.1.5 and 11 to 13.
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05" => S::RSA_PKCS1_SHA1,
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b" => S::RSA_PKCS1_SHA256,
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c" => S::RSA_PKCS1_SHA384,
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d" => S::RSA_PKCS1_SHA512,
        // 1.2.840.113549.1.1.10: the hash is in the parameters.
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" => pss(params)?,
        // 1.3.101.112 and 113.
        b"\x2b\x65\x70" => S::ED25519,
        b"\x2b\x65\x71" => S::ED448,
        _ => return None,
    })
}

/// RSA-PSS by the first hash that its parameters name (RFC 4055 §3.1); without one it is SHA-1,
/// which has no scheme.
fn pss(params: &[u8]) -> Option<SignatureScheme> {
    // 2.16.840.1.101.3.4.2, with its header but without the last number.
    const SHA2: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02";
    let at = params.windows(SHA2.len()).position(|window| window == SHA2)?;
    match params.get(at.checked_add(SHA2.len())?)? {
        1 => Some(SignatureScheme::RSA_PSS_RSAE_SHA256),
        2 => Some(SignatureScheme::RSA_PSS_RSAE_SHA384),
        3 => Some(SignatureScheme::RSA_PSS_RSAE_SHA512),
        _ => None,
    }
}
