//! Keys that the application is asked for, in time, late, wrongly, or not at all.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use sealgram::crypto::IdentityVerified;
use sealgram::iana::{AlertDescription, Version};
use sealgram::{
    Answer, CloseReason, Error, ExternalPsk, FindPsk, Misuse, PeerIncompatible, PskChoice,
    PskLookup, Side,
};
use sealgram_testkit::Face;

use crate::ends::{
    Choice, Ends, Joined, SUITES, VERSIONS, answer, closed, known, negotiated, psk, resolve,
    run_until_asked, settle,
};

fn identity(identity: &str) -> FindPsk {
    FindPsk::ByIdentity(identity.as_bytes().to_vec())
}

/// The peer sends its flight again meanwhile, several times.
#[test]
fn asked_server_connects_however_late_the_answer_is() {
    for version in VERSIONS {
        for suite in SUITES {
            let ends = Ends { asked: true, suite: Some(suite), ..Ends::new(version) };
            for delay in [Duration::ZERO, Duration::from_millis(7300), Duration::from_secs(70)] {
                let mut pair = ends.pair();
                let (side, id, find) = run_until_asked(&mut pair).expect("asked");
                assert_eq!((side, &find), (Side::Server, &identity("device")));
                pair.run_for(delay);
                resolve(&mut pair, side, id, Answer::Psk(answer(&find))).expect("asked");
                assert_eq!(settle(&mut pair), 0, "asked twice");
                assert!(pair.is_connected() && pair.data_flows(), "{version:?} {suite} {delay:?}");
                let found = negotiated(&pair, Side::Server).psk_identity;
                assert_eq!(found.as_deref(), Some(&b"device"[..]));
            }
        }
    }
}

#[test]
fn answer_that_nobody_waits_for_changes_nothing() {
    for version in VERSIONS {
        let mut pair = Ends { asked: true, ..Ends::new(version) }.pair();
        let (side, id, find) = run_until_asked(&mut pair).expect("asked");
        let wrong = Answer::VerifyPeer(Ok(IdentityVerified::danger_assertion()));
        assert_eq!(resolve(&mut pair, side, id, wrong), Err(Misuse::NotAsked));
        resolve(&mut pair, side, id, Answer::Psk(answer(&find))).expect("asked");
        let again = resolve(&mut pair, side, id, Answer::Psk(None));
        assert_eq!(again, Err(Misuse::NotAsked));
        settle(&mut pair);
        assert!(pair.is_connected() && pair.data_flows());
        assert_eq!(resolve(&mut pair, side, id, Answer::Psk(None)), Err(Misuse::NotAsked));
    }
}

/// An application that never answers keeps nobody for ever.
#[test]
fn question_without_an_answer_ends_at_the_deadline() {
    for version in VERSIONS {
        let mut pair = Ends { asked: true, ..Ends::new(version) }.pair();
        let (side, id, _) = run_until_asked(&mut pair).expect("asked");
        pair.run_for(Duration::from_secs(1000));
        for side in [Side::Client, Side::Server] {
            let reason = closed(&pair, side).map(|closed| closed.reason);
            assert_eq!(reason, Some(CloseReason::Error(Error::TimedOut)), "{version:?} {side:?}");
        }
        assert_eq!(resolve(&mut pair, side, id, Answer::Psk(None)), Err(Misuse::Closed));
    }
}

/// Looks the hint up as a name, and remembers it.
#[derive(Debug, Default)]
struct ByName(Mutex<Vec<Vec<u8>>>);

impl PskChoice for ByName {
    fn choose(&self, hint: &[u8]) -> Option<Arc<ExternalPsk>> {
        self.0.lock().expect("not poisoned").push(hint.to_vec());
        known().lookup(hint)
    }
}

/// RFC 4279 §5.2.
#[test]
fn client_chooses_its_identity_by_the_hint_of_a_1_2_server() {
    for suite in SUITES {
        for hint in ["device", "other1"] {
            let ends = Ends { suite: Some(suite), hint, ..Ends::new(Version::V12) };
            let choice = Arc::new(ByName::default());
            let inline = Ends { choice: Choice::Inline(choice.clone()), ..ends.clone() };
            let asked = Ends { choice: Choice::Asked, asked: true, ..ends };
            for ends in [inline, asked] {
                let pair = ends.connect();
                let found = negotiated(&pair, Side::Server).psk_identity;
                assert_eq!(found.as_deref(), Some(hint.as_bytes()), "{ends:?}");
            }
            assert_eq!(*choice.0.lock().expect("not poisoned"), [hint.as_bytes()]);
        }
    }
}

/// Both sides are asked, each in its turn, and a server without a hint gives none.
#[test]
fn client_is_asked_with_an_empty_hint_if_there_is_none() {
    for suite in SUITES {
        let choice = Choice::Asked;
        let ends = Ends { choice, asked: true, suite: Some(suite), ..Ends::new(Version::V12) };
        let mut pair = ends.pair();
        let (side, id, find) = run_until_asked(&mut pair).expect("asked");
        assert_eq!((side, find), (Side::Client, FindPsk::ByHint(Vec::new())));
        resolve(&mut pair, side, id, Answer::Psk(Some(psk("other0", 9)))).expect("asked");
        let (side, id, find) = run_until_asked(&mut pair).expect("asked");
        assert_eq!((side, &find), (Side::Server, &identity("other0")));
        resolve(&mut pair, side, id, Answer::Psk(answer(&find))).expect("asked");
        settle(&mut pair);
        assert!(pair.is_connected() && pair.data_flows());
    }
}

/// 1.3 servers give no hint: they are offered what the configuration names.
#[test]
fn client_that_chooses_by_hint_offers_its_other_key_to_1_3_servers() {
    let choice = Arc::new(ByName::default());
    let ends = Ends {
        client: VERSIONS.to_vec(),
        choice: Choice::Inline(choice.clone()),
        key: psk("other1", 8),
        hint: "device",
        ..Ends::new(Version::V13)
    };
    let pair = ends.connect();
    let found = negotiated(&pair, Side::Server).psk_identity;
    assert_eq!(found.as_deref(), Some(&b"other1"[..]));
    assert!(choice.0.lock().expect("not poisoned").is_empty());
}

/// V6: a client without a key for this server says so at once.
#[test]
fn client_without_a_key_for_the_hint_ends_the_handshake() {
    for suite in SUITES {
        let ends = Ends { suite: Some(suite), hint: "nobody", ..Ends::new(Version::V12) };
        let inline = Choice::Inline(Arc::new(ByName::default()));
        for choice in [inline, Choice::Asked] {
            let mut pair: Joined = Ends { choice, ..ends.clone() }.pair();
            settle(&mut pair);
            assert!(!pair.client.is_connected() && !pair.server.is_connected());
            let ended = closed(&pair, Side::Client).expect("over");
            let reason = Error::PeerIncompatible(PeerIncompatible::NoSharedPsk);
            assert_eq!(ended.reason, CloseReason::Error(reason));
            assert_eq!(ended.alert_sent, Some(AlertDescription::HANDSHAKE_FAILURE));
            let ended = closed(&pair, Side::Server).expect("over");
            assert_eq!(ended.alert_received, Some(AlertDescription::HANDSHAKE_FAILURE));
        }
    }
}
