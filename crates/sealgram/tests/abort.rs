//! An application that ends a connection with an alert of its own.

use std::sync::Arc;

use sealgram::iana::{AlertDescription, SignatureScheme, Version};
use sealgram::{
    ClientConfig, CloseReason, Closed, Connection, Error, Event, Instant, Misuse, Path,
    ServerConfig,
};

fn pair(version: Version) -> (Connection, Connection) {
    let provider = nullcrypto::provider(1);
    let (certificate, _) = nullcrypto::certificate(7);
    let key = nullcrypto::private_key(7, SignatureScheme::ECDSA_SECP256R1_SHA256);
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_no_client_auth()
        .with_identity(vec![certificate], &key)
        .with_versions(&[version])
        .build()
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .with_versions(&[version])
        .build()
        .unwrap();
    let path = Path::connected();
    let client = Connection::client(&client, None, path, Instant::ZERO).unwrap();
    (client, Connection::server_on_trusted_path(&server, path, Instant::ZERO))
}

/// Hands over what `from` has to send, and says whether there was anything.
fn hand_over(from: &mut Connection, to: &mut Connection) -> bool {
    let mut buf = [0; 2048];
    let mut any = false;
    while let Some(transmit) = from.poll_transmit(Instant::ZERO, &mut buf) {
        let datagram = &mut buf[..transmit.len];
        to.handle_datagram(Instant::ZERO, Path::connected(), datagram, &mut |_| {});
        any = true;
    }
    any
}

fn closed(connection: &mut Connection) -> Option<Closed> {
    core::iter::from_fn(|| connection.poll_event()).find_map(|event| match event {
        Event::Closed(closed) => Some(closed),
        _ => None,
    })
}

#[test]
fn abort_sends_the_alert_and_ends_both_sides() {
    for version in [Version::V12, Version::V13] {
        let (mut client, mut server) = pair(version);
        while hand_over(&mut client, &mut server) | hand_over(&mut server, &mut client) {}
        assert!(client.is_connected() && server.is_connected());

        let alert = AlertDescription::ACCESS_DENIED;
        assert_eq!(server.abort(Instant::ZERO, alert), Ok(()));
        let ours = closed(&mut server).unwrap();
        assert_eq!(ours.reason, CloseReason::Error(Error::Refused(alert)));
        assert_eq!(ours.alert_sent, Some(alert));
        assert_eq!(server.abort(Instant::ZERO, alert), Err(Misuse::Closed));

        assert!(hand_over(&mut server, &mut client));
        let theirs = closed(&mut client).unwrap();
        let expected = Error::AlertReceived { description: alert, authenticated: true };
        assert_eq!(theirs.reason, CloseReason::Error(expected));
    }
}

#[test]
fn abort_with_close_notify_is_refused_and_changes_nothing() {
    let (mut client, _) = pair(Version::V13);
    let refused = client.abort(Instant::ZERO, AlertDescription::CLOSE_NOTIFY);
    assert_eq!(refused, Err(Misuse::OutOfRange("the alert")));
    assert!(!client.is_closed());
}
