//! Boosted trees and a linear model whose log odds are added.

use super::linear::Linear;
use crate::forest::Forest;
use crate::link::Link;
use crate::schema::Schema;

/// Greatest weight of a part.
const MAX_PART_WEIGHT: f64 = 100.0;

/// `1 / (1 + exp(−(forest_weight · f + linear_weight · l)))`, where `f` and `l` are what the
/// parts apply their links to: log odds. Each product and the sum are rounded once, and since
/// rounding never changes which of two is larger and no weight is below 0, what rises in both
/// parts rises in the whole.
///
/// Both parts see the same inputs. What is missing goes its own way in each tree; the linear
/// part scales and bins for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// The trees. Their link is logistic, their values are log odds.
    pub forest: Forest,
    /// What their sum counts: 0 to 100.
    pub forest_weight: f64,
    /// The linear part. Its link is logistic.
    pub linear: Linear,
    /// What its sum counts: 0 to 100.
    pub linear_weight: f64,
}

impl Ensemble {
    pub(super) fn check(&self, schema: &Schema) -> Result<(), String> {
        super::check_forest(&self.forest, schema)?;
        self.linear.check(schema)?;
        if !self.forest.link.is_logistic() || self.linear.link != Link::Logistic {
            return Err("an ensemble adds log odds: both of its parts need a logistic link".into());
        }
        let weights = [self.forest_weight, self.linear_weight];
        if weights
            .iter()
            .all(|weight| (0.0..=MAX_PART_WEIGHT).contains(weight))
        {
            return Ok(());
        }
        Err("the weights of an ensemble's parts must be within 0 and 100".into())
    }

    /// The log odds from those of the parts, trees first.
    pub(super) fn margin(weights: [f64; 2], trees: f64, linear: f64) -> f64 {
        weights[0] * trees + weights[1] * linear
    }
}
