//! Why a connection ended, and what the peer is told about it.

use core::fmt;

use sealgram_crypto::{CryptoError, VerificationError};
use sealgram_iana::{AlertDescription, ExtensionType, HandshakeType, Version};
use sealgram_wire::{Malformed, Message};

/// What kind of failure an error is: eight kinds, shared by every error type of sealgram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// An argument that cannot be used: an empty datagram, a port 0, an empty secret.
    InvalidInput,
    /// A call that the current state does not allow. Nothing was changed.
    InvalidState,
    /// The socket failed.
    Socket,
    /// The peer closed the connection in an orderly way.
    RemoteClosed,
    /// The peer's identity was rejected.
    PeerVerification,
    /// The configuration cannot be used.
    Init,
    /// The connection failed and is over.
    Fatal,
    /// Something failed and the connection goes on.
    NonFatal,
}

/// Why a connection ended with an error.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A message that cannot be parsed.
    Malformed {
        /// The message's type, if it was a handshake message.
        typ: Option<HandshakeType>,
        /// What is wrong with it.
        what: Malformed,
    },
    /// A message that does not belong here.
    UnexpectedMessage {
        /// What came.
        got: HandshakeType,
        /// What could have come, in words.
        expected: &'static str,
    },
    /// The two sides have nothing in common that one of them insists on.
    PeerIncompatible(PeerIncompatible),
    /// The peer broke the protocol.
    PeerMisbehaved(PeerMisbehaved),
    /// The peer's identity was rejected.
    PeerIdentity(VerificationError),
    /// The client sent no certificate and this server requires one.
    NoPeerCertificate,
    /// The peer ended the connection with an alert.
    AlertReceived {
        /// What it said.
        description: AlertDescription,
        /// Whether the alert was protected. An unprotected one could be forged, so it ends a
        /// handshake only after a retransmission period without progress.
        authenticated: bool,
    },
    /// The peer's records cannot be opened: the two sides hold different keys, as with a wrong
    /// pre-shared key.
    KeysDisagree,
    /// The peer did not answer in time.
    TimedOut,
    /// The application refused to go on.
    Refused(AlertDescription),
    /// A cryptographic operation on our side failed: no randomness, or a key that cannot sign.
    Crypto(CryptoError),
    /// All message or record numbers of the connection are used up.
    NumbersExhausted,
    /// More records have failed to open than the keys stand (RFC 9147 §4.5.3). Somebody forges
    /// records.
    TooManyForgeries,
}

/// What the two sides do not have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PeerIncompatible {
    /// No version of DTLS. 1.0 is never spoken (RFC 8996).
    NoSharedVersion,
    /// No cipher suite, or none that fits the certificates at hand.
    NoSharedSuite,
    /// No key-exchange group.
    NoSharedGroup,
    /// No pre-shared key.
    NoSharedPsk,
    /// No signature scheme.
    NoSharedSignatureScheme,
    /// No type of certificate: the peer shows or takes X.509 certificates or raw public keys, and
    /// we the other (RFC 7250 §4.2).
    NoSharedCertificateType,
    /// No certificate: this server has none for the client.
    NoCertificate,
    /// No certificate for the name that the client asks for (RFC 6066 §3).
    UnknownServerName,
    /// No application protocol (RFC 7301 §3.2).
    NoSharedProtocol,
    /// The peer does not support the extended master secret (RFC 7627), which the configuration
    /// requires.
    NoExtendedMasterSecret,
    /// The peer does not accept uncompressed points (RFC 8422 §5.1.2).
    NoUncompressedPoints,
    /// A 1.3 hello lacks an extension that it must have (RFC 8446 §9.2).
    MissingExtension(ExtensionType),
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// Chose a version that was not offered.
    UnofferedVersion,
    /// Chose a suite that was not offered, or one of another version.
    UnofferedSuite,
    /// Chose a group that was not offered.
    UnofferedGroup,
    /// Signed with a scheme that was not offered, or that does not fit its key.
    UnofferedSignatureScheme,
    /// Chose an application protocol that was not offered.
    UnofferedProtocol,
    /// Chose an SRTP profile that was not offered, or a master key identifier.
    UnofferedSrtpProfile,
    /// Sent an extension that was not asked for.
    UnsolicitedExtension(ExtensionType),
    /// Sent an extension with a value that is not allowed here.
    BadExtension(ExtensionType),
    /// Chose a compression method other than null.
    Compression,
    /// Its key share is not a valid one.
    BadKeyShare,
    /// A signature that its key did not make.
    BadSignature,
    /// A Finished message with wrong content.
    BadFinished,
    /// Renegotiation data in a first handshake (RFC 5746 §3.4).
    BadRenegotiationInfo,
    /// The server could have spoken a higher version (RFC 8446 §4.1.3).
    DowngradeDetected,
    /// More HelloVerifyRequests than an honest server sends.
    TooManyHelloVerifyRequests,
    /// A second HelloRetryRequest, or one that changes nothing (RFC 8446 §4.1.4).
    PointlessRetry,
    /// A second ClientHello that is not the first one again (RFC 8446 §4.1.2).
    HelloChanged,
    /// A Certificate message that answers a request that was never made.
    BadCertificateContext,
    /// More than one raw public key (RFC 8446 §4.4.2).
    SeveralRawPublicKeys,
    /// An empty certificate list where a certificate must be.
    EmptyCertificate,
    /// Fragments of one message that contradict each other.
    ConflictingFragments,
    /// A message in another phase than the one it belongs to.
    WrongPhase,
    /// A message longer than the configured bound.
    MessageTooLong,
    /// An authenticated record with no content type, or with content that cannot be.
    BadRecord,
    /// A record longer than the protocol or the negotiated limit allows.
    RecordTooLong,
    /// An empty record where there must be content.
    EmptyRecord,
    /// An ACK that no honest peer sends (RFC 9147 §7).
    BadAck,
    /// An invalid cookie in a 1.3 hello (RFC 9147 §5.1).
    BadCookie,
    /// A pre-shared key binder that is wrong (RFC 8446 §4.2.11.2).
    BadBinder,
    /// Resumed a session with another suite, or without the extended master secret that it had
    /// (RFC 7627 §5.3).
    SessionChanged,
    /// A session ID that DTLS 1.3 does not have (RFC 9147 §5).
    BadSessionId,
    /// More early data than its ticket allows (RFC 8446 §4.6.1).
    TooMuchEarlyData,
    /// More key updates in a row than any honest peer makes.
    TooManyKeyUpdates,
}

impl Error {
    /// The alert that is owed to a peer of this version, or `None` where one would be noise.
    #[must_use]
    pub fn alert(&self, version: Version) -> Option<AlertDescription> {
        use PeerIncompatible as I;
        use PeerMisbehaved as M;
        Some(match self {
            Self::Malformed { .. } => AlertDescription::DECODE_ERROR,
            Self::UnexpectedMessage { .. } => AlertDescription::UNEXPECTED_MESSAGE,
            Self::PeerIncompatible(what) => match what {
                I::NoSharedVersion => AlertDescription::PROTOCOL_VERSION,
                I::NoSharedProtocol => AlertDescription::NO_APPLICATION_PROTOCOL,
                I::NoUncompressedPoints => AlertDescription::ILLEGAL_PARAMETER,
                I::MissingExtension(_) => AlertDescription::MISSING_EXTENSION,
                I::NoSharedCertificateType => AlertDescription::UNSUPPORTED_CERTIFICATE,
                I::UnknownServerName => AlertDescription::UNRECOGNIZED_NAME,
                I::NoSharedSuite
                | I::NoCertificate
                | I::NoSharedGroup
                | I::NoSharedPsk
                | I::NoSharedSignatureScheme
                | I::NoExtendedMasterSecret => AlertDescription::HANDSHAKE_FAILURE,
            },
            Self::PeerMisbehaved(what) => match what {
                M::UnofferedVersion => AlertDescription::PROTOCOL_VERSION,
                M::UnsolicitedExtension(_) => AlertDescription::UNSUPPORTED_EXTENSION,
                M::BadSignature | M::BadFinished | M::BadBinder => AlertDescription::DECRYPT_ERROR,
                M::WrongPhase
                | M::TooManyHelloVerifyRequests
                | M::TooManyKeyUpdates
                | M::TooMuchEarlyData
                | M::BadRecord
                | M::EmptyRecord => AlertDescription::UNEXPECTED_MESSAGE,
                M::BadRenegotiationInfo => AlertDescription::HANDSHAKE_FAILURE,
                M::RecordTooLong => AlertDescription::RECORD_OVERFLOW,
                M::EmptyCertificate => AlertDescription::DECODE_ERROR,
                _ => AlertDescription::ILLEGAL_PARAMETER,
            },
            Self::PeerIdentity(error) => error.alert(),
            // 1.2 has no alert of its own for it (RFC 5246 §7.4.6).
            Self::NoPeerCertificate => match version {
                Version::V12 => AlertDescription::HANDSHAKE_FAILURE,
                Version::V13 => AlertDescription::CERTIFICATE_REQUIRED,
            },
            Self::Refused(alert) => *alert,
            Self::KeysDisagree => AlertDescription::DECRYPT_ERROR,
            Self::Crypto(_) | Self::NumbersExhausted => AlertDescription::INTERNAL_ERROR,
            Self::TooManyForgeries => AlertDescription::BAD_RECORD_MAC,
            Self::AlertReceived { .. } | Self::TimedOut => return None,
        })
    }

    /// Which of the eight kinds it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::PeerIdentity(_) | Self::NoPeerCertificate => ErrorKind::PeerVerification,
            _ => ErrorKind::Fatal,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { typ: Some(typ), what } => write!(f, "malformed {typ}: {what}"),
            Self::Malformed { typ: None, what } => write!(f, "malformed record content: {what}"),
            Self::UnexpectedMessage { got, expected } => {
                write!(f, "unexpected {got}, expected {expected}")
            }
            Self::PeerIncompatible(what) => fmt::Display::fmt(what, f),
            Self::PeerMisbehaved(what) => write!(f, "the peer misbehaved: {what}"),
            Self::PeerIdentity(error) => write!(f, "the peer's identity was rejected: {error}"),
            Self::NoPeerCertificate => {
                f.write_str("the client sent no certificate and the server requires one")
            }
            Self::AlertReceived { description, authenticated: true } => {
                write!(f, "the peer ended the connection: {description}")
            }
            Self::AlertReceived { description, authenticated: false } => {
                write!(f, "the peer ended the handshake (unprotected alert): {description}")
            }
            Self::KeysDisagree => f.write_str(
                "the peer's records cannot be opened; with a pre-shared key, check that both \
                 sides have the same one",
            ),
            Self::TimedOut => f.write_str(
                "the peer did not answer in time; check address, port and firewall, and that it \
                 speaks DTLS",
            ),
            Self::Refused(alert) => write!(f, "the application refused the handshake: {alert}"),
            Self::Crypto(error) => fmt::Display::fmt(error, f),
            Self::NumbersExhausted => {
                f.write_str("all numbers of the connection are used up; connect anew")
            }
            Self::TooManyForgeries => {
                f.write_str("more forged records came than the keys of the cipher suite stand")
            }
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for PeerIncompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSharedVersion => "no shared protocol version",
            Self::NoSharedSuite => {
                "no shared cipher suite (or none that fits the certificate's key)"
            }
            Self::NoSharedGroup => "no shared key-exchange group",
            Self::NoSharedPsk => "no shared pre-shared key: the peer does not know the identity",
            Self::NoSharedSignatureScheme => "no shared signature scheme",
            Self::NoSharedCertificateType => {
                "one side has certificates where the other one wants raw public keys"
            }
            Self::NoCertificate => "there is no certificate for the peer",
            Self::UnknownServerName => "there is no certificate for the name that was asked for",
            Self::NoSharedProtocol => "no shared application protocol",
            Self::NoExtendedMasterSecret => {
                "the peer does not support the extended master secret, which is required"
            }
            Self::NoUncompressedPoints => "the peer does not accept uncompressed points",
            Self::MissingExtension(typ) => return write!(f, "the extension {typ} is missing"),
        })
    }
}

impl fmt::Display for PeerMisbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnofferedVersion => "it chose a version that was not offered",
            Self::UnofferedSuite => "it chose a cipher suite that was not offered",
            Self::UnofferedGroup => "it chose a group that was not offered",
            Self::UnofferedSignatureScheme => "it signed with a scheme that was not offered",
            Self::UnofferedProtocol => "it chose an application protocol that was not offered",
            Self::UnofferedSrtpProfile => "it chose an SRTP profile that was not offered",
            Self::UnsolicitedExtension(typ) => {
                return write!(f, "it sent the extension {typ}, which was not asked for");
            }
            Self::BadExtension(typ) => return write!(f, "its extension {typ} has a bad value"),
            Self::Compression => "it chose a compression method",
            Self::BadKeyShare => "its key share is not valid",
            Self::BadSignature => "its handshake signature is wrong",
            Self::BadFinished => "its Finished message is wrong",
            Self::BadRenegotiationInfo => "it sent renegotiation data in a first handshake",
            Self::DowngradeDetected => "somebody downgraded the protocol version",
            Self::TooManyHelloVerifyRequests => "it sent too many HelloVerifyRequests",
            Self::PointlessRetry => "it asked for a retry that changes nothing",
            Self::HelloChanged => "its second ClientHello is not the first one again",
            Self::BadCertificateContext => "its certificate answers another request",
            Self::SeveralRawPublicKeys => "it sent more than one raw public key",
            Self::EmptyCertificate => "its certificate list is empty",
            Self::ConflictingFragments => "its fragments of one message contradict each other",
            Self::WrongPhase => "it sent a message under the wrong keys",
            Self::MessageTooLong => "it sent a message that is too long",
            Self::BadRecord => "it sent a record with impossible content",
            Self::RecordTooLong => "it sent a record that is too long",
            Self::EmptyRecord => "it sent an empty record",
            Self::BadAck => "it sent an impossible ACK",
            Self::BadCookie => "its cookie is not valid",
            Self::BadBinder => "its pre-shared key binder is wrong",
            Self::SessionChanged => "it resumed a session with other parameters",
            Self::BadSessionId => "it sent a session ID, which DTLS 1.3 does not have",
            Self::TooMuchEarlyData => "it sent more early data than its ticket allows",
            Self::TooManyKeyUpdates => "it sent too many key updates",
        })
    }
}

impl From<PeerIncompatible> for Error {
    fn from(what: PeerIncompatible) -> Self {
        Self::PeerIncompatible(what)
    }
}

impl From<PeerMisbehaved> for Error {
    fn from(what: PeerMisbehaved) -> Self {
        Self::PeerMisbehaved(what)
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl From<VerificationError> for Error {
    fn from(error: VerificationError) -> Self {
        Self::PeerIdentity(error)
    }
}

/// Names the message in a parsing error.
pub(crate) fn malformed(message: &Message<'_>) -> impl Fn(Malformed) -> Error + use<> {
    let typ = Some(message.typ);
    move |what| Error::Malformed { typ, what }
}

/// Refuses a message that is none of the `expected`.
pub(crate) fn unexpected(message: &Message<'_>, expected: &'static str) -> Error {
    Error::UnexpectedMessage { got: message.typ, expected }
}
