//! Reassembly, phases, repeats.

use super::*;

const PLAIN: Phase = Phase::Plaintext;

/// A receiver whose next message is number 1, in `Phase::Handshake`.
fn protected() -> End {
    let mut end = End::new(FlightRules::V13);
    assert_eq!(end.read_fragment(at(0), PLAIN, 0, fragment(0, 1, 0, b"h")), Ok("message"));
    end.flight.set_read_phase(Phase::Handshake).unwrap();
    end
}

#[test]
fn whole_next_message_is_not_copied() {
    let mut end = End::new(FlightRules::V13);
    let bytes = body(100, 1);
    let mut record = end.flight.begin_record(number(PLAIN, 0), PLAIN);
    let received = end.flight.on_fragment(at(0), &mut record, fragment(0, 100, 0, &bytes));
    let Ok(Received::Message(message)) = received else { panic!("{received:?}") };
    assert!(core::ptr::eq(message.body, bytes.as_slice()));
    assert_eq!(end.flight.heap_bytes(), 0);
    assert_eq!(end.flight.next_receive(), Some(MessageSeq(1)));
}

#[test]
fn overlapping_equal_fragments_make_the_message() {
    let mut end = End::new(FlightRules::V12);
    let bytes = body(30, 2);
    for (sequence, range) in [(0, 20..30), (1, 5..12), (2, 5..12), (3, 8..25), (4, 0..6)] {
        let part = &bytes[range.clone()];
        let part = fragment(0, 30, range.start as u32, part);
        assert_eq!(end.read_fragment(at(0), PLAIN, sequence, part), Ok("buffered"));
        assert_eq!(end.flight.pop_message().is_some(), sequence == 4, "after {range:?}");
    }
    assert_eq!(end.flight.heap_bytes(), 0);
}

#[test]
fn conflicting_bytes_end_a_protected_handshake_only() {
    // RFC 9147 §5.5
    for conflict in [
        fragment(1, 10, 2, b"xyz"),
        fragment(1, 11, 6, b"gh"),
        Fragment { typ: HandshakeType::FINISHED, ..fragment(1, 10, 6, b"gh") },
    ] {
        let mut end = protected();
        let mut first = |f| end.read_fragment(at(0), Phase::Handshake, 1, f);
        assert_eq!(first(fragment(1, 10, 0, b"abcdef")), Ok("buffered"));
        assert_eq!(first(conflict), Err(Violation::ConflictingFragment));

        let mut end = End::new(FlightRules::V13);
        let first = Fragment { seq: MessageSeq(0), ..fragment(0, 10, 0, b"abcdef") };
        let conflict = Fragment { seq: MessageSeq(0), ..conflict };
        let mut read = |n, f| end.read_fragment(at(0), PLAIN, n, f);
        assert_eq!(read(0, first), Ok("buffered"));
        assert_eq!(read(1, conflict), Ok("dropped"));
        assert_eq!(read(2, fragment(0, 10, 6, b"ghij")), Ok("buffered"));
        assert_eq!(end.flight.pop_message().unwrap().body, b"abcdefghij");
    }
}

#[test]
fn claimed_length_above_the_limit_is_refused_before_allocation() {
    let mut end = End::new(FlightRules::V12);
    let huge = fragment(0, 0xff_ffff, 0, b"a");
    assert_eq!(end.read_fragment(at(0), PLAIN, 0, huge), Err(Violation::MessageTooLong));
    assert_eq!(end.flight.heap_bytes(), 0);
    // A length at the limit costs what was received of it.
    assert_eq!(
        end.read_fragment(at(0), PLAIN, 0, fragment(0, 65_536, 60_000, b"a")),
        Ok("buffered")
    );
    assert!(end.flight.heap_bytes() < 1000, "{}", end.flight.heap_bytes());
}

#[test]
fn seventh_message_ahead_is_dropped_and_not_acknowledged() {
    let mut end = protected();
    end.flight.set_write_phase(Phase::Handshake);
    let mut read =
        |seq, n| end.read_fragment(at(0), Phase::Handshake, n, fragment(seq, 1, 0, b"a"));
    assert_eq!(read(8, 5), Ok("dropped"));
    assert_eq!(read(7, 6), Ok("buffered"));
    end.flight.ack_now();
    let ack = end.record(at(0), 100).unwrap();
    assert_eq!(acked(&ack), [(0, 0), (2, 6)]);
}

#[test]
fn messages_ahead_have_a_byte_bound_that_never_blocks_the_next() {
    let mut end = protected();
    let bytes = body(60_000, 3);
    let mut read = |seq| {
        end.read_fragment(at(0), Phase::Handshake, u64::from(seq), fragment(seq, 60_000, 0, &bytes))
    };
    assert_eq!(read(3), Ok("buffered"));
    assert_eq!(read(4), Ok("dropped"));
    assert_eq!(read(2), Ok("dropped"));
    assert_eq!(read(1), Ok("message"));
}

#[test]
fn plaintext_fragment_in_a_protected_phase_is_dropped() {
    let mut end = protected();
    assert_eq!(end.read_fragment(at(0), PLAIN, 1, fragment(1, 3, 0, b"abc")), Ok("dropped"));
    let good = fragment(1, 3, 0, b"xyz");
    assert_eq!(end.read_fragment(at(0), Phase::Handshake, 0, good), Ok("message"));
}

#[test]
fn authenticated_fragment_of_another_phase_is_a_violation() {
    for phase in [Phase::EarlyData, APP] {
        let mut end = protected();
        let read = end.read_fragment(at(0), phase, 0, fragment(1, 3, 0, b"abc"));
        assert_eq!(read, Err(Violation::UnexpectedPhase));
    }
}

#[test]
fn fragments_buffered_across_a_key_change_are_dropped_or_a_violation() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), PLAIN, 0, fragment(0, 3, 0, b"a")).unwrap();
    assert_eq!(end.flight.set_read_phase(Phase::Handshake), Ok(()));
    assert!(end.flight.heap_bytes() < 200, "only the list of phases");
    assert_eq!(
        end.read_fragment(at(0), Phase::Handshake, 0, fragment(0, 1, 0, b"z")),
        Ok("message"),
        "nothing of the plaintext fragment is left"
    );
    end.read_fragment(at(0), Phase::Handshake, 1, fragment(1, 3, 0, b"a")).unwrap();
    assert_eq!(end.flight.set_read_phase(APP), Err(Violation::UnexpectedPhase));
}

#[test]
fn zero_length_fragments_change_nothing() {
    let mut end = End::new(FlightRules::V13);
    for offset in [0, 5, 10] {
        assert_eq!(end.read_fragment(at(0), PLAIN, 0, fragment(0, 10, offset, b"")), Ok("dropped"));
    }
    let wrong = Fragment { typ: HandshakeType::FINISHED, ..fragment(0, 10, 0, b"") };
    assert_eq!(end.read_fragment(at(0), PLAIN, 1, wrong), Ok("dropped"));
    let good = body(10, 0);
    assert_eq!(end.read_fragment(at(0), PLAIN, 2, fragment(0, 10, 0, &good)), Ok("message"));
}

#[test]
fn empty_messages_are_delivered_in_order() {
    let mut end = End::new(FlightRules::V12);
    assert_eq!(end.read_fragment(at(0), PLAIN, 1, fragment(1, 0, 0, b"")), Ok("buffered"));
    assert!(end.flight.pop_message().is_none());
    assert_eq!(end.read_fragment(at(0), PLAIN, 0, fragment(0, 0, 0, b"")), Ok("message"));
    assert_eq!(end.flight.pop_message().unwrap().seq, MessageSeq(1));
}

#[test]
fn paused_delivery_buffers_and_acknowledges() {
    let mut end = protected();
    end.flight.pause(at(0), true);
    let good = fragment(1, 3, 0, b"abc");
    assert_eq!(end.read_fragment(at(0), Phase::Handshake, 1, good), Ok("buffered"));
    assert!(end.flight.pop_message().is_none());
    assert!(end.flight.timeout(crate::TimerKind::Ack).is_some());
    end.flight.pause(at(0), false);
    assert_eq!(end.flight.pop_message().unwrap().body, b"abc");
}

#[test]
fn pieces_are_bounded_and_a_resend_in_order_always_completes() {
    let mut end = End::new(FlightRules::V12);
    let bytes = body(1000, 9);
    let read = |end: &mut End, offset: usize| {
        let part = fragment(0, 1000, offset as u32, &bytes[offset..=offset]);
        end.read_fragment(at(0), PLAIN, offset as u64, part).unwrap()
    };
    let kept = (0..500).rev().filter(|i| read(&mut end, 1 + 2 * i) == "buffered").count();
    assert_eq!(kept, 256);
    for offset in 0..1000 {
        assert_eq!(read(&mut end, offset), "buffered", "{offset}");
    }
    assert_eq!(end.flight.pop_message().unwrap().body, bytes);
}

#[test]
fn repeat_outside_its_own_phase_is_dropped() {
    let mut end = protected();
    assert_eq!(end.read_fragment(at(0), PLAIN, 1, fragment(0, 1, 0, b"h")), Ok("repeat"));
    assert_eq!(
        end.read_fragment(at(0), Phase::Handshake, 2, fragment(0, 1, 0, b"h")),
        Ok("dropped")
    );
}

#[test]
fn repeated_finished_resends_the_last_flight_once_for_each_repeat() {
    // RFC 6347 §4.2.4
    let mut server = End::new(FlightRules::V12);
    server.flight.set_read_phase(APP).unwrap();
    assert_eq!(server.read_fragment(at(0), APP, 50, fragment(0, 1, 0, b"a")), Ok("message"));
    let finished = body(12, 4);
    let finished = |offset: usize, end: usize| Fragment {
        typ: HandshakeType::FINISHED,
        ..fragment(1, 12, offset as u32, &finished[offset..end])
    };
    assert_eq!(server.read_fragment(at(0), APP, 0, finished(0, 12)), Ok("message"));
    server.send(HandshakeType::FINISHED, 12, APP, Group::LastFlight);
    // Not before completion: the flight is on its way.
    assert_eq!(server.drain(at(0), 100).len(), 2);
    assert_eq!(server.read_fragment(at(0), APP, 1, finished(0, 12)), Ok("repeat"));
    assert_eq!(server.drain(at(0), 100).len(), 0);
    server.flight.complete(at(0));
    assert_eq!(server.flight.poll_timeout(), None);
    for repeat in 1..4 {
        // One repeat in two fragments, before and after the resend.
        server.read_fragment(at(1), APP, 10 * repeat, finished(0, 5)).unwrap();
        assert_eq!(server.drain(at(1), 100).len(), 2, "ChangeCipherSpec and Finished");
        server.read_fragment(at(1), APP, 10 * repeat + 1, finished(5, 12)).unwrap();
        assert_eq!(server.drain(at(1), 100).len(), 0);
        assert_eq!(server.flight.flights_resent(), repeat);
    }
    let other = Fragment { seq: MessageSeq(0), ..finished(0, 12) };
    assert_eq!(server.read_fragment(at(1), APP, 98, other), Ok("repeat"));
    assert_eq!(server.drain(at(1), 100).len(), 0, "not the Finished");
    assert_eq!(server.read_fragment(at(1), PLAIN, 99, finished(0, 12)), Ok("dropped"));
    assert_eq!(server.drain(at(1), 100).len(), 0);
    server.flight.forget_last_flight();
    server.read_fragment(at(2), APP, 100, finished(0, 12)).unwrap();
    assert_eq!(server.drain(at(2), 100).len(), 0);
}
