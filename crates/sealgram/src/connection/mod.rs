//! One association with one peer.
//!
//! ```text
//! handle_datagram ──> record ──> flight ──> handshake ──┐
//!                        │                              │ Effects
//!                        └──> deliver                   v
//! poll_transmit   <── record <── flight <── send, install keys, ask, connected
//! ```
//!
//! This module owns what is between the layers: which records mean what in which state, what is
//! fatal, and when. The layers never see each other.

mod early;
mod effects;
mod input;
mod output;
mod parked;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use early::Early;
use effects::{Fx, Outcome};
use parked::Parked;
use pki_types::ServerName;
use sealgram_flight::{Flight, FlightRules};
use sealgram_handshake::{
    Answer, Connected, Error, Handshake, Origin, RecordLimits, ServerVerification, Side,
};
use sealgram_iana::{AlertDescription, ContentType, HandshakeType, ProtocolVersion, Version};
use sealgram_record::{RecordLayer, SealError};
use sealgram_wire::{MAX_PLAINTEXT, Message, MessageSeq, Phase, RecordNumber};

use crate::config::{ClientConfig, ServerConfig, TransportConfig};
use crate::endpoint::Incoming;
use crate::event::{AskId, CloseReason, Closed, Data, EndpointEvent, Event, Timeout, TimeoutKind};
use crate::{ConfigError, Info, Instant, Misuse, Path, SendError, Stats, Transmit};

/// UDP payload of a handshake datagram while nobody has set a size: what IPv6's smallest MTU
/// (1,280 bytes) leaves with room for a tunnel's headers.
const DEFAULT_MAX_DATAGRAM: usize = 1200;

/// The size after repeated loss: what IPv4's smallest reassembly buffer (576 bytes) leaves with
/// room for IPv6's header.
const FALLBACK_MAX_DATAGRAM: usize = 528;

/// The retransmission, counted from 1, at which a size that nobody has set is given up.
const FALLBACK_AT_RETRANSMISSION: u32 = 3;

/// How long a lost last flight can be asked for again: twice the maximum segment lifetime
/// (RFC 6347 §4.2.4, RFC 9147 §5.8.1).
const LAST_FLIGHT_KEPT: Duration = Duration::from_secs(240);

/// How long records under the keys before the newest are opened: as long as records of the
/// handshake, which can be delayed in the same way.
const OLD_KEYS_KEPT: Duration = LAST_FLIGHT_KEPT;

/// An association with one peer, client or server.
///
/// Sans-IO: its owner hands in datagrams and the time, and takes out datagrams, events and
/// timeouts, in any order. After every call it should look at
/// [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
/// [`poll_endpoint_event`](Self::poll_endpoint_event) and [`poll_timeout`](Self::poll_timeout).
///
/// ```no_run
/// # #[cfg(feature = "ring")] {
/// use sealgram::{ClientConfig, Connection, Instant, Path};
/// # fn example(config: ClientConfig, socket: std::net::UdpSocket)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let now = Instant::from_micros(0); // from the driver's clock
/// let name = "example.com".try_into()?;
/// let mut conn = Connection::client(&config, Some(name), Path::connected(), now)?;
///
/// let mut out = [0; 2048];
/// while let Some(transmit) = conn.poll_transmit(now, &mut out) {
///     socket.send(&out[..transmit.len])?;
/// }
/// let mut buf = [0; 65_536];
/// let len = socket.recv(&mut buf)?;
/// conn.handle_datagram(now, Path::connected(), &mut buf[..len], &mut |data| {
///     println!("{} bytes", data.bytes.len());
/// });
/// # Ok(()) }
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    transport: TransportConfig,
    handshake: Handshake,
    flight: Flight,
    records: RecordLayer,
    state: State,
    info: Info,
    stats: Stats,
    started: Instant,
    max_datagram: usize,
    /// Whether somebody has said what fits; then it is never changed by loss.
    max_datagram_set: bool,
    /// Bytes that may still be sent to an address that is not proven; `None` if it is, by a cookie
    /// or by a record under keys that only a receiver of our ServerHello can have.
    allowance: Option<u64>,
    events: VecDeque<Event>,
    endpoint_events: VecDeque<EndpointEvent>,
    open_ask: Option<AskId>,
    asks: u64,
    parked: Parked,
    evidence: Option<Evidence>,
    deadline: Option<Instant>,
    cleanup: Option<Instant>,
    /// Whether the peer has used application keys for more than ACKs.
    peer_applies: bool,
    /// The newest application keys that the peer has used.
    read_generation: u16,
    /// When the keys before them go.
    old_keys_end: Option<Instant>,
    /// The alert that goes out next, after whatever else is due.
    alert: Option<AlertDescription>,
    /// Whether our hello has offered record_size_limit or max_fragment_length.
    offers_limit: bool,
    /// What record_size_limit or max_fragment_length has settled.
    limits: Option<RecordLimits>,
    /// The phase whose usage limits were dealt with.
    limit_minded: Option<Phase>,
    early: Early,
    /// Data that was opened when there was nobody to take it. Bound: what one datagram or the
    /// parked records held.
    undelivered: Vec<Undelivered>,
    /// KeyUpdates of the peer since it last sent application data.
    key_updates_in_a_row: u8,
}

/// Application data that waits to be handed out.
struct Undelivered {
    bytes: Vec<u8>,
    early: bool,
}

impl Undelivered {
    fn of(data: &Data<'_>) -> Self {
        Self { bytes: data.bytes.to_vec(), early: data.early }
    }
}

impl core::fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Undelivered").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Where a connection is in its life.
#[derive(Debug)]
enum State {
    Handshaking,
    /// The handshake is complete, but our last flight has not left yet.
    Finishing(Box<Connected>),
    Connected,
    /// After an error nothing but the alert is sent any more.
    Closed {
        failed: bool,
    },
}

/// Something unauthenticated that speaks against the handshake. It is obeyed only if no progress
/// follows within a retransmission period: one forged datagram must not end a handshake. While the
/// application is asked something there can be no progress, so that time does not count.
#[derive(Debug)]
struct Evidence {
    obeyed_at: Instant,
    error: Error,
}

impl Connection {
    /// A client's connection to `server`, which must be given unless the verifier does not look at
    /// names. The first flight is ready in [`poll_transmit`](Self::poll_transmit).
    pub fn client(
        config: &ClientConfig,
        server: Option<ServerName<'static>>,
        path: Path,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let needs_name = match &config.handshake.verification {
            ServerVerification::Inline(verifier) => verifier.needs_name(),
            _ => false,
        };
        if needs_name && server.is_none() {
            return Err(ConfigError::NoServerName);
        }
        let transport = config.transport;
        let mut flight = Flight::new(transport.flight, MessageSeq(0), MessageSeq(0));
        let mut records = record_layer(RecordNumber::default(), &transport);
        // RFC 9147 §4: the first hello may say 1.0, for middleboxes and servers that insist.
        records.set_plaintext_version(ProtocolVersion::DTLS_1_0);
        let mut outcome = Outcome::default();
        let mut fx = Fx { now, flight: &mut flight, records: &mut records, outcome: &mut outcome };
        let handshake =
            Handshake::client(config.handshake.clone(), server, &mut fx).map_err(|error| {
                match error {
                    Error::Crypto(error) => ConfigError::Random(error),
                    _ => ConfigError::OutOfRange("the hello"),
                }
            })?;
        let mut this = Self::new(Side::Client, transport, handshake, flight, records, path, now);
        this.offers_limit = config.handshake.common.record_size_limit.is_some()
            || config.handshake.max_fragment_length.is_some();
        this.mind_early(outcome.early);
        Ok(this)
    }

    /// A server's connection to a peer whose address is known to be its own: the name is the vow.
    /// For WebRTC after ICE, for example. No cookie is exchanged; the first datagram that is
    /// handed in should hold the ClientHello.
    #[must_use]
    pub fn server_on_trusted_path(config: &ServerConfig, path: Path, now: Instant) -> Self {
        let transport = config.transport;
        let flight = Flight::new(transport.flight, MessageSeq(0), MessageSeq(0));
        let records = record_layer(RecordNumber::default(), &transport);
        let handshake = Handshake::server(config.handshake.clone(), Origin::Trusted, None);
        Self::new(Side::Server, transport, handshake, flight, records, path, now)
    }

    /// A server's connection that goes on where the endpoint's stateless exchange ended.
    pub(crate) fn accepted(config: &ServerConfig, incoming: Incoming, now: Instant) -> Self {
        let transport = config.transport;
        let seq = incoming.hello_seq;
        // The stateless replies have echoed the numbers of the hellos they answered, so the
        // connection starts with those of the hello it accepts. There is no message after 65,535
        // to be received, and none would be: the flight layer is told the last number then.
        let mut flight = Flight::new(transport.flight, seq, seq.next().unwrap_or(seq));
        let mut records = record_layer(incoming.hello_record, &transport);
        let retried = incoming.retried.is_some();
        let origin = incoming.path.origin();
        let mut handshake = Handshake::server(config.handshake.clone(), origin, incoming.retried);
        let mut outcome = Outcome::default();
        let message = Message {
            typ: HandshakeType::CLIENT_HELLO,
            seq,
            phase: Phase::Plaintext,
            body: &incoming.hello,
        };
        let mut fx = Fx { now, flight: &mut flight, records: &mut records, outcome: &mut outcome };
        let result = handshake.handle(&message, &mut fx);
        let mut this =
            Self::new(Side::Server, transport, handshake, flight, records, incoming.path, now);
        this.info.hello_retried = retried;
        this.info.cookie_exchanged = incoming.admission.is_cookie();
        let received = incoming.bytes_received;
        this.allowance = incoming.admission.is_limited().then(|| amplified(received));
        if this.allowance.is_some() {
            this.flight.keep_peer_sending();
        }
        this.stats.datagrams_received = 1;
        this.stats.bytes_received = received;
        let mut undelivered = Vec::new();
        let keep = &mut |data: Data<'_>| undelivered.push(Undelivered::of(&data));
        this.finish_step(now, result, outcome, keep);
        let mut rest = incoming.rest;
        this.handle_records(now, &mut rest, keep);
        this.undelivered = undelivered;
        this
    }

    fn new(
        side: Side,
        transport: TransportConfig,
        handshake: Handshake,
        flight: Flight,
        records: RecordLayer,
        path: Path,
        now: Instant,
    ) -> Self {
        Self {
            transport,
            handshake,
            flight,
            records,
            state: State::Handshaking,
            info: Info {
                side,
                path,
                negotiated: None,
                cookie_exchanged: false,
                hello_retried: false,
                handshake_time: None,
            },
            stats: Stats::default(),
            started: now,
            max_datagram: transport.max_datagram.unwrap_or(DEFAULT_MAX_DATAGRAM),
            max_datagram_set: transport.max_datagram.is_some(),
            allowance: None,
            events: VecDeque::new(),
            endpoint_events: VecDeque::new(),
            open_ask: None,
            asks: 0,
            parked: Parked::default(),
            evidence: None,
            deadline: Some(now.saturating_add(transport.handshake_deadline())),
            cleanup: None,
            peer_applies: false,
            read_generation: 0,
            old_keys_end: None,
            alert: None,
            offers_limit: false,
            limits: None,
            limit_minded: None,
            early: Early::None,
            undelivered: Vec::new(),
            key_updates_in_a_row: 0,
        }
    }

    // --- facts

    /// What is known about the connection.
    #[must_use]
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { flights_retransmitted: self.flight.flights_resent(), ..self.stats }
    }

    /// Whether [`send`](Self::send) works.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Whether the connection is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// The longest plaintext that [`send`](Self::send) takes, in bytes; 0 while not connected.
    ///
    /// A record this long does not fit one Ethernet frame; see
    /// [`plaintext_per_datagram`](Self::plaintext_per_datagram).
    #[must_use]
    pub fn max_plaintext(&self) -> usize {
        match self.state {
            State::Connected => {
                let max = self.records.newest_framing().map_or(0, |f| f.max_plaintext);
                max.min(self.max_record(self.records.write_phase()))
            }
            _ => 0,
        }
    }

    /// The longest plaintext of a record of this phase. A record_size_limit holds for protected
    /// records only (RFC 8449 §4).
    fn max_record(&self, phase: Phase) -> usize {
        match self.limits {
            Some(limits) if limits.unprotected || !phase.is_plaintext() => limits.send,
            _ => MAX_PLAINTEXT,
        }
    }

    /// How many bytes of plaintext fit a datagram of `datagram` bytes; 0 while not connected.
    #[must_use]
    pub fn plaintext_per_datagram(&self, datagram: usize) -> usize {
        let (before, after) = self.overhead();
        let room = datagram.saturating_sub(before.saturating_add(after));
        room.min(self.max_plaintext())
    }

    /// Bytes in front of and behind a plaintext in its record: the room that
    /// [`send_in_place`](Self::send_in_place) needs around it. Zero while not connected.
    #[must_use]
    pub fn overhead(&self) -> (usize, usize) {
        match self.state {
            State::Connected => self
                .records
                .newest_framing()
                .map_or((0, 0), |f| (f.overhead.before, f.overhead.after)),
            _ => (0, 0),
        }
    }

    /// Bytes on the heap that belong to this connection, as far as it can see: what the provider
    /// keeps behind its keys and what the handshake's states own is not counted.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.flight
            .heap_bytes()
            .saturating_add(self.records.heap_bytes())
            .saturating_add(self.parked.heap_bytes())
    }

    /// Keying material for the application: fills `out` (RFC 5705 §4).
    ///
    /// `label` must be one that is registered or agreed on; in 1.2 no `context` differs from an
    /// empty one. Contexts have at most 65,535 bytes. In 1.3 the label is ASCII of 1 to 249 bytes
    /// and `out` at most 255 hash lengths long.
    pub fn export_keying_material(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), Misuse> {
        if context.is_some_and(|context| context.len() > usize::from(u16::MAX)) {
            return Err(Misuse::OutOfRange("the context"));
        }
        match self.state {
            State::Closed { .. } => return Err(Misuse::Closed),
            State::Handshaking => return Err(Misuse::NotConnected),
            State::Finishing(_) | State::Connected => {}
        }
        if self.handshake.export(out, label, context) {
            Ok(())
        } else {
            Err(Misuse::OutOfRange("the label or the length"))
        }
    }

    // --- commands

    /// Seals one datagram of application data into `out`.
    ///
    /// One call makes one record, and one datagram for the peer: nothing is queued, split or
    /// merged. Nothing is allocated, and `plaintext` is copied once. The record is
    /// `plaintext.len()` plus [`overhead`](Self::overhead) bytes long.
    pub fn send(
        &mut self,
        now: Instant,
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<Transmit, SendError> {
        let (before, after) = self.check_send(plaintext.len())?;
        let needed = before.saturating_add(plaintext.len()).saturating_add(after);
        let end = before.saturating_add(plaintext.len());
        let record = out.get_mut(..needed).ok_or(SendError::BufferTooSmall { needed })?;
        if let Some(room) = record.get_mut(before..end) {
            room.copy_from_slice(plaintext);
        }
        Self::seal_data(&mut self.records, record)?;
        Ok(self.sent_data(now, needed))
    }

    /// Like [`send`](Self::send), without any copy: seals `buf[plaintext]` where it is, and returns
    /// the range of `buf` that the datagram takes.
    ///
    /// There must be room for [`overhead`](Self::overhead) in front of and behind the plaintext.
    pub fn send_in_place(
        &mut self,
        now: Instant,
        buf: &mut [u8],
        plaintext: Range<usize>,
    ) -> Result<(Range<usize>, Transmit), SendError> {
        let len = plaintext.end.checked_sub(plaintext.start);
        let (before, after) = self.check_send(len.unwrap_or_default())?;
        let len = len.ok_or(Misuse::OutOfRange("the plaintext's range"))?;
        let needed = before.saturating_add(len).saturating_add(after);
        let small = SendError::BufferTooSmall { needed };
        let start = plaintext.start.checked_sub(before).ok_or(small)?;
        let range = start..start.saturating_add(needed);
        let record = buf.get_mut(range.clone()).ok_or(small)?;
        Self::seal_data(&mut self.records, record)?;
        Ok((range, self.sent_data(now, needed)))
    }

    fn check_send(&self, len: usize) -> Result<(usize, usize), SendError> {
        match self.state {
            State::Connected => {}
            State::Closed { .. } => return Err(Misuse::Closed.into()),
            State::Handshaking | State::Finishing(_) => return Err(Misuse::NotConnected.into()),
        }
        let max = self.max_plaintext();
        if len > max {
            return Err(SendError::TooLong { max });
        }
        Ok(self.overhead())
    }

    fn seal_data(records: &mut RecordLayer, record: &mut [u8]) -> Result<(), SendError> {
        match records.seal_newest(ContentType::APPLICATION_DATA, record) {
            Ok(_) => Ok(()),
            Err(SealError::NumbersExhausted | SealError::LimitReached) => Err(SendError::Exhausted),
            Err(_) => Err(SendError::Crypto),
        }
    }

    fn sent_data(&mut self, now: Instant, len: usize) -> Transmit {
        self.mind_limits(now);
        self.transmitted(len)
    }

    /// Counts a datagram that is handed out.
    fn transmitted(&mut self, len: usize) -> Transmit {
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        self.stats.datagrams_sent = self.stats.datagrams_sent.saturating_add(1);
        self.stats.bytes_sent = self.stats.bytes_sent.saturating_add(bytes);
        if let Some(allowance) = &mut self.allowance {
            *allowance = allowance.saturating_sub(bytes);
        }
        Transmit::new(len, self.info.path)
    }

    /// Says goodbye: close_notify goes out with the next [`poll_transmit`](Self::poll_transmit),
    /// and nothing more is sent or received. Does nothing if the connection is over.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
        if self.is_closed() {
            return;
        }
        self.alert = Some(AlertDescription::CLOSE_NOTIFY);
        self.end(CloseReason::Local, false, None);
    }

    /// Ends the connection at once with a fatal alert of the application's choice, for what only it
    /// can judge: `access_denied`, for example. The alert goes out with the next
    /// [`poll_transmit`](Self::poll_transmit), and nothing else does. For an orderly end see
    /// [`close`](Self::close): `close_notify` is refused here.
    pub fn abort(&mut self, now: Instant, alert: AlertDescription) -> Result<(), Misuse> {
        let _ = now;
        if self.is_closed() {
            return Err(Misuse::Closed);
        }
        if alert == AlertDescription::CLOSE_NOTIFY {
            return Err(Misuse::OutOfRange("the alert"));
        }
        self.fail(Error::Refused(alert));
        Ok(())
    }

    /// Changes the keys that we send under, and with `peer_too` asks the peer to change its own
    /// (RFC 9147 §8). [`Event::KeysUpdated`] tells when ours are in use: not before the peer has
    /// acknowledged the update. If one is under way already another one follows it.
    ///
    /// The connection does this by itself before the keys' usage limits, up to 65,532 times. 1.2
    /// has no such thing: see [`Event::KeyLimitNear`].
    pub fn update_keys(&mut self, now: Instant, peer_too: bool) -> Result<(), Misuse> {
        match self.state {
            State::Closed { .. } => return Err(Misuse::Closed),
            State::Handshaking | State::Finishing(_) => return Err(Misuse::NotConnected),
            State::Connected if self.version() == Version::V12 => {
                return Err(Misuse::NotInThisVersion);
            }
            State::Connected => {}
        }
        if self.start_key_update(now, peer_too) { Ok(()) } else { Err(Misuse::KeysExhausted) }
    }

    /// Whether there are further keys.
    fn start_key_update(&mut self, now: Instant, peer_too: bool) -> bool {
        let mut any = true;
        self.step(now, &mut |_| {}, |handshake, fx| {
            any = handshake.update_keys(peer_too, fx)?;
            Ok(())
        });
        any
    }

    /// Sets the largest UDP payload of handshake datagrams, in bytes, from now on. Clamped to what
    /// [`TransportConfig::with_max_datagram`] takes.
    pub fn set_max_datagram(&mut self, bytes: usize) {
        self.max_datagram = bytes.clamp(TransportConfig::MIN_DATAGRAM, 65_507);
        self.max_datagram_set = true;
    }

    /// Sets the first retransmission timeout. A running timer keeps its start and its back-off, so
    /// it may be due at once. Clamped to what [`TransportConfig::with_retransmit_timeout`] takes.
    pub fn set_retransmit_timeout(&mut self, timeout: Duration) {
        let timeout = timeout.clamp(
            TransportConfig::MIN_RETRANSMIT_TIMEOUT,
            TransportConfig::MAX_RETRANSMIT_TIMEOUT,
        );
        self.transport.flight.initial_timeout = timeout;
        self.flight.set_initial_timeout(timeout);
    }

    /// Answers [`Event::Needs`](crate::Event::Needs). An answer that nobody waits for (any more)
    /// is a misuse and changes nothing.
    pub fn resolve(&mut self, now: Instant, ask: AskId, answer: Answer) -> Result<(), Misuse> {
        if self.is_closed() {
            return Err(Misuse::Closed);
        }
        if self.open_ask != Some(ask) {
            return Err(Misuse::NotAsked);
        }
        if !self.handshake.waits_for(&answer) {
            return Err(Misuse::NotAsked);
        }
        self.open_ask = None;
        self.flight.pause(now, false);
        // Nothing that the peer sent could count as progress meanwhile: the period begins now.
        let obeyed_at = now.saturating_add(self.transport.flight.initial_timeout);
        if let Some(evidence) = &mut self.evidence {
            evidence.obeyed_at = obeyed_at;
        }
        let mut undelivered = Vec::new();
        let keep = &mut |data: Data<'_>| undelivered.push(Undelivered::of(&data));
        self.step(now, keep, |handshake, fx| handshake.resolve(answer, fx));
        self.drain_messages(now, keep);
        self.undelivered.append(&mut undelivered);
        Ok(())
    }

    /// Hands out application data that came too early to be handed out: with the hello that an
    /// endpoint has let in, or while the handshake waited for [`resolve`](Self::resolve). The next
    /// [`handle_datagram`](Self::handle_datagram) does the same; whoever does not want to wait for
    /// it asks after `accept` and `resolve`.
    pub fn deliver_waiting(&mut self, deliver: &mut dyn FnMut(Data<'_>)) {
        for mut data in core::mem::take(&mut self.undelivered) {
            deliver(Data { bytes: &mut data.bytes, early: data.early });
        }
    }

    // --- time

    /// When [`handle_timeout`](Self::handle_timeout) must be called next, and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timeout> {
        use TimeoutKind::{Ack, Cleanup, Deadline, Probe, Retransmit};
        [Deadline, Retransmit, Ack, Probe, Cleanup]
            .into_iter()
            .filter_map(|what| Some(Timeout { at: self.timeout(what)?, what }))
            .min_by_key(|timeout| timeout.at)
    }

    /// When this timeout is due, if it runs.
    #[must_use]
    pub fn timeout(&self, kind: TimeoutKind) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        match kind {
            TimeoutKind::Retransmit => self.flight.timeout(sealgram_flight::TimerKind::Retransmit),
            TimeoutKind::Ack => self.flight.timeout(sealgram_flight::TimerKind::Ack),
            TimeoutKind::Probe => self.flight.timeout(sealgram_flight::TimerKind::Probe),
            TimeoutKind::Deadline => {
                let evidence = self.evidence.as_ref().filter(|_| self.open_ask.is_none());
                let evidence = evidence.map(|evidence| evidence.obeyed_at);
                self.deadline.into_iter().chain(evidence).min()
            }
            TimeoutKind::Cleanup => self.cleanup.into_iter().chain(self.old_keys_end).min(),
        }
    }

    /// Handles whatever is due at `now`; does nothing if nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        let asked = self.open_ask.is_some();
        let obeyed = |evidence: &mut Evidence| !asked && evidence.obeyed_at <= now;
        if let Some(evidence) = self.evidence.take_if(obeyed) {
            self.fail(evidence.error);
            return;
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.fail(Error::TimedOut);
            return;
        }
        if self.cleanup.is_some_and(|cleanup| cleanup <= now) {
            if self.flight.last_flight_awaits_ack() && !self.peer_applies {
                // A 1.3 server that neither acknowledges it nor says anything else has refused us
                // in silence: the timer goes on until it gives up. One that talks to us has
                // probably lost its ACK, and some never send a second one.
                self.cleanup = Some(now.saturating_add(LAST_FLIGHT_KEPT));
            } else {
                self.cleanup = None;
                self.flight.forget_last_flight();
                self.records.discard_read(Phase::Handshake);
                self.records.discard_write(Phase::Handshake);
                self.forget_early();
            }
        }
        if self.old_keys_end.is_some_and(|end| end <= now) {
            self.old_keys_end = None;
            let old = self.read_generation.saturating_sub(1);
            self.records.discard_read(Phase::Application(old));
        }
        loop {
            match self.flight.handle_timeout(now) {
                Ok(Some(sealgram_flight::Fired::Retransmit { count })) => {
                    if count == FALLBACK_AT_RETRANSMISSION && !self.max_datagram_set {
                        self.max_datagram = self.max_datagram.min(FALLBACK_MAX_DATAGRAM);
                    }
                }
                Ok(Some(sealgram_flight::Fired::Ack)) => {}
                Ok(None) => return,
                Err(sealgram_flight::TimedOut) => {
                    self.fail(Error::TimedOut);
                    return;
                }
            }
        }
    }

    // --- events

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next event for the [`Endpoint`](crate::Endpoint). Without one it may be ignored.
    pub fn poll_endpoint_event(&mut self) -> Option<EndpointEvent> {
        self.endpoint_events.pop_front()
    }

    // --- the end

    /// The version whose alerts and rules apply: 1.2 until it is decided.
    fn version(&self) -> Version {
        self.records.version().unwrap_or(Version::V12)
    }

    /// The connection fails. If an alert is owed, it is all that still goes out.
    fn fail(&mut self, error: Error) {
        if self.is_closed() {
            return;
        }
        self.alert = error.alert(self.version());
        let received = match &error {
            Error::AlertReceived { description, .. } => Some(*description),
            _ => None,
        };
        self.end(CloseReason::Error(error), true, received);
    }

    fn end(&mut self, reason: CloseReason, failed: bool, received: Option<AlertDescription>) {
        self.state = State::Closed { failed };
        self.evidence = None;
        self.open_ask = None;
        self.parked.clear();
        self.events.push_back(Event::Closed(Closed {
            reason,
            alert_sent: self.alert,
            alert_received: received,
        }));
        self.endpoint_events.push_back(EndpointEvent::Closed);
    }

    /// Changes keys that are almost used up (1.3), or tells that they are (1.2).
    fn mind_limits(&mut self, now: Instant) {
        if !self.records.limit_near() {
            return;
        }
        let generation = self.records.write_phase();
        if self.limit_minded == Some(generation) {
            return;
        }
        self.limit_minded = Some(generation);
        match self.version() {
            Version::V12 => self.events.push_back(Event::KeyLimitNear),
            // Our own keys, or, if somebody forges records, the peer's.
            Version::V13 => {
                if !self.start_key_update(now, self.records.usage().forged_near()) {
                    self.events.push_back(Event::KeyLimitNear);
                }
            }
        }
    }
}

/// How much may be sent for `received` bytes from an address that is not proven (RFC 9147 §5.1).
const fn amplified(received: u64) -> u64 {
    received.saturating_mul(3)
}

/// Record protection as it is configured, without keys.
fn record_layer(first_write: RecordNumber, transport: &TransportConfig) -> RecordLayer {
    let mut records = RecordLayer::new(first_write, transport.window);
    if let Some(forgeries) = transport.ccm_8_forgeries {
        records.set_ccm_8_forgeries(forgeries);
    }
    records
}

/// The rules of a version.
const fn rules(version: Version) -> FlightRules {
    match version {
        Version::V12 => FlightRules::V12,
        Version::V13 => FlightRules::V13,
    }
}

#[cfg(test)]
mod tests;
