//! What the two roles are configured with. The facade's builders make these, checked.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sealgram_crypto::{
    ClientVerifier, CryptoProvider, KeyExchangeKind, KeyLog, RawPublicKeySignatures,
    RawPublicKeyVerifier, ServerVerifier, SignatureVerifier, WallClock,
};
use sealgram_iana::{CertificateType, SignatureScheme, SrtpProfile, Version};

use crate::{
    ClientPsk, ClientSessionStore, EarlyDataTerms, Identities, PskSource, SessionCache,
    TicketSealer,
};

/// Which versions may be negotiated. Never both `false`: the builders see to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Versions {
    /// DTLS 1.2.
    pub v12: bool,
    /// DTLS 1.3.
    pub v13: bool,
}

impl Versions {
    /// Whether `version` may be negotiated.
    #[must_use]
    pub const fn contains(self, version: Version) -> bool {
        match version {
            Version::V12 => self.v12,
            Version::V13 => self.v13,
        }
    }
}

/// How raw public keys of peers are verified (RFC 7250).
#[derive(Clone, Debug)]
pub enum RawPublicKeyVerification {
    /// At once.
    Inline(Arc<dyn RawPublicKeyVerifier>),
    /// The application is asked with [`Ask::VerifyRawPublicKey`](crate::Ask::VerifyRawPublicKey);
    /// handshake signatures are verified at once all the same.
    Ask(Arc<dyn RawPublicKeySignatures>),
}

impl RawPublicKeyVerification {
    pub(crate) fn signatures(&self) -> &dyn RawPublicKeySignatures {
        match self {
            Self::Inline(verifier) => &**verifier,
            Self::Ask(signatures) => &**signatures,
        }
    }
}

/// What verifies handshake signatures, by the type of what the peer shows.
#[derive(Clone, Copy)]
pub(crate) struct Signatures<'a> {
    pub(crate) certificates: Option<&'a dyn SignatureVerifier>,
    pub(crate) raw_public_keys: Option<&'a dyn RawPublicKeySignatures>,
}

impl<'a> Signatures<'a> {
    /// The types that we can verify, best first: a bare key is shorter, and pinned.
    pub(crate) fn types(self) -> Vec<CertificateType> {
        let raw = self.raw_public_keys.map(|_| CertificateType::RAW_PUBLIC_KEY);
        raw.into_iter().chain(self.certificates.map(|_| CertificateType::X509)).collect()
    }

    /// The schemes that we can verify for this type, best first.
    pub(crate) fn schemes(self, typ: CertificateType) -> &'a [SignatureScheme] {
        match (typ, self.certificates, self.raw_public_keys) {
            (CertificateType::RAW_PUBLIC_KEY, _, Some(raw)) => raw.schemes(),
            (CertificateType::X509, Some(certificates), _) => certificates.schemes(),
            _ => &[],
        }
    }

    /// The schemes that we can verify for one type or the other, each once.
    pub(crate) fn all_schemes(self) -> Vec<SignatureScheme> {
        let mut all = Vec::new();
        for typ in self.types() {
            for scheme in self.schemes(typ) {
                if !all.contains(scheme) {
                    all.push(*scheme);
                }
            }
        }
        all
    }
}

/// How a client verifies its server.
#[derive(Clone, Debug)]
pub enum ServerVerification {
    /// At once.
    Inline(Arc<dyn ServerVerifier>),
    /// The application is asked with [`Ask::VerifyPeer`](crate::Ask::VerifyPeer); handshake
    /// signatures are verified at once all the same.
    Ask(Arc<dyn SignatureVerifier>),
    /// Not at all: no certificate is accepted, only raw public keys are.
    RawPublicKeysOnly,
    /// By a pre-shared key alone: a server that does not have it is refused, whatever its
    /// certificate.
    Psk(ClientPsk),
}

impl ServerVerification {
    /// Whether suites of this kind go with it.
    #[must_use]
    pub const fn fits(&self, kind: KeyExchangeKind) -> bool {
        match kind {
            KeyExchangeKind::Any => true,
            _ => kind.uses_psk() == matches!(self, Self::Psk(_)),
        }
    }
}

/// How a server verifies its clients.
#[derive(Clone, Debug)]
pub enum ClientVerification {
    /// Clients are not asked for a certificate.
    None,
    /// At once.
    Inline(Arc<dyn ClientVerifier>),
    /// The application is asked with [`Ask::VerifyPeer`](crate::Ask::VerifyPeer).
    Ask {
        /// Verifies handshake signatures.
        signatures: Arc<dyn SignatureVerifier>,
        /// Whether a client without a certificate is refused.
        required: bool,
    },
}

/// What both roles have in common.
#[derive(Clone, Debug)]
pub struct CommonConfig {
    /// The algorithms.
    pub provider: CryptoProvider,
    /// The versions.
    pub versions: Versions,
    /// Application protocols, best first (RFC 7301); each of 1 to 255 bytes.
    pub alpn: Vec<Vec<u8>>,
    /// SRTP profiles, best first (RFC 5764).
    pub srtp: Vec<SrtpProfile>,
    /// The longest plaintext that we want to get in one protected record (RFC 8449), in bytes from
    /// 64 to 16,384; `None` for whatever the protocol allows.
    pub record_size_limit: Option<u16>,
    /// Whether 1.2 peers must support the extended master secret (RFC 7627).
    pub require_extended_master_secret: bool,
    /// Where secrets are logged, if anywhere.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Calendar time, for certificates.
    pub wall_clock: Arc<dyn WallClock>,
}

/// What a client's handshake is configured with.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// What both roles have in common.
    pub common: CommonConfig,
    /// How the server's certificates are verified.
    pub verification: ServerVerification,
    /// How the server's raw public key is verified; without it none is accepted.
    pub raw_public_keys: Option<RawPublicKeyVerification>,
    /// Certificates for a server that asks for one.
    pub identities: Identities,
    /// Whether DNS names are sent in the clear so that the server can choose by them (RFC 6066
    /// §3).
    pub send_server_name: bool,
    /// Whether a first 1.3 hello carries the long share of a hybrid group.
    pub hybrid_share_first: bool,
    /// The code of the longest plaintext of any record that is asked for (RFC 6066 §4): 1 to 4, for
    /// 2^9 to 2^12 bytes. For servers that do not know record_size_limit.
    pub max_fragment_length: Option<u8>,
    /// Where sessions are kept; without a store none is resumed.
    pub sessions: Option<Arc<dyn ClientSessionStore>>,
    /// Whether the server's chain is verified again when a session is resumed.
    pub verify_resumed: bool,
    /// Whether early data may be sent with a session whose server takes it.
    pub offer_early_data: bool,
}

/// What a server's handshake is configured with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What both roles have in common.
    pub common: CommonConfig,
    /// Where the pre-shared keys of clients are found; without it none is accepted. Clients that
    /// must show a certificate cannot use one.
    pub psks: Option<PskSource>,
    /// What helps 1.2 clients choose their identity, at most [`ExternalPsk::MAX_HINT`] bytes; may
    /// be empty.
    ///
    /// [`ExternalPsk::MAX_HINT`]: crate::ExternalPsk::MAX_HINT
    pub psk_hint: Vec<u8>,
    /// Certificates. There may be none if there are pre-shared keys.
    pub identities: Identities,
    /// Whether a client is refused that asks for a name which no certificate of a list is for.
    pub require_known_name: bool,
    /// How certificates of clients are verified.
    pub verification: ClientVerification,
    /// How raw public keys of clients are verified; without it none is accepted.
    pub raw_public_keys: Option<RawPublicKeyVerification>,
    /// Whether a client is refused that shows no raw public key, where those are accepted.
    pub raw_public_key_required: bool,
    /// Whether the client's order of suites and groups decides instead of ours.
    pub prefer_client_order: bool,
    /// What seals tickets; without it none is given out or accepted.
    pub tickets: Option<Arc<dyn TicketSealer>>,
    /// Whether the application keeps sessions and is asked for them, and how long they are good, in
    /// seconds; at most a week. Goes without `tickets` and `cache`.
    pub asked_sessions: Option<u32>,
    /// Where sessions of 1.2 clients are kept that take no tickets.
    pub cache: Option<Arc<dyn SessionCache>>,
    /// Whether the client's chain is verified again when a session is resumed.
    pub verify_resumed: bool,
    /// On what terms early data is taken; without it none is.
    pub early_data: Option<EarlyDataTerms>,
}

impl ServerConfig {
    /// Whether clients may be known by pre-shared keys. Such a client shows no certificate.
    pub(crate) fn accepts_psks(&self) -> bool {
        self.psks.is_some() && !self.client_certificate_required()
    }

    /// What verifies client signatures; nothing if clients are not asked for a certificate.
    pub(crate) fn signatures(&self) -> Signatures<'_> {
        let certificates: Option<&dyn SignatureVerifier> = match &self.verification {
            ClientVerification::None => None,
            ClientVerification::Inline(verifier) => Some(&**verifier),
            ClientVerification::Ask { signatures, .. } => Some(&**signatures),
        };
        let raw_public_keys = self.raw_public_keys.as_ref().map(|raw| raw.signatures());
        Signatures { certificates, raw_public_keys }
    }

    /// Whether a client without a certificate is refused.
    pub(crate) fn client_certificate_required(&self) -> bool {
        let raw = self.raw_public_keys.is_some() && self.raw_public_key_required;
        raw || match &self.verification {
            ClientVerification::None => false,
            ClientVerification::Inline(verifier) => verifier.required(),
            ClientVerification::Ask { required, .. } => *required,
        }
    }

    /// Names of authorities to hint at.
    pub(crate) fn client_authorities(&self) -> &[Vec<u8>] {
        match &self.verification {
            ClientVerification::Inline(verifier) => verifier.authorities(),
            _ => &[],
        }
    }
}

impl ClientConfig {
    /// What verifies server signatures.
    pub(crate) fn signatures(&self) -> Signatures<'_> {
        let certificates: Option<&dyn SignatureVerifier> = match &self.verification {
            ServerVerification::Inline(verifier) => Some(&**verifier),
            ServerVerification::Ask(verifier) => Some(&**verifier),
            ServerVerification::RawPublicKeysOnly | ServerVerification::Psk(_) => None,
        };
        let raw_public_keys = self.raw_public_keys.as_ref().map(|raw| raw.signatures());
        Signatures { certificates, raw_public_keys }
    }

    /// The pre-shared key that the server must have, if it is known by one.
    pub(crate) const fn psk(&self) -> Option<&ClientPsk> {
        match &self.verification {
            ServerVerification::Psk(psk) => Some(psk),
            _ => None,
        }
    }
}
