//! Why the command ends with something else than 0, and what to try.

use core::fmt::{self, Display};

use sealgram::crypto::CertificateError;
use sealgram::{CloseReason, Closed, Error, ErrorKind, PeerIncompatible, PeerMisbehaved};

/// Everything went well.
pub(crate) const DONE: u8 = 0;
/// Bad arguments or configuration.
pub(crate) const USAGE: u8 = 1;
/// The handshake failed.
const HANDSHAKE: u8 = 2;
/// The peer's identity was rejected.
const IDENTITY: u8 = 3;
/// The peer did not answer in time.
const TIMEOUT: u8 = 4;
/// The connection ended with an error after it was established.
const CLOSED: u8 = 5;

/// Why the command ends.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: String,
    /// What to try.
    hint: Option<String>,
}

impl Failure {
    /// Arguments, files or the local socket.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { code: USAGE, what: what.into(), hint: None }
    }

    /// A handshake that the command has made with itself.
    pub(crate) fn handshake(what: String) -> Self {
        Self { code: HANDSHAKE, what, hint: None }
    }

    /// Something that the command's contract has and this version has not.
    pub(crate) fn unavailable(what: &str) -> Self {
        Self::usage(format!("{what} is not available in this version"))
    }

    /// A file that cannot be used.
    pub(crate) fn file(path: &std::path::Path, what: impl Display) -> Self {
        Self::usage(format!("{}: {what}", path.display()))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A connection that ended with an error; `established`: after its handshake.
    pub(crate) fn closed(closed: &Closed, established: bool) -> Self {
        Self {
            code: code(&closed.reason, established),
            what: describe(closed, established),
            hint: hint(&closed.reason, established).map(str::to_owned),
        }
    }

    /// One more thing to try.
    pub(crate) fn more(self, more: String) -> Self {
        let hint = match &self.hint {
            Some(hint) => format!("{hint}\nhint: {more}"),
            None => more,
        };
        self.hint(hint)
    }

    pub(crate) const fn is_timeout(&self) -> bool {
        self.code == TIMEOUT
    }

    pub(crate) const fn is_about_identity(&self) -> bool {
        self.code == IDENTITY
    }

    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<sealgram_udp::Error> for Failure {
    fn from(error: sealgram_udp::Error) -> Self {
        match error.closed() {
            Some(closed) => Self::closed(closed, false),
            None => Self::usage(error.to_string()),
        }
    }
}

impl From<sealgram::ConfigError> for Failure {
    fn from(error: sealgram::ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Whether a connection ended as it should.
pub(crate) const fn is_orderly(closed: &Closed) -> bool {
    matches!(closed.reason, CloseReason::Local | CloseReason::Peer)
}

fn code(reason: &CloseReason, established: bool) -> u8 {
    match reason {
        CloseReason::Local | CloseReason::Peer => DONE,
        CloseReason::Error(_) if established => CLOSED,
        CloseReason::Error(Error::TimedOut) => TIMEOUT,
        CloseReason::Error(error) if error.kind() == ErrorKind::PeerVerification => IDENTITY,
        _ => HANDSHAKE,
    }
}

/// One line: what happened, and the alert that told the peer.
pub(crate) fn describe(closed: &Closed, established: bool) -> String {
    let when = if established { "the connection failed" } else { "the handshake failed" };
    let mut text = format!("{when}: {}", closed.reason);
    if let Some(alert) = closed.alert_sent {
        text.push_str(&format!(" (alert sent: {alert})"));
    }
    if let Some(alert) = closed.alert_received {
        text.push_str(&format!(" (alert received: {alert})"));
    }
    text
}

/// What to try.
fn hint(reason: &CloseReason, established: bool) -> Option<&'static str> {
    let CloseReason::Error(error) = reason else { return None };
    if established {
        return Some("connect anew; if it happens again, look at what the peer logs");
    }
    Some(match error {
        Error::PeerIncompatible(what) => match what {
            PeerIncompatible::NoSharedVersion => "the peer speaks neither version of --dtls",
            PeerIncompatible::NoSharedSuite => {
                "compare --suites with what the peer offers; ECDSA suites need an ECDSA or Ed25519 \
                 certificate, RSA suites an RSA one"
            }
            PeerIncompatible::NoSharedGroup => "compare --groups with what the peer offers",
            PeerIncompatible::NoSharedProtocol => "compare --alpn with what the peer offers",
            PeerIncompatible::NoSharedSignatureScheme => {
                "the certificate's key cannot sign in any way that the peer accepts: use another \
                 kind of key"
            }
            PeerIncompatible::NoSharedPsk => {
                "both sides need --psk with the same identity and the same key"
            }
            PeerIncompatible::NoSharedCertificateType => {
                "both sides need --raw-public-key, or neither"
            }
            _ => "the peer lacks what this side insists on: update it",
        },
        Error::PeerIdentity(error) => identity_hint(error.errors()),
        Error::NoPeerCertificate => "the client needs --cert and --key",
        Error::KeysDisagree | Error::PeerMisbehaved(PeerMisbehaved::BadBinder) => {
            "compare --psk at both ends: identity and key"
        }
        Error::AlertReceived { .. } => "the peer knows why: look at what it logs",
        Error::TimedOut => {
            "is the peer running, is the port open for UDP, and is it DTLS? On a lossy path try a \
             longer --timeout or a smaller --mtu"
        }
        _ => {
            "it may be a fault of the peer or somebody on the path: try again, and look at what \
              the peer logs"
        }
    })
}

/// What to try if an identity was rejected: the first of these that fits any of the errors.
fn identity_hint(errors: &[CertificateError]) -> &'static str {
    use CertificateError as E;
    let any = |wanted: &[E]| errors.iter().any(|error| wanted.contains(error));
    if any(&[E::FingerprintMismatch]) {
        "compare --fingerprint with what the server prints, over a way that you trust"
    } else if any(&[E::UnknownIssuer, E::SelfSigned]) {
        "trust its certificate authority with --ca, or this one certificate with --fingerprint"
    } else if any(&[E::NotValidForName]) {
        "give the name that is in the certificate with --name"
    } else if any(&[E::Expired, E::NotYetValid]) {
        "look at the clocks of both machines, and at the certificate's dates"
    } else {
        "ask whoever runs the peer for another certificate"
    }
}
