//! Configurations of clients and servers, as a few bytes of a program choose them.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use nullcrypto::Source;
use pki_types::{CertificateDer, ServerName};
use sealgram::crypto::{CryptoProvider, SignatureAlgorithm};
use sealgram::iana::{NamedGroup, SignatureScheme, SrtpProfile, Version};
use sealgram::{
    CertifiedKey, ClientConfig, ClientSession, ClientSessionStore, Connection, Endpoint,
    EndpointConfig, ExternalPsk, Instant, MemorySessionCache, Path, ServerConfig, Side, Tickets,
    TransportConfig,
};
use sealgram_testkit::{ConnectionFace, EndpointFace, StoppedClock};

use crate::blind;
use crate::input::Input;

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
const MAX_EARLY_DATA: u32 = 600;
const CLIENT_KEY: u64 = 1;
const SERVER_KEY: u64 = 2;

/// When all of it happens, in Unix seconds.
pub(crate) const NOW: u64 = 1_700_000_000;

/// Both sides draw from sources of their own, so that what one does does not change the other's
/// bytes.
static CLIENT_SOURCE: Source = Source::new();
static SERVER_SOURCE: Source = Source::new();

/// What protects records and messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crypto {
    /// Everything is checked.
    Null,
    /// Nothing is.
    Blind,
}

/// What is configured.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    pub(crate) versions: &'static [Version],
    pub(crate) cookies: bool,
    pub(crate) client_auth: bool,
    /// The server has none of the groups that the client sends a share for.
    pub(crate) other_group: bool,
    /// Whether answers to these are asked for: verify and sign, of client and server.
    pub(crate) asks: [bool; 4],
    pub(crate) fail_fast: bool,
    pub(crate) alpn: bool,
    pub(crate) srtp: bool,
    pub(crate) client_order: bool,
    pub(crate) max_datagram: Option<usize>,
    pub(crate) record_size_limit: Option<u16>,
    /// Bytes of certificates behind the leaf.
    pub(crate) chain_bytes: usize,
    /// Whether the server keeps sessions itself, instead of sealing tickets.
    pub(crate) cache: bool,
    /// A key that both have takes the place of the server's certificate; it is asked for where
    /// verification would be.
    pub(crate) psk: bool,
    /// Whether the certificate to show is asked for, on both sides.
    pub(crate) ask_certificate: bool,
    pub(crate) max_fragment_length: Option<u16>,
    /// Whether the client offers early data and the server takes it.
    pub(crate) early_data: bool,
    /// Whether chains are verified again when a session is resumed.
    pub(crate) verify_resumed: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            versions: &[Version::V12],
            cookies: false,
            client_auth: false,
            other_group: false,
            asks: [false; 4],
            fail_fast: false,
            alpn: false,
            srtp: false,
            client_order: false,
            max_datagram: None,
            record_size_limit: None,
            chain_bytes: 0,
            cache: false,
            psk: false,
            ask_certificate: false,
            max_fragment_length: None,
            early_data: false,
            verify_resumed: false,
        }
    }
}

impl Knobs {
    /// How many bytes [`Knobs::read`] takes.
    pub(crate) const LEN: usize = 4;

    /// The bytes' choice.
    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        let [a, b, c, d] = [input.u8(), input.u8(), input.u8(), input.u8()];
        let bit = |byte: u8, n: u8| byte >> n & 1 == 1;
        let psk = bit(b, 6);
        Self {
            versions: match a & 3 {
                0 => &[Version::V12],
                1 => &[Version::V13],
                _ => &[Version::V13, Version::V12],
            },
            cookies: bit(a, 2),
            // Who has a key shows no certificate.
            client_auth: bit(a, 3) && !psk,
            other_group: bit(a, 4),
            fail_fast: bit(a, 5),
            alpn: bit(a, 6),
            client_order: bit(a, 7),
            asks: [bit(b, 0), bit(b, 1), bit(b, 2), bit(b, 3)],
            cache: bit(b, 4),
            srtp: bit(b, 5),
            psk,
            verify_resumed: bit(b, 7),
            max_datagram: match c & 7 {
                0..=3 => None,
                4 => Some(TransportConfig::MIN_DATAGRAM),
                5 => Some(528),
                6 => Some(1452),
                _ => Some(65_507),
            },
            record_size_limit: (c & 0x88 == 8).then(|| 64 + 64 * u16::from(c >> 4)),
            max_fragment_length: (c & 0x88 == 0x88).then(|| 512 << (c >> 4 & 3)),
            ask_certificate: c & 7 == 1,
            early_data: c & 7 == 2 && a & 3 != 0 && !bit(b, 4),
            // Without cookies a long flight takes more retransmissions than there are: three times
            // what was received is all that may be sent.
            chain_bytes: usize::from(d) * if bit(a, 2) { 16 } else { 4 },
        }
    }
}

/// Sessions in the order in which they came, whatever the name of the server.
#[derive(Default, Debug)]
pub(crate) struct Store(Mutex<Vec<ClientSession>>);

impl ClientSessionStore for Store {
    fn put(&self, _: Option<&ServerName<'_>>, session: ClientSession) {
        let mut kept = self.0.lock().expect("one thread");
        if kept.len() < 4 {
            kept.push(session);
        }
    }

    fn take(&self, _: Option<&ServerName<'_>>) -> Option<ClientSession> {
        self.0.lock().expect("one thread").pop()
    }
}

impl Store {
    /// A store with these sessions.
    pub(crate) fn with(sessions: &[Vec<u8>]) -> Self {
        let decode = |bytes: &Vec<u8>| ClientSession::decode(bytes).expect("encoded");
        Self(Mutex::new(sessions.iter().map(decode).collect()))
    }

    /// All sessions, encoded.
    pub(crate) fn encoded(&self) -> Vec<Vec<u8>> {
        let kept = self.0.lock().expect("one thread");
        kept.iter().map(|session| session.encode().expose().to_vec()).collect()
    }
}

/// A client and a server in the making.
pub(crate) struct Setup {
    pub(crate) knobs: Knobs,
    pub(crate) store: Arc<Store>,
    client: ClientConfig,
    server: ServerConfig,
}

impl Setup {
    /// Their configurations. The same knobs make the same bytes in every run.
    pub(crate) fn new(knobs: Knobs, crypto: Crypto) -> Self {
        CLIENT_SOURCE.reset(0xc11e);
        SERVER_SOURCE.reset(0x5e17);
        let store = Arc::new(Store::default());
        let clock = Arc::new(StoppedClock::at(NOW));
        let client = client(&knobs, crypto, &store, &clock);
        let server = server(&knobs, crypto, &clock);
        Self { knobs, store, client, server }
    }

    /// Puts sessions into the client's store.
    pub(crate) fn with_sessions(mut self, crypto: Crypto, sessions: &[Vec<u8>]) -> Self {
        self.store = Arc::new(Store::with(sessions));
        let clock = Arc::new(StoppedClock::at(NOW));
        self.client = client(&self.knobs, crypto, &self.store, &clock);
        self
    }

    pub(crate) fn client(&self) -> ConnectionFace {
        let path = Path::connected();
        let client = Connection::client(&self.client, None, path, Instant::ZERO);
        ConnectionFace::new(client.expect("a client"), path)
    }

    pub(crate) fn client_at(&self, now: Instant) -> Connection {
        Connection::client(&self.client, None, Path::connected(), now).expect("a client")
    }

    pub(crate) fn trusting_server(&self) -> ConnectionFace {
        let path = Path::to(client_address(0));
        let server = Connection::server_on_trusted_path(&self.server, path, Instant::ZERO);
        ConnectionFace::new(server, path)
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let config = EndpointConfig::new();
        let config = if self.knobs.cookies { config } else { config.danger_without_cookies() };
        Endpoint::new(config, Some(self.server.clone())).expect("an endpoint")
    }

    pub(crate) fn server(&self) -> EndpointFace {
        EndpointFace::new(self.endpoint(), Path::to(client_address(0)))
    }
}

/// The certificate that `side` shows if it is asked for one.
pub(crate) fn certificate(side: Side) -> Arc<CertifiedKey> {
    let key = match side {
        Side::Client => CLIENT_KEY,
        Side::Server => SERVER_KEY,
    };
    let chain = vec![nullcrypto::certificate_with(key, SCHEME).0];
    let key = nullcrypto::private_key(key, SCHEME);
    sealgram::certified(&CLIENT_SOURCE.provider(), chain, &key).expect("a certificate and its key")
}

/// What the key that `side` is asked to sign with makes of `message`.
pub(crate) fn sign(side: Side, message: &[u8]) -> Vec<u8> {
    let key = match side {
        Side::Client => CLIENT_KEY,
        Side::Server => SERVER_KEY,
    };
    let (_, key) = nullcrypto::certificate_with(key, SCHEME);
    key.sign(SCHEME, message).expect("its scheme")
}

/// Where the clients are.
pub(crate) fn client_address(which: u8) -> core::net::SocketAddr {
    ([192, 0, 2, 1 + which], 5000).into()
}

fn provider(source: &'static Source, crypto: Crypto) -> CryptoProvider {
    match crypto {
        Crypto::Null => source.provider(),
        Crypto::Blind => blind::provider(source.provider()),
    }
}

fn transport(knobs: &Knobs) -> TransportConfig {
    let transport = TransportConfig::default().with_fail_fast(knobs.fail_fast);
    match knobs.max_datagram {
        Some(bytes) => transport.with_max_datagram(bytes).expect("a size"),
        None => transport,
    }
}

fn chain(knobs: &Knobs, key: u64) -> Vec<CertificateDer<'static>> {
    let (leaf, _) = nullcrypto::certificate_with(key, SCHEME);
    let rest = (knobs.chain_bytes > 0).then(|| CertificateDer::from(vec![7; knobs.chain_bytes]));
    [leaf].into_iter().chain(rest).collect()
}

pub(crate) fn psk() -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(b"device", &[3; 32]).expect("long enough"))
}

fn protocols(knobs: &Knobs) -> Vec<Vec<u8>> {
    if knobs.alpn { vec![b"coap".to_vec(), b"x".to_vec()] } else { Vec::new() }
}

fn profiles(knobs: &Knobs) -> Vec<SrtpProfile> {
    if knobs.srtp { vec![SrtpProfile::SRTP_AEAD_AES_128_GCM] } else { Vec::new() }
}

fn client(
    knobs: &Knobs,
    crypto: Crypto,
    store: &Arc<Store>,
    clock: &Arc<StoppedClock>,
) -> ClientConfig {
    let mut builder = ClientConfig::builder_with_provider(provider(&CLIENT_SOURCE, crypto))
        .with_versions(knobs.versions)
        .with_wall_clock(clock.clone())
        .with_transport(transport(knobs))
        .with_alpn(protocols(knobs))
        .with_srtp(profiles(knobs));
    if let Some(limit) = knobs.record_size_limit {
        builder = builder.with_record_size_limit(limit);
    }
    let null = Arc::new(nullcrypto::Verifier { client_required: false });
    let blind = Arc::new(blind::Verifier { client_required: false });
    let (chain, key) = (chain(knobs, CLIENT_KEY), nullcrypto::private_key(CLIENT_KEY, SCHEME));
    let ready = if knobs.psk {
        match knobs.asks[0] {
            false => builder.with_psk(psk()),
            true => builder.with_asked_psk(Some(psk())),
        }
    } else {
        let builder = match (crypto, knobs.asks[0]) {
            (Crypto::Null, false) => builder.with_server_verifier(null),
            (Crypto::Null, true) => builder.with_asked_verification(null),
            (Crypto::Blind, false) => builder.with_server_verifier(blind),
            (Crypto::Blind, true) => builder.with_asked_verification(blind),
        };
        match (knobs.client_auth, knobs.ask_certificate, knobs.asks[1]) {
            (false, ..) => builder.with_no_client_auth(),
            (true, true, _) => builder.with_asked_certificate(),
            (true, false, false) => builder.with_identity(chain, &key),
            (true, false, true) => builder.with_no_client_auth().and_asked_identity(
                chain,
                SignatureAlgorithm::Ecdsa,
                vec![SCHEME],
            ),
        }
    };
    let ready = match knobs.max_fragment_length {
        Some(bytes) => ready.with_max_fragment_length(bytes),
        None => ready,
    };
    let ready = ready.with_verification_on_resumption(knobs.verify_resumed);
    let ready = ready.danger_offer_early_data(knobs.early_data);
    ready.with_session_store(store.clone()).build().expect("a client's configuration")
}

fn server(knobs: &Knobs, crypto: Crypto, clock: &Arc<StoppedClock>) -> ServerConfig {
    let mut provider = provider(&SERVER_SOURCE, crypto);
    if knobs.other_group {
        provider.groups.retain(|group| group.name() == NamedGroup::SECP384R1);
    }
    let tickets = Tickets::with_shared_secret(&provider, &[9; 32], 3600).expect("tickets");
    let mut builder = ServerConfig::builder_with_provider(provider)
        .with_versions(knobs.versions)
        .with_wall_clock(clock.clone())
        .with_transport(transport(knobs))
        .with_alpn(protocols(knobs))
        .with_srtp(profiles(knobs));
    if let Some(limit) = knobs.record_size_limit {
        builder = builder.with_record_size_limit(limit);
    }
    let null = Arc::new(nullcrypto::Verifier { client_required: true });
    let blind = Arc::new(blind::Verifier { client_required: true });
    let builder = match (knobs.client_auth, crypto, knobs.asks[2]) {
        (false, ..) => builder.with_no_client_auth(),
        (true, Crypto::Null, false) => builder.with_client_verifier(null),
        (true, Crypto::Null, true) => builder.with_asked_verification(null, true),
        (true, Crypto::Blind, false) => builder.with_client_verifier(blind),
        (true, Crypto::Blind, true) => builder.with_asked_verification(blind, false),
    };
    let chain = chain(knobs, SERVER_KEY);
    let ready = match (knobs.ask_certificate, knobs.asks[3]) {
        (true, _) => builder.with_asked_certificate(),
        (false, true) => {
            builder.with_asked_identity(chain, SignatureAlgorithm::Ecdsa, vec![SCHEME])
        }
        (false, false) => {
            builder.with_identity(chain, &nullcrypto::private_key(SERVER_KEY, SCHEME))
        }
    };
    let ready = ready.with_client_preference(knobs.client_order);
    let ready = ready.with_verification_on_resumption(knobs.verify_resumed);
    let ready = match (knobs.psk, knobs.asks[2]) {
        (false, _) => ready,
        (true, false) => ready.and_psks(Arc::new(vec![psk()])),
        (true, true) => ready.and_asked_psks(),
    };
    let ready =
        if knobs.early_data { ready.danger_accept_early_data(MAX_EARLY_DATA) } else { ready };
    let ready = if knobs.cache {
        ready.without_resumption().with_session_cache(Arc::new(MemorySessionCache::new(4, 3600)))
    } else {
        ready.with_tickets(Arc::new(tickets))
    };
    ready.build().expect("a server's configuration")
}

/// How long simulated time may go on: every timer has run out by then.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
