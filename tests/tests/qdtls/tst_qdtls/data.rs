//! Application data, and the end.

use sealgram::iana::AlertDescription;
use sealgram::{CloseReason, ErrorKind, Side};
use sealgram_tests::{Checked, Direction, check, check_eq};
use sealgram_udp::{Error, MAX_PLAINTEXT};

use crate::support::{OrFail, Site, Stage, check_fails, name, patient, per_version, run, versions};

/// Qt: `readWriteEncrypted` (client closes, server closes).
///
/// Qt's `shutdown` fails before the handshake is complete, and `abortHandshake` after it: here
/// both are `close`, which works in either state. A missing socket does not compile.
#[test]
fn read_write_encrypted() {
    let cases = per_version(&[("client closes", Side::Client), ("server closes", Side::Server)]);
    run(&cases, |&(version, closes)| {
        let site = Site::new()?;
        let mut stage = Stage::with_middle(site.server_with(version, patient())?)?;
        stage.start(&site.client_with(version, patient())?, name())?;
        let end = stage.client_mut();
        check_fails("send", end.client.send(b"too early"), ErrorKind::InvalidState)?;
        stage.until_connected()?;
        let peer = stage.peer()?;

        // Exactly what was written, in both directions, and not readable on the way.
        stage.exchange()?;
        for (direction, plaintext) in
            [(Direction::ToServer, "from the client"), (Direction::ToClient, "from the server")]
        {
            let readable = stage.middle().seen_to(direction).any(|datagram| {
                datagram.windows(plaintext.len()).any(|window| window == plaintext.as_bytes())
            });
            check(!readable, format!("{plaintext:?} can be read on the way"))?;
        }
        check_replay_yields_nothing(&mut stage, Direction::ToServer)?;
        check_replay_yields_nothing(&mut stage, Direction::ToClient)?;

        match closes {
            Side::Client => {
                stage.client_mut().client.close().or_fail("close")?;
                stage.until("the server's end", |stage| {
                    stage.sessions.get(&peer).is_some_and(|session| session.ended.is_some())
                })?;
                let closed = stage.client().client.closed().or_fail("the client's end")?;
                check_eq("the client's end", &closed.reason, &CloseReason::Local)?;
                check_eq("its kind", closed.reason.kind(), None)?;
            }
            Side::Server => {
                stage.server.close(peer).or_fail("close")?;
                stage.until("the client's end", |stage| stage.client().ends == 1)?;
                let closed = stage.client().client.closed().or_fail("the client's end")?;
                check_eq("the client's end", &closed.reason, &CloseReason::Peer)?;
                let kind = Some(ErrorKind::RemoteClosed);
                check_eq("its kind", closed.reason.kind(), kind)?;
                let alert = Some(AlertDescription::CLOSE_NOTIFY);
                check_eq("what the client received", closed.alert_received, alert)?;
            }
        }
        stage.turn()?;
        let ended = stage.session()?.ended.as_ref().or_fail("the server's end")?;
        let reason = &ended.closed.as_ref().or_fail("a reason")?.reason;
        match closes {
            Side::Client => {
                check_eq("the server's end", reason, &CloseReason::Peer)?;
                check_eq("its kind", reason.kind(), Some(ErrorKind::RemoteClosed))?;
            }
            Side::Server => check_eq("the server's end", reason, &CloseReason::Local)?,
        }

        // Nothing can be written any more, at either end.
        let end = stage.client_mut();
        check(!end.client.is_connected(), "the client is connected")?;
        check_fails("send", end.client.send(b"too late"), ErrorKind::InvalidState)?;
        check_fails("close", end.client.close(), ErrorKind::InvalidState)?;
        check(stage.server.connection(peer).is_none(), "the server still has the connection")?;
        check_fails("send", stage.server.send(peer, b"too late"), ErrorKind::InvalidState)?;
        check_fails("close", stage.server.close(peer), ErrorKind::InvalidState)
    });
}

/// The last datagram in this direction is sent again: it is counted, and nothing else.
fn check_replay_yields_nothing(stage: &mut Stage, direction: Direction) -> Checked {
    let last = stage.middle().seen_to(direction).last().or_fail("a datagram")?.to_vec();
    stage.middle().forward(direction, &last)?;
    let peer = stage.peer()?;
    stage.until("the repeat is counted", |stage| match direction {
        Direction::ToServer => {
            let connection = stage.server.connection(peer);
            connection.is_some_and(|connection| connection.stats().discards.replayed == 1)
        }
        Direction::ToClient => stage.client().client.stats().discards.replayed == 1,
    })?;
    check_eq("what the server received", stage.session()?.received.len(), 1)?;
    check_eq("what the client received", stage.client().received.len(), 1)
}

/// Qt: `datagramFragmentation`.
///
/// Qt's oversized write fails for some reason or other; here the reason says what fits.
#[test]
fn datagram_fragmentation() {
    run(&versions(), |&version| {
        let site = Site::new()?;
        let mut stage = Stage::new(site.server(version)?)?;
        stage.connect(&site.client(version)?, name())?;
        let peer = stage.peer()?;
        let long = vec![0x17; 17 * 1024];

        let max = stage.client().client.max_plaintext();
        check_eq("the longest plaintext", max, MAX_PLAINTEXT)?;
        let refused = stage.client_mut().client.send(&long);
        check_too_long("the client", refused, max)?;
        check(stage.client().client.is_connected(), "the client is not connected any more")?;
        stage.exchange()?;

        let refused = stage.server.send(peer, &long);
        check_too_long("the server", refused, max)?;
        stage.exchange()?;

        // The longest one that fits is one datagram, whatever the path's MTU may be.
        stage.client_mut().client.send(&long[..max]).or_fail("the longest plaintext")?;
        stage.until("it arrives", |stage| {
            stage.sessions[&peer].received.last().is_some_and(|last| last == &long[..max])
        })?;
        stage.server.send(peer, &long[..max]).or_fail("the longest plaintext")?;
        stage.until("it arrives", |stage| {
            stage.client().received.last().is_some_and(|last| last == &long[..max])
        })?;
        // And so is the shortest.
        stage.client_mut().client.send(b"").or_fail("an empty datagram")?;
        stage.until("it arrives", |stage| {
            stage.sessions[&peer].received.last().is_some_and(Vec::is_empty)
        })
    });
}

fn check_too_long(who: &str, result: Result<(), Error>, expected: usize) -> Checked {
    let text = format!("a datagram of 17 KiB from {who}");
    match &result {
        Err(Error::Send(sealgram::SendError::TooLong { max })) => {
            check_eq("what fits", *max, expected)?;
        }
        other => check(false, format!("{text}: {other:?}"))?,
    }
    check_fails(&text, result, ErrorKind::InvalidInput)
}
