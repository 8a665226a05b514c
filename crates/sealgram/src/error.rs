//! Errors of calls, as opposed to those that end a connection.

use core::fmt;

use sealgram_cookie::CookieKeyError;
use sealgram_crypto::{CryptoError, KeyError};
use sealgram_handshake::ErrorKind;
use sealgram_iana::Version;
use sealgram_x509::BuildError;

/// A configuration that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// No version is enabled, or the provider has suites for none.
    NoVersion,
    /// The provider has no suite for an enabled version.
    NoSuite(Version),
    /// The provider has no SHA-256, which cookies and tickets need.
    NoSha256,
    /// The provider has no key-exchange group for an enabled version.
    NoGroup(Version),
    /// The provider has suites with AES-128-CCM_8, and nobody has said how many forgeries they may
    /// meet: see `danger_allow_ccm_8` of the builders.
    Ccm8NotAllowed,
    /// A server needs a certificate or another identity, and has none.
    NoIdentity,
    /// A client has no pre-shared key to offer to 1.3 servers, and 1.3 is enabled.
    NoPskForV13,
    /// Early data comes with tickets, which are switched off.
    EarlyDataNeedsTickets,
    /// A certificate chain is empty.
    EmptyChain,
    /// A key that shall be shown without a certificate does not tell its public half.
    NoPublicKey,
    /// Certificates are listed although somebody else chooses them.
    TwoCertificateSources,
    /// A private key cannot be used.
    Key(KeyError),
    /// The verifier cannot be built, for example because there are no roots.
    Verifier(BuildError),
    /// There is no source of calendar time: the feature `std` is off and none was given.
    NoWallClock,
    /// The verifier checks the server's name, and the connection was given none.
    NoServerName,
    /// An application protocol is empty or longer than 255 bytes.
    BadProtocol,
    /// A number is outside of what makes sense; the text names it.
    OutOfRange(&'static str),
    /// The cookie keys cannot be made.
    Cookie(CookieKeyError),
    /// The random source failed.
    Random(CryptoError),
}

impl ConfigError {
    /// Which of the eight kinds it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::OutOfRange(_) | Self::BadProtocol => ErrorKind::InvalidInput,
            Self::Cookie(CookieKeyError::SecretTooShort | CookieKeyError::LifetimeTooShort) => {
                ErrorKind::InvalidInput
            }
            _ => ErrorKind::Init,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVersion => {
                f.write_str("no protocol version is enabled that the provider has suites for")
            }
            Self::NoSuite(version) => write!(f, "no cipher suite for {version}, which is enabled"),
            Self::NoSha256 => f.write_str("the provider has no suite with SHA-256"),
            Self::NoGroup(version) => {
                write!(f, "no key-exchange group for {version}, which is enabled")
            }
            Self::Ccm8NotAllowed => f.write_str(
                "cipher suites with CCM_8 must be allowed, with a limit on forged records",
            ),
            Self::NoIdentity => {
                f.write_str("a server needs an identity: give it a certificate and its key")
            }
            Self::NoPskForV13 => f.write_str(
                "DTLS 1.3 servers give no hint: name the key to offer to them, or leave 1.3 out",
            ),
            Self::NoPublicKey => f.write_str("the private key does not tell its public half"),
            Self::TwoCertificateSources => f.write_str(
                "certificates come either from a list, or from a resolver, or are asked for",
            ),
            Self::EarlyDataNeedsTickets => {
                f.write_str("early data needs session tickets, which are switched off")
            }
            Self::EmptyChain => f.write_str("a certificate chain is empty"),
            Self::Key(error) => fmt::Display::fmt(error, f),
            Self::Verifier(error) => fmt::Display::fmt(error, f),
            Self::NoWallClock => f.write_str(
                "no source of calendar time: enable the feature `std` or give a wall clock",
            ),
            Self::NoServerName => f.write_str(
                "the server's certificate cannot be checked without the name it should have",
            ),
            Self::BadProtocol => f.write_str("an application protocol must have 1 to 255 bytes"),
            Self::OutOfRange(what) => write!(f, "{what} is out of range"),
            Self::Cookie(error) => fmt::Display::fmt(error, f),
            Self::Random(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for ConfigError {}

impl From<KeyError> for ConfigError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<BuildError> for ConfigError {
    fn from(error: BuildError) -> Self {
        Self::Verifier(error)
    }
}

impl From<CookieKeyError> for ConfigError {
    fn from(error: CookieKeyError) -> Self {
        Self::Cookie(error)
    }
}

/// A call that the current state does not allow. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Misuse {
    /// The handshake is not complete yet.
    NotConnected,
    /// The connection is over.
    Closed,
    /// Nobody asked for this answer, or not any more.
    NotAsked,
    /// No early data can be sent: it is not on offer, the hello has not left yet, or the server has
    /// answered.
    NoEarlyData,
    /// The version does not have this.
    NotInThisVersion,
    /// All 65,532 updates of the keys have been made (1.3). Connect anew.
    KeysExhausted,
    /// An argument is out of range; the text names it.
    OutOfRange(&'static str),
}

impl Misuse {
    /// Which of the eight kinds it is.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::OutOfRange(_) => ErrorKind::InvalidInput,
            _ => ErrorKind::InvalidState,
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("the handshake is not complete"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::NotAsked => f.write_str("nobody waits for this answer"),
            Self::NoEarlyData => f.write_str("early data cannot be sent now"),
            Self::KeysExhausted => f.write_str("there are no further keys; connect anew"),
            Self::NotInThisVersion => f.write_str("the negotiated version does not have this"),
            Self::OutOfRange(what) => write!(f, "{what} is out of range"),
        }
    }
}

impl core::error::Error for Misuse {}

/// Why a datagram was not sealed. The connection goes on, and nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The state does not allow it.
    Misuse(Misuse),
    /// The plaintext is longer than one record can hold.
    TooLong {
        /// The longest that can be sent, in bytes.
        max: usize,
    },
    /// The buffer has no room for the record.
    BufferTooSmall {
        /// How many bytes the record needs.
        needed: usize,
    },
    /// The record numbers or the keys' usage limit are used up. Connect anew.
    Exhausted,
    /// The provider failed.
    Crypto,
}

impl SendError {
    /// Which of the eight kinds it is.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Misuse(misuse) => misuse.kind(),
            Self::TooLong { .. } | Self::BufferTooSmall { .. } => ErrorKind::InvalidInput,
            Self::Exhausted | Self::Crypto => ErrorKind::NonFatal,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => fmt::Display::fmt(misuse, f),
            Self::TooLong { max } => write!(f, "a datagram can hold at most {max} bytes"),
            Self::BufferTooSmall { needed } => {
                write!(f, "the buffer is too small: the record needs {needed} bytes")
            }
            Self::Exhausted => f.write_str("the connection's keys are used up; connect anew"),
            Self::Crypto => f.write_str("the provider failed to seal the record"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<Misuse> for SendError {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}
