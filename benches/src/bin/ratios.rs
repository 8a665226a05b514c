//! Prints what sealgram takes beside the cryptography that it cannot do without, as ratios.
//!
//! ```text
//! cargo run --release -p sealgram-benches --bin ratios [SECONDS PER ROW] [PART OF A NAME]
//! ```
//!
//! *raw* is the cryptography alone. *floor* adds what the protocol adds to it: a record of 1.3 also
//! encrypts its content type, and masks its number twice.
#![forbid(unsafe_code)]

use core::time::Duration;

use sealgram_benches::{Work, compare, handshakes, records};

/// Most that one record, sealed and opened, may take beside *ring*'s AEAD. Held at 1,200 bytes.
const RECORD_GOAL: f64 = 1.2;

/// Most that a full handshake may take beside its public-key operations.
const HANDSHAKE_GOAL: f64 = 1.15;

fn goal(work: &Work) -> Option<f64> {
    if work.name.ends_with("/1200") {
        return Some(RECORD_GOAL);
    }
    work.name.ends_with("/full").then_some(HANDSHAKE_GOAL)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(1.0, |text| text.parse().expect("a number of seconds"));
    let wanted = arguments.next().unwrap_or_default();
    println!("| what | sealgram | raw | ratio | goal | | floor | ratio |");
    println!("|---|--:|--:|--:|--:|---|--:|--:|");
    let wanted = |name: &str| name.contains(&wanted);
    for mut work in records(wanted).into_iter().chain(handshakes(wanted)) {
        let goal = goal(&work);
        let (has_raw, has_floor) = (work.raw.is_some(), work.floor.is_some());
        let (mut no_raw, mut no_floor) = (|| {}, || {});
        let all: [&mut dyn FnMut(); 3] = [
            &mut work.ours,
            work.raw.as_deref_mut().unwrap_or(&mut no_raw),
            work.floor.as_deref_mut().unwrap_or(&mut no_floor),
        ];
        let [ours, raw, floor] = compare(Duration::from_secs_f64(seconds), all);
        let (raw, floor) = (has_raw.then_some(raw), has_floor.then_some(floor));
        let verdict = match (goal, raw) {
            (Some(goal), Some(raw)) if ours / raw <= goal => format!("{goal} | met"),
            (Some(goal), Some(_)) => format!("{goal} | missed"),
            _ => "- | ".to_owned(),
        };
        let beside = |other: Option<f64>| match other {
            Some(other) => format!("{} | {:.3}", in_units(other), ours / other),
            None => "- | -".to_owned(),
        };
        let (raw, floor) = (beside(raw), beside(floor));
        let (name, ours) = (&work.name, in_units(ours));
        println!("| {name} | {ours} | {raw} | {verdict} | {floor} |");
    }
}

fn in_units(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.1} us", nanoseconds / 1000.0)
    }
}
