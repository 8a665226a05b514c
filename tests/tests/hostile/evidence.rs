//! Unauthenticated evidence against a handshake is remembered, and obeyed only if nothing else
//! comes.

use core::time::Duration;

use sealgram::iana::{AlertDescription, ContentType, Version};
use sealgram::{CloseReason, Error, Instant, Side, TransportConfig};
use sealgram_testkit::{Fate, Plan, plan, records};

use crate::mutate::record;
use crate::states::{Joined, Reference, setup};

fn alert(description: AlertDescription) -> Vec<u8> {
    record(ContentType::ALERT.0, 0, 500, &[2, description.0])
}

fn reason(pair: &Joined, side: Side) -> Option<CloseReason> {
    let closed = match side {
        Side::Client => pair.client.closed(),
        Side::Server => pair.server.closed(),
    };
    closed.map(|closed| closed.reason.clone())
}

fn alert_received(description: AlertDescription) -> CloseReason {
    CloseReason::Error(Error::AlertReceived { description, authenticated: false })
}

/// The states in which a plaintext alert counts: a handshake, and nothing protected opened yet.
fn vulnerable(reference: &Reference) -> Vec<(usize, Side)> {
    let all = (0..reference.states())
        .flat_map(|arrivals| [(arrivals, Side::Client), (arrivals, Side::Server)]);
    all.filter(|(arrivals, side)| {
        let state = reference.state(*arrivals, *side);
        !state.protected && (*side == Side::Client || state.accepted)
    })
    .collect()
}

#[test]
fn forged_alert_does_nothing_if_the_handshake_goes_on() {
    for version in [Version::V12, Version::V13] {
        let reference = Reference::new(version, 1, None);
        let states = vulnerable(&reference);
        assert!(states.len() >= 4);
        for (arrivals, side) in states {
            let mut pair = reference.advance(arrivals);
            for _ in 0..10 {
                pair.inject(side, &alert(AlertDescription::HANDSHAKE_FAILURE));
            }
            pair.run_until_settled();
            assert!(pair.is_connected(), "{version:?} {side:?} after {arrivals}");
            assert_eq!(pair.now(), reference.took);
            assert!(pair.data_flows());
        }
    }
}

#[test]
fn alert_without_progress_is_obeyed_after_one_period() {
    for version in [Version::V12, Version::V13] {
        let reference = Reference::new(version, 1, None);
        for (arrivals, side) in vulnerable(&reference) {
            let mut pair = reference.advance(arrivals);
            // Nothing more arrives at either side; what was on its way does so first.
            pair.set_plan(plan::silence(None));
            pair.run_for(Duration::from_millis(100));
            if pair.face(side).is_connected() || pair.face(side).is_closed() {
                continue;
            }
            let at = pair.now();
            pair.inject(side, &alert(AlertDescription::HANDSHAKE_FAILURE));
            // Later ones neither put it off nor take its place.
            pair.run_until(at + Duration::from_millis(500), |_| false);
            pair.inject(side, &alert(AlertDescription::UNKNOWN_CA));
            pair.run_until(at + Duration::from_secs(2), |pair| pair.face(side).is_closed());
            assert_eq!(pair.now(), at + Duration::from_secs(1), "{version:?} {side:?} {arrivals}");
            assert_eq!(
                reason(&pair, side),
                Some(alert_received(AlertDescription::HANDSHAKE_FAILURE))
            );
            // An alert is not answered.
            let sent = pair.sent_by(side).count();
            pair.run_for(Duration::from_secs(1));
            assert_eq!(pair.sent_by(side).count(), sent);
        }
    }
}

#[test]
fn fail_fast_obeys_at_once() {
    let mut setup = setup(Version::V12, 1);
    setup.transport = TransportConfig::default().with_fail_fast(true);
    let mut pair = setup.pair();
    pair.inject(Side::Client, &alert(AlertDescription::HANDSHAKE_FAILURE));
    assert_eq!(
        reason(&pair, Side::Client),
        Some(alert_received(AlertDescription::HANDSHAKE_FAILURE))
    );
}

/// A handshake whose client flight takes two datagrams, and the second, with the Finished, is
/// lost the first time and late the second.
fn lost_finished() -> Joined {
    let mut setup = setup(Version::V12, 1);
    setup.max_datagram = Some(256);
    let mut pair = setup.pair();
    let mut finished = 0;
    pair.set_plan(Plan::new(move |sent| {
        let protected = records(&sent.bytes).iter().any(|record| record.number.epoch() == 1);
        if sent.from != Side::Client || !protected {
            return Fate::Deliver;
        }
        finished += 1;
        if finished == 1 { Fate::Drop } else { Fate::Delay(Duration::from_millis(50)) }
    }));
    pair
}

#[test]
fn forged_record_under_the_awaited_keys_does_nothing_if_the_finished_comes_in_time() {
    let mut pair = setup(Version::V12, 1).pair();
    pair.set_plan(plan::fates(vec![Fate::Deliver; 4]));
    // The server waits for the client's flight; nothing has its keys yet.
    pair.run_until(Instant::from_micros(35_000), |_| false);
    pair.inject(Side::Server, &record(ContentType::HANDSHAKE.0, 1, 0, &[9; 60]));
    pair.run_until_settled();
    assert!(pair.is_connected());
    assert_eq!(pair.now().as_micros(), 60_000);
}

#[test]
fn forged_record_under_the_awaited_keys_ends_a_handshake_that_stalls() {
    let mut pair = lost_finished();
    // The server has the keys and waits for the Finished.
    pair.run_until(Instant::from_micros(60_000), |_| false);
    assert_eq!(pair.sent_by(Side::Client).count(), 4, "two hellos and a flight of two");
    pair.inject(Side::Server, &record(ContentType::HANDSHAKE.0, 1, 0, &[9; 60]));
    pair.run_until_settled();
    assert_eq!(reason(&pair, Side::Server), Some(CloseReason::Error(Error::KeysDisagree)));
    assert_eq!(
        pair.server.closed().expect("closed").alert_sent,
        Some(AlertDescription::DECRYPT_ERROR)
    );
}

/// A record that came before its keys says nothing about them: anyone can have sent it at any
/// time, so it must not start the period.
#[test]
fn forged_record_that_came_before_its_keys_is_no_evidence() {
    let mut pair = lost_finished();
    pair.run_until(Instant::from_micros(35_000), |_| false);
    assert_eq!(pair.server.connections.len(), 1);
    pair.inject(Side::Server, &record(ContentType::HANDSHAKE.0, 1, 0, &[9; 60]));
    pair.run_until_settled();
    assert_eq!(reason(&pair, Side::Server), None);
    assert!(pair.is_connected() && pair.data_flows());
}
