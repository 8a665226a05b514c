//! A client and a server in one program, whose datagrams go straight from one to the other.

use core::net::SocketAddr;

use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointEvent, Event, Handle, Instant, Path, Routed,
    ServerConfig,
};

use crate::Parties;

/// A connected client and server.
#[derive(Debug)]
pub struct Joined {
    /// The client.
    pub client: Connection,
    /// The server.
    pub server: Connection,
}

/// Where the client is, as the server sees it.
pub(crate) fn path() -> Path {
    Path::to(SocketAddr::from(([192, 0, 2, 1], 5000)))
}

fn start(client: &ClientConfig) -> Connection {
    Connection::client(client, Some(Parties::name()), Path::connected(), Instant::ZERO)
        .expect("a client")
}

/// Hands over what one side has to send. Says whether that was anything.
fn pass(from: &mut Connection, to: &mut Connection, now: Instant) -> bool {
    let mut buf = [0; 2048];
    let mut any = false;
    while let Some(sent) = from.poll_transmit(now, &mut buf) {
        any = true;
        to.handle_datagram(now, path(), &mut buf[..sent.len], &mut |_| {});
    }
    any
}

impl Joined {
    /// A whole handshake with a server on a trusted path.
    #[must_use]
    pub fn new(client: &ClientConfig, server: &ServerConfig) -> Self {
        let client = start(client);
        let server = Connection::server_on_trusted_path(server, path(), Instant::ZERO);
        let mut this = Self { client, server };
        this.settle(Instant::ZERO);
        this.assert_connected();
        this
    }

    /// A whole handshake through an endpoint: with a cookie, unless the endpoint has none.
    #[must_use]
    pub fn through(client: &ClientConfig, endpoint: &mut Endpoint) -> Self {
        let mut client = start(client);
        let (mut buf, mut out) = ([0; 2048], [0; 256]);
        let (handle, server) = loop {
            let sent = client.poll_transmit(Instant::ZERO, &mut buf).expect("a hello");
            let datagram = &mut buf[..sent.len];
            match endpoint.handle_datagram(Instant::ZERO, path(), datagram, &mut out) {
                Routed::Reply(reply) => {
                    let reply = &mut out[..reply.len];
                    client.handle_datagram(Instant::ZERO, path(), reply, &mut |_| {});
                }
                Routed::Accept(incoming) => {
                    break endpoint.accept(incoming, Instant::ZERO).expect("the endpoint serves");
                }
                // A hello of several datagrams.
                _ => {}
            }
        };
        let mut this = Self { client, server };
        this.settle_through(endpoint, handle);
        this.assert_connected();
        let _ = endpoint.handle_event(handle, EndpointEvent::Established);
        let _ = endpoint.handle_event(handle, EndpointEvent::Closed);
        this
    }

    fn settle_through(&mut self, endpoint: &mut Endpoint, handle: Handle) {
        let (mut buf, mut out) = ([0; 2048], [0; 256]);
        loop {
            let mut quiet = true;
            while let Some(sent) = self.client.poll_transmit(Instant::ZERO, &mut buf) {
                quiet = false;
                let datagram = &mut buf[..sent.len];
                match endpoint.handle_datagram(Instant::ZERO, path(), datagram, &mut out) {
                    Routed::Connection(found, datagram) if found == handle => {
                        self.server.handle_datagram(Instant::ZERO, path(), datagram, &mut |_| {});
                    }
                    other => panic!("{other:?}"),
                }
            }
            while let Some(sent) = self.server.poll_transmit(Instant::ZERO, &mut buf) {
                quiet = false;
                let datagram = &mut buf[..sent.len];
                self.client.handle_datagram(Instant::ZERO, path(), datagram, &mut |_| {});
            }
            if quiet {
                return;
            }
        }
    }

    /// Hands datagrams over until nobody has any.
    pub fn settle(&mut self, now: Instant) {
        let Self { client, server } = self;
        while pass(client, server, now) | pass(server, client, now) {}
    }

    /// Lets time pass, up to `end`: timers fire when they are due.
    pub fn run_until(&mut self, end: Instant) {
        loop {
            let both = [self.client.poll_timeout(), self.server.poll_timeout()];
            let next = both.into_iter().flatten().map(|timeout| timeout.at).min();
            let Some(next) = next.filter(|at| *at <= end) else { return };
            self.client.handle_timeout(next);
            self.server.handle_timeout(next);
            self.settle(next);
        }
    }

    /// Takes the events, as an application does, and makes sure of the one that matters.
    fn assert_connected(&mut self) {
        for side in [&mut self.client, &mut self.server] {
            let event = side.poll_event();
            assert!(matches!(event, Some(Event::Connected(_))), "{event:?}");
            while let Some(event) = side.poll_event() {
                assert!(!matches!(event, Event::Closed(_)), "{event:?}");
            }
            while side.poll_endpoint_event().is_some() {}
        }
    }
}
