//! Where datagrams come from and go to.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use sealgram_handshake::Origin;

/// The two ends of a datagram's way, as the driver sees them.
///
/// The core compares paths and hands them back with what it sends; it never opens one. A client on
/// a connected socket uses [`Path::connected`] and never thinks about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Path {
    /// Our own address. Unspecified if the driver does not know or care.
    pub local: SocketAddr,
    /// The peer's address. Cookies are bound to it.
    pub remote: SocketAddr,
    /// Anything that tells two ways with the same addresses apart: a socket, an interface.
    pub tag: u64,
}

impl Path {
    const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

    /// The way to `remote` from wherever the socket is bound to.
    #[must_use]
    pub const fn to(remote: SocketAddr) -> Self {
        Self { local: Self::UNSPECIFIED, remote, tag: 0 }
    }

    /// The only way there is: that of a connected socket.
    #[must_use]
    pub const fn connected() -> Self {
        Self::to(Self::UNSPECIFIED)
    }

    /// What tickets for early data are bound to.
    pub(crate) const fn origin(&self) -> Origin {
        Origin::Address(match self.remote.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        })
    }
}

/// A datagram to be sent: the first `len` bytes of the buffer that was given, along `path`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
#[non_exhaustive]
pub struct Transmit {
    /// Length in bytes.
    pub len: usize,
    /// Where it goes.
    pub path: Path,
}

impl Transmit {
    pub(crate) const fn new(len: usize, path: Path) -> Self {
        Self { len, path }
    }
}
