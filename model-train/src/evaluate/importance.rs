//! Permutation importance: how much worse a model gets without the information of a feature.

use std::sync::Mutex;

use model_core::artifact::Artifact;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::predict::{independent, predict};
use super::ranked::Ranked;
use super::{EvaluateError, Options};
use crate::parallel::parallel;

/// The permutation importance of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// The mean drop in ROC AUC.
    pub mean: f64,
    /// The standard deviation between repeats.
    pub deviation: f64,
}

/// How features are shuffled.
#[derive(Debug, Clone, Copy)]
pub struct Shuffles {
    /// Shuffles of each feature.
    pub repeats: usize,
    /// Random seed.
    pub seed: u64,
    /// Threads, at least 1.
    pub jobs: usize,
}

/// Shuffles one input after another and measures the drop in ROC AUC
/// (Breiman, "Random forests", Machine Learning 45, 2001; scikit-learn:
/// `permutation_importance(scoring="roc_auc")`). The deviation is that of a population, as
/// scikit-learn's. The most important feature comes first.
///
/// `columns` is input after input; what `predictor` makes fills in a probability for each
/// row. Each feature has random numbers of its own: the number of threads changes nothing.
///
/// # Errors
/// The first error of `predictor` or of the function it makes.
pub fn permutation_importance<E: Send, P>(
    names: &[&str],
    columns: &[f64],
    answers: &[bool],
    shuffles: Shuffles,
    predictor: impl Fn() -> Result<P, E> + Sync,
) -> Result<Vec<Importance>, E>
where
    P: FnMut(&[f64], &mut [f64]) -> Result<(), E> + Send,
{
    let rows = Labels {
        answers,
        weights: None,
    };
    weighted_importance(names, columns, rows, shuffles, predictor)
}

/// The outcomes of rows, and what each counts.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Whether each row is positive.
    pub answers: &'a [bool],
    /// How much it counts, above 0; none where all count the same.
    pub weights: Option<&'a [f64]>,
}

fn weighted_importance<E: Send, P>(
    names: &[&str],
    columns: &[f64],
    labels: Labels<'_>,
    shuffles: Shuffles,
    predictor: impl Fn() -> Result<P, E> + Sync,
) -> Result<Vec<Importance>, E>
where
    P: FnMut(&[f64], &mut [f64]) -> Result<(), E> + Send,
{
    let Labels { answers, weights } = labels;
    let rows = answers.len();
    let auc = |predict: &mut P, columns: &[f64]| -> Result<f64, E> {
        let mut probabilities = vec![0.0; rows];
        predict(columns, &mut probabilities)?;
        let ranked = Ranked::weighted(answers, &probabilities, weights, 0.5);
        Ok(area(&ranked).unwrap_or(f64::NAN))
    };
    let whole = auc(&mut predictor()?, columns)?;
    if shuffles.repeats == 0 || !whole.is_finite() {
        return Ok(Vec::new());
    }
    let inputs: Vec<(usize, &str)> = names.iter().copied().enumerate().collect();
    // One for each thread: it may take longer to make than to use.
    let idle = Mutex::new(Vec::new());
    let importances = parallel(shuffles.jobs, &inputs, |&(input, name)| {
        let taken = idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut predict = taken.map_or_else(&predictor, Ok)?;
        let mut rng = ChaCha8Rng::seed_from_u64(shuffles.seed);
        rng.set_stream(input as u64);
        let mut shuffled = columns.to_vec();
        let losses: Result<Vec<f64>, E> = (0..shuffles.repeats)
            .map(|_| {
                shuffled[input * rows..(input + 1) * rows].shuffle(&mut rng);
                Ok(whole - auc(&mut predict, &shuffled)?)
            })
            .collect();
        if let Ok(mut idle) = idle.lock() {
            idle.push(predict);
        }
        let (mean, deviation) = mean_and_deviation(&losses?);
        Ok(Importance {
            feature: name.to_owned(),
            mean,
            deviation,
        })
    });
    let mut importances = importances.into_iter().collect::<Result<Vec<_>, E>>()?;
    importances.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    Ok(importances)
}

/// The importance of a model's inputs, on a sample of many rows; the drop is one of the
/// weighted area where rows have weights.
pub(super) fn of_artifact(
    artifact: &[u8],
    columns: &[f64],
    answers: &[bool],
    weights: Option<&[f64]>,
    options: &Options,
) -> Result<Vec<Importance>, EvaluateError> {
    let schema = Artifact::decode(artifact)?.schema;
    let names: Vec<&str> = schema.inputs().map(|f| f.name.as_str()).collect();
    let rows = answers.len();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut some: Vec<usize> = (0..rows).collect();
    some.shuffle(&mut rng);
    some.truncate(options.importance_rows);
    some.sort_unstable();
    let columns: Vec<f64> = columns
        .chunks_exact(rows)
        .flat_map(|column| some.iter().map(|&row| column[row]))
        .collect();
    let answers: Vec<bool> = some.iter().map(|&row| answers[row]).collect();
    let weights: Option<Vec<f64>> =
        weights.map(|weights| some.iter().map(|&row| weights[row]).collect());
    let shuffles = Shuffles {
        repeats: options.repeats,
        seed: options.seed,
        jobs: options.jobs,
    };
    let labels = Labels {
        answers: &answers,
        weights: weights.as_deref(),
    };
    weighted_importance(&names, &columns, labels, shuffles, || {
        let mut decider = independent(artifact)?;
        Ok(move |columns: &[f64], out: &mut [f64]| predict(&mut decider, columns, out))
    })
}

/// The area under the ROC curve, ties counting half; `None` of one class.
#[must_use]
pub fn roc_auc(answers: &[bool], probabilities: &[f64]) -> Option<f64> {
    area(&Ranked::new(answers, probabilities, 0.5))
}

fn area(ranked: &Ranked) -> Option<f64> {
    let steps = ranked.steps();
    let all = *steps.last()?;
    let (mut doubled, mut before) = (0.0, (0.0, 0.0));
    for step in steps {
        doubled += (step.no - before.1) * (step.yes + before.0);
        before = (step.yes, step.no);
    }
    (all.yes > 0.0 && all.no > 0.0).then(|| doubled / (2.0 * all.yes * all.no))
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean, square.sqrt())
}
