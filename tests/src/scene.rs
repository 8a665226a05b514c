//! What a test consists of: rows, and for each row a scene in which programs run.

use core::fmt::{self, Display};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::program::Transcript;

/// How long one row may take. Most take a tenth of a second; those that lose datagrams wait for
/// a retransmission timer or two.
const DEADLINE: Duration = Duration::from_secs(20);

/// Rows that run at once. They wait for each other's programs more than they compute.
const WIDTH: usize = 8;

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

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What every step of a row returns.
pub type Checked<T = ()> = Result<T, Failure>;

/// Fails with `what` unless `holds`.
pub fn check(holds: bool, what: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(Failure::new(what)) }
}

/// Fails unless `found` is `expected`; `what` names the thing that was looked at.
pub fn check_eq<T: PartialEq<U> + fmt::Debug, U: fmt::Debug>(
    what: &str,
    found: T,
    expected: U,
) -> Checked {
    check(found == expected, format!("{what} is {found:?}, expected {expected:?}"))
}

/// Fails unless `found` contains `expected`, whatever the case of the letters; `what` names the
/// thing that was looked at.
pub fn check_contains(what: &str, found: &str, expected: &str) -> Checked {
    check(
        found.to_lowercase().contains(&expected.to_lowercase()),
        format!("{what} does not contain {expected:?}"),
    )
}

/// Where one row runs: its files, its deadline, and what its programs were told and said.
#[derive(Debug)]
pub struct Scene {
    directory: TempDir,
    deadline: Instant,
    files: AtomicUsize,
    transcripts: Mutex<Vec<Transcript>>,
}

impl Scene {
    fn new() -> Checked<Self> {
        Ok(Self {
            directory: TempDir::new()?,
            deadline: Instant::now() + DEADLINE,
            files: AtomicUsize::new(0),
            transcripts: Mutex::new(Vec::new()),
        })
    }

    /// A path that nobody else has, ending with `name`, in a directory that goes with the scene.
    /// There is nothing at it yet.
    pub fn new_path(&self, name: &str) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.directory.path().join(format!("{number}-{name}"))
    }

    /// What is left until the row's deadline; zero after it.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Keeps what a program says, to show it if the row fails.
    pub(crate) fn keep(&self, transcript: Transcript) {
        self.transcripts.lock().unwrap_or_else(PoisonError::into_inner).push(transcript);
    }

    fn transcripts(&self) -> String {
        let transcripts = self.transcripts.lock().unwrap_or_else(PoisonError::into_inner);
        transcripts.iter().map(Transcript::to_string).collect()
    }
}

/// Whether the tests with the foreign peer `name` are to run: they are unless the environment's
/// `SEALGRAM_WITHOUT` (names, comma separated) has it, and then a line says so.
///
/// # Panics
///
/// If the program is not there, or does not say its version: a peer that is missing by accident
/// must not look like a passed test.
pub fn foreign_peer(name: &str) -> bool {
    let without = env::var("SEALGRAM_WITHOUT").unwrap_or_default();
    if without.split(',').any(|left_out| left_out.trim() == name) {
        println!("{name}: left out by name (SEALGRAM_WITHOUT={without})");
        return false;
    }
    let (package, program, arguments) = match name {
        "gnutls" => ("gnutls-bin", "gnutls-serv", ["--version"]),
        "libcoap" => return libcoap(),
        _ => (name, name, ["version"]),
    };
    match std::process::Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            println!("peer: {}", said.lines().next().unwrap_or_default());
            true
        }
        Ok(output) => panic!("`{program} {}` failed: {output:?}", arguments.join(" ")),
        Err(error) => panic!(
            "the program `{program}` does not start ({error}): apt-get install {package}, \
             or leave it out by name with SEALGRAM_WITHOUT={name}"
        ),
    }
}

/// As [`foreign_peer`], for libcoap, whose programs have no option that makes them say their
/// version and succeed.
fn libcoap() -> bool {
    for inside in ["openssl", "gnutls"] {
        let program = format!("coap-client-{inside}");
        match std::process::Command::new(&program).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                println!("peer: {}", said.lines().next().unwrap_or_default());
            }
            Err(error) => panic!(
                "the program `{program}` does not start ({error}): apt-get install libcoap3-bin, \
                 or leave it out by name with SEALGRAM_WITHOUT=libcoap"
            ),
        }
    }
    true
}

/// Runs `test` for every row, each in a scene of its own, several at once, and prints one line
/// for each.
///
/// # Panics
///
/// If a row failed, after all have run, with all that is known about each that did; or if there is
/// no row at all, or two have the same name.
pub fn rows<R: Display + Sync>(rows: &[R], test: impl Fn(&R, &Scene) -> Checked + Sync) {
    assert!(!rows.is_empty(), "a test without a row tests nothing");
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..WIDTH.min(rows.len()) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(row, &test);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    let other = results.insert(row.to_string(), result);
                    assert!(other.is_none(), "two rows are called {row}");
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut failures = Vec::new();
    for (row, result) in &results {
        match result {
            Ok(took) => println!("ok      {row} ({} ms)", took.as_millis()),
            Err(why) => {
                println!("FAILED  {row}");
                failures.push(format!("==== {row}\n{why}"));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} rows failed\n{}",
        failures.len(),
        results.len(),
        failures.join("\n")
    );
}

fn run<R>(row: &R, test: impl Fn(&R, &Scene) -> Checked) -> Result<Duration, String> {
    let start = Instant::now();
    let scene = Scene::new().map_err(|failure| failure.to_string())?;
    match test(row, &scene) {
        Ok(()) => Ok(start.elapsed()),
        Err(failure) => Err(format!("{failure}\n{}", scene.transcripts())),
    }
}
