//! The socket: waiting with a bound, and telling the network's faults from our own.

use core::mem;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::thread;

/// The largest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// Errors in a row after which receiving pauses a little, so that a network that reports nothing
/// else does not keep a processor busy. More than a burst of ICMP messages for one flight.
const ERRORS_BEFORE_PAUSE: u32 = 16;

/// A UDP socket with a buffer for what comes in.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: UdpSocket,
    /// The read timeout that is set now.
    read_timeout: Option<Duration>,
    rx: Box<[u8]>,
    errors_in_a_row: u32,
    unreachable: u64,
}

impl Socket {
    /// A socket for one peer: the system drops what comes from others.
    pub(crate) fn connect(local: Option<SocketAddr>, peer: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match peer {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local.unwrap_or(any))?;
        socket.connect(peer)?;
        Self::new(socket)
    }

    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(None)?;
        let rx = vec![0; MAX_DATAGRAM].into();
        Ok(Self { socket, read_timeout: None, rx, errors_in_a_row: 0, unreachable: 0 })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How often the network has said that nobody can be reached there.
    pub(crate) const fn unreachable(&self) -> u64 {
        self.unreachable
    }

    /// Waits for a datagram, no longer than `wait` (`None`: as long as it takes). `Ok(None)` if
    /// there was none, which may also come early.
    pub(crate) fn recv(
        &mut self,
        wait: Option<Duration>,
    ) -> io::Result<Option<(&mut [u8], SocketAddr)>> {
        let received = if wait.is_some_and(|wait| wait.is_zero()) {
            // The system knows no wait of zero. The rest of the driver wants a socket that blocks.
            self.socket.set_nonblocking(true)?;
            let received = self.socket.recv_from(&mut self.rx);
            self.socket.set_nonblocking(false)?;
            received
        } else {
            self.set_read_timeout(wait)?;
            self.socket.recv_from(&mut self.rx)
        };
        match received {
            Ok((len, from)) => {
                self.errors_in_a_row = 0;
                Ok(self.rx.get_mut(..len).map(|datagram| (datagram, from)))
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(None),
                _ if is_ours(&error) => Err(error),
                _ => {
                    self.note_network_error();
                    Ok(None)
                }
            },
        }
    }

    /// Lends the buffer that the last datagram lies in. Nothing can be received until it is
    /// [put back](Self::put_back).
    pub(crate) fn take_buffer(&mut self) -> Box<[u8]> {
        mem::take(&mut self.rx)
    }

    pub(crate) fn put_back(&mut self, buffer: Box<[u8]>) {
        self.rx = buffer;
    }

    fn set_read_timeout(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.read_timeout != wait {
            self.socket.set_read_timeout(wait)?;
            self.read_timeout = wait;
        }
        Ok(())
    }

    fn note_network_error(&mut self) {
        self.unreachable = self.unreachable.saturating_add(1);
        self.errors_in_a_row = self.errors_in_a_row.saturating_add(1);
        if self.errors_in_a_row > ERRORS_BEFORE_PAUSE {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends to the peer that the socket is connected to.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.send_with(|socket| socket.send(datagram))
    }

    pub(crate) fn send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        self.send_with(|socket| socket.send_to(datagram, to))
    }

    fn send_with(&mut self, send: impl Fn(&UdpSocket) -> io::Result<usize>) -> io::Result<()> {
        let error = loop {
            match send(&self.socket) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        // A connected socket reports the fate of an earlier datagram here, and has not even tried
        // to send this one.
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                self.unreachable = self.unreachable.saturating_add(1);
                send(&self.socket).map(drop)
            }
            _ => Err(error),
        }
    }
}

/// Whether an error of receiving is about our own socket. All others are what ICMP messages turn
/// into, and those come from the network.
fn is_ours(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput
            | ErrorKind::NotConnected
            | ErrorKind::OutOfMemory
            | ErrorKind::Unsupported
    )
}
