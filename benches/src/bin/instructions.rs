//! Counts instructions with valgrind: the same in every run, however busy the machine is.
//!
//! ```text
//! cargo run --release -p sealgram-benches --bin instructions [PART OF A NAME]
//! ```
//!
//! The program runs itself under `valgrind --tool=callgrind`, which counts in one function only: the
//! one that does each thing a number of times, after it was done twice to warm up.
//!
//! valgrind shows programs a processor with AVX2, and without the wider units and the SHA
//! instructions of newer ones. So hashing looks dearer here than it is on most machines, and so does
//! overwriting, which is counted byte by byte. To see where instructions go:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*measured*' target/release/instructions run NAME 100
//! callgrind_annotate --inclusive=yes callgrind.out.*
//! ```
#![forbid(unsafe_code)]

use core::hint::black_box;
use std::process::Command;

use sealgram_benches::{Work, handshakes, records};

/// How often each thing is counted: enough for the odd one that takes longer.
const TIMES: u32 = 50;

fn all(wanted: impl Fn(&str) -> bool + Copy) -> impl Iterator<Item = Work> {
    records(wanted).into_iter().chain(handshakes(wanted))
}

/// Runs one thing, or its cryptography alone if the name begins with `raw:` or `floor:`.
fn run(name: &str, times: u32) {
    let (part, name) = name.split_once(':').unwrap_or(("ours", name));
    let Work { ours, raw, floor, .. } = all(|other| other == name).next().expect("a name");
    let mut work = match part {
        "raw" => raw.expect("cryptography"),
        "floor" => floor.expect("cryptography"),
        _ => ours,
    };
    work();
    work();
    measured(&mut work, times);
}

/// The function that valgrind is told to look at.
#[inline(never)]
fn measured(work: &mut dyn FnMut(), times: u32) {
    for _ in 0..black_box(times) {
        work();
    }
}

/// Instructions of one repetition.
fn count(name: &str) -> u64 {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"])
        .arg(this)
        .args(["run", name, &TIMES.to_string()])
        .output()
        .expect("valgrind is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.contains("Collected :")).expect("a count");
    let count: u64 = line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    count / u64::from(TIMES)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["run", name, times] = arguments[..] {
        return run(name, times.parse().expect("a number"));
    }
    let wanted = arguments.first().copied().unwrap_or_default();
    println!("| what | sealgram | raw | ratio | floor | ratio |");
    println!("|---|--:|--:|--:|--:|--:|");
    for work in all(|name| name.contains(wanted)) {
        let name = &work.name;
        let ours = count(name);
        let beside = |part: &str, exists: bool| {
            if !exists {
                return "- | -".to_owned();
            }
            let count = count(&format!("{part}:{name}"));
            format!("{count} | {:.3}", ours as f64 / count as f64)
        };
        let raw = beside("raw", work.raw.is_some());
        let floor = beside("floor", work.floor.is_some());
        println!("| {name} | {ours} | {raw} | {floor} |");
    }
}
