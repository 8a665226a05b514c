//! Many runs of two ends of sealgram over a network with faults, each drawn from a seed and judged
//! by everything that can be seen of it.
//!
//! A run fails if something panics or never comes to rest, if data arrives that was not sent, or
//! twice, or before its connection was there, if two connected sides disagree, if a side ends in
//! another way than the network explains, if a network that is well again does not bring a
//! handshake to its end, and if a connection holds more memory than it may.
//!
//! ```
//! use sealgram::iana::Version;
//! use sealgram_testkit::soak::{Ending, Soak};
//!
//! let run = Soak::new().run(7, Version::V13).expect("no fault of the library");
//! assert!(run.endings.iter().all(|ending| *ending != Ending::Nothing));
//! ```

mod minimise;
mod report;
mod run;
mod scenario;
mod server;
mod timeline;

use core::any::Any;
use core::fmt;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use nullcrypto::Source;
use sealgram::iana::Version;

pub use report::Tally;
pub use run::{Ending, Run};
pub use scenario::{Act, Credentials, Door, Farewell, Past, Scenario};
use timeline::Journal;

/// A run that shows a fault of the library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Its version.
    pub version: Version,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, version, what } = self;
        let number = version_number(*version);
        write!(
            f,
            "seed {seed}, {version}: {what}\n  to see it: \
             cargo run --release -p sealgram-testkit --bin soak -- --dtls {number} --replay {seed}"
        )
    }
}

/// The version as the command line has it.
const fn version_number(version: Version) -> &'static str {
    match version {
        Version::V12 => "1.2",
        Version::V13 => "1.3",
    }
}

/// Runs scenarios one after the other.
#[derive(Debug)]
pub struct Soak {
    /// The randomness of the client and of the server, started again for each run.
    sources: [&'static Source; 2],
}

impl Default for Soak {
    fn default() -> Self {
        Self::new()
    }
}

impl Soak {
    /// Leaks some hundred bytes.
    #[must_use]
    pub fn new() -> Self {
        let source = || -> &'static Source { Box::leak(Box::new(Source::new())) };
        Self { sources: [source(), source()] }
    }

    /// The run of this seed.
    ///
    /// # Errors
    ///
    /// What is wrong with the library, if anything is.
    pub fn run(&self, seed: u64, version: Version) -> Result<Run, Failure> {
        let scenario = Scenario::draw(seed, version);
        self.judge(&scenario, &mut Journal::default()).map_err(|what| Failure {
            seed,
            version,
            what,
        })
    }

    /// Plays a scenario and tells what happened, line by line, and what came of it.
    #[must_use]
    pub fn replay(&self, scenario: &Scenario) -> String {
        let mut journal = Journal::kept();
        let result = self.judge(scenario, &mut journal);
        let result = match result {
            Ok(run) => format!("{run:#?}"),
            Err(what) => format!("FAILED: {what}"),
        };
        format!("{scenario:#?}\n{}{result}\n", journal.into_text())
    }

    fn judge(&self, scenario: &Scenario, journal: &mut Journal) -> Result<Run, String> {
        catch_unwind(AssertUnwindSafe(|| run::run(scenario, self.sources, journal)))
            .unwrap_or_else(|payload| Err(format!("panic: {}", message(&*payload))))
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
