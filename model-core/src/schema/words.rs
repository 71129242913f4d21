//! The words of the TOML form, which answers and descriptions use too.

use super::{FeatureKind, Missing, Monotonic, OutOfRange, Role, Unknown};

impl Monotonic {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Decreasing => "decreasing",
        }
    }
}

impl FeatureKind {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Integer(_) => "integer",
            Self::Boolean => "boolean",
            Self::Category(_) => "category",
        }
    }
}

impl Role {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Protected => "protected",
            Self::Ignored => "ignored",
        }
    }
}

impl Missing {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Impute => "impute",
            Self::Zero => "zero",
            Self::MostFrequent => "most_frequent",
            Self::Other => "other",
            Self::Native => "native",
        }
    }
}

impl Unknown {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::MostFrequent => "most_frequent",
            Self::Other => "other",
        }
    }
}

impl OutOfRange {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Clamp => "clamp",
            Self::Impute => "impute",
        }
    }
}
