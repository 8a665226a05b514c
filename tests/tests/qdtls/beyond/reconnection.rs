//! Clients that come back from the port they came from before (RFC 6347 §4.2.8, RFC 9147 §5.11).

use core::net::SocketAddr;

use sealgram::{CloseReason, ErrorKind};
use sealgram_tests::{Checked, Direction, check, check_eq};

use crate::support::{
    Fate, OrFail, Site, Stage, check_fails, name, patient, per_version, run, versions, wire,
};

/// Where a client of the stage is.
fn address_of(stage: &Stage, client: usize) -> Checked<SocketAddr> {
    let address = stage.clients[client].client.local_addr().or_fail("its address")?;
    Ok(SocketAddr::new(crate::support::LOOPBACK.ip(), address.port()))
}

/// N7: a second handshake from the address of a connection leaves that connection alone until the
/// new Finished has been verified; then, and not before, it takes its place.
#[test]
fn reconnection_replaces_after_finished_and_not_before() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server_with(version, patient())?)?;
        let config = site.client_with(version, patient())?;
        stage.connect(&config, name())?;
        let old = stage.peer()?;
        stage.exchange()?;

        // Both are behind the middle, so the server sees one address. Of the new one everything
        // but its hellos is held back.
        stage.middle().set_rule(|direction, _, bytes| {
            let hello = wire::client_hello(bytes).is_some();
            if direction == Direction::ToServer && !hello { Fate::Hold } else { Fate::Pass }
        });
        stage.start(&config, name())?;
        stage.until("the new one's last flight", |stage| stage.middle().held() > 0)?;
        check_eq("peers", stage.server.peers().count(), 2)?;
        let new = stage.server.peers().max().or_fail("the new peer")?;
        let connection = stage.server.connection(new).or_fail("the new connection")?;
        check(!connection.is_connected(), "the new one is connected without a Finished")?;
        check_eq("the addresses", connection.info().path, path_of(&stage, old)?)?;

        // Meanwhile the old one works, in both directions, as often as it likes.
        stage.middle().pass_all();
        let (first, second) = (address_of(&stage, 0)?, address_of(&stage, 1)?);
        stage.middle().answer_to(first);
        for _ in 0..3 {
            stage.exchange_between(0, old)?;
        }
        check(stage.sessions[&old].ended.is_none(), "the old one has ended")?;

        stage.middle().answer_to(second);
        stage.middle().release()?;
        stage.until("the new one is connected", |stage| {
            stage.clients[1].connected.is_some() && stage.sessions.contains_key(&new)
        })?;
        stage.until("the old one is replaced", |stage| {
            stage.sessions[&old].replaced_by == Some(new)
        })?;
        let ended = stage.sessions[&old].ended.as_ref().or_fail("the old one's end")?;
        check(ended.closed.is_none(), "somebody has closed the old one")?;
        check_eq("peers", stage.server.peers().collect::<Vec<_>>(), vec![new])?;
        stage.exchange_between(1, new)?;
        let late = stage.server.send(old, b"x");
        check_fails("a datagram for the old one", late, ErrorKind::InvalidState)?;

        // What the old client still sends reaches nobody, and disturbs nobody.
        let received = stage.sessions[&new].received.len();
        stage.clients[0].client.send(b"am I still there?").or_fail("send")?;
        stage.exchange_between(1, new)?;
        check_eq("datagrams", stage.sessions[&new].received.len(), received + 1)
    });
}

fn path_of(stage: &Stage, peer: sealgram_udp::PeerId) -> Checked<sealgram::Path> {
    Ok(stage.server.connection(peer).or_fail("the connection")?.info().path)
}

/// N7, and a published complaint about Qt: a client that vanished without a word and comes back
/// from its old port is let in at once.
#[test]
fn vanished_client_comes_back_from_its_port() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server(version)?)?;
        for round in 0..3 {
            stage.connect(&site.client(version)?, name())?;
            stage.exchange()?;
            check_eq("peers", stage.server.peers().count(), 1)?;
            check_eq("connections so far", stage.sessions.len(), round + 1)?;
            stage.clients.clear();
        }
        let replaced = stage.sessions.values().filter(|s| s.replaced_by.is_some()).count();
        check_eq("connections that were replaced", replaced, 2)
    });
}

/// What somebody who knows a client's address sends from it.
#[derive(Clone, Copy, Debug)]
enum Forged {
    WithoutCookie,
    BadCookie,
    /// A new client that gets in and never finishes.
    NeverFinished,
}

/// N7: hellos in another's name do not touch that one's connection, and begin none unless they
/// have a good cookie.
#[test]
fn hellos_in_a_clients_name_do_not_touch_its_connection() {
    let cases = per_version(&[
        ("without cookie", Forged::WithoutCookie),
        ("with a bad cookie", Forged::BadCookie),
        ("never finished", Forged::NeverFinished),
    ]);
    run(&cases, |&(version, forged)| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server_with(version, patient())?)?;
        let config = site.client_with(version, patient())?;
        stage.connect(&config, name())?;
        let old = stage.peer()?;
        let client = address_of(&stage, 0)?;
        let hello = match forged {
            Forged::NeverFinished => {
                stage.middle().set_rule(|direction, _, bytes| {
                    let hello = wire::client_hello(bytes).is_some();
                    if direction == Direction::ToServer && !hello { Fate::Hold } else { Fate::Pass }
                });
                stage.start(&config, name())?;
                stage.until("the forger got in", |stage| stage.server.peers().count() == 2)?;
                stage.clients.pop();
                stage.middle().pass_all();
                stage.middle().answer_to(client);
                return stage.exchange_between(0, old);
            }
            // The client's own hellos, with another random: its second one has a cookie, which is
            // bound to the first random.
            Forged::WithoutCookie | Forged::BadCookie => {
                let with = matches!(forged, Forged::BadCookie);
                let hello = stage.middle().seen_to(Direction::ToServer).find(|bytes| {
                    wire::client_hello(bytes).is_some_and(|hello| hello.has_cookie() == with)
                });
                let mut hello = hello.or_fail("a hello")?.to_vec();
                // 13 bytes of record, 12 of message and 2 of version in front of it.
                hello[27] ^= 1;
                hello
            }
        };
        stage.middle().answer_to(client);
        let bad = stage.server.stats().endpoint.bad_cookies;
        for _ in 0..20 {
            stage.middle().forward(Direction::ToServer, &hello)?;
            stage.exchange_between(0, old)?;
        }
        check_eq("peers", stage.server.peers().collect::<Vec<_>>(), vec![old])?;
        let counted = stage.server.stats().endpoint;
        let expected = if matches!(forged, Forged::BadCookie) { 20 } else { 0 };
        check_eq("bad cookies", counted.bad_cookies - bad, expected)?;
        check_eq("peers let in", counted.admitted, 1)?;
        check(stage.clients[0].client.closed().is_none(), "the client has an error")
    });
}

/// N7: after an authenticated close_notify the connection is over, and the same address begins
/// anew. What the closed one sent before is not for the new one.
#[test]
fn closed_client_begins_anew_from_its_port() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server(version)?)?;
        stage.connect(&site.client(version)?, name())?;
        stage.exchange()?;
        let data = stage.middle().seen_to(Direction::ToServer).last().or_fail("data")?.to_vec();
        stage.client_mut().client.close().or_fail("close")?;
        stage.until("the end", |stage| stage.server.peers().count() == 0)?;
        let ended = stage.session()?.ended.as_ref().and_then(|ended| ended.closed.as_ref());
        check_eq("its reason", &ended.or_fail("it")?.reason, &CloseReason::Peer)?;
        let goodbye = stage.middle().seen_to(Direction::ToServer).last().or_fail("it")?.to_vec();

        stage.connect(&site.client(version)?, name())?;
        let peer = stage.peer()?;
        for old in [&data, &goodbye] {
            stage.middle().forward(Direction::ToServer, old)?;
        }
        stage.exchange()?;
        check_eq("datagrams", stage.session()?.received.len(), 1)?;
        check(stage.session()?.ended.is_none(), "the old goodbye has ended the new one")?;
        check_eq("peers", stage.server.peers().collect::<Vec<_>>(), vec![peer])
    });
}
