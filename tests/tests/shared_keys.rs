//! Two server processes that share their keys for cookies and tickets, as behind a load balancer.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Instant as SystemInstant;

use sealgram::iana::Version;
use sealgram::pki_types::CertificateDer;
use sealgram::pki_types::pem::PemObject;
use sealgram::{ClientConfig, Connection, Instant, Path, RootStore};
use sealgram_testkit::{ConnectionFace, Face};
use sealgram_tests::{
    Certified, Checked, Failure, KeyKind, NAME, Program, Scene, Stream, check, check_eq, rows,
};
use sealgram_udp::{Client, ClientEvent, ClientOptions, MAX_PLAINTEXT};

/// How long a server has for each step.
const PATIENCE: Duration = Duration::from_secs(10);

/// Handshake type of a HelloVerifyRequest (RFC 6347 §4.3.2).
const HELLO_VERIFY_REQUEST: u8 = 3;

/// The record of a plaintext alert, and its description (RFC 8446 §6).
const ALERT: u8 = 21;
const ILLEGAL_PARAMETER: u8 = 47;

struct Row {
    version: Version,
    /// The secrets that the second server has had; the first one has had `a`.
    history: &'static str,
    /// Whether it still knows `a`.
    knows: bool,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, secrets a and {}", self.version, self.history)
    }
}

fn cases() -> Vec<Row> {
    let mut cases = Vec::new();
    for version in [Version::V12, Version::V13] {
        // Current, previous, and the one before that.
        for (history, knows) in [("a", true), ("ab", true), ("abc", false), ("b", false)] {
            cases.push(Row { version, history, knows });
        }
    }
    cases
}

fn failed(error: impl Display) -> Failure {
    Failure::new(error.to_string())
}

/// A server process, and where it listens.
fn serve<'s>(
    scene: &'s Scene,
    certified: &Certified,
    history: &str,
) -> Checked<(Program<'s>, SocketAddr)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shared-keys-server"));
    command.arg(&certified.identity.chain).arg(&certified.identity.key).arg(history);
    let program = Program::start(scene, command)?;
    let address = program.wait_for_line(Stream::Err, "listening on ")?;
    Ok((program, address.parse().map_err(failed)?))
}

fn client(certified: &Certified, version: Version) -> Checked<ClientConfig> {
    let mut roots = RootStore::new();
    let root = CertificateDer::from_pem_file(certified.authority.root()).map_err(failed)?;
    roots.add(root).map_err(failed)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.with_versions(&[version]).build().map_err(failed)
}

/// Connects, says something, hears it, closes. Whether a session was resumed.
fn visit(config: &ClientConfig, server: SocketAddr) -> Checked<bool> {
    let name = NAME.try_into().map_err(failed)?;
    let options = ClientOptions::default();
    let mut client = Client::start(config, server, Some(name), options).map_err(failed)?;
    let mut buf = [0; MAX_PLAINTEXT];
    let mut resumed = None;
    loop {
        match client.step(PATIENCE, &mut buf).map_err(failed)? {
            Some(ClientEvent::Connected(connected)) => {
                resumed = Some(connected.negotiated.resumed);
                client.send(b"hello").map_err(failed)?;
            }
            Some(ClientEvent::Data(len)) => {
                check_eq("what comes back", &buf[..len], b"hello".as_slice())?;
                client.close().map_err(failed)?;
                return resumed.ok_or_else(|| Failure::new("data came first"));
            }
            Some(ClientEvent::Closed(closed)) => return Err(failed(closed.reason)),
            Some(_) => {}
            None => return Err(Failure::new("nothing happened in time")),
        }
    }
}

#[test]
fn ticket_of_one_process_is_resumed_by_the_other_while_it_has_the_key() {
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&cases(), |&Row { version, history, knows }, scene| {
        let (_one, first) = serve(scene, &certified, "a")?;
        let (_other, second) = serve(scene, &certified, history)?;
        let config = client(&certified, version)?;
        check_eq("resumed at first", visit(&config, first)?, false)?;
        check_eq("resumed by the other", visit(&config, second)?, knows)?;
        // Whatever that was, it has given a ticket of its own.
        check_eq("resumed once more", visit(&config, second)?, true)
    });
}

/// A client that moves from one server to the other with its cookie.
struct Mover {
    face: ConnectionFace,
    socket: UdpSocket,
    start: SystemInstant,
    /// The first bytes of every datagram that it got from the second server.
    got: Vec<Vec<u8>>,
}

impl Mover {
    fn now(&self) -> Instant {
        let passed = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Instant::from_micros(passed)
    }

    fn send_to(&mut self, server: SocketAddr) -> Checked {
        let mut out = [0; 0x1000];
        while let Some(len) = self.face.poll_transmit(self.now(), &mut out) {
            self.socket.send_to(&out[..len], server)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Checked<Vec<u8>> {
        let mut buf = [0; 0x1000];
        let (len, _) = self.socket.recv_from(&mut buf)?;
        let now = self.now();
        self.face.handle_datagram(now, &mut buf[..len].to_vec(), &mut |_| {});
        Ok(buf[..len].to_vec())
    }

    /// Sends the first hello to one server and all that follows to the other, until the handshake
    /// is complete or refused.
    fn go(&mut self, first: SocketAddr, second: SocketAddr) -> Checked {
        self.send_to(first)?;
        self.receive()?;
        while !self.face.is_connected() {
            self.send_to(second)?;
            let datagram = self.receive()?;
            let refused = datagram.first() == Some(&ALERT);
            self.got.push(datagram);
            if refused {
                return Ok(());
            }
        }
        self.send_to(second)
    }
}

#[test]
fn cookie_of_one_process_is_taken_by_the_other_while_it_has_the_key() {
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&cases(), |&Row { version, history, knows }, scene| {
        let (_one, first) = serve(scene, &certified, "a")?;
        let (_other, second) = serve(scene, &certified, history)?;
        let config = client(&certified, version)?;
        let name = NAME.try_into().map_err(failed)?;
        let path = Path::connected();
        let connection = Connection::client(&config, Some(name), path, Instant::ZERO);
        let connection = connection.map_err(failed)?;
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut mover = Mover {
            face: ConnectionFace::new(connection, path),
            socket,
            start: SystemInstant::now(),
            got: Vec::new(),
        };
        mover.go(first, second)?;
        check(mover.face.connection.info().cookie_exchanged, "the first server wants no cookie")?;
        let requests =
            mover.got.iter().filter(|bytes| bytes.get(13) == Some(&HELLO_VERIFY_REQUEST));
        match version {
            // A fresh cookie costs a round trip.
            Version::V12 => {
                check_eq("HelloVerifyRequests", requests.count(), usize::from(!knows))?;
                check(mover.face.is_connected(), "not connected")
            }
            // RFC 9147 §5.1.
            Version::V13 => {
                let alert = mover.got.last().and_then(|bytes| bytes.get(14).copied());
                let refused = mover.got.len() == 1 && alert == Some(ILLEGAL_PARAMETER);
                check_eq("refused", refused, !knows)?;
                check_eq("connected", mover.face.is_connected(), knows)
            }
        }
    });
}
