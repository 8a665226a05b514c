//! Runs many scenarios of `sealgram_testkit::soak` and says what came of them.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use sealgram::iana::Version;
use sealgram_testkit::soak::{Scenario, Soak, Tally};

const USAGE: &str = "\
usage: soak [--dtls 1.2|1.3|both] [--seeds COUNT] [--from SEED] [--jobs COUNT]
       soak  --dtls 1.2|1.3 --replay SEED [--minimise]

  Runs COUNT scenarios for each version, one for each seed: two ends of sealgram over a simulated
  network with faults, in virtual time. Exit 1 if one of them shows a fault of the library.

  --dtls      the version that is negotiated (both)
  --seeds     how many (1000)
  --from      the first seed (0)
  --jobs      how many threads (1)
  --replay    tells what happens in the run of one seed, datagram by datagram
  --minimise  of the simplest scenario found that fails in the same way
";

/// What the command line says.
struct Options {
    versions: Vec<Version>,
    seeds: u64,
    from: u64,
    jobs: usize,
    replay: Option<u64>,
    minimise: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            versions: vec![Version::V12, Version::V13],
            seeds: 1000,
            from: 0,
            jobs: 1,
            replay: None,
            minimise: false,
        };
        while let Some(argument) = arguments.next() {
            if argument == "--minimise" {
                options.minimise = true;
                continue;
            }
            let value = arguments.next()?;
            match argument.as_str() {
                "--dtls" => {
                    options.versions = match value.as_str() {
                        "1.2" => vec![Version::V12],
                        "1.3" => vec![Version::V13],
                        "both" => vec![Version::V12, Version::V13],
                        _ => return None,
                    }
                }
                "--seeds" => options.seeds = value.parse().ok()?,
                "--from" => options.from = value.parse().ok()?,
                "--jobs" => options.jobs = value.parse().ok().filter(|jobs| *jobs > 0)?,
                "--replay" => options.replay = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        let one_version = options.versions.len() == 1;
        let replays = options.replay.is_some();
        (replays == one_version || !replays).then_some(options)
    }
}

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(seed) = options.replay {
        return replay(seed, options.versions[0], options.minimise);
    }
    // Panics are results here, and told as such.
    std::panic::set_hook(Box::new(|_| {}));
    let mut failed = false;
    for version in &options.versions {
        let started = Instant::now();
        let tally = soak(*version, &options);
        println!("{version}\n\n{tally}, in {:.1?}", started.elapsed());
        for failure in &tally.failures {
            println!("\n{failure}");
        }
        println!();
        failed |= !tally.failures.is_empty();
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn replay(seed: u64, version: Version, minimise: bool) -> ExitCode {
    let soak = Soak::new();
    let mut scenario = Scenario::draw(seed, version);
    if minimise {
        match soak.minimise(&scenario) {
            Some(simpler) => scenario = simpler,
            None => println!("this run does not fail\n"),
        }
    }
    print!("{}", soak.replay(&scenario));
    ExitCode::SUCCESS
}

fn soak(version: Version, options: &Options) -> Tally {
    let next = AtomicU64::new(0);
    let whole = Mutex::new(Tally::default());
    let progress = Progress { done: AtomicU64::new(0), failed: AtomicU64::new(0), options };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                let soak = Soak::new();
                let mut tally = Tally::default();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= options.seeds {
                        break;
                    }
                    let result = soak.run(options.from + index, version);
                    progress.step(result.is_err());
                    tally.add(result);
                }
                whole.lock().expect("no other thread has failed").merge(tally);
            });
        }
    });
    progress.clear();
    let mut tally = whole.into_inner().expect("no thread has failed");
    tally.failures.sort_by_key(|failure| failure.seed);
    tally
}

/// A bar on the terminal, if there is one.
struct Progress<'o> {
    done: AtomicU64,
    failed: AtomicU64,
    options: &'o Options,
}

/// The bar's width, in characters.
const WIDTH: u64 = 40;

impl Progress<'_> {
    fn step(&self, failed: bool) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let failed = self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        let every = (self.options.seeds / 500).max(1);
        if done % every == 0 && std::io::stderr().is_terminal() {
            let filled = done * WIDTH / self.options.seeds.max(1);
            let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
            eprint!("\r[{bar}] {done} of {} runs, {failed} failed", self.options.seeds);
            let _ = std::io::stderr().flush();
        }
    }

    fn clear(&self) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}
