//! Authentication, the same for both versions: certificates become proofs.

use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName};
use sealgram_crypto::{
    CertificateError, Digest, IdentityVerified, PeerChain, SignatureVerified, SignatureVerifier,
    SignedMessage,
};
use sealgram_iana::{SignatureScheme, Version};
use sealgram_wire::{Asn1Cert, DigitallySigned, List, Message, messages13};

use crate::error::malformed;
use crate::{
    Ask, ClientConfig, ClientVerification, Error, ExternalPsk, PeerIncompatible, PeerMisbehaved,
    ServerConfig, ServerVerification, Session, Side, VerifyPeer,
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
        ServerVerification::Psk(_) => Err(PeerIncompatible::NoSharedPsk.into()),
        ServerVerification::Ask(_) => Ok(Identity::Asked(Ask::VerifyPeer(VerifyPeer {
            chain: chain.to_vec(),
            server_name: name.cloned(),
        }))),
    }
}

/// Verifies the chain of a session that is resumed. Configurations that ask the application resume
/// no session if this is wanted, so there is nothing to ask here.
pub(crate) fn verify_server_again(
    config: &ClientConfig,
    chain: &[CertificateDer<'static>],
    name: Option<&ServerName<'static>>,
) -> Result<(), Error> {
    match verify_server(config, chain, name)? {
        Identity::Verified(IdentityVerified { .. }) => Ok(()),
        Identity::Asked(_) => Err(refused(CertificateError::UnsupportedAlgorithm)),
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
        ClientVerification::None => Err(refused(CertificateError::UnsupportedAlgorithm)),
    }
}

fn refused(error: CertificateError) -> Error {
    Error::PeerIdentity(error.into())
}

/// Verifies a handshake signature with the leaf's key.
pub(crate) fn verify_signature(
    verifier: Option<&dyn SignatureVerifier>,
    chain: &[CertificateDer<'static>],
    message: &SignedMessage<'_>,
) -> Result<SignatureVerified, Error> {
    // Nobody asked for a certificate, so nobody can say whether it is good.
    let verifier = verifier.ok_or(PeerIncompatible::NoSharedSignatureScheme)?;
    check_offered(verifier, message)?;
    let chain = peer_chain(chain)?;
    verifier.verify_signature(chain.end_entity, message).map_err(|error| {
        match error.errors().first() {
            Some(CertificateError::BadSignature) => PeerMisbehaved::BadSignature.into(),
            _ => Error::PeerIdentity(error),
        }
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
fn check_offered(
    verifier: &dyn SignatureVerifier,
    message: &SignedMessage<'_>,
) -> Result<(), Error> {
    let allowed = message.version == Version::V12 || message.scheme.usable_in_dtls13();
    if allowed && verifier.schemes().contains(&message.scheme) {
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

/// The chain in a 1.3 Certificate message of the handshake, leaf first; may be empty.
pub(crate) fn read_chain_v13(message: &Message<'_>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificate = messages13::Certificate::read(message.body).map_err(malformed(message))?;
    // A server's is empty, and a client's repeats that of the request, which was (RFC 8446
    // §4.4.2).
    if !certificate.certificate_request_context.is_empty() {
        return Err(PeerMisbehaved::BadCertificateContext.into());
    }
    let mut chain = Vec::new();
    for entry in certificate.certificate_list.iter() {
        // None of the extensions that may be answered here is ever offered.
        if let Some(extension) = entry.extensions.iter().next() {
            return Err(PeerMisbehaved::UnsolicitedExtension(extension.extension_type).into());
        }
        chain.push(CertificateDer::from(entry.cert_data.to_vec()));
    }
    Ok(chain)
}

/// A chain as it is sent, leaf first; may be empty.
pub(crate) fn encode_chain_v13(chain: &[CertificateDer<'static>]) -> Vec<u8> {
    let entries: Vec<_> = chain
        .iter()
        .map(|der| messages13::CertificateEntry { cert_data: der, extensions: List::default() })
        .collect();
    messages13::Certificate {
        certificate_request_context: &[],
        certificate_list: List::from_slice(&entries),
    }
    .encode()
}

/// What a 1.3 CertificateVerify of `side` signs (RFC 8446 §4.4.3).
pub(crate) fn signed_bytes_v13(side: Side, transcript: &Digest) -> Vec<u8> {
    let context: &[u8] = match side {
        Side::Client => b"TLS 1.3, client CertificateVerify\0",
        Side::Server => b"TLS 1.3, server CertificateVerify\0",
    };
    [&[0x20; 64], context, transcript.as_ref()].concat()
}
