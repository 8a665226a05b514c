//! Addresses: which ones can be a peer's, and what a path's MTU leaves for UDP.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Why an address cannot be a peer's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AddressError {
    /// Port 0 means "any", and nobody listens there.
    PortZero,
    /// `0.0.0.0` or `::` means "any" too.
    Unspecified,
    /// `255.255.255.255`: everybody. A connection has one peer.
    Broadcast,
    /// A group. A connection has one peer.
    Multicast,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PortZero => "a peer cannot have port 0: give the port it listens at",
            Self::Unspecified => "the unspecified address is no peer's: give the peer's own",
            Self::Broadcast => "DTLS has no broadcast: give the address of one peer",
            Self::Multicast => "DTLS has no multicast: give the address of one peer",
        })
    }
}

impl core::error::Error for AddressError {}

/// Checks that `address` can be the one of a peer.
pub(crate) const fn check_peer(address: SocketAddr) -> Result<(), AddressError> {
    if address.port() == 0 {
        return Err(AddressError::PortZero);
    }
    let ip = address.ip().to_canonical();
    if ip.is_unspecified() {
        return Err(AddressError::Unspecified);
    }
    if ip.is_multicast() {
        return Err(AddressError::Multicast);
    }
    match ip {
        IpAddr::V4(Ipv4Addr::BROADCAST) => Err(AddressError::Broadcast),
        _ => Ok(()),
    }
}

/// UDP payload that fits datagrams of `mtu` bytes to `peer`: less the headers of IP and UDP, which
/// are 28 bytes with IPv4 and 48 with IPv6. An IPv4 address in IPv6 form counts as IPv4.
///
/// ```
/// use sealgram_udp::max_payload;
/// assert_eq!(max_payload(1500, "192.0.2.1".parse().unwrap()), 1472);
/// assert_eq!(max_payload(1280, "2001:db8::1".parse().unwrap()), 1232);
/// ```
#[must_use]
pub const fn max_payload(mtu: usize, peer: IpAddr) -> usize {
    match peer.to_canonical() {
        IpAddr::V4(_) => mtu.saturating_sub(28),
        IpAddr::V6(_) => mtu.saturating_sub(48),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_is_no_peers_is_refused() {
        for (address, expected) in [
            ("192.0.2.1:0", Err(AddressError::PortZero)),
            ("0.0.0.0:1", Err(AddressError::Unspecified)),
            ("[::]:1", Err(AddressError::Unspecified)),
            ("[::ffff:0.0.0.0]:1", Err(AddressError::Unspecified)),
            ("255.255.255.255:1", Err(AddressError::Broadcast)),
            ("224.0.0.1:1", Err(AddressError::Multicast)),
            ("[ff02::1]:1", Err(AddressError::Multicast)),
            ("127.0.0.1:1", Ok(())),
            ("[::1]:1", Ok(())),
        ] {
            assert_eq!(check_peer(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn mapped_address_has_the_headers_of_ipv4() {
        assert_eq!(max_payload(576, "::ffff:192.0.2.1".parse().unwrap()), 548);
        assert_eq!(max_payload(20, "::1".parse().unwrap()), 0);
    }
}
