//! What the verifiers' builders share.

use core::fmt;

/// What to do with a certificate that no revocation list speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnknownStatus {
    /// Accept it. A list whose next update is overdue still counts for what it says.
    Allow,
    /// Refuse it. A list whose next update is overdue says nothing.
    #[default]
    Deny,
}

/// Why a verifier cannot be built: its settings contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// There are no roots, so nobody could be accepted.
    NoRoots,
    /// A revocation list cannot be read, or is of a kind that is not supported (delta, indirect,
    /// partitioned by reason, not version 2).
    BadCrl,
    /// A policy for unknown revocation status was set without any list.
    NoCrls,
    /// A root is on the list of distrusted certificates.
    DistrustedRoot,
    /// The hash function is not SHA-256.
    NotSha256,
    /// There are no fingerprints or keys, so nobody could be accepted.
    NoFingerprints,
    /// A public key cannot be read: it is no SubjectPublicKeyInfo.
    BadPublicKey,
    /// None of the schemes for handshakes is one that the provider has.
    NoSchemes,
    /// There are no errors to tolerate, or one that must not be tolerated because it hides all
    /// others ([`sealgram_crypto::CertificateError::Malformed`]).
    NotTolerable,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoots => "there are no root certificates",
            Self::BadCrl => "a certificate revocation list is malformed or not supported",
            Self::NoCrls => "unknown revocation status needs certificate revocation lists",
            Self::DistrustedRoot => "a root certificate is on the list of distrusted ones",
            Self::NotSha256 => "fingerprints need SHA-256",
            Self::NoFingerprints => "there are no fingerprints or public keys",
            Self::BadPublicKey => "a public key is not a SubjectPublicKeyInfo in DER",
            Self::NoSchemes => "the provider has none of the signature schemes",
            Self::NotTolerable => "there are no errors to tolerate, or a malformed certificate is",
        })
    }
}

impl core::error::Error for BuildError {}
