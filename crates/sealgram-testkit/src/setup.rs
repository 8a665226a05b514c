//! Clients and servers over nullcrypto, in every combination that tests want.

use std::sync::Arc;

use nullcrypto::Source;
use sealgram::iana::{SignatureScheme, Version};
use sealgram::pki_types::CertificateDer;
use sealgram::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Instant, Path, ServerConfig,
    TransportConfig,
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

/// A client and a server in the making. Both draw from sources of their own, so that what one does
/// does not change the other's bytes.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where randomness starts: the same seed gives the same bytes.
    pub seed: u64,
    /// The versions that both sides offer.
    pub versions: Vec<Version>,
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
        let this = Self {
            seed,
            versions: vec![Version::V12],
            cookies: true,
            client_auth: false,
            max_datagram: None,
            chain_bytes: 0,
            alpn_bytes: 0,
            transport: TransportConfig::default(),
            asks: Asks::default(),
            client_path: Path::to(([192, 0, 2, 1], 5000).into()),
            clock: Arc::new(StoppedClock::at(1_700_000_000)),
            // A leak of some hundred bytes for each setup of a test.
            client_source: Box::leak(Box::new(Source::new())),
            server_source: Box::leak(Box::new(Source::new())),
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
        let builder = if self.asks.client_verifies {
            builder.with_asked_verification(verifier)
        } else {
            builder.with_server_verifier(verifier)
        };
        let chain = self.chain(CLIENT_KEY);
        let ready = builder.with_no_client_auth();
        let ready = if self.asks.client_signs {
            ready.and_asked_identity(
                chain,
                sealgram::crypto::SignatureAlgorithm::Ecdsa,
                vec![SCHEME],
            )
        } else if self.client_auth {
            ready.and_identity(chain, &nullcrypto::private_key(CLIENT_KEY, SCHEME))
        } else {
            ready
        };
        ready.build().expect("a client's configuration")
    }

    /// The server's configuration.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        let verifier = Arc::new(nullcrypto::Verifier { client_required: true });
        let builder = ServerConfig::builder_with_provider(self.server_source.provider())
            .with_versions(&self.versions)
            .with_wall_clock(self.clock.clone())
            .with_transport(self.transport());
        let builder = if self.asks.server_verifies {
            builder.with_asked_verification(verifier, true)
        } else if self.client_auth {
            builder.with_client_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = self.chain(SERVER_KEY);
        let ready = if self.asks.server_signs {
            let algorithm = sealgram::crypto::SignatureAlgorithm::Ecdsa;
            builder.with_asked_identity(chain, algorithm, vec![SCHEME])
        } else {
            builder.with_identity(chain, &nullcrypto::private_key(SERVER_KEY, SCHEME))
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
        let client = Connection::client(&self.client_config(), None, path, Instant::ZERO);
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
