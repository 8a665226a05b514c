//! Verifiers that want a path to a configured root.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use sealgram_crypto::{
    ClientVerifier, Hash, HashKind, IdentityVerified, PeerChain, ServerVerifier,
    SignatureAlgorithms, SignatureVerified, SignatureVerifier, SignedMessage, VerificationError,
};
use sealgram_iana::SignatureScheme;
use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::path::{Distrusted, NameRule, Role, Rules};
use crate::signature::verify_with_certificate;
use crate::{BuildError, RootStore, UnknownStatus};

/// What verifiers of both roles hold.
struct Core {
    /// Never empty.
    roots: Arc<RootStore>,
    algorithms: SignatureAlgorithms,
    /// For handshakes.
    schemes: Vec<SignatureScheme>,
    /// For the signatures of the path.
    certificate_schemes: Vec<SignatureScheme>,
    crls: Vec<CertRevocationList<'static>>,
    unknown_status: UnknownStatus,
    distrusted: Option<Distrusted>,
}

impl Core {
    fn judge(
        &self,
        role: Role,
        chain: &PeerChain<'_>,
        name: NameRule<'_>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        let rules = Rules {
            roots: &self.roots,
            algorithms: self.algorithms.all,
            crls: &self.crls,
            unknown_status: self.unknown_status,
            distrusted: self.distrusted.as_ref(),
            role,
        };
        rules.judge(chain, name, now).finish()?;
        Ok(IdentityVerified::danger_assertion())
    }

    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        verify_with_certificate(&self.algorithms, end_entity, signed)
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("roots", &self.roots.len())
            .field("algorithms", &self.algorithms)
            .field("crls", &self.crls.len())
            .field("unknown_status", &self.unknown_status)
            .field("distrusted", &self.distrusted.as_ref().map_or(0, |d| d.fingerprints.len()))
            .finish_non_exhaustive()
    }
}

/// Settings of both roles.
struct Settings {
    roots: Arc<RootStore>,
    algorithms: SignatureAlgorithms,
    /// `None`: all that the algorithms have.
    handshake_schemes: Option<Vec<SignatureScheme>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    unknown_status: Option<UnknownStatus>,
    distrusted: Option<Distrusted>,
}

impl Settings {
    const fn new(roots: Arc<RootStore>, algorithms: SignatureAlgorithms) -> Self {
        Self {
            roots,
            algorithms,
            handshake_schemes: None,
            crls: Vec::new(),
            unknown_status: None,
            distrusted: None,
        }
    }

    fn build(self) -> Result<Core, BuildError> {
        if self.roots.is_empty() {
            return Err(BuildError::NoRoots);
        }
        if self.crls.is_empty() && self.unknown_status.is_some() {
            return Err(BuildError::NoCrls);
        }
        let crls = self
            .crls
            .iter()
            .map(|crl| Ok(OwnedCertRevocationList::from_der(crl)?.into()))
            .collect::<Result<Vec<_>, webpki::Error>>()
            .map_err(|_| BuildError::BadCrl)?;
        if let Some(list) = &self.distrusted {
            if list.sha256.kind() != HashKind::Sha256 {
                return Err(BuildError::NotSha256);
            }
            if self.roots.certificates().iter().any(|root| list.contains(root)) {
                return Err(BuildError::DistrustedRoot);
            }
        }
        let certificate_schemes = self.algorithms.schemes();
        let schemes = match self.handshake_schemes {
            Some(schemes) => {
                let known = |scheme: &SignatureScheme| certificate_schemes.contains(scheme);
                schemes.into_iter().filter(known).collect()
            }
            None => certificate_schemes.clone(),
        };
        if schemes.is_empty() {
            return Err(BuildError::NoSchemes);
        }
        Ok(Core {
            schemes,
            certificate_schemes,
            roots: self.roots,
            algorithms: self.algorithms,
            crls,
            unknown_status: self.unknown_status.unwrap_or_default(),
            distrusted: self.distrusted,
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("roots", &self.roots.len())
            .field("crls", &self.crls.len())
            .field("unknown_status", &self.unknown_status)
            .finish_non_exhaustive()
    }
}

macro_rules! shared_settings {
    () => {
        /// Checks the whole path against these revocation lists. Without this, revocation is not
        /// looked at.
        #[must_use]
        pub fn with_crls(
            mut self,
            crls: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
        ) -> Self {
            self.settings.crls.extend(crls);
            self
        }

        /// What to do with a certificate that no list speaks of; [`UnknownStatus::Deny`] unless
        /// set. Needs lists.
        #[must_use]
        pub const fn with_unknown_revocation(mut self, status: UnknownStatus) -> Self {
            self.settings.unknown_status = Some(status);
            self
        }

        /// Accepts only these schemes in handshakes, best first; in the signatures of the path all
        /// that the provider has are accepted as ever. The peer is told both lists (RFC 8446
        /// §4.2.3). Schemes that the provider does not have are left out.
        #[must_use]
        pub fn with_handshake_schemes(
            mut self,
            schemes: impl IntoIterator<Item = SignatureScheme>,
        ) -> Self {
            self.settings.handshake_schemes = Some(schemes.into_iter().collect());
            self
        }

        /// Refuses the leaf and intermediate certificates with these SHA-256 hashes (of the DER),
        /// whoever vouches for them.
        #[must_use]
        pub fn with_distrusted(
            mut self,
            fingerprints: impl IntoIterator<Item = [u8; 32]>,
            sha256: &'static dyn Hash,
        ) -> Self {
            let fingerprints = fingerprints.into_iter().collect();
            self.settings.distrusted = Some(Distrusted { fingerprints, sha256 });
            self
        }
    };
}

/// Accepts servers with a path to a configured root, for the name that the client wants.
///
/// - The name is a DNS name or an IP address in the certificate's subjectAltName; its common name
///   is never read (RFC 9525 §2). Without a name everything is refused.
/// - If there is an extended key usage, it must have serverAuth; if there is a key usage, it must
///   have digitalSignature.
/// - A server whose certificate is itself a configured root is accepted if name, dates and usage
///   fit (see [`RootStore`]).
#[derive(Debug)]
pub struct WebPkiServerVerifier(Core);

impl WebPkiServerVerifier {
    /// Starts with the roots, and with the provider's algorithms.
    #[must_use]
    pub const fn builder(
        roots: Arc<RootStore>,
        algorithms: SignatureAlgorithms,
    ) -> ServerVerifierBuilder {
        ServerVerifierBuilder { settings: Settings::new(roots, algorithms) }
    }

    /// Everything but the name; for [`crate::danger`].
    pub(crate) fn verify_chain(
        &self,
        chain: &PeerChain<'_>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.0.judge(Role::Server, chain, NameRule::Unchecked, now)
    }
}

/// Builds a [`WebPkiServerVerifier`].
#[derive(Debug)]
pub struct ServerVerifierBuilder {
    settings: Settings,
}

impl ServerVerifierBuilder {
    shared_settings!();

    /// The verifier.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there are no roots or the settings contradict each other.
    pub fn build(self) -> Result<Arc<WebPkiServerVerifier>, BuildError> {
        Ok(Arc::new(WebPkiServerVerifier(self.settings.build()?)))
    }
}

impl SignatureVerifier for WebPkiServerVerifier {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.0.verify_signature(end_entity, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.0.schemes
    }

    fn certificate_schemes(&self) -> &[SignatureScheme] {
        &self.0.certificate_schemes
    }
}

impl ServerVerifier for WebPkiServerVerifier {
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.0.judge(Role::Server, chain, NameRule::Expected(name), now)
    }
}

/// Accepts clients with a path to a configured root.
///
/// Usage is judged as by [`WebPkiServerVerifier`], with clientAuth. Who the client is, by whatever
/// name, is for the application to read from its certificate.
#[derive(Debug)]
pub struct WebPkiClientVerifier {
    core: Core,
    required: bool,
    authorities: Vec<Vec<u8>>,
}

impl WebPkiClientVerifier {
    /// Starts with the roots, and with the provider's algorithms. A certificate is required.
    #[must_use]
    pub const fn builder(
        roots: Arc<RootStore>,
        algorithms: SignatureAlgorithms,
    ) -> ClientVerifierBuilder {
        let settings = Settings::new(roots, algorithms);
        ClientVerifierBuilder { settings, required: true, hint: true }
    }
}

/// Builds a [`WebPkiClientVerifier`].
#[derive(Debug)]
pub struct ClientVerifierBuilder {
    settings: Settings,
    required: bool,
    hint: bool,
}

impl ClientVerifierBuilder {
    shared_settings!();

    /// Refuses clients without a certificate. This is the default.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Asks for a certificate and lets clients without one in. One that is sent must be good.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Does not name the roots in the CertificateRequest: many of them make it long, and they are
    /// visible to whoever connects.
    #[must_use]
    pub const fn without_authorities(mut self) -> Self {
        self.hint = false;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there are no roots or the settings contradict each other.
    pub fn build(self) -> Result<Arc<WebPkiClientVerifier>, BuildError> {
        let core = self.settings.build()?;
        let authorities = if self.hint { core.roots.subjects() } else { Vec::new() };
        Ok(Arc::new(WebPkiClientVerifier { core, required: self.required, authorities }))
    }
}

impl SignatureVerifier for WebPkiClientVerifier {
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError> {
        self.core.verify_signature(end_entity, signed)
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.core.schemes
    }

    fn certificate_schemes(&self) -> &[SignatureScheme] {
        &self.core.certificate_schemes
    }
}

impl ClientVerifier for WebPkiClientVerifier {
    fn verify_client(
        &self,
        chain: &PeerChain<'_>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError> {
        self.core.judge(Role::Client, chain, NameRule::Unchecked, now)
    }

    fn required(&self) -> bool {
        self.required
    }

    fn authorities(&self) -> &[Vec<u8>] {
        &self.authorities
    }
}
