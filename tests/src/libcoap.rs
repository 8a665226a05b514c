//! A foreign peer: the programs of libcoap, which speak CoAP over DTLS (RFC 7252 §9), once with
//! OpenSSL and once with GnuTLS inside.

use core::fmt::{self, Display};
use core::net::{Ipv4Addr, SocketAddr};
use std::ffi::{OsStr, OsString};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use crate::foreign::Listening;
use crate::pki::Identity;
use crate::program::{Program, Stream};
use crate::scene::{Checked, Failure, Scene};

/// How often a pair of ports is looked for.
const ATTEMPTS: usize = 20;

/// Whose DTLS libcoap uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// `coap-client-openssl` and `coap-server-openssl`.
    Openssl,
    /// `coap-client-gnutls` and `coap-server-gnutls`.
    Gnutls,
}

impl Inside {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Openssl, Self::Gnutls];
}

impl Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Openssl => "openssl",
            Self::Gnutls => "gnutls",
        })
    }
}

/// A command line of libcoap in the making.
#[derive(Clone, Debug)]
pub struct Libcoap {
    inside: Inside,
    arguments: Vec<OsString>,
}

impl Libcoap {
    /// Nothing said yet.
    pub fn new(inside: Inside) -> Self {
        Self { inside, arguments: Vec::new() }
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
        self.with("-c", &identity.chain).with("-j", &identity.key)
    }

    /// The root that the peer's certificate has to lead to. A server insists on a certificate
    /// then.
    #[must_use]
    pub fn trust(self, root: &Path) -> Self {
        self.with("-C", root)
    }

    /// The key pair to show as a raw public key: a file with both halves, in PEM. Only with GnuTLS
    /// inside. A server insists on such a key of the client then, unless it has `-n`; neither
    /// role can be told which keys are good, and both accept any.
    #[must_use]
    pub fn raw_key(self, pair: &Path) -> Self {
        self.with("-M", pair)
    }

    /// Starts the server at free ports of 127.0.0.1 and waits until it is ready for DTLS.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    pub fn serve<'s>(&self, scene: &'s Scene) -> Checked<Listening<'s>> {
        let host = Ipv4Addr::LOCALHOST;
        for _ in 0..ATTEMPTS {
            // It takes a port for CoAP and the next one for CoAP over DTLS, of UDP and of TCP.
            let free = UdpSocket::bind((host, 0))?;
            let port = free.local_addr()?.port();
            let Some(next) = port.checked_add(1) else { continue };
            let next_free = UdpSocket::bind((host, next));
            if next_free.is_err()
                || TcpListener::bind((host, port)).is_err()
                || TcpListener::bind((host, next)).is_err()
            {
                continue;
            }
            drop((free, next_free));
            // It writes by the block.
            let mut command = Command::new("stdbuf");
            command.arg("-oL").arg(format!("coap-server-{}", self.inside));
            command.args(["-v", "7", "-A", &host.to_string(), "-p", &port.to_string()]);
            command.args(&self.arguments);
            let program = Program::start(scene, command)?;
            program.wait_for(Stream::Out, &format!("created DTLS endpoint {host}:{next}\n"))?;
            return Ok(Listening { program, address: (host, next).into() });
        }
        Err(Failure::new("coap-server found no ports to listen at"))
    }

    /// Starts the client, which gets `path` from `address`, prints what it got, and ends.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn get<'s>(
        &self,
        scene: &'s Scene,
        address: SocketAddr,
        path: &str,
    ) -> Checked<Program<'s>> {
        let mut command = Command::new(format!("coap-client-{}", self.inside));
        command.args(["-v", "7", "-B", "10"]).args(&self.arguments);
        command.arg(format!("coaps://{address}/{path}"));
        Program::start(scene, command)
    }
}
