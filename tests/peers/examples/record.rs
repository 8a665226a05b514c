//! Makes the recordings in `vectors/handshakes` anew:
//!
//! ```sh
//! cargo run -p sealgram-peers --features boring --example record
//! ```
//!
//! Needs the peers that `tests/run` installs. Nothing random of ours changes from one run to the
//! next, but everything of the peers does, and so do the certificates.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::fs;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

use sealgram::iana::Version;
use sealgram::pki_types::pem::PemObject;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer};
use sealgram::{Instant, Side};
use sealgram_peers::{End, Library, Party, Terms};
use sealgram_tests::{
    Certified, Checked, Failure, Foreign, Gnutls, KeyKind, NAME, Openssl, Ours, Program, Recording,
    Scene, Step, rows,
};

/// What we say. OpenSSL's programs take lines that begin with some letters as commands.
const OURS: &[u8] = b"from sealgram\n";
/// What the peer says.
const THEIRS: &[u8] = b"from the peer\n";

/// How long a program that has something to say takes at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a program is silent that has nothing more to say.
const SILENCE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Openssl,
    Gnutls,
    Boring,
}

struct Row {
    peer: Peer,
    side: Side,
    version: Version,
}

impl Row {
    fn name(&self) -> &'static str {
        match self.peer {
            Peer::Openssl => "openssl",
            Peer::Gnutls => "gnutls",
            Peer::Boring => "boringssl",
        }
    }
}

/// The name of the file.
impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if self.version == Version::V12 { "v12" } else { "v13" };
        let side = if self.side == Side::Client { "client" } else { "server" };
        write!(f, "{}-{version}-{side}.txt", self.name())
    }
}

/// The other side, by its datagrams.
trait Other {
    /// Gives it a datagram, and takes what it sends in return.
    fn give(&mut self, datagram: &[u8]) -> Checked<Vec<Vec<u8>>>;

    /// What it sends without being given anything: a client's first hello.
    fn begin(&mut self) -> Checked<Vec<Vec<u8>>>;

    /// Lets its application say [`THEIRS`].
    fn say(&mut self) -> Checked<Vec<Vec<u8>>>;
}

/// A program with a UDP socket.
struct Outside<'s> {
    program: Program<'s>,
    socket: UdpSocket,
    /// Where it is, as soon as that is known.
    address: Option<SocketAddr>,
    echoes: bool,
}

impl Outside<'_> {
    fn take(&mut self, patience: Duration) -> Checked<Vec<Vec<u8>>> {
        let mut datagrams = Vec::new();
        let mut buffer = [0; 0x4000];
        self.socket.set_read_timeout(Some(patience))?;
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, from)) => {
                    self.address = Some(from);
                    datagrams.push(buffer[..len].to_vec());
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(datagrams);
                }
                // It has gone, after the end.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(datagrams),
                Err(error) => return Err(error.into()),
            }
            self.socket.set_read_timeout(Some(SILENCE))?;
        }
    }
}

impl Other for Outside<'_> {
    fn give(&mut self, datagram: &[u8]) -> Checked<Vec<Vec<u8>>> {
        let address = self.address.ok_or_else(|| Failure::new("nobody is there"))?;
        self.socket.send_to(datagram, address)?;
        self.take(SILENCE)
    }

    fn begin(&mut self) -> Checked<Vec<Vec<u8>>> {
        self.take(PATIENCE)
    }

    fn say(&mut self) -> Checked<Vec<Vec<u8>>> {
        if self.echoes {
            // It has said what we said, and that was recorded then.
            return Ok(Vec::new());
        }
        self.program.input(THEIRS)?;
        self.take(PATIENCE)
    }
}

/// A library in this process.
struct Inside {
    end: Box<dyn End>,
    now: Instant,
}

impl Inside {
    fn take(&mut self) -> Vec<Vec<u8>> {
        let mut out = vec![0; 0x4000];
        core::iter::from_fn(|| {
            let len = self.end.poll_transmit(self.now, &mut out)?;
            Some(out[..len].to_vec())
        })
        .collect()
    }
}

impl Other for Inside {
    fn give(&mut self, datagram: &[u8]) -> Checked<Vec<Vec<u8>>> {
        self.end.handle_datagram(self.now, &mut datagram.to_vec(), &mut |_| {});
        Ok(self.take())
    }

    fn begin(&mut self) -> Checked<Vec<Vec<u8>>> {
        Ok(self.take())
    }

    fn say(&mut self) -> Checked<Vec<Vec<u8>>> {
        let mut out = vec![0; 0x4000];
        let len = self.end.send(self.now, THEIRS, &mut out);
        let len = len.ok_or_else(|| Failure::new("BoringSSL cannot send"))?;
        Ok(vec![out[..len].to_vec()])
    }
}

/// Starts a program as the other side.
fn outside<'s, F: Foreign>(scene: &'s Scene, foreign: &F, side: Side) -> Checked<Outside<'s>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (program, address) = match side {
        Side::Client => {
            let server = foreign.serve_one(scene)?;
            (server.program, Some(server.address))
        }
        Side::Server => (foreign.call(scene, socket.local_addr()?)?, None),
    };
    let echoes = side == Side::Client && F::HABITS.server_echoes;
    Ok(Outside { program, socket, address, echoes })
}

fn boring(certified: &Certified, side: Side, version: Version) -> Checked<Inside> {
    let (chain, key) = identity(certified)?;
    let mut terms = Terms::new(&[version]);
    let party: Box<dyn Party> = match side {
        Side::Client => {
            let kind = sealgram_peers::KeyKind::P256;
            terms.identity = Some(sealgram_peers::Identity { kind, chain, key });
            Library::Boring.server(&terms)
        }
        Side::Server => {
            terms.trust = Some(root(certified)?);
            Library::Boring.client(&terms)
        }
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 4433));
    Ok(Inside { end: party.start(address, Instant::ZERO), now: Instant::ZERO })
}

fn failed(error: impl Display) -> Failure {
    Failure::new(error.to_string())
}

fn root(certified: &Certified) -> Checked<CertificateDer<'static>> {
    CertificateDer::from_pem_file(certified.authority.root()).map_err(failed)
}

fn identity(certified: &Certified) -> Checked<(Vec<CertificateDer<'static>>, Vec<u8>)> {
    let chain = CertificateDer::pem_file_iter(&certified.identity.chain).map_err(failed)?;
    let chain = chain.collect::<Result<_, _>>().map_err(failed)?;
    let key = PrivateKeyDer::from_pem_file(&certified.identity.key).map_err(failed)?;
    Ok((chain, key.secret_der().to_vec()))
}

/// What a program says about itself in the first line of its output.
fn version_of(program: &str, argument: &str) -> Checked<String> {
    let output = Command::new(program).arg(argument).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// What our side has sent since it had done so many steps.
fn sent_since(ours: &Ours, steps: usize) -> Vec<Vec<u8>> {
    let sent = |step: &Step| match step {
        Step::Ours(datagram) => Some(datagram.clone()),
        _ => None,
    };
    ours.steps[steps..].iter().filter_map(sent).collect()
}

/// Hands what the peer has sent to our side, and what that answers to the peer, until both are
/// silent.
fn exchange(ours: &mut Ours, other: &mut dyn Other, mut theirs: Vec<Vec<u8>>) -> Checked {
    while !theirs.is_empty() {
        let mut answers = Vec::new();
        for datagram in theirs {
            let known = ours.steps.len();
            ours.handle(&datagram);
            for datagram in sent_since(ours, known) {
                answers.extend(other.give(&datagram)?);
            }
        }
        theirs = answers;
    }
    Ok(())
}

/// Gives the peer what our side has sent of itself since `known` steps, and so on.
fn go_on(ours: &mut Ours, other: &mut dyn Other, known: usize) -> Checked {
    for datagram in sent_since(ours, known) {
        let theirs = other.give(&datagram)?;
        exchange(ours, other, theirs)?;
    }
    Ok(())
}

fn record(row: &Row, number: u64, scene: &Scene) -> Checked<Recording> {
    let certified = Certified::new(KeyKind::P256)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(failed)?;
    let mut recording = Recording {
        peer: match row.peer {
            Peer::Openssl => version_of("openssl", "version")?,
            Peer::Gnutls => version_of("gnutls-serv", "--version")?,
            Peer::Boring => "BoringSSL of the crate boring-sys 5.4".to_owned(),
        },
        side: row.side,
        version: row.version,
        seed: number,
        clock: now.as_secs(),
        root: root(&certified)?.to_vec(),
        chain: Vec::new(),
        key: Vec::new(),
        steps: Vec::new(),
    };
    if row.side == Side::Server {
        let (chain, key) = identity(&certified)?;
        recording.chain = chain.iter().map(|certificate| certificate.to_vec()).collect();
        recording.key = key;
    }
    let mut other: Box<dyn Other + '_> = match (row.peer, row.side) {
        (Peer::Boring, side) => Box::new(boring(&certified, side, row.version)?),
        (Peer::Openssl, side) => {
            let openssl = Openssl::new();
            let openssl = match side {
                Side::Client => openssl.identity(&certified.identity),
                Side::Server => openssl.trust_server(certified.authority.root(), NAME),
            };
            Box::new(outside(scene, &openssl, side)?)
        }
        (Peer::Gnutls, side) => {
            let gnutls = Gnutls::new();
            let gnutls = match side {
                Side::Client => gnutls.identity(&certified.identity),
                Side::Server => gnutls.trust_server(certified.authority.root(), NAME),
            };
            Box::new(outside(scene, &gnutls, side)?)
        }
    };
    let mut ours = Ours::start(&recording)?;
    match row.side {
        Side::Client => go_on(&mut ours, &mut *other, 0)?,
        Side::Server => {
            let theirs = other.begin()?;
            exchange(&mut ours, &mut *other, theirs)?;
        }
    }
    if !ours.is_connected() {
        return Err(Failure::new(format!("no handshake: {:?}", ours.closed())));
    }
    let known = ours.steps.len();
    ours.say(OURS)?;
    go_on(&mut ours, &mut *other, known)?;
    let theirs = other.say()?;
    exchange(&mut ours, &mut *other, theirs)?;
    if !ours.steps.iter().any(|step| matches!(step, Step::Hear(_))) {
        return Err(Failure::new("the peer has said nothing"));
    }
    let known = ours.steps.len();
    ours.close();
    go_on(&mut ours, &mut *other, known)?;
    recording.steps = ours.steps;
    Ok(recording)
}

fn main() -> ExitCode {
    if !Library::Boring.is_built_in() {
        eprintln!("BoringSSL is not built in: give --features boring");
        return ExitCode::FAILURE;
    }
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/handshakes"));
    let mut cases = Vec::new();
    for side in [Side::Client, Side::Server] {
        for peer in [Peer::Openssl, Peer::Gnutls, Peer::Boring] {
            cases.push(Row { peer, side, version: Version::V12 });
        }
        cases.push(Row { peer: Peer::Boring, side, version: Version::V13 });
    }
    rows(&cases, |row, scene| {
        let number = cases.iter().position(|other| other.to_string() == row.to_string());
        let number = u64::try_from(number.unwrap_or_default()).map_err(failed)?;
        let recording = record(row, number, scene)?;
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(row.to_string()), recording.to_string())?)
    });
    ExitCode::SUCCESS
}
