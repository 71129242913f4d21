//! What a training run is asked to do.

use std::time::Duration;

use model_core::policy::Policy;

use crate::calibrate::Method;
use crate::fit::{ClassWeight, LARGE, Params, RandomForest, SMALL};
use crate::threshold::ThresholdRule;
use crate::tune::{self, Budget, FoldsBy, Metric, Space};

/// How to train.
///
/// The default fits one random forest with 5 folds, random seed 42 and one thread, without
/// calibration and with a threshold of 0.5.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the hyperparameters come from.
    pub hyperparameters: Hyperparameters,
    /// The weight of a row by its class.
    pub class_weight: ClassWeight,
    /// How probabilities are corrected, on out-of-fold predictions.
    pub calibration: Method,
    /// Lending rules that are packed beside the model, read by the schema of the inputs.
    pub policy: Option<Policy>,
    /// How the decision threshold is chosen, on calibrated out-of-fold predictions.
    pub threshold: ThresholdRule,
    /// Folds of the cross-validation on the training rows, at least 2.
    pub folds: usize,
    /// How the training rows are dealt to those folds.
    pub folds_by: FoldsBy,
    /// Random seed.
    pub seed: u64,
    /// Threads, at least 1; their number does not change the model.
    pub jobs: usize,
    /// Whether out-of-fold predictions are wanted, whatever they cost.
    pub wants_predictions: bool,
    /// How often the finished hyperparameters are fitted again with other seeds, and as often on
    /// training rows drawn anew, to measure how stable reasons are. It does not change the model.
    pub reason_seeds: usize,
    /// SHA-256 of the engine that the model will be packed into, lower-case hexadecimal.
    pub engine_sha256: String,
}

/// Where the hyperparameters come from.
#[derive(Debug, Clone)]
pub enum Hyperparameters {
    /// They are given.
    Fixed(Params),
    /// The defaults for the number of training rows ([`Space::defaults`]); boosting finds its
    /// number of trees by cross-validation unless the space fixes it.
    Defaults(Space),
    /// They are searched by cross-validation.
    Searched(SearchOptions),
    /// They are on record, and so is the search that found them, if one did.
    Recorded(Params, Option<SearchRecord>),
}

/// What a model's file keeps of the search for its hyperparameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchRecord {
    /// Trials, over all models; `None` where nothing was searched.
    pub trials: Option<usize>,
    /// What models were chosen by.
    pub metric: Option<Metric>,
    /// The limit that depends on the machine, if there was one: `timeout` or `max_latency`.
    pub limited_by: Option<String>,
}

/// How to search.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// The models and the ranges of their hyperparameters.
    pub spaces: Vec<Space>,
    /// What to do with a model that cannot do what the schema asks for.
    pub unsupported: Unsupported,
    /// Trials, over all models, at least 1.
    pub trials: usize,
    /// Boosted models that may be averaged in the end, at least 1; see [`tune::chosen`]. `None`
    /// is 8 up to 5,000 training rows, 4 up to 20,000, and 2 beyond.
    pub bags: Option<usize>,
    /// What models are chosen by.
    pub metric: Metric,
    /// Whether to look for ratios of two inputs that would lower the log loss; see
    /// [`tune::Ratio`](crate::tune::Ratio). They are proposed, never used.
    pub proposes_ratios: bool,
    /// The largest artifact, in gzipped bytes; `None` limits the model to 2,000,000 bytes
    /// before compression, which a page and a Worker load without a pause.
    pub max_gzip_bytes: Option<u64>,
    /// The longest time to score one row, in nanoseconds on one core of this machine.
    pub max_nanoseconds: Option<f64>,
    /// When to stop, counted from the start of the search; the first trial always runs to
    /// its end.
    pub timeout: Option<Duration>,
}

/// What to do with a model that cannot do what the schema asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// It is an error: someone asked for this model by name.
    Refuse,
    /// Search without it, and warn.
    LeaveOut,
}

/// Bytes of a model before compression, where no size is asked for.
const MAX_BYTES: u64 = 2_000_000;

/// Boosted models that are averaged at most, by training rows: more where they cost little.
fn bags(rows: usize) -> usize {
    match rows {
        _ if rows <= SMALL => 8,
        _ if rows <= LARGE => 4,
        _ => 2,
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hyperparameters: Hyperparameters::Fixed(Params::RandomForest(RandomForest::default())),
            class_weight: ClassWeight::None,
            calibration: Method::None,
            policy: None,
            threshold: ThresholdRule::Half,
            folds: 5,
            folds_by: FoldsBy::Chance,
            seed: 42,
            jobs: 1,
            wants_predictions: false,
            reason_seeds: 0,
            engine_sha256: String::new(),
        }
    }
}

impl Options {
    /// Whether the hyperparameters are searched.
    #[must_use]
    pub fn is_search(&self) -> bool {
        matches!(self.hyperparameters, Hyperparameters::Searched(_))
    }

    /// Whether calibration and threshold are fixed, so that nothing is learned for them.
    #[must_use]
    pub fn has_fixed_decision(&self) -> bool {
        self.calibration == Method::None && self.threshold == ThresholdRule::Half
    }

    /// How many times so many training rows are dealt to folds in a search.
    pub(super) fn repeats(&self, rows: usize) -> usize {
        match self.folds_by {
            FoldsBy::Chance => tune::repeats(rows),
            // There is one order of time.
            FoldsBy::Time => 1,
        }
    }

    /// What corrects the probabilities of a model: a model that has none of its own is calibrated
    /// without being asked.
    #[must_use]
    pub fn calibration_of(&self, params: &Params) -> Method {
        match self.calibration {
            Method::None if !params.gives_probabilities() => Method::Platt,
            method => method,
        }
    }

    /// What the tuner is told, on so many training rows; `max_gzip_bytes` is what is left for the
    /// model alone.
    pub(super) fn tuning(
        &self,
        search: &SearchOptions,
        rows: usize,
        max_gzip_bytes: Option<u64>,
    ) -> tune::Settings {
        tune::Settings {
            trials: search.trials,
            folds: self.folds * self.repeats(rows),
            seed: self.seed,
            jobs: self.jobs,
            bags: search.bags.unwrap_or(bags(rows)),
            metric: search.metric,
            budget: Budget {
                bytes: max_gzip_bytes.is_none().then_some(MAX_BYTES),
                gzip_bytes: max_gzip_bytes,
                nanoseconds: search.max_nanoseconds,
            },
        }
    }
}
