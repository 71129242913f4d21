//! The schema: what an application may contain, and what happens to a value that is
//! missing, unknown or out of range. Its TOML form is described in `docs/reference/schema.md`.
//!
//! # Example
//!
//! ```
//! use model_core::schema::{Schema, SchemaError};
//!
//! let schema = Schema::from_toml(
//!     r#"
//! name = "loans"
//! version = "1.0.0"
//!
//! [[feature]]
//! name = "income"
//! type = "number"
//! minimum = 0
//! missing = "impute"
//!
//! [[feature]]
//! name = "default"    # the bad event: approve where it is false
//! type = "boolean"
//! role = "target"
//! positive = false
//! "#,
//! )?;
//! assert_eq!(schema.inputs().count(), 1);
//! assert_eq!(schema.target.kind.outcome("no"), Some(true));
//!
//! let error = Schema::from_toml("name = \"loans\"\nversion = 1").unwrap_err();
//! assert_eq!(error.line, 2);
//! # Ok::<(), SchemaError>(())
//! ```

mod actionable;
mod check;
mod derived;
mod languages;
mod missing;
mod names;
mod nearest;
mod read;
mod reasons;
mod sample;
mod span;
mod stored;
mod target;
mod words;

pub use actionable::{Actionable, Direction, MAX_CHOICES, MAX_STEPS};
pub use check::SchemaProblem;
pub(crate) use derived::mismatch_message;
pub use derived::{Derived, Mismatch};
pub use languages::Translation;
pub use missing::MissingValues;
pub use names::{Names, Purpose};
pub use read::{Coding, SchemaError, SchemaFile};
pub use reasons::{Compare, Reasons, Variant, When};
pub use sample::SampleRole;
pub use target::Outcomes;

use bincode::{Decode, Encode};
use serde::Deserialize;

use crate::literal::boolean_word;

/// Features a schema may have, the target included.
pub const MAX_FEATURES: usize = 1000;
/// Categories a feature may have.
pub const MAX_CATEGORIES: usize = 1000;

/// A checked description of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The model's name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The model's version: digits separated by dots.
    pub version: String,
    /// What people call it.
    pub title: Option<String>,
    /// One sentence about it.
    pub description: Option<String>,
    /// How many values policies may fill in or change before an application is refused.
    pub max_adjustments: Option<u32>,
    /// Texts that mean "missing", besides the empty one.
    pub missing_values: MissingValues,
    /// Every feature but the target, in the order of the file.
    pub features: Vec<Feature>,
    /// What is learned and answered.
    pub target: Target,
    /// The languages of texts, at least one, such as `en`; a text always has the first.
    pub languages: Vec<String>,
    /// How reasons are chosen and worded.
    pub reasons: Reasons,
    /// Its own texts and its target's in the languages after the first, in their order; empty
    /// where there are none: title, description, and the labels of the two outcomes, the
    /// negative one first, as label, help and category labels.
    pub translations: Vec<Translation>,
}

/// One column of the data, one field of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// The column and the JSON field.
    pub name: String,
    /// What forms and reports call it.
    pub label: Option<String>,
    /// A hint for the person who fills in the form.
    pub help: Option<String>,
    /// The unit of a number, as people write it.
    pub unit: Option<String>,
    /// The form's first value and the API's example.
    pub example: Option<Example>,
    /// Whether the model may see it.
    pub role: Role,
    /// What it says about a row of the training data, where it does; its role is then
    /// [`Role::Ignored`].
    pub sample: Option<SampleRole>,
    /// Its type, with what belongs to that type.
    pub kind: FeatureKind,
    /// What happens when it is missing.
    pub missing: Missing,
    /// How the probability must follow it. An artifact keeps it among its
    /// [`details`](crate::details::Details), not here.
    pub monotonic: Option<Monotonic>,
    /// How it is computed from other inputs, where it is.
    pub derived: Option<Box<Derived>>,
    /// Its texts in the schema's languages after the first, in their order; empty where there
    /// are none.
    pub translations: Vec<Translation>,
    /// What an applicant may change about it.
    pub actionable: Option<Box<Actionable>>,
}

/// How the probability of a yes must follow a feature, all other inputs being equal, derived
/// ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotonic {
    /// A larger value never lowers it.
    Increasing,
    /// A larger value never raises it.
    Decreasing,
}

/// What a feature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
pub enum Role {
    /// Used to predict.
    Input,
    /// Accepted and kept for audits, never used to predict.
    Protected,
    /// Accepted, never used.
    Ignored,
}

/// The type of a feature.
#[derive(Debug, Clone, PartialEq, Encode)]
pub enum FeatureKind {
    /// A finite number.
    Number(Range),
    /// A whole number within ±2^53.
    Integer(Range),
    /// Yes or no.
    Boolean,
    /// One of a list of texts.
    Category(Categories),
}

/// The numbers a feature may take.
#[derive(Debug, Clone, Copy, PartialEq, Default, Encode)]
pub struct Range {
    /// The lowest.
    pub lower: Option<Bound>,
    /// The highest.
    pub upper: Option<Bound>,
    /// What happens outside.
    pub policy: OutOfRange,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Encode)]
pub struct Bound {
    /// Where it is.
    pub value: f64,
    /// Whether the value itself is outside.
    pub exclusive: bool,
}

/// The texts a feature may take.
#[derive(Debug, Clone, PartialEq, Encode)]
pub struct Categories {
    /// In the order of the file; a value's code is its index.
    pub values: Vec<String>,
    /// What forms show for each, in the same order.
    pub labels: Vec<String>,
    /// How a linear model sees them.
    pub encoding: Encoding,
    /// What happens to another text.
    pub unknown: Unknown,
}

/// How categories become numbers where a model wants numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A column of 0 and 1 for each category.
    #[default]
    OneHot,
    /// One column: the index in the list.
    Ordinal,
}

/// What happens to a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The application is refused.
    #[default]
    Error,
    /// The median of the training rows; for booleans and categories the most frequent.
    Impute,
    /// 0, or false.
    Zero,
    /// The most frequent of the training rows.
    MostFrequent,
    /// No category at all.
    Other,
    /// Stays missing: trees learned which way it goes, a linear model what it is worth.
    Native,
}

/// What happens to a category that is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The application is refused.
    #[default]
    Error,
    /// The most frequent of the training rows.
    MostFrequent,
    /// No category at all.
    Other,
}

/// What happens to a number outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfRange {
    /// The application is refused.
    #[default]
    Error,
    /// The nearer end of the range.
    Clamp,
    /// The median of the training rows.
    Impute,
}

/// An example value, in the feature's own type.
#[derive(Debug, Clone, PartialEq, Encode)]
pub enum Example {
    /// Of a boolean.
    Boolean(bool),
    /// Of a number or integer.
    Number(f64),
    /// Of a category.
    Text(String),
}

/// What the model learns and answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The column.
    pub name: String,
    /// How its values read.
    pub kind: TargetKind,
    /// What the decision 1 is called, such as "Approved".
    pub positive_label: String,
    /// What the decision 0 is called, such as "Rejected".
    pub negative_label: String,
    /// What the outcomes are called; `None` in artifacts that were made before outcomes had
    /// names. [`Target::outcome_label`] answers for both.
    pub outcomes: Option<Outcomes>,
}

/// The two values of a target, and which of them is the positive outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetKind {
    /// Boolean words.
    Boolean {
        /// The value that is the positive outcome: `false` where the column names the bad
        /// event, such as a default.
        positive: bool,
    },
    /// Two texts.
    Category {
        /// The positive outcome.
        positive: String,
        /// The negative outcome.
        negative: String,
    },
}

impl Schema {
    /// Reads and checks the TOML form. [`SchemaFile::from_toml`] says what is incomplete, too.
    ///
    /// # Errors
    /// Names the line, what was expected and what came.
    pub fn from_toml(text: &str) -> Result<Self, SchemaError> {
        SchemaFile::from_toml(text).map(|file| file.schema)
    }

    /// Checks what the types alone do not say; an artifact's schema passes through here too.
    ///
    /// # Errors
    /// Names the feature and the key.
    pub fn check(&self) -> Result<(), SchemaProblem> {
        check::check(self)
    }

    /// The features that the model sees, in schema order.
    pub fn inputs(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|f| f.role == Role::Input)
    }
}

impl Feature {
    /// The label, or the name where there is none.
    #[must_use]
    pub fn display_label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// The range of a number or integer.
    #[must_use]
    pub fn range(&self) -> Option<&Range> {
        match &self.kind {
            FeatureKind::Number(range) | FeatureKind::Integer(range) => Some(range),
            FeatureKind::Boolean | FeatureKind::Category(_) => None,
        }
    }

    /// The categories, where it has some.
    #[must_use]
    pub fn categories(&self) -> Option<&Categories> {
        match &self.kind {
            FeatureKind::Category(categories) => Some(categories),
            FeatureKind::Number(_) | FeatureKind::Integer(_) | FeatureKind::Boolean => None,
        }
    }
}

impl TargetKind {
    /// Whether a text of the target's column is the positive outcome; `None` when it is
    /// neither outcome. The text is not missing and has no white space around it.
    #[must_use]
    pub fn outcome(&self, text: &str) -> Option<bool> {
        match self {
            Self::Boolean { positive } => boolean_word(text).map(|value| value == *positive),
            Self::Category { positive, .. } if text == positive => Some(true),
            Self::Category { negative, .. } if text == negative => Some(false),
            Self::Category { .. } => None,
        }
    }

    /// The text of the negative outcome, then that of the positive one; `false` and `true`
    /// stand for all boolean words.
    #[must_use]
    pub fn texts(&self) -> [&str; 2] {
        match self {
            Self::Boolean { positive: true } => ["false", "true"],
            Self::Boolean { positive: false } => ["true", "false"],
            Self::Category { positive, negative } => [negative, positive],
        }
    }
}
