//! The faces of sealgram.

use std::collections::VecDeque;

use sealgram::{Closed, Connection, Endpoint, EndpointEvent, Event, Handle, Instant, Path, Routed};

use crate::Face;

/// One [`Connection`]: a client, or a server on a trusted path. Events are collected.
#[derive(Debug)]
pub struct ConnectionFace {
    /// The connection.
    pub connection: Connection,
    /// Where its peer is.
    pub path: Path,
    /// Its events so far.
    pub events: Vec<Event>,
    /// Its events for the endpoint so far.
    pub endpoint_events: Vec<EndpointEvent>,
}

impl ConnectionFace {
    /// A face whose peer is at `path`.
    #[must_use]
    pub fn new(connection: Connection, path: Path) -> Self {
        let mut this = Self { connection, path, events: Vec::new(), endpoint_events: Vec::new() };
        this.collect();
        this
    }

    fn collect(&mut self) {
        self.events.extend(core::iter::from_fn(|| self.connection.poll_event()));
        let endpoint_events = core::iter::from_fn(|| self.connection.poll_endpoint_event());
        self.endpoint_events.extend(endpoint_events);
    }

    /// How the connection ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        closed(&self.events)
    }
}

/// The one `Closed` among the events, which is the last of them.
fn closed(events: &[Event]) -> Option<&Closed> {
    let count = events.iter().filter(|event| matches!(event, Event::Closed(_))).count();
    match (count, events.last()) {
        (0, _) => None,
        (1, Some(Event::Closed(closed))) => Some(closed),
        _ => panic!("Closed comes once and last: {events:?}"),
    }
}

impl Face for ConnectionFace {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        let deliver = &mut |data: sealgram::Data<'_>| received(data.bytes);
        self.connection.handle_datagram(now, self.path, datagram, deliver);
        self.collect();
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let transmit = self.connection.poll_transmit(now, out);
        self.collect();
        transmit.map(|transmit| transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout().map(|timeout| timeout.at)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.collect();
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        let transmit = self.connection.send(now, plaintext, out);
        self.collect();
        transmit.ok().map(|transmit| transmit.len)
    }

    fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }
}

/// An [`Endpoint`] that serves one peer, and the connections that it has made for it.
#[derive(Debug)]
pub struct EndpointFace {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Where the peer is.
    pub path: Path,
    /// All connections, in the order in which they were accepted; those that are over too.
    pub connections: Vec<(Handle, ConnectionFace)>,
    /// Where the peer was first.
    first_path: Path,
    /// Stateless replies that were not yet polled, and where they go.
    replies: VecDeque<(Path, Vec<u8>)>,
    /// Where the datagram goes that was written last.
    sent_to: Path,
    /// How many stateless replies there were.
    pub replied: usize,
}

impl EndpointFace {
    /// An endpoint whose peer is at `path`.
    #[must_use]
    pub fn new(endpoint: Endpoint, path: Path) -> Self {
        Self {
            endpoint,
            path,
            connections: Vec::new(),
            first_path: path,
            replies: VecDeque::new(),
            sent_to: path,
            replied: 0,
        }
    }

    /// The newest connection. Tests with one peer mean this one.
    #[must_use]
    pub fn latest(&self) -> Option<&ConnectionFace> {
        self.connections.last().map(|(_, face)| face)
    }

    /// The newest connection.
    pub fn latest_mut(&mut self) -> Option<&mut ConnectionFace> {
        self.connections.last_mut().map(|(_, face)| face)
    }

    /// The connection that application data goes through: the newest that is connected, or else
    /// the newest.
    #[must_use]
    pub fn serving(&self) -> Option<&ConnectionFace> {
        let connected = |(_, face): &&(Handle, ConnectionFace)| face.is_connected();
        let serving = self.connections.iter().rfind(connected).or_else(|| self.connections.last());
        serving.map(|(_, face)| face)
    }

    /// The same.
    pub fn serving_mut(&mut self) -> Option<&mut ConnectionFace> {
        let connected = self.connections.iter().rposition(|(_, face)| face.is_connected());
        let index = connected.or_else(|| self.connections.len().checked_sub(1))?;
        self.connections.get_mut(index).map(|(_, face)| face)
    }

    /// How the newest connection ended, if there is one and it has.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.latest()?.closed()
    }

    fn tell_endpoint(&mut self) {
        for (handle, face) in &mut self.connections {
            for event in face.endpoint_events.drain(..) {
                let _ = self.endpoint.handle_event(*handle, event);
            }
        }
    }
}

fn find(
    connections: &mut [(Handle, ConnectionFace)],
    handle: Handle,
) -> Option<&mut ConnectionFace> {
    connections.iter_mut().find(|(other, _)| *other == handle).map(|(_, face)| face)
}

impl Face for EndpointFace {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        received: &mut dyn FnMut(&[u8]),
    ) {
        let mut out = [0; 2048];
        match self.endpoint.handle_datagram(now, self.path, datagram, &mut out) {
            Routed::Connection(handle, datagram) => {
                if let Some(face) = find(&mut self.connections, handle) {
                    face.handle_datagram(now, datagram, received);
                }
            }
            Routed::Shared { newer, older, datagram, copy } => {
                let path = self.path;
                let opened = find(&mut self.connections, newer).is_some_and(|face| {
                    let deliver = &mut |data: sealgram::Data<'_>| received(data.bytes);
                    let handled = face.connection.handle_datagram(now, path, datagram, deliver);
                    face.collect();
                    handled.opened
                });
                let older = find(&mut self.connections, older).filter(|_| !opened);
                if let Some(face) = older {
                    face.handle_datagram(now, copy, received);
                }
            }
            Routed::Accept(incoming) => {
                let path = incoming.path();
                let (handle, connection) =
                    self.endpoint.accept(incoming, now).expect("the endpoint serves");
                self.connections.push((handle, ConnectionFace::new(connection, path)));
            }
            Routed::Reply(transmit) => {
                self.replied += 1;
                self.replies.push_back((transmit.path, out[..transmit.len].to_vec()));
            }
            _ => {}
        }
        self.tell_endpoint();
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if let Some((path, reply)) = self.replies.pop_front() {
            out[..reply.len()].copy_from_slice(&reply);
            self.sent_to = path;
            return Some(reply.len());
        }
        let polled = self
            .connections
            .iter_mut()
            .find_map(|(_, face)| Some((face.path, face.poll_transmit(now, out)?)));
        self.tell_endpoint();
        let (path, len) = polled?;
        self.sent_to = path;
        Some(len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connections.iter().filter_map(|(_, face)| face.poll_timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        for (_, face) in &mut self.connections {
            face.handle_timeout(now);
        }
        self.tell_endpoint();
    }

    fn send(&mut self, now: Instant, plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        let face = self.serving_mut()?;
        let path = face.path;
        let sent = face.send(now, plaintext, out);
        self.sent_to = path;
        sent
    }

    fn is_connected(&self) -> bool {
        self.serving().is_some_and(Face::is_connected)
    }

    fn is_closed(&self) -> bool {
        self.serving().is_some_and(Face::is_closed)
    }

    fn peer_seen_at(&mut self, address: u16) {
        let mut path = self.first_path;
        path.remote.set_port(path.remote.port().wrapping_add(address));
        self.path = path;
    }

    fn sends_to(&self) -> Option<u16> {
        let port = self.sent_to.remote.port();
        Some(port.wrapping_sub(self.first_path.remote.port()))
    }
}
