//! Our own identities, and which of them is shown to a peer: the same for both roles and versions.
//!
//! ```text
//! what the peer has said ──> CertificateWanted ──> a list | a resolver | Ask::Certificate
//!                                                   └──> candidates, best first ──> suite, scheme
//! ```

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use sealgram_crypto::{ChainFacts, KeyExchangeKind, Secret, SignatureAlgorithm, SigningKey};
use sealgram_iana::{CertificateType, ClientCertificateType, NamedGroup, SignatureScheme, Version};
use sealgram_wire::{
    ClientExtensions, ClientHello, DistinguishedName, List, messages12, messages13,
};

use crate::{Error, ExternalPsk, PeerIncompatible, ServerConfig};

/// What is shown to a peer, and the key that proves it.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    /// What is shown.
    pub credential: Credential,
    /// What signs.
    pub key: KeySource,
}

/// What is shown to a peer.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A certificate chain.
    Certificates {
        /// The chain as it is sent, leaf first; never empty.
        chain: Vec<CertificateDer<'static>>,
        /// What the chain says, to choose it by.
        facts: ChainFacts,
    },
    /// A key without a certificate (RFC 7250).
    RawPublicKey(SubjectPublicKeyInfoDer<'static>),
}

/// Where signatures come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A key in memory.
    Inline(Arc<dyn SigningKey>),
    /// The application, asked with [`Ask::Sign`](crate::Ask::Sign): a key in a secure element or
    /// behind a network.
    Ask {
        /// The key's family.
        algorithm: SignatureAlgorithm,
        /// What it can sign with, best first.
        schemes: Vec<SignatureScheme>,
    },
}

impl CertifiedKey {
    /// What type of certificate it is (RFC 7250 §3).
    #[must_use]
    pub const fn certificate_type(&self) -> CertificateType {
        match &self.credential {
            Credential::Certificates { .. } => CertificateType::X509,
            Credential::RawPublicKey(_) => CertificateType::RAW_PUBLIC_KEY,
        }
    }

    /// The chain, leaf first; empty if there is none.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        match &self.credential {
            Credential::Certificates { chain, .. } => chain,
            Credential::RawPublicKey(_) => &[],
        }
    }

    /// What the chain says, if there is one.
    #[must_use]
    pub const fn facts(&self) -> Option<&ChainFacts> {
        match &self.credential {
            Credential::Certificates { facts, .. } => Some(facts),
            Credential::RawPublicKey(_) => None,
        }
    }

    /// The raw public key, if that is what is shown.
    #[must_use]
    pub const fn raw_public_key(&self) -> Option<&SubjectPublicKeyInfoDer<'static>> {
        match &self.credential {
            Credential::Certificates { .. } => None,
            Credential::RawPublicKey(key) => Some(key),
        }
    }

    /// The key's family.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match &self.key {
            KeySource::Inline(key) => key.algorithm(),
            KeySource::Ask { algorithm, .. } => *algorithm,
        }
    }

    /// What the key can sign with, best first.
    #[must_use]
    pub fn schemes(&self) -> &[SignatureScheme] {
        match &self.key {
            KeySource::Inline(key) => key.schemes(),
            KeySource::Ask { schemes, .. } => schemes,
        }
    }

    /// The best scheme that the peer accepts and `version` allows.
    fn scheme(&self, version: Version, accepted: &[SignatureScheme]) -> Option<SignatureScheme> {
        let allowed =
            |scheme: &SignatureScheme| version == Version::V12 || scheme.usable_in_dtls13();
        self.schemes().iter().copied().filter(allowed).find(|scheme| accepted.contains(scheme))
    }

    /// Whether the key can sign for this kind of suite.
    pub(crate) fn fits(&self, kind: KeyExchangeKind) -> bool {
        kind.accepts(self.algorithm())
    }

    /// Whether it is for the name that was asked for; without one all are. A bare key has no name,
    /// and so may have any.
    fn is_named(&self, wanted: &CertificateWanted) -> bool {
        let name = wanted.server_name.as_ref();
        self.facts().zip(name).is_none_or(|(facts, name)| facts.is_for(name))
    }

    /// Whether the peer says that it can verify all of it, and whether it knows who issued it.
    fn is_verifiable(&self, wanted: &CertificateWanted) -> (bool, bool) {
        self.facts().map_or((true, true), |facts| {
            let verifiable = facts.is_verifiable_with(&wanted.certificate_schemes);
            (verifiable, facts.is_issued_by(&wanted.authorities))
        })
    }
}

/// Where our certificates come from.
#[derive(Clone, Debug)]
pub enum Identities {
    /// A list, best first; may be empty.
    Fixed(Vec<Arc<CertifiedKey>>),
    /// Whatever this says.
    Resolver(Arc<dyn ResolvesCertificate>),
    /// The application is asked with [`Ask::Certificate`](crate::Ask::Certificate), for one of
    /// these types, best first.
    Ask(Vec<CertificateType>),
}

/// Chooses among certificates, at once.
pub trait ResolvesCertificate: Debug + Send + Sync {
    /// The certificate for this peer, or `None` if there is none: a server then ends the
    /// handshake, a client goes on without a certificate.
    fn resolve(&self, wanted: &CertificateWanted) -> Option<Arc<CertifiedKey>>;

    /// The types that there may be, best first: what a client offers (RFC 7250 §4.1).
    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509]
    }
}

impl Identities {
    /// Whether there is certainly no certificate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Fixed(list) if list.is_empty())
    }

    /// The types that there may be, best first.
    pub(crate) fn types(&self) -> Vec<CertificateType> {
        match self {
            Self::Fixed(list) => {
                let mut types = Vec::new();
                for typ in list.iter().map(|key| key.certificate_type()) {
                    if !types.contains(&typ) {
                        types.push(typ);
                    }
                }
                types
            }
            Self::Resolver(resolver) => resolver.certificate_types().to_vec(),
            Self::Ask(types) => types.clone(),
        }
    }

    /// What can be shown to whoever wants this, in no order; `None` if only the application knows
    /// and has not been asked.
    pub(crate) fn candidates(
        &self,
        wanted: &CertificateWanted,
        answered: &Answered,
    ) -> Option<Cow<'_, [Arc<CertifiedKey>]>> {
        let one = |key: Option<Arc<CertifiedKey>>| Cow::Owned(key.into_iter().collect());
        match (self, answered) {
            (Self::Fixed(list), _) => Some(Cow::Borrowed(list)),
            (Self::Resolver(resolver), _) => Some(one(resolver.resolve(wanted))),
            (Self::Ask(_), Answered { certificate: Some(answer), .. }) => Some(one(answer.clone())),
            (Self::Ask(_), Answered { certificate: None, .. }) => None,
        }
    }
}

/// What the application has answered in this handshake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    /// To [`Ask::Certificate`](crate::Ask::Certificate).
    pub(crate) certificate: Option<Option<Arc<CertifiedKey>>>,
    /// To [`Ask::Psk`](crate::Ask::Psk) about the keys that a 1.3 client offers.
    pub(crate) psks: Vec<PskAnswer>,
    /// To [`Ask::Session`](crate::Ask::Session); in 1.2 about the offer 0.
    pub(crate) sessions: Vec<SessionAnswer>,
}

/// The place of a session in a client's hello, and its content if there is one.
pub(crate) type SessionAnswer = (u16, Option<Arc<Secret>>);

/// The place of a key in a client's hello, and the key if there is one.
pub(crate) type PskAnswer = (u16, Option<Arc<ExternalPsk>>);

/// What a peer has said about the certificate that it wants to see.
///
/// Nothing here is authenticated yet.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CertificateWanted {
    /// The version that was chosen.
    pub version: Version,
    /// The DNS name that a client wants to reach, in the form that it sent; on a client `None`.
    pub server_name: Option<Vec<u8>>,
    /// The application protocols that a client offers, best first; on a client empty.
    pub alpn: Vec<Vec<u8>>,
    /// The types that the peer takes, best first (RFC 7250): X.509 certificates, unless it says
    /// something else.
    pub certificate_types: Vec<CertificateType>,
    /// The families of keys that can be used at all.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// What the peer verifies in handshakes.
    pub schemes: Vec<SignatureScheme>,
    /// What the peer verifies in chains.
    pub certificate_schemes: Vec<SignatureScheme>,
    /// The authorities that the peer trusts, distinguished names in DER; empty if it does not say.
    pub authorities: Vec<Vec<u8>>,
}

/// All families of keys.
const ALGORITHMS: [SignatureAlgorithm; 3] =
    [SignatureAlgorithm::Ecdsa, SignatureAlgorithm::Ed25519, SignatureAlgorithm::Rsa];

impl CertificateWanted {
    /// What a hello says (RFC 8446 §4.4.2.2, RFC 5246 §7.4.2).
    pub(crate) fn by_client(
        config: &ServerConfig,
        hello: &ClientHello<'_>,
        version: Version,
    ) -> Self {
        let extensions = &hello.extensions;
        let provider = &config.common.provider;
        let offered = || hello.cipher_suites.iter().filter_map(|id| provider.suite(id));
        let fits = |algorithm: &SignatureAlgorithm| {
            offered().any(|suite| {
                suite.facts.version == version && suite.facts.key_exchange.accepts(*algorithm)
            })
        };
        Self {
            version,
            server_name: extensions.server_name.map(<[u8]>::to_vec),
            alpn: extensions
                .alpn
                .map(|list| list.iter().map(|name| name.0.to_vec()).collect())
                .unwrap_or_default(),
            certificate_types: extensions
                .server_certificate_type
                .map_or_else(|| Vec::from([CertificateType::X509]), |list| list.iter().collect()),
            algorithms: ALGORITHMS.into_iter().filter(fits).collect(),
            certificate_schemes: collect(
                extensions.signature_algorithms_cert.or(extensions.signature_algorithms),
            ),
            schemes: schemes_of(extensions, version),
            authorities: names(extensions.certificate_authorities),
        }
    }

    /// What a 1.2 request says (RFC 5246 §7.4.4). Ed25519 counts as `ecdsa_sign` (RFC 8422 §5.5).
    /// `typ` is what both have agreed on.
    pub(crate) fn by_server_v12(
        request: &messages12::CertificateRequest<'_>,
        typ: CertificateType,
    ) -> Self {
        let fits = |algorithm: &SignatureAlgorithm| {
            request.certificate_types.contains(match algorithm {
                SignatureAlgorithm::Rsa => ClientCertificateType::RSA_SIGN,
                SignatureAlgorithm::Ecdsa | SignatureAlgorithm::Ed25519 => {
                    ClientCertificateType::ECDSA_SIGN
                }
            })
        };
        let schemes: Vec<_> = request.supported_signature_algorithms.iter().collect();
        Self {
            version: Version::V12,
            server_name: None,
            alpn: Vec::new(),
            certificate_types: Vec::from([typ]),
            algorithms: ALGORITHMS.into_iter().filter(fits).collect(),
            certificate_schemes: schemes.clone(),
            schemes,
            authorities: names(Some(request.certificate_authorities)),
        }
    }

    /// What a 1.3 request says (RFC 8446 §4.3.2), with the `schemes` that it must have. `typ` is
    /// what both have agreed on.
    pub(crate) fn by_server_v13(
        request: &messages13::CertificateRequest<'_>,
        schemes: List<'_, SignatureScheme>,
        typ: CertificateType,
    ) -> Self {
        let schemes: Vec<_> = schemes.iter().collect();
        Self {
            version: Version::V13,
            server_name: None,
            alpn: Vec::new(),
            certificate_types: Vec::from([typ]),
            algorithms: ALGORITHMS.to_vec(),
            certificate_schemes: request
                .signature_algorithms_cert
                .map_or_else(|| schemes.clone(), |list| list.iter().collect()),
            schemes,
            authorities: names(request.certificate_authorities),
        }
    }

    /// Those of the candidates with which we can sign for the peer, each with its best scheme,
    /// the most fitting first: of the type that the peer likes best, then for the right name, then
    /// with a chain that the peer says it can verify, then from an authority that it knows, then as
    /// configured. Only type and key decide whether a candidate is of use at all: of all else a
    /// peer may accept more than it says (RFC 8446 §4.4.2.2).
    pub(crate) fn rank<'a>(&self, candidates: &'a [Arc<CertifiedKey>]) -> Vec<Candidate<'a>> {
        let usable = candidates.iter().filter_map(|key| {
            let scheme = key.scheme(self.version, &self.schemes)?;
            let class = (self.place_of(key.certificate_type())?, !key.is_named(self));
            let family = self.algorithms.contains(&key.algorithm());
            family.then_some(Candidate { key, scheme, class })
        });
        let mut usable: Vec<_> = usable.collect();
        usable.sort_by_key(|candidate| {
            let (verifiable, known) = candidate.key.is_verifiable(self);
            (candidate.class, !verifiable, !known)
        });
        usable
    }

    fn place_of(&self, typ: CertificateType) -> Option<usize> {
        self.certificate_types.iter().position(|wanted| *wanted == typ)
    }
}

/// An identity that a peer can use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) key: &'a Arc<CertifiedKey>,
    /// What it signs with.
    pub(crate) scheme: SignatureScheme,
    /// What comes before a better suite: the place of its type in the peer's list, and whether it
    /// is for another name than the one that was asked for. The smallest is the best.
    pub(crate) class: (usize, bool),
}

/// An identity that is shown, and the scheme that its key signs with.
pub(crate) type Shown = (Arc<CertifiedKey>, SignatureScheme);

/// Ends a server's handshake for which there is no certificate (RFC 6066 §3).
///
/// A list has an answer for every name, unless the configuration wants it strict; whoever resolves
/// or is asked decides by himself what a name means.
pub(crate) fn check_server(
    config: &ServerConfig,
    wanted: &CertificateWanted,
    candidates: &[Arc<CertifiedKey>],
) -> Result<(), Error> {
    let listed = matches!(config.identities, Identities::Fixed(_));
    let strict = listed && config.require_known_name;
    if strict && !candidates.iter().any(|key| key.is_named(wanted)) {
        return Err(PeerIncompatible::UnknownServerName.into());
    }
    match (candidates, &wanted.server_name) {
        ([], Some(_)) => Err(PeerIncompatible::UnknownServerName.into()),
        ([], None) => Err(PeerIncompatible::NoCertificate.into()),
        (some, _) if some.iter().all(|key| wanted.place_of(key.certificate_type()).is_none()) => {
            Err(PeerIncompatible::NoSharedCertificateType.into())
        }
        _ => Ok(()),
    }
}

/// What a client shows to a server that has asked; `None` if only the application knows.
pub(crate) fn choose_for_server(
    identities: &Identities,
    wanted: &CertificateWanted,
    answered: &Answered,
) -> Option<Option<Shown>> {
    let candidates = identities.candidates(wanted, answered)?;
    let best = wanted.rank(&candidates).into_iter().next();
    Some(best.map(|candidate| (candidate.key.clone(), candidate.scheme)))
}

/// What a client verifies in handshakes. A hello without the extension stands for SHA-1 (RFC 5246
/// §7.4.1.4.1), which we never sign.
fn schemes_of(hello: &ClientExtensions<'_>, version: Version) -> Vec<SignatureScheme> {
    let mut schemes = collect(hello.signature_algorithms);
    if let (Version::V12, Some(groups)) = (version, hello.supported_groups) {
        // RFC 8422 §5.3: the key in the certificate must respect the client's choice of curves.
        schemes.retain(|scheme| curve(*scheme).is_none_or(|curve| groups.contains(curve)));
    }
    schemes
}

/// The curve of the keys that we sign with under this scheme, if it is one for ECDSA.
const fn curve(scheme: SignatureScheme) -> Option<NamedGroup> {
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => Some(NamedGroup::SECP256R1),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => Some(NamedGroup::SECP384R1),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => Some(NamedGroup::SECP521R1),
        _ => None,
    }
}

fn collect(list: Option<List<'_, SignatureScheme>>) -> Vec<SignatureScheme> {
    list.map(|list| list.iter().collect()).unwrap_or_default()
}

fn names(list: Option<List<'_, DistinguishedName<'_>>>) -> Vec<Vec<u8>> {
    list.map(|list| list.iter().map(|name| name.0.to_vec()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8422 §5.3
    #[test]
    fn certificate_on_a_curve_that_was_not_offered_is_not_acceptable_in_1_2() {
        use SignatureScheme as Scheme;
        let all = [Scheme::ECDSA_SECP256R1_SHA256, Scheme::ECDSA_SECP384R1_SHA384, Scheme::ED25519];
        let groups = [NamedGroup::X25519, NamedGroup::SECP256R1];
        let mut hello = ClientExtensions {
            signature_algorithms: Some(List::from_slice(&all)),
            supported_groups: Some(List::from_slice(&groups)),
            ..ClientExtensions::default()
        };
        let p256 = [Scheme::ECDSA_SECP256R1_SHA256, Scheme::ED25519];
        assert_eq!(schemes_of(&hello, Version::V12), p256);
        assert_eq!(schemes_of(&hello, Version::V13), all);
        hello.supported_groups = None;
        assert_eq!(schemes_of(&hello, Version::V12), all);
    }
}
