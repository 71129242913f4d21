//! The training tables of `underwrite.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use bytesize::ByteSize;
use model_core::model::ModelKind;
use model_train::calibrate::Method;
use model_train::dataset::OutcomeMissing;
use model_train::fit::{ClassWeight, KINDS};
use model_train::moment::Moment;
use model_train::threshold::ThresholdRule;
use model_train::tune::{FoldsBy, Metric, Scale, Space};
use serde::Deserialize;
use toml::Spanned;

use super::values::{Bags, Folds, Jobs, ReasonSeeds, Share, Trials, Written};
use crate::config_file::ConfigFile;

/// The tables about training; every key is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) train: Train,
    pub(crate) tune: Tune,
    pub(crate) calibration: Calibration,
    pub(crate) threshold: Threshold,
    /// By the model's word, then by the hyperparameter's key.
    space: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<Range>>>,
}

/// What to train.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Train {
    pub(crate) data: Option<PathBuf>,
    pub(crate) schema: Option<PathBuf>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) test_rows: Option<PathBuf>,
    pub(crate) test_from: Option<Written<Moment>>,
    pub(crate) test_last: Option<Written<Share>>,
    pub(crate) outcome_missing: Option<Written<OutcomeMissing>>,
    pub(crate) metrics: Option<PathBuf>,
    pub(crate) predictions: Option<PathBuf>,
    pub(crate) runs: Option<PathBuf>,
    pub(crate) run_name: Option<String>,
    pub(crate) models: Option<Vec<Written<ModelKind>>>,
    pub(crate) features: Option<Vec<String>>,
    pub(crate) class_weight: Option<Written<ClassWeight>>,
    pub(crate) allow_protected: Option<bool>,
    pub(crate) report: Option<PathBuf>,
    pub(crate) reason_seeds: Option<ReasonSeeds>,
    pub(crate) card: Option<PathBuf>,
    pub(crate) seed: Option<u64>,
    pub(crate) jobs: Option<Jobs>,
}

/// How to search.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tune {
    pub(crate) trials: Option<Trials>,
    pub(crate) timeout: Option<Written<Duration>>,
    pub(crate) folds: Option<Folds>,
    pub(crate) folds_by: Option<Written<FoldsBy>>,
    pub(crate) metric: Option<Written<Metric>>,
    pub(crate) bags: Option<Bags>,
    pub(crate) ratios: Option<bool>,
    pub(crate) max_size: Option<Written<ByteSize>>,
    pub(crate) max_latency: Option<Written<Duration>>,
}

/// How probabilities are calibrated.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Calibration {
    pub(crate) method: Option<Written<Method>>,
}

/// How the decision threshold is chosen.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Threshold {
    pub(crate) rule: Option<Written<ThresholdRule>>,
}

/// A hyperparameter: fixed, or tuned in a range.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, { min, max, scale } or { choices }"
)]
enum Range {
    Fixed(f64),
    Between(Between),
    OneOf(OneOf),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    min: f64,
    max: f64,
    #[serde(default)]
    scale: ScaleWord,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOf {
    choices: Vec<f64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScaleWord {
    #[default]
    Linear,
    Log,
}

impl Config {
    /// Reads the file, if there is one. Paths in it are relative to its folder.
    pub(crate) fn read(file: Option<&ConfigFile>) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let mut config: Self = file.parse()?;
        for kind in KINDS {
            // Reported now, with its line, rather than when the search begins.
            config
                .space_of(kind)
                .map_err(|(at, problem)| anyhow!("{}: {problem}", file.line_at(at)))?;
        }
        let known = |word: &str| KINDS.iter().any(|kind| kind.word() == word);
        if let Some(stranger) = config.space.keys().find(|word| !known(word.get_ref())) {
            let words = KINDS.map(ModelKind::word).join(", ");
            bail!(
                "{}: unknown model '{}', expected one of {words}",
                file.line_at(stranger.span().start),
                stranger.get_ref()
            );
        }
        config.train.resolve(file.folder());
        Ok(config)
    }

    /// The search space of a model: the standard one with the file's changes.
    pub(crate) fn space(&self, kind: ModelKind) -> Result<Space> {
        self.space_of(kind).map_err(|(_, problem)| anyhow!(problem))
    }

    /// The hyperparameters of a model that is not tuned: the defaults with the values that the
    /// file fixes.
    pub(crate) fn defaults(&self, kind: ModelKind) -> Result<Space> {
        let mut space = Space::defaults(kind);
        for (name, range) in self.ranges(kind) {
            if let Range::Fixed(value) = range.get_ref() {
                space.fix(name.get_ref(), *value)?;
            }
        }
        Ok(space)
    }

    fn ranges(&self, kind: ModelKind) -> impl Iterator<Item = (&Spanned<String>, &Spanned<Range>)> {
        let ranges = self
            .space
            .iter()
            .filter(move |(word, _)| word.get_ref() == kind.word());
        ranges.flat_map(|(_, ranges)| ranges)
    }

    fn space_of(&self, kind: ModelKind) -> Result<Space, (usize, String)> {
        let mut space = Space::standard(kind);
        for (name, range) in self.ranges(kind) {
            let whole = space.is_whole(name.get_ref());
            let changed = match range.get_ref() {
                Range::Fixed(value) => space.fix(name.get_ref(), *value),
                Range::OneOf(OneOf { choices }) => {
                    space.vary(name.get_ref(), Scale::Choice(choices.clone()))
                }
                Range::Between(between) => space.vary(name.get_ref(), between.scale(whole)),
            };
            let at = match range.get_ref() {
                Range::Fixed(_) => name.span().start,
                _ => range.span().start,
            };
            changed.map_err(|error| (at, error.to_string()))?;
        }
        Ok(space)
    }
}

impl Between {
    fn scale(&self, whole: bool) -> Scale {
        let &Self { min, max, scale } = self;
        match (scale, whole) {
            (ScaleWord::Linear, false) => Scale::Linear(min, max),
            (ScaleWord::Linear, true) => Scale::Integer(min, max),
            (ScaleWord::Log, false) => Scale::Log(min, max),
            (ScaleWord::Log, true) => Scale::LogInteger(min, max),
        }
    }
}

impl Train {
    fn resolve(&mut self, folder: &Path) {
        let paths = [
            &mut self.data,
            &mut self.schema,
            &mut self.out,
            &mut self.test_rows,
            &mut self.metrics,
            &mut self.predictions,
            &mut self.report,
            &mut self.card,
            &mut self.runs,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
    }
}
