//! Handshakes with foreign peers, written down: what came from the peer, and what we answered.
//!
//! Our side draws everything random from a [stream](Seeded) that a seed decides, and its calendar
//! stands still: fed with the same datagrams it says the same, byte for byte. The file format is
//! described in `vectors/README.md`.

use core::cell::Cell;
use core::fmt::{self, Display, Write};
use core::time::Duration;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use sealgram::crypto::{CryptoError, CryptoProvider, KeyLog, SecureRandom};
use sealgram::iana::Version;
use sealgram::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use sealgram::{
    ClientConfig, Closed, Connection, Endpoint, EndpointConfig, Info, Instant, Path, RootStore,
    ServerConfig, Side,
};
use sealgram_rustcrypto::RustCrypto;
use sealgram_testkit::{ConnectionFace, EndpointFace, Face, StoppedClock};

use crate::scene::{Checked, Failure};

/// The first line of every file.
const TITLE: &str = "sealgram recording 1";

/// What the server's certificate is for.
pub const NAME: &str = "localhost";

/// Where our side believes its peer to be, whose address goes into cookies.
const PEER: &str = "192.0.2.1:4433";

/// How much later it is at each step. No timer runs out in a recording.
const STEP: Duration = Duration::from_micros(100);

/// Longer than any datagram.
const DATAGRAM: usize = 0x1_0000;

std::thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that a seed decides, for this thread. Protects nothing.
#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        for chunk in out.chunks_mut(8) {
            // SplitMix64.
            let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            STATE.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bytes = (mixed ^ (mixed >> 31)).to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

fn provider() -> CryptoProvider {
    static CRYPTO: RustCrypto = RustCrypto::new(&Seeded);
    CRYPTO.provider()
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// We sent this datagram.
    Ours(Vec<u8>),
    /// The peer sent this datagram.
    Theirs(Vec<u8>),
    /// Our application sent this.
    Say(Vec<u8>),
    /// Our application got this.
    Hear(Vec<u8>),
    /// The handshake is complete on our side.
    Connected,
    /// Our application closed the connection.
    Close,
    /// The peer has closed the connection.
    Closed,
}

/// A recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// The peer and its version, in words.
    pub peer: String,
    /// Which side we are.
    pub side: Side,
    /// What was agreed on.
    pub version: Version,
    /// What decides everything random of ours.
    pub seed: u64,
    /// The time, in seconds since 1970.
    pub clock: u64,
    /// The root that we trust, or that vouches for us, in DER.
    pub root: Vec<u8>,
    /// The chain that we show, leaf first, in DER.
    pub chain: Vec<Vec<u8>>,
    /// Its key, as PKCS #8.
    pub key: Vec<u8>,
    /// What happened.
    pub steps: Vec<Step>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn unhex(text: &str) -> Checked<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0);
    let digits = digits.ok_or_else(|| Failure::new(format!("this is not hex: {text}")))?;
    let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits");
    Ok(digits.chunks(2).map(byte).collect())
}

impl Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}")?;
        writeln!(f, "peer {}", self.peer)?;
        writeln!(f, "side {}", if self.side == Side::Client { "client" } else { "server" })?;
        writeln!(f, "version {}", if self.version == Version::V12 { "1.2" } else { "1.3" })?;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "clock {}", self.clock)?;
        writeln!(f, "root {}", hex(&self.root))?;
        for certificate in &self.chain {
            writeln!(f, "chain {}", hex(certificate))?;
        }
        if !self.key.is_empty() {
            writeln!(f, "key {}", hex(&self.key))?;
        }
        for step in &self.steps {
            match step {
                Step::Ours(bytes) => writeln!(f, "> {}", hex(bytes))?,
                Step::Theirs(bytes) => writeln!(f, "< {}", hex(bytes))?,
                Step::Say(bytes) => writeln!(f, "say {}", hex(bytes))?,
                Step::Hear(bytes) => writeln!(f, "hear {}", hex(bytes))?,
                Step::Connected => writeln!(f, "connected")?,
                Step::Close => writeln!(f, "close")?,
                Step::Closed => writeln!(f, "closed")?,
            }
        }
        Ok(())
    }
}

impl Recording {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If a line says something else than the format knows, or something is missing.
    pub fn parse(text: &str) -> Checked<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(Failure::new("this is no recording"));
        }
        let mut this = Self {
            peer: String::new(),
            side: Side::Client,
            version: Version::V12,
            seed: 0,
            clock: 0,
            root: Vec::new(),
            chain: Vec::new(),
            key: Vec::new(),
            steps: Vec::new(),
        };
        for line in lines {
            let unknown = || Failure::new(format!("an unknown line: {line}"));
            let number = |text: &str| text.parse::<u64>().map_err(|_| unknown());
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "peer" => this.peer = rest.to_owned(),
                "side" if rest == "client" => this.side = Side::Client,
                "side" if rest == "server" => this.side = Side::Server,
                "version" if rest == "1.2" => this.version = Version::V12,
                "version" if rest == "1.3" => this.version = Version::V13,
                "seed" => this.seed = number(rest)?,
                "clock" => this.clock = number(rest)?,
                "root" => this.root = unhex(rest)?,
                "chain" => this.chain.push(unhex(rest)?),
                "key" => this.key = unhex(rest)?,
                ">" => this.steps.push(Step::Ours(unhex(rest)?)),
                "<" => this.steps.push(Step::Theirs(unhex(rest)?)),
                "say" => this.steps.push(Step::Say(unhex(rest)?)),
                "hear" => this.steps.push(Step::Hear(unhex(rest)?)),
                "connected" => this.steps.push(Step::Connected),
                "close" => this.steps.push(Step::Close),
                "closed" => this.steps.push(Step::Closed),
                _ => return Err(unknown()),
            }
        }
        Ok(this)
    }

    /// The peer's datagrams.
    pub fn theirs(&self) -> impl Iterator<Item = &[u8]> {
        self.steps.iter().filter_map(|step| match step {
            Step::Theirs(datagram) => Some(datagram.as_slice()),
            _ => None,
        })
    }

    /// Does again what our side did: what makes it act is taken from the steps, and what it does
    /// is what this gives.
    ///
    /// # Errors
    ///
    /// If the configuration in it is of no use.
    pub fn replay(&self) -> Checked<Vec<Step>> {
        let mut ours = Ours::start(self)?;
        for step in &self.steps {
            match step {
                Step::Theirs(datagram) => ours.handle(datagram),
                Step::Say(text) => ours.say(text)?,
                Step::Close => ours.close(),
                Step::Ours(_) | Step::Hear(_) | Step::Connected | Step::Closed => {}
            }
        }
        Ok(ours.steps)
    }
}

/// All recordings in `vectors/handshakes`, with the names of their files.
///
/// # Panics
///
/// If the folder cannot be read, or a file of it.
pub fn recordings() -> Vec<(String, Recording)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/handshakes");
    let mut recordings: Vec<(String, Recording)> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let entry = entry.expect("a file");
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(entry.path()).expect(&name);
            let recording = Recording::parse(&text);
            (name.clone(), recording.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    recordings.sort_by(|(one, _), (other, _)| one.cmp(other));
    recordings
}

/// Keeps what a key log is told.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<(&'static str, Vec<u8>)>>);

impl KeyLog for Log {
    fn log(&self, label: &'static str, _client_random: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((label, secret.to_vec()));
    }
}

#[derive(Debug)]
enum End {
    Client(Box<ConnectionFace>),
    Server(Box<EndpointFace>),
}

impl End {
    fn face(&mut self) -> &mut dyn Face {
        match self {
            Self::Client(face) => &mut **face,
            Self::Server(face) => &mut **face,
        }
    }

    /// The connection, if there is one yet.
    fn connection(&self) -> Option<&ConnectionFace> {
        match self {
            Self::Client(face) => Some(face),
            Self::Server(face) => face.latest(),
        }
    }
}

/// Our side of a recording, in the making or once more.
#[derive(Debug)]
pub struct Ours {
    end: End,
    now: Instant,
    log: Arc<Log>,
    /// Where our stream of random bytes is, while nothing is drawn from it: others in this thread
    /// have streams of their own.
    random: u64,
    /// What has happened so far.
    pub steps: Vec<Step>,
}

impl Ours {
    /// Begins as a recording says, whose steps do not matter. A client has sent its first hello.
    ///
    /// # Errors
    ///
    /// If the certificates or the key are of no use.
    pub fn start(recording: &Recording) -> Checked<Self> {
        STATE.set(recording.seed);
        let failed = |error: &dyn Display| Failure::new(error.to_string());
        let clock = Arc::new(StoppedClock::at(recording.clock));
        let log = Arc::new(Log::default());
        let now = Instant::ZERO;
        let end = match recording.side {
            Side::Client => {
                let mut roots = RootStore::new();
                let root = CertificateDer::from(recording.root.clone());
                roots.add(root).map_err(|error| failed(&error))?;
                let config = ClientConfig::builder_with_provider(provider())
                    .with_root_certificates(roots)
                    .with_no_client_auth()
                    .with_wall_clock(clock)
                    .with_key_log(log.clone());
                let config = config.build().map_err(|error| failed(&error))?;
                let name = NAME.try_into().map_err(|error| failed(&error))?;
                let path = Path::connected();
                let connection = Connection::client(&config, Some(name), path, now)
                    .map_err(|error| failed(&error))?;
                End::Client(Box::new(ConnectionFace::new(connection, path)))
            }
            Side::Server => {
                let chain = recording.chain.iter().cloned().map(CertificateDer::from).collect();
                let key = PrivatePkcs8KeyDer::from(recording.key.as_slice()).into();
                let config = ServerConfig::builder_with_provider(provider())
                    .with_no_client_auth()
                    .with_identity(chain, &key)
                    // What is sealed in a ticket is nobody's business but ours, and may change.
                    .without_resumption()
                    .with_wall_clock(clock)
                    .with_key_log(log.clone());
                let config = config.build().map_err(|error| failed(&error))?;
                let endpoint = Endpoint::new(EndpointConfig::new(), Some(config))
                    .map_err(|error| failed(&error))?;
                let path = Path::to(PEER.parse().map_err(|error| failed(&error))?);
                End::Server(Box::new(EndpointFace::new(endpoint, path)))
            }
        };
        let mut this = Self { end, now, log, random: STATE.get(), steps: Vec::new() };
        this.drain();
        Ok(this)
    }

    /// The peer has sent a datagram.
    pub fn handle(&mut self, datagram: &[u8]) {
        self.steps.push(Step::Theirs(datagram.to_vec()));
        self.now = self.now + STEP;
        STATE.set(self.random);
        let (connected, closed) = (self.is_connected(), self.closed().is_some());
        let mut heard = Vec::new();
        let mut bytes = datagram.to_vec();
        let now = self.now;
        self.end.face().handle_datagram(now, &mut bytes, &mut |text| heard.push(text.to_vec()));
        self.steps.extend(heard.into_iter().map(Step::Hear));
        self.drain();
        if self.is_connected() && !connected {
            self.steps.push(Step::Connected);
        }
        if self.closed().is_some() && !closed {
            self.steps.push(Step::Closed);
        }
    }

    /// The application sends something.
    ///
    /// # Errors
    ///
    /// If that is not possible now.
    pub fn say(&mut self, text: &[u8]) -> Checked {
        self.steps.push(Step::Say(text.to_vec()));
        self.now = self.now + STEP;
        STATE.set(self.random);
        let mut out = vec![0; DATAGRAM];
        let len = self.end.face().send(self.now, text, &mut out);
        self.random = STATE.get();
        let len = len.ok_or_else(|| Failure::new("our side cannot send"))?;
        self.steps.push(Step::Ours(out[..len].to_vec()));
        Ok(())
    }

    /// The application closes the connection.
    pub fn close(&mut self) {
        self.steps.push(Step::Close);
        self.now = self.now + STEP;
        STATE.set(self.random);
        let now = self.now;
        let connection = match &mut self.end {
            End::Client(face) => Some(&mut **face),
            End::Server(face) => face.latest_mut(),
        };
        if let Some(face) = connection {
            face.connection.close(now);
        }
        self.drain();
    }

    /// Lets time pass until the next timer has run out; false if there is none.
    pub fn wait(&mut self) -> bool {
        let Some(due) = self.end.face().poll_timeout() else { return false };
        self.now = self.now.max(due);
        STATE.set(self.random);
        let now = self.now;
        self.end.face().handle_timeout(now);
        self.drain();
        true
    }

    /// Whether the handshake is complete.
    pub fn is_connected(&mut self) -> bool {
        self.end.face().is_connected()
    }

    /// How the connection ended, if there was one and it has.
    pub fn closed(&self) -> Option<&Closed> {
        self.end.connection()?.closed()
    }

    /// What is known of the connection, if there is one.
    pub fn info(&self) -> Option<&Info> {
        Some(self.end.connection()?.connection.info())
    }

    /// The secrets of the key log so far, under their labels.
    pub fn secrets(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn drain(&mut self) {
        let mut out = vec![0; DATAGRAM];
        while let Some(len) = self.end.face().poll_transmit(self.now, &mut out) {
            self.steps.push(Step::Ours(out[..len].to_vec()));
        }
        self.random = STATE.get();
    }
}
