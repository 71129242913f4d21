//! What is to be done, once arguments and `underwrite.toml` are put together; an argument
//! wins.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use model_core::model::ModelKind;
use model_train::calibrate::Method;
use model_train::card::Document;
use model_train::dataset::OutcomeMissing;
use model_train::fit::{ClassWeight, KINDS};
use model_train::moment::Moment;
use model_train::out_of_time::OutOfTime;
use model_train::pipeline::{Hyperparameters, Options, SearchOptions, Unsupported};
use model_train::threshold::ThresholdRule;
use model_train::tune::{FoldsBy, Metric};

use super::args::Args;
use super::config::Config;
use super::values::{Count, Share, Written};
use crate::config_file::DEFAULT;
use crate::{engine, files};

const TRIALS: usize = 30;
/// Where a time ends the search.
const MOST_TRIALS: usize = 100_000;
const FOLDS: usize = 5;
const SEED: u64 = 42;

/// Everything that decides what a run does.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) data: PathBuf,
    pub(super) schema: PathBuf,
    pub(super) policy: Option<PathBuf>,
    /// Whether a text that a language lacks is an error.
    pub(super) strict: bool,
    pub(super) test_rows: Option<PathBuf>,
    pub(super) out_of_time: Option<OutOfTime>,
    pub(super) outcome_missing: OutcomeMissing,
    pub(super) features: Option<Vec<String>>,
    pub(super) allow_protected: bool,
    pub(super) options: Options,
    pub(super) out: PathBuf,
    pub(super) metrics: Option<PathBuf>,
    pub(super) predictions: Option<PathBuf>,
    pub(super) report: Option<PathBuf>,
    /// Files that were read for these settings, each with its flag.
    pub(super) read: Vec<(&'static str, PathBuf)>,
    /// What a person wrote for the model card.
    pub(super) document: Document,
    /// Whether a run folder is asked for.
    pub(super) asks_for_run: bool,
    pub(super) runs: PathBuf,
    pub(super) run_name: Option<String>,
    /// The run whose search is resumed.
    pub(super) resume: Option<String>,
    pub(super) dry_run: bool,
}

impl Settings {
    /// `path` is where the settings of `config` were read, if they were.
    pub(super) fn new(args: Args, config: Config, path: Option<&Path>) -> Result<Self> {
        let mut options = options(&args, &config)?;
        let needed = |value: Option<PathBuf>, key: &str| {
            value.with_context(|| {
                format!("--{key} is missing: give it, or `{key}` under [train] in {DEFAULT}")
            })
        };
        let out_of_time = out_of_time(&args, &config)?;
        let file = config.train;
        let predictions = args.predictions.or(file.predictions);
        let card = args.card.or(file.card);
        let settings = [("--config", path), ("--card", card.as_deref())];
        let read = settings.into_iter().chain(args.tracking.files());
        let read = read.filter_map(|(flag, path)| Some((flag, path?.to_owned())));
        let read = read.collect();
        let report = args.report.or(file.report);
        // The run folder is where the card is: the texts ask for one.
        let asks_for_run = card.is_some()
            || args.runs.is_some()
            || args.run_name.is_some()
            || file.runs.is_some()
            || file.run_name.is_some();
        ensure!(
            options.reason_seeds == 0 || report.is_some() || asks_for_run || options.is_search(),
            "--reason-seeds fills a part of the report, and none is written: give --report or --runs too"
        );
        options.wants_predictions = predictions.is_some();
        Ok(Self {
            out_of_time,
            outcome_missing: (args.outcome_missing.or(file.outcome_missing))
                .map_or(OutcomeMissing::default(), |choice| choice.0),
            data: needed(args.data.or(file.data), "data")?,
            schema: needed(args.schema.or(file.schema), "schema")?,
            policy: args.policy.or(file.policy),
            strict: args.strict,
            // An argument about the test rows outweighs whatever the file says about them.
            test_rows: (args.test_rows).or(file.test_rows.filter(|_| out_of_time.is_none())),
            features: args.features.or(file.features),
            allow_protected: args.allow_protected || file.allow_protected.unwrap_or(false),
            options,
            out: needed(args.out.or(file.out), "out")?,
            metrics: args.metrics.or(file.metrics),
            predictions,
            report,
            read,
            document: (card.as_deref())
                .map(files::read_document)
                .transpose()?
                .unwrap_or_default(),
            asks_for_run,
            runs: args.runs.or(file.runs).unwrap_or_else(|| "runs".into()),
            run_name: args.run_name.or(file.run_name),
            resume: args.resume,
            dry_run: args.dry_run,
        })
    }

    /// The files that are written beside the run folder.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &Path> {
        let paths = [
            Some(&self.out),
            self.metrics.as_ref(),
            self.predictions.as_ref(),
            self.report.as_ref(),
        ];
        paths.into_iter().flatten().map(PathBuf::as_path)
    }
}

/// Which rows are measured on, where it is the latest.
fn out_of_time(args: &Args, config: &Config) -> Result<Option<OutOfTime>> {
    let given = |from: Option<Written<Moment>>, last: Option<Written<Share>>| match (from, last) {
        (Some(from), _) => Some(OutOfTime::From(from.0)),
        (None, last) => last.map(|share| OutOfTime::Last(share.0.0)),
    };
    if let Some(test) = given(args.test_from, args.test_last) {
        return Ok(Some(test));
    }
    if args.test_rows.is_some() {
        return Ok(None);
    }
    let file = &config.train;
    let ways = [
        file.test_rows.is_some(),
        file.test_from.is_some(),
        file.test_last.is_some(),
    ];
    ensure!(
        ways.iter().filter(|given| **given).count() < 2,
        "{DEFAULT}, [train]: expected one of test_rows, test_from and test_last, got several"
    );
    Ok(given(file.test_from, file.test_last))
}

fn options(args: &Args, config: &Config) -> Result<Options> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let calibration = args.calibration.or(config.calibration.method);
    let threshold = args.threshold.or(config.threshold.rule);
    let class_weight = args.class_weight.or(config.train.class_weight);
    let folds = args.folds.or(config.tune.folds);
    let folds_by = args.folds_by.or(config.tune.folds_by);
    Ok(Options {
        hyperparameters: hyperparameters(args, config)?,
        class_weight: class_weight.map_or(ClassWeight::None, |w| w.0),
        calibration: calibration.map_or(Method::None, |w| w.0),
        // Read once the inputs are known.
        policy: None,
        threshold: threshold.map_or(ThresholdRule::Half, |w| w.0),
        folds: folds.map_or(FOLDS, |folds| folds.0),
        folds_by: folds_by.map_or(FoldsBy::default(), |by| by.0),
        seed: args.seed.or(config.train.seed).unwrap_or(SEED),
        jobs: args.jobs.or(config.train.jobs).map_or(cores, |jobs| jobs.0),
        // A dry run writes no model, so it works in a build without an engine.
        engine_sha256: if args.dry_run {
            String::new()
        } else {
            engine::carried()?.sha256()
        },
        wants_predictions: false,
        reason_seeds: args
            .reason_seeds
            .or(config.train.reason_seeds)
            .map_or(0, |seeds| seeds.0),
    })
}

/// A search where anything says how to search, or more than one model is named.
fn hyperparameters(args: &Args, config: &Config) -> Result<Hyperparameters> {
    let tune = &config.tune;
    let trials = args.trials.or(tune.trials);
    let timeout = args.timeout.or(tune.timeout);
    let max_size = args.max_size.or(tune.max_size);
    let max_latency = args.max_latency.or(tune.max_latency);
    let is_search = trials.is_some()
        || timeout.is_some()
        || max_size.is_some()
        || max_latency.is_some()
        || args.resume.is_some();
    let models = models(args, config, is_search)?;
    if let ([model], false) = (&models[..], is_search) {
        check_no_search(args)?;
        return config.defaults(*model).map(Hyperparameters::Defaults);
    }
    let spaces = models.iter().map(|&model| config.space(model));
    let are_named = args.model.is_some() || args.models.is_some() || config.train.models.is_some();
    let metric = args.metric.or(tune.metric);
    Ok(Hyperparameters::Searched(SearchOptions {
        spaces: spaces.collect::<Result<_>>()?,
        unsupported: if are_named {
            Unsupported::Refuse
        } else {
            Unsupported::LeaveOut
        },
        trials: match (trials, timeout) {
            (Some(Count(trials)), _) => trials,
            (None, None) => TRIALS,
            (None, Some(_)) => MOST_TRIALS,
        },
        bags: args.bags.or(tune.bags).map(|bags| bags.0),
        metric: metric.map_or(Metric::RocAuc, |metric| metric.0),
        proposes_ratios: !args.no_ratios && tune.ratios.unwrap_or(true),
        max_gzip_bytes: max_size.map(|Written(size)| size.as_u64()),
        max_nanoseconds: max_latency.map(|Written(latency)| latency.as_nanos() as f64),
        timeout: timeout.map(|Written(timeout)| timeout),
    }))
}

/// Refuses flags that a single fit would ignore. Those of the file wait there for a search.
fn check_no_search(args: &Args) -> Result<()> {
    let flags = [
        ("--metric", args.metric.is_some()),
        ("--bags", args.bags.is_some()),
        ("--no-ratios", args.no_ratios),
    ];
    match flags.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => bail!(
            "{flag} says how to search, and nothing asks for a search: give --trials, --timeout, --max-size, --max-latency or several --models too"
        ),
        None => Ok(()),
    }
}

/// The models that are fitted or searched, each once.
fn models(args: &Args, config: &Config, is_search: bool) -> Result<Vec<ModelKind>> {
    let named = args.models.as_ref().or(config.train.models.as_ref());
    let mut models: Vec<ModelKind> = match (args.model, named) {
        (Some(model), _) => vec![model.into()],
        (None, Some(models)) => models.iter().map(|model| model.0).collect(),
        // Boosting first: it is rarely beaten, and all other trials are compared with the first.
        (None, None) if is_search => KINDS.into_iter().rev().collect(),
        // Missing values and monotonic features: it can do whatever a schema asks for.
        (None, None) => vec![ModelKind::GradientBoosting],
    };
    ensure!(
        !models.is_empty(),
        "no model is named, expected at least one"
    );
    let mut seen = Vec::new();
    models.retain(|model| {
        let is_new = !seen.contains(model);
        seen.push(*model);
        is_new
    });
    Ok(models)
}
