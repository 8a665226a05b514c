//! A tap on the wire: passes datagrams on, and remembers what they looked like.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use sealgram::iana::{ContentType, HandshakeType};
use sealgram::ring::hash::SHA256;

/// A datagram that passed.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(super) from_client: bool,
    /// Since the tap began.
    pub(super) at: Duration,
    pub(super) len: usize,
    /// What an onlooker can tell of its records.
    pub(super) records: Vec<String>,
}

/// A thread that passes datagrams between a client and the server.
pub(super) struct Tap {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Seen>>,
}

/// How long the wire is left alone when nothing has passed.
const PAUSE: Duration = Duration::from_micros(100);

impl Tap {
    pub(super) fn start(server: SocketAddr) -> io::Result<Self> {
        let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        inner.connect(server)?;
        let outer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = outer.local_addr()?;
        for socket in [&inner, &outer] {
            socket.set_nonblocking(true)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || pass(&outer, &inner, &stop)
        });
        Ok(Self { address, stop, thread })
    }

    /// Where the client has to connect to.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed.
    pub(super) fn stop(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// Passes datagrams on until it is stopped and the wire is quiet.
fn pass(outer: &UdpSocket, inner: &UdpSocket, stop: &AtomicBool) -> Vec<Seen> {
    let began = Instant::now();
    let mut seen = Vec::new();
    let mut client = None;
    let mut buf = vec![0; 1 << 16];
    loop {
        let mut quiet = true;
        let mut note = |from_client, datagram: &[u8]| {
            let (at, len) = (began.elapsed(), datagram.len());
            seen.push(Seen { from_client, at, len, records: records(datagram) });
        };
        if let Ok((len, from)) = outer.recv_from(&mut buf) {
            let datagram = buf.get(..len).unwrap_or_default();
            client = Some(from);
            note(true, datagram);
            // A datagram that is lost here is sent again.
            let _: io::Result<usize> = inner.send(datagram);
            quiet = false;
        }
        if let (Ok(len), Some(client)) = (inner.recv(&mut buf), client) {
            let datagram = buf.get(..len).unwrap_or_default();
            note(false, datagram);
            let _: io::Result<usize> = outer.send_to(datagram, client);
            quiet = false;
        }
        if quiet {
            if stop.load(Ordering::Relaxed) {
                return seen;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// What the records of a datagram are, as far as they are not encrypted.
fn records(mut datagram: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    while let Some(&first) = datagram.first() {
        let (name, rest) = if (32..=63).contains(&first) {
            // RFC 9147 §4: the unified header of protected records of 1.3.
            ("(encrypted)".to_owned(), after_unified(datagram))
        } else {
            plaintext(datagram)
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
        datagram = rest;
    }
    names
}

/// What follows a record with a unified header: a length if it has one, after 1 or 2 bytes of
/// number. Connection IDs are not used here.
fn after_unified(datagram: &[u8]) -> &[u8] {
    let flags = datagram.first().copied().unwrap_or_default();
    let number = if flags & 0x08 == 0 { 1_usize } else { 2 };
    if flags & 0x04 == 0 {
        return &[];
    }
    let at = number.saturating_add(1);
    let len = be16(datagram, at).unwrap_or(usize::MAX);
    datagram.get(at.saturating_add(2).saturating_add(len)..).unwrap_or_default()
}

/// The name of a record with the header of 1.2, and what follows it.
fn plaintext(datagram: &[u8]) -> (String, &[u8]) {
    const HEADER: usize = 13;
    let typ = ContentType(datagram.first().copied().unwrap_or_default());
    let epoch = be16(datagram, 3);
    let len = be16(datagram, 11).unwrap_or(usize::MAX);
    let rest = datagram.get(HEADER.saturating_add(len)..).unwrap_or_default();
    let body = datagram.get(HEADER).copied().unwrap_or_default();
    let name = match typ {
        ContentType::HANDSHAKE if epoch == Some(0) => {
            // After the headers of record and message and the version.
            let random = datagram.get(27..59).unwrap_or_default();
            if HandshakeType(body) == HandshakeType::SERVER_HELLO && is_retry(random) {
                "HelloRetryRequest".to_owned()
            } else {
                handshake(HandshakeType(body))
            }
        }
        ContentType::CHANGE_CIPHER_SPEC => "ChangeCipherSpec".to_owned(),
        ContentType::APPLICATION_DATA => "application data".to_owned(),
        typ => format!("({typ}, encrypted)"),
    };
    (name, rest)
}

/// Whether a server's random makes its hello a HelloRetryRequest (RFC 8446 §4.1.3).
fn is_retry(random: &[u8]) -> bool {
    random == SHA256.hash(b"HelloRetryRequest").as_ref()
}

/// `client_hello` as `ClientHello`.
fn handshake(typ: HandshakeType) -> String {
    let mut name = String::new();
    for word in typ.to_string().split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

fn be16(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(two.iter().fold(0, |value, byte| (value << 8) | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of epoch `epoch` with the header of 1.2.
    fn record(typ: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![typ, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0];
        record.push(u8::try_from(body.len()).unwrap());
        record.extend_from_slice(body);
        record
    }

    #[test]
    fn records_of_a_datagram_are_named() {
        let mut datagram = record(22, 0, &[16, 0, 0, 0]);
        datagram.extend(record(20, 0, &[1]));
        datagram.extend(record(22, 1, &[9; 40]));
        let names = ["ClientKeyExchange", "ChangeCipherSpec", "(handshake, encrypted)"];
        assert_eq!(records(&datagram), names);
    }

    #[test]
    fn protected_records_of_13_are_passed_over() {
        let mut datagram = record(22, 0, &[2, 0, 0, 0]);
        datagram.extend([0x2e, 1, 2, 0, 3, 7, 7, 7]);
        datagram.extend([0x2e, 1, 3, 0, 1, 7]);
        assert_eq!(records(&datagram), ["ServerHello", "(encrypted)"]);
        assert_eq!(records(&[0x2e, 1]), ["(encrypted)"]);
        assert_eq!(records(&[22, 1]).len(), 1);
    }
}
