//! What many runs came to.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::{Ending, Failure, Run};

/// Counts of many runs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Runs so far.
    pub runs: usize,
    /// Those that show a fault of the library.
    pub failures: Vec<Failure>,
    /// How the others ended: for the client and for the server.
    pub endings: BTreeMap<[Ending; 2], usize>,
    /// How long handshakes took, in buckets: see [`Tally::bucket`].
    handshakes: BTreeMap<usize, usize>,
    /// Every handshake that was completed, in microseconds.
    times: Vec<u64>,
    /// The most heap that any one connection held, in bytes.
    pub heap: usize,
    /// Datagrams that were sent.
    pub datagrams: usize,
    /// Messages of the applications: sent, arrived.
    pub messages: [usize; 2],
    /// Those of them that arrived as early data.
    pub early: usize,
}

/// The widest bar, in characters.
const BAR: usize = 50;

impl Tally {
    /// Adds a run.
    pub fn add(&mut self, result: Result<Run, Failure>) {
        self.runs += 1;
        match result {
            Ok(run) => {
                *self.endings.entry(run.endings).or_default() += 1;
                if let Some(took) = run.handshake {
                    *self.handshakes.entry(Self::bucket(took)).or_default() += 1;
                    self.times.push(u64::try_from(took.as_micros()).expect("an hour at most"));
                }
                self.heap = self.heap.max(run.heap);
                self.datagrams += run.datagrams;
                self.messages[0] += run.messages[0];
                self.messages[1] += run.messages[1];
                self.early += run.early;
            }
            Err(failure) => self.failures.push(failure),
        }
    }

    /// Adds the runs of another tally.
    pub fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.failures.extend(other.failures);
        for (endings, count) in other.endings {
            *self.endings.entry(endings).or_default() += count;
        }
        for (bucket, count) in other.handshakes {
            *self.handshakes.entry(bucket).or_default() += count;
        }
        self.times.extend(other.times);
        self.heap = self.heap.max(other.heap);
        self.datagrams += other.datagrams;
        self.messages[0] += other.messages[0];
        self.messages[1] += other.messages[1];
        self.early += other.early;
    }

    /// How many runs had both sides connected until their applications said goodbye.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.endings.get(&[Ending::Connected, Ending::Connected]).copied().unwrap_or_default()
    }

    /// Buckets end at 1, 2, 4, ... milliseconds.
    fn bucket(took: Duration) -> usize {
        let millis = took.as_millis();
        (0..64).find(|bucket| millis < 1 << bucket).unwrap_or(64)
    }

    /// The time within which so many percent of the handshakes were done.
    fn percentile(sorted: &[u64], percent: usize) -> Duration {
        let last = sorted.len().saturating_sub(1);
        let index = (sorted.len() * percent / 100).min(last);
        Duration::from_micros(sorted.get(index).copied().unwrap_or_default())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        writeln!(f, "handshakes, by how long they took in virtual time:")?;
        let most = self.handshakes.values().copied().max().unwrap_or_default().max(1);
        for (bucket, count) in &self.handshakes {
            let bar = "#".repeat((count * BAR).div_ceil(most));
            let below = Duration::from_millis(1 << bucket);
            writeln!(f, "  < {below:>10?} {count:>8} {bar}")?;
        }
        let [median, p99] = [50, 99].map(|percent| Self::percentile(&sorted, percent));
        let worst = Self::percentile(&sorted, 100);
        writeln!(f, "  median {median:?}, 99 % within {p99:?}, worst {worst:?}")?;
        writeln!(f, "\nruns, by how they ended for client and server:")?;
        let mut endings: Vec<_> = self.endings.iter().collect();
        endings.sort_by_key(|(_, count)| core::cmp::Reverse(**count));
        for ([client, server], count) in endings {
            let percent = *count * 10_000 / self.runs.max(1);
            let (whole, part) = (percent / 100, percent % 100);
            writeln!(f, "  {count:>8} {whole:>3}.{part:02} %  {client:<36} {server}")?;
        }
        let [sent, arrived] = self.messages;
        writeln!(
            f,
            "\n{} runs, {} datagrams, {arrived} of {sent} messages arrived, {} of them \
             early; at most {} bytes of heap in a connection",
            self.runs, self.datagrams, self.early, self.heap
        )?;
        write!(f, "{} failed", self.failures.len())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.pad("connected"),
            Self::Failed(why) => f.pad(why),
            Self::Nothing => f.pad("no connection"),
        }
    }
}
