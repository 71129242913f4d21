//! The JSON as it stands in the file.

use serde::Deserialize;

/// What says which file it is.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) format: Option<String>,
    pub(super) format_version: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) library: LibraryPart,
    pub(super) estimator: String,
    pub(super) classes: Vec<String>,
    pub(super) columns: Vec<ColumnPart>,
    /// Inputs of which a step refuses a missing value.
    #[serde(default)]
    pub(super) never_missing: Vec<String>,
    pub(super) model: ModelPart,
    pub(super) calibration: Option<CalibrationPart>,
}

#[derive(Deserialize)]
pub(super) struct LibraryPart {
    pub(super) version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnPart {
    pub(super) input: String,
    pub(super) is: ColumnKind,
    pub(super) value: Option<String>,
    pub(super) values: Option<Vec<String>>,
    /// Of a category: what unknown texts are; of a code their number.
    pub(super) other: Option<OtherPart>,
    pub(super) unknown: Option<UnknownPart>,
    pub(super) known: Option<Vec<String>>,
    pub(super) codes: Option<std::collections::BTreeMap<String, f64>>,
    #[serde(default)]
    pub(super) unknown_is_missing: bool,
    pub(super) missing: Option<f64>,
    pub(super) missing_value: Option<String>,
    #[serde(default)]
    pub(super) steps: Vec<(StepName, f64)>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ColumnKind {
    Number,
    Category,
    Code,
    Missing,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
pub(super) enum OtherPart {
    Is(bool),
    Number(f64),
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnknownPart {
    Zero,
    Error,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepName {
    Subtract,
    Add,
    Multiply,
    Divide,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ModelPart {
    Trees(TreesPart),
    Linear(LinearPart),
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkName {
    Logistic,
    Identity,
}

#[derive(Deserialize)]
pub(super) struct LinearPart {
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
    pub(super) link: LinkName,
}

#[derive(Deserialize)]
pub(super) struct TreesPart {
    pub(super) compare: CompareName,
    pub(super) sum: SumName,
    pub(super) base: f64,
    pub(super) link: LinkName,
    pub(super) trees: Vec<TreePart>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum CompareName {
    F32,
    F64,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum SumName {
    Sum,
    Mean,
}

/// Lists with an entry for each node.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreePart {
    pub(super) feature: Vec<i64>,
    pub(super) cut: Vec<f64>,
    pub(super) left: Vec<i64>,
    pub(super) right: Vec<i64>,
    /// Absent where the model refuses missing values.
    pub(super) missing_left: Option<Vec<bool>>,
    pub(super) value: Vec<f64>,
    #[serde(default)]
    pub(super) count: Vec<f64>,
    #[serde(default)]
    pub(super) sets: Vec<Option<Vec<u32>>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CalibrationPart {
    Sigmoid {
        a: f64,
        b: f64,
        of: OfName,
    },
    Isotonic {
        x: Vec<f64>,
        y: Vec<f64>,
        of: OfName,
    },
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum OfName {
    Probability,
    Decision,
}
