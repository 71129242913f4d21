//! What a model says of itself (`abi_describe`, `docs/reference/module-abi.md`), as far as a host needs it.

use serde::{Deserialize, Serialize};

/// A model's description.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// Which model it is.
    pub model: ModelInfo,
    /// The probability from which the answer is yes, 0 to 1.
    #[serde(default)]
    pub threshold: f64,
    /// How many values of a request may be filled in or changed; `None` is any number.
    #[serde(default)]
    pub max_adjustments: Option<u32>,
    /// What the two answers are called.
    #[serde(default)]
    pub target: Target,
    /// Inputs, protected and ignored features, in schema order.
    pub features: Vec<Feature>,
}

/// A model's name plate. As JSON it is what every decision carries as `model`.
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
    /// What an API is called that this model answers: `Loan Approval API`.
    #[must_use]
    pub fn api_name(&self) -> String {
        let title = match self.title.as_str() {
            "" => &self.name,
            title => title,
        };
        format!("{title} API")
    }
}

/// What is decided.
#[derive(Debug, Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct Target {
    /// `Approved`
    pub positive_label: String,
    /// `Rejected`
    pub negative_label: String,
}

/// One field of a request.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Feature {
    /// Its key in a request.
    pub name: String,
    /// `input`, `protected` or `ignored`.
    pub role: String,
    /// `number`, `integer`, `boolean` or `category`.
    pub r#type: String,
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
    /// What happens when it is left out: `error` or a policy that fills it in.
    #[serde(default)]
    pub missing: Option<String>,
    /// What happens to an unknown category.
    #[serde(default)]
    pub unknown: Option<String>,
    /// What happens to a number outside the range.
    #[serde(default)]
    pub out_of_range: Option<String>,
    /// What is filled in.
    #[serde(default)]
    pub imputed: Option<serde_json::Value>,
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
    /// The features that predict, in schema order: the rows of a batch.
    pub fn input_features(&self) -> impl Iterator<Item = &Feature> {
        self.features
            .iter()
            .filter(|feature| feature.role == "input")
    }

    /// Their names.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.input_features().map(|feature| feature.name.as_str())
    }

    /// How many features a request may hold that mean something: inputs and protected ones,
    /// of one type, or of any.
    #[must_use]
    pub fn count(&self, r#type: Option<&str>) -> usize {
        let counts = |feature: &&Feature| {
            feature.role != "ignored" && r#type.is_none_or(|wanted| feature.r#type == wanted)
        };
        self.features.iter().filter(counts).count()
    }
}
