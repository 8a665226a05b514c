//! The path from a peer's certificate to a root, and everything that is wrong with it.
//!
//! webpki stops at the first error it cares for. To find all of them it is asked again, each time
//! with one demand less:
//!
//! ```text
//! all demands, now ──ok──> accepted, if the leaf's own checks found nothing either
//!    │ error (reported)
//! no demands but the path itself, at a time when all of it is valid
//!    │ ok                        └─error──> reported, and UnknownIssuer or SelfSigned with it
//! revocation │ distrust, each alone, then all demands together, at that time: errors reported
//! ```
//!
//! The first answer alone accepts; the others only add errors. What holds for the errors: *unless
//! Malformed, UnknownIssuer or SelfSigned is among them, there is a path to a root with nothing
//! wrong but what is reported.* So whoever tolerates an expired certificate does not tolerate an
//! expired and forged one.

use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use sealgram_crypto::{CertificateError, Hash, PeerChain};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator,
    KeyPurposeIdIter, KeyUsage, RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

use crate::UnknownStatus;
use crate::der::{Certificate, NotDer};
use crate::errors::{Findings, gave_up, translate};
use crate::fingerprint::is_listed;
use crate::roots::RootStore;

/// How often another time is tried to find one at which all of a path is valid. Each look moves
/// to the border of one certificate's validity, so this covers a leaf and two intermediates.
const LOOKS: usize = 4;

/// What a peer's certificate is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Server,
    Client,
}

impl Role {
    const fn usage(self) -> KeyUsage {
        match self {
            Self::Server => KeyUsage::server_auth(),
            Self::Client => KeyUsage::client_auth(),
        }
    }

    /// id-kp-serverAuth and id-kp-clientAuth (RFC 5280 §4.2.1.12).
    const fn purpose(self) -> &'static [u8] {
        match self {
            Self::Server => &[0x2b, 6, 1, 5, 5, 7, 3, 1],
            Self::Client => &[0x2b, 6, 1, 5, 5, 7, 3, 2],
        }
    }
}

/// Certificates that are not trusted although a root vouches for them.
#[derive(Clone, Debug)]
pub(crate) struct Distrusted {
    pub(crate) fingerprints: Vec<[u8; 32]>,
    pub(crate) sha256: &'static dyn Hash,
}

impl Distrusted {
    pub(crate) fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        is_listed(&self.fingerprints, self.sha256, certificate)
    }
}

/// Everything that a path is judged by, except the time.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) roots: &'a RootStore,
    pub(crate) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) crls: &'a [CertRevocationList<'static>],
    pub(crate) unknown_status: UnknownStatus,
    pub(crate) distrusted: Option<&'a Distrusted>,
    pub(crate) role: Role,
}

/// Which name a certificate must be for.
#[derive(Clone, Copy)]
pub(crate) enum NameRule<'a> {
    /// None: clients have no name to check, and neither has who asked for danger.
    Unchecked,
    /// This one; the application giving none is an error.
    Expected(Option<&'a ServerName<'a>>),
}

/// Demands on a path beyond signatures, constraints and dates.
#[derive(Clone, Copy)]
struct Demands {
    usage: bool,
    revocation: Option<Revocation>,
    distrust: bool,
}

/// How revocation lists are read.
#[derive(Clone, Copy)]
struct Revocation {
    unknown: UnknownStatusPolicy,
    expired: ExpirationPolicy,
}

impl Revocation {
    /// A list that is out of date can still prove that a certificate is revoked.
    const AS_FAR_AS_KNOWN: Self =
        Self { unknown: UnknownStatusPolicy::Allow, expired: ExpirationPolicy::Ignore };
    const KNOWN_AND_FRESH: Self =
        Self { unknown: UnknownStatusPolicy::Deny, expired: ExpirationPolicy::Enforce };
}

impl Demands {
    const NONE: Self = Self { usage: false, revocation: None, distrust: false };
}

/// Any extended key usage will do.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

impl Rules<'_> {
    /// Judges a peer's certificates. They are good if nothing is found.
    pub(crate) fn judge(
        &self,
        chain: &PeerChain<'_>,
        name: NameRule<'_>,
        now: UnixTime,
    ) -> Findings {
        let mut findings = Findings::default();
        if let NameRule::Expected(None) = name {
            findings.add(CertificateError::NameMissing);
        }
        let leaf = match EndEntityCert::try_from(chain.end_entity) {
            Ok(leaf) => leaf,
            Err(error) => {
                // Nothing else of it can be known.
                findings.add(translate(&error));
                return findings;
            }
        };
        if let NameRule::Expected(Some(name)) = name {
            if let Err(error) = leaf.verify_is_valid_for_subject_name(name) {
                findings.add(translate(&error));
            }
        }
        match self.may_be_used(chain.end_entity) {
            Ok(true) => {}
            Ok(false) => findings.add(CertificateError::WrongUsage),
            Err(error) => findings.add(error.into()),
        }
        if self.distrusted.is_some_and(|list| list.contains(chain.end_entity)) {
            findings.add(CertificateError::Distrusted);
        }
        if self.roots.contains(chain.end_entity) {
            judge_root(&leaf, now, &mut findings);
        } else {
            self.judge_path(&leaf, chain.intermediates, now, &mut findings);
        }
        findings
    }

    /// Whether the leaf itself may sign, in this role. webpki does not look at the key usage, and
    /// at the extended one only on the way to a root.
    fn may_be_used(&self, leaf: &CertificateDer<'_>) -> Result<bool, NotDer> {
        let leaf = Certificate::read(leaf)?;
        Ok(leaf.may_sign()? && leaf.has_purpose(self.role.purpose())?)
    }

    fn judge_path(
        &self,
        leaf: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        findings: &mut Findings,
    ) {
        let all = Demands {
            usage: true,
            distrust: true,
            revocation: Some(match self.unknown_status {
                UnknownStatus::Allow => Revocation::AS_FAR_AS_KNOWN,
                UnknownStatus::Deny => Revocation::KNOWN_AND_FRESH,
            }),
        };
        let no_path = if leaf.issuer() == leaf.subject() {
            CertificateError::SelfSigned
        } else {
            CertificateError::UnknownIssuer
        };
        let explain = |error: &Error| match error {
            Error::UnknownIssuer => no_path.clone(),
            error => translate(error),
        };

        let Err(first) = self.build(leaf, intermediates, now, all) else { return };
        findings.add(explain(&first));
        if gave_up(&first) {
            return findings.add(no_path);
        }
        let Some(time) = self.time_of_path(leaf, intermediates, now, findings) else {
            return findings.add(no_path);
        };

        let mut looks: Vec<Demands> = Vec::new();
        if !self.crls.is_empty() {
            // A certificate of unknown status must not hide a revoked one.
            let revocation = Some(Revocation::AS_FAR_AS_KNOWN);
            looks.push(Demands { revocation, ..Demands::NONE });
        }
        if self.distrusted.is_some() {
            looks.push(Demands { distrust: true, ..Demands::NONE });
        }
        // Usage comes first in webpki, so nothing hides it here. And each demand alone may be met by
        // a path that fails another one.
        looks.push(all);
        for demands in looks {
            if let Err(error) = self.build(leaf, intermediates, time, demands) {
                findings.add(explain(&error));
            }
        }
        // The lists were compared with another time than the present, and they drop certificates
        // whose time is over (RFC 5280 §3.3).
        if time != now && !self.crls.is_empty() && self.unknown_status == UnknownStatus::Deny {
            findings.add(CertificateError::UnknownRevocationStatus);
        }
    }

    /// Looks for a path without demands, and for a time at which all of it is valid: now, or a
    /// border of the validities that forbid now. Reports why there is none.
    fn time_of_path(
        &self,
        leaf: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        findings: &mut Findings,
    ) -> Option<UnixTime> {
        let mut time = now;
        for _ in 0..LOOKS {
            let Err(error) = self.build(leaf, intermediates, time, Demands::NONE) else {
                return Some(time);
            };
            match error {
                Error::CertExpired { not_after, .. } => {
                    if now > not_after {
                        findings.add(CertificateError::Expired);
                    }
                    time = not_after;
                }
                Error::CertNotValidYet { not_before, .. } => {
                    if now < not_before {
                        findings.add(CertificateError::NotYetValid);
                    }
                    time = not_before;
                }
                Error::UnknownIssuer => return None,
                error => {
                    findings.add(translate(&error));
                    return None;
                }
            }
        }
        None
    }

    fn build(
        &self,
        leaf: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        time: UnixTime,
        demands: Demands,
    ) -> Result<(), Error> {
        let crls: Vec<_> = self.crls.iter().collect();
        let revocation = demands.revocation.and_then(|demand| {
            // No lists, no options: revocation is then not looked at.
            let options = RevocationOptionsBuilder::new(&crls).ok()?;
            let options = options.with_status_policy(demand.unknown);
            Some(options.with_expiration_policy(demand.expired).build())
        });
        let distrusted = self.distrusted.filter(|_| demands.distrust);
        let check = |path: &VerifiedPath<'_>| {
            let listed = |list: &Distrusted| {
                path.intermediate_certificates()
                    .any(|certificate| list.contains(&certificate.der()))
            };
            if distrusted.is_some_and(listed) {
                return Err(Error::CertDistrusted);
            }
            // webpki looks at the basic constraints of authorities and not at their key usage.
            for certificate in path.intermediate_certificates() {
                let der = certificate.der();
                let may_issue = Certificate::read(&der).and_then(|read| read.may_issue());
                match may_issue {
                    Ok(true) => {}
                    Ok(false) => return Err(Error::EndEntityUsedAsCa),
                    Err(NotDer) => return Err(Error::BadDer),
                }
            }
            Ok(())
        };
        let (algorithms, anchors) = (self.algorithms, self.roots.anchors());
        let path = if demands.usage {
            let usage = self.role.usage();
            leaf.verify_for_usage(
                algorithms,
                anchors,
                intermediates,
                time,
                usage,
                revocation,
                Some(&check),
            )
        } else {
            leaf.verify_for_usage(
                algorithms,
                anchors,
                intermediates,
                time,
                AnyUsage,
                revocation,
                Some(&check),
            )
        };
        path.map(|_| ())
    }
}

/// Judges a leaf that is itself a configured root: there is no path, but its dates count.
///
/// Revocation does not: whoever trusts this very certificate ends that by not trusting it.
fn judge_root(leaf: &EndEntityCert<'_>, now: UnixTime, findings: &mut Findings) {
    // Without anchors webpki checks what does not depend on an issuer, the dates first.
    match leaf.verify_for_usage(&[], &[], &[], now, AnyUsage, None, None) {
        // Beyond the dates: no issuer, of course, and it may be a CA's certificate.
        Ok(_) | Err(Error::UnknownIssuer | Error::CaUsedAsEndEntity) => {}
        Err(error) => findings.add(translate(&error)),
    }
}
