//! What a file leaves open and its owner has to say.

use crate::error::{ImportError, unsupported};
use crate::source::Library;

/// What a file leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// What makes the sum of an objective of its own a probability.
    pub link: Option<Link>,
    /// XGBoost: the number that meant missing in training, beside NaN.
    pub missing: Option<f64>,
    /// XGBoost: which trees decide.
    pub trees: TreeRange,
}

/// What makes a sum a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Nothing: it is one.
    Identity,
    /// `1 / (1 + exp(-x))`
    Logistic,
}

impl Link {
    /// The word used in commands.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Logistic => "logistic",
        }
    }
}

/// Which trees of a file decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TreeRange {
    /// Up to the best iteration where training stopped early, as `XGBClassifier` predicts.
    #[default]
    Best,
    /// All, as `Booster.predict` does.
    All,
}

impl Options {
    /// Refuses options that mean nothing for a library.
    pub(crate) fn check(&self, library: Library) -> Result<(), ImportError> {
        let name = library.name();
        if library == Library::Sklearn && self.link.is_some() {
            return Err(unsupported(format!(
                "--link: a file of {name} says how a sum becomes a probability: leave it out"
            )));
        }
        if self.missing.is_some_and(|missing| !missing.is_finite()) {
            return Err(unsupported("--missing: expected a finite number"));
        }
        Ok(())
    }
}
