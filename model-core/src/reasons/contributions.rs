//! What each input of an application contributes to its margin.

use super::codes::coded;
use super::patterns::Patterns;
use super::profiles::Profiles;
use super::shares::Shares;
use super::walk::{FREE, Walk};
use crate::forest::{Forest, right_children};
use crate::model::{Linear, Model, Predictor};

/// How trees are evaluated; the contributions agree but for rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A walk over every tree with every profile: the reference.
    Walk,
    /// Tables for trees of at most 64 leaves, the walk for the others.
    Tables,
}

/// Compares applications with profiles.
#[derive(Debug)]
pub struct Explainer {
    /// The weighted mean margin of the profiles.
    base: f64,
    /// What each input adds to the linear part's sum, in the profiles' weighted mean.
    linear_base: Vec<f64>,
    /// The codes of each profile and its weight; empty without trees.
    profiles: Vec<(Vec<u32>, f64)>,
    patterns: Patterns,
    /// Trees that are walked, as indices, each with the right children of its splits.
    walked: Vec<(usize, Vec<usize>)>,
    shares: Shares,
    codes: Vec<u32>,
    needs: Vec<u8>,
}

impl Explainer {
    /// Builds what every explanation needs. The profiles were checked against the schema;
    /// the predictor is the model's.
    #[must_use]
    pub fn new(model: &Model, predictor: &mut Predictor, profiles: &Profiles, way: Way) -> Self {
        let margins = profiles.rows();
        let base = margins.fold(0.0, |base, (row, weight)| {
            base + weight * predictor.margin_row(row)
        });
        let inputs = profiles.rows().next().map_or(0, |(row, _)| row.len());
        let mut explainer = Self {
            base,
            linear_base: vec![0.0; inputs],
            profiles: Vec::new(),
            patterns: Patterns::default(),
            walked: Vec::new(),
            shares: Shares::new(),
            codes: Vec::new(),
            needs: vec![FREE; inputs],
        };
        let (forest, linear) = parts(model);
        if let Some((linear, weight)) = linear {
            for (row, of_profile) in profiles.rows() {
                linear.add_parts(row, weight * of_profile, &mut explainer.linear_base);
            }
        }
        if let Some((forest, _)) = forest {
            explainer.take_forest(forest, profiles, way);
        }
        explainer
    }

    fn take_forest(&mut self, forest: &Forest, profiles: &Profiles, way: Way) {
        for (row, weight) in profiles.rows() {
            let mut codes = Vec::new();
            coded(forest, row, &mut codes);
            self.profiles.push((codes, weight));
        }
        for (index, tree) in forest.trees.iter().enumerate() {
            let right = right_children(&tree.nodes);
            let added =
                way == Way::Tables && self.patterns.add(forest, tree, &right, &self.profiles);
            if !added {
                self.walked.push((index, right));
            }
        }
    }

    /// The weighted mean margin of the profiles.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.base
    }

    /// What each input of a row contributes to its margin, in the order of the inputs: they add
    /// up to the margin less the base. `model` is the one that this was built for. The order of
    /// additions is fixed, so that every host gives the same bits.
    #[must_use]
    pub fn contributions(&mut self, model: &Model, row: &[f64]) -> Vec<f64> {
        let mut contributions = vec![0.0; row.len()];
        let (forest, linear) = parts(model);
        if let Some((forest, weight)) = forest {
            coded(forest, row, &mut self.codes);
            let (codes, shares) = (&self.codes, &self.shares);
            (self.patterns).contribute(codes, shares, weight, &mut contributions);
            for (index, right) in &self.walked {
                for (profile, of_profile) in &self.profiles {
                    let mut walk = Walk {
                        forest,
                        shares,
                        row: codes,
                        profile,
                        needs: &mut self.needs,
                        weight: weight * of_profile,
                        contributions: &mut contributions,
                    };
                    walk.tree(&forest.trees[*index].nodes, right);
                }
            }
        }
        if let Some((linear, weight)) = linear {
            let mut parts: Vec<f64> = self.linear_base.iter().map(|base| -base).collect();
            linear.add_parts(row, weight, &mut parts);
            for (contribution, part) in contributions.iter_mut().zip(&parts) {
                *contribution += part;
            }
        }
        // -0 would be written with its sign.
        for contribution in &mut contributions {
            *contribution += 0.0;
        }
        contributions
    }
}

/// The trees and the weighted sum of a model, each with what it counts in the margin.
fn parts(model: &Model) -> (Option<(&Forest, f64)>, Option<(&Linear, f64)>) {
    match model {
        Model::Linear(linear) => (None, Some((linear, 1.0))),
        Model::Forest(forest) => (Some((forest, of_leaf(forest))), None),
        Model::Ensemble(ensemble) => (
            Some((
                &ensemble.forest,
                ensemble.forest_weight * of_leaf(&ensemble.forest),
            )),
            Some((&ensemble.linear, ensemble.linear_weight)),
        ),
    }
}

/// What a leaf's value counts in the sum of a forest.
fn of_leaf(forest: &Forest) -> f64 {
    forest.aggregation.apply(1.0, forest.trees.len())
}
