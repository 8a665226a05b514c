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

#[test]
fn message_is_as_long_as_its_length_field_says_at_most() {
    let mut end = End::new(FlightRules::V13);
    let mut send = |len| {
        let typ = HandshakeType::CERTIFICATE;
        end.flight.send(typ, vec![0; len], Phase::Plaintext, Group::Flight)
    };
    assert_eq!(send(1 << 24), Err(crate::Exhausted::Length));
    assert_eq!(send((1 << 24) - 1), Ok(MessageSeq(0)));
    assert!(end.flight.heap_bytes() >= (1 << 24) - 1);
}

#[test]
fn only_the_phase_of_what_waits_is_outstanding() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::LastFlight);
    assert!(end.flight.nothing_outstanding(Phase::Plaintext));
    assert!(!end.flight.nothing_outstanding(Phase::Handshake));
}

#[test]
fn messages_of_one_record_are_all_answered_by_the_reply() {
    let mut end = End::new(FlightRules::V13);
    for _ in 0..3 {
        end.send(HandshakeType::CERTIFICATE, 10, Phase::Plaintext, Group::Flight);
    }
    assert_eq!(end.drain(at(0), 1000).len(), 1);
    assert!(end.flight.poll_timeout().is_some());
    end.read_fragment(at(1), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    assert!(!end.flight.resend_now());
}

#[test]
fn repeated_message_is_no_reply_though_a_new_one_waits() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 10, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 1000);
    end.send(HandshakeType::FINISHED, 10, Phase::Plaintext, Group::Flight);
    assert!(end.flight.resend_now());
    let part = fragment(5, 100, 0, b"a");
    assert_eq!(end.read_fragment(at(1), Phase::Plaintext, 7, part), Ok("buffered"));
    // The old message alone: there is room for no other.
    let again = end.record(at(1), 12 + 10).unwrap();
    assert_eq!(again.fragments(), [(0, 0, 10)]);
    let due = end.flight.timeout(TimerKind::Ack);
    assert_eq!(due, Some(at(251)), "the record is still to be acknowledged");
}

/// What may be sent for a repeated hello goes on where it stopped, if the client has shown that it
/// has the ServerHello.
#[test]
fn flight_whose_plaintext_is_acknowledged_does_not_begin_again_for_a_repeated_hello() {
    for acknowledged in [false, true] {
        let mut end = End::new(FlightRules::V13);
        let hello = || fragment(0, 1, 0, b"a");
        assert_eq!(end.read_fragment(at(0), Phase::Plaintext, 0, hello()), Ok("message"));
        end.send(HandshakeType::SERVER_HELLO, 10, Phase::Plaintext, Group::Flight);
        end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::Flight);
        let first = end.record(at(1), 62).unwrap();
        assert_eq!(end.record(at(1), 62).unwrap().fragments(), [(1, 0, 50)]);
        if acknowledged {
            end.flight.on_ack(at(2), [first.number()]);
        }
        assert_eq!(end.read_fragment(at(3), Phase::Plaintext, 1, hello()), Ok("repeat"));
        let next = end.record(at(3), 62).unwrap().fragments();
        assert_eq!(next, if acknowledged { [(1, 50, 50)] } else { [(0, 0, 10)] });
    }
}

#[test]
fn last_flight_ends_when_a_new_flight_answers_what_came_after_it() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::FINISHED, 12, Phase::Plaintext, Group::LastFlight);
    end.drain(at(0), 1000);
    end.read_fragment(at(1), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.send(HandshakeType::CERTIFICATE, 10, Phase::Plaintext, Group::Flight);
    end.drain(at(1), 1000);
    assert!(end.flight.resend_now());
    let again: Vec<_> = end.drain(at(2), 1000).iter().flat_map(Record::fragments).collect();
    assert_eq!(again, [(1, 0, 10)]);
}

#[test]
fn buffered_bytes_take_no_more_room_than_their_message() {
    let mut end = End::new(FlightRules::V13);
    let bytes = body(1000, 1);
    for part in [1..600, 600..900] {
        let part = fragment(0, 1000, part.start as u32, &bytes[part]);
        assert_eq!(end.read_fragment(at(0), Phase::Plaintext, 0, part), Ok("buffered"));
    }
    let held = end.flight.heap_bytes();
    // Besides: what is known of the message and of the record.
    assert!((899..1000 + 600).contains(&held), "{held} bytes");
    let mut small = End::new(FlightRules::V13);
    small.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1000, 1, b"a")).unwrap();
    assert!(held - small.flight.heap_bytes() < 999, "{held} bytes");
}

/// Parts of the next message are not counted, and never refused.
#[test]
fn bytes_ahead_are_counted_to_the_last_one() {
    let mut end = End::new(FlightRules::V13);
    let bytes = body(65_536, 1);
    let mut read = |sequence, seq, part: core::ops::Range<usize>| {
        let part = fragment(seq, 65_536, part.start as u32, &bytes[part]);
        end.read_fragment(at(0), Phase::Plaintext, sequence, part).unwrap()
    };
    assert_eq!(read(0, 0, 0..10_000), "buffered");
    for (sequence, at) in (1..).zip((0..65_536).step_by(8192)) {
        assert_eq!(read(sequence, 1, at..at + 8192), "buffered", "{at}");
    }
    assert_eq!(read(10, 2, 0..1), "dropped");
    assert_eq!(read(11, 0, 10_000..20_000), "buffered");
}

#[test]
fn resend_before_its_time_starts_the_timer_anew() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 10, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 1000);
    assert_eq!(end.flight.timeout(TimerKind::Retransmit), Some(at(1000)));
    assert!(end.flight.resend_now());
    assert_eq!(end.flight.timeout(TimerKind::Retransmit), None);
    end.drain(at(600), 1000);
    assert_eq!(end.flight.timeout(TimerKind::Retransmit), Some(at(1600)));
}

#[test]
fn ack_of_nothing_does_not_keep_half_a_flight_from_being_acknowledged_again() {
    let mut end = End::new(FlightRules::V13);
    assert_eq!(end.flight.next_send(), Some(MessageSeq(0)));
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 100, 0, b"a")).unwrap();
    assert_eq!(end.flight.timeout(TimerKind::Probe), Some(at(1000)));
    end.flight.on_ack(at(1), [(0, 7)]);
    assert_eq!(end.flight.timeout(TimerKind::Probe), Some(at(1000)));
}
