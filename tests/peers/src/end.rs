//! What the tests see of one end, whoever made it.

use core::fmt;
use core::net::SocketAddr;

use sealgram::Instant;
use sealgram::iana::{AlertDescription, CipherSuite, NamedGroup, SrtpProfile, Version};
use sealgram_testkit::Face;

/// A certificate's bytes. Its `Debug` has only their number.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaf(pub Vec<u8>);

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What one side says was agreed on.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// The version.
    pub version: Version,
    /// The cipher suite; `None` if the library does not tell.
    pub cipher_suite: Option<CipherSuite>,
    /// The group of the key exchange; `None` if the library does not tell.
    pub group: Option<NamedGroup>,
    /// The application protocol.
    pub alpn: Option<Vec<u8>>,
    /// The SRTP profile.
    pub srtp: Option<SrtpProfile>,
    /// The leaf that the peer showed.
    pub peer_certificate: Option<Leaf>,
    /// Whether a session was resumed.
    pub resumed: bool,
}

/// How an association ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// This side has closed it.
    ByUs,
    /// The peer said close_notify.
    ByPeer,
    /// It failed.
    Failed {
        /// The alert that was sent, if the library tells.
        sent: Option<AlertDescription>,
        /// The alert that was received.
        received: Option<AlertDescription>,
        /// Why, in the library's words.
        text: String,
    },
}

/// One end of an association.
pub trait End: Face {
    /// What was agreed on; `None` while the handshake is not complete.
    fn agreed(&self) -> Option<Agreed>;

    /// Exports keying material (RFC 5705, RFC 8446 §7.5) into `out`; false if the library cannot.
    fn export(&self, out: &mut [u8], label: &str, context: Option<&[u8]>) -> bool;

    /// Changes the keys (1.3), and with `peer_too` asks the peer to change its own; false if the
    /// library cannot.
    fn update_keys(&mut self, now: Instant, peer_too: bool) -> bool;

    /// Says close_notify.
    fn close(&mut self, now: Instant);

    /// How it ended; `None` if it has not.
    fn ended(&self) -> Option<Ended>;
}

/// One who can take part in any number of associations, one after the other. What is kept between
/// them, as sessions to resume, is kept here.
pub trait Party {
    /// A new end whose peer is, or will be, at `peer`.
    fn start(&self, peer: SocketAddr, now: Instant) -> Box<dyn End>;
}
