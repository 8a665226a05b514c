//! Before the first datagram.

use core::time::Duration;

use sealgram::iana::{CipherSuite, NamedGroup, Version};
use sealgram::{
    ClientConfig, ConfigError, EndpointConfig, ErrorKind, RootStore, ServerConfig, Side,
};
use sealgram_tests::{Checked, Direction, check, check_eq};
use sealgram_udp::{AddressError, Client, ClientOptions, Error, Server, ServerStats};

use crate::support::wire::{self, Hello};
use crate::support::{
    LOOPBACK, Leaf, OrFail, Site, Stage, check_fails, error_of, name, per_version, plain_socket,
    receive, receive_waiting, rows, run,
};

/// The two ends.
const SIDES: [(&str, Side); 2] = [("client", Side::Client), ("server", Side::Server)];

/// Qt: `construction` (client, server).
///
/// Qt's object exists before it starts; a `Client` has sent its hello and nothing else. Qt's
/// default cookie secret can be read and is seen to be there; ours cannot be read (M2, R11), and
/// `tst_qdtlscookie` sees it at work. Qt's MTU hint of 0 is `None` here, and shows in the size of
/// datagrams alone: see `handshake_datagrams_keep_to_the_mtu`.
#[test]
fn construction() {
    run(&per_version(&SIDES), |&(version, side)| {
        let site = Site::new()?;
        match side {
            Side::Client => {
                let (socket, address) = plain_socket()?;
                let options = ClientOptions::default();
                let mut client = Client::start(&site.client(version)?, address, name(), options)
                    .or_fail("a client")?;
                check_eq("the server's address", client.server_addr(), address)?;
                check_eq("the side", client.info().side, Side::Client)?;
                check(client.info().negotiated.is_none(), "a suite or version is there")?;
                check(client.info().handshake_time.is_none(), "a handshake took time")?;
                check(!client.info().cookie_exchanged, "a cookie was exchanged")?;
                check(!client.is_connected(), "the client is connected")?;
                check(client.closed().is_none(), "the client has an error")?;
                check_eq("room for plaintext", client.max_plaintext(), 0)?;
                check_eq("ICMP messages", client.unreachable_reports(), 0)?;
                check_eq("datagrams sent", client.stats().datagrams_sent, 1)?;
                check_eq("datagrams received", client.stats().datagrams_received, 0)?;
                check_eq("discards", client.stats().discards.total(), 0)?;
                let events = client.step(Duration::ZERO, &mut []).or_fail("a step")?;
                check(events.is_none(), "there is something to tell")?;
                let (hello, from) = receive(&socket)?;
                check(wire::client_hello(&hello).is_some(), "the datagram is no ClientHello")?;
                check_eq("the client's port", from.port(), port(&client)?)
            }
            Side::Server => {
                let config = site.server(version)?;
                let mut server =
                    Server::bind(LOOPBACK, EndpointConfig::new(), config).or_fail("a server")?;
                let address = server.local_addr().or_fail("its address")?;
                check_eq("where it listens", address.ip(), LOOPBACK.ip())?;
                check(address.port() != 0, "it has no port")?;
                check_eq("peers", server.peers().count(), 0)?;
                check_eq("what was counted", server.stats(), ServerStats::default())?;
                let events = server.step(Duration::ZERO, &mut []).or_fail("a step")?;
                check(events.is_none(), "there is something to tell")
            }
        }
    });
}

fn port(client: &Client) -> Checked<u16> {
    Ok(client.local_addr().or_fail("the client's address")?.port())
}

/// Qt: `configuration` (client, server).
///
/// Qt's configurations have getters; what ours hold is looked up where it counts, on the wire. A
/// setter that fails after the start does not exist: a configuration is immutable, and a connection
/// keeps the one it began with. Qt's process-wide default configuration is left out on purpose:
/// nothing in sealgram is process-wide.
#[test]
fn configuration() {
    run(&rows(SIDES), |&side| {
        let site = Site::new()?;
        match side {
            Side::Client => {
                let defaults = ClientConfig::builder()
                    .with_root_certificates(site.roots()?)
                    .with_no_client_auth()
                    .build()
                    .or_fail("the default configuration")?;
                let hello = first_hello(&defaults)?;
                check_defaults(&hello)?;
                client_round_trip(&site)
            }
            Side::Server => {
                let defaults = ServerConfig::builder()
                    .with_no_client_auth()
                    .with_identity(site.identity.chain(), &site.identity.key())
                    .build()
                    .or_fail("the default configuration")?;
                default_server_wants_cookies(&site, defaults)?;
                server_round_trip(&site)
            }
        }
    });
}

/// What a client with this configuration says first.
fn first_hello(config: &ClientConfig) -> Checked<Hello> {
    let (socket, address) = plain_socket()?;
    let _client = Client::start(config, address, name(), ClientOptions::default())
        .or_fail("the client's start")?;
    let mut pieces = Vec::new();
    loop {
        pieces.push(receive(&socket)?.0);
        if let Some(hello) = wire::assemble(&pieces) {
            return Ok(hello);
        }
    }
}

/// 1.2 or later, and only suites with a key exchange of its own and an AEAD of 128 bits or more.
fn check_defaults(hello: &Hello) -> Checked {
    check_eq("legacy_version", hello.legacy_version, wire::DTLS_1_2)?;
    for version in offered_versions(hello) {
        let known = [wire::DTLS_1_2, wire::DTLS_1_3].contains(&version);
        check(known, format!("version {version:#06x} is offered by default"))?;
    }
    let suites: Vec<u16> = offered_suites(hello);
    check(!suites.is_empty(), "no suite is offered by default")?;
    for suite in suites {
        let text = CipherSuite(suite).to_string();
        let ephemeral = text.starts_with("TLS_ECDHE_") || !text.contains("_WITH_");
        let aead = ["AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305"];
        let strong = aead.iter().any(|aead| text.contains(aead));
        check(ephemeral && strong, format!("{text} is offered by default"))?;
    }
    Ok(())
}

fn offered_versions(hello: &Hello) -> Vec<u16> {
    let list = hello.extension(wire::SUPPORTED_VERSIONS).unwrap_or_default();
    // A length, then versions.
    let pairs = list.get(1..).unwrap_or_default().chunks_exact(2);
    pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// Without what only looks like a suite: signals, and GREASE (RFC 8701 §2).
fn offered_suites(hello: &Hello) -> Vec<u16> {
    let is_grease = |suite: u16| suite & 0x0f0f == 0x0a0a && suite >> 8 == suite & 0xff;
    let suites = hello.suites.iter().copied();
    suites.filter(|s| *s != wire::EMPTY_RENEGOTIATION_INFO && !is_grease(*s)).collect()
}

/// What was set is what is offered, in the order that was set, and stays so after the start.
fn client_round_trip(site: &Site) -> Checked {
    let chosen = [
        (
            Version::V12,
            [
                CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            ],
        ),
        (
            Version::V13,
            [CipherSuite::TLS_CHACHA20_POLY1305_SHA256, CipherSuite::TLS_AES_256_GCM_SHA384],
        ),
    ];
    for (version, suites) in chosen {
        let config = |suites: &[CipherSuite]| {
            ClientConfig::builder()
                .with_versions(&[version])
                .with_cipher_suites(suites)
                .with_root_certificates(site.roots()?)
                .with_no_client_auth()
                .build()
                .or_fail("a configuration")
        };
        let hello = first_hello(&config(&suites)?)?;
        let expected = suites.map(u16::from);
        check_eq("the suites that are offered", offered_suites(&hello), expected.to_vec())?;
        let versions = match version {
            // An older server does not know the extension, and needs none.
            Version::V12 => offered_versions(&hello).into_iter().all(|v| v == wire::DTLS_1_2),
            Version::V13 => offered_versions(&hello) == [wire::DTLS_1_3],
        };
        check(versions, format!("{version} alone was set, but {hello:?} offers others"))?;

        let mut stage = Stage::new(site.server(version)?)?;
        let mut current = config(&suites[..1])?;
        stage.start(&current, name())?;
        current = config(&suites[1..])?;
        stage.until_connected()?;
        let suite = stage.client().connected.as_ref().map(|c| c.negotiated.cipher_suite);
        check_eq("the suite that was set before the start", suite, Some(suites[0]))?;
        stage.connect(&current, name())?;
        let suite = stage.client().connected.as_ref().map(|c| c.negotiated.cipher_suite);
        check_eq("the suite that was set for the next one", suite, Some(suites[1]))?;
    }
    Ok(())
}

/// A server that nothing was said to lets nobody in without a cookie.
fn default_server_wants_cookies(site: &Site, config: ServerConfig) -> Checked {
    let mut stage = Stage::with_middle(config)?;
    stage.connect(&site.client(Version::V12)?, name())?;
    let middle = stage.middle();
    let first = middle.seen_to(Direction::ToClient).next().or_fail("an answer")?;
    check(wire::is_request(first), "the first answer is not a HelloVerifyRequest")?;
    let hellos: Vec<bool> = middle
        .seen_to(Direction::ToServer)
        .filter_map(wire::client_hello)
        .map(|hello| hello.has_cookie())
        .collect();
    check_eq("whether the hellos had a cookie", hellos, vec![false, true])?;
    check(stage.client().client.info().cookie_exchanged, "the client knows of no cookie")
}

fn server_round_trip(site: &Site) -> Checked {
    for (version, suite) in [
        (Version::V12, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        (Version::V13, CipherSuite::TLS_CHACHA20_POLY1305_SHA256),
    ] {
        let config = ServerConfig::builder()
            .with_versions(&[version])
            .with_cipher_suites(&[suite])
            .with_groups(&[NamedGroup::SECP384R1])
            .with_no_client_auth()
            .with_identity(site.identity.chain(), &site.identity.key())
            .build()
            .or_fail("a configuration")?;
        let mut stage = Stage::new(config)?;
        stage.connect(&site.client(version)?, name())?;
        let connected = stage.session()?.connected.as_ref().or_fail("a connection")?;
        check_eq("the version", connected.negotiated.version, version)?;
        check_eq("the suite", connected.negotiated.cipher_suite, suite)?;
        check_eq("the group", connected.negotiated.group, Some(NamedGroup::SECP384R1))?;
    }
    Ok(())
}

/// Makes something out of settings that contradict each other.
type Attempt = fn(&Site) -> Checked<Result<(), Error>>;

/// Qt: `invalidConfiguration`.
///
/// Qt accepts another protocol than DTLS and finds out in the first `doHandshake`. Here a protocol
/// that is not DTLS 1.2 or 1.3 cannot be written down, and what can be wrong fails when the
/// configuration is built: before there is a socket, and with nothing left behind (M3).
#[test]
fn invalid_configuration() {
    let attempts: [(&str, (Attempt, ErrorKind)); 11] = [
        ("client without version", (client_without_version, ErrorKind::Init)),
        ("client without suite for its version", (client_without_suite, ErrorKind::Init)),
        ("client without group", (client_without_group, ErrorKind::Init)),
        ("client without roots", (client_without_roots, ErrorKind::Init)),
        ("client with a protocol of 256 bytes", (client_with_long_alpn, ErrorKind::InvalidInput)),
        ("client without name", (client_without_name, ErrorKind::Init)),
        ("server without version", (server_without_version, ErrorKind::Init)),
        ("server without certificate", (server_without_certificate, ErrorKind::Init)),
        ("server with another key", (server_with_another_key, ErrorKind::Init)),
        ("server with an empty secret", (server_with_empty_secret, ErrorKind::InvalidInput)),
        ("server with short-lived keys", (server_with_short_keys, ErrorKind::InvalidInput)),
    ];
    run(&rows(attempts), |(attempt, expected)| {
        check_fails("the attempt", attempt(&Site::new()?)?, *expected)
    });
}

fn client_without_version(site: &Site) -> Checked<Result<(), Error>> {
    let config = ClientConfig::builder().with_versions(&[]);
    Ok(built(config.with_root_certificates(site.roots()?).with_no_client_auth().build()))
}

fn client_without_suite(site: &Site) -> Checked<Result<(), Error>> {
    let config = ClientConfig::builder()
        .with_versions(&[Version::V13])
        .with_cipher_suites(&[CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]);
    Ok(built(config.with_root_certificates(site.roots()?).with_no_client_auth().build()))
}

fn client_without_group(site: &Site) -> Checked<Result<(), Error>> {
    let config = ClientConfig::builder().with_groups(&[]);
    Ok(built(config.with_root_certificates(site.roots()?).with_no_client_auth().build()))
}

fn client_without_roots(_: &Site) -> Checked<Result<(), Error>> {
    let config = ClientConfig::builder().with_root_certificates(RootStore::new());
    Ok(built(config.with_no_client_auth().build()))
}

fn client_with_long_alpn(site: &Site) -> Checked<Result<(), Error>> {
    let config = ClientConfig::builder().with_alpn(vec![vec![b'x'; 256]]);
    Ok(built(config.with_root_certificates(site.roots()?).with_no_client_auth().build()))
}

/// V4: no name is an error, not a check less.
fn client_without_name(site: &Site) -> Checked<Result<(), Error>> {
    let (socket, address) = plain_socket()?;
    let config = site.client(Version::V12)?;
    let result = Client::start(&config, address, None, ClientOptions::default());
    check(receive_waiting(&socket)?.is_empty(), "something was sent")?;
    Ok(result.map(drop))
}

fn server_without_version(site: &Site) -> Checked<Result<(), Error>> {
    let config = ServerConfig::builder().with_versions(&[]).with_no_client_auth();
    Ok(built(config.with_identity(site.identity.chain(), &site.identity.key()).build()))
}

fn server_without_certificate(site: &Site) -> Checked<Result<(), Error>> {
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(built(config.with_identity(Vec::new(), &site.identity.key()).build()))
}

fn server_with_another_key(site: &Site) -> Checked<Result<(), Error>> {
    let other = site.authority.issue(Leaf::default())?;
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(built(config.with_identity(site.identity.chain(), &other.key()).build()))
}

fn server_with_empty_secret(site: &Site) -> Checked<Result<(), Error>> {
    let endpoint = EndpointConfig::new().with_shared_cookie_secret(b"", 0);
    Ok(Server::bind(LOOPBACK, endpoint, site.server(Version::V12)?).map(drop))
}

fn server_with_short_keys(site: &Site) -> Checked<Result<(), Error>> {
    let endpoint = EndpointConfig::new().with_cookie_key_lifetime(Duration::from_secs(1));
    Ok(Server::bind(LOOPBACK, endpoint, site.server(Version::V12)?).map(drop))
}

fn built<T>(result: Result<T, ConfigError>) -> Result<(), Error> {
    result.map(drop).map_err(Error::Config)
}

/// Qt: `setPeer` (client, server).
///
/// A client is given its peer when it starts, so there is no setter to call too late; port 0, which
/// Qt's setter accepts and its backend asserts on (R8), is refused as well. A server has no peer to
/// set: it takes the address from the system, and has no connection with whom it does not know.
#[test]
fn set_peer() {
    run(&per_version(&SIDES), |&(version, side)| {
        let site = Site::new()?;
        match side {
            Side::Client => {
                let config = site.client(version)?;
                let (_socket, good) = plain_socket()?;
                for (address, expected) in [
                    ("0.0.0.0:4433", AddressError::Unspecified),
                    ("[::]:4433", AddressError::Unspecified),
                    ("255.255.255.255:4433", AddressError::Broadcast),
                    ("224.0.0.0:4433", AddressError::Multicast),
                    ("[ff02::1]:4433", AddressError::Multicast),
                    ("127.0.0.1:0", AddressError::PortZero),
                ] {
                    let peer = address.parse().or_fail(address)?;
                    let result = Client::start(&config, peer, name(), ClientOptions::default());
                    let error = error_of(address, result)?;
                    check_eq(address, error.kind(), ErrorKind::InvalidInput)?;
                    let found = matches!(error, Error::Address(found) if found == expected);
                    check(found, format!("{address}: {error:?}"))?;
                    // Nothing was spent: the same configuration goes on to a peer that is one.
                    let client = Client::start(&config, good, name(), ClientOptions::default())
                        .or_fail("the client's start")?;
                    check_eq("the server's address", client.server_addr(), good)?;
                }
                Ok(())
            }
            Side::Server => {
                let mut stage = Stage::new(site.server(version)?)?;
                stage.connect(&site.client(version)?, name())?;
                let peer = stage.peer()?;
                let client = stage.client().client.local_addr().or_fail("its address")?;
                let seen = stage.session()?.addr.or_fail("an address")?;
                check_eq("the port that the server knows", seen.port(), client.port())?;
                check_eq("the address that the server knows", seen.ip(), LOOPBACK.ip())?;
                stage.server.close(peer).or_fail("close")?;
                check_fails("send", stage.server.send(peer, b"x"), ErrorKind::InvalidState)?;
                check_fails("close", stage.server.close(peer), ErrorKind::InvalidState)
            }
        }
    });
}
