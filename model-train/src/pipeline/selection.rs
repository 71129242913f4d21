//! Choosing the hyperparameters by a search, within a size and a time to score.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model_core::model::ModelKind;
use serde::Serialize;

use super::benchmark::Benchmark;
use super::decision::{cross_validation, dealt};
use super::error::{ObserverError, PipelineError};
use super::job::{Job, SearchPlan};
use super::observer::Observer;
use crate::fit::{self, GradientBoosting, Params};
use crate::prepare::Prepared;
use crate::tune::{
    self, Control, Cost, CrossValidation, Event, FrontierPoint, Metric, Ratio, RatioSearch, Space,
    State, Trial,
};

/// The hyperparameters that a search chose, and the trials that it chose from.
#[derive(Debug, Clone)]
pub struct Selection {
    /// What the model is fitted with on all training rows.
    pub params: Params,
    /// The trial that they come from.
    pub best: Trial,
    /// Every trial, by number.
    pub trials: Vec<Trial>,
    /// A logistic regression on the same folds.
    pub benchmark: Benchmark,
    /// How the search was done.
    pub settings: tune::Settings,
    /// The whole artifact's size, and the time to score one row as the folds measured it.
    pub cost: Cost,
    /// Whether the search was stopped by its [`Control`].
    pub interrupted: bool,
    /// Seconds that the search took.
    pub seconds: f64,
    /// Ratios of two inputs that would lower the log loss, the best first: for the schema, not
    /// in this model.
    pub ratios: Vec<Ratio>,
}

/// A search in figures.
#[derive(Debug, Clone, Serialize)]
pub struct SelectionFigures {
    /// What models were chosen by.
    pub metric: Metric,
    /// Its mean over the folds of the chosen trial.
    pub value: f64,
    /// The chosen trial's number.
    pub trial: usize,
    /// The chosen hyperparameters.
    pub params: Params,
    /// How many trials there were.
    pub trials: usize,
    /// Trials that were measured on every fold.
    pub complete: usize,
    /// Trials that were stopped early.
    pub pruned: usize,
    /// Trials that could not be fitted.
    pub failed: usize,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Seconds that the search took.
    pub seconds_search: f64,
    /// Seconds that the whole run took.
    pub seconds_total: f64,
    /// As [`Selection::cost`].
    pub cost: Cost,
    /// What quality costs in size and time.
    pub frontier: Vec<FrontierPoint>,
    /// As [`Selection::ratios`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<Ratio>,
}

/// Runs the search and makes sure that the chosen model keeps to the budget.
pub(super) fn select(
    job: &Job,
    search: &SearchPlan,
    observer: &mut dyn Observer,
) -> Result<Selection, PipelineError> {
    let start = Instant::now();
    let repeats = job.options.repeats(job.inputs.split.train.len());
    let objective = cross_validation(job, repeats)?;
    observer.search_started(&search.settings, &search.earlier);
    let timeout = search.options.timeout;
    let deadline = timeout.and_then(|timeout| start.checked_add(timeout));
    let control = job.control.until(deadline);
    let relay = Relay::new(observer, &control);
    let trials = tune::search(
        &objective,
        &search.options.spaces,
        &search.settings,
        &control,
        search.earlier.clone(),
        &|event| relay.pass_on(event),
    );
    relay.finish()?;
    let trials = trials?;
    let best = tune::best(&trials, &search.settings)?.clone();
    let mut params = tune::chosen(&best, &search.settings);
    if let Some(blend) = blend(&objective, &trials, &params, search)? {
        params = blend;
    }
    let budget = &search.settings.budget;
    if budget.gzip_bytes.is_some() || budget.nanoseconds.is_some() {
        params = within_budget(job, search, params)?;
    }
    let benchmark = Benchmark::new(&objective, &trials, &search.settings, &job.control);
    let seconds = start.elapsed().as_secs_f64();
    Ok(Selection {
        params,
        best,
        benchmark,
        trials,
        settings: search.settings.clone(),
        cost: Cost::default(),
        interrupted: control.is_stopped(),
        seconds,
        ratios: if search.options.proposes_ratios && !control.is_stopped() {
            ratios(job)?
        } else {
            Vec::new()
        },
    })
}

/// Ratios of two inputs that the schema could have.
fn ratios(job: &Job) -> Result<Vec<Ratio>, PipelineError> {
    let (inputs, options) = (&job.inputs, &job.options);
    let search = RatioSearch {
        dataset: &inputs.dataset,
        schema: &inputs.schema,
        rows: &inputs.split.train,
        folds: options.folds,
        folds_by: options.folds_by,
        seed: options.seed,
        class_weight: options.class_weight,
        jobs: options.jobs,
    };
    Ok(search.run()?)
}

/// Boosting and linear models averaged, where both were searched, one of them was chosen, and the
/// average is better.
fn blend(
    folds: &CrossValidation<'_>,
    trials: &[Trial],
    params: &Params,
    search: &SearchPlan,
) -> Result<Option<Params>, PipelineError> {
    let of_kind = |kind| {
        let trials = trials.iter().filter(|trial| trial.params.kind() == kind);
        trials.cloned().collect::<Vec<Trial>>()
    };
    let settings = &search.settings;
    // Trials that were given up say enough about a part.
    let part = |kind| tune::nearest(&of_kind(kind), settings);
    let boosting = match params {
        Params::GradientBoosting(_) => Some(*params),
        Params::LogisticRegression(_) => part(ModelKind::GradientBoosting),
        _ => None,
    };
    let linear = match params {
        Params::LogisticRegression(_) => Some(*params),
        _ => part(ModelKind::LogisticRegression),
    };
    match (boosting, linear) {
        (Some(Params::GradientBoosting(boosting)), Some(Params::LogisticRegression(linear))) => {
            let parts = (boosting, linear);
            Ok(folds.blend(parts, params, settings.jobs)?)
        }
        _ => Ok(None),
    }
}

/// Training rows beyond which one fold says how many trees are worth keeping.
const ONE_FOLD: usize = 100_000;
/// Trees where a class is too small for folds.
const TREES_WITHOUT_FOLDS: usize = 100;

/// The defaults for the training rows; boosting with as many trees as cross-validation keeps.
pub(super) fn defaults(job: &Job, space: &Space) -> Result<Params, PipelineError> {
    let params = *space.base();
    let (Params::GradientBoosting(boosting), true) = (params, space.is_default("trees")) else {
        return Ok(params);
    };
    let (inputs, options) = (&job.inputs, &job.options);
    let (target, rows) = (&inputs.dataset.target, &inputs.split.train);
    let positive = rows.iter().filter(|row| target[**row]).count();
    let folds = options.folds.min(positive.min(rows.len() - positive));
    let repeats = options.repeats(rows.len());
    let trees = match dealt(inputs, options, folds).splits(repeats) {
        Err(_) => TREES_WITHOUT_FOLDS,
        Ok(mut splits) => {
            if rows.len() > ONE_FOLD {
                splits.truncate(1);
            }
            let (dataset, schema) = (&inputs.dataset, &inputs.schema);
            let weight = options.class_weight;
            let folds = CrossValidation::new(dataset, schema, splits, options.seed, weight)?;
            folds.best_trees(&boosting, options.jobs)?
        }
    };
    Ok(Params::GradientBoosting(GradientBoosting {
        trees,
        ..boosting
    }))
}

/// The folds promised a size and a time; the model of all training rows has to keep to them.
fn within_budget(job: &Job, search: &SearchPlan, params: Params) -> Result<Params, PipelineError> {
    let (inputs, options) = (&job.inputs, &job.options);
    let schema = &inputs.schema;
    let prepared = Prepared::new(inputs.dataset.clone(), schema, inputs.split.clone())?;
    let fitting = fit::Options {
        seed: options.seed,
        jobs: options.jobs,
        class_weight: options.class_weight,
    };
    let budget = &search.settings.budget;
    Ok(tune::within_budget(
        &prepared, schema, params, &fitting, budget,
    )?)
}

/// Passes events on to the observer, one at a time; its first error stops the search.
struct Relay<'a> {
    to: Mutex<Receiver<'a>>,
    control: &'a Control,
}

struct Receiver<'a> {
    observer: &'a mut dyn Observer,
    error: Option<ObserverError>,
}

impl<'a> Relay<'a> {
    fn new(observer: &'a mut dyn Observer, control: &'a Control) -> Self {
        let error = None;
        Self {
            to: Mutex::new(Receiver { observer, error }),
            control,
        }
    }

    fn pass_on(&self, event: Event<'_>) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match event {
            Event::Begin(candidate) => {
                to.observer.trial_started(candidate);
                Ok(())
            }
            Event::Fold(_) => Ok(()),
            Event::Trial(trial) => to.observer.trial_finished(trial),
        };
        if let Err(error) = result {
            to.error.get_or_insert(error);
            self.control.stop();
        }
    }

    fn finish(self) -> Result<(), PipelineError> {
        let to = self.to.into_inner().unwrap_or_else(PoisonError::into_inner);
        to.error
            .map_or(Ok(()), |error| Err(PipelineError::Observer(error)))
    }
}

impl Selection {
    /// The metric of the search, its mean over the folds of the chosen trial.
    #[must_use]
    pub fn value(&self) -> f64 {
        let tune::Settings { metric, budget, .. } = &self.settings;
        self.best.value(*metric, budget).unwrap_or(f64::NAN)
    }

    /// The complete trial with the best mean, which need not be the chosen one; see
    /// [`tune::best`].
    #[must_use]
    pub fn leader(&self) -> &Trial {
        tune::leader(&self.trials, &self.settings).unwrap_or(&self.best)
    }

    /// What quality costs in size and time.
    #[must_use]
    pub fn frontier(&self) -> Vec<FrontierPoint> {
        tune::frontier(&self.trials, self.settings.metric)
    }

    /// The search in figures; `total` is the time of the whole run.
    #[must_use]
    pub fn figures(&self, total: Duration) -> SelectionFigures {
        let count = |state| self.trials.iter().filter(|t| t.state == state).count();
        SelectionFigures {
            metric: self.settings.metric,
            value: self.value(),
            trial: self.best.number,
            params: self.params,
            trials: self.trials.len(),
            complete: count(State::Complete),
            pruned: count(State::Pruned),
            failed: count(State::Failed),
            folds: self.settings.folds,
            seconds_search: self.seconds,
            seconds_total: total.as_secs_f64(),
            cost: self.cost,
            frontier: self.frontier(),
            ratios: self.ratios.clone(),
        }
    }

    /// Records what the finished artifact costs: its own size, and the time that the folds of
    /// the chosen trial took for one row, as often as the model is averaged.
    pub(super) fn record_cost(&mut self, artifact: &[u8]) {
        let tune::Settings { metric, budget, .. } = &self.settings;
        let folds = self.best.folds.iter();
        let points = folds.filter_map(|fold| fold.best(*metric, budget));
        let times: Vec<f64> = points.map(|point| point.cost.nanoseconds).collect();
        let bags = self.params.boosting().map_or(1.0, |b| b.bags as f64);
        self.cost = Cost {
            bytes: artifact.len() as u64,
            gzip_bytes: tune::gzipped(artifact),
            nanoseconds: bags * times.iter().sum::<f64>() / times.len().max(1) as f64,
        };
    }
}
