//! Runs suites of certificate chains through sealgram's verifiers, and compares every verdict with
//! the expected one.
//!
//! ```text
//! cargo run --release -p sealgram-tests --bin certs -- FOLDER
//! ```
//!
//! FOLDER holds the suites, as their projects publish them: see [`suites`]. What is not there is
//! not run. Cases whose verdict is known to differ are in `divergences.txt`, each with its reason;
//! any other difference, and any case listed there that no longer differs, fails the command.
#![forbid(unsafe_code)]

mod case;
mod divergences;
mod suites;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use case::{Case, Verdict};
use divergences::Divergences;

const USAGE: &str = "\
usage: certs FOLDER [--list]

  Runs the suites of certificate chains in FOLDER through sealgram's verifiers. Exit 1 if a verdict
  differs from the expected one in a way that divergences.txt does not know.

  --list   prints the unknown differences as lines for divergences.txt
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, list) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder] if !folder.starts_with('-') => (folder, false),
        [folder, "--list"] => (folder, true),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(Path::new(folder), list) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// What came of the cases of one suite.
#[derive(Default)]
struct Total {
    run: usize,
    accepted: usize,
    as_expected: usize,
    known: usize,
    unknown: usize,
    /// Cases that ask for something that no verifier here does, by what it is.
    left_out: BTreeMap<&'static str, usize>,
}

/// Whether every verdict is the expected one, or known to differ.
fn run(folder: &Path, list: bool) -> Result<bool, String> {
    let divergences = Divergences::known()?;
    let mut totals: BTreeMap<&'static str, Total> = BTreeMap::new();
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut stale = Vec::new();
    let found = suites::load(folder)?;
    if found.is_empty() {
        return Err(format!("there is no suite in {}", folder.display()));
    }
    for (suite, case) in found {
        let total = totals.entry(suite).or_default();
        let case = match case {
            Ok(case) => case,
            Err(left_out) => {
                *total.left_out.entry(left_out).or_default() += 1;
                continue;
            }
        };
        let verdict = case.judge();
        total.run += 1;
        total.accepted += usize::from(verdict.accepted());
        let known = divergences.reason(suite, &case.id);
        if verdict.accepted() == case.expected {
            total.as_expected += 1;
            if known.is_some() {
                stale.push(format!("{suite} {}", case.id));
            }
        } else if let Some(reason) = known {
            total.known += 1;
            by_reason.entry(reason).or_default().push(line(suite, &case, &verdict));
        } else {
            total.unknown += 1;
            unknown.push((suite, case, verdict));
        }
    }
    if list {
        for (suite, case, verdict) in &unknown {
            println!("? {}", line(suite, case, verdict));
        }
        return Ok(unknown.is_empty());
    }
    report(&totals, &by_reason, &divergences);
    for (suite, case, verdict) in &unknown {
        println!("UNKNOWN DIFFERENCE  {}", line(suite, case, verdict));
        println!("    {}", case.description.lines().next().unwrap_or_default());
    }
    for case in &stale {
        println!("NO LONGER DIFFERS  {case}");
    }
    Ok(unknown.is_empty() && stale.is_empty())
}

fn line(suite: &str, case: &Case, verdict: &Verdict) -> String {
    let expected = if case.expected { "accept" } else { "refuse" };
    format!("{suite} {}: {expected} was expected, {verdict}", case.id)
}

fn report(
    totals: &BTreeMap<&'static str, Total>,
    by_reason: &BTreeMap<&str, Vec<String>>,
    divergences: &Divergences,
) {
    for (reason, cases) in by_reason {
        println!("{reason}: {} ({})", divergences.text(reason), cases.len());
        for case in cases {
            println!("    {case}");
        }
        println!();
    }
    println!(
        "{:<20} {:>6} {:>9} {:>12} {:>15} {:>8}",
        "suite", "run", "accepted", "as expected", "known to differ", "unknown"
    );
    for (suite, total) in totals {
        println!(
            "{suite:<20} {:>6} {:>9} {:>12} {:>15} {:>8}",
            total.run, total.accepted, total.as_expected, total.known, total.unknown
        );
        for (what, count) in &total.left_out {
            println!("{:<20} {count:>6} left out: {what}", "");
        }
    }
}
