//! Authentication, the same for both versions: certificates become proofs.

use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName};
use sealgram_crypto::{
    CertificateError, IdentityVerified, PeerChain, SignatureVerified, SignatureVerifier,
    SignedMessage,
};
use sealgram_iana::SignatureScheme;
use sealgram_wire::{Asn1Cert, DigitallySigned, List};

use crate::{
    Ask, ClientConfig, ClientVerification, Error, PeerMisbehaved, ServerConfig, ServerVerification,
    VerifyPeer,
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

    /// A client that has no certificate, where the configuration does not require one.
    pub(crate) fn anonymous_client(config: &ServerConfig) -> Result<Self, Error> {
        if config.client_certificate_required() {
            return Err(Error::NoPeerCertificate);
        }
        Ok(Self(()))
    }
}

/// Owned copies of the certificates that a peer sent, leaf first.
pub(crate) fn own_chain(list: &List<'_, Asn1Cert<'_>>) -> Vec<CertificateDer<'static>> {
    list.iter().map(|der| CertificateDer::from(der.0.to_vec())).collect()
}

/// The outcome of looking at an identity: known at once, or when the application has answered.
pub(crate) enum Identity {
    Verified(IdentityVerified),
    Asked(Ask),
}

/// Starts to verify a server's chain (not empty) for the configured name.
pub(crate) fn verify_server(
    config: &ClientConfig,
    chain: &[CertificateDer<'static>],
    name: Option<&ServerName<'static>>,
) -> Result<Identity, Error> {
    match &config.verification {
        ServerVerification::Inline(verifier) => {
            let now = config.common.wall_clock.now();
            Ok(Identity::Verified(verifier.verify_server(&peer_chain(chain)?, name, now)?))
        }
        ServerVerification::Ask(_) => Ok(Identity::Asked(Ask::VerifyPeer(VerifyPeer {
            chain: chain.to_vec(),
            server_name: name.cloned(),
        }))),
    }
}

/// Starts to verify a client's chain (not empty).
pub(crate) fn verify_client(
    config: &ServerConfig,
    chain: &[CertificateDer<'static>],
) -> Result<Identity, Error> {
    match &config.verification {
        ClientVerification::Inline(verifier) => {
            let now = config.common.wall_clock.now();
            Ok(Identity::Verified(verifier.verify_client(&peer_chain(chain)?, now)?))
        }
        ClientVerification::Ask { .. } => Ok(Identity::Asked(Ask::VerifyPeer(VerifyPeer {
            chain: chain.to_vec(),
            server_name: None,
        }))),
        // A chain that nobody asked for never gets here: the state machine refuses it.
        ClientVerification::None => {
            Err(CertificateError::UnsupportedAlgorithm).map_err(|e| Error::PeerIdentity(e.into()))
        }
    }
}

/// Verifies a handshake signature with the leaf's key.
pub(crate) fn verify_signature(
    verifier: &dyn SignatureVerifier,
    chain: &[CertificateDer<'static>],
    message: &SignedMessage<'_>,
) -> Result<SignatureVerified, Error> {
    check_offered(verifier, message.scheme)?;
    let chain = peer_chain(chain)?;
    verifier.verify_signature(chain.end_entity, message).map_err(|error| {
        match error.errors().first() {
            Some(CertificateError::BadSignature) => PeerMisbehaved::BadSignature.into(),
            _ => Error::PeerIdentity(error),
        }
    })
}

/// A peer may sign only with a scheme that we offered (RFC 5246 §7.4.3, RFC 8446 §4.4.3).
fn check_offered(verifier: &dyn SignatureVerifier, scheme: SignatureScheme) -> Result<(), Error> {
    if verifier.schemes().contains(&scheme) {
        Ok(())
    } else {
        Err(PeerMisbehaved::UnofferedSignatureScheme.into())
    }
}

/// A peer's signature as a [`SignedMessage`] over `message`.
pub(crate) fn signed<'a>(
    version: sealgram_iana::Version,
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
