//! Models of the kinds that only format 3 stores.

use super::{forest, linear};
use model_core::artifact::Artifact;
use model_core::forest::{Aggregation, Link, Node};
use model_core::model::{Condition, Ensemble, Indicator, Linear, Model, ModelKind};
use model_core::schema::{Missing, Schema};

/// A linear model as [`linear`], with an indicator for each input that may stay missing and
/// three bins for each number; every weight differs.
pub(crate) fn binned(toml: &str) -> Artifact {
    let mut artifact = linear(toml);
    if let Model::Linear(linear) = &mut artifact.model {
        linear.indicators = indicators(&artifact.schema);
    }
    artifact
}

/// The trees of [`forest`], scaled to log odds and added by groups, and the linear model of
/// [`binned`].
pub(crate) fn ensemble(toml: &str) -> Artifact {
    let mut artifact = forest(toml);
    if let (Model::Forest(mut forest), Model::Linear(linear)) =
        (artifact.model.clone(), binned(toml).model)
    {
        forest.aggregation = Aggregation::GroupedSum;
        forest.link = Link::Logistic;
        forest.base = -0.35;
        for node in forest.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
            if let Node::Leaf { value, .. } = node {
                *value = (*value - 0.45) / 3.0;
            }
        }
        artifact.model = Model::Ensemble(Box::new(Ensemble {
            forest,
            forest_weight: 0.8,
            linear,
            linear_weight: 0.45,
        }));
    }
    artifact.kind = ModelKind::BoostingAndLinear;
    artifact
}

/// The linear model or the linear part.
pub(crate) fn linear_of(artifact: &mut Artifact) -> Option<&mut Linear> {
    match &mut artifact.model {
        Model::Linear(linear) => Some(linear),
        Model::Ensemble(ensemble) => Some(&mut ensemble.linear),
        Model::Forest(_) => None,
    }
}

fn indicators(schema: &Schema) -> Vec<Indicator> {
    let mut indicators = Vec::new();
    for (index, feature) in schema.inputs().enumerate() {
        let mut add = |condition, weight| {
            indicators.push(Indicator {
                feature: index as u16,
                condition,
                weight,
            });
        };
        if let Some(range) = feature.range() {
            let lower = range.lower.map_or(-100.0, |bound| bound.value);
            let upper = range.upper.map_or(lower + 200.0, |bound| bound.value);
            for (nth, part) in [0.2, 0.4, 0.7].into_iter().enumerate() {
                let cut = lower + (upper - lower) * part;
                add(
                    Condition::Above(cut),
                    0.11 - 0.013 * (index + 5 * nth) as f64,
                );
            }
        }
        if feature.missing == Missing::Native {
            add(Condition::Missing, 0.17 - 0.031 * index as f64);
        }
    }
    indicators
}
