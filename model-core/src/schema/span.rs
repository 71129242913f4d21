//! The numbers that a feature's value may be, for the tools that check rules.

use super::{Bound, Feature, FeatureKind};
use crate::expression::Span;
use crate::literal::MAX_EXACT;

impl Feature {
    /// The numbers that a feature's value may be after its policies, in the model's terms.
    #[must_use]
    pub fn span(&self) -> Span {
        let (range, is_whole) = match &self.kind {
            FeatureKind::Number(range) => (range, false),
            FeatureKind::Integer(range) => (range, true),
            FeatureKind::Boolean => return Span::new(0.0, 1.0),
            FeatureKind::Category(categories) => {
                return Span::new(0.0, categories.values.len() as f64);
            }
        };
        let most = if is_whole { MAX_EXACT } else { f64::MAX };
        let inner = |bound: Bound, next: fn(f64) -> f64, step: f64| match bound.exclusive {
            true if is_whole => bound.value + step,
            true => next(bound.value),
            false => bound.value,
        };
        Span::new(
            range.lower.map_or(-most, |b| inner(b, f64::next_up, 1.0)),
            range.upper.map_or(most, |b| inner(b, f64::next_down, -1.0)),
        )
    }
}
