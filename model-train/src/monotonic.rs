//! Proving on a finished model that its probability follows a feature in one direction.
//!
//! What is proved: of two rows of the model's inputs that differ in that feature alone, and both
//! have a value for it, the one with the larger value never has the lower (or higher) score. A
//! missing value is neither larger nor smaller than another. A field that is derived from the
//! feature is held fixed: how it moves with it is not in the proof. Scores are sums in a fixed order, and
//! rounding a sum never changes which of two is larger, so it is enough to prove it of each
//! addend: of each weight, and of each tree. An ensemble's parts count by weights that are
//! never below 0, so that each part is proved for itself. The link and the calibration never
//! fall.

use std::collections::BTreeMap;

use model_core::forest::{Bins, Forest, Node, Tree};
use model_core::model::{Condition, Linear, Model, TermValue};
use model_core::schema::{Monotonic, Schema};

/// A model that does not follow a feature as its schema demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feature '{feature}': the model is not {} in it{place}", .direction.word())]
pub struct Violation {
    /// The feature.
    pub feature: String,
    /// What the schema demands.
    pub direction: Monotonic,
    place: String,
}

/// Proves every `monotonic` of the schema's inputs on a model.
///
/// A tree is proved leaf against leaf: wherever the leaves' regions can be told apart by a
/// larger value of the feature alone, their answers must be in order. That is exact: a tree
/// that is refused does have two such applicants.
///
/// # Errors
/// The first feature that the model does not follow.
pub fn prove(model: &Model, schema: &Schema) -> Result<(), Violation> {
    for (input, feature) in schema.inputs().enumerate() {
        let Some(direction) = feature.monotonic else {
            continue;
        };
        let fault = match model {
            Model::Linear(linear) => weight_fault(linear, input, direction),
            Model::Forest(forest) => forest_fault(forest, input, direction),
            Model::Ensemble(parts) => forest_fault(&parts.forest, input, direction)
                .or_else(|| weight_fault(&parts.linear, input, direction)),
        };
        if let Some(place) = fault {
            return Err(Violation {
                feature: feature.name.clone(),
                direction,
                place,
            });
        }
    }
    Ok(())
}

/// Whether the weight of a feature has the right sign, or is 0.
pub(crate) fn agrees(direction: Monotonic, weight: f64) -> bool {
    match direction {
        Monotonic::Increasing => weight >= 0.0,
        Monotonic::Decreasing => weight <= 0.0,
    }
}

/// What a missing value adds is free; what each cut below a value adds is not.
fn weight_fault(linear: &Linear, input: usize, direction: Monotonic) -> Option<String> {
    let mut terms = linear.terms.iter();
    let wrong_term = terms.any(|term| {
        usize::from(term.feature) == input
            && (term.value != TermValue::Itself || !agrees(direction, term.weight))
    });
    let mut indicators = linear.indicators.iter();
    let wrong_bin = indicators.any(|indicator| {
        usize::from(indicator.feature) == input
            && matches!(indicator.condition, Condition::Above(_))
            && !agrees(direction, indicator.weight)
    });
    (wrong_term || wrong_bin).then(|| ": its weight has the other sign".to_owned())
}

fn forest_fault(forest: &Forest, input: usize, direction: Monotonic) -> Option<String> {
    let mut trees = forest.trees.iter();
    let tree = trees.position(|tree| {
        let leaves = leaves(forest, tree, input);
        let out_of_order = |low: &Leaf, high: &Leaf| match direction {
            Monotonic::Increasing => low.value > high.value,
            Monotonic::Decreasing => low.value < high.value,
        };
        leaves.iter().any(|low| {
            (leaves.iter()).any(|high| out_of_order(low, high) && low.can_rise_to(high, input))
        })
    })?;
    Some(format!(": tree {tree} has leaves in the wrong order"))
}

/// A leaf, and the rows that reach it.
struct Leaf {
    value: f64,
    /// Features that are not here may have any value.
    regions: BTreeMap<usize, Region>,
}

/// The values of a feature with which a row passes the splits above.
#[derive(Clone)]
struct Region {
    values: Values,
    missing: bool,
}

#[derive(Clone)]
enum Values {
    /// Between cuts: bins from the first to the last, both included; none when they cross.
    Bins(u32, u32),
    /// Category codes, "other" included.
    Codes(Vec<bool>),
}

impl Leaf {
    /// Whether a row of this leaf can reach the other by a larger value of `input` alone.
    fn can_rise_to(&self, other: &Self, input: usize) -> bool {
        let rises = match (self.regions.get(&input), other.regions.get(&input)) {
            (Some(low), Some(high)) => low.starts_below(high),
            // Only leaves that some split on the feature leads to can differ by it.
            _ => false,
        };
        let others = self
            .regions
            .iter()
            .filter(|(feature, _)| **feature != input);
        rises
            && others.into_iter().all(|(feature, region)| {
                (other.regions.get(feature)).is_none_or(|other| region.meets(other))
            })
    }
}

impl Region {
    fn any(bins: &Bins) -> Self {
        let values = match bins {
            Bins::Cuts(cuts) => Values::Bins(0, cuts.len() as u32),
            Bins::Categories(count) => Values::Codes(vec![true; *count as usize + 1]),
        };
        Self {
            values,
            missing: true,
        }
    }

    /// What of it goes to one side of a split.
    fn side(&self, forest: &Forest, split: u32, missing_left: bool, left: bool) -> Self {
        let values = match &self.values {
            Values::Bins(first, last) if left => Values::Bins(*first, (*last).min(split)),
            Values::Bins(first, last) => Values::Bins((*first).max(split + 1), *last),
            Values::Codes(codes) => {
                let set = forest.category_sets.get(split as usize);
                let goes_left = |code: u32| set.is_some_and(|set| set.contains(code));
                let codes = (0..).zip(codes);
                Values::Codes(
                    codes
                        .map(|(code, in_it)| *in_it && goes_left(code) == left)
                        .collect(),
                )
            }
        };
        Self {
            values,
            missing: self.missing && missing_left == left,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let values = match (&self.values, &other.values) {
            (Values::Bins(a, b), Values::Bins(c, d)) => a.max(c) <= b.min(d),
            (Values::Codes(a), Values::Codes(b)) => a.iter().zip(b).any(|(a, b)| *a && *b),
            _ => false,
        };
        values || (self.missing && other.missing)
    }

    /// Whether some value of it is below some value of the other.
    fn starts_below(&self, other: &Self) -> bool {
        match (&self.values, &other.values) {
            (Values::Bins(a, b), Values::Bins(c, d)) => a <= b && c <= d && a <= d,
            (Values::Codes(a), Values::Codes(b)) => {
                // The last is "other", which has no place in the order.
                let listed = a.len() - 1;
                let first = a[..listed].iter().position(|code| *code);
                let last = b[..listed].iter().rposition(|code| *code);
                matches!((first, last), (Some(first), Some(last)) if first < last)
            }
            _ => false,
        }
    }
}

/// The leaves of a tree; all have a region for `input`.
fn leaves(forest: &Forest, tree: &Tree, input: usize) -> Vec<Leaf> {
    let mut all = BTreeMap::new();
    if let Some(bins) = forest.features.get(input) {
        all.insert(input, Region::any(bins));
    }
    let mut leaves = Vec::new();
    // What reaches the subtrees still to come; the last comes next.
    let mut pending = vec![all];
    for node in &tree.nodes {
        let Some(regions) = pending.pop() else { break };
        match *node {
            Node::Leaf { value, .. } => leaves.push(Leaf { value, regions }),
            Node::Split {
                feature,
                split,
                missing_left,
                ..
            } => {
                let feature = usize::from(feature);
                let Some(bins) = forest.features.get(feature) else {
                    break;
                };
                let region = regions.get(&feature).cloned();
                let region = region.unwrap_or_else(|| Region::any(bins));
                for left in [false, true] {
                    let mut regions = regions.clone();
                    regions.insert(feature, region.side(forest, split, missing_left, left));
                    pending.push(regions);
                }
            }
        }
    }
    leaves
}
