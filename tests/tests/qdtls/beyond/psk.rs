//! What goes wrong with pre-shared keys. 1.3 only; rows for 1.2 join with its suites.

use std::sync::Arc;

use sealgram::iana::{AlertDescription, Version};
use sealgram::{ClientConfig, CloseReason, Error, ErrorKind, ExternalPsk, ServerConfig};
use sealgram_tests::{Checked, Direction, check, check_eq};

use crate::support::{OrFail, Site, Stage, name, quick, rows, run, wire};

fn client(psk: ExternalPsk) -> Checked<ClientConfig> {
    let builder = ClientConfig::builder().with_transport(quick(12)).with_psk(Arc::new(psk));
    builder.build().or_fail("the client's configuration")
}

fn server(psk: ExternalPsk) -> Checked<ServerConfig> {
    let builder = ServerConfig::builder().with_transport(quick(12)).with_no_client_auth();
    let builder = builder.with_psks(Arc::new(vec![Arc::new(psk)]));
    builder.build().or_fail("the server's configuration")
}

/// V6: an identity or a key that is too long is an error, not another identity or key. (Qt cuts
/// them in silence.)
#[test]
fn psk_outside_of_the_limits_is_refused_and_never_cut() {
    let cases = rows([
        ("shortest", (1, 16, true)),
        ("longest", (1024, 64, true)),
        ("no identity", (0, 16, false)),
        ("identity too long", (1025, 16, false)),
        ("no key", (1, 0, false)),
        ("key too short", (1, 15, false)),
        ("key too long", (1, 65, false)),
    ]);
    run(&cases, |&(identity, secret, good)| {
        let psk = || ExternalPsk::new(&vec![b'i'; identity], &vec![0x5e; secret]);
        check_eq("whether there is a key", psk().is_some(), good)?;
        if !good {
            return Ok(());
        }
        let mut stage = Stage::new(server(psk().or_fail("a key")?)?)?;
        stage.connect(&client(psk().or_fail("a key")?)?, None)?;
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
    run(&rows(CLIENTS), |&(identity, fill)| {
        let known = ExternalPsk::new(b"device", &[1; 32]).or_fail("a key")?;
        let mut stage = Stage::new(server(known)?)?.and_middle()?;
        stage.start(&client(ExternalPsk::new(identity, &[fill; 32]).or_fail("a key")?)?, None)?;
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
        // The request for a cookie, and the alert: the same in both rows. A busy machine may
        // repeat either.
        let (requests, alerts): (Vec<_>, Vec<_>) =
            stage.middle().seen_to(Direction::ToClient).partition(|bytes| wire::is_request(bytes));
        check(!requests.is_empty() && !alerts.is_empty(), "a request or an alert is missing")?;
        for bytes in alerts {
            check_eq("the alert on the wire", wire::fatal_alert(bytes), Some(alert.0))?;
        }
        Ok(())
    });
}

/// V6: a key on one side alone connects nobody: a client with a key accepts no certificate, and a
/// server with nothing but keys lets nobody in without one.
#[test]
fn psk_that_only_one_side_has_connects_nobody() {
    let cases = rows([("client", true), ("server", false)]);
    run(&cases, |&clients| {
        let site = Site::new()?;
        let psk = ExternalPsk::new(b"device", &[1; 32]).or_fail("a key")?;
        let (client, server, wanted) = match clients {
            true => (client(psk)?, site.server_with(Version::V13, quick(12))?, None),
            false => (site.client_with(Version::V13, quick(12))?, server(psk)?, name()),
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
