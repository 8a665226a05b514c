//! What the tests share: configurations, and a server in a thread's hand.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use sealgram::iana::Version;
use sealgram::pki_types::pem::PemObject as _;
use sealgram::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sealgram::{
    ClientConfig, Closed, EndpointConfig, FingerprintVerifier, ServerConfig, TransportConfig,
};
use sealgram_udp::{
    Client, ClientEvent, ClientOptions, MAX_PLAINTEXT, PeerId, Server, ServerEvent, ServerOptions,
};

pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) const BOTH: [Version; 2] = [Version::V12, Version::V13];

/// Longer than anything here takes on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(20);

/// One turn of one side.
const TURN: Duration = Duration::from_millis(2);

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(include_bytes!("../data/certificate.pem")).unwrap()
}

fn key() -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(include_bytes!("../data/key.pem")).unwrap()
}

pub(crate) fn server_config(versions: &[Version]) -> ServerConfig {
    ServerConfig::builder()
        .with_no_client_auth()
        .with_identity(vec![certificate()], &key())
        .with_versions(versions)
        .build()
        .unwrap()
}

/// Accepts the server that has the test's certificate, by its fingerprint.
pub(crate) fn verifier() -> Arc<FingerprintVerifier> {
    let sha256 = sealgram::ring::hash::SHA256;
    let fingerprint = sha256.hash(&certificate()).as_ref().try_into().unwrap();
    pinned(fingerprint)
}

pub(crate) fn pinned(fingerprint: [u8; 32]) -> Arc<FingerprintVerifier> {
    let provider = sealgram::ring::default_provider();
    let algorithms = provider.signature_algorithms;
    FingerprintVerifier::new([fingerprint], sealgram::ring::hash::SHA256, algorithms).unwrap()
}

pub(crate) fn transport() -> TransportConfig {
    TransportConfig::default().with_handshake_deadline(PATIENCE)
}

pub(crate) fn client_config(versions: &[Version]) -> ClientConfig {
    client_config_with(versions, transport())
}

pub(crate) fn client_config_with(versions: &[Version], transport: TransportConfig) -> ClientConfig {
    ClientConfig::builder()
        .with_server_verifier(verifier())
        .with_no_client_auth()
        .with_versions(versions)
        .with_transport(transport)
        .without_resumption()
        .build()
        .unwrap()
}

pub(crate) fn name() -> Option<ServerName<'static>> {
    Some("localhost".try_into().unwrap())
}

/// A server and its clients, all in one thread: nobody waits long.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) clients: Vec<Actor>,
    /// What the server was told, data as it came.
    pub(crate) told: Vec<Told>,
    /// Whether the server sends back what it gets.
    pub(crate) echo: bool,
}

/// A client and what it was told.
pub(crate) struct Actor {
    pub(crate) client: Client,
    pub(crate) connected: bool,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) closed: Option<Closed>,
}

#[derive(Debug)]
pub(crate) enum Told {
    Connected(PeerId),
    Data(Vec<u8>),
    Closed(Closed),
    Replaced(PeerId, PeerId),
}

impl Stage {
    pub(crate) fn new(versions: &[Version]) -> Self {
        Self::with(versions, EndpointConfig::new(), ServerOptions::new())
    }

    pub(crate) fn with(
        versions: &[Version],
        endpoint: EndpointConfig,
        options: ServerOptions,
    ) -> Self {
        let socket = std::net::UdpSocket::bind(LOOPBACK).unwrap();
        let server = Server::new(socket, endpoint, server_config(versions), options).unwrap();
        Self { server, clients: Vec::new(), told: Vec::new(), echo: true }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr().unwrap()
    }

    /// A new client, which has sent its first datagram. Returns its number.
    pub(crate) fn enter(&mut self, config: &ClientConfig, options: ClientOptions) -> usize {
        let client = Client::start(config, self.address(), name(), options).unwrap();
        self.clients.push(Actor { client, connected: false, received: Vec::new(), closed: None });
        self.clients.len() - 1
    }

    /// A new client, connected.
    pub(crate) fn connect(&mut self, versions: &[Version]) -> usize {
        let number = self.enter(&client_config(versions), ClientOptions::default());
        self.until(|stage| stage.clients[number].connected && stage.is_heard(number));
        number
    }

    fn is_heard(&self, number: usize) -> bool {
        self.clients[number].client.is_acknowledged()
    }

    /// Lets everybody act until `done`.
    pub(crate) fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < PATIENCE, "{:?}", self.told);
            self.serve();
            for actor in &mut self.clients {
                actor.act();
            }
        }
    }

    /// One turn of the server alone.
    pub(crate) fn serve(&mut self) {
        let mut buf = vec![0; MAX_PLAINTEXT];
        while let Some(event) = self.server.step(TURN, &mut buf).unwrap() {
            self.told.push(match event {
                ServerEvent::Connected { peer, .. } => Told::Connected(peer),
                ServerEvent::Data { peer, len, .. } => {
                    if self.echo {
                        self.server.send(peer, &buf[..len]).unwrap();
                    }
                    Told::Data(buf[..len].to_vec())
                }
                ServerEvent::Closed { ended, .. } => Told::Closed(ended.closed.unwrap()),
                ServerEvent::Replaced { peer, by, ended } => {
                    assert!(ended.closed.is_none());
                    Told::Replaced(peer, by)
                }
                other => panic!("{other:?}"),
            });
        }
    }

    /// The peers that have connected, in order.
    pub(crate) fn connected(&self) -> Vec<PeerId> {
        let connected = self.told.iter().filter_map(|told| match told {
            Told::Connected(peer) => Some(*peer),
            _ => None,
        });
        connected.collect()
    }

    /// How the connections ended, in order.
    pub(crate) fn closed(&self) -> Vec<&Closed> {
        let closed = self.told.iter().filter_map(|told| match told {
            Told::Closed(closed) => Some(closed),
            _ => None,
        });
        closed.collect()
    }
}

impl Actor {
    /// One turn.
    fn act(&mut self) {
        let mut buf = vec![0; MAX_PLAINTEXT];
        while let Some(event) = self.client.step(TURN, &mut buf).unwrap() {
            match event {
                ClientEvent::Connected(_) => self.connected = true,
                ClientEvent::Data(len) => self.received.push(buf[..len].to_vec()),
                ClientEvent::Closed(closed) => self.closed = Some(closed),
                other => panic!("{other:?}"),
            }
        }
    }
}
