//! Authentication, the same for both versions: certificates become proofs.

use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};
use sealgram_crypto::{
    CertificateError, Digest, IdentityVerified, PeerChain, SignatureVerified, SignatureVerifier,
    SignedMessage,
};
use sealgram_iana::{SignatureScheme, Version};
use sealgram_wire::DigitallySigned;

use crate::config::Signatures;
use crate::shown::PeerIdentity;
use crate::{
    Ask, ClientConfig, ClientVerification, Error, ExternalPsk, PeerIncompatible, PeerMisbehaved,
    RawPublicKeyVerification, ServerConfig, ServerVerification, Session, Side, VerifyPeer,
    VerifyRawPublicKey,
};

/// Proof that the peer is who it should be. The states that derive keys or send a Finished take
/// it, so they cannot be reached without it.
#[derive(Debug)]
#[must_use]
pub(crate) struct PeerAuthenticated(());

impl PeerAuthenticated {
    /// By a certificate that was accepted and a signature that its key made.
    pub(crate) fn by_certificate(_: IdentityVerified, _: SignatureVerified) -> Self {
        Self(())
    }

    /// By the session that is resumed: the peer has shown that it holds its secret, and was
    /// authenticated when the session was made.
    pub(crate) fn by_session(_: &Session) -> Self {
        Self(())
    }

    /// By a key that only the two sides have: the peer has shown that it holds it, by a binder or
    /// by a Finished under keys that derive from it.
    pub(crate) fn by_psk(_: &ExternalPsk) -> Self {
        Self(())
    }

    /// A client that has no certificate, where the configuration does not require one.
    pub(crate) fn anonymous_client(config: &ServerConfig) -> Result<Self, Error> {
        if config.client_certificate_required() {
            return Err(Error::NoPeerCertificate);
        }
        Ok(Self(()))
    }
}

/// The outcome of looking at an identity: known at once, or when the application has answered.
pub(crate) enum Identity {
    Verified(IdentityVerified),
    Asked(Ask),
}

/// Starts to verify what a server shows, for the configured name.
pub(crate) fn verify_server(
    config: &ClientConfig,
    shown: &PeerIdentity,
    name: Option<&ServerName<'static>>,
) -> Result<Identity, Error> {
    match shown {
        PeerIdentity::Nothing => Err(PeerMisbehaved::EmptyCertificate.into()),
        PeerIdentity::Chain(chain) => verify_server_chain(config, chain, name),
        PeerIdentity::RawPublicKey(key) => {
            verify_raw_public_key(config.raw_public_keys.as_ref(), key, name)
        }
    }
}

/// Starts to verify a raw public key of either side.
fn verify_raw_public_key(
    verification: Option<&RawPublicKeyVerification>,
    public_key: &SubjectPublicKeyInfoDer<'static>,
    name: Option<&ServerName<'static>>,
) -> Result<Identity, Error> {
    match verification.ok_or(PeerIncompatible::NoSharedCertificateType)? {
        RawPublicKeyVerification::Inline(verifier) => {
            Ok(Identity::Verified(verifier.verify_raw_public_key(public_key, name)?))
        }
        RawPublicKeyVerification::Ask(_) => {
            Ok(Identity::Asked(Ask::VerifyRawPublicKey(VerifyRawPublicKey {
                public_key: public_key.clone(),
                server_name: name.cloned(),
            })))
        }
    }
}

fn verify_server_chain(
    config: &ClientConfig,
    chain: &[CertificateDer<'static>],
    name: Option<&ServerName<'static>>,
) -> Result<Identity, Error> {
    match &config.verification {
        ServerVerification::Inline(verifier) => {
            let now = config.common.wall_clock.now();
            Ok(Identity::Verified(verifier.verify_server(&peer_chain(chain)?, name, now)?))
        }
        ServerVerification::Psk(_) => Err(PeerIncompatible::NoSharedPsk.into()),
        ServerVerification::RawPublicKeysOnly => {
            Err(PeerIncompatible::NoSharedCertificateType.into())
        }
        ServerVerification::Ask(_) => Ok(Identity::Asked(Ask::VerifyPeer(VerifyPeer {
            chain: chain.to_vec(),
            server_name: name.cloned(),
        }))),
    }
}

/// Verifies the identity of a session that is resumed. Configurations that ask the application resume
/// no session if this is wanted, so there is nothing to ask here.
pub(crate) fn verify_server_again(
    config: &ClientConfig,
    shown: &PeerIdentity,
    name: Option<&ServerName<'static>>,
) -> Result<(), Error> {
    match verify_server(config, shown, name)? {
        Identity::Verified(IdentityVerified { .. }) => Ok(()),
        Identity::Asked(_) => Err(refused(CertificateError::UnsupportedAlgorithm)),
    }
}

/// Starts to verify what a client shows.
pub(crate) fn verify_client(
    config: &ServerConfig,
    shown: &PeerIdentity,
) -> Result<Identity, Error> {
    let chain = match shown {
        PeerIdentity::Nothing => return Err(Error::NoPeerCertificate),
        PeerIdentity::Chain(chain) => chain,
        PeerIdentity::RawPublicKey(key) => {
            return verify_raw_public_key(config.raw_public_keys.as_ref(), key, None);
        }
    };
    match &config.verification {
        ClientVerification::Inline(verifier) => {
            let now = config.common.wall_clock.now();
            Ok(Identity::Verified(verifier.verify_client(&peer_chain(chain)?, now)?))
        }
        ClientVerification::Ask { .. } => Ok(Identity::Asked(Ask::VerifyPeer(VerifyPeer {
            chain: chain.clone(),
            server_name: None,
        }))),
        // A chain that nobody asked for never gets here: the state machine refuses it.
        ClientVerification::None => Err(refused(CertificateError::UnsupportedAlgorithm)),
    }
}

fn refused(error: CertificateError) -> Error {
    Error::PeerIdentity(error.into())
}

/// Verifies a handshake signature with the key that the peer shows: a certificate's by whoever
/// verifies certificates, a raw one by whoever verifies those, and never the other way round.
pub(crate) fn verify_signature(
    signatures: Signatures<'_>,
    shown: &PeerIdentity,
    message: &SignedMessage<'_>,
) -> Result<SignatureVerified, Error> {
    let verified = match shown {
        PeerIdentity::Nothing => return Err(PeerMisbehaved::EmptyCertificate.into()),
        PeerIdentity::Chain(chain) => {
            let verifier = signatures.certificates;
            let verifier = verifier.ok_or(PeerIncompatible::NoSharedCertificateType)?;
            check_offered(verifier.schemes(), message)?;
            verifier.verify_signature(peer_chain(chain)?.end_entity, message)
        }
        PeerIdentity::RawPublicKey(key) => {
            let verifier = signatures.raw_public_keys;
            let verifier = verifier.ok_or(PeerIncompatible::NoSharedCertificateType)?;
            check_offered(verifier.schemes(), message)?;
            verifier.verify_raw_signature(key, message)
        }
    };
    verified.map_err(|error| match error.errors().first() {
        Some(CertificateError::BadSignature) => PeerMisbehaved::BadSignature.into(),
        _ => Error::PeerIdentity(error),
    })
}

/// What a peer is told about chains: nothing if what it is told about handshakes holds for them
/// too (RFC 8446 §4.2.3).
pub(crate) fn certificate_schemes(verifier: &dyn SignatureVerifier) -> Option<&[SignatureScheme]> {
    let schemes = verifier.certificate_schemes();
    (!schemes.is_empty() && schemes != verifier.schemes()).then_some(schemes)
}

/// A peer may sign only with a scheme that we offered and that its version allows (RFC 5246
/// §7.4.3, RFC 8446 §4.4.3).
fn check_offered(schemes: &[SignatureScheme], message: &SignedMessage<'_>) -> Result<(), Error> {
    let allowed = message.version == Version::V12 || message.scheme.usable_in_dtls13();
    if allowed && schemes.contains(&message.scheme) {
        Ok(())
    } else {
        Err(PeerMisbehaved::UnofferedSignatureScheme.into())
    }
}

/// A peer's signature as a [`SignedMessage`] over `message`.
pub(crate) fn signed<'a>(
    version: Version,
    message: &'a [u8],
    signature: &DigitallySigned<'a>,
) -> SignedMessage<'a> {
    SignedMessage { version, message, scheme: signature.scheme, signature: signature.signature }
}

fn peer_chain<'a>(chain: &'a [CertificateDer<'static>]) -> Result<PeerChain<'a>, Error> {
    let (end_entity, intermediates) =
        chain.split_first().ok_or(PeerMisbehaved::EmptyCertificate)?;
    Ok(PeerChain { end_entity, intermediates })
}

/// What a 1.3 CertificateVerify of `side` signs (RFC 8446 §4.4.3).
pub(crate) fn signed_bytes_v13(side: Side, transcript: &Digest) -> Vec<u8> {
    let context: &[u8] = match side {
        Side::Client => b"TLS 1.3, client CertificateVerify\0",
        Side::Server => b"TLS 1.3, server CertificateVerify\0",
    };
    [&[0x20; 64], context, transcript.as_ref()].concat()
}
