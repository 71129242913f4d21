//! The configuration of a training run, as the artifact keeps it.

use serde::{Deserialize, Serialize};

use super::job::{Job, Plan};
use super::options::SearchRecord;
use crate::calibrate::Method;
use crate::fit::{ClassWeight, Params};
use crate::tune::{FoldsBy, Metric};

/// What decides about the model; nothing of the machine. Keys are only ever added.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Configuration {
    pub(super) seed: u64,
    pub(super) features: Option<Vec<String>>,
    pub(super) class_weight: ClassWeight,
    pub(super) calibration: Method,
    pub(super) folds: usize,
    /// Where it is not by chance.
    pub(super) folds_by: Option<FoldsBy>,
    /// The first time of the rows that were measured on, where they are the latest.
    pub(super) test_from: Option<String>,
    /// SHA-256 of the numbers of the rows that were measured on, where a file named them.
    pub(super) test_rows_sha256: Option<String>,
    pub(super) trials: Option<usize>,
    pub(super) metric: Option<Metric>,
    /// The limit of the search that depends on the machine, if it had one: `timeout` or
    /// `max_latency`.
    pub(super) limited_by: Option<String>,
    pub(super) params: Params,
}

impl Configuration {
    pub(super) fn of(job: &Job, params: Params) -> Self {
        let search = match &job.plan {
            Plan::Fixed(_) | Plan::Defaults(_) => None,
            Plan::Searched(search) => Some(search.record()),
            Plan::Recorded(_, search) => search.clone(),
        };
        let SearchRecord {
            trials,
            metric,
            limited_by,
        } = search.unwrap_or_default();
        let (inputs, options) = (&job.inputs, &job.options);
        Self {
            seed: options.seed,
            features: inputs.features.clone(),
            class_weight: options.class_weight,
            calibration: options.calibration_of(&params),
            folds: options.folds,
            folds_by: (options.folds_by != FoldsBy::default()).then_some(options.folds_by),
            test_from: inputs.test_from.clone(),
            test_rows_sha256: inputs.test_rows_sha256.clone(),
            trials,
            metric,
            limited_by,
            params,
        }
    }

    pub(super) fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}
