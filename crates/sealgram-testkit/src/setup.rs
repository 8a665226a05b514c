//! Clients and servers over nullcrypto, in every combination that tests want.

use std::sync::Arc;

use nullcrypto::Source;
use sealgram::iana::{CipherSuite, NamedGroup, SignatureScheme, Version};
use sealgram::pki_types::{CertificateDer, ServerName};
use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, ExternalPsk, Instant, MemorySessionCache,
    MemorySessions, Path, ServerConfig, SpentTickets, Tickets, TransportConfig,
};

use crate::{ConnectionFace, EndpointFace, Pair, StoppedClock};

/// Which questions the application is asked instead of being answered inline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asks {
    /// The client asks whether the server's identity is good.
    pub client_verifies: bool,
    /// The client asks for its own signature.
    pub client_signs: bool,
    /// The server asks whether the client's identity is good.
    pub server_verifies: bool,
    /// The server asks for its own signature.
    pub server_signs: bool,
}

/// Where both sides keep sessions. None of it: every handshake is a full one, and no ticket is
/// sent.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// The client's.
    pub client: Option<Arc<MemorySessions>>,
    /// The server's, with the client.
    pub tickets: Option<Arc<Tickets>>,
    /// The server's, for 1.2.
    pub cache: Option<Arc<MemorySessionCache>>,
    /// Which tickets the server has taken early data with; `None` for a new ledger.
    pub ledger: Option<Arc<SpentTickets>>,
}

/// A client and a server in the making. Both draw from sources of their own, so that what one does
/// does not change the other's bytes.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where randomness starts: the same seed gives the same bytes.
    pub seed: u64,
    /// The versions that both sides offer.
    pub versions: Vec<Version>,
    /// The server's versions, if they are others.
    pub server_versions: Option<Vec<Version>>,
    /// The suites that the client offers, best first; `None` for all.
    pub suites: Option<Vec<CipherSuite>>,
    /// Whether the server has no group that the client's first hello has a share of. In 1.3 that
    /// costs a HelloRetryRequest.
    pub other_group: bool,
    /// The client's and the server's pre-shared key, instead of certificates.
    pub psks: Option<[Arc<ExternalPsk>; 2]>,
    /// Where sessions are kept; `None` for the library's defaults.
    pub sessions: Option<Sessions>,
    /// How many bytes of early data a ticket allows, if the client offers and the server accepts
    /// any (1.3).
    pub early_data: Option<u32>,
    /// The name of the server that the client looks for.
    pub server_name: Option<ServerName<'static>>,
    /// The longest record that the client wants to receive, in bytes of plaintext.
    pub record_size_limit: Option<u16>,
    /// Whether the server asks for a cookie.
    pub cookies: bool,
    /// Whether the server requires a certificate of the client.
    pub client_auth: bool,
    /// The client's and the server's datagram size, if it is set.
    pub max_datagram: Option<usize>,
    /// How many bytes of certificates follow the leaf in each chain.
    pub chain_bytes: usize,
    /// How many bytes of application protocols the client's hello carries.
    pub alpn_bytes: usize,
    /// Timers and limits of both sides.
    pub transport: TransportConfig,
    /// What is asked.
    pub asks: Asks,
    /// Where the client is, as the server sees it.
    pub client_path: Path,
    /// Calendar time of both sides.
    pub clock: Arc<StoppedClock>,
    client_source: &'static Source,
    server_source: &'static Source,
}

/// The one scheme that is used.
const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
const CLIENT_KEY: u64 = 1;
const SERVER_KEY: u64 = 2;

impl Setup {
    /// DTLS 1.2 with a cookie, without client authentication, with short certificates and default
    /// sizes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // A leak of some hundred bytes for each setup of a test.
        let leaked = || -> &'static Source { Box::leak(Box::new(Source::new())) };
        Self::with_sources(seed, leaked(), leaked())
    }

    /// The same, for many setups one after the other: with randomness that is used again.
    #[must_use]
    pub fn with_sources(seed: u64, client: &'static Source, server: &'static Source) -> Self {
        let this = Self {
            seed,
            versions: vec![Version::V12],
            server_versions: None,
            suites: None,
            other_group: false,
            psks: None,
            sessions: None,
            early_data: None,
            server_name: None,
            record_size_limit: None,
            cookies: true,
            client_auth: false,
            max_datagram: None,
            chain_bytes: 0,
            alpn_bytes: 0,
            transport: TransportConfig::default(),
            asks: Asks::default(),
            client_path: Path::to(([192, 0, 2, 1], 5000).into()),
            clock: Arc::new(StoppedClock::at(1_700_000_000)),
            client_source: client,
            server_source: server,
        };
        this.reset();
        this
    }

    /// Starts the randomness of both sides again: what is made next is the same as before.
    pub fn reset(&self) {
        self.client_source.reset(self.seed ^ 0xc11e);
        self.server_source.reset(self.seed ^ 0x5e17_0000);
    }

    fn transport(&self) -> TransportConfig {
        match self.max_datagram {
            None => self.transport,
            Some(bytes) => self.transport.with_max_datagram(bytes).expect("a size"),
        }
    }

    fn chain(&self, key: u64) -> Vec<CertificateDer<'static>> {
        let (leaf, _) = nullcrypto::certificate_with(key, SCHEME);
        let rest = (self.chain_bytes > 0).then(|| CertificateDer::from(vec![7; self.chain_bytes]));
        [leaf].into_iter().chain(rest).collect()
    }

    /// The client's configuration.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
        let builder = ClientConfig::builder_with_provider(self.client_source.provider())
            .with_versions(&self.versions)
            .with_wall_clock(self.clock.clone())
            .with_transport(self.transport());
        let builder = match self.alpn_bytes {
            0 => builder,
            // Names of 99 bytes, with their lengths 100.
            bytes => builder.with_alpn(vec![vec![b'x'; 99]; bytes.div_ceil(100)]),
        };
        let builder = match &self.suites {
            None => builder,
            Some(suites) => builder.with_cipher_suites(suites),
        };
        let builder = match self.record_size_limit {
            None => builder,
            Some(bytes) => builder.with_record_size_limit(bytes),
        };
        let ready = if let Some([psk, _]) = &self.psks {
            builder.with_psk(psk.clone())
        } else {
            let builder = if self.asks.client_verifies {
                builder.with_asked_verification(verifier)
            } else {
                builder.with_server_verifier(verifier)
            };
            let chain = self.chain(CLIENT_KEY);
            let ready = builder.with_no_client_auth();
            if self.asks.client_signs {
                let algorithm = sealgram::crypto::SignatureAlgorithm::Ecdsa;
                ready.and_asked_identity(chain, algorithm, vec![SCHEME])
            } else if self.client_auth {
                ready.and_identity(chain, &nullcrypto::private_key(CLIENT_KEY, SCHEME))
            } else {
                ready
            }
        };
        let ready = match &self.sessions {
            None => ready,
            Some(Sessions { client: None, .. }) => ready.without_resumption(),
            Some(Sessions { client: Some(store), .. }) => ready.with_session_store(store.clone()),
        };
        let ready = ready.danger_offer_early_data(self.early_data.is_some());
        ready.build().expect("a client's configuration")
    }

    /// The server's configuration.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        let verifier = Arc::new(nullcrypto::Verifier { client_required: true });
        let builder = ServerConfig::builder_with_provider(self.server_source.provider())
            .with_versions(self.server_versions.as_ref().unwrap_or(&self.versions))
            .with_wall_clock(self.clock.clone())
            .with_transport(self.transport());
        // The client's first share is of X25519.
        let builder =
            if self.other_group { builder.with_groups(&[NamedGroup::SECP256R1]) } else { builder };
        let builder = if self.asks.server_verifies {
            builder.with_asked_verification(verifier, true)
        } else if self.client_auth {
            builder.with_client_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = self.chain(SERVER_KEY);
        let ready = if let Some([_, psk]) = &self.psks {
            builder.with_psks(Arc::new(vec![psk.clone()]))
        } else if self.asks.server_signs {
            let algorithm = sealgram::crypto::SignatureAlgorithm::Ecdsa;
            builder.with_asked_identity(chain, algorithm, vec![SCHEME])
        } else {
            builder.with_identity(chain, &nullcrypto::private_key(SERVER_KEY, SCHEME))
        };
        let ready = match &self.sessions {
            None => ready,
            Some(sessions) => {
                let ready = ready.without_resumption();
                let ready = match &sessions.tickets {
                    None => ready,
                    Some(tickets) => ready.with_tickets(tickets.clone()),
                };
                match &sessions.cache {
                    None => ready,
                    Some(cache) => ready.with_session_cache(cache.clone()),
                }
            }
        };
        let ready = match self.early_data {
            None => ready,
            Some(max_bytes) => match self.sessions.as_ref().and_then(|s| s.ledger.clone()) {
                None => ready.danger_accept_early_data(max_bytes),
                Some(ledger) => ready.danger_accept_early_data_with(max_bytes, ledger),
            },
        };
        ready.build().expect("a server's configuration")
    }

    /// A signature by the key that a side is asked to sign with.
    #[must_use]
    pub fn sign(&self, side: sealgram::Side, message: &[u8]) -> Vec<u8> {
        let key = match side {
            sealgram::Side::Client => CLIENT_KEY,
            sealgram::Side::Server => SERVER_KEY,
        };
        let (_, key) = nullcrypto::certificate_with(key, SCHEME);
        key.sign(SCHEME, message).expect("the key has this scheme")
    }

    /// A client whose first flight is ready at time 0.
    #[must_use]
    pub fn client(&self) -> ConnectionFace {
        let path = Path::connected();
        let client = Connection::client(
            &self.client_config(),
            self.server_name.clone(),
            path,
            Instant::ZERO,
        );
        ConnectionFace::new(client.expect("a client"), path)
    }

    /// An endpoint that waits for the client.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        let config = EndpointConfig::new();
        let config = if self.cookies { config } else { config.danger_without_cookies() };
        Endpoint::new(config, Some(self.server_config())).expect("an endpoint")
    }

    /// A server behind an endpoint.
    #[must_use]
    pub fn server(&self) -> EndpointFace {
        EndpointFace::new(self.endpoint(), self.client_path)
    }

    /// A server on a trusted path, without an endpoint.
    #[must_use]
    pub fn trusting_server(&self) -> ConnectionFace {
        let connection = Connection::server_on_trusted_path(
            &self.server_config(),
            self.client_path,
            Instant::ZERO,
        );
        ConnectionFace::new(connection, self.client_path)
    }

    /// Client and server at a perfect link.
    #[must_use]
    pub fn pair(&self) -> Pair<ConnectionFace, EndpointFace> {
        Pair::new(self.client(), self.server())
    }
}

/// The answer that an honest application gives to a question of this side.
#[must_use]
pub fn answer(setup: &Setup, side: sealgram::Side, ask: &sealgram::Ask) -> sealgram::Answer {
    match ask {
        sealgram::Ask::VerifyPeer(_) => {
            sealgram::Answer::VerifyPeer(Ok(sealgram::crypto::IdentityVerified::danger_assertion()))
        }
        sealgram::Ask::Sign(sign) => sealgram::Answer::Sign(Ok(setup.sign(side, &sign.message))),
        other => panic!("a question that no setup asks: {other:?}"),
    }
}
