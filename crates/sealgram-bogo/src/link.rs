//! The runner's framing: datagrams and control of the clock over one TCP stream.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// What the runner says.
#[derive(Debug)]
pub(crate) enum Opcode {
    /// A datagram for us.
    Datagram(Vec<u8>),
    /// Time goes on by so many nanoseconds. [`Link::acknowledge_time`] comes first.
    Advance(u64),
    /// No datagram may be longer from now on.
    Mtu(usize),
    /// The next timer must fire after so many nanoseconds; `None`: there must be no timer.
    ExpectTimeout(Option<u64>),
    /// Another initial retransmission timeout.
    InitialTimeout(Duration),
}

/// The stream to the runner.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
}

impl Link {
    /// No UDP datagram is longer, so a longer one is a mistake in the framing.
    const MAX_DATAGRAM: usize = 1 << 17;

    pub(crate) fn connect(port: u16, ipv6: bool, shim_id: u64) -> io::Result<Self> {
        let ip =
            if ipv6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let mut stream = TcpStream::connect(SocketAddr::new(ip, port))?;
        stream.set_nodelay(true)?;
        stream.write_all(&shim_id.to_le_bytes())?;
        Ok(Self { stream })
    }

    /// The next thing that the runner says; `None` if it has hung up.
    pub(crate) fn read(&mut self) -> io::Result<Option<Opcode>> {
        let mut opcode = [0];
        if self.stream.read(&mut opcode)? == 0 {
            return Ok(None);
        }
        Ok(Some(match opcode {
            [b'P'] => {
                let len = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
                if len > Self::MAX_DATAGRAM {
                    return Err(io::Error::other(format!("a datagram of {len} bytes")));
                }
                let mut datagram = vec![0; len];
                self.stream.read_exact(&mut datagram)?;
                Opcode::Datagram(datagram)
            }
            [b'T'] => Opcode::Advance(self.u64()?),
            [b'M'] => Opcode::Mtu(usize::try_from(self.u32()?).unwrap_or(usize::MAX)),
            [b'E'] => Opcode::ExpectTimeout(Some(self.u64()?).filter(|ns| *ns != u64::MAX)),
            [b'U'] => Opcode::InitialTimeout(Duration::from_millis(self.u32()?.into())),
            [other] => return Err(io::Error::other(format!("unknown opcode {other:#04x}"))),
        }))
    }

    fn u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.stream.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn u64(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.stream.read_exact(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Sends a datagram.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let len = u32::try_from(datagram.len()).map_err(io::Error::other)?;
        let mut framed = Vec::with_capacity(datagram.len() + 5);
        framed.push(b'P');
        framed.extend_from_slice(&len.to_be_bytes());
        framed.extend_from_slice(datagram);
        self.stream.write_all(&framed)
    }

    /// Tells the runner that what comes from now on is the answer to the time it has announced.
    pub(crate) fn acknowledge_time(&mut self) -> io::Result<()> {
        self.stream.write_all(b"t")
    }

    /// Hangs up without a reset, which could overtake the last alert. What the runner still says
    /// is of no interest, nor whether it has hung up before us.
    pub(crate) fn finish(mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut self.stream, &mut io::sink());
    }
}
