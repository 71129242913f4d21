//! The arguments of `underwrite train`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::ValueEnum;
use model_core::model::ModelKind;
use model_train::calibrate::Method;
use model_train::dataset::OutcomeMissing;
use model_train::fit::ClassWeight;
use model_train::moment::Moment;
use model_train::threshold::ThresholdRule;
use model_train::tune::{FoldsBy, Metric};

use super::values::{Bags, Folds, Jobs, ReasonSeeds, Share, Trials, Written};
use crate::tracking::TrackingArgs;

const EXAMPLES: &str = "\
Examples:
  Fit one model with default hyperparameters:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm --model gradient_boosting
  Tune two models: 60 trials on 2 threads, for at most 10 minutes:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm \\
        --models gradient_boosting,logistic_regression --trials 60 --timeout 10m --jobs 2
  Find the best model of at most 300 KB, measured on rows of your choice:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm \\
        --max-size 300KB --test-rows rows.csv --metrics metrics.json
  Resume after Ctrl-C, or with more trials:
    underwrite train --data loans.csv --schema loan.toml --out model.wasm --trials 90 --resume
  Show what underwrite.toml asks for, without training:
    underwrite train --dry-run

The same data, schema, options and program version give the same model.wasm, byte for byte,
with any number of threads; --timeout and --max-latency depend on the machine.";

/// Train a model on a CSV file and pack it into one model.wasm.
///
/// Hyperparameters are tuned by cross-validation on the training rows if --trials, --timeout,
/// --max-size, --max-latency or several --models are given; otherwise one model is fitted with
/// its defaults. Flags override underwrite.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Read settings from this file [default: underwrite.toml, if it exists].
    #[arg(long, value_name = "FILE.toml")]
    pub(super) config: Option<PathBuf>,
    /// CSV or Parquet file; it needs a column for the target and every input of the schema that
    /// is not derived.
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// Schema in TOML; `underwrite schema infer` drafts one.
    #[arg(long, value_name = "FILE")]
    pub(super) schema: Option<PathBuf>,
    /// Lending rules in TOML, packed beside the model; `underwrite policy` checks and changes
    /// them.
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// Fail where a text of the schema or the policy lacks one of the schema's languages.
    #[arg(long)]
    pub(super) strict: bool,
    /// Write the model to this file; an existing file is replaced only by a complete one.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Fit or tune this model [default: gradient_boosting, or all when tuning].
    #[arg(long, value_enum, conflicts_with = "models")]
    pub(super) model: Option<Kind>,
    /// Tune these models: ridge, logistic_regression, decision_tree, random_forest,
    /// gradient_boosting.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) models: Option<Vec<Written<ModelKind>>>,
    /// Use only these inputs of the schema [default: all].
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) features: Option<Vec<String>>,
    /// CSV with one column, `row`: the rows to measure on, counted from 0 [default: a random
    /// fifth of each outcome, or of the groups].
    #[arg(long, value_name = "FILE")]
    pub(super) test_rows: Option<PathBuf>,
    /// Measure on the rows of this date, month or number and later; the schema names the column
    /// by role = "time".
    #[arg(long, value_name = "TIME", conflicts_with_all = ["test_rows", "test_last"], allow_hyphen_values = true)]
    pub(super) test_from: Option<Written<Moment>>,
    /// Measure on the latest rows: this share of them, such as 0.25.
    #[arg(long, value_name = "SHARE", conflicts_with = "test_rows")]
    pub(super) test_last: Option<Written<Share>>,
    /// What to do with a row without an outcome: leave_out or error [default: leave_out].
    #[arg(long, value_name = "CHOICE")]
    pub(super) outcome_missing: Option<Written<OutcomeMissing>>,
    /// Random seed [default: 42].
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Class weights: none, balanced, or NEGATIVE:POSITIVE such as 1:3 [default: none].
    #[arg(long, value_name = "WEIGHT")]
    pub(super) class_weight: Option<Written<ClassWeight>>,
    /// Calibrate probabilities on out-of-fold predictions: none, platt or isotonic [default:
    /// none].
    #[arg(long, value_name = "METHOD")]
    pub(super) calibration: Option<Written<Method>>,
    /// Decision threshold: 0.5, f1 (maximizes F1), cost=FP:FN (minimizes expected cost) or
    /// approval_rate=SHARE; chosen on out-of-fold predictions [default: 0.5].
    #[arg(long, value_name = "RULE")]
    pub(super) threshold: Option<Written<ThresholdRule>>,
    /// Allow --features to name protected columns; the artifact and the model card record it.
    #[arg(long)]
    pub(super) allow_protected: bool,
    /// Number of threads [default: one per core].
    #[arg(long, value_name = "NUMBER")]
    pub(super) jobs: Option<Jobs>,
    /// Number of trials, over all models [default: 30].
    #[arg(long, value_name = "NUMBER", help_heading = "Tuning")]
    pub(super) trials: Option<Trials>,
    /// Stop tuning after this time, such as 90s or 10m; the first trial always completes.
    #[arg(long, value_name = "TIME", help_heading = "Tuning")]
    pub(super) timeout: Option<Written<Duration>>,
    /// Number of cross-validation folds [default: 5].
    #[arg(long, value_name = "NUMBER", help_heading = "Tuning")]
    pub(super) folds: Option<Folds>,
    /// How rows are dealt to folds: chance (rows of one group stay together), or time (measured
    /// by what is learned from all rows before) [default: chance].
    #[arg(long, value_name = "HOW", help_heading = "Tuning")]
    pub(super) folds_by: Option<Written<FoldsBy>>,
    /// Metric to tune for: roc_auc, log_loss, f1, accuracy or brier [default: roc_auc].
    #[arg(long, value_name = "METRIC", help_heading = "Tuning")]
    pub(super) metric: Option<Written<Metric>>,
    /// Average up to this many boosted models where the size limit allows it [default: 8 up to
    /// 5,000 training rows, 4 up to 20,000, else 2].
    #[arg(long, value_name = "NUMBER", help_heading = "Tuning")]
    pub(super) bags: Option<Bags>,
    /// Do not look for ratios of two inputs, such as loan / income, that would make the model better.
    #[arg(long, help_heading = "Tuning")]
    pub(super) no_ratios: bool,
    /// Largest gzipped artifact, such as 300KB [default: a model of at most 2 MB before
    /// compression].
    #[arg(long, value_name = "SIZE", help_heading = "Tuning")]
    pub(super) max_size: Option<Written<ByteSize>>,
    /// Longest time to score one row on one core of this machine, such as 2us.
    #[arg(long, value_name = "TIME", help_heading = "Tuning")]
    pub(super) max_latency: Option<Written<Duration>>,
    /// Resume an interrupted search: the id or name of its run [default: the latest].
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest", help_heading = "Tuning")]
    pub(super) resume: Option<String>,
    /// Check data, schema and settings and print the plan, without training.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write the metrics to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub(super) metrics: Option<PathBuf>,
    /// Number of fits with other seeds, and of fits on resampled rows, that the report compares
    /// reasons with [default: 0].
    #[arg(long, value_name = "NUMBER")]
    pub(super) reason_seeds: Option<ReasonSeeds>,
    /// Write out-of-fold and test predictions to this CSV file: row, part, outcome, probability
    /// and decision.
    #[arg(long, value_name = "FILE.csv")]
    pub(super) predictions: Option<PathBuf>,
    /// Write the evaluation report to this file, as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Texts for the model card that a person writes, in TOML: purpose, population, window,
    /// exclusions, owner and so on; `underwrite card init` drafts it. The card is kept in the run
    /// folder.
    #[arg(long, value_name = "FILE.toml")]
    pub(super) card: Option<PathBuf>,
    /// Keep run folders here; tuning always keeps one, with its trials [default: runs].
    #[arg(long, value_name = "FOLDER")]
    pub(super) runs: Option<PathBuf>,
    /// Name of the run.
    #[arg(long, value_name = "NAME")]
    pub(super) run_name: Option<String>,
    #[command(flatten)]
    pub(super) tracking: TrackingArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Kind {
    /// 100 averaged trees, at most 15 splits deep.
    RandomForest,
    /// Logistic regression with an L2 penalty.
    LogisticRegression,
    /// Linear regression on 0 and 1 with an L2 penalty.
    Ridge,
    /// One tree, at most 9 splits deep.
    DecisionTree,
    /// Small trees, each correcting the ones before; cross-validation says how many.
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
