//! What is to be done, once flags and file are put together; a flag wins.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use model_core::model::ModelKind;
use model_train::calibrate::Method;
use model_train::fit::{ClassWeight, Params};
use model_train::threshold::ThresholdRule;
use model_train::tune::{self, Budget, Metric, Space};

use super::Args;
use super::config::Config;
use super::decision::Rules;
use super::values::{Count, Written};
use crate::config_file::DEFAULT;

const TRIALS: usize = 30;
/// Where a time ends the search.
const MOST_TRIALS: usize = 100_000;
const FOLDS: usize = 5;
const BAGS: usize = 2;
const SEED: u64 = 42;
/// Bytes of a model in the artifact, where no size is asked for: what a page and a Worker
/// load without a pause.
const BYTES: u64 = 2_000_000;
/// What an artifact holds beside the model, gzipped: schema, golden rows, where it is from.
const OVERHEAD: u64 = 4_000;

/// All that decides what a run does.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) data: PathBuf,
    pub(super) schema: PathBuf,
    pub(super) out: PathBuf,
    pub(super) test_rows: Option<PathBuf>,
    pub(super) metrics: Option<PathBuf>,
    pub(super) runs: PathBuf,
    pub(super) run_name: Option<String>,
    pub(super) features: Option<Vec<String>>,
    pub(super) allow_protected: bool,
    pub(super) report: Option<PathBuf>,
    pub(super) class_weight: ClassWeight,
    pub(super) rules: Rules,
    pub(super) folds: usize,
    pub(super) seed: u64,
    pub(super) jobs: usize,
    pub(super) plan: Plan,
    pub(super) dry_run: bool,
    /// Whether a run folder was asked for.
    pub(super) is_kept: bool,
}

/// How the hyperparameters are found.
#[derive(Debug)]
pub(super) enum Plan {
    /// They are known.
    Fit(Params),
    /// They are searched.
    Search(Search),
}

/// A search.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub(super) spaces: Vec<Space>,
    /// Whether someone named the models; else those that cannot do what the schema asks for
    /// are left out.
    pub(super) is_named: bool,
    pub(super) settings: tune::Settings,
    pub(super) timeout: Option<Duration>,
    /// The run to go on with.
    pub(super) resume: Option<String>,
}

impl Settings {
    pub(super) fn new(args: Args, config: Config) -> Result<Self> {
        let seed = args.seed.or(config.train.seed).unwrap_or(SEED);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = args.jobs.or(config.train.jobs).map_or(cores, |jobs| jobs.0);
        let plan = plan(&args, &config, seed, jobs)?;
        let needed = |value: Option<PathBuf>, key: &str| {
            value.with_context(|| {
                format!("--{key} is missing: give it, or `{key}` under [train] in {DEFAULT}")
            })
        };
        let rules = Rules {
            calibration: args
                .calibration
                .or(config.calibration.method)
                .map_or(Method::None, |w| w.0),
            threshold: args
                .threshold
                .or(config.threshold.rule)
                .map_or(ThresholdRule::Half, |w| w.0),
        };
        let folds = args
            .folds
            .or(config.tune.folds)
            .map_or(FOLDS, |folds| folds.0);
        let file = config.train;
        Ok(Self {
            data: needed(args.data.or(file.data), "data")?,
            schema: needed(args.schema.or(file.schema), "schema")?,
            out: needed(args.out.or(file.out), "out")?,
            test_rows: args.test_rows.or(file.test_rows),
            metrics: args.metrics.or(file.metrics),
            is_kept: args.runs.is_some()
                || args.run_name.is_some()
                || file.runs.is_some()
                || file.run_name.is_some(),
            runs: args.runs.or(file.runs).unwrap_or_else(|| "runs".into()),
            run_name: args.run_name.or(file.run_name),
            features: args.features.or(file.features),
            allow_protected: args.allow_protected || file.allow_protected.unwrap_or(false),
            report: args.report.or(file.report),
            class_weight: (args.class_weight.or(file.class_weight))
                .map_or(ClassWeight::None, |w| w.0),
            rules,
            folds,
            seed,
            jobs,
            plan,
            dry_run: args.dry_run,
        })
    }
}

/// A search where anything says how to search, or more than one model is named.
fn plan(args: &Args, config: &Config, seed: u64, jobs: usize) -> Result<Plan> {
    let tune = &config.tune;
    let trials = args.trials.or(tune.trials);
    let timeout = args.timeout.or(tune.timeout);
    let max_size = args.max_size.or(tune.max_size).map(|size| size.0.as_u64());
    let max_latency = args.max_latency.or(tune.max_latency);
    let searched = trials.is_some()
        || timeout.is_some()
        || max_size.is_some()
        || max_latency.is_some()
        || args.resume.is_some();
    let models = models(args, config, searched)?;
    if let ([model], false) = (&models[..], searched) {
        return config.params(*model).map(Plan::Fit);
    }
    let spaces = models.iter().map(|&model| config.space(model));
    let trials = match (trials, timeout) {
        (Some(Count(trials)), _) => trials,
        (None, None) => TRIALS,
        // Time alone ends it.
        (None, Some(_)) => MOST_TRIALS,
    };
    if let Some(size) = max_size {
        ensure!(
            size > OVERHEAD,
            "--max-size {size}: a model file without a model takes {OVERHEAD} bytes already"
        );
    }
    let folds = args.folds.or(tune.folds).map_or(FOLDS, |folds| folds.0);
    let metric = args.metric.or(tune.metric);
    Ok(Plan::Search(Search {
        is_named: args.model.is_some() || args.models.is_some() || config.train.models.is_some(),
        spaces: spaces.collect::<Result<_>>()?,
        timeout: timeout.map(|Written(timeout)| timeout),
        resume: args.resume.clone(),
        settings: tune::Settings {
            trials,
            folds,
            seed,
            jobs,
            bags: args.bags.or(tune.bags).map_or(BAGS, |bags| bags.0),
            metric: metric.map_or(Metric::RocAuc, |metric| metric.0),
            budget: Budget {
                bytes: max_size.is_none().then_some(BYTES),
                gzip_bytes: max_size.map(|size| size - OVERHEAD),
                nanoseconds: max_latency.map(|Written(latency)| latency.as_nanos() as f64),
            },
        },
    }))
}

fn models(args: &Args, config: &Config, searched: bool) -> Result<Vec<ModelKind>> {
    let named = args.models.as_ref().or(config.train.models.as_ref());
    let mut models: Vec<ModelKind> = match (args.model, named) {
        (Some(model), _) => vec![model.into()],
        (None, Some(models)) => models.iter().map(|model| model.0).collect(),
        // Boosting first: what is better than it is rare, and all others are measured by it.
        (None, None) if searched => model_train::fit::KINDS.into_iter().rev().collect(),
        (None, None) => vec![ModelKind::RandomForest],
    };
    ensure!(
        !models.is_empty(),
        "no model is named: expected at least one"
    );
    let mut seen = Vec::new();
    models.retain(|model| {
        !seen.contains(model) && {
            seen.push(*model);
            true
        }
    });
    Ok(models)
}
