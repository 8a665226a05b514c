//! A foreign peer: `gnutls-serv` and `gnutls-cli`, always DTLS.
//!
//! Habits that matter to whoever writes rows: the server sends back what it gets, serves one peer
//! at a time and never leaves by itself; it does not say what was negotiated; when its handshake
//! fails it may repeat itself without end. Both write to standard output by the block, which
//! `stdbuf` cures.

use core::net::{Ipv4Addr, SocketAddr};
use std::ffi::{OsStr, OsString};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::foreign::{Foreign, Habits, Listening};
use crate::names::{Cipher, Group};
use crate::pki::Identity;
use crate::program::{Program, Stream};
use crate::scene::{Checked, Failure, Scene};

/// How often a port is looked for: somebody else may take the one that was free a moment ago.
const ATTEMPTS: usize = 5;

/// A command line of GnuTLS in the making.
#[derive(Clone, Debug)]
pub struct Gnutls {
    priority: String,
    arguments: Vec<OsString>,
}

impl Default for Gnutls {
    fn default() -> Self {
        Self::new()
    }
}

impl Gnutls {
    /// DTLS 1.2, and nothing else said.
    pub fn new() -> Self {
        Self::speaking("VERS-DTLS1.2")
    }

    /// DTLS 1.0.
    pub fn dtls10() -> Self {
        Self::speaking("VERS-DTLS1.0")
    }

    fn speaking(version: &str) -> Self {
        Self { priority: format!("NORMAL:-VERS-ALL:+{version}"), arguments: Vec::new() }
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

    /// Adds to the priority string, for example `-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256`.
    #[must_use]
    pub fn priority(mut self, keywords: &str) -> Self {
        self.priority.push(':');
        self.priority.push_str(keywords);
        self
    }

    /// The one cipher suite to use.
    #[must_use]
    pub fn cipher(self, cipher: Cipher) -> Self {
        self.priority("-KX-ALL:-CIPHER-ALL").priority(cipher.gnutls)
    }

    /// The groups to use, the best first.
    #[must_use]
    pub fn groups(self, groups: &[Group]) -> Self {
        groups.iter().fold(self.priority("-GROUP-ALL"), |this, group| {
            this.priority(&format!("+GROUP-{}", group.gnutls))
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("stdbuf");
        // The debugging output of this level shows the alerts that come.
        command.args(["-oL", program, "--udp", "--debug", "5"]);
        command.args(["--priority", &self.priority]).args(&self.arguments);
        command
    }
}

impl Foreign for Gnutls {
    const HABITS: Habits = Habits {
        name: "gnutls",
        close: None,
        server_echoes: true,
        server_leaves: false,
        alert: |alert| (Stream::Err, format!("Alert[2|{}]", alert.number)),
    };

    fn identity(self, identity: &Identity) -> Self {
        self.with("--x509certfile", &identity.chain).with("--x509keyfile", &identity.key)
    }

    fn trust_server(self, root: &Path, name: &str) -> Self {
        self.with("--x509cafile", root).with("--sni-hostname", name).with("--verify-hostname", name)
    }

    fn require_client(self, root: &Path) -> Self {
        self.with("--x509cafile", root).flag("--require-client-cert").flag("--verify-client-cert")
    }

    fn serve_one<'s>(&self, scene: &'s Scene) -> Checked<Listening<'s>> {
        for _ in 0..ATTEMPTS {
            // It does not say which port it took if it may choose.
            let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let address = free.local_addr()?;
            drop(free);
            let mut command = self.command("gnutls-serv");
            command.args(["--port", &address.port().to_string()]);
            let program = Program::start(scene, command)?;
            let text = format!("on IPv4 0.0.0.0 port {}...", address.port());
            if program.wait_for_line(Stream::Err, &text)? == "done" {
                return Ok(Listening { program, address });
            }
        }
        Err(Failure::new("gnutls-serv found no port to listen at"))
    }

    fn call<'s>(&self, scene: &'s Scene, address: SocketAddr) -> Checked<Program<'s>> {
        let mut command = self.command("gnutls-cli");
        command.args(["--port", &address.port().to_string(), &address.ip().to_string()]);
        Program::start(scene, command)
    }
}
