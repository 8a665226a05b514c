//! What travels between sealgram and GnuTLS: fragments, cookies, lost datagrams, big ones.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::time::Duration;
use std::sync::Mutex;

use sealgram::pki_types::CertificateDer;
use sealgram::pki_types::pem::PemObject;
use sealgram::{ClientConfig, RootStore, SendError};
use sealgram_tests::{
    Authority, Certified, Conversation, Direction, Failure, Foreign, Gnutls, KeyKind, Leaf, Loss,
    Role, Sealgram, Stream, check, check_eq, foreign_peer, rows,
};
use sealgram_udp::{Client, Error, MAX_PLAINTEXT};

/// How long the other side has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Wraps the error of a step that should succeed.
fn failed(error: impl Display) -> Failure {
    Failure::new(error.to_string())
}

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

/// A certificate so deep below its root that the flight with it has more than 3,000 bytes.
fn long_chain() -> Certified {
    Certified::with_intermediates(KeyKind::Rsa, 3).expect("a certificate")
}

/// What sealgram keeps to when nobody sets a size.
const DEFAULT_SIZE: usize = 1_200;

#[test]
fn handshake_with_long_chains_keeps_to_the_size_of_each_side() {
    if !foreign_peer("gnutls") {
        return;
    }
    struct Row {
        role: Role,
        ours: Option<usize>,
        theirs: Option<usize>,
    }
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let show =
                |size: Option<usize>| size.map_or_else(|| "-".to_owned(), |size| size.to_string());
            let (ours, theirs) = (show(self.ours), show(self.theirs));
            write!(f, "{}, --mtu {ours}, GnuTLS's --mtu {theirs}", self.role)
        }
    }
    let chain = long_chain();
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for ours in [None, Some(256), Some(1_400)] {
            let theirs = [None, Some(256), Some(1_400)];
            cases.extend(theirs.map(|theirs| Row { role, ours, theirs }));
        }
    }
    rows(&cases, |&Row { role, ours, theirs }, scene| {
        let (mut sealgram, mut gnutls) = chain.mutual_with(sealgram(), Gnutls::new(), role);
        if let Some(size) = ours {
            sealgram = sealgram.with("--mtu", size.to_string());
        }
        if let Some(size) = theirs {
            gnutls = gnutls.with("--mtu", size.to_string());
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        if role == Role::Server {
            ended.report.check("peer_verified", true)?;
        }
        let (sent, longest) = ended.relay.handshake_datagrams(match role {
            Role::Client => Direction::ToServer,
            Role::Server => Direction::ToClient,
        });
        let size = ours.unwrap_or(DEFAULT_SIZE);
        check(longest <= size, format!("a datagram of {longest} bytes, the limit is {size}"))?;
        // A chain of 3,000 bytes and more.
        check(sent >= 3_000 / size, format!("only {sent} datagrams, none above {longest} bytes"))
    });
}

#[test]
fn record_size_limit_of_gnutls_is_lived_with() {
    if !foreign_peer("gnutls") {
        return;
    }
    let chain = long_chain();
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, gnutls) = chain.mutual_with(sealgram(), Gnutls::new(), role);
        // The limit is for protected records alone (RFC 8449 §4), but GnuTLS 3.7 drops longer
        // unprotected ones too.
        let sealgram = sealgram.with("--mtu", "512");
        let gnutls = gnutls.with("--recordsize", "512");
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        conversation.end().map(|_| ())
    });
}

/// What GnuTLS asks for, in bytes.
const RECORD_SIZE: usize = 512;

#[test]
fn data_for_a_gnutls_client_keeps_to_its_record_size_limit() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&[RECORD_SIZE, RECORD_SIZE + 1], |&len, scene| {
        let role = Role::Server;
        let answer = "a".repeat(len);
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let sealgram = sealgram.with("--say", &answer);
        let gnutls = gnutls.with("--recordsize", RECORD_SIZE.to_string());
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.foreign().input(b"question\n")?;
        let too_long = len > RECORD_SIZE;
        if too_long {
            let what = format!("not sent: a datagram can hold at most {RECORD_SIZE} bytes");
            conversation.sealgram().wait_for(Stream::Err, &what)?;
        } else {
            conversation.foreign().wait_for(Stream::Out, &answer)?;
        }
        let report = conversation.end()?.report;
        report.check("datagrams_sent", usize::from(!too_long))
    });
}

/// `sealgram connect` offers no limit, so that a server has nothing to answer.
#[test]
fn data_for_a_gnutls_server_keeps_to_its_record_size_limit() {
    if !foreign_peer("gnutls") {
        return;
    }
    rows(&["sealgram client"], |_, scene| {
        let authority = Authority::new(KeyKind::P256)?;
        let identity = authority.issue(Leaf { names: &["localhost"], ..Leaf::default() })?;
        let gnutls = Gnutls::new().identity(&identity);
        let server = gnutls.with("--recordsize", RECORD_SIZE.to_string()).serve_one(scene)?;
        let mut roots = RootStore::new();
        let root = CertificateDer::from_pem_file(authority.root()).map_err(failed)?;
        roots.add(root).map_err(failed)?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let config = config.with_record_size_limit(1 << 14).build().map_err(failed)?;
        let name = "localhost".try_into().map_err(failed)?;
        let mut client = Client::connect(&config, server.address, Some(name)).map_err(failed)?;
        check_eq("the longest plaintext", client.max_plaintext(), RECORD_SIZE)?;
        let data = [b'a'; RECORD_SIZE + 1];
        let refused = client.send(&data);
        check(
            matches!(refused, Err(Error::Send(SendError::TooLong { max: RECORD_SIZE }))),
            format!("a byte more than GnuTLS takes: {refused:?}"),
        )?;
        client.send(&data[..RECORD_SIZE]).map_err(failed)?;
        // gnutls-serv sends back what it gets in pieces of a line buffer of its own.
        let mut echo = Vec::new();
        let mut buf = [0; MAX_PLAINTEXT];
        while echo.len() < RECORD_SIZE {
            let len = client.recv(&mut buf, PATIENCE).map_err(failed)?;
            let len = len.ok_or_else(|| Failure::new("no whole echo in time"))?;
            echo.extend_from_slice(&buf[..len]);
        }
        check_eq("the echo", &*echo, &data[..RECORD_SIZE])?;
        client.close().map_err(failed)
    });
}

#[test]
fn cookie_exchange_with_either_server_is_as_configured() {
    if !foreign_peer("gnutls") {
        return;
    }
    /// Who serves, and how.
    struct Row {
        role: Role,
        option: Option<&'static str>,
        cookie: bool,
    }
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, server with {}", self.role, self.option.unwrap_or("its default"))
        }
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let cases = [
        Row { role: Role::Client, option: None, cookie: true },
        Row { role: Role::Client, option: Some("--nocookie"), cookie: false },
        Row { role: Role::Server, option: None, cookie: true },
        Row { role: Role::Server, option: Some("--no-cookie"), cookie: false },
    ];
    rows(&cases, |&Row { role, option, cookie }, scene| {
        let (mut sealgram, mut gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        match (role, option) {
            (_, None) => {}
            (Role::Client, Some(option)) => gnutls = gnutls.flag(option),
            (Role::Server, Some(option)) => sealgram = sealgram.flag(option),
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        check_eq("a cookie on the wire", ended.relay.saw_cookie_exchange(), cookie)?;
        ended.report.check("cookie_exchanged", cookie)
    });
}

#[test]
fn handshake_that_loses_any_one_datagram_completes() {
    if !foreign_peer("gnutls") {
        return;
    }
    struct Row {
        role: Role,
        direction: Direction,
        index: usize,
    }
    impl Display for Row {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}, lost {:?} {}", self.role, self.direction, self.index)
        }
    }
    let chain = long_chain();
    let programs = |role| {
        let (sealgram, gnutls) = chain.mutual_with(sealgram(), Gnutls::new(), role);
        // Small enough for flights of several datagrams.
        (sealgram.with("--mtu", "1000").with("--retransmit", "250"), gnutls.with("--mtu", "1000"))
    };
    // How many there are to lose is for the programs to say.
    let cases = Mutex::new(Vec::new());
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, gnutls) = programs(role);
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (count, _) = ended.relay.handshake_datagrams(direction);
            let new = (0..count).map(|index| Row { role, direction, index });
            cases.lock().expect("no panic").extend(new);
        }
        Ok(())
    });
    rows(&cases.into_inner().expect("no panic"), |&Row { role, direction, index }, scene| {
        let (sealgram, gnutls) = programs(role);
        let loss = Loss::none().and(direction, index);
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, loss)?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        check_eq("the number of lost datagrams", ended.relay.lost(), 1)
    });
}

#[test]
fn thirty_datagrams_each_way_arrive_one_by_one() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        for number in 0..30 {
            conversation.echo(&format!("datagram number {number};"))?;
        }
        let report = conversation.end()?.report;
        report.check("datagrams_sent", 30)?;
        report.check("datagrams_received", 30)
    });
}

#[test]
fn silent_connection_is_closed_after_the_idle_time() {
    if !foreign_peer("gnutls") {
        return;
    }
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, gnutls) = certified.programs_with(sealgram(), Gnutls::new(), role);
        let sealgram = sealgram.with("--idle", "1");
        let mut conversation = Conversation::start(scene, role, &sealgram, &gnutls, Loss::none())?;
        conversation.echo("hello")?;
        // The input of both is still open: this can only be the close_notify of sealgram.
        conversation.foreign().wait_for(
            Stream::Out,
            match role {
                Role::Client => "EOF",
                Role::Server => "Peer has closed the GnuTLS connection",
            },
        )?;
        check_eq("sealgram's exit code", conversation.sealgram().exit()?.code, Some(0))?;
        let report = conversation.reports().wait_for_one()?;
        report.check_flawless()?;
        report.check("alert_sent", "close_notify")
    });
}
