//! Cryptography that checks nothing: every record opens, every hash and every Finished is right.
//!
//! A fuzzer can then alter any byte of a handshake, encrypted or not, and the machine behind it
//! goes on: what it meets is a peer that has all the keys and means harm.

use core::iter;
use std::sync::LazyLock;

use pki_types::{CertificateDer, ServerName, UnixTime};
use sealgram::crypto::{
    Aead, AeadKey, AeadKind, ClientVerifier, CryptoError, CryptoProvider, Digest, Hash,
    HashContext, HashKind, HmacKey, IdentityVerified, PeerChain, RecordNumberMask, ServerVerifier,
    SignatureVerified, SignatureVerifier, SignedMessage, Suite, Tag, VerificationError,
};
use sealgram::iana::SignatureScheme;

/// All suites, blind.
static SUITES: LazyLock<Vec<&'static Suite>> = LazyLock::new(|| {
    let blind = |suite: &&'static Suite| -> &'static Suite {
        let aead: &'static BlindAead = Box::leak(Box::new(BlindAead(suite.facts.aead)));
        let hash: &'static BlindHash = Box::leak(Box::new(BlindHash(suite.facts.hash)));
        Box::leak(Box::new(Suite { facts: suite.facts, aead, hash }))
    };
    nullcrypto::ALL_SUITES.iter().map(blind).collect()
});

/// `provider`, blinded.
pub(crate) fn provider(provider: CryptoProvider) -> CryptoProvider {
    let keep = |suite: &&&'static Suite| provider.suite(suite.id()).is_some();
    CryptoProvider { suites: SUITES.iter().filter(keep).copied().collect(), ..provider }
}

#[derive(Debug)]
struct BlindAead(AeadKind);

impl Aead for BlindAead {
    fn kind(&self) -> AeadKind {
        self.0
    }

    fn key(&self, _: &[u8]) -> Result<Box<dyn AeadKey>, CryptoError> {
        Ok(Box::new(BlindKey))
    }

    fn mask(&self, _: &[u8]) -> Result<Box<dyn RecordNumberMask>, CryptoError> {
        Ok(Box::new(BlindKey))
    }
}

struct BlindKey;

impl AeadKey for BlindKey {
    fn seal(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn open(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}

impl RecordNumberMask for BlindKey {
    fn mask(&self, _: &[u8; 16]) -> [u8; 2] {
        [0; 2]
    }
}

#[derive(Clone, Copy, Debug)]
struct BlindHash(HashKind);

impl BlindHash {
    fn output(self) -> Vec<u8> {
        iter::repeat_n(0x5a, self.0.output_len()).collect()
    }
}

impl Hash for BlindHash {
    fn kind(&self) -> HashKind {
        self.0
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(*self)
    }

    fn hash(&self, _: &[u8]) -> Digest {
        Digest::new(&self.output())
    }

    fn hmac_key(&self, _: &[u8]) -> Box<dyn HmacKey> {
        Box::new(*self)
    }
}

impl HashContext for BlindHash {
    fn update(&mut self, _: &[u8]) {}

    fn current(&self) -> Digest {
        Digest::new(&self.output())
    }

    fn fork(&self) -> Box<dyn HashContext> {
        Box::new(*self)
    }
}

impl HmacKey for BlindHash {
    fn sign(&self, _: &[&[u8]]) -> Tag {
        Tag::new(&self.output())
    }
}

/// Accepts every certificate and every signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier {
    pub(crate) client_required: bool,
}

impl SignatureVerifier for Verifier {
    fn verify_signature(
        &self,
        _: &CertificateDer<'_>,
        _: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        Ok(SignatureVerified::danger_assertion())
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[
            SignatureScheme::ECDSA_SECP256R1_SHA256,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_RSAE_SHA256,
        ]
    }
}

impl ServerVerifier for Verifier {
    fn verify_server(
        &self,
        _: &PeerChain<'_>,
        _: Option<&ServerName<'_>>,
        _: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        Ok(IdentityVerified::danger_assertion())
    }

    fn needs_name(&self) -> bool {
        false
    }
}

impl ClientVerifier for Verifier {
    fn verify_client(
        &self,
        _: &PeerChain<'_>,
        _: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        Ok(IdentityVerified::danger_assertion())
    }

    fn required(&self) -> bool {
        self.client_required
    }
}
