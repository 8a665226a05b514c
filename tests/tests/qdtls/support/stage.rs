//! A server, clients and maybe a middle, all in one thread: a test can look at all of them between
//! two datagrams.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use sealgram::pki_types::ServerName;
use sealgram::{Ask, AskId, ClientConfig, Connected, EndpointConfig, ServerConfig};
use sealgram_tests::{Checked, Failure, check_eq};
use sealgram_udp::{
    Client, ClientEvent, ClientOptions, Ended, MAX_PLAINTEXT, PeerId, Server, ServerEvent,
};

use super::{LOOPBACK, Middle, OrFail};

/// How long anything may take. Most takes milliseconds; what waits for timers says so.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the server waits for a datagram before others have their turn.
const TURN: Duration = Duration::from_millis(1);

/// A client and what it has told.
pub(crate) struct ClientEnd {
    pub(crate) client: Client,
    pub(crate) connected: Option<Box<Connected>>,
    pub(crate) asks: VecDeque<(AskId, Ask)>,
    pub(crate) received: Vec<Vec<u8>>,
    /// How many times it has told that it is over.
    pub(crate) ends: usize,
}

impl ClientEnd {
    fn turn(&mut self) -> Checked {
        let mut buffer = vec![0; MAX_PLAINTEXT];
        while let Some(event) = self.client.step(Duration::ZERO, &mut buffer).or_fail("a client")? {
            match event {
                ClientEvent::Connected(connected) => self.connected = Some(connected),
                ClientEvent::Needs(ask, what) => self.asks.push_back((ask, what)),
                ClientEvent::Data(length) => self.received.push(buffer[..length].to_vec()),
                ClientEvent::Closed(_) => self.ends += 1,
                other => return Err(Failure::new(format!("the client tells {other:?}"))),
            }
        }
        Ok(())
    }

    /// Whether it is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.closed().is_some()
    }
}

/// A connection of the server and what it has told about it.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) connected: Option<Box<Connected>>,
    pub(crate) asks: VecDeque<(AskId, Ask)>,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) ended: Option<Box<Ended>>,
    pub(crate) replaced_by: Option<PeerId>,
}

pub(crate) struct Stage {
    pub(crate) server: Server,
    /// By connection, oldest first.
    pub(crate) sessions: BTreeMap<PeerId, Session>,
    pub(crate) middle: Option<Middle>,
    pub(crate) clients: Vec<ClientEnd>,
}

impl Stage {
    /// A server on loopback, with cookies.
    pub(crate) fn new(config: ServerConfig) -> Checked<Self> {
        Self::of(Server::bind(LOOPBACK, EndpointConfig::new(), config).or_fail("a server")?)
    }

    pub(crate) fn of(server: Server) -> Checked<Self> {
        Ok(Self { server, sessions: BTreeMap::new(), middle: None, clients: Vec::new() })
    }

    /// With a middle between it and its clients.
    pub(crate) fn with_middle(config: ServerConfig) -> Checked<Self> {
        Self::new(config)?.and_middle()
    }

    /// Puts a middle in front of the server.
    pub(crate) fn and_middle(mut self) -> Checked<Self> {
        self.middle = Some(Middle::to(self.server.local_addr().or_fail("an address")?)?);
        Ok(self)
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> Checked<SocketAddr> {
        match &self.middle {
            Some(middle) => middle.address(),
            None => self.server.local_addr().or_fail("an address"),
        }
    }

    /// A client begins.
    pub(crate) fn start(
        &mut self,
        config: &ClientConfig,
        name: Option<ServerName<'static>>,
    ) -> Checked {
        self.start_with(config, name, ClientOptions::default())
    }

    pub(crate) fn start_with(
        &mut self,
        config: &ClientConfig,
        name: Option<ServerName<'static>>,
        options: ClientOptions,
    ) -> Checked {
        let client =
            Client::start(config, self.address()?, name, options).or_fail("the client's start")?;
        self.clients.push(ClientEnd {
            client,
            connected: None,
            asks: VecDeque::new(),
            received: Vec::new(),
            ends: 0,
        });
        Ok(())
    }

    /// A client begins, and both ends complete the handshake.
    pub(crate) fn connect(
        &mut self,
        config: &ClientConfig,
        name: Option<ServerName<'static>>,
    ) -> Checked {
        self.start(config, name)?;
        self.until_connected()
    }

    /// The newest client and the newest session are connected.
    pub(crate) fn until_connected(&mut self) -> Checked {
        self.until("connected", |stage| {
            stage.client().connected.is_some()
                && stage.sessions.values().next_back().is_some_and(|s| s.connected.is_some())
        })
    }

    /// The newest client.
    pub(crate) fn client(&self) -> &ClientEnd {
        self.clients.last().expect("a client was started")
    }

    pub(crate) fn client_mut(&mut self) -> &mut ClientEnd {
        self.clients.last_mut().expect("a client was started")
    }

    /// The newest connection of the server.
    pub(crate) fn peer(&self) -> Checked<PeerId> {
        let told = self.sessions.keys().next_back().copied();
        told.into_iter().chain(self.server.peers()).max().or_fail("a peer")
    }

    pub(crate) fn session(&self) -> Checked<&Session> {
        self.sessions.values().next_back().or_fail("a session")
    }

    pub(crate) fn middle(&mut self) -> &mut Middle {
        self.middle.as_mut().expect("a middle was put in")
    }

    /// Everybody does what waits to be done.
    pub(crate) fn turn(&mut self) -> Checked {
        for client in &mut self.clients {
            client.turn()?;
        }
        if let Some(middle) = &mut self.middle {
            middle.turn()?;
        }
        let mut buffer = vec![0; MAX_PLAINTEXT];
        let mut wait = TURN;
        while let Some(event) = self.server.step(wait, &mut buffer).or_fail("the server")? {
            wait = Duration::ZERO;
            match event {
                ServerEvent::Connected { peer, addr, connected } => {
                    let session = self.sessions.entry(peer).or_default();
                    session.addr = Some(addr);
                    session.connected = Some(connected);
                }
                ServerEvent::Needs { peer, ask, what } => {
                    self.sessions.entry(peer).or_default().asks.push_back((ask, what));
                }
                ServerEvent::Data { peer, len, .. } => {
                    let session = self.sessions.entry(peer).or_default();
                    session.received.push(buffer[..len].to_vec());
                }
                ServerEvent::Closed { peer, ended } => {
                    self.sessions.entry(peer).or_default().ended = Some(ended);
                }
                ServerEvent::Replaced { peer, by, ended } => {
                    let session = self.sessions.entry(peer).or_default();
                    session.ended = Some(ended);
                    session.replaced_by = Some(by);
                }
                other => return Err(Failure::new(format!("the server tells {other:?}"))),
            }
        }
        if let Some(middle) = &mut self.middle {
            middle.turn()?;
        }
        Ok(())
    }

    /// Goes on until `happened`.
    pub(crate) fn until(
        &mut self,
        what: &str,
        mut happened: impl FnMut(&mut Self) -> bool,
    ) -> Checked {
        let deadline = Instant::now() + PATIENCE;
        while !happened(self) {
            self.turn()?;
            if Instant::now() > deadline {
                let clients = self.clients.iter().map(|end| end.client.closed());
                let clients: Vec<_> = clients.collect();
                let servers: Vec<_> =
                    self.sessions.values().map(|s| s.ended.as_ref().map(|e| &e.closed)).collect();
                return Err(Failure::new(format!(
                    "it never came to: {what}; clients {clients:?}, server {servers:?}, {:?}",
                    self.server.stats()
                )));
            }
        }
        Ok(())
    }

    /// Goes on for this long: for tests of what must not happen.
    pub(crate) fn spend(&mut self, time: Duration) -> Checked {
        let end = Instant::now() + time;
        loop {
            // At least once after the time is over, however busy the machine is.
            let over = Instant::now() >= end;
            self.turn()?;
            if over {
                return Ok(());
            }
        }
    }

    /// Goes on until nothing passes the middle for this long.
    pub(crate) fn settle(&mut self, quiet: Duration) -> Checked {
        loop {
            let before = self.middle().seen().len();
            self.spend(quiet)?;
            if self.middle().seen().len() == before {
                return Ok(());
            }
        }
    }

    /// The newest client and the newest connection exchange datagrams.
    pub(crate) fn exchange(&mut self) -> Checked {
        let peer = self.peer()?;
        self.exchange_between(self.clients.len() - 1, peer)
    }

    /// This client and this connection exchange datagrams, and get exactly what was sent.
    pub(crate) fn exchange_between(&mut self, client: usize, peer: PeerId) -> Checked {
        let at_server = |stage: &Self| stage.sessions.get(&peer).map_or(0, |s| s.received.len());
        let before = (at_server(self), self.clients[client].received.len());
        let (ping, pong) = (b"from the client".as_slice(), b"from the server".as_slice());
        self.clients[client].client.send(ping).or_fail("the client's datagram")?;
        self.until("a datagram at the server", |stage| at_server(stage) > before.0)?;
        self.server.send(peer, pong).or_fail("the server's datagram")?;
        self.until("a datagram at the client", |stage| {
            stage.clients[client].received.len() > before.1
        })?;
        let session = self.sessions.get(&peer).or_fail("the session")?;
        check_eq("what the server received", &session.received[before.0..], [ping.to_vec()])?;
        let received = &self.clients[client].received[before.1..];
        check_eq("what the client received", received, [pong.to_vec()])
    }
}
