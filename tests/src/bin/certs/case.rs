//! One chain, what it is to be verified for, and the verdict on it.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use sealgram::crypto::{
    CertificateError, ClientVerifier, IdentityVerified, PeerChain, ServerVerifier,
    VerificationError,
};
use sealgram::danger::AcceptAnyName;
use sealgram::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use sealgram::{RootStore, UnknownStatus, WebPkiClientVerifier, WebPkiServerVerifier};

/// Who shows the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Peer {
    /// A server that should have this name, as the suite writes it.
    Server(String),
    /// A server of whatever name.
    AnyServer,
    /// A client.
    Client,
}

/// One chain of a suite.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) intermediates: Vec<CertificateDer<'static>>,
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
    pub(crate) peer: Peer,
    /// Seconds since 1970.
    pub(crate) time: u64,
    /// Whether the suite wants it accepted.
    pub(crate) expected: bool,
}

/// What sealgram says to a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Accepted,
    Refused(Vec<CertificateError>),
    /// It does not come to that: the roots, the lists or the name cannot be used.
    Unusable(String),
}

impl Verdict {
    pub(crate) const fn accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused(errors) => write!(f, "refused with {errors:?}"),
            Self::Unusable(what) => write!(f, "refused because {what}"),
        }
    }
}

impl From<Result<IdentityVerified, VerificationError>> for Verdict {
    fn from(result: Result<IdentityVerified, VerificationError>) -> Self {
        match result {
            Ok(_) => Self::Accepted,
            Err(error) => Self::Refused(error.errors().to_vec()),
        }
    }
}

impl Case {
    /// Verifies the chain as an application would: with ring's algorithms and nothing tolerated.
    pub(crate) fn judge(&self) -> Verdict {
        let unusable = |what: &dyn fmt::Display| Verdict::Unusable(what.to_string());
        let mut roots = RootStore::new();
        for root in &self.roots {
            // As a loader of system roots would: one that cannot be used is nobody's root.
            let _ = roots.add(root.clone());
        }
        let roots = Arc::new(roots);
        let algorithms = sealgram::default_provider().signature_algorithms;
        let chain = PeerChain { end_entity: &self.leaf, intermediates: &self.intermediates };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(self.time));
        if self.peer == Peer::Client {
            let mut builder = WebPkiClientVerifier::builder(roots, algorithms);
            if !self.crls.is_empty() {
                builder = builder
                    .with_crls(self.crls.clone())
                    .with_unknown_revocation(UnknownStatus::Deny);
            }
            return match builder.build() {
                Ok(verifier) => verifier.verify_client(&chain, now).into(),
                Err(error) => unusable(&error),
            };
        }
        let mut builder = WebPkiServerVerifier::builder(roots, algorithms);
        if !self.crls.is_empty() {
            builder =
                builder.with_crls(self.crls.clone()).with_unknown_revocation(UnknownStatus::Deny);
        }
        let verifier = match builder.build() {
            Ok(verifier) => verifier,
            Err(error) => return unusable(&error),
        };
        match &self.peer {
            Peer::Server(name) => match ServerName::try_from(name.as_str()) {
                Ok(name) => verifier.verify_server(&chain, Some(&name), now).into(),
                Err(error) => unusable(&error),
            },
            _ => AcceptAnyName::new(verifier).verify_server(&chain, None, now).into(),
        }
    }
}
