//! sealgram's ends.

use core::net::SocketAddr;
use std::sync::Arc;

use sealgram::iana::{CipherSuite, NamedGroup};
use sealgram::{
    ClientConfig, CloseReason, Closed, Connection, Endpoint, EndpointConfig, Event, Instant,
    MemorySessionCache, Path, RootStore, ServerConfig, TransportConfig, WebPkiClientVerifier,
};
use sealgram_testkit::{ConnectionFace, EndpointFace};

use crate::clock::Calendar;
use crate::{Agreed, ClientCertificate, End, Ended, Leaf, Party, Resumption, Suite, Terms};

fn suites(terms: &Terms) -> Vec<CipherSuite> {
    terms.suites.iter().copied().flat_map(Suite::numbers).collect()
}

fn transport(terms: &Terms) -> TransportConfig {
    TransportConfig::default().with_max_datagram(terms.max_datagram).expect("a size")
}

fn roots(terms: &Terms) -> RootStore {
    let mut roots = RootStore::new();
    let root = terms.trust.clone().expect("somebody to trust");
    roots.add(root).expect("a root");
    roots
}

fn alpn(terms: &Terms) -> Vec<Vec<u8>> {
    terms.alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

struct Client(ClientConfig);

impl Party for Client {
    fn start(&self, _peer: SocketAddr, now: Instant) -> Box<dyn End> {
        let name = "localhost".try_into().expect("a name");
        let path = Path::connected();
        let connection = Connection::client(&self.0, Some(name), path, now).expect("a client");
        Box::new(ConnectionFace::new(connection, path))
    }
}

pub(crate) fn client(terms: &Terms) -> Box<dyn Party> {
    // It chooses by itself, but for this one share that fills a datagram.
    let hybrid = match terms.shares.as_deref() {
        None => false,
        Some([NamedGroup::X25519_MLKEM768]) => true,
        Some(other) => panic!("a client of sealgram cannot be told to send shares of {other:?}"),
    };
    let builder = ClientConfig::builder()
        .with_wall_clock(Arc::new(Calendar))
        .with_root_certificates(roots(terms))
        .with_versions(&terms.versions)
        .with_cipher_suites(&suites(terms))
        .with_groups(&terms.groups)
        .with_alpn(alpn(terms))
        .with_srtp(terms.srtp.clone())
        .with_transport(transport(terms));
    let ready = match &terms.identity {
        Some(identity) => builder.with_identity(identity.chain.clone(), &identity.private_key()),
        None => builder.with_no_client_auth(),
    };
    let ready = ready.with_hybrid_share_first(hybrid);
    let ready = match terms.resumption {
        Resumption::None => ready.without_resumption(),
        Resumption::SessionIds | Resumption::Tickets => ready,
    };
    Box::new(Client(ready.build().expect("a client's configuration")))
}

struct Server {
    config: ServerConfig,
    cookies: bool,
}

impl Party for Server {
    fn start(&self, peer: SocketAddr, _now: Instant) -> Box<dyn End> {
        let config = EndpointConfig::new();
        let config = if self.cookies { config } else { config.danger_without_cookies() };
        let endpoint = Endpoint::new(config, Some(self.config.clone())).expect("an endpoint");
        Box::new(EndpointFace::new(endpoint, Path::to(peer)))
    }
}

pub(crate) fn server(terms: &Terms) -> Box<dyn Party> {
    let builder = ServerConfig::builder()
        .with_wall_clock(Arc::new(Calendar))
        .with_versions(&terms.versions)
        .with_cipher_suites(&suites(terms))
        .with_groups(&terms.groups)
        .with_alpn(alpn(terms))
        .with_srtp(terms.srtp.clone())
        .with_transport(transport(terms));
    let builder = match terms.client_certificate {
        ClientCertificate::Unasked => builder.with_no_client_auth(),
        wanted => {
            let algorithms = sealgram::ring::default_provider().signature_algorithms;
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots(terms)), algorithms);
            let verifier = match wanted {
                ClientCertificate::Required => verifier,
                _ => verifier.optional(),
            };
            builder.with_client_verifier(verifier.build().expect("a verifier"))
        }
    };
    let identity = terms.identity.as_ref().expect("a server has a certificate");
    let ready = builder.with_identity(identity.chain.clone(), &identity.private_key());
    let ready = match terms.resumption {
        Resumption::None => ready.without_resumption(),
        Resumption::SessionIds => ready
            .without_resumption()
            .with_session_cache(Arc::new(MemorySessionCache::new(8, 3600))),
        Resumption::Tickets => ready,
    };
    let config = ready.build().expect("a server's configuration");
    Box::new(Server { config, cookies: terms.cookies })
}

impl End for ConnectionFace {
    fn agreed(&self) -> Option<Agreed> {
        let negotiated = self.connection.info().negotiated.clone()?;
        let connected = self.events.iter().find_map(|event| match event {
            Event::Connected(connected) => Some(connected),
            _ => None,
        })?;
        Some(Agreed {
            version: negotiated.version,
            cipher_suite: Some(negotiated.cipher_suite),
            group: negotiated.group,
            alpn: negotiated.alpn,
            srtp: negotiated.srtp_profile,
            peer_certificate: connected.peer_chain.first().map(|leaf| Leaf(leaf.to_vec())),
            resumed: negotiated.resumed,
        })
    }

    fn export(&self, out: &mut [u8], label: &str, context: Option<&[u8]>) -> bool {
        self.connection.export_keying_material(out, label.as_bytes(), context).is_ok()
    }

    fn update_keys(&mut self, now: Instant, peer_too: bool) -> bool {
        self.connection.update_keys(now, peer_too).is_ok()
    }

    fn close(&mut self, now: Instant) {
        self.connection.close(now);
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
    }

    fn ended(&self) -> Option<Ended> {
        self.closed().map(ended)
    }
}

fn ended(closed: &Closed) -> Ended {
    match &closed.reason {
        CloseReason::Local => Ended::ByUs,
        CloseReason::Peer => Ended::ByPeer,
        reason => Ended::Failed {
            sent: closed.alert_sent,
            received: closed.alert_received,
            text: reason.to_string(),
        },
    }
}

impl End for EndpointFace {
    fn agreed(&self) -> Option<Agreed> {
        self.latest()?.agreed()
    }

    fn export(&self, out: &mut [u8], label: &str, context: Option<&[u8]>) -> bool {
        self.latest().is_some_and(|face| face.export(out, label, context))
    }

    fn update_keys(&mut self, now: Instant, peer_too: bool) -> bool {
        self.latest_mut().is_some_and(|face| face.update_keys(now, peer_too))
    }

    fn close(&mut self, now: Instant) {
        if let Some(face) = self.latest_mut() {
            face.close(now);
        }
    }

    fn ended(&self) -> Option<Ended> {
        self.latest()?.ended()
    }
}
