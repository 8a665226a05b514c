//! Recorded handshakes with foreign peers, whose datagrams are cut, changed, repeated, merged,
//! split and reordered.
//!
//! Our side is repeated from the recording, so whatever leaves no trace leaves the rest of it the
//! same, byte for byte.

use sealgram::{CloseReason, Side};
use sealgram_tests::{Ours, Recording, Step, recordings};

use crate::genuine::{every_change, split};
use crate::judge::{Class, State};
use crate::mutate::record_ranges;
use crate::states::{Tally, has_protected, next_seq, plaintext_fragments};

/// Timers that may run out before a handshake that was tampered with must be over: more than all
/// retransmissions, repeated ACKs and deadlines.
const TIMERS: usize = 200;

/// Where in the steps the peer's datagrams of the handshake are.
fn arrivals(recording: &Recording) -> Vec<usize> {
    let connected = recording.steps.iter().position(|step| *step == Step::Connected);
    let connected = connected.expect("a handshake");
    let theirs = |(index, step): (usize, &Step)| {
        (index < connected && matches!(step, Step::Theirs(_))).then_some(index)
    };
    recording.steps.iter().enumerate().filter_map(theirs).collect()
}

/// Does again what makes our side act.
fn act(ours: &mut Ours, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Theirs(datagram) => ours.handle(datagram),
            // What cannot be said is missing from the steps.
            Step::Say(text) => drop(ours.say(text)),
            Step::Close => ours.close(),
            Step::Ours(_) | Step::Hear(_) | Step::Connected | Step::Closed => {}
        }
    }
}

/// Our side after so many steps.
fn advance(recording: &Recording, steps: usize) -> Ours {
    let mut ours = Ours::start(recording).expect("a configuration");
    act(&mut ours, &recording.steps[..steps]);
    ours
}

/// What is known of our side when the datagram at this step comes.
fn state(recording: &Recording, step: usize) -> State {
    let (before, after) = recording.steps.split_at(step);
    let theirs = |steps: &[Step]| -> Vec<Vec<u8>> {
        let datagram = |step: &Step| match step {
            Step::Theirs(datagram) => Some(datagram.clone()),
            _ => None,
        };
        steps.iter().filter_map(datagram).collect()
    };
    let fragments = |steps| {
        theirs(steps).iter().flat_map(|datagram| plaintext_fragments(datagram)).collect::<Vec<_>>()
    };
    let next_seq = next_seq(&fragments(before));
    let hello = theirs(&recording.steps).into_iter().nth(1).unwrap_or_default();
    State {
        version: recording.version,
        side: recording.side,
        next_seq,
        plaintext_handshake: fragments(after).iter().any(|f| f.seq.0 >= next_seq),
        protected: theirs(before).iter().any(|datagram| has_protected(datagram)),
        accepted: theirs(before).len() >= 2,
        // One record with one fragment.
        hello_with_cookie: hello.get(25..).unwrap_or_default().to_vec(),
    }
}

fn change_every_arrival(recording: &Recording) -> Tally {
    let mut tally = Tally::default();
    for at in arrivals(recording) {
        let Step::Theirs(genuine) = &recording.steps[at] else { unreachable!("an arrival") };
        let state = state(recording, at);
        let mut victim = advance(recording, at);
        for datagram in every_change(genuine) {
            let what = || format!("{} {:?}, step {at}: {datagram:02x?}", recording.peer, state);
            match state.classify(&datagram) {
                Class::MayEnd => {
                    tally.may_end += 1;
                    tally.ended += usize::from(!survives(recording, at, &datagram, &what));
                }
                _ if keeps_protected(genuine, &datagram) => {
                    // What else is in it is nothing; this is the peer's, and has its effect.
                    tally.may_end += 1;
                    assert!(survives(recording, at, &datagram, &what), "{}", what());
                }
                class => {
                    let known = victim.steps.len();
                    victim.handle(&datagram);
                    let new = &victim.steps[known + 1..];
                    if class == Class::Silent {
                        tally.silent += 1;
                        assert_eq!(new, [], "{}", what());
                    } else {
                        tally.replies += 1;
                        assert!(matches!(new, [Step::Ours(_)]), "{new:02x?}: {}", what());
                    }
                }
            }
        }
        // As if nothing had been.
        let known = victim.steps.len();
        act(&mut victim, &recording.steps[at..]);
        let (again, recorded) = (&victim.steps[known..], &recording.steps[at..]);
        for (number, (again, recorded)) in again.iter().zip(recorded).enumerate() {
            let what = format!("{}, step {at} and {number}", recording.peer);
            assert_eq!(again, recorded, "{what}: {:?}", victim.closed());
        }
        assert_eq!(again.len(), recorded.len(), "{}, step {at}", recording.peer);
    }
    tally
}

/// Whether a protected record of the genuine datagram is in the other one as it was.
fn keeps_protected(genuine: &[u8], datagram: &[u8]) -> bool {
    record_ranges(genuine).into_iter().any(|range| {
        let record = &genuine[range];
        has_protected(record) && datagram.windows(record.len()).any(|window| window == record)
    })
}

/// Hands a datagram that may end the handshake to our side, and then the rest of the recording.
/// Whether it is connected then; else it is over with a typed error, at the latest when its time
/// is up, or it is a server that has no connection.
fn survives(recording: &Recording, at: usize, datagram: &[u8], what: &dyn Fn() -> String) -> bool {
    let mut ours = advance(recording, at);
    ours.handle(datagram);
    for step in &recording.steps[at..] {
        match step {
            Step::Theirs(datagram) => ours.handle(datagram),
            Step::Connected => break,
            _ => {}
        }
    }
    for _ in 0..TIMERS {
        if ours.is_connected() {
            return true;
        }
        if let Some(closed) = ours.closed() {
            assert!(matches!(closed.reason, CloseReason::Error(_)), "{closed:?}: {}", what());
            return false;
        }
        if !ours.wait() {
            break;
        }
    }
    assert!(recording.side == Side::Server && ours.info().is_none(), "hangs: {}", what());
    false
}

#[test]
fn every_truncation_and_header_change_of_recorded_datagrams_is_judged_by_its_class() {
    for (name, recording) in recordings() {
        let tally = change_every_arrival(&recording);
        println!("{name}: {tally:?}");
        assert!(tally.silent > 100 && tally.may_end > 100, "{name}: {tally:?}");
        assert_eq!(tally.replies > 50, recording.side == Side::Server, "{name}: {tally:?}");
    }
}

/// Hands each burst of the peer's datagrams to our side after `meddle` has had it, and expects that
/// our side connects and hears and says what it did.
fn survive_meddling(what: &str, meddle: impl Fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>) {
    for (name, recording) in recordings() {
        let connected = recording.steps.iter().position(|step| *step == Step::Connected);
        let connected = connected.expect("a handshake");
        let mut ours = Ours::start(&recording).expect("a configuration");
        let mut burst = Vec::new();
        for step in &recording.steps[..=connected] {
            match step {
                Step::Theirs(datagram) => burst.push(datagram.clone()),
                // What comes next answers this, or what was before it.
                Step::Ours(_) | Step::Connected => {
                    for datagram in meddle(core::mem::take(&mut burst)) {
                        ours.handle(&datagram);
                    }
                }
                _ => {}
            }
        }
        assert!(ours.is_connected(), "{what}, {name}: {:?}", ours.closed());
        act(&mut ours, &recording.steps[connected..]);
        let heard = |steps: &[Step]| -> Vec<Step> {
            steps.iter().filter(|step| matches!(step, Step::Hear(_))).cloned().collect()
        };
        assert_eq!(heard(&ours.steps), heard(&recording.steps), "{what}, {name}");
    }
}

#[test]
fn recorded_datagrams_may_be_repeated_reordered_merged_and_split() {
    survive_meddling("untouched", |burst| burst);
    survive_meddling("each twice", |burst| {
        burst.into_iter().flat_map(|datagram| [datagram.clone(), datagram]).collect()
    });
    survive_meddling("all twice", |burst| [burst.clone(), burst].concat());
    survive_meddling("last first", |burst| burst.into_iter().rev().collect());
    survive_meddling("split", |burst| burst.iter().flat_map(|one| split(one)).collect());
    survive_meddling("split and reversed", |burst| {
        burst.iter().flat_map(|one| split(one)).rev().collect()
    });
    survive_meddling("merged", |burst| match burst.concat() {
        merged if merged.is_empty() => Vec::new(),
        merged => vec![merged],
    });
}
