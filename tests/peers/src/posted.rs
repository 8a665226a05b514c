//! The loopback interface between an end and the simulated link.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;

use sealgram::Instant;
use sealgram_testkit::Face;

use crate::{End, Party, clock};

/// How long a datagram may take through the loopback interface. It is there at once, but for a
/// machine under load.
const PATIENCE: Duration = Duration::from_secs(10);

/// An end with a UDP socket of its own. Whatever comes out of it or goes into it goes through that
/// socket to, or comes from, the socket at the link.
pub struct Posted {
    /// The end.
    pub end: Box<dyn End>,
    own: UdpSocket,
    at_link: UdpSocket,
}

impl Posted {
    /// Starts an end at a new pair of sockets.
    ///
    /// # Errors
    ///
    /// If a socket cannot be had.
    pub fn start(party: &dyn Party, now: Instant) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (own, at_link) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        own.connect(at_link.local_addr()?)?;
        at_link.connect(own.local_addr()?)?;
        own.set_read_timeout(Some(PATIENCE))?;
        at_link.set_read_timeout(Some(PATIENCE))?;
        let end = party.start(at_link.local_addr()?, now);
        Ok(Self { end, own, at_link })
    }
}

/// Sends a datagram from one socket and receives it at the other, which is connected to it.
fn carry(from: &UdpSocket, to: &UdpSocket, datagram: &[u8], buffer: &mut [u8]) -> usize {
    from.send(datagram).expect("the loopback interface takes datagrams");
    to.recv(buffer).expect("the loopback interface delivers datagrams")
}

impl Face for Posted {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        clock::set(now);
        let mut buffer = vec![0; datagram.len() + 1];
        let len = carry(&self.at_link, &self.own, datagram, &mut buffer);
        self.end.handle_datagram(now, &mut buffer[..len], received);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        clock::set(now);
        let len = self.end.poll_transmit(now, out)?;
        let datagram = out[..len].to_vec();
        Some(carry(&self.own, &self.at_link, &datagram, out))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.end.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        clock::set(now);
        self.end.handle_timeout(now);
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        clock::set(now);
        let len = self.end.send(now, plaintext, out)?;
        let datagram = out[..len].to_vec();
        Some(carry(&self.own, &self.at_link, &datagram, out))
    }

    fn is_connected(&self) -> bool {
        self.end.is_connected()
    }

    fn is_closed(&self) -> bool {
        self.end.is_closed()
    }
}
