//! Counts instructions with valgrind: the same in every run, however busy the machine is.
//!
//! ```text
//! cargo run --release -p sealgram-benches --bin instructions [PART OF A NAME]
//! ```
//!
//! The program runs itself under `valgrind --tool=callgrind`, once with few and once with more
//! repetitions of each thing; the difference is what they cost. valgrind shows programs a processor
//! with AVX2 and without the wider units of newer ones, so *ring*'s own part may take other code
//! than outside. To see where instructions go:
//!
//! ```text
//! valgrind --tool=callgrind target/release/instructions run NAME 100
//! callgrind_annotate callgrind.out.*
//! ```
#![forbid(unsafe_code)]

use std::process::Command;

use sealgram_benches::{Work, handshakes, masks, records};

/// Repetitions between the two runs.
const MORE: u32 = 20;

fn all() -> Vec<Work> {
    let mut all = records();
    all.append(&mut masks());
    all.append(&mut handshakes());
    all
}

/// Runs one thing, or its cryptography alone if the name begins with `raw:`.
fn run(name: &str, times: u32) {
    let (name, raw) = name.strip_prefix("raw:").map_or((name, false), |name| (name, true));
    let mut work = all().into_iter().find(|work| work.name == name).expect("a name");
    let work = if raw { work.raw.as_mut().expect("cryptography") } else { &mut work.ours };
    for _ in 0..times {
        work();
    }
}

/// Instructions of this many repetitions, start and end of the program included.
fn count(name: &str, times: u32) -> u64 {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["run", name, &times.to_string()])
        .output()
        .expect("valgrind is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("Collected :")).expect("a count");
    line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number")
}

fn each(name: &str) -> u64 {
    (count(name, 1 + MORE) - count(name, 1)) / u64::from(MORE)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["run", name, times] = arguments[..] {
        return run(name, times.parse().expect("a number"));
    }
    let wanted = arguments.first().copied().unwrap_or_default();
    println!("| what | sealgram | raw | ratio | difference |");
    println!("|---|--:|--:|--:|--:|");
    for work in all().into_iter().filter(|work| work.name.contains(wanted)) {
        let name = &work.name;
        let ours = each(name);
        if work.raw.is_none() {
            println!("| {name} | {ours} | - | - | - |");
            continue;
        }
        let raw = each(&format!("raw:{name}"));
        let ratio = ours as f64 / raw as f64;
        println!("| {name} | {ours} | {raw} | {ratio:.3} | {} |", ours.saturating_sub(raw));
    }
}
