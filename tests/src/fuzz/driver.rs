//! Drives a target: mutates inputs for a while, keeps those with a new kind of outcome,
//! and stops at the first that panics or does not end.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Target;
use super::mutate::mutate;
use super::targets::fingerprint;

/// An input that takes this long counts as one that does not end.
const HANG: Duration = Duration::from_secs(20);

/// What a run saw.
#[derive(Debug)]
pub struct Report {
    /// Inputs that were tried.
    pub executions: u64,
    /// Kinds of outcome that were seen.
    pub outcomes: usize,
    /// The longest that one input took.
    pub slowest: Duration,
}

/// An input that the target does not stand.
#[derive(Debug)]
pub struct Crash {
    /// The input.
    pub input: Vec<u8>,
    /// What was said, and where.
    pub reason: String,
    /// A short name, made of the input.
    pub fingerprint: String,
}

/// What the watchdog looks at: the input at work, and since when.
type Watched = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

impl Target {
    /// Tries one input.
    ///
    /// # Errors
    /// When it panics.
    pub fn try_input(&self, input: &[u8]) -> Result<String, Crash> {
        let check = self.check;
        catch_unwind(AssertUnwindSafe(|| check(input))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            crash(input, text.unwrap_or("it panicked"))
        })
    }
}

/// Drives `target` for `time` with what follows from `seed`. `tick` is called now and then
/// with the executions so far; `hung` when an input does not end, on another thread.
///
/// # Errors
/// The first input that panics.
pub fn run(
    target: &Target,
    seed: u64,
    time: Duration,
    mut tick: impl FnMut(u64),
    hung: impl Fn(Crash) + Send + 'static,
) -> Result<Report, Crash> {
    let watched = watch(hung);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut seen = HashSet::new();
    let mut report = Report {
        executions: 0,
        outcomes: 0,
        slowest: Duration::ZERO,
    };
    let mut corpus = Vec::new();
    let mut waiting = (target.seeds)();
    waiting.reverse();
    let seeds = waiting.len();
    let start = Instant::now();
    // Every seed is tried, however short the time.
    while !waiting.is_empty() || start.elapsed() < time {
        let seed = waiting.pop();
        let is_seed = seed.is_some();
        let input = seed.unwrap_or_else(|| {
            // Half of the time a seed: most of the others are refused early.
            let parents = if random.random_bool(0.5) {
                &corpus[..seeds]
            } else {
                &corpus[..]
            };
            let parent = parents.choose(&mut random).map_or(&[][..], Vec::as_slice);
            mutate(parent, &corpus, target.words, &mut random)
        });
        let begun = Instant::now();
        set(&watched, Some((begun, input.clone())));
        let outcome = target.try_input(&input)?;
        set(&watched, None);
        report.slowest = report.slowest.max(begun.elapsed());
        report.executions += 1;
        if seen.insert(outcome) || is_seed {
            corpus.push(input);
        }
        if report.executions.is_multiple_of(256) {
            tick(report.executions);
        }
    }
    report.outcomes = seen.len();
    Ok(report)
}

fn set(watched: &Watched, now: Option<(Instant, Vec<u8>)>) {
    *watched.lock().unwrap_or_else(PoisonError::into_inner) = now;
}

/// Starts a thread that looks once a second whether an input takes too long. It ends when
/// the run does.
fn watch(hung: impl Fn(Crash) + Send + 'static) -> Watched {
    let watched = Watched::default();
    let weak = Arc::downgrade(&watched);
    std::thread::spawn(move || {
        while let Some(watched) = weak.upgrade() {
            let now = watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            drop(watched);
            if let Some((since, input)) = now.filter(|(since, _)| since.elapsed() > HANG) {
                hung(crash(
                    &input,
                    &format!("no end after {:?}", since.elapsed()),
                ));
                return;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    watched
}

fn crash(input: &[u8], reason: &str) -> Crash {
    Crash {
        input: input.to_vec(),
        reason: reason.to_owned(),
        fingerprint: fingerprint(input),
    }
}
