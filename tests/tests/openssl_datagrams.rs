//! What travels: fragments, cookies, lost datagrams, many of them, big ones, several peers.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};
use core::net::{Ipv6Addr, SocketAddr};
use std::net::UdpSocket;

use sealgram_tests::{
    Certified, Conversation, Direction, KeyKind, Loss, Role, Sealgram, Stream, check,
    check_contains, check_eq, foreign_peer, rows,
};

fn sealgram() -> Sealgram {
    Sealgram::new(env!("CARGO_BIN_EXE_sealgram-under-test"))
}

/// A certificate so deep below its root that the flight with it has more than 3,000 bytes.
fn long_chain() -> Certified {
    Certified::with_intermediates(KeyKind::Rsa, 3).expect("a certificate")
}

/// The sizes that are tried: what openssl counts at least, a common minimum, and a common
/// maximum. `None` leaves it to the program.
const SIZES: [Option<usize>; 4] = [None, Some(256), Some(512), Some(1_400)];

/// What sealgram keeps to when nobody sets a size.
const DEFAULT_SIZE: usize = 1_200;

#[test]
fn handshake_with_long_chains_keeps_to_the_size_of_each_side() {
    if !foreign_peer("openssl") {
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
            write!(f, "{}, --mtu {ours}, openssl's -mtu {theirs}", self.role)
        }
    }
    let chain = long_chain();
    let mut cases = Vec::new();
    for role in Role::BOTH {
        for ours in SIZES {
            cases.extend(SIZES.map(|theirs| Row { role, ours, theirs }));
        }
    }
    rows(&cases, |&Row { role, ours, theirs }, scene| {
        let (mut sealgram, mut openssl) = chain.mutual(sealgram(), role);
        if let Some(size) = ours {
            sealgram = sealgram.with("--mtu", size.to_string());
        }
        if let Some(size) = theirs {
            openssl = openssl.with("-mtu", size.to_string());
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        ended.report.check("peer_verified", true)?;
        let (sent, longest) = ended.relay.handshake_datagrams(match role {
            Role::Client => Direction::ToServer,
            Role::Server => Direction::ToClient,
        });
        let size = ours.unwrap_or(DEFAULT_SIZE);
        check(longest <= size, format!("a datagram of {longest} bytes, the limit is {size}"))?;
        // A chain of 3,000 bytes and more, and not much waste.
        check(sent >= 3_000 / size, format!("only {sent} datagrams, none above {longest} bytes"))?;
        check(sent <= 6 + 2 * 5_000 / size, format!("{sent} datagrams of up to {longest} bytes"))?;
        check(
            longest >= size / 2,
            format!("no datagram has more than {longest} bytes of {size} that it may"),
        )
    });
}

#[test]
fn cookie_exchange_with_either_server_is_as_configured() {
    if !foreign_peer("openssl") {
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
    // A short chain: without cookies a server sends no more than three times what it got.
    let certified = Certified::new(KeyKind::P256).expect("a certificate");
    let cases = [
        Row { role: Role::Client, option: None, cookie: true },
        // Stateless: the hello with the cookie gets a socket of its own.
        Row { role: Role::Client, option: Some("-listen"), cookie: true },
        Row { role: Role::Server, option: None, cookie: true },
        Row { role: Role::Server, option: Some("--no-cookie"), cookie: false },
    ];
    rows(&cases, |&Row { role, option, cookie }, scene| {
        let (mut sealgram, mut openssl) = certified.programs(sealgram(), role);
        match (role, option) {
            (_, None) => {}
            (Role::Client, Some(option)) => openssl = openssl.flag(option),
            (Role::Server, Some(option)) => sealgram = sealgram.flag(option),
        }
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        check_eq("a cookie on the wire", ended.relay.saw_cookie_exchange(), cookie)?;
        ended.report.check("cookie_exchanged", cookie)?;
        let seen = ended.relay.seen();
        let requests: Vec<_> = seen.iter().filter(|d| d.is_hello_verify_request()).collect();
        check_eq("the number of HelloVerifyRequests", requests.len(), usize::from(cookie))?;
        if role == Role::Server {
            // A cookie of 32 bytes and nothing else: no use as an amplifier.
            check(
                requests.iter().all(|request| request.bytes.len() == 60),
                "the HelloVerifyRequest is not 60 bytes long",
            )?;
        }
        Ok(())
    });
}

#[test]
fn handshake_that_loses_any_one_datagram_completes() {
    if !foreign_peer("openssl") {
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
        let (sealgram, openssl) = chain.mutual(sealgram(), role);
        // Small enough for flights of several datagrams.
        (sealgram.with("--mtu", "1000").with("--retransmit", "250"), openssl.with("-mtu", "1000"))
    };
    // How many there are to lose is for the programs to say.
    let cases = std::sync::Mutex::new(Vec::new());
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = programs(role);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
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
        let (sealgram, openssl) = programs(role);
        let loss = Loss::none().and(direction, index);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, loss)?;
        conversation.echo("hello")?;
        let ended = conversation.end()?;
        check_eq("the number of lost datagrams", ended.relay.lost(), 1)
    });
}

#[test]
fn thirty_datagrams_each_way_arrive_one_by_one() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), role);
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        for number in 0..30 {
            conversation.echo(&format!("datagram number {number};"))?;
        }
        let report = conversation.end()?.report;
        report.check("datagrams_sent", 30)?;
        report.check("datagrams_received", 30)
    });
}

/// A text of this many bytes that a lost, doubled or moved piece changes.
fn long_text(length: usize) -> String {
    let mut text: String = (0..length / 3).map(|number| format!("{number:x},")).collect();
    text.truncate(length);
    text
}

#[test]
fn big_datagram_arrives_whole() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&Role::BOTH, |&role, scene| {
        let text = long_text(16_000);
        check_eq("the length of the text", text.len(), 16_000)?;
        let (sealgram, openssl) = chain.mutual(sealgram(), role);
        let sealgram = match role {
            Role::Client => sealgram.with("--send", &text),
            Role::Server => sealgram.with("--say", &text),
        };
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        if role == Role::Server {
            conversation.foreign().input(b"hello\n")?;
        }
        conversation.foreign().wait_for(Stream::Out, &text)?;
        let whole = conversation.relay().seen();
        let whole = whole.iter().filter(|datagram| datagram.bytes.len() > 16_000).count();
        check_eq("the number of datagrams above 16,000 bytes", whole, 1)?;
        if role == Role::Client {
            // openssl makes datagrams of no more than 8,192 bytes.
            let answer = long_text(8_000);
            conversation.foreign().input(format!("{answer}\n").as_bytes())?;
            conversation.sealgram().wait_for(Stream::Out, &answer)?;
        }
        conversation.end().map(|_| ())
    });
}

#[test]
fn silent_connection_is_closed_after_the_idle_time() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), role);
        let sealgram = sealgram.with("--idle", "1");
        let mut conversation = Conversation::start(scene, role, &sealgram, &openssl, Loss::none())?;
        conversation.echo("hello")?;
        // The input of both is still open: only the close_notify of sealgram can end openssl.
        let openssl = conversation.foreign().exit()?;
        check_eq("openssl's exit code", openssl.code, Some(0))?;
        let sealgram = conversation.sealgram().exit()?;
        check_eq("sealgram's exit code", sealgram.code, Some(0))?;
        let report = conversation.reports().wait_for_one()?;
        report.check_flawless()?;
        report.check("alert_sent", "close_notify")
    });
}

#[test]
fn several_clients_at_once_are_told_apart() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&["three openssl clients"], |_, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), Role::Server);
        let mut server = sealgram.with("--count", "3").listen(scene)?;
        let mut clients =
            [(); 3].map(|()| openssl.connect(scene, server.address).expect("an openssl client"));
        // All are connected before the first one speaks, and each hears only its own.
        for client in &clients {
            client.cipher()?;
        }
        for round in 0..3 {
            for (number, client) in clients.iter_mut().enumerate() {
                client.program.input(format!("client {number}, round {round}\n").as_bytes())?;
            }
            for (number, client) in clients.iter().enumerate() {
                let text = format!("client {number}, round {round}");
                client.program.wait_for(Stream::Out, &text)?;
            }
        }
        for (number, client) in clients.iter_mut().enumerate() {
            client.program.input(b"Q\n")?;
            let exit = client.program.exit()?;
            check_eq("openssl's exit code", exit.code, Some(0))?;
            for other in (0..3).filter(|other| *other != number) {
                check(!exit.stdout.contains(&format!("client {other},")), "a foreign datagram")?;
            }
        }
        check_eq("sealgram's exit code", server.program.exit()?.code, Some(0))?;
        let reports = server.reports.wait_for(3)?;
        check_eq("the number of connections reported", reports.len(), 3)?;
        for report in reports {
            report.check_flawless()?;
            report.check("datagrams_received", 3)?;
        }
        Ok(())
    });
}

#[test]
fn server_with_a_count_serves_that_many_in_turn_and_leaves() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&["two openssl clients"], |_, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), Role::Server);
        let mut server = sealgram.with("--count", "2").listen(scene)?;
        for turn in 1..=2 {
            let mut client = openssl.connect(scene, server.address)?;
            client.program.input(b"hello\n")?;
            client.program.wait_for(Stream::Out, "hello")?;
            client.program.input(b"Q\n")?;
            check_eq("openssl's exit code", client.program.exit()?.code, Some(0))?;
            server.reports.wait_for(turn)?;
        }
        check_eq("sealgram's exit code", server.program.exit()?.code, Some(0))
    });
}

#[test]
fn client_with_a_count_leaves_after_that_many_datagrams() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&["two datagrams"], |_, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), Role::Client);
        let sealgram = sealgram.with("--count", "2");
        let mut conversation =
            Conversation::start(scene, Role::Client, &sealgram, &openssl, Loss::none())?;
        conversation.echo("one")?;
        conversation.echo("two")?;
        // Its input is still open.
        check_eq("sealgram's exit code", conversation.sealgram().exit()?.code, Some(0))?;
        check_eq("openssl's exit code", conversation.foreign().exit()?.code, Some(0))?;
        let report = conversation.reports().wait_for_one()?;
        report.check_flawless()?;
        report.check("datagrams_received", 2)
    });
}

#[test]
fn client_with_send_options_sends_them_in_order() {
    if !foreign_peer("openssl") {
        return;
    }
    let chain = long_chain();
    rows(&["three datagrams"], |_, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), Role::Client);
        let sealgram = sealgram
            .with("--send", "alpha;")
            .with("--send", "beta;")
            .with("--send", "gamma;")
            .with("--count", "1");
        let mut conversation =
            Conversation::start(scene, Role::Client, &sealgram, &openssl, Loss::none())?;
        conversation.foreign().wait_for(Stream::Out, "alpha;beta;gamma;")?;
        conversation.foreign().input(b"answer\n")?;
        let exit = conversation.sealgram().exit()?;
        check_eq("sealgram's exit code", exit.code, Some(0))?;
        check_contains("sealgram's output", &exit.stdout, "answer")?;
        let report = conversation.reports().wait_for_one()?;
        report.check("datagrams_sent", 3)
    });
}

#[test]
fn handshake_over_ipv6_completes() {
    if !foreign_peer("openssl") {
        return;
    }
    if let Err(error) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        println!("left out: this machine has no IPv6 loopback ({error})");
        return;
    }
    let chain = long_chain();
    rows(&Role::BOTH, |&role, scene| {
        let (sealgram, openssl) = chain.mutual(sealgram(), role);
        let is_v6 = |address: SocketAddr| check(address.is_ipv6(), "listens on IPv4");
        match role {
            Role::Client => {
                let mut server = openssl.with("-naccept", "1").serve_at(scene, "[::1]:0")?;
                is_v6(server.address)?;
                let mut client = sealgram.connect(scene, server.address)?;
                client.program.input(b"hello\n")?;
                server.program.wait_for(Stream::Out, "hello")?;
                server.program.input(b"answer\n")?;
                client.program.wait_for(Stream::Out, "answer")?;
                client.program.end_input();
                check_eq("sealgram's exit code", client.program.exit()?.code, Some(0))?;
                client.reports.wait_for_one()?.check_flawless()
            }
            Role::Server => {
                let mut server = sealgram.with("--count", "1").listen_at(scene, "[::1]:0")?;
                is_v6(server.address)?;
                let mut client = openssl.connect(scene, server.address)?;
                client.program.input(b"hello\n")?;
                client.program.wait_for(Stream::Out, "hello")?;
                client.program.input(b"Q\n")?;
                check_eq("openssl's exit code", client.program.exit()?.code, Some(0))?;
                check_eq("sealgram's exit code", server.program.exit()?.code, Some(0))?;
                server.reports.wait_for_one()?.check_flawless()
            }
        }
    });
}
