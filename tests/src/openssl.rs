//! A foreign peer: `openssl s_server` and `openssl s_client`, always DTLS.
//!
//! Two habits of theirs matter to whoever writes rows: both take lines that begin with a letter
//! like `Q`, `R` or `S` as commands (so data begins with none of `BbQqRrPSKk`), and each read of
//! their input becomes one datagram, of at most 8,192 bytes. The line `Q` closes the connection with
//! a close_notify and ends the program.

use core::net::SocketAddr;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use crate::foreign::{Foreign, Habits, Listening};
use crate::names::{Cipher, Group};
use crate::pki::Identity;
use crate::program::{Program, Stream};
use crate::scene::{Checked, Failure, Scene};

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

    /// Waits until a handshake of the server `program` is done and gives the cipher suite by
    /// openssl's name.
    ///
    /// # Errors
    ///
    /// If none gets done.
    pub fn served_cipher(program: &Program<'_>) -> Checked<String> {
        program.wait_for_line(Stream::Out, "CIPHER is ")
    }

    /// Waits until the handshake of the client `program` is done and gives the cipher suite by
    /// openssl's name.
    ///
    /// # Errors
    ///
    /// If it does not get done.
    pub fn called_cipher(program: &Program<'_>) -> Checked<String> {
        program.wait_for(Stream::Out, "Verify return code")?;
        program.wait_for_line(Stream::Out, "Cipher is ")
    }

    /// What the client `program` says about the group that was used.
    ///
    /// # Errors
    ///
    /// If the handshake does not get done.
    pub fn called_group(program: &Program<'_>) -> Checked<String> {
        program.wait_for_line(Stream::Out, "Server Temp Key: ")
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
        Openssl::served_cipher(&self.program)
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
        Openssl::called_cipher(&self.program)
    }

    /// What openssl says about the group that was used.
    ///
    /// # Errors
    ///
    /// If the handshake does not get done.
    pub fn group(&self) -> Checked<String> {
        Openssl::called_group(&self.program)
    }
}

impl Foreign for Openssl {
    const HABITS: Habits = Habits {
        name: "openssl",
        close: Some(b"Q\n"),
        server_echoes: false,
        server_leaves: true,
        alert: |alert| (Stream::Err, format!("SSL alert number {}\n", alert.number)),
    };

    fn identity(self, identity: &Identity) -> Self {
        let this = self.with("-cert", &identity.chain).with("-key", &identity.key);
        match &identity.intermediates {
            Some(intermediates) => this.with("-cert_chain", intermediates),
            None => this,
        }
    }

    fn trust_server(self, root: &Path, name: &str) -> Self {
        self.trust(root).with("-servername", name).with("-verify_hostname", name)
    }

    fn require_client(self, root: &Path) -> Self {
        self.trust(root).with("-Verify", "9")
    }

    fn serve_one<'s>(&self, scene: &'s Scene) -> Checked<Listening<'s>> {
        let OpensslServer { program, address } = self.clone().with("-naccept", "1").serve(scene)?;
        Ok(Listening { program, address })
    }

    fn call<'s>(&self, scene: &'s Scene, address: SocketAddr) -> Checked<Program<'s>> {
        Ok(self.connect(scene, address)?.program)
    }
}
