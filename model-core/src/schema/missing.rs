//! What means "missing" beside what is not there at all.

use super::Feature;
use crate::decimal;

/// Texts that mean "missing", besides the empty one. Those that are numbers, such as -9 or 999,
/// mean it of a number or integer in whatever form it comes: they are compared by value.
///
/// ```
/// use model_core::schema::MissingValues;
///
/// let missing = MissingValues::from(vec!["NA".to_owned(), "999".to_owned()]);
/// assert!(missing.has_text("NA") && missing.has_number(999.0));
/// assert!(missing.has_number_text("9.99e2") && !missing.has_text("9.99e2"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MissingValues {
    texts: Vec<String>,
    /// Those of the texts that are finite numbers.
    numbers: Vec<f64>,
}

impl From<Vec<String>> for MissingValues {
    fn from(texts: Vec<String>) -> Self {
        let numbers = texts.iter().filter_map(|text| decimal::parse(text));
        Self {
            numbers: numbers.filter(|number| number.is_finite()).collect(),
            texts,
        }
    }
}

impl MissingValues {
    /// The texts, in the order of the file.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The numbers among them.
    #[must_use]
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// Whether a text without white space around it is one of them as it is written.
    #[must_use]
    pub fn has_text(&self, text: &str) -> bool {
        self.texts.iter().any(|missing| missing == text)
    }

    /// The same of a text that a feature is given; for a number or integer also however the
    /// number is written.
    #[must_use]
    pub fn has_text_of(&self, feature: &Feature, text: &str) -> bool {
        self.has_text(text) || (feature.range().is_some() && self.has_number_text(text))
    }

    /// Whether a number is one of them.
    #[must_use]
    #[inline]
    pub fn has_number(&self, number: f64) -> bool {
        !self.numbers.is_empty() && self.lists(number)
    }

    /// Whether a text is a number that is one of them, however it is written.
    #[must_use]
    #[inline]
    pub fn has_number_text(&self, text: &str) -> bool {
        !self.numbers.is_empty() && self.lists_text(text)
    }

    /// Whether some of the numbers are among these.
    #[inline]
    pub(crate) fn are_among(&self, numbers: &[f64]) -> bool {
        !self.numbers.is_empty() && self.some_are_among(numbers)
    }

    // Most models list no number: what looks for them is not inlined, for the module's size.
    #[inline(never)]
    fn some_are_among(&self, numbers: &[f64]) -> bool {
        let is_among = |listed: &f64| numbers.iter().fold(false, |is, x| is | (x == listed));
        self.numbers.iter().any(is_among)
    }

    #[inline(never)]
    fn lists_text(&self, text: &str) -> bool {
        decimal::parse(text).is_some_and(|number| self.lists(number))
    }

    #[inline(never)]
    fn lists(&self, number: f64) -> bool {
        self.numbers.contains(&number)
    }
}
