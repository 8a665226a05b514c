//! What a session that began with a pre-shared key remembers.

use std::sync::Arc;

use crate::ends::{
    Ends, SIDES, SUITES, VERSIONS, answer, closed, good, negotiated, psk, resolve, run_until_asked,
    settle, tickets,
};
use sealgram::iana::Version;
use sealgram::{Answer, CloseReason, Error, FindPsk, MemorySessions, PeerMisbehaved, Side};

/// Ends that resume, with a store and tickets of their own.
fn resuming(version: Version) -> Ends {
    let store = Some(Arc::new(MemorySessions::new(8)));
    Ends { store, tickets: Some(tickets(3)), ..Ends::new(version) }
}

#[track_caller]
fn check(ends: &Ends, resumed: bool, identity: &str) {
    let pair = ends.connect();
    for side in SIDES {
        let negotiated = negotiated(&pair, side);
        assert_eq!(negotiated.resumed, resumed, "{side:?} {ends:?}");
        assert_eq!(negotiated.psk_identity.as_deref(), Some(identity.as_bytes()));
    }
}

#[test]
fn resumed_session_keeps_its_identity() {
    for version in VERSIONS {
        for suite in SUITES {
            for asked in [false, true] {
                let ends = Ends { suite: Some(suite), asked, ..resuming(version) };
                check(&ends, false, "device");
                check(&ends, true, "device");
                check(&ends, true, "device");
            }
        }
    }
}

/// A session that began with one key says nothing about whoever should have another.
#[test]
fn session_of_one_key_is_not_offered_for_another() {
    for version in VERSIONS {
        let ends = resuming(version);
        check(&ends, false, "device");
        let other = Ends { key: psk("other0", 9), ..ends };
        check(&other, false, "other0");
    }
}

/// Whoever takes a key away from a device wants to be rid of it.
#[test]
fn session_of_a_key_that_is_gone_is_not_resumed_if_keys_are_looked_up_again() {
    for version in VERSIONS {
        for verify_resumed in [false, true] {
            let ends = Ends { verify_resumed, ..resuming(version) };
            check(&ends, false, "device");
            check(&ends, true, "device");
            let known = vec![psk("other0", 9), psk("device", 5)];
            let changed = Ends { known: known.clone(), ..ends.clone() };
            // The identity is still there, and the session has a key of its own.
            check(&changed, true, "device");
            let gone = Ends { known: known[..1].to_vec(), ..ends };
            let mut pair = gone.pair();
            settle(&mut pair);
            assert_eq!(pair.is_connected(), !verify_resumed, "{version:?}");
        }
    }
}

/// A ticket that the server no longer opens is not a reason to refuse the key behind it.
#[test]
fn stale_ticket_in_front_of_a_good_key_does_no_harm() {
    for asked in [false, true] {
        let ends = Ends { asked, ..resuming(Version::V13) };
        check(&ends, false, "device");
        let ends = Ends { tickets: Some(tickets(4)), ..ends };
        check(&ends, false, "device");
    }
}

/// Everything that may be a key is asked for, in the order of the hello, whether or not one before
/// it was found: otherwise the time taken would tell.
#[test]
fn asked_server_is_asked_for_every_identity_of_a_hello() {
    for first_is_known in [false, true] {
        let filled = resuming(Version::V13);
        check(&filled, false, "device");
        let ends = Ends { asked: true, tickets: Some(tickets(5)), ..filled };
        let mut pair = ends.pair();
        let (_, id, find) = run_until_asked(&mut pair).expect("asked");
        let FindPsk::ByIdentity(ticket) = &find else { panic!("{find:?}") };
        assert!(ticket.len() > 32, "not a ticket");
        let first = first_is_known.then(|| psk("somebody", 6));
        resolve(&mut pair, Side::Server, id, Answer::Psk(first)).expect("asked");
        let (_, id, find) = run_until_asked(&mut pair).expect("asked");
        assert_eq!(find, FindPsk::ByIdentity(good().identity().to_vec()));
        resolve(&mut pair, Side::Server, id, Answer::Psk(answer(&find))).expect("asked");
        settle(&mut pair);
        // The first that is known counts, and the client has not bound it with that key.
        let reason = closed(&pair, Side::Server).map(|closed| closed.reason);
        let bad = Error::PeerMisbehaved(PeerMisbehaved::BadBinder);
        assert_eq!(reason, first_is_known.then_some(CloseReason::Error(bad)));
    }
}
