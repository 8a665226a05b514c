//! Both timers.

use super::*;
use crate::{Fired, TimedOut, TimerKind};

#[test]
fn flight_without_answer_is_resent_12_times_and_then_given_up() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CLIENT_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 1000);
    let mut seconds = 0;
    for (count, period) in [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60].into_iter().enumerate() {
        seconds += period;
        let due = at(seconds * 1000);
        assert_eq!(end.flight.poll_timeout(), Some((due, TimerKind::Retransmit)));
        assert_eq!(end.fire(due), [Fired::Retransmit { count: count as u32 + 1 }]);
        assert_eq!(end.drain(due, 1000).len(), 1);
    }
    let due = at((seconds + 60) * 1000);
    assert_eq!(end.flight.handle_timeout(due), Err(TimedOut));
    assert_eq!(end.flight.poll_timeout(), None);
    assert_eq!(end.flight.flights_resent(), 12);
    assert_eq!(FlightConfig::default().give_up_after(), due - at(0));
}

#[test]
fn give_up_after_is_the_sum_of_all_periods() {
    let config = |initial, max, max_retransmits| FlightConfig {
        initial_timeout: SECOND * initial,
        max_timeout: SECOND * max,
        max_retransmits,
        ..FlightConfig::default()
    };
    assert_eq!(config(1, 60, 0).give_up_after(), SECOND);
    assert_eq!(config(1, 60, 3).give_up_after(), SECOND * 15);
    assert_eq!(config(90, 60, 1).give_up_after(), SECOND * 120);
    assert_eq!(config(0, 60, u32::MAX - 1).give_up_after(), Duration::ZERO);
}

#[test]
fn timer_starts_when_everything_was_sent() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Plaintext, Group::Flight);
    end.record(at(0), 80).unwrap();
    assert_eq!(end.flight.poll_timeout(), None);
    end.record(at(500), 80).unwrap();
    assert_eq!(end.flight.poll_timeout(), Some((at(1500), TimerKind::Retransmit)));
}

#[test]
fn last_flight_has_a_timer_only_with_acks() {
    for (rules, timeout) in [(FlightRules::V12, None), (FlightRules::V13, Some(at(1000)))] {
        let mut end = End::new(rules);
        end.send(HandshakeType::FINISHED, 12, Phase::Plaintext, Group::LastFlight);
        end.drain(at(0), 100);
        assert_eq!(end.flight.timeout(TimerKind::Retransmit), timeout);
        end.flight.complete(at(10));
        assert_eq!(end.flight.timeout(TimerKind::Retransmit), timeout);
        assert_eq!(end.flight.last_flight_awaits_ack(), timeout.is_some());
        end.flight.forget_last_flight();
        assert!(!end.flight.last_flight_awaits_ack());
        assert_eq!(end.flight.timeout(TimerKind::Retransmit), None);
    }
}

#[test]
fn complete_stops_the_timer_of_the_flight() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::FINISHED, 12, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 100);
    end.flight.complete(at(10));
    assert_eq!((end.flight.poll_timeout(), end.flight.heap_bytes()), (None, 0));
}

#[test]
fn message_that_follows_does_not_postpone_the_timer() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::NEW_SESSION_TICKET, 10, APP, Group::Ticket);
    end.drain(at(0), 100);
    end.send(HandshakeType::NEW_SESSION_TICKET, 10, APP, Group::Ticket);
    end.drain(at(900), 100);
    assert_eq!(end.flight.poll_timeout(), Some((at(1000), TimerKind::Retransmit)));
}

#[test]
fn partial_ack_waits_for_the_timer() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::LastFlight);
    let records = end.drain(at(0), 80);
    end.flight.on_ack(at(300), [records[0].number()]);
    assert_eq!(end.flight.wants(), None);
    assert_eq!(end.flight.poll_timeout(), Some((at(1000), TimerKind::Retransmit)));
}

#[test]
fn timer_within_10_ms_of_expiry_counts_as_expired() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CLIENT_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 1000);
    assert_eq!(end.fire(at(989)), []);
    assert_eq!(end.fire(at(990)), [Fired::Retransmit { count: 1 }]);
    // A short timer is not due from its start.
    let mut end = End::new(FlightRules::V12);
    end.flight.set_initial_timeout(Duration::from_millis(8));
    end.send(HandshakeType::CLIENT_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 1000);
    assert_eq!(end.fire(at(5)), []);
    assert_eq!(end.fire(at(6)), [Fired::Retransmit { count: 1 }]);
}

#[test]
fn new_initial_timeout_rescales_running_timers() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::FINISHED, 10, Phase::Handshake, Group::LastFlight);
    end.drain(at(0), 100);
    end.fire(at(1000));
    end.drain(at(1000), 100);
    end.read_fragment(at(1200), Phase::Plaintext, 0, fragment(0, 10, 0, b"a")).unwrap();
    assert_eq!(end.flight.timeout(TimerKind::Retransmit), Some(at(3000)));
    assert_eq!(end.flight.timeout(TimerKind::Ack), Some(at(1700)));
    end.flight.set_initial_timeout(Duration::from_millis(400));
    assert_eq!(end.flight.timeout(TimerKind::Retransmit), Some(at(1800)));
    assert_eq!(end.flight.timeout(TimerKind::Ack), Some(at(1400)));
    end.flight.set_initial_timeout(Duration::from_millis(40));
    assert_eq!(end.fire(at(1300)), [Fired::Ack, Fired::Retransmit { count: 2 }]);
}

#[test]
fn back_off_survives_a_partial_ack_and_ends_with_the_full_one() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::LastFlight);
    end.drain(at(0), 80);
    end.fire(at(1000));
    let again = end.drain(at(1000), 80);
    end.flight.on_ack(at(1100), [again[0].number()]);
    assert_eq!(end.flight.poll_timeout(), Some((at(3000), TimerKind::Retransmit)));
    end.flight.on_ack(at(1200), [again[1].number()]);
    assert_eq!((end.flight.poll_timeout(), end.flight.retransmits()), (None, 0));
}

#[test]
fn ack_during_a_resend_ends_it() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::LastFlight);
    let records = end.drain(at(0), 80);
    end.fire(at(1000));
    end.record(at(1000), 80).unwrap();
    // The rest arrives in time: the resend is over, so its timer runs again.
    end.flight.on_ack(at(1001), [records[1].number()]);
    assert_eq!(end.flight.wants(), None);
    assert_eq!(end.flight.poll_timeout(), Some((at(3001), TimerKind::Retransmit)));
    end.flight.on_ack(at(1002), [records[0].number()]);
    assert_eq!((end.flight.wants(), end.flight.poll_timeout()), (None, None));
}

/// RFC 9147 §5.8.1: it is prepared, buffered, and then sent.
#[test]
fn flight_that_is_not_whole_waits_and_the_peer_is_told_that_its_own_arrived() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"f")).unwrap();
    end.send(HandshakeType::CERTIFICATE, 40, Phase::Handshake, Group::LastFlight);
    end.flight.pause(at(0), true);
    assert_eq!(end.flight.wants(), None);
    assert!(end.flight.fill(&mut [0; 100]).is_none());
    assert_eq!(end.fire(at(250)), [Fired::Ack]);
    assert_eq!(acked(&end.record(at(250), 100).unwrap()), [(0, 0)]);
    assert_eq!((end.flight.wants(), end.flight.poll_timeout()), (None, None));
    end.flight.pause(at(90_000), false);
    end.send(HandshakeType::CERTIFICATE_VERIFY, 20, Phase::Handshake, Group::LastFlight);
    let records = end.drain(at(90_000), 200);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].fragments(), [(0, 0, 40), (1, 0, 20)]);
    assert_eq!(end.flight.poll_timeout(), Some((at(91_000), TimerKind::Retransmit)));
}

#[test]
fn nothing_is_sent_again_while_delivery_is_paused() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 100);
    let due = Some((at(1000), TimerKind::Retransmit));
    assert_eq!(end.flight.poll_timeout(), due);
    end.flight.pause(at(500), true);
    assert_eq!(end.flight.poll_timeout(), None);
    assert_eq!(end.fire(at(90_000)), []);
    end.flight.pause(at(90_000), false);
    assert_eq!(end.flight.poll_timeout(), Some((at(91_000), TimerKind::Retransmit)));
    assert_eq!(end.fire(at(91_000)), [Fired::Retransmit { count: 1 }]);
}
