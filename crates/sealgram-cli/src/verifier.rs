//! A server verifier that remembers whom it was shown, so that a refusal can name it.

use std::sync::{Arc, Mutex};

use sealgram::crypto::{
    IdentityVerified, PeerChain, ServerVerifier, SignatureVerified, SignatureVerifier,
    SignedMessage, VerificationError,
};
use sealgram::iana::SignatureScheme;
use sealgram::pki_types::{CertificateDer, ServerName, UnixTime};

/// Decides as another verifier does.
#[derive(Debug)]
pub(crate) struct Remembering {
    inner: Arc<dyn ServerVerifier>,
    leaf: Mutex<Option<CertificateDer<'static>>>,
}

impl Remembering {
    pub(crate) fn new(inner: Arc<dyn ServerVerifier>) -> Arc<Self> {
        Arc::new(Self { inner, leaf: Mutex::new(None) })
    }

    /// The certificate that the server has shown last.
    pub(crate) fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.leaf.lock().ok()?.clone()
    }
}

impl SignatureVerifier for Remembering {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.inner.verify_signature(end_entity, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.inner.schemes()
    }

    fn certificate_schemes(&self) -> &[SignatureScheme] {
        self.inner.certificate_schemes()
    }
}

impl ServerVerifier for Remembering {
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        if let Ok(mut leaf) = self.leaf.lock() {
            *leaf = Some(chain.end_entity.clone().into_owned());
        }
        self.inner.verify_server(chain, name, now)
    }

    fn needs_name(&self) -> bool {
        self.inner.needs_name()
    }
}
