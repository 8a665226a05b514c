//! What goes out, and when.

use super::*;
use crate::Exhausted;

#[test]
fn flight_fills_records_and_packs_messages_of_one_phase() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
    end.send(HandshakeType::ENCRYPTED_EXTENSIONS, 10, Phase::Handshake, Group::Flight);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::Flight);
    end.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::Flight);
    let records = end.drain(at(0), 80);
    let fragments: Vec<_> = records.iter().map(Record::fragments).collect();
    assert_eq!(
        fragments,
        [
            vec![(0, 0, 40)],
            vec![(1, 0, 10), (2, 0, 46)],
            vec![(2, 46, 54), (3, 0, 2)],
            vec![(3, 2, 30)],
        ]
    );
    assert_eq!(records[0].phase, Phase::Plaintext);
    assert_eq!(records[1].phase, Phase::Handshake);
    assert_eq!(records[1].content.len(), 80);
}

#[test]
fn record_carries_one_fragment_before_1_3() {
    for rules in [FlightRules::V12, FlightRules::UNDECIDED] {
        let mut end = End::new(rules);
        end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
        end.send(HandshakeType::SERVER_HELLO_DONE, 0, Phase::Plaintext, Group::Flight);
        let records = end.drain(at(0), 1000);
        let fragments: Vec<_> = records.iter().map(Record::fragments).collect();
        assert_eq!(fragments, [vec![(0, 0, 40)], vec![(1, 0, 0)]]);
    }
}

#[test]
fn fill_without_room_for_one_byte_writes_nothing() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CLIENT_HELLO, 40, Phase::Plaintext, Group::Flight);
    assert!(end.flight.fill(&mut [0; 12]).is_none());
    assert_eq!(end.record(at(0), 13).unwrap().fragments(), [(0, 0, 1)]);
    // An empty message needs its header alone.
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::SERVER_HELLO_DONE, 0, Phase::Plaintext, Group::Flight);
    assert!(end.flight.fill(&mut [0; 11]).is_none());
    assert_eq!(end.record(at(0), 12).unwrap().fragments(), [(0, 0, 0)]);
    assert_eq!(end.flight.wants(), None);
}

#[test]
fn filled_token_that_is_dropped_is_wanted_again() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CLIENT_HELLO, 40, Phase::Plaintext, Group::Flight);
    let mut first = [0; 30];
    drop(end.flight.fill(&mut first).unwrap());
    assert_eq!(end.record(at(0), 30).unwrap().content, first);
}

#[test]
fn resend_ordered_between_fill_and_sent_starts_at_the_beginning() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CERTIFICATE, 60, Phase::Plaintext, Group::Flight);
    end.record(at(0), 32).unwrap();
    let filled = end.flight.fill(&mut [0; 32]).unwrap();
    assert!(end.flight.resend_now());
    end.flight.sent(at(0), filled, number(Phase::Plaintext, 9));
    assert_eq!(end.record(at(0), 32).unwrap().fragments(), [(0, 0, 20)]);
}

#[test]
fn change_cipher_spec_goes_between_phases_and_is_resent() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CLIENT_KEY_EXCHANGE, 33, Phase::Plaintext, Group::Flight);
    end.send(HandshakeType::FINISHED, 12, APP, Group::Flight);
    let shape = |records: &[Record]| -> Vec<_> {
        records.iter().map(|r| (r.content_type, r.phase)).collect()
    };
    let expected = [
        (ContentType::HANDSHAKE, Phase::Plaintext),
        (ContentType::CHANGE_CIPHER_SPEC, Phase::Plaintext),
        (ContentType::HANDSHAKE, APP),
    ];
    let first = end.drain(at(0), 100);
    assert_eq!(shape(&first), expected);
    assert_eq!(first[1].content, [1]);
    end.fire(at(1000));
    let again = end.drain(at(1000), 100);
    assert_eq!(shape(&again), expected);
    assert!(first.iter().zip(&again).all(|(a, b)| a.content == b.content && a.number < b.number));
}

#[test]
fn change_cipher_spec_precedes_a_finished_that_is_alone_in_its_flight() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::SERVER_HELLO_DONE, 0, Phase::Plaintext, Group::Flight);
    end.drain(at(0), 100);
    let hello = Record {
        phase: Phase::Plaintext,
        content_type: ContentType::HANDSHAKE,
        number: number(Phase::Plaintext, 0),
        content: Fragment::header(HandshakeType::CLIENT_KEY_EXCHANGE, MessageSeq(0), 0, 0, 0)
            .into(),
    };
    end.read(at(1), &hello).unwrap();
    end.send(HandshakeType::FINISHED, 12, APP, Group::LastFlight);
    let records = end.drain(at(1), 100);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].content_type, ContentType::CHANGE_CIPHER_SPEC);
    assert_eq!(records[1].fragments(), [(1, 0, 12)]);
}

#[test]
fn resend_with_another_room_has_the_same_bytes() {
    let mut end = End::new(FlightRules::V12);
    end.send(HandshakeType::CERTIFICATE, 500, Phase::Plaintext, Group::Flight);
    let mut bytes = Vec::new();
    for (millis, room) in [(0, 100), (1000, 77), (3000, 1200)] {
        end.fire(at(millis));
        let mut reader = End::new(FlightRules::V12);
        for record in end.drain(at(millis), room) {
            bytes.extend(reader.read(at(millis), &record).unwrap());
        }
    }
    assert_eq!(bytes.len(), 3);
    assert!(bytes.iter().all(|m| m.body == body(500, HandshakeType::CERTIFICATE.0)));
}

#[test]
fn new_flight_ends_the_old_one_and_its_back_off() {
    let mut client = End::new(FlightRules::V12);
    client.send(HandshakeType::CLIENT_HELLO, 40, Phase::Plaintext, Group::Flight);
    client.drain(at(0), 1000);
    client.fire(at(1000));
    client.drain(at(1000), 1000);
    assert_eq!(client.flight.retransmits(), 1);
    let mut server = End::new(FlightRules::V12);
    server.send(HandshakeType::HELLO_VERIFY_REQUEST, 20, Phase::Plaintext, Group::Flight);
    for record in server.drain(at(1500), 1000) {
        assert_eq!(client.read(at(1500), &record).unwrap().len(), 1);
    }
    // 1.2: the reply alone does not stop the timer.
    assert_eq!(client.flight.poll_timeout().unwrap().0, at(3000));
    client.send(HandshakeType::CLIENT_HELLO, 60, Phase::Plaintext, Group::Flight);
    let records = client.drain(at(1500), 1000);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].fragments(), [(1, 0, 60)]);
    assert_eq!(client.flight.retransmits(), 0);
    assert_eq!(client.flight.poll_timeout().unwrap().0, at(2500));
}

#[test]
fn messages_after_the_handshake_outlive_a_flight() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::NEW_SESSION_TICKET, 50, APP, Group::Ticket);
    end.drain(at(0), 1000);
    assert_eq!(
        end.read_fragment(at(1), Phase::Plaintext, 0, fragment(0, 1, 0, b"x")),
        Ok("message")
    );
    end.send(HandshakeType::FINISHED, 32, APP, Group::Flight);
    end.drain(at(1), 1000);
    assert!(!end.flight.nothing_outstanding(APP));
    end.flight.resend_now();
    let records = end.drain(at(2), 1000);
    let fragments: Vec<_> = records.iter().map(Record::fragments).collect();
    // RFC 9147 §5.5: only messages of one flight share a record.
    assert_eq!(fragments, [vec![(0, 0, 50)], vec![(1, 0, 32)]]);
}

#[test]
fn message_numbers_do_not_wrap() {
    let mut flight = Flight::new(FlightConfig::default(), MessageSeq(65_535), MessageSeq(0));
    let mut send = || flight.send(HandshakeType::KEY_UPDATE, vec![0], APP, Group::KeyUpdate);
    assert_eq!(send(), Ok(MessageSeq(65_535)));
    assert_eq!(send(), Err(Exhausted::MessageNumbers));
    assert_eq!(flight.next_send(), None);
}

#[test]
fn queue_is_bounded() {
    let mut end = End::new(FlightRules::V13);
    for _ in 0..32 {
        end.send(HandshakeType::NEW_SESSION_TICKET, 1, APP, Group::Ticket);
    }
    let ticket = HandshakeType::NEW_SESSION_TICKET;
    assert_eq!(end.flight.send(ticket, vec![1], APP, Group::Ticket), Err(Exhausted::Queue));
    let records = end.drain(at(0), 20);
    end.flight.on_ack(at(1), records.iter().map(Record::number));
    assert_eq!(end.flight.send(ticket, vec![1], APP, Group::Ticket), Err(Exhausted::Queue));
    assert!(end.flight.poll_acked().is_some());
    assert_eq!(end.flight.send(ticket, vec![1], APP, Group::Ticket), Ok(MessageSeq(32)));
}

#[test]
fn key_update_waits_until_the_last_flight_is_acknowledged() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::FINISHED, 32, Phase::Handshake, Group::LastFlight);
    let finished = end.drain(at(0), 1000);
    end.send(HandshakeType::KEY_UPDATE, 1, APP, Group::KeyUpdate);
    assert_eq!(end.flight.wants(), None);
    end.flight.on_ack(at(1), [finished[0].number()]);
    assert_eq!(end.drain(at(1), 1000).len(), 1);
}

#[test]
fn unsent_phase_is_that_of_the_first_message_that_never_left() {
    let mut end = End::new(FlightRules::V12);
    assert_eq!(end.flight.unsent_phase(), None);
    end.send(HandshakeType::CLIENT_KEY_EXCHANGE, 30, Phase::Plaintext, Group::Flight);
    end.send(HandshakeType::FINISHED, 12, APP, Group::Flight);
    assert_eq!(end.flight.unsent_phase(), Some(Phase::Plaintext));
    assert!(end.record(at(0), 1000).is_some());
    assert_eq!(end.flight.unsent_phase(), Some(APP));
    end.drain(at(0), 1000);
    assert_eq!(end.flight.unsent_phase(), None);
    assert!(end.flight.resend_now());
    assert_eq!(end.flight.unsent_phase(), None);
}

/// What a limit lets a server send for a repeated hello begins with what the client lacks to make
/// use of the rest. In 1.2 the client can use any part.
#[test]
fn flight_that_was_stopped_half_way_begins_again_when_the_hello_is_repeated() {
    for (rules, next) in [(FlightRules::V13, (0, 0, 40)), (FlightRules::V12, (1, 50, 50))] {
        let mut end = End::new(rules);
        let hello = || Fragment {
            typ: HandshakeType::CLIENT_HELLO,
            seq: MessageSeq(0),
            message_len: 10,
            offset: 0,
            body: &[1; 10],
        };
        assert_eq!(end.read_fragment(at(0), Phase::Plaintext, 0, hello()).unwrap(), "message");
        end.send(HandshakeType::SERVER_HELLO, 40, Phase::Plaintext, Group::Flight);
        // Nothing was sent yet: there is nothing to begin again.
        assert_eq!(end.read_fragment(at(0), Phase::Plaintext, 1, hello()).unwrap(), "repeat");
        end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::Flight);
        assert_eq!(end.record(at(0), 62).unwrap().fragments(), [(0, 0, 40)]);
        let rest = loop {
            let record = end.record(at(0), 62).unwrap();
            if record.content_type == ContentType::HANDSHAKE {
                break record.fragments();
            }
        };
        assert_eq!(rest, [(1, 0, 50)]);
        assert_eq!(end.read_fragment(at(1), Phase::Plaintext, 2, hello()).unwrap(), "repeat");
        assert_eq!(end.record(at(1), 62).unwrap().fragments(), [next]);
    }
}

/// The same for a client that has part of the ServerHello: it repeats its ACK of that part.
#[test]
fn flight_that_was_stopped_half_way_begins_again_when_an_ack_says_nothing_new() {
    let mut end = End::new(FlightRules::V13);
    end.send(HandshakeType::SERVER_HELLO, 100, Phase::Plaintext, Group::Flight);
    end.send(HandshakeType::CERTIFICATE, 100, Phase::Handshake, Group::Flight);
    let first = end.record(at(0), 52).unwrap();
    assert_eq!(first.fragments(), [(0, 0, 40)]);
    assert_eq!(end.record(at(0), 72).unwrap().fragments(), [(0, 40, 60)]);
    // What is new may have crossed the rest on its way.
    end.flight.on_ack(at(1), [first.number()]);
    assert_eq!(end.record(at(1), 52).unwrap().fragments(), [(1, 0, 40)]);
    end.flight.on_ack(at(2), [first.number()]);
    assert_eq!(end.record(at(2), 72).unwrap().fragments(), [(0, 40, 60)]);
    // Once the ServerHello has arrived the rest goes on by itself.
    end.flight.on_ack(at(3), [(0, 3)]);
    let rest = end.record(at(3), 52).unwrap().fragments();
    end.flight.on_ack(at(4), [first.number()]);
    let after = end.record(at(4), 52).unwrap().fragments();
    assert!(rest[0].0 == 1 && after[0].1 > rest[0].1, "{rest:?} {after:?}");
}
