//! ACKs in both directions.

use super::*;
use crate::{Fired, TimedOut, TimerKind};

#[test]
fn ack_names_received_records_in_order_and_again() {
    let mut end = End::new(FlightRules::V13);
    for sequence in [7, 3, 5] {
        let part = fragment(0, 100, sequence as u32, b"a");
        end.read_fragment(at(0), Phase::Plaintext, sequence, part).unwrap();
    }
    assert_eq!(end.flight.wants(), None);
    // RFC 9147 §7.1: 1/4 of the retransmission timeout.
    assert_eq!(end.flight.poll_timeout(), Some((at(250), TimerKind::Ack)));
    assert_eq!(end.fire(at(250)), [Fired::Ack]);
    let ack = end.record(at(250), 100).unwrap();
    assert_eq!(acked(&ack), [(0, 3), (0, 5), (0, 7)]);
    assert_eq!(end.flight.timeout(TimerKind::Ack), None);
    end.read_fragment(at(300), Phase::Plaintext, 4, fragment(0, 100, 50, b"a")).unwrap();
    end.read_fragment(at(400), Phase::Plaintext, 4, fragment(0, 100, 50, b"a")).unwrap();
    assert_eq!(end.flight.poll_timeout(), Some((at(550), TimerKind::Ack)));
    end.fire(at(550));
    assert_eq!(acked(&end.record(at(550), 100).unwrap()), [(0, 3), (0, 4), (0, 5), (0, 7)]);
}

/// The rest may wait for a word from us: it is said again, less and less often.
#[test]
fn ack_of_half_a_flight_is_repeated_until_more_comes_or_the_time_is_up() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 100, 0, b"a")).unwrap();
    assert_eq!(end.fire(at(250)), [Fired::Ack]);
    assert!(end.record(at(250), 100).is_some());
    for due in [1000, 3000, 7000] {
        assert_eq!(end.flight.poll_timeout(), Some((at(due), TimerKind::Probe)));
        assert_eq!(end.fire(at(due)), [Fired::Ack]);
        assert_eq!(acked(&end.record(at(due), 100).unwrap()), [(0, 0)]);
    }
    // Progress: it begins anew.
    end.read_fragment(at(8000), Phase::Plaintext, 1, fragment(0, 100, 1, b"a")).unwrap();
    assert_eq!(end.flight.timeout(TimerKind::Probe), Some(at(9000)));
    let mut now = at(8000);
    while let Some((due, _)) = end.flight.poll_timeout() {
        now = due;
        match end.flight.handle_timeout(now) {
            Ok(_) => drop(end.record(now, 100)),
            Err(TimedOut) => break,
        }
    }
    assert_eq!(now, at(8000 + 483_000));
}

#[test]
fn ack_is_not_repeated_while_our_own_flight_waits_or_is_paused_or_when_it_is_switched_off() {
    let part = || fragment(0, 100, 0, b"a");
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, part()).unwrap();
    end.flight.pause(at(1), true);
    assert_eq!(end.flight.timeout(TimerKind::Probe), None);
    end.flight.pause(at(2), false);
    assert_eq!(end.flight.timeout(TimerKind::Probe), Some(at(1002)));
    end.send(HandshakeType::CLIENT_HELLO, 10, Phase::Plaintext, Group::Flight);
    assert!(end.record(at(3), 1000).is_some());
    assert_eq!(end.flight.timeout(TimerKind::Probe), None);

    let config = FlightConfig { repeat_acks: false, ..FlightConfig::default() };
    let mut end = End::with(config, FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, part()).unwrap();
    assert_eq!(end.flight.timeout(TimerKind::Probe), None);
}

#[test]
fn ack_is_cut_to_the_most_recent_that_fit() {
    let mut end = End::new(FlightRules::V13);
    for sequence in 0..40 {
        let part = fragment(0, 100, sequence as u32, b"a");
        end.read_fragment(at(0), Phase::Plaintext, sequence, part).unwrap();
    }
    end.flight.ack_now();
    assert!(end.flight.fill(&mut [0; 17]).is_none());
    let ack = end.record(at(0), 2 + 16 * 3 + 15).unwrap();
    assert_eq!(acked(&ack), [(0, 37), (0, 38), (0, 39)]);
    end.flight.ack_now();
    let ack = end.record(at(0), 2000).unwrap();
    assert_eq!(acked(&ack), (8..40).map(|n| (0, n)).collect::<Vec<_>>());
}

#[test]
fn no_ack_before_the_version_is_known() {
    let mut end = End::new(FlightRules::UNDECIDED);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 10, 0, b"a")).unwrap();
    end.flight.ack_now();
    assert_eq!((end.flight.wants(), end.flight.poll_timeout()), (None, None));
    // What arrived before is in the first ACK after.
    end.flight.set_rules(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 1, fragment(0, 10, 1, b"b")).unwrap();
    end.fire(at(250));
    assert_eq!(acked(&end.record(at(250), 100).unwrap()), [(0, 0), (0, 1)]);
}

#[test]
fn no_ack_in_1_2() {
    let mut end = End::new(FlightRules::UNDECIDED);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 10, 0, b"a")).unwrap();
    end.flight.set_rules(FlightRules::V12);
    end.read_fragment(at(0), Phase::Plaintext, 1, fragment(0, 10, 1, b"b")).unwrap();
    end.flight.ack_now();
    assert_eq!((end.flight.wants(), end.flight.poll_timeout()), (None, None));
}

#[test]
fn ack_is_sent_in_the_highest_write_phase_but_never_early_data() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 10, 0, b"a")).unwrap();
    end.flight.ack_now();
    for (write, ack) in
        [(Phase::EarlyData, Phase::Plaintext), (Phase::Handshake, Phase::Handshake), (APP, APP)]
    {
        end.flight.set_write_phase(write);
        assert_eq!(end.flight.wants().unwrap().phase, ack);
    }
}

#[test]
fn early_data_records_are_not_acknowledged() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.flight.set_read_phase(Phase::EarlyData).unwrap();
    end.read_fragment(at(0), Phase::EarlyData, 0, fragment(1, 2, 0, b"a")).unwrap();
    end.flight.ack_now();
    assert_eq!(acked(&end.record(at(0), 100).unwrap()), [(0, 0)]);
}

#[test]
fn reply_takes_the_place_of_the_ack() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.fire(at(250));
    end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
    assert_eq!(end.flight.wants().unwrap().content_type, ContentType::HANDSHAKE);
    end.drain(at(250), 1000);
    assert_eq!(end.flight.timeout(TimerKind::Ack), None);
    // Not a retransmission: the peer's records that came since still need their ACK.
    end.read_fragment(at(300), Phase::Plaintext, 1, fragment(0, 1, 0, b"a")).unwrap();
    end.flight.resend_now();
    end.drain(at(300), 1000);
    end.fire(at(550));
    assert_eq!(acked(&end.record(at(550), 100).unwrap()), [(0, 1)]);
}

/// The peer has not got our reply, or not yet. It could not read an ACK under the keys that the
/// reply leads to, and would have to drop what follows it in the datagram.
#[test]
fn repeat_is_not_acknowledged_under_the_keys_that_our_reply_leads_to() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::Flight);
    end.flight.set_write_phase(APP);
    end.drain(at(0), 1000);
    let repeated = end.read_fragment(at(900), Phase::Plaintext, 1, fragment(0, 1, 0, b"a"));
    assert_eq!(repeated, Ok("repeat"));
    assert_eq!(end.flight.poll_timeout(), Some((at(1000), TimerKind::Retransmit)));
    end.fire(at(1000));
    let again: Vec<_> = end.drain(at(1000), 1000).iter().map(|r| r.content_type).collect();
    assert_eq!(again, [ContentType::HANDSHAKE; 2]);
    // Nor later, once part of the answer is here.
    end.flight.set_read_phase(Phase::Handshake).unwrap();
    end.read_fragment(at(1100), Phase::Handshake, 0, fragment(1, 2, 0, b"b")).unwrap();
    end.fire(at(1350));
    assert_eq!(acked(&end.record(at(1350), 100).unwrap()), [(2, 0)]);
}

/// A server that is asked to sign has its ServerHello ready, and keys that the client lacks.
#[test]
fn ack_while_the_reply_is_held_back_has_keys_that_the_peer_has() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.send(HandshakeType::CERTIFICATE, 40, Phase::Handshake, Group::Flight);
    end.flight.set_write_phase(Phase::Handshake);
    end.flight.pause(at(0), true);
    end.fire(at(250));
    let ack = end.record(at(250), 100).unwrap();
    assert_eq!((ack.phase, acked(&ack)), (Phase::Plaintext, vec![(0, 0)]));
    // It has not come, or too late.
    end.read_fragment(at(400), Phase::Plaintext, 1, fragment(0, 1, 0, b"a")).unwrap();
    end.fire(at(650));
    let ack = end.record(at(650), 100).unwrap();
    assert_eq!((ack.phase, acked(&ack)), (Phase::Plaintext, vec![(0, 0), (0, 1)]));
}

/// RFC 9147 §7 asks for an epoch that is not below that of the acknowledged record. A peer that
/// repeats its handshake may lack our Finished, and with it the keys of a higher one.
#[test]
fn ack_of_the_handshake_stays_in_its_phase_until_our_last_flight_is_acknowledged() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.flight.set_read_phase(Phase::Handshake).unwrap();
    end.read_fragment(at(0), Phase::Handshake, 0, fragment(1, 1, 0, b"b")).unwrap();
    end.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::LastFlight);
    end.flight.set_write_phase(APP);
    let finished = end.drain(at(0), 100);
    end.flight.complete(at(0));
    end.read_fragment(at(100), Phase::Plaintext, 1, fragment(0, 1, 0, b"a")).unwrap();
    end.read_fragment(at(100), Phase::Handshake, 1, fragment(1, 1, 0, b"b")).unwrap();
    end.flight.ack_now();
    assert_eq!(end.flight.wants().unwrap().phase, Phase::Handshake);
    assert_eq!(acked(&end.record(at(100), 100).unwrap()), [(0, 1), (2, 1)]);
    // The peer could not have sent this without the keys of our last flight.
    end.flight.set_read_phase(APP).unwrap();
    end.read_fragment(at(200), APP, 0, fragment(2, 1, 0, b"t")).unwrap();
    end.flight.ack_now();
    assert_eq!(end.flight.wants().unwrap().phase, APP);
    end.drain(at(200), 100);
    end.flight.on_ack(at(300), [finished[0].number()]);
    end.read_fragment(at(300), Phase::Handshake, 2, fragment(1, 1, 0, b"b")).unwrap();
    end.flight.ack_now();
    assert_eq!(end.flight.wants().unwrap().phase, APP);
}

#[test]
fn key_update_in_reply_does_not_take_the_place_of_the_ack() {
    // RFC 9147 §7.1: the two KeyUpdates might have crossed.
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    end.flight.complete(at(0));
    end.send(HandshakeType::KEY_UPDATE, 1, APP, Group::KeyUpdate);
    end.drain(at(0), 100);
    end.fire(at(250));
    assert_eq!(acked(&end.record(at(250), 100).unwrap()), [(0, 0)]);
}

#[test]
fn server_acknowledges_the_last_flight_at_once_and_before_its_tickets() {
    let mut server = End::new(FlightRules::V13);
    server.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"a")).unwrap();
    server.flight.ack_now();
    server.flight.complete(at(0));
    server.send(HandshakeType::NEW_SESSION_TICKET, 10, APP, Group::Ticket);
    let records = server.drain(at(0), 100);
    let types: Vec<_> = records.iter().map(|r| r.content_type).collect();
    assert_eq!(types, [ContentType::ACK, ContentType::HANDSHAKE]);
    // The records of the last flight were acknowledged: they are not named again.
    server.read_fragment(at(1), Phase::Plaintext, 1, fragment(1, 1, 0, b"k")).unwrap();
    server.fire(at(251));
    assert_eq!(acked(&server.record(at(251), 100).unwrap()), [(0, 1)]);
    // A repeat of the last flight is acknowledged again (RFC 9147 §5.8.1).
    server.read_fragment(at(300), Phase::Plaintext, 2, fragment(0, 1, 0, b"a")).unwrap();
    server.fire(at(550));
    assert_eq!(acked(&server.record(at(550), 100).unwrap()), [(0, 1), (0, 2)]);
}

#[test]
fn retransmission_leaves_out_what_is_acknowledged() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::LastFlight);
    end.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::LastFlight);
    let records = end.drain(at(0), 52); // 40 + 40 + 20 and 8 + 24
    assert_eq!(records.len(), 4);
    end.flight.on_ack(at(1), [records[1].number(), (9, 9), (u64::MAX, u64::MAX)]);
    end.fire(at(1000));
    let again = end.drain(at(1000), 52);
    let fragments: Vec<_> = again.iter().map(Record::fragments).collect();
    assert_eq!(fragments, [vec![(0, 0, 40)], vec![(0, 80, 20), (1, 0, 8)], vec![(1, 8, 24)]]);
    // A late ACK of the first transmission counts too.
    end.flight.on_ack(at(1001), [records[2].number()]);
    assert_eq!(end.flight.poll_acked(), None);
    end.flight.on_ack(at(1002), [again[0].number(), records[3].number()]);
    let acked: Vec<_> = core::iter::from_fn(|| end.flight.poll_acked()).collect();
    assert_eq!(acked, [(MessageSeq(0), Group::LastFlight), (MessageSeq(1), Group::LastFlight)]);
    assert!(end.flight.nothing_outstanding(Phase::Handshake));
    assert_eq!((end.flight.poll_timeout(), end.flight.heap_bytes()), (None, 0));
}

#[test]
fn retransmission_around_acknowledged_ranges_marks_only_what_it_carried() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 60, Phase::Handshake, Group::LastFlight);
    let first = end.drain(at(0), 32); // 20 + 20 + 20
    end.flight.on_ack(at(1), [first[1].number()]);
    end.fire(at(1000));
    let again = end.drain(at(1000), 100);
    assert_eq!(again[0].fragments(), [(0, 0, 20), (0, 40, 20)]);
    end.flight.on_ack(at(1001), [again[0].number()]);
    assert_eq!(end.flight.poll_acked(), Some((MessageSeq(0), Group::LastFlight)));
}

#[test]
fn empty_message_is_acknowledged_by_its_header() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::END_OF_EARLY_DATA, 0, Phase::Handshake, Group::LastFlight);
    let records = end.drain(at(0), 100);
    assert_eq!(records.len(), 1);
    end.flight.on_ack(at(1), [records[0].number()]);
    assert_eq!(end.flight.poll_acked(), Some((MessageSeq(0), Group::LastFlight)));
}

#[test]
fn forgotten_record_costs_a_resend_only() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::CERTIFICATE, 33 * 10, Phase::Handshake, Group::LastFlight);
    let records = end.drain(at(0), 22);
    assert_eq!(records.len(), 33);
    end.flight.on_ack(at(1), records.iter().map(Record::number));
    end.fire(at(1000));
    let again = end.drain(at(1000), 22);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].fragments(), [(0, 0, 10)]);
}

#[test]
fn acks_are_ignored_before_the_version_is_known_and_in_1_2() {
    for rules in [FlightRules::UNDECIDED, FlightRules::V12] {
        let mut end = End::new(rules);
        end.send(HandshakeType::CLIENT_HELLO, 10, Phase::Plaintext, Group::Flight);
        let records = end.drain(at(0), 100);
        end.flight.on_ack(at(1), records.iter().map(Record::number));
        assert_eq!(end.flight.poll_acked(), None);
        end.fire(at(1000));
        assert_eq!(end.drain(at(1000), 100).len(), 1);
    }
}

#[test]
fn key_update_is_reported_after_everything_before_it() {
    // RFC 9147 §8
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::NEW_SESSION_TICKET, 10, APP, Group::Ticket);
    let ticket = end.drain(at(0), 100);
    end.send(HandshakeType::KEY_UPDATE, 1, APP, Group::KeyUpdate);
    let update = end.drain(at(0), 100);
    end.flight.on_ack(at(1), [update[0].number()]);
    assert_eq!(end.flight.poll_acked(), None);
    end.fire(at(1000));
    let again = end.drain(at(1000), 100);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].fragments(), [(0, 0, 10)]);
    end.flight.on_ack(at(1001), [ticket[0].number()]);
    let acked: Vec<_> = core::iter::from_fn(|| end.flight.poll_acked()).collect();
    assert_eq!(acked, [(MessageSeq(0), Group::Ticket), (MessageSeq(1), Group::KeyUpdate)]);
}

#[test]
fn first_fragment_of_the_reply_acknowledges_the_flight_in_1_3() {
    // RFC 9147 §7.1
    let mut server = End::new(FlightRules::V13);
    server.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::Flight);
    server.flight.set_read_phase(Phase::Handshake).unwrap();
    // Not plaintext that anyone can have sent, and not before the flight is out.
    server.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 9, 0, b"a")).unwrap();
    server.read_fragment(at(0), Phase::Handshake, 0, fragment(0, 9, 0, b"a")).unwrap();
    assert_eq!(server.drain(at(0), 100).len(), 1);
    assert_eq!(server.flight.timeout(TimerKind::Retransmit), Some(at(1000)));
    server.read_fragment(at(1), Phase::Handshake, 1, fragment(0, 9, 1, b"a")).unwrap();
    assert_eq!(server.flight.timeout(TimerKind::Retransmit), None);
    assert!(server.flight.nothing_outstanding(Phase::Handshake));
}

#[test]
fn last_flight_is_not_acknowledged_by_what_follows() {
    let mut client = End::new(FlightRules::V13);
    client.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::LastFlight);
    client.drain(at(0), 100);
    client.flight.complete(at(0));
    client.read_fragment(at(1), Phase::Plaintext, 1, fragment(0, 1, 0, b"t")).unwrap();
    assert!(!client.flight.nothing_outstanding(Phase::Handshake));
    assert_eq!(client.flight.timeout(TimerKind::Retransmit), Some(at(1000)));
}

#[test]
fn version_learned_from_the_reply_acknowledges_the_hello() {
    let mut client = End::new(FlightRules::UNDECIDED);
    client.send(HandshakeType::CLIENT_HELLO, 10, Phase::Plaintext, Group::Flight);
    client.drain(at(0), 100);
    client.read_fragment(at(1), Phase::Plaintext, 0, fragment(0, 1, 0, b"s")).unwrap();
    assert_eq!(client.flight.timeout(TimerKind::Retransmit), Some(at(1000)));
    client.flight.set_rules(FlightRules::V13);
    assert_eq!(client.flight.timeout(TimerKind::Retransmit), None);
}

#[test]
fn end_of_the_handshake_keys_forgets_what_was_acknowledged_under_them_alone() {
    let mut end = End::new(FlightRules::V13);
    end.flight.set_read_phase(Phase::Handshake).unwrap();
    end.read_fragment(at(0), Phase::Handshake, 0, fragment(0, 1, 0, b"f")).unwrap();
    end.flight.ack_now();
    end.drain(at(0), 100);
    end.flight.set_read_phase(APP).unwrap();
    end.read_fragment(at(1), APP, 0, fragment(1, 1, 0, b"k")).unwrap();
    end.fire(at(251));
    assert_eq!(acked(&end.record(at(251), 100).unwrap()), [(2, 0), (3, 0)]);
    end.flight.forget_last_flight();
    // The peer may have lost that ACK: it is told again.
    end.read_fragment(at(300), APP, 1, fragment(1, 1, 0, b"k")).unwrap();
    end.fire(at(550));
    assert_eq!(acked(&end.record(at(550), 100).unwrap()), [(3, 0), (3, 1)]);
}

#[test]
fn repeat_under_other_keys_is_acknowledged_unless_it_is_plaintext() {
    let mut end = End::new(FlightRules::V13);
    end.read_fragment(at(0), Phase::Plaintext, 0, fragment(0, 1, 0, b"s")).unwrap();
    end.flight.set_read_phase(Phase::Handshake).unwrap();
    end.read_fragment(at(0), Phase::Handshake, 0, fragment(1, 1, 0, b"f")).unwrap();
    end.flight.set_read_phase(APP).unwrap();
    end.flight.ack_now();
    end.send(HandshakeType::NEW_SESSION_TICKET, 10, APP, Group::Ticket);
    end.drain(at(0), 100);
    for (phase, seq) in [(APP, 0), (APP, 1), (Phase::Plaintext, 1)] {
        let part = fragment(seq, 1, 0, b"x");
        assert_eq!(end.read_fragment(at(1), phase, 5 + u64::from(seq), part), Ok("dropped"));
    }
    end.fire(at(251));
    assert_eq!(acked(&end.record(at(251), 100).unwrap()), [(3, 5), (3, 6)]);
}

/// A client whose hello is acknowledged has nothing to send again, and a server that may send only
/// for what it receives could be left without a word.
#[test]
fn hello_is_not_acknowledged_by_a_server_that_lives_on_repeats() {
    for keeps in [false, true] {
        let mut end = End::new(FlightRules::V13);
        if keeps {
            end.flight.keep_peer_sending();
        }
        let hello = Fragment {
            typ: HandshakeType::CLIENT_HELLO,
            seq: MessageSeq(0),
            message_len: 10,
            offset: 0,
            body: &[1; 10],
        };
        assert_eq!(end.read_fragment(at(0), Phase::Plaintext, 0, hello).unwrap(), "message");
        let fired = end.fire(at(250));
        assert_eq!(fired, if keeps { vec![] } else { vec![Fired::Ack] });
        assert_eq!(end.drain(at(250), 100).len(), usize::from(!keeps));
        // Records under keys are acknowledged as ever.
        end.flight.set_write_phase(Phase::Handshake);
        end.flight.set_read_phase(Phase::Handshake).unwrap();
        let part = fragment(1, 100, 0, &[2; 10]);
        assert_eq!(end.read_fragment(at(300), Phase::Handshake, 0, part).unwrap(), "buffered");
        assert!(end.fire(at(600)).contains(&Fired::Ack));
    }
}
