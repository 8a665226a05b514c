//! Stands between a client and a server: shows what really was on the wire, and loses some of it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::scene::Checked;

/// How often a relay that hears nothing looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(20);

/// Content type of the record that announces protection (RFC 6347 §4.1). It is a part of the
/// handshake here.
const CHANGE_CIPHER_SPEC: u8 = 20;

/// Content type of handshake records (RFC 6347 §4.1).
const HANDSHAKE: u8 = 22;

/// Message type of a HelloVerifyRequest (RFC 6347 §4.3.2).
const HELLO_VERIFY_REQUEST: u8 = 3;

/// Message type of a ServerKeyExchange (RFC 5246 §7.4).
const SERVER_KEY_EXCHANGE: u8 = 12;

/// Which way a datagram went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Which datagrams of the handshake are lost. Application data is not: nobody sends it again.
#[derive(Clone, Debug, Default)]
pub struct Loss(BTreeSet<(Direction, usize)>);

impl Loss {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// The one with this `index` among those of the handshake in this direction, counted from 0,
    /// and those named before.
    #[must_use]
    pub fn and(mut self, direction: Direction, index: usize) -> Self {
        self.0.insert((direction, index));
        self
    }
}

/// A datagram that the relay saw.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Which way it went.
    pub direction: Direction,
    /// What was in it.
    pub bytes: Vec<u8>,
    /// Whether it got no further than here.
    pub lost: bool,
}

impl Datagram {
    /// Whether it begins with a record of the handshake, protected or not.
    pub fn is_handshake(&self) -> bool {
        matches!(self.bytes.first(), Some(&(HANDSHAKE | CHANGE_CIPHER_SPEC)))
    }

    /// Whether it has a HelloVerifyRequest.
    pub fn is_hello_verify_request(&self) -> bool {
        self.fragments().iter().any(|fragment| fragment.typ == HELLO_VERIFY_REQUEST)
    }

    /// The fragments of all unprotected handshake records in it. What does not parse ends the
    /// list: the programs are judged by each other, not here.
    fn fragments(&self) -> Vec<Fragment<'_>> {
        let mut fragments = Vec::new();
        let mut datagram = Bytes(&self.bytes);
        while let Some(record) = Record::read(&mut datagram) {
            if record.typ != HANDSHAKE || record.epoch != 0 {
                continue;
            }
            let mut body = Bytes(record.body);
            while let Some(fragment) = Fragment::read(&mut body) {
                fragments.push(fragment);
            }
        }
        fragments
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A big-endian number of `length` bytes.
    fn number(&mut self, length: usize) -> Option<usize> {
        let bytes = self.take(length)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}

/// A record of DTLS 1.2 (RFC 6347 §4.1).
struct Record<'a> {
    typ: u8,
    epoch: usize,
    body: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(bytes: &mut Bytes<'a>) -> Option<Self> {
        let &[typ, _, _] = bytes.take(3)? else { return None };
        let epoch = bytes.number(2)?;
        let _sequence_number = bytes.number(6)?;
        let length = bytes.number(2)?;
        Some(Self { typ, epoch, body: bytes.take(length)? })
    }
}

/// A fragment of a handshake message (RFC 6347 §4.2.2).
struct Fragment<'a> {
    typ: u8,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn read(bytes: &mut Bytes<'a>) -> Option<Self> {
        let &[typ] = bytes.take(1)? else { return None };
        let _message_length = bytes.number(3)?;
        let _message_seq = bytes.number(2)?;
        let offset = bytes.number(3)?;
        let length = bytes.number(3)?;
        Some(Self { typ, offset, body: bytes.take(length)? })
    }
}

/// Relays between one client and one server until it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Datagram>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// A relay in front of `server`.
    ///
    /// # Errors
    ///
    /// If a socket cannot be had.
    pub fn to(server: SocketAddr, loss: Loss) -> Checked<Self> {
        let front = Arc::new(UdpSocket::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0))?);
        let back = Arc::new(UdpSocket::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0))?);
        back.connect(server)?;
        front.set_read_timeout(Some(PATIENCE))?;
        back.set_read_timeout(Some(PATIENCE))?;
        let address = front.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let client = Arc::new(Mutex::new(None));
        let threads = [Direction::ToServer, Direction::ToClient]
            .into_iter()
            .map(|direction| {
                let one_way = OneWay {
                    direction,
                    front: Arc::clone(&front),
                    back: Arc::clone(&back),
                    client: Arc::clone(&client),
                    loss: loss.clone(),
                    seen: Arc::clone(&seen),
                    stop: Arc::clone(&stop),
                };
                thread::spawn(move || one_way.run())
            })
            .collect();
        Ok(Self { address, seen, stop, threads })
    }

    /// Where the client finds it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All datagrams so far, in the order of their arrival here; the lost ones too.
    pub fn seen(&self) -> Vec<Datagram> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of the group that the server chose, as its ServerKeyExchange says
    /// (RFC 8422 §5.4).
    pub fn group(&self) -> Option<u16> {
        let seen = self.seen();
        let mut fragments = seen.iter().flat_map(Datagram::fragments);
        let first = fragments
            .find(|fragment| fragment.typ == SERVER_KEY_EXCHANGE && fragment.offset == 0)?;
        match first.body {
            // A named curve.
            [3, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// How many datagrams were lost on purpose.
    pub fn lost(&self) -> usize {
        self.seen().iter().filter(|datagram| datagram.lost).count()
    }

    /// Whether the server asked for a cookie.
    pub fn saw_cookie_exchange(&self) -> bool {
        self.seen().iter().any(Datagram::is_hello_verify_request)
    }

    /// How many datagrams of the handshake went `direction`, and how long the longest was.
    pub fn handshake_datagrams(&self, direction: Direction) -> (usize, usize) {
        let seen = self.seen();
        let lengths: Vec<usize> = seen
            .iter()
            .filter(|datagram| datagram.direction == direction && datagram.is_handshake())
            .map(|datagram| datagram.bytes.len())
            .collect();
        (lengths.len(), lengths.into_iter().max().unwrap_or(0))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A relay thread that panicked has already said so.
            let _ = thread.join();
        }
    }
}

struct OneWay {
    direction: Direction,
    front: Arc<UdpSocket>,
    back: Arc<UdpSocket>,
    client: Arc<Mutex<Option<SocketAddr>>>,
    loss: Loss,
    seen: Arc<Mutex<Vec<Datagram>>>,
    stop: Arc<AtomicBool>,
}

impl OneWay {
    fn run(&self) {
        let mut buffer = vec![0; 0x1_0000];
        let mut index = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let received = match self.direction {
                Direction::ToServer => self.front.recv_from(&mut buffer).map(|(length, from)| {
                    *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
                    length
                }),
                Direction::ToClient => self.back.recv(&mut buffer),
            };
            let length = match received {
                Ok(length) => length,
                // Refused: the far end has gone, which is for the programs to find out.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
                    ) =>
                {
                    continue;
                }
                Err(error) => panic!("the relay cannot receive: {error}"),
            };
            let bytes = buffer[..length].to_vec();
            let mut datagram = Datagram { direction: self.direction, bytes, lost: false };
            if datagram.is_handshake() {
                datagram.lost = self.loss.0.contains(&(self.direction, index));
                index += 1;
            }
            // Whoever hears of a datagram from the programs finds it here already.
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if !datagram.lost {
                self.forward(&datagram.bytes);
            }
            seen.push(datagram);
        }
    }

    fn forward(&self, bytes: &[u8]) {
        // What cannot be sent is lost, as on any network.
        let _ = match self.direction {
            Direction::ToServer => self.back.send(bytes),
            Direction::ToClient => {
                let client = *self.client.lock().unwrap_or_else(PoisonError::into_inner);
                client.map_or(Ok(0), |client| self.front.send_to(bytes, client))
            }
        };
    }
}
