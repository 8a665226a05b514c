//! Laws that hold for every input.

use proptest::collection::vec as many;
use proptest::prelude::*;

use super::*;
use crate::reassembly_bound;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

/// Lengths of up to seven messages, and how they arrive: each entry cuts a piece out of one.
fn arrival() -> impl Strategy<Value = (Vec<usize>, Vec<(usize, usize, usize)>)> {
    let pieces = many((any::<usize>(), any::<usize>(), 1usize..400), 0..60);
    (many(0usize..1000, 1..=7), pieces)
}

/// What a hostile peer may put into a fragment's header.
fn hostile() -> impl Strategy<Value = (u8, u16, u32, u32, usize, bool, bool)> {
    let len = prop_oneof![0u32..100, 0u32..70_000, Just(0xff_ffff)];
    (0u8..3, 0u16..12, len, any::<u32>(), 0usize..1200, any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn any_fragmentation_order_and_duplication_gives_the_same_messages(
        (lens, pieces) in arrival(),
        rest in 1usize..300,
    ) {
        let bodies: Vec<_> = lens.iter().enumerate().map(|(i, len)| body(*len, i as u8)).collect();
        let mut parts = Vec::new();
        for (message, start, len) in pieces {
            let message = message % bodies.len();
            let start = start % (bodies[message].len() + 1);
            parts.push((message, start, (start + len).min(bodies[message].len())));
        }
        // Whatever is missing comes last, backwards.
        for (message, body) in bodies.iter().enumerate().rev() {
            let mut cuts: Vec<_> = (0..body.len().max(1)).step_by(rest).collect();
            cuts.reverse();
            parts.extend(cuts.iter().map(|at| (message, *at, (at + rest).min(body.len()))));
        }
        let mut end = End::new(FlightRules::V13);
        let mut got = Vec::new();
        for (message, start, stop) in parts {
            let len = bodies[message].len() as u32;
            let part = &bodies[message][start..stop];
            let part = fragment(message as u16, len, start as u32, part);
            let mut open = end.flight.begin_record(number(Phase::Plaintext, 0), Phase::Plaintext);
            if let Received::Message(m) = end.flight.on_fragment(at(0), &mut open, part).unwrap() {
                got.push(m.body.to_vec());
            }
            while let Some(message) = end.flight.pop_message() {
                prop_assert_eq!(usize::from(message.seq.0), got.len());
                got.push(message.body);
            }
        }
        prop_assert_eq!(got, bodies);
    }

    #[test]
    fn any_sequence_of_room_covers_each_byte_once_and_in_order(
        lens in many(0usize..3000, 1..8),
        rooms in many(13usize..1500, 1..50),
        v13: bool,
    ) {
        let mut end = End::new(if v13 { FlightRules::V13 } else { FlightRules::V12 });
        for (i, len) in lens.iter().enumerate() {
            let phase = if i < 2 { Phase::Plaintext } else { APP };
            end.send(HandshakeType::CERTIFICATE, *len, phase, Group::Flight);
        }
        for pass in 0..2 {
            let mut next = (0u16, 0usize);
            let mut change_cipher_specs = 0;
            for i in 0.. {
                let room = rooms[i % rooms.len()];
                let Some(record) = end.record(at(pass), room) else { break };
                if record.content_type == ContentType::CHANGE_CIPHER_SPEC {
                    change_cipher_specs += 1;
                    prop_assert_eq!(next, (2, 0));
                    continue;
                }
                prop_assert!(record.content.len() <= room);
                for (seq, offset, len) in record.fragments() {
                    prop_assert_eq!((seq, offset as usize), next);
                    let whole = lens[usize::from(seq)];
                    prop_assert!(len > 0 || whole == 0);
                    next = if next.1 + len == whole { (seq + 1, 0) } else { (seq, next.1 + len) };
                }
                // A fragment that is cut fills its record.
                prop_assert!(next.1 == 0 || record.content.len() == room);
            }
            prop_assert_eq!(next, (lens.len() as u16, 0));
            prop_assert_eq!(change_cipher_specs, usize::from(!v13 && lens.len() > 2));
            end.flight.resend_now();
        }
    }

    #[test]
    fn any_acks_leave_exactly_what_they_do_not_cover(
        lens in many(0usize..2000, 1..6),
        rooms in many(13usize..600, 1..10),
        acks in many(many(any::<u64>(), 0..6), 1..8),
    ) {
        let mut end = End::new(FlightRules::V13);
        for len in &lens {
            end.send(HandshakeType::CERTIFICATE, *len, APP, Group::LastFlight);
        }
        // Per message, which positions the reader has not got; an empty one has one position.
        let mut missing: Vec<_> = lens.iter().map(|len| vec![true; (*len).max(1)]).collect();
        let mut recent: Vec<Record> = Vec::new();
        for (pass, picks) in acks.iter().enumerate() {
            let mut expected = missing.clone();
            for i in 0.. {
                let room = rooms[(pass + i) % rooms.len()];
                let Some(record) = end.record(at(0), room) else { break };
                for (seq, offset, len) in record.fragments() {
                    let range = offset as usize..offset as usize + len.max(1);
                    for left in &mut expected[usize::from(seq)][range] {
                        prop_assert!(*left, "resent, but acknowledged");
                        *left = false;
                    }
                }
                recent.push(record);
            }
            prop_assert!(expected.iter().flatten().all(|left| !left), "not resent");
            let forgotten = recent.len().saturating_sub(32);
            recent.drain(..forgotten);
            for pick in picks {
                if recent.is_empty() { break }
                let record = &recent[*pick as usize % recent.len()];
                for (seq, offset, len) in record.fragments() {
                    let range = offset as usize..offset as usize + len.max(1);
                    missing[usize::from(seq)][range].fill(false);
                }
                end.flight.on_ack(at(1), [record.number()]);
            }
            if end.flight.resend_now() {
                prop_assert!(missing.iter().flatten().any(|left| *left));
            } else {
                prop_assert!(missing.iter().flatten().all(|left| !left));
            }
        }
    }

    #[test]
    fn hostile_fragments_never_panic_and_memory_stays_bounded(
        fragments in many(hostile(), 1..200),
        rules in 0usize..3,
    ) {
        let rules = [FlightRules::UNDECIDED, FlightRules::V12, FlightRules::V13][rules];
        let mut end = End::new(rules);
        let bytes = [body(1200, 0), body(1200, 1)];
        let limit = reassembly_bound(FlightConfig::default().max_message_len)
            + 32 * 2 * size_of::<RecordNumber>();
        let mut received = 0;
        for (i, (typ, seq, message_len, offset, len, other, protected)) in
            fragments.into_iter().enumerate()
        {
            // Only what `Fragment::read` can produce.
            let len = len.min(message_len as usize);
            let offset = offset % (message_len - len as u32 + 1);
            let fragment = Fragment {
                typ: HandshakeType(typ),
                seq: MessageSeq(seq),
                message_len,
                offset,
                body: &bytes[usize::from(other)][..len],
            };
            received += Fragment::HEADER_LEN + len;
            let phase = if protected { Phase::Handshake } else { Phase::Plaintext };
            if i == 50 {
                let _ = end.flight.set_read_phase(Phase::Handshake);
            }
            let _ = end.read_fragment(at(i as u64), phase, i as u64, fragment);
            while end.flight.pop_message().is_some() {}
            let held = end.flight.heap_bytes();
            prop_assert!(held <= limit, "{} bytes", held);
            // Proportional to what was received, whatever was claimed.
            prop_assert!(held <= 4000 + 8 * received, "{} bytes for {}", held, received);
            end.fire(at(i as u64));
            while end.record(at(i as u64), 100).is_some() {}
        }
    }

    #[test]
    fn hostile_acks_never_panic_and_change_nothing(
        numbers in many((any::<u64>(), any::<u64>()), 0..100),
    ) {
        let mut end = End::new(FlightRules::V13);
        end.send(HandshakeType::FINISHED, 32, APP, Group::LastFlight);
        let records = end.drain(at(0), 100);
        let numbers = numbers.into_iter().filter(|number| *number != records[0].number());
        end.flight.on_ack(at(0), numbers);
        prop_assert_eq!(end.flight.poll_acked(), None);
        prop_assert!(!end.flight.nothing_outstanding(APP));
    }
}

#[test]
fn worst_case_of_reassembly_stays_below_its_bound() {
    let mut end = End::new(FlightRules::V13);
    let bytes = body(65_536, 7);
    let mut most = 0;
    for seq in (0..8).rev() {
        // The most expensive way: single bytes that do not touch, and then the rest, backwards.
        for offset in (1..100).step_by(2) {
            let part = fragment(seq, 65_536, offset as u32, &bytes[offset..=offset]);
            let _ = end.read_fragment(at(0), Phase::Plaintext, 0, part);
            most = most.max(end.flight.heap_bytes());
        }
        for offset in (200..64_000).step_by(700).rev() {
            let part = fragment(seq, 65_536, offset as u32, &bytes[offset..offset + 700]);
            let _ = end.read_fragment(at(0), Phase::Plaintext, 0, part);
            most = most.max(end.flight.heap_bytes());
        }
    }
    assert!(most > 65_536);
    let bound = reassembly_bound(65_536) + 32 * 2 * size_of::<RecordNumber>();
    assert!(most <= bound, "{most} of {bound}");
}
