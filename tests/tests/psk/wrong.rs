//! Wrong keys and identities that do not exist: both ends hear of it soon, and nobody learns which
//! of the two it was.

use core::time::Duration;
use std::sync::Arc;

use sealgram::iana::{AlertDescription, SignatureScheme, Version};
use sealgram::{
    Answer, ClientConfig, CloseReason, Error, ExternalPsk, Instant, PeerMisbehaved, ServerConfig,
    Side,
};
use sealgram_testkit::{Ended, Face, Sent, StoppedClock};

use crate::ends::{
    Ends, HOUR, Joined, SUITES, VERSIONS, closed, good, join, known, negotiated, psk, resolve,
    run_until_asked, settle,
};

/// Runs to the end of both sides, and answers what is asked at once.
fn fail(pair: &mut Joined) {
    settle(pair);
    let over = |pair: &Joined| pair.client.is_closed() && pair.server.is_closed();
    assert_eq!(pair.run_until(HOUR, over), Ended::Done);
}

/// What somebody on the path sees: who sends how many bytes, when, and their visible parts.
fn shape(pair: &Joined) -> Vec<(Side, Instant, usize, u8)> {
    let seen = |sent: &Sent| (sent.from, sent.at, sent.bytes.len(), sent.bytes[0]);
    pair.trace().iter().map(seen).collect()
}

const PERIOD: Duration = Duration::from_secs(1);

/// V6, RFC 4279 §2, RFC 8446 §E.6.
#[test]
fn wrong_key_and_unknown_identity_end_alike_and_soon() {
    for version in VERSIONS {
        for suite in SUITES {
            for asked in [false, true] {
                let of = |key: Arc<ExternalPsk>| {
                    let ends = Ends { key, suite: Some(suite), asked, ..Ends::new(version) };
                    let mut pair = ends.pair();
                    fail(&mut pair);
                    pair
                };
                let wrong = of(psk("device", 2));
                let unknown = of(psk("nobody", 1));
                assert_eq!(shape(&wrong), shape(&unknown), "{version:?} {suite} {asked}");
                for side in [Side::Client, Side::Server] {
                    assert_eq!(closed(&wrong, side), closed(&unknown, side));
                }

                let server = closed(&wrong, Side::Server).expect("over");
                let reason = match version {
                    Version::V12 => Error::KeysDisagree,
                    Version::V13 => Error::PeerMisbehaved(PeerMisbehaved::BadBinder),
                };
                assert_eq!(server.reason, CloseReason::Error(reason));
                let description = AlertDescription::DECRYPT_ERROR;
                assert_eq!(server.alert_sent, Some(description));
                let client = closed(&wrong, Side::Client).expect("over");
                let reason = Error::AlertReceived { description, authenticated: false };
                assert_eq!(client.reason, CloseReason::Error(reason));

                // Each side waits one period from its own evidence on. Where the application was
                // asked, the client's Finished came before there were keys: only its next one is
                // evidence for the server. Two more are for the latency.
                let mut periods = match version {
                    Version::V12 => 2,
                    Version::V13 => 1,
                };
                periods += u32::from(asked && version == Version::V12);
                let limit = Instant::ZERO + PERIOD * periods + Duration::from_millis(200);
                assert!(wrong.now() <= limit, "{version:?} {suite} {asked}: {:?}", wrong.now());
            }
        }
    }
}

/// A wrong key on the server's side, chosen by its application.
#[test]
fn wrong_key_of_an_asked_server_ends_both_sides() {
    for version in VERSIONS {
        let mut pair = Ends { asked: true, ..Ends::new(version) }.pair();
        // In 1.3 the client's hello comes again before it gives up, and makes a new connection.
        while let Some((side, id, _)) = run_until_asked(&mut pair) {
            let wrong = Answer::Psk(Some(psk("device", 7)));
            resolve(&mut pair, side, id, wrong).expect("asked");
        }
        let alert = closed(&pair, Side::Server).and_then(|closed| closed.alert_sent);
        assert_eq!(alert, Some(AlertDescription::DECRYPT_ERROR), "{version:?}");
    }
}

/// V6: what cannot be an identity is an unknown one.
#[test]
fn identity_longer_than_any_key_has_is_unknown_and_nobody_is_asked() {
    let longest = "x".repeat(ExternalPsk::MAX_IDENTITY);
    for asked in [false, true] {
        let ends = Ends { key: psk(&longest, 1), asked, ..Ends::new(Version::V12) };
        let mut pair = ends.pair();
        fail(&mut pair);
        let reason = closed(&pair, Side::Server).map(|closed| closed.reason);
        assert_eq!(reason, Some(CloseReason::Error(Error::KeysDisagree)));
    }
}

fn certified_server(versions: &[Version], psks: bool) -> ServerConfig {
    let scheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
    let (leaf, _) = nullcrypto::certificate_with(2, scheme);
    let builder = ServerConfig::builder_with_provider(nullcrypto::provider(2))
        .with_versions(versions)
        .with_wall_clock(Arc::new(StoppedClock::at(1_700_000_000)))
        .with_no_client_auth()
        .with_identity(vec![leaf], &nullcrypto::private_key(2, scheme))
        .without_resumption();
    let builder = if psks { builder.and_psks(Arc::new(known())) } else { builder };
    builder.build().expect("a server's configuration")
}

fn certified_client(versions: &[Version]) -> ClientConfig {
    let verifier = Arc::new(nullcrypto::Verifier { client_required: false });
    ClientConfig::builder_with_provider(nullcrypto::provider(1))
        .with_versions(versions)
        .with_wall_clock(Arc::new(StoppedClock::at(1_700_000_000)))
        .with_server_verifier(verifier)
        .with_no_client_auth()
        .without_resumption()
        .build()
        .expect("a client's configuration")
}

/// One server for those who have a key and those who want to see a certificate.
#[test]
fn server_with_certificate_and_keys_serves_both_kinds_of_clients() {
    for version in VERSIONS {
        let with_key = Ends::new(version).client_config();
        for (client, identity) in
            [(with_key, Some(&b"device"[..])), (certified_client(&[version]), None)]
        {
            let mut pair = join(&client, certified_server(&VERSIONS, true));
            settle(&mut pair);
            assert!(pair.is_connected() && pair.data_flows(), "{version:?} {identity:?}");
            let negotiated = negotiated(&pair, Side::Server);
            assert_eq!(negotiated.psk_identity.as_deref(), identity);
            assert_eq!(negotiated.signature_scheme.is_some(), identity.is_none());
        }
    }
}

/// A key on one side alone connects nobody, whatever the versions.
#[test]
fn key_that_only_one_side_has_connects_nobody() {
    for version in VERSIONS {
        let ends = Ends::new(version);
        for mut pair in [
            join(&ends.client_config(), certified_server(&[version], false)),
            join(&certified_client(&[version]), ends.server_config()),
        ] {
            settle_stateless(&mut pair);
            assert!(pair.client.is_closed() && !pair.server.is_connected(), "{version:?}");
            let reason = closed(&pair, Side::Client).map(|closed| closed.reason);
            assert!(matches!(reason, Some(CloseReason::Error(_))), "{reason:?}");
        }
    }
}

/// The endpoint may answer a hello that cannot succeed without a connection.
fn settle_stateless(pair: &mut Joined) {
    assert_eq!(pair.run_until(HOUR, |pair| pair.client.is_closed()), Ended::Done);
}

#[test]
fn right_identity_with_a_key_of_another_length_is_a_wrong_key() {
    for suite in SUITES {
        let short = ExternalPsk::new(good().identity(), &[1; 16]).expect("a key");
        let ends = Ends { key: Arc::new(short), suite: Some(suite), ..Ends::new(Version::V12) };
        let mut pair = ends.pair();
        fail(&mut pair);
        let reason = closed(&pair, Side::Server).map(|closed| closed.reason);
        assert_eq!(reason, Some(CloseReason::Error(Error::KeysDisagree)));
    }
}
