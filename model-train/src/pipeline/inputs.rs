//! What a model is trained from: the schema, the rows, and how they are split.

use std::io::Read;

use model_core::schema::{Feature, Role, SampleRole, Schema};
use model_files::sha256_hex;
use model_report::number::{count, percent};
use model_sketch::PREDICTION;

use crate::dataset::{Dataset, OutcomeMissing, outcome_in_file};
use crate::error::DataError;
use crate::out_of_time::{self, OutOfTime};
use crate::split::{self, Split, SplitError};

/// A CSV text to read, with the name that errors give it.
pub struct Source<'a> {
    name: String,
    reader: Box<dyn Read + 'a>,
}

/// What to read, and which columns to use.
pub struct InputOptions<'a> {
    /// The schema; its inputs and its target are columns of the data.
    pub schema: Schema,
    /// Use only these inputs of the schema; `None` uses all of them.
    pub features: Option<Vec<String>>,
    /// Whether `features` may name protected columns.
    pub allow_protected: bool,
    /// The rows, with a header.
    pub data: Source<'a>,
    /// A CSV with the one column `row`: the rows to measure on, 0 being the first row of the
    /// data. `None` draws a fifth of each class.
    pub test_rows: Option<Source<'a>>,
    /// Measure on the latest rows instead.
    pub out_of_time: Option<OutOfTime>,
    /// What happens to a row without an outcome.
    pub outcome_missing: OutcomeMissing,
    /// Random seed of that draw.
    pub seed: u64,
}

/// Rows that were read by a schema and split.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub(super) schema: Schema,
    pub(super) features: Option<Vec<String>>,
    pub(super) protected: Vec<String>,
    pub(super) dataset: Dataset,
    pub(super) split: Split,
    /// Where the test rows are the latest: their first time.
    pub(super) test_from: Option<String>,
    /// Where a file named the test rows: SHA-256 of their numbers, ascending, a line each.
    pub(super) test_rows_sha256: Option<String>,
}

/// Why there is nothing to train from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A feature has the name that drift reports give the model's answers.
    #[error(
        "feature '{PREDICTION}': drift reports use this name for the model's answers: rename the column in the data and in the schema"
    )]
    ReservedName,
    /// The features that were asked for cannot be used.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A column of times, groups or weights is not there.
    #[error(
        "{file}, column '{column}': the column is missing, and the schema gives it role = \"{role}\""
    )]
    SampleColumn {
        /// The data.
        file: String,
        /// The column.
        column: String,
        /// Its role in the schema.
        role: &'static str,
    },
    /// The rows cannot be split.
    #[error(transparent)]
    Split(#[from] SplitError),
}

/// Why a feature cannot be used as an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// The schema does not have it.
    #[error("the schema has no feature '{name}'{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The feature with the most similar name.
        nearest: Option<String>,
    },
    /// It is for audits only.
    #[error(
        "'{name}' is protected in the schema: it is for audits, never to decide (--allow-protected overrides this, and the model records it)"
    )]
    Protected {
        /// What was asked for.
        name: String,
    },
    /// The schema ignores it.
    #[error("'{name}' has role = \"{role}\" in the schema: change its role or leave it out")]
    Ignored {
        /// What was asked for.
        name: String,
        /// Its role: `ignored`, `time`, `group` or `weight`.
        role: &'static str,
    },
    /// A derived feature is computed from one that is not used.
    #[error("'{name}' is computed from '{needs}': name both, or leave both out")]
    Needs {
        /// What was asked for.
        name: String,
        /// What its formula names.
        needs: String,
    },
    /// No feature is left.
    #[error("no input is named, expected at least one")]
    None,
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

impl<'a> Source<'a> {
    /// `name` is what errors call the text.
    pub fn new(name: impl Into<String>, reader: impl Read + 'a) -> Self {
        Self {
            name: name.into(),
            reader: Box::new(reader),
        }
    }

    /// Reads the rows by a schema. `progress` is called with the number of bytes read so far.
    pub(super) fn read_dataset(
        self,
        schema: &Schema,
        progress: impl FnMut(u64),
    ) -> Result<Dataset, DataError> {
        self.read_rows(schema, OutcomeMissing::LeaveOut, progress)
    }

    fn read_rows(
        self,
        schema: &Schema,
        outcome_missing: OutcomeMissing,
        progress: impl FnMut(u64),
    ) -> Result<Dataset, DataError> {
        Dataset::with_outcomes(self.reader, &self.name, schema, outcome_missing, progress)
    }

    /// Reads the numbers of the rows to measure on.
    pub(super) fn read_split(self, dataset: &Dataset) -> Result<Split, SplitError> {
        let without = &dataset.without_outcome.rows;
        split::from_file(self.reader, &self.name, &dataset.target, without)
    }
}

impl<'a> InputOptions<'a> {
    /// Every input of the schema, a fifth of the rows to measure on, random seed 42.
    #[must_use]
    pub fn new(schema: Schema, data: Source<'a>) -> Self {
        Self {
            schema,
            features: None,
            allow_protected: false,
            data,
            test_rows: None,
            out_of_time: None,
            outcome_missing: OutcomeMissing::default(),
            seed: 42,
        }
    }
}

impl Inputs {
    /// Reads the rows and splits them. `progress` is called now and then with the number of
    /// bytes of the data that were read.
    ///
    /// # Errors
    /// Names the feature, or the file, line and column, what was expected and what came.
    pub fn read(options: InputOptions<'_>, progress: impl FnMut(u64)) -> Result<Self, InputError> {
        let InputOptions { mut schema, .. } = options;
        if schema.features.iter().any(|f| f.name == PREDICTION) {
            return Err(InputError::ReservedName);
        }
        let mut protected = Vec::new();
        if let Some(features) = &options.features {
            check_features(&schema, features, options.allow_protected)?;
            protected = use_only(&mut schema, features);
        }
        let dataset = (options.data).read_rows(&schema, options.outcome_missing, progress)?;
        check_sample(&dataset, &schema)?;
        let (target, sample) = (&dataset.target, &dataset.sample);
        let is_named = options.test_rows.is_some();
        let split = match (options.test_rows, options.out_of_time, &sample.groups) {
            (Some(rows), _, _) => rows.read_split(&dataset)?,
            (None, Some(test), _) => out_of_time::split(target, sample, test)?,
            (None, None, Some(groups)) => split::grouped(target, groups, options.seed)?,
            (None, None, None) => split::stratified(target, options.seed)?,
        };
        let times = split.test.iter().filter_map(|&row| sample.moment(row));
        let test_from = options.out_of_time.and(times.min());
        Ok(Self {
            schema,
            features: options.features,
            protected,
            test_from: test_from.map(|moment| moment.to_string()),
            test_rows_sha256: is_named.then(|| row_digest(&split.test)),
            dataset,
            split,
        })
    }

    /// The schema, with every feature that is not used ignored.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Protected columns that are inputs all the same, in schema order.
    #[must_use]
    pub fn protected(&self) -> &[String] {
        &self.protected
    }

    /// The rows.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Which rows are trained on and which are measured on.
    #[must_use]
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// How many rows are kept out since they have no outcome; `None` where there are none.
    #[must_use]
    pub fn kept_out_in_words(&self) -> Option<String> {
        let rows = self.dataset.without_outcome.rows.len();
        (rows > 0).then(|| {
            format!(
                "{} of {} rows have no outcome and are kept out.",
                count(rows),
                count(self.dataset.rows_in_file())
            )
        })
    }

    /// The first time of the test rows, where they are the latest.
    #[must_use]
    pub fn test_from(&self) -> Option<&str> {
        self.test_from.as_deref()
    }

    /// What the model learns to approve, and how much of the data is the other outcome, as the
    /// file says it.
    #[must_use]
    pub fn approval_in_words(&self) -> String {
        let (target, dataset) = (&self.schema.target, &self.dataset);
        let rows = dataset.rows();
        let negative = (dataset.sample).share_of(0..rows, |row| !dataset.target[row]);
        let by_weight = match dataset.sample.weights {
            Some(_) => ", by weight,",
            None => "",
        };
        format!(
            "Approves applications likely to be {}; {} of {} rows{by_weight} are {}.",
            outcome_in_file(target, true),
            percent(negative),
            count(rows),
            outcome_in_file(target, false)
        )
    }
}

fn row_digest(rows: &[usize]) -> String {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    sha256_hex(lines)
}

/// A column that says when, of whom or how much must be there to train: without it the model
/// would be another one.
fn check_sample(dataset: &Dataset, schema: &Schema) -> Result<(), InputError> {
    let sample = &dataset.sample;
    let columns = [
        (SampleRole::Time, sample.times.is_none()),
        (SampleRole::Group, sample.groups.is_none()),
        (SampleRole::Weight, sample.weights.is_none()),
    ];
    for (role, is_absent) in columns {
        if let (Some(column), true) = (schema.sample_column(role), is_absent) {
            return Err(InputError::SampleColumn {
                file: dataset.name().to_owned(),
                column: column.name.clone(),
                role: role.word(),
            });
        }
    }
    Ok(())
}

fn check_features(
    schema: &Schema,
    names: &[String],
    allow_protected: bool,
) -> Result<(), FeatureError> {
    if names.is_empty() {
        return Err(FeatureError::None);
    }
    for name in names {
        let name = || name.clone();
        let feature = schema.features.iter().find(|f| f.name == name());
        let role_word = feature.map_or("", Feature::role_word);
        match feature.map(|feature| feature.role) {
            Some(Role::Input) => {}
            Some(Role::Protected) if allow_protected => {}
            Some(Role::Protected) => return Err(FeatureError::Protected { name: name() }),
            Some(Role::Ignored) => {
                return Err(FeatureError::Ignored {
                    name: name(),
                    role: role_word,
                });
            }
            None => {
                let nearest = schema.nearest_feature(&name()).map(str::to_owned);
                return Err(FeatureError::Unknown {
                    name: name(),
                    nearest,
                });
            }
        }
    }
    let derived = schema.features.iter().filter(|f| names.contains(&f.name));
    for feature in derived {
        let fields = feature
            .derived
            .iter()
            .flat_map(|derived| derived.formula.fields());
        let needed = fields.filter_map(|field| schema.features.get(usize::from(field)));
        if let Some(needs) = needed
            .into_iter()
            .find(|needs| !names.contains(&needs.name))
        {
            return Err(FeatureError::Needs {
                name: feature.name.clone(),
                needs: needs.name.clone(),
            });
        }
    }
    Ok(())
}

/// Makes the named features the only inputs; answers which of them were protected.
fn use_only(schema: &mut Schema, names: &[String]) -> Vec<String> {
    let mut protected = Vec::new();
    for feature in &mut schema.features {
        match (feature.role, names.contains(&feature.name)) {
            (Role::Input, false) => {
                feature.role = Role::Ignored;
                // What the model does not see is not computed, proves nothing, and nobody is told
                // to change it.
                feature.derived = None;
                feature.monotonic = None;
                feature.actionable = None;
            }
            (Role::Protected, true) => {
                feature.role = Role::Input;
                protected.push(feature.name.clone());
            }
            _ => {}
        }
    }
    protected
}
