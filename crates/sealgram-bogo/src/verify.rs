//! A verifier that says what the test wants, and remembers what it said.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use sealgram::crypto::{
    CertificateError, ClientVerifier, IdentityVerified, PeerChain, ServerVerifier,
    SignatureAlgorithms, SignatureVerified, SignatureVerifier, SignedMessage, VerificationError,
};
use sealgram::danger::AcceptAnyServer;
use sealgram::iana::{AlertDescription, SignatureScheme};
use sealgram::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::flags::Options;

/// Judges chains by the flags of the test alone; signatures are verified in earnest.
#[derive(Debug)]
pub(crate) struct Verdict {
    signatures: Arc<AcceptAnyServer>,
    schemes: Vec<SignatureScheme>,
    /// `None`: the chain is good.
    refuse_with: Option<AlertDescription>,
    /// Whether a bad chain ends the handshake.
    binding: bool,
    required: bool,
    refused: Arc<AtomicBool>,
}

impl Verdict {
    /// `refused` remembers whether the last chain was found bad, obeyed or not.
    pub(crate) fn new(
        options: &Options,
        algorithms: SignatureAlgorithms,
        refused: Arc<AtomicBool>,
    ) -> Arc<Self> {
        let schemes = if options.verify_prefs.is_empty() {
            algorithms.schemes()
        } else {
            options.verify_prefs.clone()
        };
        let alert = if options.use_custom_verify_callback {
            AlertDescription::CERTIFICATE_UNKNOWN
        } else {
            AlertDescription::HANDSHAKE_FAILURE
        };
        Arc::new(Self {
            signatures: AcceptAnyServer::new(algorithms),
            schemes,
            refuse_with: options.verify_fail.then_some(alert),
            binding: options.verify_peer || options.require_any_client_certificate,
            required: options.require_any_client_certificate,
            refused,
        })
    }

    pub(crate) fn judge(&self) -> Result<IdentityVerified, VerificationError> {
        self.refused.store(self.refuse_with.is_some(), Ordering::Relaxed);
        match self.refuse_with {
            Some(alert) => {
                if !self.binding {
                    return Ok(IdentityVerified::danger_assertion());
                }
                let reason = CertificateError::Other("the test says so".to_owned());
                Err(VerificationError::from(reason).with_alert(alert))
            }
            None => Ok(IdentityVerified::danger_assertion()),
        }
    }
}

impl SignatureVerifier for Verdict {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.signatures.verify_signature(end_entity, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }
}

impl ServerVerifier for Verdict {
    fn verify_server(
        &self,
        _chain: &PeerChain<'_>,
        _name: Option<&ServerName<'_>>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.judge()
    }

    fn needs_name(&self) -> bool {
        false
    }
}

impl ClientVerifier for Verdict {
    fn verify_client(
        &self,
        _chain: &PeerChain<'_>,
        _now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.judge()
    }

    fn required(&self) -> bool {
        self.required
    }
}
