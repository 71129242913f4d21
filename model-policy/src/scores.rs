//! Which probabilities a model can give at all.

use model_core::artifact::Artifact;
use model_core::forest::{Forest, Link, NaiveForest, Node, Tree};
use model_core::model::{Condition, Linear, Model, Term, TermValue};
use model_core::schema::{Feature, FeatureKind, Missing, Schema};

/// The probabilities that the model can give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// The lowest, 0 to 1.
    pub lowest: f64,
    /// The highest, 0 to 1.
    pub highest: f64,
}

/// Room for the rounding of exponentials and calibration, far above what they can amount to.
const SLACK: f64 = 1e-7;
/// Bounds are widened to so many parts of 1.
const PARTS: f64 = 1e4;
/// Values of one input that are tried; with more turns its addends count as independent.
const MAX_VALUES: usize = 4096;
/// Log odds far beyond the last that differ from 0 or 1.
const MAX_MARGIN: f64 = 1e300;

impl Scores {
    /// Those of a model that is not known.
    pub const ANY: Self = Self {
        lowest: 0.0,
        highest: 1.0,
    };

    /// Bounds of what a model gives for applications that its schema accepts, to four
    /// decimals outwards: the sum of each tree's least and of its greatest leaf, of each
    /// input's least and greatest addend in a linear model, through link and calibration. No
    /// application has a probability outside; that one reaches a bound is not said, since one
    /// application seldom gets the extreme of every part.
    #[must_use]
    pub fn of_model(artifact: &Artifact) -> Self {
        let [lowest, highest] = bounds(artifact).unwrap_or([0.0, 1.0]);
        let calibrated = |probability: f64| artifact.calibration.apply(probability.clamp(0.0, 1.0));
        Self {
            lowest: outwards(calibrated(lowest - SLACK) - SLACK, f64::floor),
            highest: outwards(calibrated(highest + SLACK) + SLACK, f64::ceil),
        }
    }
}

fn outwards(probability: f64, round: fn(f64) -> f64) -> f64 {
    (round(probability * PARTS) / PARTS).clamp(0.0, 1.0)
}

/// What the model can give before its calibration; `None` for a forest that is not sound.
fn bounds(artifact: &Artifact) -> Option<[f64; 2]> {
    match &artifact.model {
        Model::Linear(linear) => {
            Some(margins(linear, &artifact.schema).map(|margin| linear.link.apply(margin)))
        }
        Model::Forest(forest) => of_forest(forest, forest.link),
        Model::Ensemble(ensemble) => {
            let trees = of_forest(&ensemble.forest, Link::Identity)?;
            let linear = margins(&ensemble.linear, &artifact.schema);
            let weights = [ensemble.forest_weight, ensemble.linear_weight];
            let ends = [0, 1].map(|end| {
                (ensemble.forest.link).apply(weights[0] * trees[end] + weights[1] * linear[end])
            });
            Some(ends)
        }
    }
}

/// What a forest gives where every tree gives its least leaf, and its greatest. The sums are
/// those of the forest itself in its own order, and rounding never changes which of two is
/// larger: no row gets outside.
fn of_forest(forest: &Forest, link: Link) -> Option<[f64; 2]> {
    let with = |better: fn(f64, f64) -> f64| {
        let leaf = |tree: &Tree| {
            let leaves = tree.nodes.iter().filter_map(|node| match node {
                Node::Leaf { value, .. } => Some(*value),
                Node::Split { .. } => None,
            });
            let value = leaves.reduce(better)?;
            Some(Tree {
                nodes: vec![Node::Leaf { value, count: 0 }],
            })
        };
        let stump = Forest {
            features: forest.features.clone(),
            category_sets: Vec::new(),
            trees: forest.trees.iter().map(leaf).collect::<Option<_>>()?,
            aggregation: forest.aggregation,
            base: forest.base,
            link,
        };
        Some(NaiveForest::new(&stump).ok()?.predict(&[]))
    };
    Some([with(f64::min)?, with(f64::max)?])
}

/// The least and the greatest sum of a linear model.
fn margins(linear: &Linear, schema: &Schema) -> [f64; 2] {
    let mut ends = [linear.intercept; 2];
    let mut magnitude = linear.intercept.abs();
    for (input, feature) in schema.inputs().enumerate() {
        let addends = Addends::new(linear, input, feature);
        let own = addends.ends();
        ends = [ends[0] + own[0], ends[1] + own[1]];
        magnitude += addends.magnitude();
    }
    // The model adds the same numbers in another order. Each sum rounds by at most half a unit
    // in the last place of what is added up in magnitude.
    let count = linear.terms.len() + linear.indicators.len() + schema.features.len();
    let rounding = magnitude * f64::EPSILON * count as f64;
    [ends[0] - rounding, ends[1] + rounding].map(|end| end.clamp(-MAX_MARGIN, MAX_MARGIN))
}

/// What a linear model adds for one input.
struct Addends {
    /// The terms and indicators of the input alone, which is its only one.
    linear: Linear,
    /// Among these values are those with the least and the greatest sum.
    values: Vec<f64>,
}

impl Addends {
    fn new(linear: &Linear, input: usize, feature: &Feature) -> Self {
        let mut own = Linear {
            terms: linear.terms.clone(),
            intercept: 0.0,
            link: Link::Identity,
            indicators: linear.indicators.clone(),
        };
        own.terms.retain(|term| usize::from(term.feature) == input);
        own.terms.iter_mut().for_each(|term| term.feature = 0);
        own.indicators
            .retain(|indicator| usize::from(indicator.feature) == input);
        own.indicators.iter_mut().for_each(|one| one.feature = 0);
        Self {
            values: turns(&own, feature),
            linear: own,
        }
    }

    fn ends(&self) -> [f64; 2] {
        let itself = |term: &&Term| term.value == TermValue::Itself;
        // Two slopes may turn where one of them reaches its limit.
        if self.linear.terms.iter().filter(itself).count() > 1 || self.values.len() > MAX_VALUES {
            let magnitude = self.magnitude();
            return [-magnitude, magnitude];
        }
        let sums = self.values.iter().map(|v| self.linear.margin(&[*v], 1, 0));
        sums.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], sum| {
            [low.min(sum), high.max(sum)]
        })
    }

    /// A bound of the magnitudes of all addends together.
    fn magnitude(&self) -> f64 {
        let of_terms = self.linear.terms.iter().map(|term| {
            let alone = Linear {
                terms: vec![*term],
                intercept: 0.0,
                link: Link::Identity,
                indicators: Vec::new(),
            };
            let sums = self.values.iter().map(|v| alone.margin(&[*v], 1, 0).abs());
            sums.fold(0.0, f64::max)
        });
        let of_indicators = self.linear.indicators.iter().map(|one| one.weight.abs());
        of_terms.chain(of_indicators).sum()
    }
}

/// The values of an input at which its sum may be least or greatest: the ends of its range,
/// the cuts, between which it only rises or only falls, and every category.
fn turns(linear: &Linear, feature: &Feature) -> Vec<f64> {
    let span = feature.span();
    let mut values = vec![span.low, span.high];
    match feature.missing {
        Missing::Native => values.push(f64::NAN),
        Missing::Zero => values.push(0.0),
        _ => {}
    }
    if let FeatureKind::Category(categories) = &feature.kind {
        // The code after the last is none of them.
        values.extend((0..=categories.values.len()).map(|code| code as f64));
    }
    let cuts = linear
        .indicators
        .iter()
        .filter_map(|indicator| match indicator.condition {
            Condition::Above(cut) => Some(cut),
            Condition::Missing => None,
        });
    let inside = cuts.flat_map(|cut| [cut, cut.next_up()]);
    values.extend(inside.filter(|cut| span.low <= *cut && *cut <= span.high));
    values
}
