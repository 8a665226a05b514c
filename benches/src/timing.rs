//! Things in turns, so that whatever slows the machine down slows all of them.

use core::time::Duration;
use std::time::Instant;

/// How long the runs between two looks at the clock take: far longer than looking, and short
/// enough to fall between the disturbances.
const BATCH: Duration = Duration::from_micros(50);

/// Measures all of `work` in turns, for about `time`. Returns what one run of each takes, in
/// nanoseconds.
///
/// That is the tenth percentile of all batches: what an undisturbed run takes, even where others use
/// the machine too.
pub fn compare<const N: usize>(time: Duration, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let runs = work.each_mut().map(|work| runs_in(BATCH, work));
    let mut times = [const { Vec::new() }; N];
    let start = Instant::now();
    while start.elapsed() < time || times.iter().any(|times| times.len() < 20) {
        for ((work, runs), times) in work.iter_mut().zip(runs).zip(&mut times) {
            times.push(per_run(runs, work));
        }
    }
    times.map(undisturbed)
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
