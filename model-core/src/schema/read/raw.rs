//! The schema as it stands in the file, before anything in it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::languages::default_languages;
use super::super::{Encoding, Mismatch, Missing, Monotonic, OutOfRange, SampleRole, Unknown};
use super::reasons::{RawReason, RawReasons};
use crate::texts::RawTexts;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchema {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: Option<RawTexts>,
    pub(super) description: Option<RawTexts>,
    pub(super) max_adjustments: Option<u32>,
    #[serde(default)]
    pub(super) missing_values: Vec<String>,
    #[serde(default = "default_languages")]
    pub(super) languages: Vec<String>,
    pub(super) reasons: Option<RawReasons>,
    pub(super) feature: Vec<RawFeature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFeature {
    pub(super) name: String,
    pub(super) r#type: RawType,
    #[serde(default)]
    pub(super) role: RawRole,
    pub(super) label: Option<RawTexts>,
    pub(super) help: Option<RawTexts>,
    pub(super) unit: Option<String>,
    pub(super) example: Option<RawExample>,
    pub(super) minimum: Option<f64>,
    pub(super) exclusive_minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) exclusive_maximum: Option<f64>,
    pub(super) categories: Option<Vec<String>>,
    pub(super) category_labels: Option<BTreeMap<String, RawTexts>>,
    pub(super) encoding: Option<Encoding>,
    pub(super) missing: Option<Missing>,
    pub(super) monotonic: Option<Monotonic>,
    pub(super) unknown: Option<Unknown>,
    pub(super) out_of_range: Option<OutOfRange>,
    pub(super) derived: Option<String>,
    pub(super) round: Option<u8>,
    pub(super) mismatch: Option<Mismatch>,
    pub(super) actionable: Option<RawActionable>,
    pub(super) step: Option<f64>,
    pub(super) lowest: Option<f64>,
    pub(super) highest: Option<f64>,
    pub(super) cost: Option<f64>,
    pub(super) columns: Option<BTreeMap<String, String>>,
    pub(super) codes: Option<BTreeMap<String, f64>>,
    pub(super) reason: Option<RawReason>,
    pub(super) positive: Option<RawPositive>,
    pub(super) positive_label: Option<RawTexts>,
    pub(super) negative_label: Option<RawTexts>,
    pub(super) positive_outcome: Option<String>,
    pub(super) negative_outcome: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawType {
    Number,
    Integer,
    Boolean,
    Category,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Default)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawRole {
    #[default]
    Input,
    Protected,
    Ignored,
    Time,
    Group,
    Weight,
    Target,
}

impl RawRole {
    /// What the column says about a row, where it does.
    pub(super) fn sample(self) -> Option<SampleRole> {
        match self {
            Self::Time => Some(SampleRole::Time),
            Self::Group => Some(SampleRole::Group),
            Self::Weight => Some(SampleRole::Weight),
            Self::Input | Self::Protected | Self::Ignored | Self::Target => None,
        }
    }
}

/// The key `actionable` as it stands in the file.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawActionable {
    Up,
    Down,
    Any,
    No,
}

#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected a boolean, a number or a text")]
pub(super) enum RawExample {
    Boolean(bool),
    Number(f64),
    Text(String),
}

#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected true, false or a category in quotes")]
pub(super) enum RawPositive {
    Boolean(bool),
    Text(String),
}

/// A value, or the key that is wrong and a sentence.
pub(super) type Converted<T> = Result<T, (&'static str, String)>;

/// Refuses keys that an entry of this kind does not take.
pub(super) fn refuse_keys(raw: &RawFeature, why: &str, keys: &[&'static str]) -> Converted<()> {
    let given = |key: &str| match key {
        "minimum" => raw.minimum.is_some(),
        "exclusive_minimum" => raw.exclusive_minimum.is_some(),
        "maximum" => raw.maximum.is_some(),
        "exclusive_maximum" => raw.exclusive_maximum.is_some(),
        "categories" => raw.categories.is_some(),
        "category_labels" => raw.category_labels.is_some(),
        "encoding" => raw.encoding.is_some(),
        "missing" => raw.missing.is_some(),
        "monotonic" => raw.monotonic.is_some(),
        "unknown" => raw.unknown.is_some(),
        "out_of_range" => raw.out_of_range.is_some(),
        "unit" => raw.unit.is_some(),
        "example" => raw.example.is_some(),
        "derived" => raw.derived.is_some(),
        "round" => raw.round.is_some(),
        "mismatch" => raw.mismatch.is_some(),
        "actionable" => raw.actionable.is_some(),
        "step" => raw.step.is_some(),
        "lowest" => raw.lowest.is_some(),
        "highest" => raw.highest.is_some(),
        "cost" => raw.cost.is_some(),
        "reason" => raw.reason.is_some(),
        "positive" => raw.positive.is_some(),
        "positive_label" => raw.positive_label.is_some(),
        "negative_label" => raw.negative_label.is_some(),
        "positive_outcome" => raw.positive_outcome.is_some(),
        "negative_outcome" => raw.negative_outcome.is_some(),
        _ => false,
    };
    match keys.iter().find(|key| given(key)) {
        Some(key) => Err((key, format!("{why}: remove it"))),
        None => Ok(()),
    }
}
