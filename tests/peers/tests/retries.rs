//! HelloRetryRequests, cookies, and hellos that need more than one datagram.
#![forbid(unsafe_code)]

use core::fmt::{self, Display};

use sealgram::iana::{NamedGroup, Version};
use sealgram_peers::{KeyKind, Library, Meeting, Role, Terms, check, check_eq, is_wanted, rows};

const X25519: NamedGroup = NamedGroup::X25519;
const P256: NamedGroup = NamedGroup::SECP256R1;
const P384: NamedGroup = NamedGroup::SECP384R1;
const HYBRID: NamedGroup = NamedGroup::X25519_MLKEM768;

/// A client's groups and shares, a server's groups and cookies, and what comes of them.
struct Row {
    role: Role,
    client: &'static [NamedGroup],
    shares: Option<&'static [NamedGroup]>,
    server: &'static [NamedGroup],
    cookies: bool,
    max_datagram: usize,
    /// The group that is used.
    chosen: NamedGroup,
    /// How many hellos that takes.
    hellos: usize,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, client, shares, server, cookies, max_datagram, .. } = self;
        write!(f, "{role}, client {client:?} with shares {shares:?}, server {server:?}, ")?;
        write!(f, "cookies {cookies}, {max_datagram} bytes")
    }
}

fn check_retries(library: Library, cases: &[Row]) {
    if !is_wanted(library) {
        return;
    }
    let authority = library.authority(KeyKind::P256);
    rows(cases, |row| {
        let [mut client, mut server] = Terms::pair(&authority, &[Version::V13]);
        client.groups = row.client.to_vec();
        client.shares = row.shares.map(<[NamedGroup]>::to_vec);
        client.max_datagram = row.max_datagram;
        server.max_datagram = row.max_datagram;
        server.groups = row.server.to_vec();
        server.cookies = row.cookies;
        let mut meeting = Meeting::start(&row.role.parties(library, &client, &server))?;
        let [at_client, at_server] = meeting.connect()?;
        let group = at_client.group.or(at_server.group);
        check_eq("the group", group, Some(row.chosen))?;
        check_eq("the number of hellos", meeting.client_hellos(), row.hellos)?;
        for sent in meeting.pair.trace() {
            let len = sent.bytes.len();
            check(len <= row.max_datagram, format!("a datagram of {len} bytes"))?;
        }
        meeting.exchange()?;
        meeting.close(row.role.ours())
    });
}

const BASE: Row = Row {
    role: Role::Client,
    client: &[X25519],
    shares: None,
    server: &[X25519],
    cookies: false,
    max_datagram: 1200,
    chosen: X25519,
    hellos: 1,
};

#[test]
fn boring_server_is_given_the_share_that_it_asks_for() {
    check_retries(
        Library::Boring,
        &[
            Row { ..BASE },
            Row { client: &[X25519, P384], server: &[P384], chosen: P384, hellos: 2, ..BASE },
            Row { client: &[P256, X25519], server: &[X25519], hellos: 2, ..BASE },
            // Without being told, sealgram sends a share of X25519 alone.
            Row {
                client: &[HYBRID, X25519],
                server: &[HYBRID, X25519],
                chosen: HYBRID,
                hellos: 2,
                ..BASE
            },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[HYBRID]),
                server: &[HYBRID],
                chosen: HYBRID,
                hellos: 1,
                ..BASE
            },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[HYBRID]),
                server: &[HYBRID],
                chosen: HYBRID,
                max_datagram: 300,
                hellos: 1,
                ..BASE
            },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[HYBRID]),
                server: &[P256, X25519],
                // It sends a share of X25519 too.
                hellos: 1,
                ..BASE
            },
        ],
    );
}

#[test]
fn boring_client_gives_the_share_and_the_cookie_that_sealgram_asks_for() {
    let base = Row { role: Role::Server, ..BASE };
    let mut cases = Vec::new();
    for cookies in [false, true] {
        let hellos = if cookies { 2 } else { 1 };
        cases.extend([
            Row { cookies, hellos, ..base },
            Row {
                client: &[X25519, P256, P384],
                shares: Some(&[X25519]),
                server: &[P384],
                chosen: P384,
                cookies,
                hellos: 2,
                ..base
            },
            Row { client: &[X25519], shares: Some(&[]), cookies, hellos: 2, ..base },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[HYBRID]),
                server: &[HYBRID],
                chosen: HYBRID,
                cookies,
                hellos,
                ..base
            },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[HYBRID, X25519]),
                server: &[HYBRID, X25519],
                chosen: HYBRID,
                max_datagram: 300,
                cookies,
                hellos,
                ..base
            },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[X25519]),
                server: &[HYBRID, X25519],
                chosen: HYBRID,
                max_datagram: 300,
                cookies,
                hellos: 2,
                ..base
            },
            Row {
                client: &[HYBRID, X25519],
                shares: Some(&[HYBRID]),
                server: &[X25519],
                cookies,
                hellos: 2,
                ..base
            },
        ]);
    }
    check_retries(Library::Boring, &cases);
}

#[test]
fn dimpl_server_is_given_the_share_and_the_cookie_that_it_asks_for() {
    let base = Row { ..BASE };
    let mut cases = Vec::new();
    for cookies in [false, true] {
        let hellos = if cookies { 2 } else { 1 };
        cases.extend([
            Row { cookies, hellos, ..base },
            Row {
                client: &[X25519, P384],
                server: &[P384],
                chosen: P384,
                cookies,
                hellos: 2,
                ..base
            },
            Row { client: &[P256, X25519], server: &[X25519], cookies, hellos: 2, ..base },
        ]);
    }
    check_retries(Library::Dimpl, &cases);
}

#[test]
fn dimpl_client_gives_the_share_and_the_cookie_that_sealgram_asks_for() {
    let base = Row { role: Role::Server, ..BASE };
    let mut cases = Vec::new();
    for cookies in [false, true] {
        let hellos = if cookies { 2 } else { 1 };
        cases.extend([
            Row { cookies, hellos, ..base },
            Row {
                client: &[X25519, P384],
                server: &[P384],
                chosen: P384,
                cookies,
                hellos: 2,
                ..base
            },
        ]);
    }
    check_retries(Library::Dimpl, &cases);
}
