//! How good a model is on rows it has not seen: metrics with intervals, curves, importance,
//! and the same for parts of the rows.
//!
//! [`evaluate`] measures an artifact as it will decide, through [`Decider::batch`](model_core::decide::Decider::batch): what is
//! measured is what is shipped. Every statistic has its formula and source where it is
//! computed.

mod bins;
mod bootstrap;
mod calibration;
mod compare;
mod credit;
mod curves;
mod cuts;
mod decided;
mod explaining;
mod importance;
mod interval;
mod learning;
mod outcomes;
mod parts;
mod periods;
mod population;
mod predict;
mod ranked;
mod reasons;
mod recourse;
mod search_record;
mod slices;
mod stability;
mod subject;

pub use bootstrap::{Estimate, estimates};
pub use calibration::{CalibrationBin, calibration};
pub use compare::{
    Compared, Comparison, Decisions, Delong, Difference, SwapCell, SwapSet, compare, delong,
    swap_set,
};
pub(crate) use credit::bands;
pub use credit::{
    CalibrationFit, CalibrationState, Cheapest, Coefficient, Coefficients, Cost, CostTerms, Credit,
    CutOff, Decile, Dependence, DependencePoint, Design, Figure, GainsPoint, Ks, LinearTerm,
    LossGivenDefault, RarerPrecision, Stakes, StrategyPoint, TrainedOn, calibration_state,
    coefficients, costs, cut_off, deciles, gains, ks, linear_errors, score_histogram, strategy,
    variance_inflation,
};
pub use curves::{
    PrecisionRecallPoint, RocBand, RocPoint, ScoreBin, ThresholdRow, precision_recall, roc,
    score_distribution, thresholds,
};
pub use importance::{Importance, Labels, Shuffles, permutation_importance, roc_auc};
pub use interval::{Interval, Proportion, quantile, ratio, wilson, wilson_of};
pub use learning::{Draw, LearningPoint, learning_curve};
pub use outcomes::{Moved, OutcomeCounts, OutcomeGroup, OutcomeSlices, Outcomes, RuleEffect};
pub use periods::Period;
pub use population::{Population, PopulationBand};
pub use ranked::{Confusion, FIGURES, Ranked, Step};
pub use reasons::{ReasonCount, ReasonGroup, ReasonSlices, Reasons};
pub use recourse::{RecourseCosts, RecourseGroup, RecourseSlices};
pub use search_record::{BenchmarkRecord, FrontierRecord, PairedRecord, SearchRecord, TrialRecord};
pub use slices::{FOUR_FIFTHS, Group, Impact, Slices, slices};
pub use stability::{Retrained, Stability, shared_reasons};
pub use subject::{PolicyRecord, RuleRecord, Subject};

use bootstrap::Draws;
use std::thread;

use cuts::{all_slices, cuts};
use model_core::artifact::{Artifact, ArtifactError, digest};
use predict::{independent, lenient, predict, predict_on, taken};
use serde::{Deserialize, Serialize};
use subject::subject;

use crate::dataset::Dataset;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Resamples of the bootstrap. With 1,000 the ends of an interval move by about a
    /// twentieth of its width from seed to seed.
    pub resamples: usize,
    /// Shuffles of each feature.
    pub repeats: usize,
    /// Most rows that features are shuffled on; of more rows, a sample is drawn.
    pub importance_rows: usize,
    /// Random seed.
    pub seed: u64,
    /// What errors cost; by default what the threshold was chosen by, where that was a cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostTerms>,
    /// Threads, at least 1; their number changes no metric.
    #[serde(skip, default = "one")]
    pub jobs: usize,
}

fn one() -> usize {
    1
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resamples: 1000,
            repeats: 10,
            importance_rows: 10_000,
            seed: 42,
            cost: None,
            jobs: 1,
        }
    }
}

/// Everything that is known of a model's quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Which model.
    pub model: Subject,
    /// Measured on what.
    pub data: Rows,
    /// How it was measured.
    pub options: Options,
    /// Each of [`FIGURES`], in that order, with its 95% interval.
    pub metrics: Vec<Estimate>,
    /// The tables of credit risk.
    #[serde(flatten)]
    pub credit: Credit,
    /// Counts at the threshold.
    pub confusion: Confusion,
    /// The ROC curve.
    pub roc: Vec<RocPoint>,
    /// Its 95% band.
    pub roc_band: Vec<RocBand>,
    /// The precision-recall curve.
    pub precision_recall: Vec<PrecisionRecallPoint>,
    /// The reliability diagram.
    pub calibration: Vec<CalibrationBin>,
    /// Probabilities by class.
    pub score_distribution: Vec<ScoreBin>,
    /// Metrics at other thresholds.
    pub thresholds: Vec<ThresholdRow>,
    /// Permutation importance, the most important first.
    pub importance: Vec<Importance>,
    /// Inputs and protected columns, group by group.
    pub slices: Vec<Slices>,
    /// The figures period by period, the earliest first; empty without a column of times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<Period>,
    /// What is decided, by the model's rules too; none in evaluations of older versions.
    #[serde(default)]
    pub outcomes: Option<Outcomes>,
    /// Rows without an outcome, scored beside the others; none where every row has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
    /// Why rows are not approved; none for a model without profiles.
    #[serde(default)]
    pub reasons: Option<Reasons>,
    /// Whether more rows would help; empty unless the trainer adds it.
    #[serde(default)]
    pub learning_curve: Vec<LearningPoint>,
    /// How the hyperparameters were found; none unless the trainer adds it.
    #[serde(default)]
    pub search: Option<SearchRecord>,
}

/// The rows that a model was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// What the file is called.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// How many rows.
    pub rows: usize,
    /// How many of them are positive.
    pub positive: usize,
    /// Whether some of these rows were trained on: then the metrics are too optimistic.
    pub seen_in_training: bool,
    /// Whether rows have weights, from the column of the schema's role `weight`: then every
    /// figure, rate and curve is weighted; numbers of rows, the confusion matrix, the
    /// distributions of scores, the outcomes of rules, reasons and recourse count each row once.
    #[serde(default)]
    pub weighted: bool,
    /// Rows of the file without an outcome: they are not among `rows`.
    #[serde(default)]
    pub without_outcome: usize,
}

/// Why a model cannot be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The rows have other columns than the model's.
    #[error("the rows do not fit the model: {0}")]
    Columns(String),
    /// The model refuses rows.
    #[error(
        "the model refuses {refused} of {rows} rows: expected rows that its schema allows, read with that schema"
    )]
    Refused {
        /// How many.
        refused: usize,
        /// Of how many.
        rows: usize,
    },
    /// Nothing to compare.
    #[error("the rows to measure on contain only one class: expected at least one row of each")]
    OneClass,
    /// What errors cost cannot be computed.
    #[error("{0}")]
    Cost(String),
}

/// Measures an encoded artifact on the given rows of a data set that was read by its schema.
/// `seen` says whether some of them were trained on.
///
/// # Errors
/// When the artifact cannot be loaded, the columns do not fit, or there is only one class.
pub fn evaluate(
    artifact: &[u8],
    dataset: &Dataset,
    rows: &[usize],
    seen: bool,
    options: &Options,
) -> Result<Evaluation, EvaluateError> {
    let (evaluation, _) = evaluate_rows(artifact, dataset, rows, seen, options)?;
    Ok(evaluation)
}

/// The same, and the probability of each row.
pub(crate) fn evaluate_rows(
    artifact: &[u8],
    dataset: &Dataset,
    rows: &[usize],
    seen: bool,
    options: &Options,
) -> Result<(Evaluation, Vec<f64>), EvaluateError> {
    let answers: Vec<bool> = rows.iter().map(|&row| dataset.target[row]).collect();
    let positive = answers.iter().filter(|yes| **yes).count();
    if positive == 0 || positive == answers.len() {
        return Err(EvaluateError::OneClass);
    }
    let decided = lenient(artifact)?;
    let encoded = decided.encode()?;
    let measuring = Measuring {
        artifact,
        decided: &decided,
        encoded: &encoded,
        dataset,
        rows,
        answers: &answers,
        seen,
    };
    if options.jobs == 1 {
        let (mut evaluation, probabilities) = measuring.evaluation(options)?;
        evaluation.reasons = reasons::reasons(&encoded, dataset, rows, options)?;
        return Ok((evaluation, probabilities));
    }
    // Much of the measuring is one thread's work: explaining fills the other processors.
    let mut reasons = Ok(None);
    let measured = thread::scope(|scope| {
        scope.spawn(|| reasons = reasons::reasons(&encoded, dataset, rows, options));
        measuring.evaluation(options)
    });
    let (mut evaluation, probabilities) = measured?;
    evaluation.reasons = reasons?;
    Ok((evaluation, probabilities))
}

/// What is measured on what.
struct Measuring<'m> {
    artifact: &'m [u8],
    /// The same, so that every row can be measured.
    decided: &'m Artifact,
    encoded: &'m [u8],
    dataset: &'m Dataset,
    rows: &'m [usize],
    answers: &'m [bool],
    seen: bool,
}

impl Measuring<'_> {
    /// Everything but the reasons, and the probability of each row.
    fn evaluation(&self, options: &Options) -> Result<(Evaluation, Vec<f64>), EvaluateError> {
        let Self {
            artifact,
            decided,
            encoded,
            dataset,
            rows,
            answers,
            ..
        } = *self;
        let threshold = decided.threshold;
        let mut judged = outcomes::judge(encoded, dataset, rows, options.jobs)?;
        let probabilities = std::mem::take(&mut judged.probabilities);
        let without_outcome = &dataset.without_outcome;
        let others: Vec<usize> = (0..without_outcome.rows.len()).collect();
        let columns_of_others = taken(&without_outcome.columns, &others);
        let without_outcome = predict_on(options.jobs, encoded, &columns_of_others, others.len())?;
        let population = population::population(&probabilities, &without_outcome, threshold);
        let weights = dataset.sample.weights_of(rows);
        let weights = weights.as_deref();
        let ranked = Ranked::weighted(answers, &probabilities, weights, threshold);
        let draws = Draws::from(options);
        let bootstrap = bootstrap::bootstrap(&ranked, draws);
        let columns = taken(&dataset.columns, rows);
        let importance = importance::of_artifact(artifact, &columns, answers, weights, options)?;
        let credit = credit::Measured {
            artifact,
            decided,
            dataset,
            rows,
            columns: &columns,
            answers,
            weights,
            ranked: &ranked,
            bootstrap: &bootstrap,
            importance: &importance,
        }
        .tables(options)?;
        drop(columns);
        let model = subject(decided, digest(artifact)?)?;
        let cuts = cuts(decided, dataset, rows, options.jobs);
        let evaluation = Evaluation {
            data: Rows {
                file: dataset.name().to_owned(),
                sha256: dataset.sha256.clone(),
                rows: rows.len(),
                positive: answers.iter().filter(|yes| **yes).count(),
                seen_in_training: self.seen,
                weighted: weights.is_some(),
                without_outcome: others.len(),
            },
            options: options.clone(),
            metrics: bootstrap.estimates,
            credit,
            confusion: ranked.confusion(),
            roc: roc(&ranked),
            roc_band: bootstrap
                .roc_band
                .into_iter()
                .map(|(false_positive_rate, true_positive_rate)| RocBand {
                    false_positive_rate,
                    true_positive_rate,
                })
                .collect(),
            precision_recall: precision_recall(&ranked),
            calibration: calibration(&ranked),
            score_distribution: score_distribution(&ranked),
            thresholds: thresholds(&ranked, threshold),
            importance,
            periods: periods::periods(dataset, rows, &ranked, threshold, draws),
            slices: all_slices(&cuts, &model, &ranked, options.jobs),
            outcomes: Some(judged.outcomes(decided.policy.as_ref(), &cuts)),
            population,
            reasons: None,
            model,
            learning_curve: Vec::new(),
            search: None,
        };
        Ok((evaluation, probabilities))
    }
}

impl Evaluation {
    /// A figure of [`FIGURES`] by its name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Estimate> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// The share of bads among all rows, weighted where rows have weights.
    #[must_use]
    pub fn bad_rate(&self) -> f64 {
        let counted = || 1.0 - self.data.positive as f64 / self.data.rows as f64;
        // Evaluations of older versions have neither cut-off nor weights.
        (self.credit.cut_off).map_or_else(counted, |cut_off| cut_off.bad_rate_all)
    }
}

impl Rows {
    /// What a sentence adds to a share of the rows: nothing where every row counts the same.
    pub(crate) fn by_weight(&self) -> &'static str {
        if self.weighted { ", by weight," } else { "" }
    }
}
