//! Whether the imported model answers as the library did.

use crate::error::ImportError;
use crate::forest::Outcome;
use crate::source::{Form, Library, Source};

/// What was compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// Rows that were compared.
    pub rows: usize,
    /// The largest difference between two probabilities.
    pub largest_difference: f64,
    /// How much was allowed, in words.
    pub allowed: &'static str,
}

/// How much probabilities may differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    library: Library,
    outcome: Outcome,
    /// Whether the library's own answer may lie outside 0 and 1.
    clamps: bool,
}

/// XGBoost adds and takes exponentials in single precision.
const XGBOOST: f64 = 5e-7;
/// scikit-learn adds in double precision, in an order of its own.
const SKLEARN: f64 = 1e-12;

impl Check {
    pub(crate) fn new(source: &Source, outcome: Outcome) -> Self {
        let logistic = match &source.form {
            Form::Trees(trees) => trees.logistic,
            Form::Linear(weights) => weights.logistic,
        };
        Self {
            library: source.library,
            outcome,
            clamps: !logistic,
        }
    }

    /// The bound in words.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        match self.library {
            Library::LightGbm => "2 ulp",
            Library::XgBoost => "5e-7",
            Library::Sklearn => "1e-12",
        }
    }

    /// The difference of our probability from what is expected, and how much is allowed.
    pub(crate) fn difference(self, expected: f64, ours: f64) -> (f64, f64) {
        let expected = if self.clamps {
            expected.clamp(0.0, 1.0)
        } else {
            expected
        };
        let (same, rounding) = match self.outcome {
            Outcome::Positive => (expected, 0.0),
            // The complement is rounded once more.
            Outcome::Negative => (1.0 - expected, ulp(1.0 - expected) + 2.0 * ulp(expected)),
        };
        let allowed = match self.library {
            Library::LightGbm => 2.0 * ulp(same.max(ours)) + rounding,
            Library::XgBoost => XGBOOST,
            Library::Sklearn => SKLEARN,
        };
        ((ours - same).abs(), allowed)
    }

    /// Compares all rows; `lines` are where they stand.
    ///
    /// # Errors
    /// When a row differs by more than is allowed.
    pub(crate) fn compare(
        self,
        expected: &[f64],
        ours: &[f64],
        lines: &[u64],
        adjusted: &[String],
    ) -> Result<f64, ImportError> {
        let (mut largest, mut worst, mut wrong) = (0.0, None, 0);
        for (row, (expected, ours)) in expected.iter().zip(ours).enumerate() {
            let (difference, allowed) = self.difference(*expected, *ours);
            let is_wrong = difference > allowed || difference.is_nan();
            wrong += usize::from(is_wrong);
            if difference > largest || difference.is_nan() {
                largest = difference;
                worst = is_wrong.then_some(row).or(worst);
            }
            if is_wrong && worst.is_none() {
                worst = Some(row);
            }
        }
        let Some(row) = worst else {
            return Ok(largest);
        };
        let (of, rows, line) = (wrong, expected.len(), lines[row]);
        let theirs = match self.outcome {
            Outcome::Positive => ours[row],
            Outcome::Negative => 1.0 - ours[row],
        };
        let hint = match adjusted {
            [] => "check that the file, the options and the rows are of the same model".to_owned(),
            changed => format!(
                "the schema's policies changed values of {}",
                changed.join(", ")
            ),
        };
        Err(ImportError::Differs(format!(
            "the imported model answers {of} of {rows} check rows otherwise than {}: line {line} expects {}, it gives {theirs} (allowed: {}); nothing was written; {hint}",
            self.library.name(),
            expected[row],
            self.allowed()
        )))
    }
}

/// The distance of a number from 0 to 1 to the next one.
fn ulp(x: f64) -> f64 {
    let x = x.abs().max(f64::MIN_POSITIVE);
    x.next_up() - x
}
