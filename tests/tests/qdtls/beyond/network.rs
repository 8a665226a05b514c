//! What the network does: small MTUs, IPv6, and datagrams that are not the peer's.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::net::UdpSocket;

use sealgram::danger::AcceptAnyClient;
use sealgram::iana::Version;
use sealgram::ring::verify::SIGNATURE_ALGORITHMS;
use sealgram::{
    ClientConfig, CloseReason, EndpointConfig, Error, ErrorKind, ServerConfig, TransportConfig,
};
use sealgram_tests::{Checked, Direction, check, check_eq};
use sealgram_udp::{Client, ClientOptions, Server, ServerOptions, max_payload};

use crate::support::wire::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::support::{
    Fate, Identity, Leaf, OrFail, Site, Stage, Usage, check_fails, name, patient, per_version,
    plain_socket, quick, receive, rows, run, versions, wire,
};

/// A site whose certificates, the client's too, take several datagrams of any size.
struct LargeSite {
    site: Site,
    client: Identity,
}

impl LargeSite {
    fn new() -> Checked<Self> {
        let mut site = Site::new()?;
        let names: Vec<String> = (0..200).map(|n| format!("host-{n}.server.example")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push(crate::support::NAME);
        site.identity = site.authority.issue(Leaf { names: &names, ..Leaf::default() })?;
        let client = Leaf { names: &names, usage: Usage::Client, ..Leaf::default() };
        let client = site.authority.issue(client)?;
        Ok(Self { site, client })
    }

    fn server(&self, version: Version, transport: TransportConfig) -> Checked<ServerConfig> {
        ServerConfig::builder()
            .with_versions(&[version])
            .with_transport(transport)
            .with_client_verifier(AcceptAnyClient::new(SIGNATURE_ALGORITHMS))
            .with_identity(self.site.identity.chain(), &self.site.identity.key())
            .build()
            .or_fail("the server's configuration")
    }

    fn client(&self, version: Version, transport: TransportConfig) -> Checked<ClientConfig> {
        ClientConfig::builder()
            .with_versions(&[version])
            .with_transport(transport)
            .with_root_certificates(self.site.roots()?)
            .with_identity(self.client.chain(), &self.client.key())
            .build()
            .or_fail("the client's configuration")
    }
}

/// What both ends know of the path.
fn options(mtu: Option<usize>) -> (ClientOptions, ServerOptions) {
    let (client, server) = (ClientOptions::default(), ServerOptions::new());
    match mtu {
        Some(mtu) => (client.with_mtu(mtu), server.with_mtu(mtu)),
        None => (client, server),
    }
}

fn stage_at(ip: IpAddr, config: ServerConfig, options: ServerOptions) -> Checked<Stage> {
    let socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
    let server = Server::new(socket, EndpointConfig::new(), config, options);
    Stage::of(server.or_fail("a server")?)?.and_middle()
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// R9, N6: handshake datagrams with the headers of IP and UDP keep to the hint, and use it; without
/// a hint they have 1,200 bytes. Application data is sent as it is given.
#[test]
fn handshake_datagrams_keep_to_the_mtu() {
    let cases = per_version(&[
        ("no hint, IPv4", (None, V4)),
        ("no hint, IPv6", (None, V6)),
        ("576, IPv4", (Some(576), V4)),
        ("576, IPv6", (Some(576), V6)),
        ("1280, IPv4", (Some(1280), V4)),
        ("1280, IPv6", (Some(1280), V6)),
        ("1500, IPv4", (Some(1500), V4)),
        ("1500, IPv6", (Some(1500), V6)),
    ]);
    run(&cases, |&(version, (mtu, ip))| {
        let large = LargeSite::new()?;
        let (client, server) = options(mtu);
        let mut stage = stage_at(ip, large.server(version, patient())?, server)?;
        stage.start_with(&large.client(version, patient())?, name(), client)?;
        stage.until_connected()?;
        let limit = mtu.map_or(1200, |mtu| max_payload(mtu, ip));
        let headers = if ip.is_ipv4() { 28 } else { 48 };
        check_eq("the payload that the hint leaves", limit, mtu.map_or(1200, |m| m - headers))?;
        for direction in [Direction::ToServer, Direction::ToClient] {
            let lengths: Vec<_> = stage.middle().seen_to(direction).map(<[u8]>::len).collect();
            let longest = lengths.iter().copied().max().unwrap_or(0);
            let text = format!("the longest of {lengths:?} {direction:?}");
            check(longest <= limit, format!("{text} is longer than {limit}"))?;
            // A record has no use for a last byte or two.
            check(longest + 40 > limit, format!("{text} is much shorter than {limit}"))?;
        }
        let long = vec![0x5a; 3000];
        stage.client_mut().client.send(&long).or_fail("a long datagram")?;
        stage.until("it arrives", |stage| {
            stage.sessions.values().any(|session| session.received == [long.clone()])
        })?;
        let sent = stage.middle().seen_to(Direction::ToServer).last().map_or(0, <[u8]>::len);
        check(sent > long.len(), "it was not one datagram")
    });
}

/// N6: a size that nobody has set is given up after repeated loss; one that was set is kept,
/// whatever becomes of it.
#[test]
fn lost_large_datagrams_are_followed_by_smaller_ones() {
    const HOLE: usize = 600;
    // A second or two until one gives up, and much longer for what shall arrive.
    let cases = per_version(&[
        ("no hint", (None, quick(12), true)),
        ("a hint of 1280", (Some(1280), quick(5), false)),
    ]);
    run(&cases, |&(version, (mtu, timers, arrives))| {
        let large = LargeSite::new()?;
        let (client, server) = options(mtu);
        let mut stage = stage_at(V4, large.server(version, timers)?, server)?;
        stage.middle().set_rule(|_, _, bytes| match bytes.len() {
            ..=HOLE => Fate::Pass,
            _ => Fate::Lose,
        });
        stage.start_with(&large.client(version, timers)?, name(), client)?;
        if arrives {
            stage.until_connected()?;
            let seen = stage.middle().seen();
            let passed = seen.iter().filter(|datagram| !datagram.lost);
            let longest = passed.map(|datagram| datagram.bytes.len()).max();
            check(longest.is_some_and(|l| l <= 528), format!("the longest is {longest:?}"))?;
            return stage.exchange();
        }
        stage.until("the client's end", |stage| stage.client().ends == 1)?;
        let closed = stage.client().client.closed().or_fail("it")?;
        check_eq("the reason", &closed.reason, &CloseReason::Error(Error::TimedOut))
    });
}

/// IPv6, from the cookie, which is bound to 16 bytes of address, to the end.
#[test]
fn ipv6_works_from_the_cookie_to_the_end() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = stage_at(V6, site.server(version)?, ServerOptions::new())?;
        stage.connect(&site.client(version)?, name())?;
        check_eq("peers let in", stage.server.stats().endpoint.admitted, 1)?;
        let address = stage.session()?.addr.or_fail("an address")?;
        check_eq("the client's address", address, stage.middle().client_as_seen()?)?;
        check(address.is_ipv6(), "the client's address is not of IPv6")?;
        stage.exchange()?;
        stage.client_mut().client.close().or_fail("close")?;
        stage.until("the end", |stage| stage.server.peers().count() == 0)
    });
}

/// A record that looks protected. `epoch` has 16 bits in 1.2 and 2 in 1.3 (RFC 9147 §4).
fn protected(version: Version, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    match version {
        Version::V12 => wire::record(APPLICATION_DATA, epoch, sequence, body),
        Version::V13 => {
            let epoch = (epoch & 3).to_be_bytes()[1];
            let length = u16::try_from(body.len()).expect("short").to_be_bytes();
            let mut bytes = vec![0b0010_1100 | epoch];
            bytes.extend(&sequence.to_be_bytes()[6..]);
            bytes.extend(length);
            bytes.extend(body);
            bytes
        }
    }
}

/// What somebody who knows the ports, and no keys, can send to a connection.
fn forgeries(version: Version, hello: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let application = match version {
        Version::V12 => 1,
        Version::V13 => 3,
    };
    let mut cut = protected(version, application, 9, &[0; 40]);
    cut.truncate(30);
    vec![
        ("an empty datagram", Vec::new()),
        ("one byte of a record", vec![HANDSHAKE]),
        ("text", b"Hello, my little DTLS connection".to_vec()),
        ("bytes that are nothing", vec![0xff; 100]),
        ("a record without content", protected(version, application, 9, &[])),
        ("a record longer than its datagram", cut),
        // CVE-2026-75806: shorter than nonce and tag.
        ("a record of 5 bytes", protected(version, application, 9, &[1; 5])),
        ("a record of nonce and tag", protected(version, application, 9, &[0; 24])),
        ("a record with a wrong tag", protected(version, application, 9, &[2; 60])),
        ("a record with a high number", protected(version, application, (1 << 48) - 1, &[3; 60])),
        ("a record of the epoch before", protected(version, application - 1, 9, &[4; 60])),
        ("a record of the next epoch", protected(version, application + 1, 9, &[5; 60])),
        ("a record of an unknown type", wire::record(63, 0, 9, &[6; 60])),
        ("a fatal alert in plaintext", wire::record(ALERT, 0, 9, &[2, 40])),
        ("a close_notify in plaintext", wire::record(ALERT, 0, 9, &[1, 0])),
        ("half an alert in plaintext", wire::record(ALERT, 0, 9, &[2])),
        ("a ChangeCipherSpec", wire::record(CHANGE_CIPHER_SPEC, 0, 9, &[1])),
        ("data in plaintext", wire::record(APPLICATION_DATA, 0, 9, b"attack at dawn")),
        ("a Finished in plaintext", wire::handshake(9, wire::FINISHED, 3, &[7; 12])),
        ("a HelloVerifyRequest", wire::hello_verify_request(9, 0, &[8; 32])),
        ("a ServerHello", wire::plain_server_hello(1, wire::DTLS_1_2, 0xc02b)),
        ("a ClientHello", hello.to_vec()),
    ]
}

/// N1, N7: none of it is delivered, answered or obeyed, and the next good datagram gets through;
/// a ClientHello alone is answered, by the endpoint, as anybody's would be.
#[test]
fn forged_datagrams_leave_a_connection_alone() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server(version)?)?;
        stage.connect(&site.client(version)?, name())?;
        stage.exchange()?;
        // 1.3 acknowledges after a quarter of a second what need not be answered.
        stage.settle(Duration::from_millis(400))?;
        let first = stage.middle().seen_to(Direction::ToServer).next();
        let hello = first.or_fail("the first hello")?.to_vec();
        for (forged, bytes) in forgeries(version, &hello) {
            let count = |stage: &mut Stage| {
                [Direction::ToServer, Direction::ToClient]
                    .map(|direction| stage.middle().seen_to(direction).count())
            };
            let before = count(&mut stage);
            let replies = stage.server.stats().endpoint.replies;
            stage.middle().forward(Direction::ToServer, &bytes)?;
            stage.middle().forward(Direction::ToClient, &bytes)?;
            stage.exchange().or_fail(&format!("after {forged}"))?;
            let answers = usize::from(forged == "a ClientHello");
            let expected = [before[0] + 1, before[1] + 1 + answers];
            check_eq(&format!("the datagrams after {forged}"), count(&mut stage), expected)?;
            let replied = stage.server.stats().endpoint.replies - replies;
            check_eq(&format!("the answers to {forged}"), replied, answers as u64)?;
            check_eq("peers", stage.server.peers().count(), 1)?;
            check(stage.client().client.is_connected(), format!("{forged} ended the client"))?;
            check(stage.session()?.ended.is_none(), format!("{forged} ended the server"))?;
        }
        check(stage.client().client.stats().discards.total() > 10, "nothing was counted")
    });
}

/// L4: one connection fails its handshake, and the next call on another one, in the same thread,
/// is not touched by that. (In Qt a queue of errors is shared: CVE-2020-13962.)
#[test]
fn failure_of_one_connection_is_not_anothers() {
    let cases = rows([("1.2", Version::V12), ("1.3", Version::V13)]);
    run(&cases, |&version| {
        let site = Site::new()?;
        let other = Site::new()?;
        let mut stage = Stage::new(site.server_with(version, quick(12))?)?;
        stage.connect(&site.client(version)?, name())?;
        let good = stage.peer()?;
        for _ in 0..3 {
            // It does not trust this server.
            stage.start(&other.client(version)?, name())?;
            stage.until("a failure", |stage| stage.client().ends == 1)?;
            stage.exchange_between(0, good)?;
        }
        stage.until("the server's ends", |stage| stage.server.peers().count() == 1)?;
        stage.exchange_between(0, good)?;
        check(stage.clients[0].client.closed().is_none(), "the good one has an error")
    });
}

/// N3: what the system does not take is an error, or counted as not sent: never success. The
/// broadcast address of a network looks like any other, and only the system knows.
#[test]
fn datagram_that_the_system_refuses_is_never_success() {
    // Other systems have other opinions on broadcasts through the loopback interface.
    if cfg!(not(target_os = "linux")) {
        return;
    }
    run(&versions(), |&version| {
        let site = Site::new()?;
        let broadcast: SocketAddr = "127.255.255.255:4433".parse().or_fail("an address")?;
        let config = site.client(version)?;
        let result = Client::start(&config, broadcast, name(), ClientOptions::default());
        check_fails("start", result.map(drop), ErrorKind::Socket)?;

        let (socket, address) = plain_socket()?;
        let _client = Client::start(&config, address, name(), ClientOptions::default())
            .or_fail("a client")?;
        let (mut hello, _) = receive(&socket)?;
        let mut stage = Stage::new(site.server(version)?)?;
        stage.server.handle_datagram(broadcast, &mut hello).or_fail("the hello")?;
        check_eq("answers that were not sent", stage.server.stats().unsent, 1)?;
        // Others are served.
        stage.connect(&config, name())?;
        stage.exchange()?;
        check_eq("answers that were not sent", stage.server.stats().unsent, 1)
    });
}
