//! What a model's margin is added up from.

use super::{Linear, Model};
use crate::forest::Forest;

/// The trees and the weighted sum of a model, with what each counts in the margin.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'m> {
    /// The trees, where there are any.
    pub forest: Option<&'m Forest>,
    /// What the forest's margin counts; 0 without one.
    pub forest_weight: f64,
    /// The weighted sum, where there is one.
    pub linear: Option<&'m Linear>,
    /// What the weighted sum counts; 0 without one.
    pub linear_weight: f64,
}

impl Model {
    /// The parts of the model: their margins times their weights add up to its margin.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        let (forest, forest_weight, linear, linear_weight) = match self {
            Self::Linear(linear) => (None, 0.0, Some(linear), 1.0),
            Self::Forest(forest) => (Some(forest), 1.0, None, 0.0),
            Self::Ensemble(ensemble) => (
                Some(&ensemble.forest),
                ensemble.forest_weight,
                Some(&ensemble.linear),
                ensemble.linear_weight,
            ),
        };
        Parts {
            forest,
            forest_weight,
            linear,
            linear_weight,
        }
    }
}

impl Parts<'_> {
    /// What the value of a leaf counts in the margin; 0 without trees.
    #[must_use]
    pub fn leaf_weight(&self) -> f64 {
        self.forest.map_or(0.0, |forest| {
            forest
                .aggregation
                .apply(self.forest_weight, forest.trees.len())
        })
    }
}
