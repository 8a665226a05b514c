//! What the runner is told about a failure.
//!
//! The runner looks for `:TOKENS:` in it; config.json says which of ours stand for which of
//! BoringSSL's. A token is the path of the typed error: `PeerMisbehaved::BadFinished` becomes
//! `:PEER_MISBEHAVED:BAD_FINISHED:`.

use core::fmt::Debug;
use std::io;

use sealgram::{CloseReason, Closed, ConfigError, Error, Misuse, SendError};

/// Why a test did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It asks for something that sealgram does not have, or that its API does not show.
    Unimplemented(String),
    /// It failed, as it may have to.
    Failed(String),
}

impl Failure {
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    pub(crate) fn unimplemented(what: impl Into<String>) -> Self {
        Self::Unimplemented(what.into())
    }

    /// Says which of several connections failed.
    pub(crate) fn in_connection(self, nth: usize) -> Self {
        match self {
            Self::Failed(why) if nth > 0 => Self::Failed(format!("resumption {nth}: {why}")),
            other => other,
        }
    }

    /// A connection that should not have ended.
    pub(crate) fn closed(closed: &Closed) -> Self {
        match &closed.reason {
            CloseReason::Error(error) => Self::Failed(format!("{} {error}", token(error))),
            reason => Self::Failed(format!(":CLOSED: {reason}")),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Failed(format!(":TRANSPORT: {error}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Failed(format!(":CONFIG:{}: {error}", name(&error)))
    }
}

impl From<Misuse> for Failure {
    fn from(error: Misuse) -> Self {
        Self::Failed(format!(":MISUSE:{}: {error}", name(&error)))
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::Failed(format!(":SEND:{}: {error}", name(&error)))
    }
}

/// The error's path, down to the variant that says what happened.
fn token(error: &Error) -> String {
    let (outer, inner) = (name(error), |inner: String| Some(inner));
    let inner = match error {
        Error::Malformed { typ, what } => {
            inner(format!("{}:{}", name(what), typ.map_or("RECORD".to_owned(), |t| upper(&t))))
        }
        Error::UnexpectedMessage { got, .. } => inner(upper(got)),
        Error::PeerIncompatible(what) => inner(name(what)),
        Error::PeerMisbehaved(what) => inner(name(what)),
        Error::AlertReceived { description, .. } | Error::Refused(description) => {
            inner(upper(description))
        }
        _ => None,
    };
    match inner {
        Some(inner) => format!(":{outer}:{inner}:"),
        None => format!(":{outer}:"),
    }
}

/// The variant's name as `UPPER_SNAKE_CASE`.
fn name(value: &impl Debug) -> String {
    let debug = format!("{value:?}");
    let end = debug.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(debug.len());
    let mut name = String::new();
    for (i, c) in debug.chars().take(end).enumerate() {
        if i > 0 && c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

/// A registry's name for a value in upper case.
fn upper(value: &impl ToString) -> String {
    value.to_string().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use sealgram::iana::{AlertDescription, HandshakeType};
    use sealgram::{PeerIncompatible, PeerMisbehaved};

    use super::*;

    #[test]
    fn token_is_the_path_of_the_error() {
        for (error, expected) in [
            (Error::TimedOut, ":TIMED_OUT:"),
            (PeerMisbehaved::BadFinished.into(), ":PEER_MISBEHAVED:BAD_FINISHED:"),
            (PeerIncompatible::NoSharedSuite.into(), ":PEER_INCOMPATIBLE:NO_SHARED_SUITE:"),
            (
                Error::UnexpectedMessage { got: HandshakeType::FINISHED, expected: "" },
                ":UNEXPECTED_MESSAGE:FINISHED:",
            ),
            (
                Error::AlertReceived {
                    description: AlertDescription::RECORD_OVERFLOW,
                    authenticated: true,
                },
                ":ALERT_RECEIVED:RECORD_OVERFLOW:",
            ),
        ] {
            assert_eq!(token(&error), expected);
        }
    }
}
