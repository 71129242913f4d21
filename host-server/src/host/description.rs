//! A model's description (`abi_describe`, `docs/reference/module-abi.md`), as far as a host needs it.

use std::collections::{BTreeMap, HashMap};

use model_http::summary::api_name;
use serde::{Deserialize, Serialize};

/// A model's description.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// The format of its artifact; from 3 on every decision has an `outcome`.
    #[serde(default)]
    pub format: u32,
    /// Which model it is.
    pub model: ModelInfo,
    /// The decision threshold: the positive outcome from this probability on, 0 to 1.
    #[serde(default)]
    pub threshold: f64,
    /// How many values of a request may be filled in or changed; `None` is any number.
    #[serde(default)]
    pub max_adjustments: Option<u32>,
    /// What the two outcomes are called.
    #[serde(default)]
    pub target: Target,
    /// Inputs, protected and ignored features, in schema order.
    pub features: Vec<Feature>,
    /// The languages of its texts, the first one first; none where it does not say.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The lending rules beside the model.
    #[serde(default)]
    pub policy: Option<PolicyInfo>,
}

/// A model's identity. As JSON it is what every decision carries as `model`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// `loan-approval`
    pub name: String,
    /// `1.0.0`
    pub version: String,
    /// `sha256:` and 64 hexadecimal digits: of the artifact's payload.
    pub digest: String,
    /// A name for people.
    #[serde(default, skip_serializing)]
    pub title: String,
    /// A sentence for people.
    #[serde(default, skip_serializing)]
    pub description: String,
}

impl ModelInfo {
    /// The name of an API that serves this model: `Loan Approval API`.
    #[must_use]
    pub fn api_name(&self) -> String {
        api_name(&self.name, Some(&self.title))
    }
}

/// The two outcomes.
#[derive(Debug, Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct Target {
    /// `Approved`
    pub positive_label: String,
    /// `Rejected`
    pub negative_label: String,
}

/// The lending rules of a model.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct PolicyInfo {
    /// What its author calls it: `2026-11`.
    pub version: String,
    /// `sha256:` and 64 hexadecimal digits; modules of earlier versions do not say it.
    #[serde(default)]
    pub digest: Option<String>,
    /// The band [from, to) of probabilities that a person decides.
    #[serde(default)]
    pub refer: Option<[f64; 2]>,
    /// Whether rules may name protected features, whose values are then validated.
    #[serde(default)]
    pub allow_protected: bool,
    /// In the order of the policy's file.
    pub rules: Vec<RuleInfo>,
}

/// A lending rule.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct RuleInfo {
    /// The condition, as it was written.
    #[serde(default)]
    pub when: String,
    /// What decisions call it. Rules may share a code.
    pub code: String,
    /// `decline`, `refer` or `approve`.
    pub then: String,
    /// For people, by language.
    #[serde(default)]
    pub text: BTreeMap<String, String>,
}

/// How a field is computed that a request may leave out.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct DerivedInfo {
    /// `loan_amnt / person_income`
    pub formula: String,
    /// Decimals that the result is rounded to; `None` is not rounded.
    #[serde(default)]
    pub round: Option<u8>,
    /// What happens to a given value that contradicts the formula: `error` or `overwrite`.
    pub mismatch: String,
}

/// One field of a request.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Feature {
    /// Its key in a request.
    pub name: String,
    /// Whether it predicts.
    pub role: FeatureRole,
    /// What its values are.
    pub r#type: FeatureType,
    /// For people.
    #[serde(default)]
    pub label: String,
    /// For people.
    #[serde(default)]
    pub help: Option<String>,
    /// Of a number.
    #[serde(default)]
    pub unit: Option<String>,
    /// The least value.
    #[serde(default)]
    pub minimum: Option<serde_json::Number>,
    /// Values are above this.
    #[serde(default)]
    pub exclusive_minimum: Option<serde_json::Number>,
    /// The greatest value.
    #[serde(default)]
    pub maximum: Option<serde_json::Number>,
    /// Values are below this.
    #[serde(default)]
    pub exclusive_maximum: Option<serde_json::Number>,
    /// A value to show.
    #[serde(default)]
    pub example: Option<serde_json::Value>,
    /// Of a category, in the order of their codes.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// What happens when it is missing: `error`, or the policy that imputes it.
    #[serde(default)]
    pub missing: Option<String>,
    /// What happens to an unknown category.
    #[serde(default)]
    pub unknown: Option<String>,
    /// What happens to a number outside the range.
    #[serde(default)]
    pub out_of_range: Option<String>,
    /// The imputed value.
    #[serde(default)]
    pub imputed: Option<serde_json::Value>,
    /// How it is computed from other fields.
    #[serde(default)]
    pub derived: Option<DerivedInfo>,
}

/// What a feature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FeatureRole {
    /// It predicts.
    Input,
    /// It is recorded to audit fairness; the model does not see it, and rules only where the
    /// policy allows it.
    Protected,
    /// It may come, and is not looked at.
    Ignored,
    /// A role that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What the values of a feature are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FeatureType {
    /// Any finite number.
    Number,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// One of a list of texts.
    Category,
    /// A type that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One value of a category.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Category {
    /// As it is in a request.
    pub value: String,
    /// For people.
    #[serde(default)]
    pub label: String,
}

impl Description {
    /// The features that predict, in schema order: the columns of a batch.
    pub fn input_features(&self) -> impl Iterator<Item = &Feature> {
        self.features
            .iter()
            .filter(|feature| feature.role == FeatureRole::Input)
    }

    /// Their names.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.input_features().map(|feature| feature.name.as_str())
    }

    /// The features by name, to look for many. JSON, tables and tensors name them in any order.
    #[must_use]
    pub fn by_name(&self) -> HashMap<&str, &Feature> {
        let features = self.features.iter();
        features
            .map(|feature| (feature.name.as_str(), feature))
            .collect()
    }

    /// A rule's text in the first language; empty where it has none.
    #[must_use]
    pub fn text_of<'a>(&self, rule: &'a RuleInfo) -> &'a str {
        let first = self.languages.first();
        let text = first.and_then(|language| rule.text.get(language));
        text.map_or("", String::as_str)
    }

    /// Whether rules may decide by a protected feature. Its name in the text of a condition counts
    /// even where it is a part of another: one that decides is never left out.
    #[must_use]
    pub fn may_rules_use(&self, feature: &Feature) -> bool {
        // A name in backticks may have a backslash before any of its characters that needs one.
        let plain = |text: &str| text.replace('\\', "");
        feature.role == FeatureRole::Protected
            && self.policy.as_ref().is_some_and(|policy| {
                let name = plain(&feature.name);
                let is_named = |rule: &RuleInfo| plain(&rule.when).contains(&name);
                policy.allow_protected && policy.rules.iter().any(is_named)
            })
    }

    /// How many input and protected features there are, of one type or of any.
    #[must_use]
    pub fn count(&self, r#type: Option<FeatureType>) -> usize {
        let counts = |feature: &&Feature| {
            feature.role != FeatureRole::Ignored
                && r#type.is_none_or(|wanted| feature.r#type == wanted)
        };
        self.features.iter().filter(counts).count()
    }
}
