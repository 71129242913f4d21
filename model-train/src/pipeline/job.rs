//! A checked training run, ready to start.

use std::fmt;

use model_core::schema::{Missing, Schema};
use model_files::sha256_hex;
use serde::{Deserialize, Serialize};

use super::decision::dealt;
use super::error::PipelineError;
use super::inputs::Inputs;
use super::oddities;
use super::options::{Hyperparameters, Options, SearchOptions, SearchRecord, Unsupported};
use crate::calibrate::Method;
use crate::fit::{self, FitError, Params};
use crate::golden;
use crate::profiles;
use crate::reference;
use crate::threshold::{self, ThresholdRule};
use crate::tune::{self, Budget, Control, Metric, Space, Trial};
use crate::values::Values;

/// Gzipped bytes of an artifact without its model and the summary of its training rows:
/// schema, golden rows, provenance.
const OVERHEAD: u64 = 4_000;
/// Gzipped bytes that the summary of the answers to the test rows adds in the end.
const ANSWERS: u64 = 1_000;

/// What to train from and how, found possible.
#[derive(Debug)]
pub struct Job {
    pub(super) inputs: Inputs,
    pub(super) options: Options,
    pub(super) plan: Plan,
    pub(super) control: Control,
    warnings: Vec<Warning>,
}

/// How the hyperparameters are found.
#[derive(Debug, Clone)]
pub(super) enum Plan {
    Fixed(Params),
    /// Of a run that is done again, with what its search came from.
    Recorded(Params, Option<SearchRecord>),
    /// One point, made for the training rows.
    Defaults(Space),
    Searched(SearchPlan),
}

/// A search over the models that support the schema, within what the size limit leaves for
/// the model.
#[derive(Debug, Clone)]
pub(super) struct SearchPlan {
    pub(super) options: SearchOptions,
    pub(super) settings: tune::Settings,
    /// Trials that an earlier run has finished.
    pub(super) earlier: Vec<Trial>,
}

/// Something odd that does not prevent training.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// A column that has one value.
    Constant {
        /// The data.
        file: String,
        /// The column.
        column: String,
    },
    /// Given values that contradict the formula of a derived column.
    Overwritten {
        /// The data.
        file: String,
        /// The column.
        column: String,
        /// Rows whose value was replaced.
        rows: usize,
    },
    /// A column that tells the target all by itself.
    Leak {
        /// The data.
        file: String,
        /// The column.
        column: String,
    },
    /// A class with a handful of training rows.
    FewRows {
        /// The data.
        file: String,
        /// The name of the class.
        label: String,
        /// Training rows of it.
        rows: usize,
    },
    /// A model whose log loss on the test rows is above that of the training rows' positive rate.
    WorseThanConstant {
        /// The model's word, such as `ridge`.
        model: &'static str,
        /// What its probabilities are corrected by.
        calibration: Method,
        /// Its log loss.
        log_loss: f64,
        /// That of the rate.
        constant: f64,
    },
    /// A threshold for a share of approvals, which approves another.
    ApprovalRate {
        /// The share that was asked for.
        wanted: f64,
        /// The share of the training rows that is approved.
        reached: f64,
    },
    /// A model that refused most synthetic requests.
    FewGoldenRows {
        /// The synthetic requests that its file has.
        rows: usize,
    },
    /// Weights of rows that are far below 1.
    LightWeights {
        /// The data.
        file: String,
        /// The column.
        column: String,
        /// The mean weight of a training row.
        mean: f64,
    },
    /// A column of groups in which no group comes again.
    GroupsOfOne {
        /// The data.
        file: String,
        /// The column.
        column: String,
    },
    /// Groups that have rows to train on and rows to measure on.
    SharedGroups {
        /// The data.
        file: String,
        /// The column.
        column: String,
        /// How many.
        groups: usize,
    },
    /// A model that is not searched.
    LeftOut {
        /// The model's word, such as `random_forest`.
        model: &'static str,
        /// What it cannot do.
        reason: FitError,
    },
}

/// Everything that decides what the trials of a search come to. Trials may be continued only
/// by a search with the same identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchIdentity {
    underwrite_version: String,
    data_sha256: String,
    /// Of the training rows, the schema, the class weight and the spaces.
    setting_sha256: String,
    seed: u64,
    folds: usize,
    metric: Metric,
    budget: Budget,
}

impl SearchPlan {
    /// What the model's file keeps of the search.
    pub(super) fn record(&self) -> SearchRecord {
        let limits = [
            (self.options.timeout.is_some(), "timeout"),
            (self.options.max_nanoseconds.is_some(), "max_latency"),
        ];
        let limit = limits.into_iter().find(|(is_set, _)| *is_set);
        SearchRecord {
            trials: Some(self.settings.trials),
            metric: Some(self.settings.metric),
            limited_by: limit.map(|(_, limit)| limit.to_owned()),
        }
    }
}

impl Job {
    /// Checks that the options suit the inputs.
    ///
    /// # Errors
    /// When a model that was asked for cannot do what the schema asks for, no model is left,
    /// the threshold's rule is out of range, or the size limit leaves no room for a model.
    pub fn new(inputs: Inputs, options: Options) -> Result<Self, PipelineError> {
        threshold::check_rule(options.threshold)?;
        let mut warnings = constant_columns(&inputs);
        warnings.extend(oddities::warnings(&inputs));
        warnings.extend(inputs.dataset.overwritten.iter().map(|(column, rows)| {
            Warning::Overwritten {
                file: inputs.dataset.name().to_owned(),
                column: column.clone(),
                rows: *rows,
            }
        }));
        if options.is_search() || !options.has_fixed_decision() {
            dealt(&inputs, &options, options.folds).splits(1)?;
        }
        if let (Some(policy), ThresholdRule::Half) = (&options.policy, options.threshold) {
            (policy.check_threshold(0.5)).map_err(PipelineError::Policy)?;
        }
        let rows = inputs.split.train.len();
        let plan = match &options.hyperparameters {
            Hyperparameters::Fixed(params) => {
                fit::check_abilities(&inputs.schema, params.kind())?;
                Plan::Fixed(*params)
            }
            Hyperparameters::Recorded(params, search) => {
                fit::check_abilities(&inputs.schema, params.kind())?;
                Plan::Recorded(*params, search.clone())
            }
            Hyperparameters::Defaults(space) => {
                fit::check_abilities(&inputs.schema, space.kind())?;
                Plan::Defaults(space.for_rows(rows)?)
            }
            Hyperparameters::Searched(search) => {
                let mut search = search.clone();
                for space in &mut search.spaces {
                    *space = space.for_rows(rows)?;
                }
                let left_out = leave_out_unsupported(&mut search, &inputs.schema)?;
                warnings.extend(left_out);
                let room = room_for_model(search.max_gzip_bytes, &inputs)?;
                Plan::Searched(SearchPlan {
                    settings: options.tuning(&search, rows, room),
                    options: search,
                    earlier: Vec::new(),
                })
            }
        };
        Ok(Self {
            inputs,
            options,
            plan,
            control: Control::default(),
            warnings,
        })
    }

    /// What the model is trained from.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// How it is trained, as asked for.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether the hyperparameters are searched.
    #[must_use]
    pub fn is_search(&self) -> bool {
        self.search().is_some()
    }

    /// How the tuner searches, with the size limit reduced to what is left for the model;
    /// `None` where the hyperparameters are fixed.
    #[must_use]
    pub fn search(&self) -> Option<&tune::Settings> {
        match &self.plan {
            Plan::Fixed(_) | Plan::Defaults(_) | Plan::Recorded(..) => None,
            Plan::Searched(search) => Some(&search.settings),
        }
    }

    /// The models that are searched, with the ranges of their hyperparameters; empty where
    /// the hyperparameters are fixed.
    #[must_use]
    pub fn spaces(&self) -> &[Space] {
        match &self.plan {
            Plan::Fixed(_) | Plan::Defaults(_) | Plan::Recorded(..) => &[],
            Plan::Searched(search) => &search.options.spaces,
        }
    }

    /// What is odd about the inputs or the options.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Stops the search early; what was found by then is used.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// What identifies the search; `None` where the hyperparameters are fixed.
    #[must_use]
    pub fn search_identity(&self) -> Option<SearchIdentity> {
        let Plan::Searched(search) = &self.plan else {
            return None;
        };
        let (settings, inputs) = (&search.settings, &self.inputs);
        let (spaces, weight) = (&search.options.spaces, self.options.class_weight);
        let (schema, rows) = (&inputs.schema, &inputs.split.train);
        let by = self.options.folds_by.word();
        let decisive = format!("{spaces:?}\n{weight:?}\n{schema:?}\n{rows:?}\n{by}");
        Some(SearchIdentity {
            underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
            data_sha256: inputs.dataset.sha256.clone(),
            setting_sha256: sha256_hex(decisive),
            seed: settings.seed,
            folds: settings.folds,
            metric: settings.metric,
            budget: settings.budget,
        })
    }

    /// Continues a search from its finished trials, which must be of a search with the same
    /// [`SearchIdentity`]. Without a search they are ignored.
    pub fn resume(&mut self, finished: Vec<Trial>) {
        if let Plan::Searched(search) = &mut self.plan {
            search.earlier = finished;
        }
    }
}

impl SearchIdentity {
    /// The first thing in which two searches differ, in words.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            (
                self.underwrite_version != other.underwrite_version,
                "program version",
            ),
            (self.data_sha256 != other.data_sha256, "data"),
            (self.seed != other.seed, "random seed"),
            (self.folds != other.folds, "number of folds"),
            (self.metric != other.metric, "metric"),
            (self.budget != other.budget, "size or latency limit"),
            (
                self.setting_sha256 != other.setting_sha256,
                "schema, test rows, class weight, kind of folds or choice of models",
            ),
        ];
        let found = differs.into_iter().find(|(differs, _)| *differs);
        found.map(|(_, what)| what)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { file, column } => write!(
                f,
                "{file}, column '{column}': every training row has the same value, so the model learns nothing from it: give the feature role = \"ignored\", or leave it out with --features"
            ),
            Self::Overwritten { file, column, rows } => write!(
                f,
                "{file}, column '{column}': {rows} given values contradict the formula: the computed values are used"
            ),
            Self::Leak { file, column } => write!(
                f,
                "{file}, column '{column}': it alone tells the target almost without error: it may be a copy of it, or written down after the decision; if it is not known when the model decides, give the feature role = \"ignored\""
            ),
            Self::FewRows { file, label, rows } => write!(
                f,
                "{file}: few training rows are {label} ({rows}): the model learns little of them, and its figures may be far off; collect more"
            ),
            Self::WorseThanConstant {
                model,
                calibration,
                log_loss,
                constant,
            } => write!(
                f,
                "the {model} has log loss {log_loss:.4} on the test rows, where the positive rate of the training rows has {constant:.4}: its probabilities are worse than a constant; use --calibration {}, other inputs or another model",
                match calibration {
                    Method::Platt => Method::Isotonic,
                    Method::None | Method::Isotonic => Method::Platt,
                }
                .word()
            ),
            Self::ApprovalRate { wanted, reached } => write!(
                f,
                "the threshold approves {:.1}% of the training rows instead of {:.1}%: too many rows have the same probability; use another share, --calibration none or another model",
                100.0 * reached,
                100.0 * wanted
            ),
            Self::FewGoldenRows { rows } => {
                f.write_str(&golden::shortfall(*rows).unwrap_or_default())
            }
            Self::LightWeights { file, column, mean } => write!(
                f,
                "{file}, column '{column}': a training row weighs {mean:.1e} on average, and penalties and the least weight of a leaf count rows of weight 1, so the model may learn little: multiply the weights by one number that makes their mean 1"
            ),
            Self::GroupsOfOne { file, column } => write!(
                f,
                "{file}, column '{column}': no group has two rows, so it keeps nothing together: if it only names the row, give it role = \"ignored\""
            ),
            Self::SharedGroups {
                file,
                column,
                groups,
            } => write!(
                f,
                "{file}, column '{column}': {groups} groups have rows to train on and rows to measure on, so the figures may be too good"
            ),
            Self::LeftOut { model, reason } => write!(f, "{model} is left out: {reason}"),
        }
    }
}

/// The inputs that have one value in all training rows.
fn constant_columns(inputs: &Inputs) -> Vec<Warning> {
    let constant = |feature: &model_core::schema::Feature, values: &Values| {
        let mut values = inputs.split.train.iter().map(|&row| values[row]);
        let Some(first) = values.next() else {
            return false;
        };
        // Nothing to fill in is an error of its own when policies are applied.
        let reported_later = first.is_nan() && feature.missing != Missing::Native;
        let same = |value: f64| value == first || (value.is_nan() && first.is_nan());
        !reported_later && values.all(same)
    };
    let columns = inputs.schema.inputs().zip(&inputs.dataset.columns);
    columns
        .filter(|(feature, values)| constant(feature, values))
        .map(|(feature, _)| Warning::Constant {
            file: inputs.dataset.name().to_owned(),
            column: feature.name.clone(),
        })
        .collect()
}

fn leave_out_unsupported(
    search: &mut SearchOptions,
    schema: &Schema,
) -> Result<Vec<Warning>, PipelineError> {
    let mut supported = Vec::with_capacity(search.spaces.len());
    let mut left_out = Vec::new();
    for space in search.spaces.drain(..) {
        match fit::check_abilities(schema, space.kind()) {
            Ok(()) => supported.push(space),
            Err(reason) if search.unsupported == Unsupported::Refuse => return Err(reason.into()),
            Err(reason) => left_out.push(Warning::LeftOut {
                model: space.kind().word(),
                reason,
            }),
        }
    }
    if supported.is_empty() {
        return Err(PipelineError::NoModel);
    }
    search.spaces = supported;
    Ok(left_out)
}

/// Gzipped bytes that the limit leaves for the model: the artifact also holds a summary of
/// the training rows, to measure drift against, and later of the answers to the test rows, and
/// profiles to explain by.
fn room_for_model(limit: Option<u64>, inputs: &Inputs) -> Result<Option<u64>, PipelineError> {
    let Some(limit) = limit else {
        return Ok(None);
    };
    let sketch = reference::sketch_rows(&inputs.dataset, &inputs.schema, &inputs.split.train);
    let inputs_and_weight = inputs.schema.inputs().count() + 1;
    let profiles = (profiles::most(inputs.split.train.len()) * inputs_and_weight * 8) as u64;
    let taken = OVERHEAD + tune::gzipped(&sketch.encode()) + ANSWERS + profiles;
    match limit.checked_sub(taken) {
        None | Some(0) => Err(PipelineError::NoRoom { limit, taken }),
        room => Ok(room),
    }
}
