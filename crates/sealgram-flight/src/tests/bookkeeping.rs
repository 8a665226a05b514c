//! The books on records: what they hold, and that nothing is owed for nothing.

use super::*;
use crate::TimerKind;

#[test]
fn records_to_acknowledge_are_counted_and_released_with_their_keys() {
    let mut end = End::new(FlightRules::V13);
    end.flight.set_read_phase(Phase::Handshake).unwrap();
    end.flight.set_write_phase(Phase::Handshake);
    let before = end.flight.heap_bytes();
    assert_eq!(
        end.read_fragment(at(0), Phase::Handshake, 0, fragment(0, 1, 0, b"a")),
        Ok("message")
    );
    assert!(end.flight.heap_bytes() >= before + size_of::<RecordNumber>());
    end.flight.ack_now();
    assert_eq!(acked(&end.record(at(1), 100).unwrap()), [(2, 0)]);
    end.flight.forget_last_flight();
    assert_eq!(end.flight.heap_bytes(), before);
}

#[test]
fn records_that_were_sent_take_all_their_room_at_once() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 600, Phase::Handshake, Group::LastFlight);
    let queued = end.flight.heap_bytes();
    let first = end.record(at(0), 32).unwrap();
    let book = end.flight.heap_bytes() - queued;
    assert!(book >= 32 * size_of::<RecordNumber>(), "{book} bytes");
    let rest = end.drain(at(0), 32);
    assert_eq!(rest.len(), 29);
    assert_eq!(end.flight.heap_bytes() - queued, book);
    end.flight.on_ack(at(1), core::iter::once(&first).chain(&rest).map(Record::number));
    while end.flight.poll_acked().is_some() {}
    assert_eq!(end.flight.heap_bytes(), 0);
}

#[test]
fn ack_that_is_due_needs_no_timer() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 100, 0, b"a")).unwrap();
    assert_eq!(end.flight.timeout(TimerKind::Ack), Some(at(250)));
    end.flight.ack_now();
    end.read_fragment(at(1), Phase::Plaintext, 1, fragment(0, 100, 1, b"a")).unwrap();
    assert_eq!(end.flight.timeout(TimerKind::Ack), None);
    assert_eq!(acked(&end.record(at(1), 100).unwrap()), [(0, 0), (0, 1)]);
}

#[test]
fn ack_is_not_repeated_where_nothing_has_arrived() {
    let mut end = End::new(FlightRules::V13);
    for paused in [true, false] {
        end.flight.pause(at(0), paused);
        assert_eq!(end.flight.poll_timeout(), None);
    }
}
