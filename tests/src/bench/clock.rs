//! Timing.

use std::time::Instant;

/// How often everything is timed.
const ROUNDS: usize = 15;

/// Something that is timed: it returns how many operations it did.
pub type Stopwatch<'a> = Box<dyn FnMut() -> usize + 'a>;

/// Times each of `subjects` in turn, `ROUNDS` times, after one round that does not count.
/// Returns the median nanoseconds of one operation for each.
pub fn interleaved(subjects: &mut [Stopwatch<'_>]) -> Vec<f64> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); subjects.len()];
    for round in 0..=ROUNDS {
        for (subject, times) in subjects.iter_mut().zip(&mut rounds) {
            let start = Instant::now();
            let operations = subject();
            let nanoseconds = start.elapsed().as_nanos() as f64 / operations as f64;
            if round > 0 {
                times.push(nanoseconds);
            }
        }
    }
    rounds.into_iter().map(median).collect()
}

/// Times each of `subjects` in turn, so many rounds, after one that does not count. Returns
/// the lowest nanoseconds of one operation for each: what is left of a small difference when
/// nothing else ran. A round has to be short, well below a scheduler's slice.
pub fn lowest(subjects: &mut [Stopwatch<'_>], rounds: usize) -> Vec<f64> {
    let mut lowest = vec![f64::INFINITY; subjects.len()];
    for round in 0..=rounds {
        for (subject, lowest) in subjects.iter_mut().zip(&mut lowest) {
            let start = Instant::now();
            let operations = subject();
            let nanoseconds = start.elapsed().as_nanos() as f64 / operations as f64;
            if round > 0 {
                *lowest = lowest.min(nanoseconds);
            }
        }
    }
    lowest
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
