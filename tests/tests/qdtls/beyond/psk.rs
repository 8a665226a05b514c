//! Pre-shared keys: who asks for them, and what goes wrong with them.

use std::sync::Arc;

use sealgram::iana::{AlertDescription, Version};
use sealgram::{
    Answer, Ask, ClientConfig, CloseReason, Error, ErrorKind, ExternalPsk, FindPsk,
    PeerIncompatible, ServerConfig,
};
use sealgram_tests::{Checked, Direction, check, check_eq};

use crate::support::{OrFail, Site, Stage, check_fails, name, per_version, quick, run, wire};

fn client(version: Version, psk: ExternalPsk) -> Checked<ClientConfig> {
    let builder = ClientConfig::builder().with_versions(&[version]).with_transport(quick(12));
    builder.with_psk(Arc::new(psk)).build().or_fail("the client's configuration")
}

fn server(version: Version, psk: ExternalPsk) -> Checked<ServerConfig> {
    let builder = ServerConfig::builder().with_versions(&[version]).with_transport(quick(12));
    let builder = builder.with_no_client_auth().with_psks(Arc::new(vec![Arc::new(psk)]));
    builder.build().or_fail("the server's configuration")
}

/// Ends that ask for their keys.
fn asking(version: Version, hint: &[u8]) -> Checked<(ClientConfig, ServerConfig)> {
    let client = ClientConfig::builder().with_versions(&[version]).with_transport(quick(12));
    let client = match version {
        Version::V12 => client.with_asked_psk(None),
        // 1.3 has no hints that a client could choose by.
        Version::V13 => client.with_psk(Arc::new(key(b"device", 1)?)),
    };
    let server = ServerConfig::builder().with_versions(&[version]).with_transport(quick(12));
    let server = server.with_no_client_auth().with_asked_psks().with_psk_hint(hint);
    Ok((
        client.build().or_fail("the client's configuration")?,
        server.build().or_fail("the server's configuration")?,
    ))
}

fn key(identity: &[u8], fill: u8) -> Checked<ExternalPsk> {
    ExternalPsk::new(identity, &[fill; 32]).or_fail("a key")
}

/// What the client's application says.
fn answer_client(stage: &mut Stage, hint: &[u8], psk: Option<ExternalPsk>) -> Checked {
    stage.until("the client asks", |stage| !stage.client().asks.is_empty())?;
    let end = stage.client_mut();
    let (ask, what) = end.asks.pop_front().or_fail("a question")?;
    let Ask::Psk(find) = what else { return check(false, format!("it asks {what:?}")) };
    check_eq("what the client asks", find, FindPsk::ByHint(hint.to_vec()))?;
    end.client.resolve(ask, Answer::Psk(psk.map(Arc::new))).or_fail("the answer")
}

/// What the server's application says.
fn answer_server(stage: &mut Stage, identity: &[u8], psk: Option<ExternalPsk>) -> Checked {
    stage.until("the server asks", |stage| {
        stage.sessions.values().any(|session| !session.asks.is_empty())
    })?;
    let (peer, session) = stage.sessions.iter_mut().next_back().or_fail("a session")?;
    let (peer, (ask, what)) = (*peer, session.asks.pop_front().or_fail("a question")?);
    let Ask::Psk(find) = what else { return check(false, format!("it asks {what:?}")) };
    check_eq("what the server asks", find, FindPsk::ByIdentity(identity.to_vec()))?;
    stage.server.resolve(peer, ask, Answer::Psk(psk.map(Arc::new))).or_fail("the answer")
}

/// `pskRequired`: the client sees the hint and says who it is and what its key is, the server sees
/// the identity and says what the key is.
#[test]
fn psk_is_asked_for_with_hint_and_identity() {
    let hints: [(&str, &[u8]); 2] = [("no hint", b""), ("a hint", b"which device?")];
    run(&per_version(&hints), |&(version, hint)| {
        let (client, server) = asking(version, hint)?;
        let mut stage = Stage::new(server)?;
        stage.start(&client, None)?;
        if version == Version::V12 {
            answer_client(&mut stage, hint, Some(key(b"device", 1)?))?;
        }
        answer_server(&mut stage, b"device", Some(key(b"device", 1)?))?;
        stage.until_connected()?;
        let connected = stage.session()?.connected.as_ref().or_fail("it")?;
        let identity = connected.negotiated.psk_identity.as_deref();
        check_eq("the identity", identity, Some(&b"device"[..]))?;
        stage.exchange()
    });
}

/// `pskRequired` without an answer of use: the handshake fails. Qt's signal hands the key out or
/// none; here a server that knows none goes on with one that nobody has.
#[test]
fn missing_psk_ends_the_handshake() {
    let cases = [("on the client", true), ("on the server", false)];
    run(&per_version(&cases), |&(version, on_client)| {
        if on_client && version == Version::V13 {
            // A 1.3 client that has nothing to offer cannot be configured.
            let builder = ClientConfig::builder().with_versions(&[version]);
            let failed = builder.with_asked_psk(None).build().map(|_| ());
            return check(failed.is_err(), "there is nothing to offer");
        }
        let (client, server) = asking(version, b"")?;
        let mut stage = Stage::new(server)?;
        stage.start(&client, None)?;
        let (reason, alert) = if on_client {
            answer_client(&mut stage, b"", None)?;
            let reason = Error::PeerIncompatible(PeerIncompatible::NoSharedPsk);
            (reason, AlertDescription::HANDSHAKE_FAILURE)
        } else {
            if version == Version::V12 {
                answer_client(&mut stage, b"", Some(key(b"device", 1)?))?;
            }
            answer_server(&mut stage, b"device", None)?;
            let description = AlertDescription::DECRYPT_ERROR;
            (Error::AlertReceived { description, authenticated: false }, description)
        };
        stage.until("the client's end", |stage| {
            // Its hello may come again meanwhile, and make another connection.
            while let Some((peer, ask)) = stage
                .sessions
                .iter_mut()
                .find_map(|(peer, session)| session.asks.pop_front().map(|(ask, _)| (*peer, ask)))
            {
                // Whoever asked may be over already.
                let _ = stage.server.resolve(peer, ask, Answer::Psk(None));
            }
            stage.client().ends == 1
        })?;
        let closed = stage.client().client.closed().or_fail("the client's reason")?;
        check_eq("the client's reason", &closed.reason, &CloseReason::Error(reason))?;
        check_eq("the alert", closed.alert_sent.or(closed.alert_received), Some(alert))?;
        check(stage.client().connected.is_none(), "the client was connected")?;
        let early = stage.client_mut().client.send(b"too late");
        check_fails("send", early, ErrorKind::InvalidState)?;
        let connected = stage.sessions.values().any(|session| session.connected.is_some());
        check(!connected, "the server was connected")
    });
}

/// V6: an identity or a key that is too long is an error, not another identity or key. (Qt cuts
/// them in silence.)
#[test]
fn psk_outside_of_the_limits_is_refused_and_never_cut() {
    let cases = [
        ("shortest", (1, 16, true)),
        ("longest", (1024, 64, true)),
        ("no identity", (0, 16, false)),
        ("identity too long", (1025, 16, false)),
        ("no key", (1, 0, false)),
        ("key too short", (1, 15, false)),
        ("key too long", (1, 65, false)),
    ];
    run(&per_version(&cases), |&(version, (identity, secret, good))| {
        let psk = || ExternalPsk::new(&vec![b'i'; identity], &vec![0x5e; secret]);
        check_eq("whether there is a key", psk().is_some(), good)?;
        if !good {
            return Ok(());
        }
        let mut stage = Stage::new(server(version, psk().or_fail("a key")?)?)?;
        stage.connect(&client(version, psk().or_fail("a key")?)?, None)?;
        let connected = stage.session()?.connected.as_ref().or_fail("it")?;
        let found = connected.negotiated.psk_identity.as_deref().map(<[u8]>::len);
        check_eq("the identity's length", found, Some(identity))?;
        stage.exchange()
    });
}

/// What the client of a server that knows `device` has.
const CLIENTS: [(&str, (&[u8], u8)); 2] =
    [("wrong key", (b"device", 2)), ("unknown identity", (b"stranger", 1))];

/// V6: a wrong key is an error on both sides, soon; and who does not know the key does not learn
/// whether the identity exists.
#[test]
fn wrong_psk_ends_both_sides_and_looks_like_an_unknown_one() {
    run(&per_version(&CLIENTS), |&(version, (identity, fill))| {
        let mut stage = Stage::new(server(version, key(b"device", 1)?)?)?.and_middle()?;
        stage.start(&client(version, key(identity, fill)?)?, None)?;
        stage.until("both ends", |stage| {
            let first = stage.sessions.values().next();
            stage.client().ends == 1 && first.is_some_and(|session| session.ended.is_some())
        })?;
        let alert = AlertDescription::DECRYPT_ERROR;
        let session = stage.sessions.values().next().or_fail("a session")?;
        let ended = session.ended.as_ref().and_then(|ended| ended.closed.as_ref());
        let closed = ended.or_fail("the server's reason")?;
        check_eq("the server's kind", closed.reason.kind(), Some(ErrorKind::Fatal))?;
        check_eq("the server's alert", closed.alert_sent, Some(alert))?;
        check(session.connected.is_none(), "the server was connected")?;

        let closed = stage.client().client.closed().or_fail("the client's reason")?.clone();
        let expected = Error::AlertReceived { description: alert, authenticated: false };
        check_eq("the client's reason", &closed.reason, &CloseReason::Error(expected))?;
        check(stage.client().connected.is_none(), "the client was connected")?;
        // The request for a cookie, the server's flight in 1.2, and the alert: the same in both
        // rows. A busy machine may repeat any of them.
        let (requests, others): (Vec<_>, Vec<_>) =
            stage.middle().seen_to(Direction::ToClient).partition(|bytes| wire::is_request(bytes));
        let alerts = others.iter().filter(|bytes| wire::fatal_alert(bytes) == Some(alert.0));
        let (alerts, all) = (alerts.count(), others.len());
        check(!requests.is_empty() && alerts > 0, "a request or an alert is missing")?;
        check_eq("whether there is more", all > alerts, version == Version::V12)
    });
}

/// V6: a key on one side alone connects nobody: a client with a key accepts no certificate, and a
/// server with nothing but keys lets nobody in without one.
#[test]
fn psk_that_only_one_side_has_connects_nobody() {
    run(&per_version(&[("client", true), ("server", false)]), |&(version, clients)| {
        let site = Site::new()?;
        let psk = key(b"device", 1)?;
        let (client, server, wanted) = match clients {
            true => (client(version, psk)?, site.server_with(version, quick(12))?, None),
            false => (site.client_with(version, quick(12))?, server(version, psk)?, name()),
        };
        let mut stage = Stage::new(server)?;
        stage.start(&client, wanted)?;
        stage.until("the client's end", |stage| stage.client().ends == 1)?;
        let closed = stage.client().client.closed().or_fail("it")?;
        check_eq("the kind", closed.reason.kind(), Some(ErrorKind::Fatal))?;
        check(stage.client().connected.is_none(), "the client was connected")?;
        stage.until("nobody at the server", |stage| stage.server.peers().count() == 0)?;
        let connected = stage.sessions.values().any(|session| session.connected.is_some());
        check(!connected, "the server was connected")
    });
}
