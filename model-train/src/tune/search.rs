//! The search itself: generations, rungs, and when to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::budget::Budget;
use super::metric::Metric;
use super::sampler::{self, Observation};
use super::space::{RangeError, Space};
use super::trial::{Candidate, FoldScore, State, Trial};
use crate::fit::FitError;
use crate::parallel::parallel;

/// Trials that run side by side. They learn from those of earlier generations alone. The
/// first trial is a generation of its own: all others are measured by it.
pub const GENERATION: usize = 4;
/// A trial goes on where it is among the best of so many that came as far.
const ONE_OF: usize = 3;
/// Beyond so many folds a trial is judged after a third and two thirds of them.
const MANY_FOLDS: usize = 8;
/// Of a trial that failed: worse than every other.
const HOPELESS: f64 = 1e12;

/// What is judged, such as [`super::CrossValidation`].
pub trait Objective: Sync {
    /// Fits the candidate to all but one fold, with so many threads, and measures it on that
    /// one. The same arguments must give the same score, however many threads there are. What
    /// cannot come near the log loss `hurdle` need not be fitted to its end.
    ///
    /// # Errors
    /// When nothing can be fitted with these hyperparameters; the trial fails, the search
    /// goes on.
    fn evaluate(
        &self,
        candidate: &Candidate,
        fold: usize,
        hurdle: Option<f64>,
        jobs: usize,
    ) -> Result<FoldScore, FitError>;
}

/// How to search.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many trials, over all models.
    pub trials: usize,
    /// How many folds.
    pub folds: usize,
    /// What is drawn follows from it.
    pub seed: u64,
    /// How many folds are fitted at the same time, at least 1.
    pub jobs: usize,
    /// At most so many boosted models are averaged in the end; see [`super::chosen`].
    pub bags: usize,
    /// What is better.
    pub metric: Metric,
    /// What is allowed.
    pub budget: Budget,
}

/// When to stop before all trials are finished. Clones share the flag that
/// [`Control::stop`] sets, so that a signal handler can hold one.
#[derive(Debug, Clone, Default)]
pub struct Control {
    stopped: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

/// What happens in a search.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A trial begins; it comes from any thread.
    Begin(&'a Candidate),
    /// A fold was fitted and measured; it comes from any thread.
    Fold(&'a Candidate),
    /// A trial ended.
    Trial(&'a Trial),
}

/// Why there is nothing to choose from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// No space was given.
    #[error("no model to search: expected at least one")]
    NoModels,
    /// A space that cannot be searched.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The sampler refused a value.
    #[error("the sampler failed: {0}")]
    Sampler(String),
    /// No trial came to its end.
    #[error("the search was stopped before its first trial was done: nothing to choose from")]
    Stopped,
    /// None could be fitted.
    #[error("none of the {trials} trials could be fitted; the first said: {first}")]
    AllFailed {
        /// How many there were.
        trials: usize,
        /// What the first one said.
        first: String,
    },
    /// Nothing is small or fast enough.
    #[error(
        "no trial is within the size and latency asked for; the smallest model has {gzip_bytes} bytes gzipped, the fastest takes {nanoseconds:.0} ns a row: allow more, or search more trials"
    )]
    OverBudget {
        /// Of the smallest.
        gzip_bytes: u64,
        /// Of the fastest.
        nanoseconds: f64,
    },
}

impl Control {
    /// The same control with a deadline; the first trial always runs to its end.
    #[must_use]
    pub fn until(&self, deadline: Option<Instant>) -> Self {
        Self {
            stopped: Arc::clone(&self.stopped),
            deadline,
        }
    }

    /// Stops the search as soon as the running fits have ended; finished trials are kept.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether someone called [`Control::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn ends(&self, candidate: &Candidate) -> bool {
        let late = self.deadline.is_some_and(|end| Instant::now() >= end);
        self.is_stopped() || (late && candidate.number > 0)
    }
}

/// Runs the trials that `finished` does not have yet, and answers all of them by number.
/// `observe` is told of each trial as soon as it is done, and may keep it for a later call.
///
/// The same arguments give the same trials, whatever the number of jobs and with any part of
/// them in `finished`, unless `control` stops the search.
///
/// # Errors
/// When there is nothing to search.
pub fn search(
    objective: &impl Objective,
    spaces: &[Space],
    settings: &Settings,
    control: &Control,
    finished: Vec<Trial>,
    observe: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Vec<Trial>, TuneError> {
    if spaces.is_empty() {
        return Err(TuneError::NoModels);
    }
    let mut trials: BTreeMap<usize, Trial> = finished
        .into_iter()
        .filter(|trial| trial.number < settings.trials)
        .map(|trial| (trial.number, trial))
        .collect();
    let firsts = std::iter::once(0).chain((1..settings.trials).step_by(GENERATION));
    for first in firsts {
        let size = if first == 0 { 1 } else { GENERATION };
        let generation = first..settings.trials.min(first + size);
        let earlier: Vec<Trial> = trials.range(..first).map(|(_, t)| t.clone()).collect();
        if earlier.len() < first {
            break;
        }
        let known = observations(&earlier, settings);
        let missing = generation.filter(|number| !trials.contains_key(number));
        let candidates = missing
            .map(|number| sampler::suggest(spaces, settings.seed, number, &known))
            .collect::<Result<Vec<_>, _>>()?;
        let climb = Climb {
            objective,
            settings,
            control,
            earlier: &earlier,
            observe,
        };
        let ended = climb.run(candidates);
        trials.extend(ended.into_iter().map(|trial| (trial.number, trial)));
    }
    Ok(trials.into_values().collect())
}

/// What the sampler learns: of a trial with fewer folds what it would have had with all, if
/// it stays as far from the first trial as it is.
fn observations(trials: &[Trial], settings: &Settings) -> Vec<Observation> {
    let loss = |trial: &Trial, folds: usize| trial.loss(folds, settings.metric, &settings.budget);
    let reference = trials.iter().find(|t| t.state == State::Complete);
    let estimate = |trial: &Trial| {
        let folds = trial.folds.len();
        let own = loss(trial, folds)?;
        let reference = reference?;
        Some(own - loss(reference, folds)? + loss(reference, settings.folds)?)
    };
    let observation = |trial: &Trial| Observation {
        params: trial.params,
        loss: estimate(trial).unwrap_or(HOPELESS),
    };
    trials.iter().map(observation).collect()
}

/// A generation on its way up the rungs.
struct Climb<'a, O> {
    objective: &'a O,
    settings: &'a Settings,
    control: &'a Control,
    earlier: &'a [Trial],
    observe: &'a (dyn Fn(Event<'_>) + Sync),
}

/// A trial on its way.
struct Climber {
    candidate: Candidate,
    folds: Vec<FoldScore>,
    seconds: f64,
}

impl<O: Objective> Climb<'_, O> {
    fn run(&self, candidates: Vec<Candidate>) -> Vec<Trial> {
        let mut ended = Vec::new();
        let mut climbing: Vec<Climber> = candidates
            .into_iter()
            .map(|candidate| Climber {
                candidate,
                folds: Vec::new(),
                seconds: 0.0,
            })
            .collect();
        let mut rungs = rungs(self.settings.folds);
        if self.earlier.is_empty() {
            // Nothing to be given up for: all folds side by side.
            rungs = vec![self.settings.folds];
        }
        for rung in rungs {
            for climber in self.rung(climbing.split_off(0), rung) {
                match climber {
                    Ok(climber) => climbing.push(climber),
                    Err(trial) => ended.push(*trial),
                }
            }
        }
        ended
    }

    /// Computes the folds up to `rung` of each; answers who goes on and who has ended. Who
    /// was stopped is neither.
    fn rung(&self, climbers: Vec<Climber>, rung: usize) -> Vec<Result<Climber, Box<Trial>>> {
        let jobs: Vec<(usize, usize)> = climbers
            .iter()
            .enumerate()
            .flat_map(|(index, climber)| (climber.folds.len()..rung).map(move |f| (index, f)))
            .collect();
        let hurdle = self
            .hurdle()
            .filter(|_| climbers.iter().all(|c| c.folds.is_empty()));
        // Where there are fewer fits than threads, each fit has several.
        let threads = (self.settings.jobs / jobs.len().max(1)).max(1);
        let scores = parallel(self.settings.jobs, &jobs, |&(index, fold)| {
            let start = Instant::now();
            let score = self.evaluate(&climbers[index].candidate, fold, hurdle, threads);
            (score, start.elapsed().as_secs_f64())
        });
        let mut scores = scores.into_iter();
        let mut answer = Vec::new();
        for mut climber in climbers {
            let count = rung - climber.folds.len();
            let seconds = &mut climber.seconds;
            let new = scores.by_ref().take(count).map(|(score, took)| {
                *seconds += took;
                score
            });
            let new: Option<Result<Vec<_>, _>> = new.collect();
            match new {
                None => {}
                Some(Err(error)) => {
                    answer.push(Err(self.end(
                        climber,
                        State::Failed,
                        Some(error.to_string()),
                    )));
                }
                Some(Ok(new)) => {
                    climber.folds.extend(new);
                    answer.push(self.judge(climber));
                }
            }
        }
        answer
    }

    /// None when the search was stopped.
    fn evaluate(
        &self,
        candidate: &Candidate,
        fold: usize,
        hurdle: Option<f64>,
        jobs: usize,
    ) -> Option<Result<FoldScore, FitError>> {
        if self.control.ends(candidate) {
            return None;
        }
        if fold == 0 {
            (self.observe)(Event::Begin(candidate));
        }
        let score = self.objective.evaluate(candidate, fold, hurdle, jobs);
        (self.observe)(Event::Fold(candidate));
        Some(score)
    }

    fn judge(&self, climber: Climber) -> Result<Climber, Box<Trial>> {
        if climber.folds.len() == self.settings.folds {
            Err(self.end(climber, State::Complete, None))
        } else if self.is_hopeless(&climber) {
            Err(self.end(climber, State::Pruned, None))
        } else {
            Ok(climber)
        }
    }

    /// Whether it is not among the best third of those of earlier generations and itself
    /// that came as far.
    fn is_hopeless(&self, climber: &Climber) -> bool {
        let folds = climber.folds.len();
        let (metric, budget) = (self.settings.metric, &self.settings.budget);
        let loss = |trial: &Trial| trial.loss(folds, metric, budget);
        let mut others: Vec<f64> = self.earlier.iter().filter_map(loss).collect();
        if others.is_empty() {
            return false;
        }
        others.sort_by(f64::total_cmp);
        let own: f64 = climber.folds.iter().map(|f| f.loss(metric, budget)).sum();
        let allowed = (others.len() + 1).div_ceil(ONE_OF);
        let better = others.partition_point(|other| *other < own / folds as f64);
        better >= allowed
    }

    /// The log loss on the first fold that the best third of the earlier trials keep to.
    fn hurdle(&self) -> Option<f64> {
        let loss = |trial: &Trial| {
            let fold = trial.folds.first()?;
            let losses = fold.points.iter().map(|point| point.metrics.log_loss);
            losses.min_by(f64::total_cmp)
        };
        let mut losses: Vec<f64> = self.earlier.iter().filter_map(loss).collect();
        losses.sort_by(f64::total_cmp);
        losses.get(losses.len() / ONE_OF).copied()
    }

    fn end(&self, climber: Climber, state: State, error: Option<String>) -> Box<Trial> {
        let trial = Trial {
            number: climber.candidate.number,
            params: climber.candidate.params,
            state,
            folds: climber.folds,
            seconds: climber.seconds,
            error,
        };
        (self.observe)(Event::Trial(&trial));
        Box::new(trial)
    }
}

/// After how many folds a trial is judged; the last is all of them. Repeated folds are those of
/// few rows, where one or two of them say little.
fn rungs(folds: usize) -> Vec<usize> {
    let mut rungs = if folds > MANY_FOLDS {
        vec![folds / 3, folds * 2 / 3, folds]
    } else {
        vec![1, 2, folds]
    };
    rungs.retain(|rung| *rung <= folds);
    rungs.dedup();
    rungs
}
