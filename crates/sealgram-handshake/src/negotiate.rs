//! Negotiation: what both versions choose in the same way.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sealgram_crypto::{Digest, KeyExchangeGroup, KeyExchangeKind, Suite};
use sealgram_iana::{
    CertificateType, CipherSuite, CompressionMethod, EcPointFormat, ExtensionType, HandshakeType,
    NamedGroup, ProtocolVersion, SignatureScheme, SrtpProfile, Version,
};
use sealgram_wire::{
    ClientExtensions, ClientHello, KeyShareEntry, List, MessageSeq, ProtocolName, Random,
    SelectedSrtp, ServerExtensions, ServerHello, UseSrtp,
};

use crate::psk::PSK_HASH;
use crate::transcript::Transcript;

use crate::{
    CertificateWanted, CertifiedKey, ClientConfig, CommonConfig, Error, PeerIncompatible,
    PeerMisbehaved, RecordLimits, ServerConfig, Versions,
};

/// What a handshake has settled.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Negotiated {
    /// The version.
    pub version: Version,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The key-exchange group, if keys were exchanged.
    pub group: Option<NamedGroup>,
    /// The scheme of the server's signature, if it signed.
    pub signature_scheme: Option<SignatureScheme>,
    /// The identity of the pre-shared key that both sides have used, if one was.
    pub psk_identity: Option<Vec<u8>>,
    /// The DNS name that the client sent in the clear (not verified by anybody).
    pub server_name: Option<Vec<u8>>,
    /// The application protocol (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The SRTP profile (RFC 5764).
    pub srtp_profile: Option<SrtpProfile>,
    /// Whether the 1.2 master secret is bound to the handshake (RFC 7627). 1.3 always is.
    pub extended_master_secret: bool,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// Whether the server has taken early data (1.3).
    pub early_data: bool,
}

/// The highest version that both sides speak (RFC 8446 §4.2.1, RFC 9147 §5.3).
///
/// A hello without `supported_versions` speaks everything up to its `legacy_version`, which counts
/// downwards: a hello of 1.2 or of anything later, whatever its major number, speaks 1.2
/// (RFC 5246 §E.1).
pub(crate) fn choose_version(
    versions: Versions,
    hello: &ClientHello<'_>,
) -> Result<Version, Error> {
    let offered = |version: Version| match &hello.extensions.supported_versions {
        Some(list) => list.contains(version.wire()),
        None => {
            let wire = hello.legacy_version;
            version == Version::V12 && wire <= ProtocolVersion::DTLS_1_2
        }
    };
    [Version::V13, Version::V12]
        .into_iter()
        .find(|version| versions.contains(*version) && offered(*version))
        .ok_or_else(|| PeerIncompatible::NoSharedVersion.into())
}

/// A server's choice of everything that its first flight in 1.2 depends on.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) suite: &'static Suite,
    pub(crate) method: Method,
}

/// How the two sides of a 1.2 handshake agree on keys and know each other.
#[derive(Debug)]
pub(crate) enum Method {
    /// Ephemeral keys, signed.
    Certificate {
        group: &'static dyn KeyExchangeGroup,
        identity: Arc<CertifiedKey>,
        scheme: SignatureScheme,
    },
    /// A pre-shared key, with ephemeral keys if there is a group.
    Psk { group: Option<&'static dyn KeyExchangeGroup> },
}

/// Chooses suite, group, certificate and signature scheme for 1.2, all of which depend on each
/// other: a suite counts only if a certificate fits it and its key can sign as the client accepts,
/// or if it goes with the pre-shared keys that there are. A certificate for the client's name, or a
/// pre-shared key, comes before a better suite.
pub(crate) fn choose_v12(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    wanted: &CertificateWanted,
    candidates: &[Arc<CertifiedKey>],
) -> Result<Choice, Error> {
    // The error that came closest to success is the one worth reporting.
    let mut failure = PeerIncompatible::NoSharedSuite;
    let group = choose_group_v12(config, &hello.extensions);
    let provider = &config.common.provider;
    let usable = |suite: &&'static Suite| {
        suite.facts.version == Version::V12 && hello.cipher_suites.contains(suite.id())
    };
    let suites: Vec<_> = if config.prefer_client_order {
        hello.cipher_suites.iter().filter_map(|id| provider.suite(id)).filter(usable).collect()
    } else {
        provider.suites.iter().copied().filter(usable).collect()
    };
    let ranked = wanted.rank(candidates);
    let classes = ranked.chunk_by(|one, next| one.class == next.class);
    // Once more with nobody at all: what goes with a pre-shared key needs no certificate.
    for class in classes.chain([&[][..]]) {
        for suite in &suites {
            let kind = suite.facts.key_exchange;
            if kind.uses_psk() && config.accepts_psks() {
                if kind.uses_ecdhe() && group.is_none() {
                    failure = PeerIncompatible::NoSharedGroup;
                    continue;
                }
                let group = group.filter(|_| kind.uses_ecdhe());
                return Ok(Choice { suite, method: Method::Psk { group } });
            }
            if !candidates.iter().any(|key| key.fits(kind)) {
                continue;
            }
            let Some(group) = group else {
                failure = PeerIncompatible::NoSharedGroup;
                continue;
            };
            let Some(best) = class.iter().find(|candidate| candidate.key.fits(kind)) else {
                failure = PeerIncompatible::NoSharedSignatureScheme;
                continue;
            };
            let (identity, scheme) = (best.key.clone(), best.scheme);
            return Ok(Choice { suite, method: Method::Certificate { group, identity, scheme } });
        }
    }
    Err(failure.into())
}

/// Whether a 1.2 client could be known by a pre-shared key.
pub(crate) fn shares_psk_suite(config: &ServerConfig, hello: &ClientHello<'_>) -> bool {
    let shared = |suite: &&'static Suite| {
        suite.facts.key_exchange.uses_psk() && hello.cipher_suites.contains(suite.id())
    };
    config.accepts_psks() && config.common.provider.suites.iter().any(shared)
}

/// A server's choice of everything that its first flight in 1.3 depends on.
#[derive(Debug)]
pub(crate) struct Choice13<'a> {
    pub(crate) suite: &'static Suite,
    pub(crate) group: &'static dyn KeyExchangeGroup,
    /// The client's share for the group; without one a HelloRetryRequest must ask for it.
    pub(crate) share: Option<&'a [u8]>,
}

/// Chooses suite and group for 1.3: with `early` a group that the hello has a share for, because a
/// retry would reject early data. The session's key, which goes into the key schedule too, is as
/// good against quantum computers as the exchange that it came from.
pub(crate) fn choose_v13<'a>(
    config: &ServerConfig,
    hello: &ClientHello<'a>,
    early: bool,
) -> Result<Choice13<'a>, Error> {
    check_v13(hello)?;
    let provider = &config.common.provider;
    let v13 = |suite: &&'static Suite| suite.facts.version == Version::V13;
    // With a pre-shared key and no certificate the suite must have the key's hash.
    let psk_only = config.identities.is_empty() || hello.extensions.signature_algorithms.is_none();
    let usable = |suite: &&'static Suite| {
        v13(suite) && (!psk_only || config.psks.is_none() || suite.facts.hash == PSK_HASH)
    };
    let suite = if config.prefer_client_order {
        hello.cipher_suites.iter().filter_map(|id| provider.suite(id)).find(usable)
    } else {
        let offered = |suite: &&'static Suite| hello.cipher_suites.contains(suite.id());
        provider.suites.iter().copied().filter(usable).find(offered)
    };
    let suite = suite.ok_or(PeerIncompatible::NoSharedSuite)?;

    let shares = hello.extensions.key_share.unwrap_or_default();
    let offered = hello.extensions.supported_groups.unwrap_or_default();
    check_shares(&shares, &offered)?;
    let share_for =
        |name| shares.iter().find(|share| share.group == name).map(|share| share.key_exchange);
    let ours = || provider.groups.iter().copied().filter(|group| group.usable_in(Version::V13));
    let shared: Vec<_> = if config.prefer_client_order {
        offered.iter().filter_map(|name| provider.group(name, Version::V13)).collect()
    } else {
        ours().filter(|group| offered.contains(group.name())).collect()
    };
    // A round trip for a better classic group would be wasted, one for a group that resists
    // quantum computers is not; and with cookies on the round trip is made anyway.
    let with_share = shared.iter().find(|group| share_for(group.name()).is_some());
    let hybrid = shared.first().filter(|group| !early && !group.usable_in(Version::V12));
    let group = hybrid.or(with_share).or_else(|| shared.first());
    let group = *group.ok_or(PeerIncompatible::NoSharedGroup)?;
    Ok(Choice13 { suite, group, share: share_for(group.name()) })
}

/// What a 1.3 hello must have (RFC 8446 §9.2, RFC 9147 §5.3).
fn check_v13(hello: &ClientHello<'_>) -> Result<(), Error> {
    if hello.compression_methods != [CompressionMethod::NULL.0] {
        return Err(PeerMisbehaved::Compression.into());
    }
    if !hello.cookie.is_empty() {
        return Err(PeerMisbehaved::BadCookie.into());
    }
    let extensions = &hello.extensions;
    let missing = [
        (extensions.supported_groups.is_none(), ExtensionType::SUPPORTED_GROUPS),
        (extensions.key_share.is_none(), ExtensionType::KEY_SHARE),
        (
            extensions.signature_algorithms.is_none() && extensions.pre_shared_key.is_none(),
            ExtensionType::SIGNATURE_ALGORITHMS,
        ),
    ];
    match missing.into_iter().find(|(missing, _)| *missing) {
        Some((_, typ)) => Err(PeerIncompatible::MissingExtension(typ).into()),
        None => Ok(()),
    }
}

/// One share for each group at most, and only for groups that are offered (RFC 8446 §4.2.8).
fn check_shares(
    shares: &List<'_, KeyShareEntry<'_>>,
    offered: &List<'_, NamedGroup>,
) -> Result<(), Error> {
    for (index, share) in shares.iter().enumerate() {
        let again = shares.iter().take(index).any(|other| other.group == share.group);
        if again || !offered.contains(share.group) || index >= MAX_SHARES {
            return Err(PeerMisbehaved::BadExtension(ExtensionType::KEY_SHARE).into());
        }
    }
    Ok(())
}

/// More shares than there are groups in the registry: comparing each with each other one must not
/// cost more than reading them.
const MAX_SHARES: usize = 64;

/// What a server would do with a hello, before it knows anything of its sender: the endpoint asks
/// this to answer without state, and the state machine comes to the same result again.
#[derive(Debug)]
pub enum Selection {
    /// The handshake goes on in 1.2.
    V12,
    /// The handshake goes on in 1.3, with this suite.
    V13 {
        /// The suite.
        suite: &'static Suite,
        /// The group that a HelloRetryRequest must ask a share for, if the hello has none that
        /// fits.
        missing_group: Option<NamedGroup>,
    },
}

/// Says what a server would do with a hello. Pure.
pub fn select(config: &ServerConfig, hello: &ClientHello<'_>) -> Result<Selection, Error> {
    Ok(match choose_version(config.common.versions, hello)? {
        Version::V12 => Selection::V12,
        Version::V13 => {
            let Choice13 { suite, group, share, .. } = choose_v13(config, hello, false)?;
            let missing_group = share.is_none().then(|| group.name());
            Selection::V13 { suite, missing_group }
        }
    })
}

/// The body of a HelloRetryRequest. The one that is sent and the one in the transcript come from
/// this same call.
#[must_use]
pub fn hello_retry_request(
    suite: CipherSuite,
    group: Option<NamedGroup>,
    cookie: Option<&[u8]>,
) -> Vec<u8> {
    ServerHello {
        legacy_version: ProtocolVersion::DTLS_1_2,
        random: Random::HELLO_RETRY_REQUEST,
        session_id: &[],
        cipher_suite: suite,
        compression_method: CompressionMethod::NULL,
        extensions: ServerExtensions {
            supported_versions: Some(ProtocolVersion::DTLS_1_3),
            selected_group: group,
            cookie,
            ..ServerExtensions::default()
        },
    }
    .encode()
}

/// The hash of a first ClientHello, as it stands in the transcript after a HelloRetryRequest
/// (RFC 8446 §4.4.1).
#[must_use]
pub fn hello_hash(suite: &Suite, hello: &[u8]) -> Digest {
    let mut transcript = Transcript::new(Version::V13, suite.hash);
    transcript.add(HandshakeType::CLIENT_HELLO, MessageSeq(0), hello);
    transcript.current()
}

/// The first group in order of preference that both sides have. A client that does not say which
/// groups it has leaves the choice to the server (RFC 8422 §4).
fn choose_group_v12(
    config: &ServerConfig,
    extensions: &ClientExtensions<'_>,
) -> Option<&'static dyn KeyExchangeGroup> {
    let provider = &config.common.provider;
    let mut ours = provider.groups.iter().copied().filter(|group| group.usable_in(Version::V12));
    match &extensions.supported_groups {
        None => ours.next(),
        Some(offered) if config.prefer_client_order => {
            offered.iter().find_map(|name| provider.group(name, Version::V12))
        }
        Some(offered) => ours.find(|group| offered.contains(group.name())),
    }
}

/// A server's answers to the extensions that both versions negotiate alike.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Answers {
    pub(crate) server_name: Option<Vec<u8>>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) srtp_profile: Option<SrtpProfile>,
    /// The peer's record_size_limit, as it stands in the extension.
    pub(crate) record_size_limit: Option<u16>,
    /// The code that both sides have sent in max_fragment_length, 1 to 4.
    pub(crate) max_fragment_length: Option<u8>,
    /// What the server shows, if that was talked about (RFC 7250 §4.2).
    pub(crate) server_certificate_type: Option<CertificateType>,
    /// What the client shows, if that was talked about.
    pub(crate) client_certificate_type: Option<CertificateType>,
}

impl Answers {
    /// Says which type of certificate a server shows, and which one it asks for, if it asks (which
    /// is the result), if the client has talked about types (RFC 7250 §4.2).
    pub(crate) fn talk_about_types(
        &mut self,
        config: &ServerConfig,
        offered: &ClientExtensions<'_>,
        identity: &CertifiedKey,
    ) -> Result<Option<CertificateType>, Error> {
        let shows = identity.certificate_type();
        let requests = requested_type(config, offered)?;
        self.server_certificate_type = offered.server_certificate_type.map(|_| shows);
        self.client_certificate_type =
            requests.filter(|_| offered.client_certificate_type.is_some());
        Ok(requests)
    }
}

/// What a server asks its client to show, if it asks (RFC 7250 §4.2): the first of the types that
/// the client can show which we can verify.
fn requested_type(
    config: &ServerConfig,
    offered: &ClientExtensions<'_>,
) -> Result<Option<CertificateType>, Error> {
    let accepted = config.signatures().types();
    if accepted.is_empty() {
        return Ok(None);
    }
    let shared = match offered.client_certificate_type {
        Some(list) => list.iter().find(|typ| accepted.contains(typ)),
        None => Some(CertificateType::X509).filter(|typ| accepted.contains(typ)),
    };
    if shared.is_none() && config.client_certificate_required() {
        return Err(PeerIncompatible::NoSharedCertificateType.into());
    }
    Ok(shared)
}

impl Answers {
    /// Chooses, in the server's order of preference.
    pub(crate) fn choose(
        config: &CommonConfig,
        offered: &ClientExtensions<'_>,
    ) -> Result<Self, Error> {
        Ok(Self {
            server_name: offered.server_name.map(<[u8]>::to_vec),
            alpn: choose_protocol(&config.alpn, offered.alpn.as_ref())?,
            srtp_profile: choose_srtp(&config.srtp, offered.use_srtp.as_ref()),
            record_size_limit: offered.record_size_limit,
            // RFC 8449 §5: whoever knows record_size_limit ignores the older extension beside it.
            max_fragment_length: offered
                .max_fragment_length
                .filter(|_| offered.record_size_limit.is_none()),
            server_certificate_type: None,
            client_certificate_type: None,
        })
    }
}

/// RFC 7301 §3.2: no answer if this side has no protocols, an alert if none is shared.
fn choose_protocol(
    ours: &[Vec<u8>],
    offered: Option<&List<'_, ProtocolName<'_>>>,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(offered) = offered.filter(|_| !ours.is_empty()) else { return Ok(None) };
    let shared = ours.iter().find(|protocol| offered.iter().any(|name| name.0 == &protocol[..]));
    shared.cloned().map(Some).ok_or_else(|| PeerIncompatible::NoSharedProtocol.into())
}

/// RFC 5764 §4.1.1: no answer if no profile is shared. A master key identifier is not supported,
/// so none is sent back whatever the client offered, as §4.1.3 allows.
fn choose_srtp(ours: &[SrtpProfile], offered: Option<&UseSrtp<'_>>) -> Option<SrtpProfile> {
    let offered = offered?;
    ours.iter().copied().find(|profile| offered.profiles.contains(*profile))
}

/// What a client offered, to check the server's answers against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered<'a> {
    pub(crate) config: &'a ClientConfig,
    /// Every extension that the hello carried.
    pub(crate) types: &'a [ExtensionType],
}

impl Offered<'_> {
    /// Refuses what was not asked for, and reads the answers that both versions have in common.
    pub(crate) fn accept(&self, answers: &ServerExtensions<'_>) -> Result<Answers, Error> {
        if let Some(typ) = answers.types().find(|typ| !self.types.contains(typ)) {
            return Err(PeerMisbehaved::UnsolicitedExtension(typ).into());
        }
        let offered = |name| self.config.common.alpn.iter().any(|protocol| &protocol[..] == name);
        if answers.alpn.is_some_and(|name| !offered(name)) {
            return Err(PeerMisbehaved::UnofferedProtocol.into());
        }
        let unoffered = |srtp: SelectedSrtp<'_>| {
            !self.config.common.srtp.contains(&srtp.profile) || !srtp.mki.is_empty()
        };
        if answers.use_srtp.is_some_and(unoffered) {
            return Err(PeerMisbehaved::UnofferedSrtpProfile.into());
        }
        // The answer is the offer (RFC 6066 §4), and never beside its successor (RFC 8449 §5).
        let wrong = |code: u8| {
            Some(code) != self.config.max_fragment_length || answers.record_size_limit.is_some()
        };
        if answers.max_fragment_length.is_some_and(wrong) {
            return Err(PeerMisbehaved::BadExtension(ExtensionType::MAX_FRAGMENT_LENGTH).into());
        }
        let unverifiable = |typ| !self.config.signatures().types().contains(&typ);
        if answers.server_certificate_type.is_some_and(unverifiable) {
            return Err(PeerMisbehaved::BadExtension(ExtensionType::SERVER_CERTIFICATE_TYPE).into());
        }
        let missing = |typ| !self.config.identities.types().contains(&typ);
        if answers.client_certificate_type.is_some_and(missing) {
            return Err(PeerMisbehaved::BadExtension(ExtensionType::CLIENT_CERTIFICATE_TYPE).into());
        }
        check_point_formats(answers.ec_point_formats)?;
        Ok(Answers {
            server_name: None,
            alpn: answers.alpn.map(<[u8]>::to_vec),
            srtp_profile: answers.use_srtp.map(|srtp| srtp.profile),
            record_size_limit: answers.record_size_limit,
            max_fragment_length: answers.max_fragment_length,
            server_certificate_type: answers.server_certificate_type,
            client_certificate_type: answers.client_certificate_type,
        })
    }
}

/// What the record_size_limit extension says for us (RFC 8449 §4). In 1.3 the content type counts.
pub(crate) fn own_record_size_limit(config: &CommonConfig, version: Version) -> u16 {
    let limit = config.record_size_limit.unwrap_or(MAX_RECORD_SIZE);
    match version {
        Version::V12 => limit,
        Version::V13 => limit.saturating_add(1),
    }
}

/// The longest plaintext that the protocol allows, in bytes.
const MAX_RECORD_SIZE: u16 = 1 << 14;

impl Answers {
    /// What the extension means if both sides have sent it; nothing otherwise. A peer may say more
    /// than its version allows (RFC 8449 §4).
    pub(crate) fn record_limits(
        &self,
        config: &CommonConfig,
        version: Version,
    ) -> Option<RecordLimits> {
        if let Some(code) = self.max_fragment_length {
            let len = 1_usize.checked_shl(u32::from(code).saturating_add(8))?;
            return Some(RecordLimits { send: len, receive: len, unprotected: true });
        }
        let content_type = match version {
            Version::V12 => 0,
            Version::V13 => 1,
        };
        let plaintext = |limit: u16| usize::from(limit.saturating_sub(content_type));
        let own = own_record_size_limit(config, version);
        let send = plaintext(self.record_size_limit?).min(usize::from(MAX_RECORD_SIZE));
        Some(RecordLimits { send, receive: plaintext(own), unprotected: false })
    }
}

/// Whoever lists point formats must list the uncompressed one (RFC 8422 §5.1.2).
pub(crate) fn check_point_formats(formats: Option<&[u8]>) -> Result<(), Error> {
    match formats {
        Some(formats) if !formats.contains(&EcPointFormat::UNCOMPRESSED.0) => {
            Err(PeerIncompatible::NoUncompressedPoints.into())
        }
        _ => Ok(()),
    }
}

/// How `wire` frames the key exchange of a suite.
pub(crate) const fn framing(kind: KeyExchangeKind) -> sealgram_wire::messages12::KeyExchangeKind {
    use sealgram_wire::messages12::KeyExchangeKind as Wire;
    match kind {
        KeyExchangeKind::EcdheEcdsa | KeyExchangeKind::EcdheRsa | KeyExchangeKind::Any => {
            Wire::Ecdhe
        }
        KeyExchangeKind::Psk => Wire::Psk,
        KeyExchangeKind::EcdhePsk => Wire::EcdhePsk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5246 §E.1: a client that can do more than we can still speaks our best version.
    #[test]
    fn hello_of_a_later_version_speaks_1_2() {
        let suites = [CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
        let mut hello = ClientHello {
            legacy_version: ProtocolVersion::DTLS_1_2,
            random: Random([0; 32]),
            session_id: &[],
            cookie: &[],
            cipher_suites: List::from_slice(&suites),
            compression_methods: &[0],
            extensions: ClientExtensions::default(),
        };
        let both = Versions { v12: true, v13: true };
        for (version, expected) in [
            (0xfefd, Ok(Version::V12)),
            (0xfefc, Ok(Version::V12)),
            (0xfdff, Ok(Version::V12)),
            (0xfeff, Err(PeerIncompatible::NoSharedVersion.into())),
        ] {
            hello.legacy_version = ProtocolVersion(version);
            assert_eq!(choose_version(both, &hello), expected, "{version:#x}");
        }
    }
}
