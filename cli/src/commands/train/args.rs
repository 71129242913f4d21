//! The arguments of `underwrite train`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::ValueEnum;
use model_core::model::ModelKind;
use model_train::calibrate::Method;
use model_train::fit::ClassWeight;
use model_train::threshold::ThresholdRule;
use model_train::tune::Metric;

use super::values::{Bags, Folds, Jobs, Trials, Written};
use crate::tracking::TrackingArgs;

const EXAMPLES: &str = "\
Examples:
  Fit one model with its defaults:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm --model gradient_boosting
  Search the best of two models, 60 trials on 2 cores, for 10 minutes at most:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm \\
        --models gradient_boosting,logistic_regression --trials 60 --timeout 10m --jobs 2
  The best model within 300 KB; measured on rows of your choice:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm \\
        --max-size 300KB --test-rows rows.csv --metrics metrics.json
  Go on after Ctrl-C, or with more trials:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm --trials 90 --resume
  Whatever underwrite.toml says, without doing it yet:
    underwrite train --dry-run

The same data, schema, options and program give the same model.wasm, byte for byte, on any
number of threads; --timeout and --max-latency depend on the machine.";

/// Train a model on a CSV file and pack it into one model.wasm.
///
/// With --trials, --timeout, --max-size, --max-latency or several --models the
/// hyperparameters are searched by cross-validation on the training rows; otherwise one
/// model is fitted with its defaults. A flag wins over underwrite.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Read settings from this file (default: underwrite.toml, where it is there).
    #[arg(long, value_name = "FILE.toml")]
    pub(super) config: Option<PathBuf>,
    /// CSV file with a header; every input and the target of the schema is a column.
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// Schema in TOML; `underwrite schema infer` drafts one.
    #[arg(long, value_name = "FILE")]
    pub(super) schema: Option<PathBuf>,
    /// Where the model goes; an older file is replaced only by a complete new one.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Fit this model (default: random_forest, or a search over all).
    #[arg(long, value_enum, conflicts_with = "models")]
    pub(super) model: Option<Kind>,
    /// Search among these models: ridge, logistic_regression, decision_tree, random_forest,
    /// gradient_boosting.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) models: Option<Vec<Written<ModelKind>>>,
    /// Use only these inputs of the schema.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) features: Option<Vec<String>>,
    /// CSV with the one column `row`: the rows to measure on, the first of the data being 0
    /// (default: a fifth of each class, drawn by the seed).
    #[arg(long, value_name = "FILE")]
    pub(super) test_rows: Option<PathBuf>,
    /// Seed of everything that is drawn (default: 42).
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// How much a row counts by its answer: none (default), balanced, or NO:YES such as 1:3.
    #[arg(long, value_name = "WEIGHT")]
    pub(super) class_weight: Option<Written<ClassWeight>>,
    /// Correct the probabilities on rows that were left out: none (default), platt, isotonic.
    #[arg(long, value_name = "METHOD")]
    pub(super) calibration: Option<Written<Method>>,
    /// Say yes from 0.5 on (default), from where f1 is best, from where cost=FALSE_YES:FALSE_NO
    /// is least, or to approval_rate=SHARE; chosen on rows that were left out.
    #[arg(long, value_name = "RULE")]
    pub(super) threshold: Option<Written<ThresholdRule>>,
    /// Let --features name protected columns; the artifact and the model card will say so.
    #[arg(long)]
    pub(super) allow_protected: bool,
    /// Threads (default: one for each core).
    #[arg(long, value_name = "NUMBER")]
    pub(super) jobs: Option<Jobs>,
    /// Trials of the search, over all models (default: 30).
    #[arg(long, value_name = "NUMBER", help_heading = "Search")]
    pub(super) trials: Option<Trials>,
    /// Stop the search after this time, such as 90s or 10m; the first trial is always done.
    #[arg(long, value_name = "TIME", help_heading = "Search")]
    pub(super) timeout: Option<Written<Duration>>,
    /// Folds of the cross-validation (default: 5).
    #[arg(long, value_name = "NUMBER", help_heading = "Search")]
    pub(super) folds: Option<Folds>,
    /// Choose by roc_auc (default), log_loss, f1, accuracy or brier.
    #[arg(long, value_name = "METRIC", help_heading = "Search")]
    pub(super) metric: Option<Written<Metric>>,
    /// Average up to so many boosted models where the size allows it (default: 2).
    #[arg(long, value_name = "NUMBER", help_heading = "Search")]
    pub(super) bags: Option<Bags>,
    /// The best model whose artifact, gzipped, is not larger than this, such as 300KB
    /// (default: a model of at most 2 MB, not gzipped).
    #[arg(long, value_name = "SIZE", help_heading = "Search")]
    pub(super) max_size: Option<Written<ByteSize>>,
    /// The best model that scores one row in this time on one core here, such as 2us.
    #[arg(long, value_name = "TIME", help_heading = "Search")]
    pub(super) max_latency: Option<Written<Duration>>,
    /// Go on with a search that was stopped: RUN is a run's id or name (default: the newest).
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest", help_heading = "Search")]
    pub(super) resume: Option<String>,
    /// Check data, schema and settings, print what would be done, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub(super) metrics: Option<PathBuf>,
    /// Write the evaluation report to this file, as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Where run folders go; a search keeps one, with its trials (default: runs).
    #[arg(long, value_name = "FOLDER")]
    pub(super) runs: Option<PathBuf>,
    /// What to call the run.
    #[arg(long, value_name = "NAME")]
    pub(super) run_name: Option<String>,
    #[command(flatten)]
    pub(super) tracking: TrackingArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Kind {
    /// 100 trees, at most 15 splits deep.
    RandomForest,
    /// A weighted sum of scaled values, with an L2 penalty.
    LogisticRegression,
    /// The same by least squares.
    Ridge,
    /// One tree, at most 9 splits deep.
    DecisionTree,
    /// The sum of 500 small trees.
    GradientBoosting,
}

impl From<Kind> for ModelKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::RandomForest => Self::RandomForest,
            Kind::LogisticRegression => Self::LogisticRegression,
            Kind::Ridge => Self::Ridge,
            Kind::DecisionTree => Self::DecisionTree,
            Kind::GradientBoosting => Self::GradientBoosting,
        }
    }
}
