//! Prints what sealgram takes beside the cryptography that it cannot do without, as ratios.
//!
//! ```text
//! cargo run --release -p sealgram-benches --bin ratios [SECONDS PER ROW] [PART OF A NAME]
//! ```
#![forbid(unsafe_code)]

use std::time::Duration;

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
    println!("| what | sealgram | raw | ratio | goal | |");
    println!("|---|--:|--:|--:|--:|---|");
    let wanted = |name: &str| name.contains(&wanted);
    for mut work in records(wanted).into_iter().chain(handshakes(wanted)) {
        let goal = goal(&work);
        let name = &work.name;
        let Some(raw) = &mut work.raw else {
            let time = Duration::from_secs_f64(seconds);
            let ours = compare(time, &mut work.ours, &mut || {}).ours;
            println!("| {name} | {} | - | - | - | |", in_units(ours));
            continue;
        };
        let compared = compare(Duration::from_secs_f64(seconds), &mut work.ours, raw);
        let (ours, raw, ratio) =
            (in_units(compared.ours), in_units(compared.raw), compared.ratio());
        match goal {
            None => println!("| {name} | {ours} | {raw} | {ratio:.3} | - | |"),
            Some(goal) => {
                let met = if ratio <= goal { "met" } else { "missed" };
                println!("| {name} | {ours} | {raw} | {ratio:.3} | {goal} | {met} |");
            }
        }
    }
}

fn in_units(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.1} us", nanoseconds / 1000.0)
    }
}
