//! Many peers on one socket, and nothing kept for any of them before its address is proven.
//!
//! ```text
//!                 ┌─ belongs to a connection ────────────> Connection (or Shared)
//! datagram ──────>│  a whole ClientHello, cookie good ───> Accept
//!                 │  a whole ClientHello without cookie ─> Reply: HelloVerifyRequest
//!                 │  part of a ClientHello ──────────────> the pool
//!                 │  DTLS, but nobody's ─────────────────> Discard
//!                 └─ not DTLS (RFC 7983) ────────────────> NotDtls
//! ```

mod cookie;
mod hello;
mod pool;
mod reply;
mod routes;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use cookie::{Asked, Asker};
use hello::{Seen, see};
use pool::{Pool, Whole};
pub use routes::Handle;
use routes::Routes;
use sealgram_cookie::{CookieKeys, HelloFields};
use sealgram_crypto::{HmacKey, Secret};
use sealgram_handshake::{Retried, Selection, select, ticket_proves_address};
use sealgram_iana::{AlertDescription, HandshakeType, Version};
use sealgram_wire::{ClientHello, Message, MessageSeq, Phase, RecordNumber};

use crate::{ConfigError, Connection, EndpointEvent, Instant, Path, ServerConfig, Transmit};

/// How an endpoint meets unproven peers.
#[derive(Debug)]
pub struct EndpointConfig {
    cookies: bool,
    key_lifetime: Duration,
    shared: Option<(Secret, u64)>,
}

impl EndpointConfig {
    /// Cookies on, with random keys that are replaced every hour.
    #[must_use]
    pub const fn new() -> Self {
        Self { cookies: true, key_lifetime: sealgram_cookie::DEFAULT_KEY_LIFETIME, shared: None }
    }

    /// Lets peers in without showing that they can receive at their address.
    ///
    /// Saves a round trip, and lets anyone who forges addresses make this server keep state and
    /// send up to three times what it receives to somebody else. For closed networks. A flight that
    /// is longer than three times the hello, as with a long certificate chain, waits for the
    /// client's retransmissions and so takes seconds.
    #[must_use]
    pub const fn danger_without_cookies(mut self) -> Self {
        self.cookies = false;
        self
    }

    /// Uses a secret that several servers share, so that each accepts the others' cookies. At
    /// least 16 bytes. `generation` is how often the servers have replaced the secret so far.
    #[must_use]
    pub fn with_shared_cookie_secret(mut self, secret: &[u8], generation: u64) -> Self {
        self.shared = Some((Secret::copy_from(secret), generation));
        self
    }

    /// How long a random key is used: an hour by default, at least two minutes. Cookies of the key
    /// before it stay good.
    #[must_use]
    pub const fn with_cookie_key_lifetime(mut self, lifetime: Duration) -> Self {
        self.key_lifetime = lifetime;
        self
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// How a peer got in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Admission {
    /// It returned a cookie: it can receive at its address.
    Cookie,
    /// It resumes a session that was given to its address, and sends early data: the ticket stands
    /// for the cookie. Limited as `Open` is, until it has shown that it gets our answer.
    Ticket,
    /// Its address is vouched for by somebody else.
    Trusted,
    /// Cookies are switched off: at most three times what it sends is sent to it (RFC 9147 §5.1)
    /// until a record under the handshake's keys shows that it got our answer.
    Open,
}

impl Admission {
    pub(crate) const fn is_cookie(self) -> bool {
        matches!(self, Self::Cookie)
    }

    pub(crate) const fn is_limited(self) -> bool {
        matches!(self, Self::Open | Self::Ticket)
    }
}

/// A peer that may come in: give it to [`Endpoint::accept`], or drop it to refuse.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) path: Path,
    pub(crate) admission: Admission,
    pub(crate) hello: Vec<u8>,
    pub(crate) hello_seq: MessageSeq,
    pub(crate) hello_record: RecordNumber,
    pub(crate) bytes_received: u64,
    pub(crate) rest: Vec<u8>,
    /// Tells a repeat of this hello from another hello.
    pub(crate) mark: Mark,
    /// What its 1.3 cookie carried.
    pub(crate) retried: Option<Retried>,
}

impl Incoming {
    /// Where the peer is.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// How it got in.
    #[must_use]
    pub const fn admission(&self) -> Admission {
        self.admission
    }
}

/// A keyed hash of a hello's random: a peer cannot choose two hellos with the same one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark([u8; 16]);

/// What to do with a datagram.
#[derive(Debug)]
#[non_exhaustive]
pub enum Routed<'d> {
    /// It belongs to this connection.
    Connection(Handle, &'d mut [u8]),
    /// Two connections share the peer's address until the newer one is authenticated. Give
    /// `datagram` to `newer`; if that [opened](crate::Handled::opened) nothing, give `copy` to
    /// `older`.
    Shared {
        /// The handshake in progress.
        newer: Handle,
        /// The established connection.
        older: Handle,
        /// The datagram.
        datagram: &'d mut [u8],
        /// The same bytes again, since a failed attempt to open them destroys them.
        copy: &'d mut [u8],
    },
    /// A new peer may come in.
    Accept(Incoming),
    /// A stateless answer to send.
    Reply(Transmit),
    /// Not DTLS by its first byte (RFC 7983): STUN, SRTP, TURN or something else.
    NotDtls(&'d mut [u8]),
    /// Nobody's.
    Discard(Dropped),
}

/// Why a datagram was dropped by the endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Dropped {
    /// It is empty.
    Empty,
    /// It belongs to no connection and begins none.
    Unknown,
    /// A malformed ClientHello.
    Malformed,
    /// Part of a ClientHello; the rest is waited for.
    Incomplete,
    /// The buffer for the reply is too small, or the random source failed.
    NoReply,
}

/// What an endpoint has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Datagrams that were dropped.
    pub discarded: u64,
    /// Stateless replies.
    pub replies: u64,
    /// Hellos with a cookie that was not valid, or no longer.
    pub bad_cookies: u64,
    /// Peers that were let in.
    pub admitted: u64,
}

/// Routes the datagrams of one socket to their connections and answers unproven peers.
///
/// Keeps 0 bytes for a peer that has not shown that it can receive at its address. The pool in
/// which a ClientHello of several datagrams is put together has a fixed size and is shared by all
/// of them.
///
/// ```no_run
/// # #[cfg(feature = "ring")] {
/// use sealgram::{Endpoint, EndpointConfig, Instant, Path, Routed, ServerConfig};
/// # fn example(config: ServerConfig, socket: std::net::UdpSocket)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let mut endpoint = Endpoint::new(EndpointConfig::new(), Some(config))?;
/// let (mut buf, mut out) = ([0; 65_536], [0; 2048]);
/// let (len, peer) = socket.recv_from(&mut buf)?;
/// let now = Instant::from_micros(0); // from the driver's clock
/// match endpoint.handle_datagram(now, Path::to(peer), &mut buf[..len], &mut out) {
///     Routed::Reply(reply) => drop(socket.send_to(&out[..reply.len], reply.path.remote)?),
///     Routed::Accept(incoming) => {
///         let (handle, connection) = endpoint.accept(incoming, now).expect("serves");
///         // keep the connection under its handle
///     }
///     Routed::Connection(handle, datagram) => { /* its handle_datagram */ }
///     _ => {}
/// }
/// # Ok(()) }
/// # }
/// ```
pub struct Endpoint {
    server: Option<Server>,
    routes: Routes,
    /// Allocated when two connections share an address for the first time.
    scratch: Vec<u8>,
    stats: EndpointStats,
}

struct Server {
    config: ServerConfig,
    /// `None`: cookies are off.
    cookies: Option<CookieKeys>,
    marks: Box<dyn HmacKey>,
    pool: Pool,
}

impl core::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Endpoint")
            .field("connections", &self.routes.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// The largest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

impl Endpoint {
    /// An endpoint that accepts connections if `server` says how.
    ///
    /// Fails if randomness cannot be had, or if a shared secret is too short.
    pub fn new(config: EndpointConfig, server: Option<ServerConfig>) -> Result<Self, ConfigError> {
        let server = server.map(|server| Server::new(config, server)).transpose()?;
        Ok(Self {
            server,
            routes: Routes::default(),
            scratch: Vec::new(),
            stats: EndpointStats::default(),
        })
    }

    /// What was counted so far.
    #[must_use]
    pub const fn stats(&self) -> EndpointStats {
        self.stats
    }

    /// How many connections datagrams are routed to.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.routes.len()
    }

    /// Bytes on the heap: what the endpoint keeps for its connections, and the pool. Unproven peers
    /// do not change it.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let pool = self.server.as_ref().map_or(0, |server| server.pool.heap_bytes());
        pool.saturating_add(self.routes.heap_bytes()).saturating_add(self.scratch.capacity())
    }

    /// Says what to do with a datagram. A [`Routed::Reply`] is written into `out`, which should
    /// have room for 128 bytes.
    pub fn handle_datagram<'d>(
        &'d mut self,
        now: Instant,
        path: Path,
        datagram: &'d mut [u8],
        out: &mut [u8],
    ) -> Routed<'d> {
        let _ = now;
        let verdict = self.look(path, datagram, out);
        match verdict {
            Verdict::Known => {}
            Verdict::Repeat(handle) => return Routed::Connection(handle, datagram),
            Verdict::Accept(incoming) => {
                self.stats.admitted = self.stats.admitted.saturating_add(1);
                return Routed::Accept(*incoming);
            }
            Verdict::Reply(len) => {
                self.stats.replies = self.stats.replies.saturating_add(1);
                return Routed::Reply(Transmit::new(len, path));
            }
            Verdict::NotDtls => return Routed::NotDtls(datagram),
            Verdict::Discard(reason) => {
                self.stats.discarded = self.stats.discarded.saturating_add(1);
                return Routed::Discard(reason);
            }
        }
        match self.routes.find(path) {
            (Some(newer), Some(older)) => {
                if self.scratch.is_empty() {
                    self.scratch = vec![0; MAX_DATAGRAM];
                }
                match self.scratch.get_mut(..datagram.len()) {
                    Some(copy) => {
                        copy.copy_from_slice(datagram);
                        Routed::Shared { newer, older, datagram, copy }
                    }
                    // Longer than any datagram.
                    None => Routed::Connection(older, datagram),
                }
            }
            (Some(handle), None) | (None, Some(handle)) => Routed::Connection(handle, datagram),
            (None, None) => {
                self.stats.discarded = self.stats.discarded.saturating_add(1);
                Routed::Discard(Dropped::Unknown)
            }
        }
    }

    /// Looks at a datagram without changing anything but the pool.
    fn look(&mut self, path: Path, datagram: &[u8], out: &mut [u8]) -> Verdict {
        let Some(first) = datagram.first() else { return Verdict::Discard(Dropped::Empty) };
        // RFC 7983 §7 as RFC 9147 extends it: 20 to 63 is DTLS.
        if !(20..=63).contains(first) {
            return Verdict::NotDtls;
        }
        let Some(server) = &mut self.server else { return Verdict::Known };
        match see(datagram) {
            Seen::Hello { seq, record, body, rest } => {
                let bytes = datagram.len();
                let hello = HelloBytes { path, seq, record, body, rest, bytes };
                server.judge(&hello, &self.routes, &mut self.stats, out)
            }
            Seen::Part(mut part) => {
                let mut datagram_bytes = datagram.len();
                loop {
                    let bytes = core::mem::take(&mut datagram_bytes);
                    if let Some(Whole { body, bytes }) = server.pool.add(path, &part, bytes) {
                        let (seq, record) = (part.fragment.seq, part.record);
                        let hello =
                            HelloBytes { path, seq, record, body: &body, rest: part.rest, bytes };
                        return server.judge(&hello, &self.routes, &mut self.stats, out);
                    }
                    // Several parts may share a datagram.
                    part = match see(part.rest) {
                        Seen::Part(next) => next,
                        // Either the client that is in its handshake says hello again, and its
                        // connection must hear of it; or it begins anew, and its old handshake
                        // must not keep it out.
                        _ if self.routes.is_handshaking(path) => return Verdict::Known,
                        _ => return Verdict::Discard(Dropped::Incomplete),
                    };
                }
            }
            Seen::Other => Verdict::Known,
        }
    }

    /// Lets a peer in. `None` if the endpoint does not serve.
    ///
    /// From now on its datagrams are routed to the handle. It is the *newer* one at its address:
    /// an established connection there goes on until this one is authenticated, and another one
    /// that is still in its handshake is forgotten.
    pub fn accept(&mut self, incoming: Incoming, now: Instant) -> Option<(Handle, Connection)> {
        let server = self.server.as_ref()?;
        let handle = self.routes.insert(incoming.path, incoming.mark);
        Some((handle, Connection::accepted(&server.config, incoming, now)))
    }

    /// Takes note of what happened to a connection. Returns the connection that it has replaced,
    /// if any: no datagram will be routed to that one any more, so its owner may drop it.
    pub fn handle_event(&mut self, handle: Handle, event: EndpointEvent) -> Option<Handle> {
        match event {
            EndpointEvent::Established => self.routes.establish(handle),
            EndpointEvent::Closed => {
                self.routes.remove(handle);
                None
            }
        }
    }

    /// Replaces the cookie key by a random one now. Cookies of the key before it stay good.
    pub fn rotate_cookie_key(&mut self) -> Result<(), ConfigError> {
        if let Some(Server { config, cookies: Some(cookies), .. }) = &mut self.server {
            let common = &config.handshake.common;
            cookies.rotate(common.wall_clock.now(), &*common.provider.random)?;
        }
        Ok(())
    }

    /// Replaces the cookie key by the next secret that several servers share, at least 16 bytes.
    /// Cookies of the secret before it stay good.
    pub fn rotate_cookie_secret(&mut self, secret: &[u8]) -> Result<(), ConfigError> {
        if let Some(Server { cookies: Some(cookies), .. }) = &mut self.server {
            cookies.rotate_to(&Secret::copy_from(secret))?;
        }
        Ok(())
    }
}

/// What a look at a datagram has found.
enum Verdict {
    /// For whatever connection has the path.
    Known,
    /// A hello that a connection was made of before.
    Repeat(Handle),
    Accept(Box<Incoming>),
    Reply(usize),
    NotDtls,
    Discard(Dropped),
}

/// A whole hello and how it came.
struct HelloBytes<'a> {
    path: Path,
    seq: MessageSeq,
    record: RecordNumber,
    body: &'a [u8],
    /// What follows it in its datagram.
    rest: &'a [u8],
    /// Size of the datagrams that carried it.
    bytes: usize,
}

impl Server {
    fn new(config: EndpointConfig, server: ServerConfig) -> Result<Self, ConfigError> {
        let common = &server.handshake.common;
        let provider = &common.provider;
        let sha256 = server.sha256;
        let cookies = match (config.cookies, config.shared) {
            (false, _) => None,
            (true, Some((secret, generation))) => {
                Some(CookieKeys::with_secret(sha256, &secret, generation)?)
            }
            (true, None) => {
                let now = common.wall_clock.now();
                Some(CookieKeys::new(sha256, config.key_lifetime, now, &*provider.random)?)
            }
        };
        let mark_key =
            Secret::try_filled(32, |out| provider.random.fill(out)).map_err(ConfigError::Random)?;
        Ok(Self {
            marks: sha256.hmac_key(mark_key.expose()),
            config: server,
            cookies,
            pool: Pool::new(),
        })
    }

    /// What becomes of a hello.
    fn judge(
        &mut self,
        hello: &HelloBytes<'_>,
        routes: &Routes,
        stats: &mut EndpointStats,
        out: &mut [u8],
    ) -> Verdict {
        let Ok(parsed) = ClientHello::read(hello.body) else {
            return Verdict::Discard(Dropped::Malformed);
        };
        let mark = self.mark(&parsed);
        if let Some(handle) = routes.repeat(hello.path, mark) {
            return Verdict::Repeat(handle);
        }
        let reply =
            |len: Option<usize>| len.map_or(Verdict::Discard(Dropped::NoReply), Verdict::Reply);
        let selection = match select(&self.config.handshake, &parsed) {
            Ok(selection) => selection,
            // A hello that cannot succeed is told so, without a cookie: the alert is smaller than
            // any hello.
            Err(error) => {
                let version = version_of(&parsed);
                let alert = error.alert(version).unwrap_or(AlertDescription::HANDSHAKE_FAILURE);
                return reply(reply::alert(hello.record, alert, out));
            }
        };
        let mut retried = None;
        let admission = match &mut self.cookies {
            None => Admission::Open,
            Some(_) if self.config.admits_by_ticket(hello, &parsed) => Admission::Ticket,
            Some(cookies) => {
                let common = &self.config.handshake.common;
                let now = common.wall_clock.now();
                // If no new key can be made, the old ones go on.
                let _ = cookies.maintain(now, &*common.provider.random);
                let suites = parsed.cipher_suites.wire_bytes();
                let fields = HelloFields {
                    legacy_version: parsed.legacy_version,
                    random: &parsed.random.0,
                    session_id: parsed.session_id,
                    cipher_suites: &suites,
                    compression_methods: parsed.compression_methods,
                };
                let asker = Asker { cookies, fields, address: hello.path.remote, now };
                let verdict = match selection {
                    Selection::V12 => asker.v12(parsed.cookie),
                    Selection::V13 { suite, missing_group } => {
                        asker.v13(parsed.extensions.cookie, suite, missing_group, hello.body)
                    }
                };
                match verdict {
                    Asked::Proven(found) => retried = found,
                    Asked::Again { typ, body, bad } => {
                        stats.bad_cookies = stats.bad_cookies.saturating_add(u64::from(bad));
                        let len = reply::request(hello.seq, hello.record, typ, &body, out);
                        // Smaller than the hello, but for a HelloRetryRequest to a minimal one,
                        // which carries the hash of that hello back (RFC 9147 §5.1).
                        let allowed = hello.bytes.saturating_mul(3);
                        return reply(len.filter(|len| *len <= allowed));
                    }
                    Asked::BadCookie => {
                        stats.bad_cookies = stats.bad_cookies.saturating_add(1);
                        // RFC 9147 §5.1.
                        let alert = AlertDescription::ILLEGAL_PARAMETER;
                        return reply(reply::alert(hello.record, alert, out));
                    }
                }
                Admission::Cookie
            }
        };
        Verdict::Accept(Box::new(Incoming {
            path: hello.path,
            admission,
            hello: hello.body.to_vec(),
            hello_seq: hello.seq,
            hello_record: hello.record,
            bytes_received: u64::try_from(hello.bytes).unwrap_or(u64::MAX),
            rest: hello.rest.to_vec(),
            mark,
            retried,
        }))
    }

    fn mark(&self, hello: &ClientHello<'_>) -> Mark {
        let cookie = hello.extensions.cookie.unwrap_or(hello.cookie);
        let tag = self.marks.sign(&[&hello.random.0, cookie]);
        let mut mark = [0; 16];
        for (to, from) in mark.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Mark(mark)
    }
}

impl ServerConfig {
    /// Whether the hello needs no cookie, because its ticket says as much.
    fn admits_by_ticket(&self, hello: &HelloBytes<'_>, parsed: &ClientHello<'_>) -> bool {
        let message = Message {
            typ: HandshakeType::CLIENT_HELLO,
            seq: hello.seq,
            phase: Phase::Plaintext,
            body: hello.body,
        };
        let asked = parsed.extensions.cookie.is_some();
        !asked && ticket_proves_address(&self.handshake, &message, parsed, hello.path.origin())
    }
}

/// The version whose alerts a hello that cannot succeed is answered with.
fn version_of(hello: &ClientHello<'_>) -> Version {
    match &hello.extensions.supported_versions {
        Some(list) if list.contains(Version::V13.wire()) => Version::V13,
        _ => Version::V12,
    }
}
