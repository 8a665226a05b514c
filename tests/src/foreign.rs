//! What the programs of all foreign libraries have in common.

use core::net::SocketAddr;
use std::path::Path;

use crate::names::Alert;
use crate::pki::Identity;
use crate::program::{Program, Stream};
use crate::scene::{Checked, Scene};

/// How the two programs of a foreign library behave.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// What the peer is called.
    pub name: &'static str,
    /// The input that makes the client close its connection; `None` if the end of its input does.
    pub close: Option<&'static [u8]>,
    /// Whether the server sends back what it gets.
    pub server_echoes: bool,
    /// Whether a server of one connection ends with 0 when that is over. Otherwise it writes `EOF`
    /// to standard output and goes on.
    pub server_leaves: bool,
    /// Where and how both programs show an alert that they got.
    pub alert: fn(Alert) -> (Stream, String),
}

/// The command lines of a foreign library's server and client in the making.
pub trait Foreign: Clone {
    /// How its programs behave.
    const HABITS: Habits;

    /// The certificate chain and key to show.
    #[must_use]
    fn identity(self, identity: &Identity) -> Self;

    /// A client that verifies that the server's certificate leads to `root` and is for `name`,
    /// and sends the name along.
    #[must_use]
    fn trust_server(self, root: &Path, name: &str) -> Self;

    /// A server that insists on a client certificate that leads to `root`.
    #[must_use]
    fn require_client(self, root: &Path) -> Self;

    /// Starts the server at a free port of 127.0.0.1 and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready.
    fn serve_one<'s>(&self, scene: &'s Scene) -> Checked<Listening<'s>>;

    /// Starts the client to `address`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    fn call<'s>(&self, scene: &'s Scene, address: SocketAddr) -> Checked<Program<'s>>;
}

/// A running foreign server.
#[derive(Debug)]
pub struct Listening<'s> {
    /// The program.
    pub program: Program<'s>,
    /// Where it listens.
    pub address: SocketAddr,
}
