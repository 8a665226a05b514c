//! The certificates that an application trusts.

use alloc::vec::Vec;

use pki_types::{CertificateDer, TrustAnchor};
use sealgram_crypto::CertificateError;

use crate::der;
use crate::errors::translate;

/// Trusted certificates: where paths may end.
///
/// Each is kept as a trust anchor and as it was given: a peer whose own certificate is, byte for
/// byte, one of these is accepted as that peer, if name, dates and usage fit.
/// `openssl req -x509` makes such certificates.
#[derive(Clone, Debug, Default)]
pub struct RootStore {
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<CertificateDer<'static>>,
}

impl RootStore {
    /// A store that trusts nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { anchors: Vec::new(), certificates: Vec::new() }
    }

    /// Trusts one certificate. One that is there already is not added again.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] if it is not an X.509 certificate.
    pub fn add(&mut self, certificate: CertificateDer<'_>) -> Result<(), CertificateError> {
        if self.contains(&certificate) {
            return Ok(());
        }
        let certificate = certificate.into_owned();
        let anchor = webpki::anchor_from_trusted_cert(&certificate)
            .map_err(|error| translate(&error))?
            .to_owned();
        self.anchors.push(anchor);
        self.certificates.push(certificate);
        Ok(())
    }

    /// Trusts all certificates that can be read, and says how many could and how many could not:
    /// a system's store may hold curiosities.
    pub fn add_parsable<'a>(
        &mut self,
        certificates: impl IntoIterator<Item = CertificateDer<'a>>,
    ) -> (usize, usize) {
        let (mut good, mut bad) = (0_usize, 0_usize);
        for certificate in certificates {
            let counter = if self.add(certificate).is_ok() { &mut good } else { &mut bad };
            *counter = counter.saturating_add(1);
        }
        (good, bad)
    }

    /// Trusts an anchor whose certificate is not at hand: paths may end there, but no peer is
    /// accepted as being it.
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'static>) {
        self.anchors.push(anchor);
    }

    /// Whether this very certificate is trusted, byte for byte.
    #[must_use]
    pub fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|known| known == certificate)
    }

    /// How many anchors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The anchors' names as DER distinguished names, each once.
    pub(crate) fn subjects(&self) -> Vec<Vec<u8>> {
        let mut subjects = Vec::new();
        for anchor in &self.anchors {
            // webpki keeps the name without its header.
            if let Some(subject) = der::sequence(&anchor.subject) {
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
            }
        }
        subjects
    }
}
