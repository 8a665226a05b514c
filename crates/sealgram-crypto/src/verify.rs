//! Verifiers: who the peer is, and whether it holds the key it claims.
//!
//! The handshake asks two things of a verifier: whether the peer's certificates are good for this
//! connection ([`ServerVerifier`], [`ClientVerifier`]), and whether a signature was made with the
//! key in them ([`SignatureVerifier`]). Each answer is a *proof* that the handshake takes by
//! value, so a check cannot be forgotten.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use sealgram_iana::{AlertDescription, SignatureScheme, Version};

/// The certificates that a peer presented, leaf first.
#[derive(Clone, Copy, Debug)]
pub struct PeerChain<'a> {
    /// The peer's own certificate.
    pub end_entity: &'a CertificateDer<'a>,
    /// Others that it sent, in its order, to build a path with.
    pub intermediates: &'a [CertificateDer<'a>],
}

/// A signature in a handshake message.
#[derive(Clone, Copy, Debug)]
pub struct SignedMessage<'a> {
    /// The version: 1.2 does not tie an ECDSA hash to a curve, 1.3 does (RFC 8446 §4.2.3).
    pub version: Version,
    /// What was signed.
    pub message: &'a [u8],
    /// The scheme that the peer says it used.
    pub scheme: SignatureScheme,
    /// The signature.
    pub signature: &'a [u8],
}

/// Verifies handshake signatures with the key in a certificate.
pub trait SignatureVerifier: Debug + Send + Sync {
    /// Verifies one signature with the public key of `end_entity`.
    fn verify_signature(
        &self,
        end_entity: &CertificateDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError>;

    /// The schemes that it accepts in handshakes, best first: what we offer to the peer.
    fn schemes(&self) -> &[SignatureScheme];

    /// The schemes that it accepts in certificates, best first. The peer is told if they are
    /// others than [`schemes`](Self::schemes) (RFC 8446 §4.2.3).
    fn certificate_schemes(&self) -> &[SignatureScheme] {
        self.schemes()
    }
}

/// Decides whether a server is the one that the client wants.
pub trait ServerVerifier: SignatureVerifier {
    /// Verifies the chain for `name`. All errors found are reported, not only the first.
    ///
    /// `name` is `None` if the application gave none: a verifier that checks names must refuse
    /// then, not skip the check.
    fn verify_server(
        &self,
        chain: &PeerChain<'_>,
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError>;

    /// Whether [`ServerVerifier::verify_server`] needs a name. A client that has none then fails
    /// before it sends anything.
    fn needs_name(&self) -> bool {
        true
    }
}

/// Decides whether a client may come in.
pub trait ClientVerifier: SignatureVerifier {
    /// Verifies the chain.
    fn verify_client(
        &self,
        chain: &PeerChain<'_>,
        now: UnixTime,
    ) -> Result<IdentityVerified, VerificationError>;

    /// Whether a client without a certificate is refused.
    fn required(&self) -> bool;

    /// Distinguished names (DER) of the authorities to hint at in the CertificateRequest.
    fn authorities(&self) -> &[Vec<u8>] {
        &[]
    }
}

/// Verifies handshake signatures with a raw public key (RFC 7250).
///
/// Apart from [`SignatureVerifier`], so that a bare key never gets to somebody who expects a
/// certificate, nor the other way round.
pub trait RawPublicKeySignatures: Debug + Send + Sync {
    /// Verifies one signature with `public_key`.
    fn verify_raw_signature(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        signed: &SignedMessage<'_>,
    ) -> Result<SignatureVerified, VerificationError>;

    /// The schemes that it accepts, best first: what we offer to the peer.
    fn schemes(&self) -> &[SignatureScheme];
}

/// Decides whether a peer that shows a raw public key is who it should be (RFC 7250 §4.3, §4.4).
pub trait RawPublicKeyVerifier: RawPublicKeySignatures {
    /// Verifies the key itself. `name` is the server that a client wants, if the application has
    /// named one; nothing in a bare key says whose it is, so only an out-of-band table can tell.
    fn verify_raw_public_key(
        &self,
        public_key: &SubjectPublicKeyInfoDer<'_>,
        name: Option<&ServerName<'_>>,
    ) -> Result<IdentityVerified, VerificationError>;
}

/// Proof that a verifier accepted the peer's identity.
#[derive(Debug)]
#[must_use]
pub struct IdentityVerified(());

impl IdentityVerified {
    /// Claims that the identity was verified. Whoever calls this is the verifier.
    pub const fn danger_assertion() -> Self {
        Self(())
    }
}

/// Proof that a handshake signature is right.
#[derive(Debug)]
#[must_use]
pub struct SignatureVerified(());

impl SignatureVerified {
    /// Claims that the signature was verified. Whoever calls this is the verifier.
    pub const fn danger_assertion() -> Self {
        Self(())
    }
}

/// What is wrong with a certificate or a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not a certificate, or one with an encoding or extension that cannot be understood.
    Malformed,
    /// Its validity has ended.
    Expired,
    /// Its validity has not begun.
    NotYetValid,
    /// No path leads to a configured trust anchor.
    UnknownIssuer,
    /// It is signed with its own key and is not a configured trust anchor.
    SelfSigned,
    /// It is not for the name that was asked for.
    NotValidForName,
    /// A name had to be checked and the application gave none.
    NameMissing,
    /// Its key usage or extended key usage does not allow this role.
    WrongUsage,
    /// A certificate authority's certificate stands in the leaf's place.
    CaUsedAsEndEntity,
    /// A certificate that is no authority's issued another.
    EndEntityUsedAsCa,
    /// A path-length constraint is broken.
    PathLengthExceeded,
    /// A name constraint is broken.
    NameConstraintViolated,
    /// It was revoked.
    Revoked,
    /// Its revocation status is unknown and the policy wants to know.
    UnknownRevocationStatus,
    /// It, or its key, is on the application's list of what is not to be trusted.
    Distrusted,
    /// It is not the pinned one.
    FingerprintMismatch,
    /// A signature is wrong: in the path, or in the handshake.
    BadSignature,
    /// A signature algorithm or key that is not supported or not allowed here.
    UnsupportedAlgorithm,
    /// The application's own reason.
    Other(String),
}

impl CertificateError {
    /// The alert that tells the peer (RFC 5246 §7.2.2).
    #[must_use]
    pub const fn alert(&self) -> AlertDescription {
        match self {
            Self::Malformed | Self::BadSignature => AlertDescription::BAD_CERTIFICATE,
            Self::Expired | Self::NotYetValid => AlertDescription::CERTIFICATE_EXPIRED,
            Self::UnknownIssuer | Self::SelfSigned => AlertDescription::UNKNOWN_CA,
            Self::Revoked => AlertDescription::CERTIFICATE_REVOKED,
            Self::WrongUsage | Self::UnsupportedAlgorithm => {
                AlertDescription::UNSUPPORTED_CERTIFICATE
            }
            Self::CaUsedAsEndEntity
            | Self::EndEntityUsedAsCa
            | Self::PathLengthExceeded
            | Self::NameConstraintViolated
            | Self::NotValidForName
            | Self::NameMissing
            | Self::FingerprintMismatch => AlertDescription::BAD_CERTIFICATE,
            Self::UnknownRevocationStatus | Self::Distrusted | Self::Other(_) => {
                AlertDescription::CERTIFICATE_UNKNOWN
            }
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a certificate is malformed",
            Self::Expired => "a certificate has expired",
            Self::NotYetValid => "a certificate is not valid yet",
            Self::UnknownIssuer => "no path leads to a trusted certificate authority",
            Self::SelfSigned => "the certificate is self-signed and not trusted",
            Self::NotValidForName => "the certificate is not for the expected name",
            Self::NameMissing => "there is no name to check the certificate against",
            Self::WrongUsage => "the certificate's usage does not allow this role",
            Self::CaUsedAsEndEntity => "a certificate authority's certificate is used as a leaf",
            Self::EndEntityUsedAsCa => "a leaf certificate is used as a certificate authority's",
            Self::PathLengthExceeded => "a path-length constraint is broken",
            Self::NameConstraintViolated => "a name constraint is broken",
            Self::Revoked => "the certificate is revoked",
            Self::UnknownRevocationStatus => "the certificate's revocation status is unknown",
            Self::Distrusted => "the certificate is distrusted",
            Self::FingerprintMismatch => "the certificate is not the pinned one",
            Self::BadSignature => "a signature is wrong",
            Self::UnsupportedAlgorithm => "a signature algorithm or key is not supported",
            Self::Other(reason) => reason,
        })
    }
}

impl core::error::Error for CertificateError {}

/// Everything that a verifier found wrong, and the alert that it owes the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationError {
    /// Never empty.
    errors: Vec<CertificateError>,
    alert: AlertDescription,
}

impl VerificationError {
    /// One or more errors, gravest first: the first one chooses the alert.
    #[must_use]
    pub fn new(first: CertificateError, others: Vec<CertificateError>) -> Self {
        let alert = first.alert();
        let mut errors = others;
        errors.insert(0, first);
        Self { errors, alert }
    }

    /// The same errors with an alert of the verifier's choice.
    #[must_use]
    pub const fn with_alert(mut self, alert: AlertDescription) -> Self {
        self.alert = alert;
        self
    }

    /// What is wrong, gravest first; never empty.
    #[must_use]
    pub fn errors(&self) -> &[CertificateError] {
        &self.errors
    }

    /// The alert that is sent.
    #[must_use]
    pub const fn alert(&self) -> AlertDescription {
        self.alert
    }
}

impl From<CertificateError> for VerificationError {
    fn from(error: CertificateError) -> Self {
        Self::new(error, Vec::new())
    }
}

impl fmt::Display for VerificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(error, f)?;
        }
        Ok(())
    }
}

impl core::error::Error for VerificationError {}

/// A provider's signature verification, for certificates and handshakes.
#[derive(Clone, Copy)]
pub struct SignatureAlgorithms {
    /// All algorithms, for paths of certificates.
    pub all: &'static [&'static dyn SignatureVerificationAlgorithm],
    /// Handshake schemes, best first, each with the algorithms that it may mean. The first one is
    /// the only one that 1.3 allows; 1.2 leaves the curve open.
    pub mapping:
        &'static [(SignatureScheme, &'static [&'static dyn SignatureVerificationAlgorithm])],
}

impl SignatureAlgorithms {
    /// The schemes of the mapping, best first.
    #[must_use]
    pub fn schemes(&self) -> Vec<SignatureScheme> {
        self.mapping.iter().map(|(scheme, _)| *scheme).collect()
    }

    /// The algorithms that `scheme` may mean in `version`; empty if it must not be used.
    #[must_use]
    pub fn candidates(
        &self,
        scheme: SignatureScheme,
        version: Version,
    ) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        let found =
            self.mapping.iter().find(|(s, _)| *s == scheme).map(|(_, algorithms)| *algorithms);
        match (found, version) {
            (Some(algorithms), Version::V12) => algorithms,
            (Some(algorithms), Version::V13) if scheme.usable_in_dtls13() => {
                algorithms.get(..1).unwrap_or_default()
            }
            _ => &[],
        }
    }
}

impl Debug for SignatureAlgorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.mapping.iter().map(|(scheme, _)| scheme)).finish()
    }
}
