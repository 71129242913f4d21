//! The types behind the files of a run folder.
//!
//! Times are milliseconds since 1970-01-01 UTC, digests lower-case hexadecimal. A number that
//! JSON cannot represent is the text `"NaN"`, `"Infinity"` or `"-Infinity"`.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The form of `run.json` that this program writes.
pub const FORMAT: u32 = 1;

/// The time now, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// A run: the file `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The form of this file, [`FORMAT`].
    pub format: u32,
    /// Identifies the run everywhere: `YYYYMMDD-HHMMSS-` in UTC and eight hexadecimal digits.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// The experiment of MLflow, the project of Weights & Biases.
    pub experiment: String,
    /// Its status.
    pub status: Status,
    /// When it started.
    pub started_ms: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_ms: Option<i64>,
    /// The command line, program first; of a resumed run, that which made its model. Addresses are
    /// without user, password and query.
    #[serde(default)]
    pub command: Vec<String>,
    /// Settings of the run and parameters of the chosen model.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// The final metrics.
    #[serde(default, with = "numbers")]
    pub metrics: BTreeMap<String, f64>,
    /// Labels to search by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
    /// The model that was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The inputs and outputs of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// A synthetic request that the model accepts: never a row of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_example: Option<Map<String, Value>>,
    /// The files under `artifacts/`.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
}

/// The status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is running.
    Running,
    /// It was completed.
    Finished,
    /// It failed with an error.
    Failed,
    /// The user stopped it, or its process was killed; its results so far are kept.
    Interrupted,
}

/// The data of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// The file's name without folder and extension.
    pub name: String,
    /// The path as it was given.
    pub source: String,
    /// Of the file.
    pub sha256: String,
    /// Number of rows.
    pub rows: u64,
    /// The column that is predicted.
    pub target: String,
    /// Every column that was used, in the file's order.
    pub columns: Vec<Column>,
}

/// The model of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its name in a registry.
    pub name: String,
    /// Its version, as the model itself says.
    pub version: String,
    /// Digest of the artifact inside, as an answer's `model.digest` has it.
    pub digest: String,
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Such as `random_forest`.
    pub kind: String,
    /// Which of the artifacts it is, such as `model.wasm`.
    pub file: String,
}

/// The inputs and outputs of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The fields of a request, in the schema's order.
    pub inputs: Vec<Column>,
    /// The fields of a response.
    pub outputs: Vec<Column>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether it is required.
    pub required: bool,
}

/// What a column holds; the names are MLflow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A 64-bit floating-point number.
    Double,
    /// A 64-bit integer.
    Long,
    /// True or false.
    Boolean,
    /// Text, such as a category.
    String,
    /// Anything, and nothing: MLflow hands it on as it is. Of the other types it refuses what
    /// tables are made of: whole numbers in a column of doubles, a missing one among whole
    /// numbers, and yes or no as text.
    Any,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its path under `artifacts/`, with `/` between folders.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Of the file.
    pub sha256: String,
}

/// One trial of a search: a line of `trials.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 0, in starting order.
    pub number: u64,
    /// Such as `gradient_boosting`.
    pub model: String,
    /// How it ended.
    pub state: TrialState,
    /// The hyperparameters.
    pub params: BTreeMap<String, Value>,
    /// The metric that the search optimizes; none if the trial failed.
    #[serde(default, with = "maybe_number")]
    pub value: Option<f64>,
    /// The metric of each fold that was computed.
    #[serde(default, with = "number_list")]
    pub folds: Vec<f64>,
    /// When it started.
    pub started_ms: i64,
    /// When it ended: after all that was recorded before, though the clock was set back.
    pub finished_ms: i64,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// Every fold was computed.
    Complete,
    /// It was stopped early as unpromising.
    Pruned,
    /// It could not be fitted.
    Failed,
}

/// Metrics at one moment of a run: a line of `history.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// From 0, increasing from line to line.
    pub step: u64,
    /// When: not before what was recorded before, though the clock was set back.
    pub time_ms: i64,
    /// Name and value.
    #[serde(with = "numbers")]
    pub metrics: BTreeMap<String, f64>,
}

/// Where a tracker keeps a run: an entry of `tracked.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The tracker's own name of the run.
    pub id: String,
    /// Where to look at it: an address, or a path.
    pub url: String,
    /// When it was sent, in milliseconds since 1970-01-01 UTC.
    pub time_ms: i64,
    /// What the user should know of this push, in a sentence; not kept in the file.
    #[serde(skip)]
    pub note: Option<String>,
}

impl Pushed {
    /// Sent now.
    #[must_use]
    pub fn now(id: String, url: String) -> Self {
        let time_ms = now_ms();
        Self {
            id,
            url,
            time_ms,
            note: None,
        }
    }
}

/// A number, or the name of one that JSON cannot represent.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Named(String),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            return Self::Finite(value);
        }
        Self::Named(non_finite_name(value).to_owned())
    }
}

impl TryFrom<Number> for f64 {
    type Error = String;

    fn try_from(number: Number) -> Result<Self, String> {
        match number {
            Number::Finite(value) => Ok(value),
            Number::Named(name) => match name.as_str() {
                "NaN" => Ok(Self::NAN),
                "Infinity" => Ok(Self::INFINITY),
                "-Infinity" => Ok(Self::NEG_INFINITY),
                _ => Err(format!("expected a number, got '{name}'")),
            },
        }
    }
}

/// How a number that is not finite is written.
pub(crate) fn non_finite_name(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

mod numbers {
    use std::collections::BTreeMap;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Number;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<String, f64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(map.iter().map(|(name, &value)| (name, Number::from(value))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, f64>, D::Error> {
        let map = BTreeMap::<String, Number>::deserialize(from)?;
        let numbers = map.into_iter().map(|(name, number)| {
            let value = f64::try_from(number).map_err(|e| Error::custom(format!("{name}: {e}")))?;
            Ok((name, value))
        });
        numbers.collect()
    }
}

mod number_list {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Number;

    pub(super) fn serialize<S: Serializer>(list: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|&value| Number::from(value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let list = Vec::<Number>::deserialize(from)?;
        let numbers = list.into_iter().map(f64::try_from);
        numbers.collect::<Result<_, _>>().map_err(Error::custom)
    }
}

mod maybe_number {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Number;

    #[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
    pub(super) fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        value.map(Number::from).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        let number = Option::<Number>::deserialize(from)?;
        number.map(f64::try_from).transpose().map_err(Error::custom)
    }
}
