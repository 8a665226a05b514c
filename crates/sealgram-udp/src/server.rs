//! Many connections on one socket.

mod event;
mod peers;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;

pub use event::{Ended, PeerId, ServerEvent, ServerOptions, ServerStats};
use peers::{Peer, Peers};
use sealgram::iana::AlertDescription;
use sealgram::{
    Answer, AskId, Connection, Endpoint, EndpointConfig, EndpointEvent, Event, Incoming, Instant,
    Path, Routed, ServerConfig, Timers,
};

use crate::address::check_peer;
use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::socket::Socket;
use crate::{Error, max_payload};

/// Longer than any datagram that is sent: a record has at most 16,384 bytes of plaintext, and
/// handshake datagrams are smaller.
const TX: usize = 1 << 16;

/// What waits to be told. Datagrams are in the inbox, in the same order.
#[derive(Debug)]
enum Queued {
    Event(ServerEvent),
    Data(PeerId),
}

/// Many connections on one socket.
///
/// Nothing is kept for a peer that has not shown that it can receive at its address, unless
/// cookies are switched off.
#[derive(Debug)]
pub struct Server {
    socket: Socket,
    clock: Clock,
    endpoint: Endpoint,
    options: ServerOptions,
    peers: Peers,
    timers: Timers<PeerId>,
    queue: VecDeque<Queued>,
    inbox: Inbox,
    tx: Box<[u8]>,
    stats: ServerStats,
}

impl Server {
    /// Listens at `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    ///
    /// [`Error::Config`], [`Error::Socket`].
    pub fn bind(
        address: SocketAddr,
        endpoint: EndpointConfig,
        config: ServerConfig,
    ) -> Result<Self, Error> {
        Self::new(UdpSocket::bind(address)?, endpoint, config, ServerOptions::new())
    }

    /// Listens on a socket that is bound, with options.
    ///
    /// # Errors
    ///
    /// [`Error::Config`], [`Error::Socket`].
    pub fn new(
        socket: UdpSocket,
        endpoint: EndpointConfig,
        config: ServerConfig,
        options: ServerOptions,
    ) -> Result<Self, Error> {
        Ok(Self {
            endpoint: Endpoint::new(endpoint, Some(config))?,
            socket: Socket::new(socket)?,
            clock: Clock::new(),
            options,
            peers: Peers::default(),
            timers: Timers::default(),
            queue: VecDeque::new(),
            inbox: Inbox::default(),
            tx: vec![0; TX].into(),
            stats: ServerStats::default(),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// [`Error::Socket`].
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }

    /// Waits until something happens, no longer than `timeout` (`None`: as long as it takes), and
    /// tells one thing. `Ok(None)`: nothing to tell has happened in that time.
    ///
    /// A received datagram is copied into `buf`; [`MAX_PLAINTEXT`](crate::MAX_PLAINTEXT) bytes are
    /// room for any.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`] (nothing is lost), [`Error::Socket`] if our own socket fails.
    /// Never because of what peers send.
    pub fn step(
        &mut self,
        timeout: impl Into<Option<Duration>>,
        buf: &mut [u8],
    ) -> Result<Option<ServerEvent>, Error> {
        let until = timeout.into().map(|timeout| self.clock.now().saturating_add(timeout));
        loop {
            if let Some(event) = self.next_event(buf)? {
                return Ok(Some(event));
            }
            let now = self.clock.now();
            let wake = self.timers.next().into_iter().chain(until).min();
            self.receive(wake.map(|wake| wake.saturating_since(now)))?;
            let now = self.clock.now();
            while let Some(peer) = self.timers.pop_due(now) {
                if let Some(entry) = self.peers.get_mut(peer) {
                    entry.connection.handle_timeout(now);
                }
                self.after_input(peer, 0);
            }
            if self.queue.is_empty() && until.is_some_and(|until| until <= now) {
                return Ok(None);
            }
        }
    }

    /// Handles a datagram that the application has received itself: on a socket that serves other
    /// protocols too, or in another process. Answers leave through the server's own socket.
    ///
    /// What there is to tell waits for [`step`](Self::step). An application that hands in one
    /// datagram after the other without fetching it decides itself how much waits.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if `from` cannot be a peer's, [`Error::EmptyDatagram`]. Nothing was
    /// changed then.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Result<(), Error> {
        check_peer(from)?;
        if datagram.is_empty() {
            return Err(Error::EmptyDatagram);
        }
        self.route(from, datagram);
        Ok(())
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::Misuse`] while not connected, [`Error::Send`] if it is too
    /// long or the keys are used up, [`Error::Socket`] if the system did not take it. The
    /// connection goes on.
    pub fn send(&mut self, peer: PeerId, plaintext: &[u8]) -> Result<(), Error> {
        let entry = self.peers.get_mut(peer).ok_or(Error::UnknownPeer)?;
        let transmit = entry.connection.send(self.clock.now(), plaintext, &mut self.tx)?;
        let datagram = self.tx.get(..transmit.len).unwrap_or_default();
        self.socket.send_to(datagram, entry.addr)?;
        Ok(())
    }

    /// Answers [`ServerEvent::Needs`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::Misuse`] if nobody waits for this answer (any more).
    pub fn resolve(&mut self, peer: PeerId, ask: AskId, answer: Answer) -> Result<(), Error> {
        let entry = self.peers.get_mut(peer).ok_or(Error::UnknownPeer)?;
        entry.connection.resolve(self.clock.now(), ask, answer)?;
        self.after_input(peer, 0);
        Ok(())
    }

    /// Says goodbye to a peer: sends close_notify. [`ServerEvent::Closed`] follows.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`].
    pub fn close(&mut self, peer: PeerId) -> Result<(), Error> {
        let entry = self.peers.get_mut(peer).ok_or(Error::UnknownPeer)?;
        entry.connection.close(self.clock.now());
        self.after_input(peer, 0);
        Ok(())
    }

    /// Ends a connection at once with a fatal alert of the application's choice; see
    /// [`Connection::abort`]. [`ServerEvent::Closed`] follows.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::Misuse`] if the alert is close_notify.
    pub fn abort(&mut self, peer: PeerId, alert: AlertDescription) -> Result<(), Error> {
        let entry = self.peers.get_mut(peer).ok_or(Error::UnknownPeer)?;
        entry.connection.abort(self.clock.now(), alert)?;
        self.after_input(peer, 0);
        Ok(())
    }

    /// Says goodbye to all peers. Their events can still be fetched.
    pub fn close_all(&mut self) {
        let peers: Vec<PeerId> = self.peers().collect();
        for peer in peers {
            // Each of them is there: closing one does not end another.
            let _: Result<(), Error> = self.close(peer);
        }
    }

    /// A connection: what is known about it, what it has counted, its exporter. `None` once it is
    /// over.
    #[must_use]
    pub fn connection(&self, peer: PeerId) -> Option<&Connection> {
        self.peers.get(peer).map(|entry| &entry.connection)
    }

    /// The connections, handshakes included, oldest first.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.peers.ids()
    }

    /// What was counted so far.
    #[must_use]
    pub const fn stats(&self) -> ServerStats {
        ServerStats { endpoint: self.endpoint.stats(), ..self.stats }
    }

    /// Replaces the cookie key by a random one now. Cookies of the key before it stay good.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if randomness cannot be had.
    pub fn rotate_cookie_key(&mut self) -> Result<(), Error> {
        Ok(self.endpoint.rotate_cookie_key()?)
    }

    /// Replaces the cookie key by the next secret that several servers share, at least 16 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the secret is too short; nothing was changed then.
    pub fn rotate_cookie_secret(&mut self, secret: &[u8]) -> Result<(), Error> {
        Ok(self.endpoint.rotate_cookie_secret(secret)?)
    }

    /// The next thing to tell, if it is there.
    fn next_event(&mut self, buf: &mut [u8]) -> Result<Option<ServerEvent>, Error> {
        match self.queue.front() {
            None => return Ok(None),
            Some(&Queued::Data(peer)) => {
                let Some((len, early)) = self.inbox.pop_into(buf)? else { return Ok(None) };
                self.queue.pop_front();
                return Ok(Some(ServerEvent::Data { peer, len, early }));
            }
            Some(Queued::Event(_)) => {}
        }
        match self.queue.pop_front() {
            Some(Queued::Event(event)) => Ok(Some(event)),
            _ => Ok(None),
        }
    }

    /// Waits for one datagram and hands it to whom it belongs.
    fn receive(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let Some((datagram, from)) = self.socket.recv(wait)? else { return Ok(()) };
        if from.port() == 0 {
            // Nobody can be answered there.
            return Ok(());
        }
        let len = datagram.len();
        let mut buffer = self.socket.take_buffer();
        self.route(from, buffer.get_mut(..len).unwrap_or_default());
        self.socket.put_back(buffer);
        Ok(())
    }

    /// Hands a datagram to whom it belongs.
    fn route(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        let Self { clock, endpoint, peers, inbox, .. } = self;
        let now = clock.now();
        let path = Path::to(from);
        let queued = inbox.len();
        let mut give = |peer, datagram: &mut [u8]| -> bool {
            let entry: Option<&mut Peer> = peers.get_mut(peer);
            entry.is_some_and(|entry| {
                let deliver = &mut |data: sealgram::Data<'_>| inbox.push(&data);
                entry.connection.handle_datagram(now, path, datagram, deliver).opened
            })
        };
        let peer = match endpoint.handle_datagram(now, path, datagram, &mut self.tx) {
            Routed::Connection(handle, datagram) => {
                give(PeerId(handle), datagram);
                PeerId(handle)
            }
            Routed::Shared { newer, older, datagram, copy } => {
                let (newer, older) = (PeerId(newer), PeerId(older));
                if give(newer, datagram) {
                    newer
                } else {
                    give(older, copy);
                    // The newer one may have read plaintext, and have something to say.
                    let datagrams = self.inbox.len().saturating_sub(queued);
                    self.after_input(older, datagrams);
                    self.after_input(newer, 0);
                    return;
                }
            }
            Routed::Accept(incoming) => {
                self.accept(incoming, now);
                return;
            }
            Routed::Reply(transmit) => {
                self.transmit(transmit.len, from);
                return;
            }
            Routed::NotDtls(_) => {
                self.stats.not_dtls = self.stats.not_dtls.saturating_add(1);
                return;
            }
            _ => return,
        };
        let datagrams = self.inbox.len().saturating_sub(queued);
        self.after_input(peer, datagrams);
    }

    /// Lets a peer in if there is room.
    fn accept(&mut self, incoming: Incoming, now: Instant) {
        let addr = incoming.path().remote;
        // The endpoint forgets an unfinished handshake at the same address.
        if let Some(old) = self.peers.handshaking_at(addr) {
            self.forget(old);
        }
        if self.peers.len() >= self.options.max_connections {
            let Some(oldest) = self.peers.oldest_handshake() else {
                self.stats.turned_away = self.stats.turned_away.saturating_add(1);
                return;
            };
            self.stats.evicted = self.stats.evicted.saturating_add(1);
            self.endpoint.handle_event(oldest.0, EndpointEvent::Closed);
            self.forget(oldest);
        }
        let Some((handle, mut connection)) = self.endpoint.accept(incoming, now) else { return };
        if let Some(mtu) = self.options.mtu {
            connection.set_max_datagram(max_payload(mtu, addr.ip()));
        }
        let peer = PeerId(handle);
        self.peers.insert(peer, Peer { addr, connection });
        self.after_input(peer, 0);
    }

    fn forget(&mut self, peer: PeerId) -> Option<Peer> {
        self.timers.set(peer, None);
        self.peers.remove(peer)
    }

    /// Sends what a connection has to send, and queues what has to be told: the newest `datagrams`
    /// of the inbox are its own, and came after the handshake and before the end.
    fn after_input(&mut self, peer: PeerId, mut datagrams: usize) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.connection.deliver_waiting(&mut |data| {
                self.inbox.push(&data);
                datagrams = datagrams.saturating_add(1);
            });
        }
        self.flush(peer);
        let mut closed = None;
        while let Some(event) = self.peers.get_mut(peer).and_then(|p| p.connection.poll_event()) {
            let event = match event {
                Event::Connected(connected) => {
                    let Some(addr) = self.peers.establish(peer) else { continue };
                    ServerEvent::Connected { peer, addr, connected }
                }
                Event::Needs(ask, what) => ServerEvent::Needs { peer, ask, what },
                Event::KeepSession(session) => ServerEvent::KeepSession { peer, session },
                Event::KeyLimitNear => ServerEvent::KeyLimitNear { peer },
                Event::Closed(end) => {
                    closed = Some(end);
                    continue;
                }
                _ => continue,
            };
            self.queue.push_back(Queued::Event(event));
        }
        while let Some(event) =
            self.peers.get_mut(peer).and_then(|p| p.connection.poll_endpoint_event())
        {
            if let Some(old) = self.endpoint.handle_event(peer.0, event) {
                let old = PeerId(old);
                if let Some(ended) = self.forget(old).map(|entry| entry.into_ended(None)) {
                    let event = ServerEvent::Replaced { peer: old, by: peer, ended };
                    self.queue.push_back(Queued::Event(event));
                }
            }
        }
        self.queue.extend((0..datagrams).map(|_| Queued::Data(peer)));
        match closed {
            Some(closed) => {
                if let Some(ended) = self.forget(peer).map(|entry| entry.into_ended(Some(closed))) {
                    self.queue.push_back(Queued::Event(ServerEvent::Closed { peer, ended }));
                }
            }
            None => {
                let at = self.peers.get(peer).and_then(|p| p.connection.poll_timeout());
                self.timers.set(peer, at.map(|timeout| timeout.at));
            }
        }
    }

    /// Sends what a connection has to send.
    fn flush(&mut self, peer: PeerId) {
        let now = self.clock.now();
        while let Some(entry) = self.peers.get_mut(peer) {
            let Some(transmit) = entry.connection.poll_transmit(now, &mut self.tx) else { return };
            let addr = entry.addr;
            self.transmit(transmit.len, addr);
        }
    }

    /// Sends the front of the buffer. What the system does not take is as good as lost on the way:
    /// timers send it again, and other peers are not affected.
    fn transmit(&mut self, len: usize, to: SocketAddr) {
        let datagram = self.tx.get(..len).unwrap_or_default();
        if self.socket.send_to(datagram, to).is_err() {
            self.stats.unsent = self.stats.unsent.saturating_add(1);
        }
    }
}
