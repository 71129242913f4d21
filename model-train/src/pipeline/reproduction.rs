//! Training again from what a model's file says about itself.

use model_core::artifact::Artifact;
use model_core::details::{Details, ThresholdRule};
use model_core::policy::Policy;
use model_core::schema::{Role, Schema};
use serde::Deserialize;

use super::configuration::Configuration;
use super::error::PipelineError;
use super::inputs::{InputError, InputOptions, Inputs, Source};
use super::job::Job;
use super::options::{Hyperparameters, Options, SearchRecord};
use crate::moment::Moment;
use crate::out_of_time::OutOfTime;

/// What an artifact keeps of its training: enough to do it again.
///
/// The hyperparameters are those on record. A search that found them is not repeated: it may
/// have taken hours, and with a limit that depends on the machine it would not end the same.
#[derive(Debug)]
pub struct Recorded {
    configuration: Configuration,
    schema: Schema,
    policy: Option<Policy>,
    threshold: ThresholdRule,
    data_sha256: String,
    engine_sha256: String,
}

/// Why a model cannot be trained again to compare it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotReproducible {
    /// The file does not say how it was trained.
    #[error("it does not say how it was trained: it was packed by a program that kept no record")]
    NoRecord,
    /// Another program trained it.
    #[error("it was imported: {library} {version} trained it, and only that can train it again")]
    Imported {
        /// The library, as it calls itself.
        library: String,
        /// Its version, or that of its format.
        version: String,
    },
    /// Another version made it, and may train in another way.
    #[error(
        "it was trained by version {theirs} of this program, and this is {ours}: use version {theirs}"
    )]
    Version {
        /// The file's.
        theirs: String,
        /// This program's.
        ours: &'static str,
    },
    /// The record cannot be read.
    #[error("its record of the training cannot be read: {0}")]
    Record(String),
    /// These are other rows.
    #[error("{file} is not what it was trained on: its SHA-256 is {got}, expected {expected}")]
    Data {
        /// The data.
        file: String,
        /// The digest of its text.
        got: String,
        /// The digest on record.
        expected: String,
    },
    /// Other rows would be measured on.
    #[error("it was measured on rows that a file named: {0} with --test-rows")]
    TestRows(&'static str),
    /// The data cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The training cannot begin.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl Recorded {
    /// Reads what an artifact says of its training.
    ///
    /// # Errors
    /// When it says nothing, or was trained by another version of this program.
    pub fn read(artifact: &Artifact) -> Result<Self, NotReproducible> {
        let record = |problem: String| NotReproducible::Record(problem);
        let details =
            Details::from_artifact(artifact).map_err(|error| record(error.to_string()))?;
        if details.config.is_empty() {
            return Err(NotReproducible::NoRecord);
        }
        if let Ok(Import { import }) = toml::from_str(&details.config) {
            let Origin { library, version } = import;
            return Err(NotReproducible::Imported { library, version });
        }
        let (theirs, ours) = (
            &artifact.training.underwrite_version,
            env!("CARGO_PKG_VERSION"),
        );
        if theirs != ours {
            let theirs = theirs.clone();
            return Err(NotReproducible::Version { theirs, ours });
        }
        let configuration: Configuration = toml::from_str(&details.config)
            .map_err(|error| record(error.to_string().trim_end().to_owned()))?;
        let mut schema = artifact.schema.clone();
        for feature in &mut schema.features {
            // They were made inputs by name, which is on record; so is that they are protected.
            if details.protected_inputs.contains(&feature.name) {
                feature.role = Role::Protected;
            }
            let mut monotonic = details.monotonic.iter();
            let found = monotonic.find(|(name, _)| *name == feature.name);
            feature.monotonic = found.map(|(_, direction)| *direction);
        }
        Ok(Self {
            configuration,
            schema,
            policy: artifact.policy.clone(),
            threshold: details.threshold_rule,
            data_sha256: artifact.training.data_sha256.clone(),
            engine_sha256: artifact.engine_sha256.clone(),
        })
    }

    /// The search that found the hyperparameters, if one did.
    #[must_use]
    pub fn search(&self) -> Option<SearchRecord> {
        let configuration = &self.configuration;
        configuration.trials.map(|trials| SearchRecord {
            trials: Some(trials),
            metric: configuration.metric,
            limited_by: configuration.limited_by.clone(),
        })
    }

    /// The schema that it was trained with.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The word of the model, such as `gradient_boosting`.
    #[must_use]
    pub fn model(&self) -> &'static str {
        self.configuration.params.kind().word()
    }

    /// The training, ready to run on this many threads. `test_rows` is the file that named the
    /// rows to measure on, where one did.
    ///
    /// # Errors
    /// When these are not the rows that it was trained and measured on.
    pub fn job(
        self,
        data: Source<'_>,
        test_rows: Option<Source<'_>>,
        jobs: usize,
        progress: impl FnMut(u64),
    ) -> Result<Job, NotReproducible> {
        let search = self.search();
        let configuration = self.configuration;
        match (&configuration.test_rows_sha256, &test_rows) {
            (Some(_), None) => return Err(NotReproducible::TestRows("name the file")),
            (None, Some(_)) if configuration.test_from.is_some() => {
                return Err(NotReproducible::TestRows("it was not, so name none"));
            }
            _ => {}
        }
        let from = configuration.test_from.as_deref();
        let from = from.map(|text| {
            let problem = || NotReproducible::Record(format!("test_from is `{text}`"));
            Moment::parse(text).map(OutOfTime::From).ok_or_else(problem)
        });
        let mut options = InputOptions::new(self.schema, data);
        options.allow_protected = true;
        options.features = configuration.features;
        options.seed = configuration.seed;
        options.test_rows = test_rows;
        options.out_of_time = from.transpose()?;
        let inputs = Inputs::read(options, progress)?;
        let dataset = inputs.dataset();
        if dataset.sha256 != self.data_sha256 {
            return Err(NotReproducible::Data {
                file: dataset.name().to_owned(),
                got: dataset.sha256.clone(),
                expected: self.data_sha256,
            });
        }
        if configuration.test_rows_sha256 != inputs.test_rows_sha256 {
            let other = "name the same file";
            return Err(NotReproducible::TestRows(other));
        }
        let options = Options {
            hyperparameters: Hyperparameters::Recorded(configuration.params, search),
            class_weight: configuration.class_weight,
            calibration: configuration.calibration,
            policy: self.policy,
            threshold: self.threshold,
            folds: configuration.folds,
            folds_by: configuration.folds_by.unwrap_or_default(),
            seed: configuration.seed,
            jobs,
            wants_predictions: false,
            reason_seeds: 0,
            engine_sha256: self.engine_sha256,
        };
        Ok(Job::new(inputs, options)?)
    }
}

/// What an imported model has for a configuration, as far as it matters here.
#[derive(Deserialize)]
struct Import {
    import: Origin,
}

#[derive(Deserialize)]
struct Origin {
    library: String,
    version: String,
}

/// The parts in which two artifacts differ, in words.
#[must_use]
pub fn differing_parts(one: &Artifact, other: &Artifact) -> Vec<&'static str> {
    let parts = [
        (one.schema != other.schema, "the schema"),
        (
            one.preprocessing != other.preprocessing,
            "the values that are filled in",
        ),
        (
            one.kind != other.kind || one.model != other.model,
            "the model",
        ),
        (one.calibration != other.calibration, "the calibration"),
        (one.threshold != other.threshold, "the threshold"),
        (one.policy != other.policy, "the policy"),
        (
            one.profiles != other.profiles,
            "the profiles of the reasons",
        ),
        (
            one.training != other.training,
            "the record of rows, data and metrics",
        ),
        (
            one.engine_sha256 != other.engine_sha256,
            "the engine's digest",
        ),
        (one.golden_rows != other.golden_rows, "the golden rows"),
        (
            one.details != other.details,
            "the configuration or the sketch of the training rows",
        ),
    ];
    let differing = parts.into_iter().filter(|(differs, _)| *differs);
    differing.map(|(_, part)| part).collect()
}
