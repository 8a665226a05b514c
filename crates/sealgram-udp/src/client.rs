//! One connection on a socket of its own.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;

use sealgram::iana::AlertDescription;
use sealgram::pki_types::ServerName;
use sealgram::{
    Answer, Ask, AskId, ClientConfig, CloseReason, Closed, Connected, Connection, EarlyDataOutcome,
    Event, Info, Instant, Misuse, Path, Stats, TimeoutKind,
};

use crate::address::check_peer;
use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::socket::Socket;
use crate::{Error, max_payload};

/// Longer than any datagram that is sent: a record has at most 16,384 bytes of plaintext, and
/// handshake datagrams are smaller.
const TX: usize = 1 << 16;

/// What a [`Client`] does beyond its configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientOptions {
    mtu: Option<usize>,
    local: Option<SocketAddr>,
}

impl ClientOptions {
    /// The local address to use, where the system shall not choose one. Port 0 lets it choose the
    /// port.
    #[must_use]
    pub const fn with_local_address(mut self, address: SocketAddr) -> Self {
        self.local = Some(address);
        self
    }

    /// The path's MTU, in bytes with the headers of IP and UDP. Handshake datagrams keep to it;
    /// application data is sent as it is given.
    #[must_use]
    pub const fn with_mtu(mut self, bytes: usize) -> Self {
        self.mtu = Some(bytes);
        self
    }
}

/// What [`Client::step`] has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The handshake is complete and the server is authenticated: [`Client::send`] works.
    Connected(Box<Connected>),
    /// The handshake waits for an answer: give it with [`Client::resolve`].
    Needs(AskId, Ask),
    /// A datagram of so many bytes is in the buffer.
    Data(usize),
    /// What became of early data.
    EarlyData(EarlyDataOutcome),
    /// The keys are almost used up: connect anew in time.
    KeyLimitNear,
    /// The connection is over. Comes once, and is the last event. Not told if it was
    /// [`Client::close`] that ended it.
    Closed(Closed),
}

/// What waits to be told. Datagrams are in the inbox, in the same order.
#[derive(Debug)]
enum Queued {
    Event(ClientEvent),
    Data,
}

/// A client's connection, on a socket that is connected to the server's address.
///
/// Dropping it says nothing to the server: call [`close`](Self::close).
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    clock: Clock,
    connection: Connection,
    server: SocketAddr,
    queue: VecDeque<Queued>,
    inbox: Inbox,
    tx: Box<[u8]>,
    /// How it ended, once it has.
    closed: Option<Closed>,
}

impl Client {
    /// Connects, and returns when the handshake is complete.
    ///
    /// `name` is the name that the server's certificate must have; it may be left out only if the
    /// verifier does not look at names.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] says why the handshake has failed; the time it may take is the
    /// configuration's. [`Error::Address`], [`Error::Config`] and [`Error::Socket`] come before
    /// anything was sent.
    pub fn connect(
        config: &ClientConfig,
        server: SocketAddr,
        name: Option<ServerName<'static>>,
    ) -> Result<Self, Error> {
        let mut client = Self::start(config, server, name, ClientOptions::default())?;
        loop {
            // Nothing can be delivered before `Connected`, so the buffer may be empty.
            match client.step(None, &mut [])? {
                Some(ClientEvent::Connected(_)) => return Ok(client),
                Some(ClientEvent::Closed(closed)) => return Err(Error::Closed(closed)),
                Some(ClientEvent::Needs(..)) => {
                    client.close()?;
                    return Err(Error::Asked);
                }
                _ => {}
            }
        }
    }

    /// Sends the first datagram and returns. The rest is done by [`step`](Self::step).
    ///
    /// # Errors
    ///
    /// [`Error::Address`], [`Error::Config`], [`Error::Socket`]; nothing was sent then.
    pub fn start(
        config: &ClientConfig,
        server: SocketAddr,
        name: Option<ServerName<'static>>,
        options: ClientOptions,
    ) -> Result<Self, Error> {
        check_peer(server)?;
        let clock = Clock::new();
        let mut connection = Connection::client(config, name, Path::connected(), clock.now())?;
        if let Some(mtu) = options.mtu {
            connection.set_max_datagram(max_payload(mtu, server.ip()));
        }
        let mut client = Self {
            socket: Socket::connect(options.local, server)?,
            clock,
            connection,
            server,
            queue: VecDeque::new(),
            inbox: Inbox::default(),
            tx: vec![0; TX].into(),
            closed: None,
        };
        client.flush();
        Ok(client)
    }

    /// Waits until something happens, no longer than `timeout` (`None`: as long as it takes), and
    /// tells one thing. `Ok(None)`: nothing has happened in that time.
    ///
    /// A received datagram is copied into `buf`; [`MAX_PLAINTEXT`](crate::MAX_PLAINTEXT) bytes are
    /// room for any. After [`ClientEvent::Closed`] there is nothing more to tell.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`] (nothing is lost), [`Error::Socket`].
    pub fn step(
        &mut self,
        timeout: impl Into<Option<Duration>>,
        buf: &mut [u8],
    ) -> Result<Option<ClientEvent>, Error> {
        let until = timeout.into().map(|timeout| self.clock.now().saturating_add(timeout));
        loop {
            if let Some(event) = self.next_event(buf)? {
                return Ok(Some(event));
            }
            if self.connection.is_closed() {
                return Ok(None);
            }
            let due = self.connection.poll_timeout().map(|timeout| timeout.at);
            let wake = due.into_iter().chain(until).min();
            let now = self.clock.now();
            let wait = wake.map(|wake| wake.saturating_since(now));
            if let Some((datagram, _)) = self.socket.recv(wait)? {
                let now = self.clock.now();
                let queued = self.inbox.len();
                let inbox = &mut self.inbox;
                self.connection.handle_datagram(now, Path::connected(), datagram, &mut |data| {
                    inbox.push(&data);
                });
                let datagrams = self.inbox.len().saturating_sub(queued);
                self.after_input(datagrams);
            }
            let now = self.clock.now();
            if due.is_some_and(|due| due <= now) {
                self.connection.handle_timeout(now);
                self.after_input(0);
            }
            if self.queue.is_empty() && until.is_some_and(|until| until <= now) {
                return Ok(None);
            }
        }
    }

    /// Waits for one datagram, no longer than `timeout` (`None`: as long as it takes), and says
    /// how many bytes of `buf` it takes. `Ok(None)`: none came in that time.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] once the connection is over, [`Error::BufferTooSmall`] (nothing is lost),
    /// [`Error::Socket`].
    pub fn recv(
        &mut self,
        buf: &mut [u8],
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<usize>, Error> {
        let until = timeout.into().map(|timeout| self.clock.now().saturating_add(timeout));
        loop {
            let left = until.map(|until: Instant| until.saturating_since(self.clock.now()));
            match self.step(left, buf)? {
                Some(ClientEvent::Data(len)) => return Ok(Some(len)),
                Some(_) => {}
                None => match &self.closed {
                    Some(closed) => return Err(Error::Closed(closed.clone())),
                    None => return Ok(None),
                },
            }
        }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] while not connected, [`Error::Send`] if it is too long or the keys are
    /// used up, [`Error::Socket`] if the system did not take it. The connection goes on.
    pub fn send(&mut self, plaintext: &[u8]) -> Result<(), Error> {
        let transmit = self.connection.send(self.clock.now(), plaintext, &mut self.tx)?;
        let datagram = self.tx.get(..transmit.len).unwrap_or_default();
        self.socket.send(datagram)?;
        Ok(())
    }

    /// Sends a datagram of early data, right after [`start`](Self::start): with the hello, before
    /// the server has answered. What that means is said at [`Connection::send_early`]: above all,
    /// that somebody may send it again. [`ClientEvent::EarlyData`] tells what has become of it.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] if no session is resumed whose server takes early data, or if it has
    /// answered; [`Error::Send`] if it is too long, [`Error::Socket`] if the system did not take it.
    /// The connection goes on.
    pub fn send_early(&mut self, plaintext: &[u8]) -> Result<(), Error> {
        let transmit = self.connection.send_early(self.clock.now(), plaintext, &mut self.tx)?;
        let datagram = self.tx.get(..transmit.len).unwrap_or_default();
        self.socket.send(datagram)?;
        Ok(())
    }

    /// The longest plaintext that [`send_early`](Self::send_early) takes now, in bytes: 0 if it
    /// takes none.
    #[must_use]
    pub fn max_early_plaintext(&self) -> usize {
        self.connection.max_early_plaintext()
    }

    /// Answers [`ClientEvent::Needs`].
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] if nobody waits for this answer (any more).
    pub fn resolve(&mut self, ask: AskId, answer: Answer) -> Result<(), Error> {
        self.connection.resolve(self.clock.now(), ask, answer)?;
        self.after_input(0);
        Ok(())
    }

    /// Says goodbye: sends close_notify. Nothing is sent or received any more; what was received
    /// before can still be fetched.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] if the connection is over already.
    pub fn close(&mut self) -> Result<(), Error> {
        if self.connection.is_closed() {
            return Err(Misuse::Closed.into());
        }
        self.connection.close(self.clock.now());
        self.after_input(0);
        Ok(())
    }

    /// Ends the connection at once with a fatal alert of the application's choice; see
    /// [`Connection::abort`].
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] if the connection is over already, or if the alert is close_notify.
    pub fn abort(&mut self, alert: AlertDescription) -> Result<(), Error> {
        self.connection.abort(self.clock.now(), alert)?;
        self.after_input(0);
        Ok(())
    }

    /// Keying material for the application (RFC 5705 §4); see
    /// [`Connection::export_keying_material`].
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] while not connected.
    pub fn export_keying_material(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), Error> {
        Ok(self.connection.export_keying_material(out, label, context)?)
    }

    /// What is known about the connection.
    #[must_use]
    pub const fn info(&self) -> &Info {
        self.connection.info()
    }

    /// What the connection has counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.connection.stats()
    }

    /// Whether [`send`](Self::send) works.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    /// Whether the server has acknowledged everything of the handshake that we have sent.
    ///
    /// In 1.3 a client is connected before the server has seen its certificate and its Finished:
    /// until this is true the server may still refuse it, and a client that leaves may never have
    /// been heard.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.is_connected() && self.connection.timeout(TimeoutKind::Retransmit).is_none()
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub const fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// The longest plaintext that [`send`](Self::send) takes, in bytes; 0 while not connected.
    #[must_use]
    pub fn max_plaintext(&self) -> usize {
        self.connection.max_plaintext()
    }

    /// Where the server is.
    #[must_use]
    pub const fn server_addr(&self) -> SocketAddr {
        self.server
    }

    /// Our own address.
    ///
    /// # Errors
    ///
    /// [`Error::Socket`].
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }

    /// How often the network has reported that nobody listens at the server's address (ICMP).
    /// Such a report can be forged, so it ends nothing; while a handshake gets no answer it is a
    /// good reason to try another address.
    #[must_use]
    pub const fn unreachable_reports(&self) -> u64 {
        self.socket.unreachable()
    }

    /// The next thing to tell, if it is there.
    fn next_event(&mut self, buf: &mut [u8]) -> Result<Option<ClientEvent>, Error> {
        match self.queue.front() {
            None => return Ok(None),
            Some(Queued::Data) => {
                let Some((len, _)) = self.inbox.pop_into(buf)? else { return Ok(None) };
                self.queue.pop_front();
                return Ok(Some(ClientEvent::Data(len)));
            }
            Some(Queued::Event(_)) => {}
        }
        match self.queue.pop_front() {
            Some(Queued::Event(event)) => Ok(Some(event)),
            _ => Ok(None),
        }
    }

    /// Sends what has to be sent, and queues what has to be told: `datagrams` of the inbox are
    /// new, and came after the handshake and before the end.
    fn after_input(&mut self, mut datagrams: usize) {
        self.connection.deliver_waiting(&mut |data| {
            self.inbox.push(&data);
            datagrams = datagrams.saturating_add(1);
        });
        self.flush();
        let mut closed = None;
        while let Some(event) = self.connection.poll_event() {
            let event = match event {
                Event::Connected(connected) => ClientEvent::Connected(connected),
                Event::Needs(ask, what) => ClientEvent::Needs(ask, what),
                Event::EarlyData(outcome) => ClientEvent::EarlyData(outcome),
                Event::KeyLimitNear => ClientEvent::KeyLimitNear,
                Event::Closed(end) => {
                    closed = Some(end);
                    continue;
                }
                _ => continue,
            };
            self.queue.push_back(Queued::Event(event));
        }
        self.queue.extend((0..datagrams).map(|_| Queued::Data));
        if let Some(closed) = closed {
            self.closed = Some(closed.clone());
            // Whoever has closed it knows.
            if closed.reason != CloseReason::Local {
                self.queue.push_back(Queued::Event(ClientEvent::Closed(closed)));
            }
        }
        while self.connection.poll_endpoint_event().is_some() {}
    }

    /// Sends what the connection has to send. What the system does not take is as good as lost on
    /// the way: timers send it again.
    fn flush(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit(self.clock.now(), &mut self.tx) {
            let datagram = self.tx.get(..transmit.len).unwrap_or_default();
            let _: io::Result<()> = self.socket.send(datagram);
        }
    }
}
