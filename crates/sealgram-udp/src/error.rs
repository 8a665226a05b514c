//! What a driver's call can fail with.

use core::fmt;
use std::io;

use sealgram::{CloseReason, Closed, ConfigError, ErrorKind, Misuse, SendError};

use crate::AddressError;

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be a peer's. Nothing was changed.
    Address(AddressError),
    /// There is nothing in the datagram that was handed in. Nothing was changed.
    EmptyDatagram,
    /// The configuration cannot be used.
    Config(ConfigError),
    /// The state does not allow the call. Nothing was changed.
    Misuse(Misuse),
    /// The datagram was not sent; the connection goes on.
    Send(SendError),
    /// The socket failed. A connection goes on if it was a datagram that could not be sent.
    Socket(io::Error),
    /// The connection is over.
    Closed(Closed),
    /// The configuration asks the application while a handshake runs, and [`Client::connect`]
    /// cannot answer: use [`Client::start`].
    ///
    /// [`Client::connect`]: crate::Client::connect
    /// [`Client::start`]: crate::Client::start
    Asked,
    /// The datagram does not fit the buffer. It is kept for a call with a bigger one.
    BufferTooSmall {
        /// Its length in bytes.
        needed: usize,
    },
    /// There is no connection with this peer, or not any more.
    UnknownPeer,
}

impl Error {
    /// Which of the eight kinds it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address(_) | Self::EmptyDatagram | Self::BufferTooSmall { .. } => {
                ErrorKind::InvalidInput
            }
            Self::Config(error) => error.kind(),
            Self::Misuse(error) => error.kind(),
            Self::Send(error) => error.kind(),
            Self::Socket(_) => ErrorKind::Socket,
            // If we have closed it ourselves, it is the call that is wrong.
            Self::Closed(closed) => closed.reason.kind().unwrap_or(ErrorKind::InvalidState),
            Self::Asked | Self::UnknownPeer => ErrorKind::InvalidState,
        }
    }

    /// How the connection ended, if that is what the error is about.
    #[must_use]
    pub const fn closed(&self) -> Option<&Closed> {
        match self {
            Self::Closed(closed) => Some(closed),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => fmt::Display::fmt(error, f),
            Self::EmptyDatagram => f.write_str("an empty datagram is no DTLS"),
            Self::Config(error) => fmt::Display::fmt(error, f),
            Self::Misuse(error) => fmt::Display::fmt(error, f),
            Self::Send(error) => fmt::Display::fmt(error, f),
            Self::Socket(error) => write!(f, "the UDP socket failed: {error}"),
            Self::Closed(closed) => {
                fmt::Display::fmt(&closed.reason, f)?;
                match (&closed.reason, closed.alert_sent) {
                    (CloseReason::Error(_), Some(alert)) => write!(f, " (alert sent: {alert})"),
                    _ => Ok(()),
                }
            }
            Self::Asked => f.write_str(
                "the configuration asks the application during the handshake: use `Client::start`, \
                 and answer with `Client::resolve`",
            ),
            Self::BufferTooSmall { needed } => {
                write!(f, "the datagram has {needed} bytes: call again with a buffer for as many")
            }
            Self::UnknownPeer => f.write_str("there is no connection with this peer any more"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Misuse(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Socket(error) => Some(error),
            Self::Closed(Closed { reason: CloseReason::Error(error), .. }) => Some(error),
            _ => None,
        }
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<Misuse> for Error {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Misuse(misuse) => Self::Misuse(misuse),
            other => Self::Send(other),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}
