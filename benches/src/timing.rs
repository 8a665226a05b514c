//! Two things in turns, so that whatever slows the machine down slows both.

use std::time::{Duration, Instant};

/// Times of one run each, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// Of the first.
    pub ours: f64,
    /// Of the second.
    pub raw: f64,
    /// First over second: the median of the rounds' ratios.
    pub ratio: f64,
}

/// Measures both in turns, for about `time` in all.
pub fn compare(time: Duration, ours: &mut dyn FnMut(), raw: &mut dyn FnMut()) -> Compared {
    const ROUNDS: u32 = 51;
    let batch = time / ROUNDS / 2;
    let (ours_runs, raw_runs) = (runs_in(batch, ours), runs_in(batch, raw));
    let mut rounds: Vec<(f64, f64)> =
        (0..ROUNDS).map(|_| (per_run(ours_runs, ours), per_run(raw_runs, raw))).collect();
    let mut median = |by: fn(&(f64, f64)) -> f64| {
        rounds.sort_by(|a, b| by(a).total_cmp(&by(b)));
        by(&rounds[rounds.len() / 2])
    };
    Compared { ours: median(|r| r.0), raw: median(|r| r.1), ratio: median(|r| r.0 / r.1) }
}

/// How many runs take about this long, after warming up.
fn runs_in(time: Duration, work: &mut dyn FnMut()) -> u32 {
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
