//! The benchmark of a search: one logistic regression, measured on every fold.

use model_core::model::ModelKind;

use crate::evaluate::{BenchmarkRecord, PairedRecord};
use crate::fit::Params;
use crate::parallel::parallel;
use crate::tune::{self, Budget, Candidate, Control, CrossValidation, Objective, State, Trial};

/// A logistic regression on the folds of the search, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Benchmark {
    /// A complete trial, of the search or made for the purpose.
    Measured(Box<Trial>),
    /// A sentence.
    Absent(String),
}

impl Benchmark {
    /// The best complete logistic regression of the search; where the search gave all up, or
    /// tried none, its best one, or the defaults, is measured on all folds.
    pub(super) fn new(
        folds: &CrossValidation<'_>,
        trials: &[Trial],
        settings: &tune::Settings,
        control: &Control,
    ) -> Self {
        let kind = ModelKind::LogisticRegression;
        let linear: Vec<Trial> = trials
            .iter()
            .filter(|trial| trial.params.kind() == kind)
            .cloned()
            .collect();
        let complete = linear.iter().filter(|t| t.state == State::Complete);
        let best = complete.min_by(|a, b| {
            let [a, b] = [a, b].map(|trial| loss(trial, settings));
            a.total_cmp(&b)
        });
        if let Some(best) = best {
            return Self::Measured(Box::new(best.clone()));
        }
        if control.is_stopped() {
            return Self::Absent("the search was stopped before one was measured".to_owned());
        }
        let params = tune::nearest(&linear, settings);
        let candidate = Candidate {
            number: trials.len(),
            params: params.unwrap_or_else(|| Params::defaults(kind)),
        };
        let all: Vec<usize> = (0..settings.folds).collect();
        let scores = parallel(settings.jobs, &all, |&fold| {
            folds.evaluate(&candidate, fold, None, 1)
        });
        match scores.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(folds) => Self::Measured(Box::new(Trial {
                number: candidate.number,
                params: candidate.params,
                state: State::Complete,
                folds,
                seconds: 0.0,
                error: None,
            })),
            Err(error) => Self::Absent(format!("none can be fitted: {error}")),
        }
    }

    /// Beside the best complete trial of every other family, fold by fold.
    pub(super) fn record(&self, trials: &[Trial], settings: &tune::Settings) -> BenchmarkRecord {
        let own = match self {
            Self::Measured(trial) => trial,
            Self::Absent(reason) => {
                return BenchmarkRecord {
                    reason: Some(reason.clone()),
                    ..BenchmarkRecord::default()
                };
            }
        };
        let budget = Budget::default();
        let metric = settings.metric;
        let scores = |trial: &Trial| trial.figures(metric, &budget, |p| metric.figure(&p.metrics));
        let of_own = scores(own);
        let mut others: Vec<&Trial> = Vec::new();
        for trial in trials.iter().filter(|t| t.state == State::Complete) {
            let kind = trial.params.kind();
            match others.iter_mut().find(|other| other.params.kind() == kind) {
                _ if kind == own.params.kind() => {}
                Some(best) if loss(trial, settings) < loss(best, settings) => *best = trial,
                Some(_) => {}
                None => others.push(trial),
            }
        }
        let paired = others.into_iter().map(|trial| {
            let of_other = scores(trial);
            let differences: Vec<f64> = of_other.iter().zip(&of_own).map(|(a, b)| a - b).collect();
            let (difference, difference_deviation) = mean_and_deviation(&differences);
            let (score, deviation) = mean_and_deviation(&of_other);
            PairedRecord {
                model: trial.params.kind().word().to_owned(),
                trial: trial.number,
                score,
                deviation,
                difference,
                difference_deviation,
                better_folds: differences
                    .iter()
                    .filter(|d| metric.loss(**d) < 0.0)
                    .count(),
            }
        });
        let (score, deviation) = mean_and_deviation(&of_own);
        BenchmarkRecord {
            score: Some(score),
            deviation: Some(deviation),
            folds: of_own.len(),
            others: paired.collect(),
            reason: None,
        }
    }
}

/// What a complete trial lost, whatever its size.
fn loss(trial: &Trial, settings: &tune::Settings) -> f64 {
    let value = trial.value(settings.metric, &Budget::default());
    value.map_or(f64::MAX, |value| settings.metric.loss(value))
}

/// Of a sample, over n - 1; 0 of one value.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (square / (count - 1.0).max(1.0)).sqrt())
}
