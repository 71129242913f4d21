//! What each input of an application contributes to its margin.

use super::branches::Branches;
use super::codes::add_codes;
use super::patterns::Patterns;
use super::profiles::Profiles;
use super::seen::Seen;
use super::shares::Shares;
use super::walk::{FREE, Walk};
use crate::forest::{Forest, right_children};
use crate::model::{Model, Predictor};

/// Profiles below which patterns save nothing.
const FEW: usize = 4;

/// How trees are evaluated; the contributions agree but for rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A walk over every tree with every profile: the reference.
    Walk,
    /// Tables for trees of at most 64 leaves, the walk for the others: those for few profiles,
    /// which give the bits of the walk, where there are fewer than 4 and every tree is so small.
    Tables,
}

/// Compares applications with profiles.
#[derive(Debug)]
pub struct Explainer {
    /// The weighted mean margin of the profiles.
    base: f64,
    /// What each input takes from the linear part's sum, in the profiles' weighted mean.
    linear_base: Vec<f64>,
    weights: Vec<f64>,
    /// The codes of the profiles, one after another; none without trees.
    codes: Vec<u32>,
    patterns: Patterns,
    branches: Branches,
    /// Trees that are walked.
    walked: Vec<usize>,
    /// The right children of their nodes, one tree after another.
    right: Vec<u32>,
    shares: Shares,
}

impl Explainer {
    /// Builds what every explanation needs. The profiles were checked against the schema;
    /// the predictor is the model's.
    #[must_use]
    #[inline(never)]
    pub fn new(model: &Model, predictor: &mut Predictor, profiles: &Profiles, way: Way) -> Self {
        let mut explainer = Self {
            base: 0.0,
            linear_base: vec![0.0; profiles.inputs()],
            weights: profiles.weights.clone(),
            codes: Vec::new(),
            patterns: Patterns::default(),
            branches: Branches::default(),
            walked: Vec::new(),
            right: Vec::new(),
            shares: Shares::new(),
        };
        let parts = model.parts();
        for (nth, weight) in profiles.weights.iter().enumerate() {
            let row = profiles.row(nth);
            explainer.base += weight * predictor.margin_row(row);
            if let Some(linear) = parts.linear {
                let weight = -parts.linear_weight * weight;
                linear.add_parts(row, weight, &mut explainer.linear_base);
            }
            if let Some(forest) = parts.forest {
                add_codes(forest, row, &mut explainer.codes);
            }
        }
        if let Some(forest) = parts.forest {
            explainer.add_trees(forest, parts.leaf_weight(), way);
        }
        explainer
    }

    fn add_trees(&mut self, forest: &Forest, weight: f64, way: Way) {
        let profiles = self.weights.len();
        let few = profiles < FEW;
        if few && way == Way::Tables {
            let mut trees = 0..forest.trees.len();
            if trees.all(|index| self.branches.add(forest, index, &self.codes, profiles)) {
                self.branches.finish();
                return;
            }
            // The walk goes from tree to tree, and all are added up in its order.
            self.branches = Branches::default();
        }
        let seen = Seen::new(forest, &self.codes, profiles);
        for (index, tree) in forest.trees.iter().enumerate() {
            let (patterns, weights) = (&mut self.patterns, &self.weights);
            if few || way == Way::Walk || !patterns.add(forest, index, &seen, weights, weight) {
                self.walked.push(index);
                for child in right_children(&tree.nodes) {
                    self.right.push(child as u32);
                }
            }
        }
        self.patterns.finish();
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
    #[inline(never)]
    pub fn contributions(&self, model: &Model, row: &[f64]) -> Vec<f64> {
        let mut contributions = vec![0.0; row.len()];
        let parts = model.parts();
        if let Some(forest) = parts.forest {
            let mut codes = Vec::new();
            add_codes(forest, row, &mut codes);
            let weight = parts.leaf_weight();
            let patterns = &self.patterns;
            patterns.contribute(&codes, &self.shares, &mut contributions);
            let branches = &self.branches;
            let weights = &self.weights;
            branches.contribute(&codes, &self.shares, weight, weights, &mut contributions);
            self.walk(forest, &codes, weight, &mut contributions);
        }
        if let Some(linear) = parts.linear {
            let mut sums = self.linear_base.clone();
            linear.add_parts(row, parts.linear_weight, &mut sums);
            for (contribution, sum) in contributions.iter_mut().zip(&sums) {
                *contribution += sum;
            }
        }
        contributions
    }

    fn walk(&self, forest: &Forest, row: &[u32], weight: f64, contributions: &mut [f64]) {
        let mut needs = vec![FREE; row.len()];
        let mut first = 0;
        for index in &self.walked {
            let nodes = &forest.trees[*index].nodes;
            let right = &self.right[first..first + nodes.len()];
            first += nodes.len();
            for (profile, of_profile) in self.codes.chunks(row.len()).zip(&self.weights) {
                let mut walk = Walk {
                    forest,
                    shares: &self.shares,
                    nodes,
                    right,
                    row,
                    profile,
                    needs: &mut needs,
                    weight: weight * of_profile,
                    contributions,
                };
                walk.visit(0, 0, 0);
            }
        }
    }
}
