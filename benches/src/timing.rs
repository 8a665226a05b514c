//! Two things in turns, so that whatever slows the machine down slows both.

use std::time::{Duration, Instant};

/// Times of one run each, in nanoseconds: the tenth percentile of all batches, which is what an
/// undisturbed run takes even where others use the machine too.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// Of the first.
    pub ours: f64,
    /// Of the second.
    pub raw: f64,
}

impl Compared {
    /// First over second.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.ours / self.raw
    }
}

/// How long the runs between two looks at the clock take: far longer than looking, and short
/// enough to fall between the disturbances.
const BATCH: Duration = Duration::from_micros(50);

/// Measures both in turns, for about `time` in all.
pub fn compare(time: Duration, ours: &mut dyn FnMut(), raw: &mut dyn FnMut()) -> Compared {
    let (ours_runs, raw_runs) = (runs_in(BATCH, ours), runs_in(BATCH, raw));
    let (mut ours_times, mut raw_times) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while start.elapsed() < time || ours_times.len() < 20 {
        ours_times.push(per_run(ours_runs, ours));
        raw_times.push(per_run(raw_runs, raw));
    }
    Compared { ours: undisturbed(ours_times), raw: undisturbed(raw_times) }
}

fn undisturbed(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}

/// How many runs take about this long, after warming up.
fn runs_in(time: Duration, work: &mut dyn FnMut()) -> u32 {
    let warm_up = Instant::now();
    while warm_up.elapsed() < 100 * time {
        work();
    }
    let start = Instant::now();
    let mut runs = 0;
    while runs == 0 || start.elapsed() < time {
        work();
        runs += 1;
    }
    runs
}

fn per_run(runs: u32, work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..runs {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(runs)
}
