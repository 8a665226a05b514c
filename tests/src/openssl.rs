//! The foreign peer: `openssl s_server` and `openssl s_client`, always DTLS.
//!
//! Two habits of theirs matter to whoever writes rows: both take lines that begin with a letter
//! like `Q`, `R` or `S` as commands (so data begins with none of `BbQqRrPSKk`), and each read of
//! their input becomes one datagram, of at most 8,192 bytes. The line `Q` closes the connection with
//! a close_notify and ends the program.

use core::fmt::{self, Display};
use core::net::SocketAddr;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use crate::pki::{Identity, KeyKind};
use crate::program::{Program, Stream};
use crate::scene::{Checked, Failure, Scene};

/// An alert under both of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What openssl shows.
    pub number: u8,
    /// What the RFCs and sealgram call it.
    pub name: &'static str,
}

impl Alert {
    /// Nothing that both sides can use, or no client certificate.
    pub const HANDSHAKE_FAILURE: Self = Self { number: 40, name: "handshake_failure" };
    /// A certificate for someone else.
    pub const BAD_CERTIFICATE: Self = Self { number: 42, name: "bad_certificate" };
    /// A certificate that its issuer has withdrawn.
    pub const CERTIFICATE_REVOKED: Self = Self { number: 44, name: "certificate_revoked" };
    /// A certificate whose time has passed.
    pub const CERTIFICATE_EXPIRED: Self = Self { number: 45, name: "certificate_expired" };
    /// A certificate that leads to no root that is trusted.
    pub const UNKNOWN_CA: Self = Self { number: 48, name: "unknown_ca" };
    /// A version that is too old.
    pub const PROTOCOL_VERSION: Self = Self { number: 70, name: "protocol_version" };
}

/// A cipher suite of DTLS 1.2 under both of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher {
    /// What IANA and sealgram call it.
    pub iana: &'static str,
    /// What openssl calls it.
    pub openssl: &'static str,
}

impl Cipher {
    /// The suites that a certificate with a key of this kind can be used with.
    pub fn for_key(kind: KeyKind) -> [Self; 3] {
        match kind {
            KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => [
                Self {
                    iana: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                    openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
                },
                Self {
                    iana: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                    openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
                },
                Self {
                    iana: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                    openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
                },
            ],
            KeyKind::Rsa => [
                Self {
                    iana: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                    openssl: "ECDHE-RSA-AES128-GCM-SHA256",
                },
                Self {
                    iana: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                    openssl: "ECDHE-RSA-AES256-GCM-SHA384",
                },
                Self {
                    iana: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                    openssl: "ECDHE-RSA-CHACHA20-POLY1305",
                },
            ],
        }
    }
}

/// A group for key exchange under all of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// What IANA and sealgram call it.
    pub iana: &'static str,
    /// What openssl takes as an option.
    pub openssl: &'static str,
    /// What `s_client` prints when it was used.
    pub shown: &'static str,
    /// Its number on the wire.
    pub number: u16,
}

impl Group {
    /// RFC 7748.
    pub const X25519: Self =
        Self { iana: "x25519", openssl: "X25519", shown: "X25519", number: 29 };
    /// NIST P-256.
    pub const P256: Self =
        Self { iana: "secp256r1", openssl: "P-256", shown: "ECDH, prime256v1", number: 23 };
    /// NIST P-384.
    pub const P384: Self =
        Self { iana: "secp384r1", openssl: "P-384", shown: "ECDH, secp384r1", number: 24 };
    /// All of them.
    pub const ALL: [Self; 3] = [Self::X25519, Self::P256, Self::P384];
}

impl Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana)
    }
}

/// A command line of openssl in the making.
#[derive(Clone, Debug)]
pub struct Openssl {
    version: &'static str,
    arguments: Vec<OsString>,
}

impl Default for Openssl {
    fn default() -> Self {
        Self::new()
    }
}

impl Openssl {
    /// DTLS 1.2, and nothing else said.
    pub fn new() -> Self {
        Self::speaking("-dtls1_2")
    }

    /// DTLS 1.0, which openssl only speaks at the lowest of its security levels.
    pub fn dtls10() -> Self {
        Self::speaking("-dtls1").with("-cipher", "DEFAULT:@SECLEVEL=0")
    }

    fn speaking(version: &'static str) -> Self {
        Self { version, arguments: Vec::new() }
    }

    /// Adds an option without a value.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.into());
        self
    }

    /// Adds an option with a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.arguments.push(name.into());
        self.arguments.push(value.as_ref().into());
        self
    }

    /// The certificate chain and key to show.
    #[must_use]
    pub fn identity(self, identity: &Identity) -> Self {
        let this = self.with("-cert", &identity.chain).with("-key", &identity.key);
        match &identity.intermediates {
            Some(intermediates) => this.with("-cert_chain", intermediates),
            None => this,
        }
    }

    /// Ends the handshake if the peer's certificate does not lead to this root.
    #[must_use]
    pub fn trust(self, root: &Path) -> Self {
        self.with("-CAfile", root).flag("-verify_return_error")
    }

    /// The one cipher suite to use.
    #[must_use]
    pub fn cipher(self, cipher: Cipher) -> Self {
        self.with("-cipher", cipher.openssl)
    }

    /// The groups to use, the best first.
    #[must_use]
    pub fn groups(self, groups: &[Group]) -> Self {
        let names: Vec<&str> = groups.iter().map(|group| group.openssl).collect();
        self.with("-groups", names.join(":"))
    }

    /// Starts `s_server` at a free port of 127.0.0.1 and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    pub fn serve<'s>(&self, scene: &'s Scene) -> Checked<OpensslServer<'s>> {
        self.serve_at(scene, "127.0.0.1:0")
    }

    /// Starts `s_server` at `address` (port 0 picks one) and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    pub fn serve_at<'s>(&self, scene: &'s Scene, address: &str) -> Checked<OpensslServer<'s>> {
        let mut command = Command::new("openssl");
        command.args(["s_server", self.version, "-accept", address]).args(&self.arguments);
        let program = Program::start(scene, command)?;
        let address = program.wait_for_line(Stream::Out, "ACCEPT ")?;
        let address = address
            .parse()
            .map_err(|error| Failure::new(format!("openssl listens on {address:?}: {error}")))?;
        Ok(OpensslServer { program, address })
    }

    /// Starts `s_client` to `address`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn connect<'s>(&self, scene: &'s Scene, address: SocketAddr) -> Checked<OpensslClient<'s>> {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", self.version, "-connect", &address.to_string()])
            .args(&self.arguments);
        Ok(OpensslClient { program: Program::start(scene, command)? })
    }
}

/// A running `openssl s_server`.
#[derive(Debug)]
pub struct OpensslServer<'s> {
    /// The program.
    pub program: Program<'s>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl OpensslServer<'_> {
    /// Waits until a handshake is done and gives the cipher suite by openssl's name.
    ///
    /// # Errors
    ///
    /// If none gets done.
    pub fn cipher(&self) -> Checked<String> {
        self.program.wait_for_line(Stream::Out, "CIPHER is ")
    }
}

/// A running `openssl s_client`.
#[derive(Debug)]
pub struct OpensslClient<'s> {
    /// The program.
    pub program: Program<'s>,
}

impl OpensslClient<'_> {
    /// Waits until the handshake is done and gives the cipher suite by openssl's name.
    ///
    /// # Errors
    ///
    /// If it does not get done.
    pub fn cipher(&self) -> Checked<String> {
        self.program.wait_for(Stream::Out, "Verify return code")?;
        self.program.wait_for_line(Stream::Out, "Cipher is ")
    }

    /// What openssl says about the group that was used.
    ///
    /// # Errors
    ///
    /// If the handshake does not get done.
    pub fn group(&self) -> Checked<String> {
        self.program.wait_for_line(Stream::Out, "Server Temp Key: ")
    }
}
