//! The command line.

use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use sealgram::ExternalPsk;
use sealgram::iana::Version;

use crate::failure::Failure;
use crate::hex;
use crate::names::{self, Export};

/// DTLS for people who debug, test and run it.
///
/// Application data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "sealgram", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 bad arguments or configuration, 2 handshake failed, 3 the peer's identity \
was rejected, 4 timed out, 5 closed by the peer with an error.

Example:
  sealgram demo";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server and a client over loopback and show what happens.
    #[command(after_help = "Example:\n  sealgram demo")]
    Demo,
    /// Serve: echo each datagram to the peer it came from.
    #[command(after_help = LISTEN_EXAMPLE)]
    Listen(ListenArgs),
    /// Connect: each line of standard input is one datagram, and each datagram received one line
    /// of standard output.
    #[command(after_help = CONNECT_EXAMPLE)]
    Connect(ConnectArgs),
    /// Make a test certificate and its key, and print its fingerprint.
    #[command(after_help = CERT_EXAMPLE)]
    Cert(CertArgs),
    /// Not available in this version.
    #[command(hide = true)]
    Proxy(Rest),
    /// Not available in this version.
    #[command(hide = true)]
    Bench(Rest),
}

const LISTEN_EXAMPLE: &str = "\
Example:
  sealgram listen 127.0.0.1:4433 --self-signed localhost";

const CONNECT_EXAMPLE: &str = "\
Example:
  echo hello | sealgram connect localhost:4433 --fingerprint SHA256HEX";

const CERT_EXAMPLE: &str = "\
Examples:
  sealgram cert localhost --cert server.pem --key server.key
  sealgram cert --authority --cert ca.pem --key ca.key \"My test CA\"
  sealgram cert localhost 127.0.0.1 --ca ca.pem --ca-key ca.key --cert s.pem --key s.key";

/// Whatever follows.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<OsString>,
}

/// Versions offered or accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Versions {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
    #[value(name = "any")]
    Any,
}

impl Versions {
    /// The one that is asked for; `None` if all are that the suites and groups allow.
    pub(crate) const fn only(self) -> Option<Version> {
        match self {
            Self::V12 => Some(Version::V12),
            Self::V13 => Some(Version::V13),
            Self::Any => None,
        }
    }
}

/// What both ends have.
#[derive(Args, Debug)]
pub(crate) struct CommonArgs {
    /// Versions offered or accepted.
    #[arg(long, value_name = "VERSION", default_value = "any", help_heading = "Protocol")]
    pub(crate) dtls: Versions,
    /// Cipher suites by IANA name, comma separated, in order of preference. Those with CCM are used
    /// only if they are named here; CCM_8 ends a connection after 128 forged records.
    #[arg(long, value_name = "LIST", help_heading = "Protocol")]
    pub(crate) suites: Option<String>,
    /// Key-exchange groups by IANA name, comma separated, in order of preference. In DTLS 1.2 a
    /// client's list also says which curves certificates may have.
    #[arg(long, value_name = "LIST", help_heading = "Protocol")]
    pub(crate) groups: Option<String>,
    /// Application protocols (ALPN), comma separated, in order of preference.
    #[arg(long, value_name = "LIST", help_heading = "Protocol")]
    pub(crate) alpn: Option<String>,
    /// SRTP profiles by IANA name, comma separated, in order of preference.
    #[arg(long, value_name = "LIST", help_heading = "Protocol")]
    pub(crate) srtp: Option<String>,

    /// Early data (DTLS 1.3): a client sends its first datagram with its hello when it resumes a
    /// session, a server takes it. Somebody may record it and send it again.
    #[arg(long, help_heading = "Protocol")]
    pub(crate) early_data: bool,

    /// Own certificate chain, leaf first, PEM. Repeatable on a server.
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    pub(crate) cert: Vec<PathBuf>,
    /// Its private key, PEM (PKCS#8, SEC1 or PKCS#1). One for each --cert, in the same order.
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    pub(crate) key: Vec<PathBuf>,
    /// Show the public half of --key without a certificate (RFC 7250), and take such keys from
    /// the peer: --fingerprint is then of a public key, and --ca and --client-ca are files of them
    /// (PEM).
    #[arg(long, help_heading = "Identity")]
    pub(crate) raw_public_key: bool,
    /// Pre-shared key of 1 to 64 bytes; one of less than 16 can be guessed. Repeatable on a server.
    #[arg(long, value_name = "IDENTITY:HEX", value_parser = names::psk, help_heading = "Identity")]
    pub(crate) psk: Vec<Arc<ExternalPsk>>,
    /// Revoked certificates: revocation lists, PEM or DER. Repeatable. A certificate that no list
    /// speaks of is accepted.
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    pub(crate) crl: Vec<PathBuf>,

    /// Largest UDP payload sent during the handshake, in bytes.
    #[arg(long, value_name = "N", help_heading = "Transport")]
    pub(crate) mtu: Option<usize>,
    /// First retransmission timeout, in milliseconds.
    #[arg(long, value_name = "MS", help_heading = "Transport")]
    pub(crate) retransmit: Option<u64>,
    /// Give up on a handshake after so many seconds [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = names::seconds, help_heading = "Transport")]
    pub(crate) timeout: Option<Duration>,
    /// Close a connection that is silent for so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = names::seconds, help_heading = "Transport")]
    pub(crate) idle: Option<Duration>,

    /// Append the connections' secrets to FILE. SSLKEYLOGFILE is honoured too.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) keylog: Option<PathBuf>,
    /// Print LEN bytes of exported keying material in hex. Repeatable.
    #[arg(long, value_name = "LABEL:LEN", value_parser = names::export, help_heading = "Output")]
    pub(crate) export: Vec<Export>,
    /// Write a JSON summary of each connection when it ends; a server appends one line each.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) later: LaterArgs,
}

/// Options of the contract that this version has not: parsed so that they can be refused by name.
#[derive(Args, Debug)]
pub(crate) struct LaterArgs {
    #[arg(long, hide = true)]
    cid: Option<String>,
}

impl LaterArgs {
    /// Refuses them, before anything is done.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.cid {
            Some(_) => Err(Failure::unavailable("--cid")),
            None => Ok(()),
        }
    }
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ClientAuth {
    /// They are not.
    None,
    /// They are, and may have none.
    Request,
    /// They are, and must have one.
    Require,
}

#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Where to listen; port 0 picks one.
    #[arg(value_name = "ADDR:PORT", default_value = "127.0.0.1:4433")]
    pub(crate) address: String,
    /// Receive, and answer nothing.
    #[arg(long, conflicts_with = "say")]
    pub(crate) discard: bool,
    /// Answer each datagram with TEXT.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) say: Option<String>,
    /// Leave after N connections have ended.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Make a throw-away certificate for NAME, and print its fingerprint.
    #[arg(long, value_name = "NAME", help_heading = "Identity")]
    pub(crate) self_signed: Option<String>,
    /// Whether clients are asked for a certificate [default: none].
    #[arg(long, value_name = "WHETHER", help_heading = "Identity")]
    pub(crate) client_auth: Option<ClientAuth>,
    /// Certificate authorities of clients, PEM. Repeatable.
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    pub(crate) client_ca: Vec<PathBuf>,
    /// Skip the cookie exchange: whoever forges addresses can make this server keep state, and
    /// send to others.
    #[arg(long, help_heading = "Transport")]
    pub(crate) no_cookie: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ConnectArgs {
    /// The server; an IPv6 address in brackets.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) server: String,
    /// Send TEXT as one datagram instead of reading standard input. Repeatable.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) send: Vec<String>,
    /// Leave after N datagrams received.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Trust these certificate authorities, PEM. Repeatable.
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    #[arg(conflicts_with_all = ["fingerprint", "insecure"])]
    pub(crate) ca: Vec<PathBuf>,
    /// Trust the server with this certificate, whatever is in it. Repeatable.
    #[arg(long, value_name = "SHA256HEX", value_parser = hex::fingerprint)]
    #[arg(help_heading = "Identity", conflicts_with = "insecure", action = ArgAction::Append)]
    pub(crate) fingerprint: Vec<[u8; 32]>,
    /// Trust any server. Anybody on the path can be that server.
    #[arg(long, help_heading = "Identity")]
    pub(crate) insecure: bool,
    /// Offer the session stored in FILE, and store the new one there.
    #[arg(long, value_name = "FILE", help_heading = "Protocol")]
    pub(crate) resume: Option<PathBuf>,
    /// The server's name, to send and to verify [default: HOST].
    #[arg(long, value_name = "NAME", help_heading = "Identity")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What kind of key a certificate gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum KeyKind {
    /// ECDSA with P-256.
    P256,
    /// ECDSA with P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

#[derive(Args, Debug)]
pub(crate) struct CertArgs {
    /// DNS names and IP addresses it is for; an authority's name.
    #[arg(value_name = "NAME", default_value = "localhost")]
    pub(crate) names: Vec<String>,
    /// The kind of key.
    #[arg(long, value_name = "KIND", default_value = "p256")]
    pub(crate) kind: KeyKind,
    /// For how many days it is valid, from yesterday on.
    #[arg(long, value_name = "N", default_value_t = 365)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) days: u32,
    /// Make the certificate of an authority that can sign others.
    #[arg(long, conflicts_with = "ca")]
    pub(crate) authority: bool,
    /// Let this authority sign it, PEM. Without, it is self-signed.
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub(crate) ca: Option<PathBuf>,
    /// The authority's private key, PEM (PKCS#8).
    #[arg(long, value_name = "FILE", requires = "ca")]
    pub(crate) ca_key: Option<PathBuf>,
    /// Where the certificate goes [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Where the private key goes, readable by its owner only [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_visible_subcommand_has_an_example_in_its_help() {
        let mut seen = 0;
        for command in Cli::command().get_subcommands_mut().filter(|c| !c.is_hide_set()) {
            assert!(
                command.render_help().to_string().contains("Example"),
                "{}",
                command.get_name()
            );
            seen += 1;
        }
        assert_eq!(seen, 4);
    }
}
