//! What a test consists of.

use core::fmt::{self, Debug, Display};
use std::collections::BTreeSet;
use std::env;
use std::time::Instant;

use crate::Library;

/// Why a row failed, in words.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure that says `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What every step of a row returns.
pub type Checked<T = ()> = Result<T, Failure>;

/// Fails with `what` unless `holds`.
///
/// # Errors
///
/// See above.
pub fn check(holds: bool, what: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(Failure::new(what)) }
}

/// Fails unless `found` is `expected`; `what` names the thing that was looked at.
///
/// # Errors
///
/// See above.
pub fn check_eq<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Checked {
    check(found == expected, format!("{what} is {found:?}, expected {expected:?}"))
}

/// Whether the tests with this library are to run: they are unless the environment's
/// `SEALGRAM_WITHOUT` (names, comma separated) has it, and then a line says so.
///
/// # Panics
///
/// If it is not built in: a peer that is missing by accident must not look like a passed test.
#[must_use]
pub fn is_wanted(library: Library) -> bool {
    let name = library.name();
    let without = env::var("SEALGRAM_WITHOUT").unwrap_or_default();
    if without.split(',').any(|left_out| left_out.trim() == name) {
        println!("{name}: left out by name (SEALGRAM_WITHOUT={without})");
        return false;
    }
    assert!(
        library.is_built_in(),
        "{name} is not built in: apt-get install cmake clang libclang-dev and test with \
         `--features {name}`, or leave it out by name with SEALGRAM_WITHOUT={name}"
    );
    true
}

/// Runs `test` for every row, and prints one line for each. If the environment has a `SEALGRAM_ROW`
/// only rows run that have it in their names.
///
/// # Panics
///
/// If a row failed, after all have run; or if there is no row at all, or two have the same name.
pub fn rows<R: Display>(rows: &[R], test: impl Fn(&R) -> Checked) {
    assert!(!rows.is_empty(), "a test without a row tests nothing");
    let only = env::var("SEALGRAM_ROW").unwrap_or_default();
    let mut names = BTreeSet::new();
    let mut failures = Vec::new();
    for row in rows {
        let name = row.to_string();
        if !name.contains(&only) {
            continue;
        }
        let start = Instant::now();
        match test(row) {
            Ok(()) => println!("ok      {name} ({} ms)", start.elapsed().as_millis()),
            Err(why) => {
                println!("FAILED  {name}");
                failures.push(format!("==== {name}\n{why}"));
            }
        }
        assert!(names.insert(name), "two rows are called {row}");
    }
    assert!(
        failures.is_empty(),
        "{} of {} rows failed\n{}",
        failures.len(),
        rows.len(),
        failures.join("\n")
    );
}
