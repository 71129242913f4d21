//! What a forest must satisfy before it is evaluated, and its limits.

use super::{Bins, CategorySet, Forest, Node, Tree, set_words};

/// Most features a forest may have.
pub const MAX_FEATURES: usize = 4096;
/// Most cuts and categories of all features of a forest together.
pub const MAX_CUTS: usize = 1 << 20;
/// Most categories of one feature.
pub const MAX_CATEGORIES: usize = 65_535;
/// Most 64-bit words in all category sets of a forest together.
pub const MAX_SET_WORDS: usize = 1 << 20;
/// Most trees of a forest.
pub const MAX_TREES: usize = 1 << 16;
/// Most nodes, leaves and splits, in all trees of a forest together.
pub const MAX_NODES: usize = 1 << 22;
/// Most splits on the way from a root to a leaf.
pub const MAX_DEPTH: usize = 1024;
/// Greatest magnitude of a leaf's value and of the base: sums of them stay finite.
pub const MAX_LEAF: f64 = 1e300;
/// The same where sums are rounded to an `f32`, which ends at 3.4e38.
const MAX_SINGLE_LEAF: f64 = 1e33;

/// Why a forest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForestError {
    /// One of the limits of this module.
    #[error("the forest has {found} {what}, at most {most} are supported")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// There is nothing to add up.
    #[error("the forest has no trees, expected at least one")]
    NoTrees,
    /// The base is NaN, infinite, or too big.
    #[error("the forest's base is not a number within ±1e300")]
    Base,
    /// A cut is NaN or infinite, or not above the one before.
    #[error("feature {feature}: cut {cut} is not a finite number above the cut before it")]
    Cut {
        /// Index of the feature.
        feature: usize,
        /// Index of the cut.
        cut: usize,
    },
    /// The preorder of a tree ends before every branch does, or goes on after.
    #[error("tree {tree}: {nodes} nodes are not one whole tree in preorder")]
    Shape {
        /// Index of the tree.
        tree: usize,
        /// How many nodes it has.
        nodes: usize,
    },
    /// A node names what is not there, or holds what it may not.
    #[error("tree {tree}, node {node}: {problem}")]
    Node {
        /// Index of the tree.
        tree: usize,
        /// Index of the node in the tree.
        node: usize,
        /// What is wrong, as the end of a sentence.
        problem: &'static str,
    },
}

impl Forest {
    /// Checks everything that evaluation relies on.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: an index out of range, cuts out of order, a leaf
    /// that is not finite, a list of nodes that is no tree, or one of the limits above.
    /// Takes time and memory in proportion to the forest, and never recurses.
    pub fn validate(&self) -> Result<(), ForestError> {
        limit("features", self.features.len(), MAX_FEATURES)?;
        for (feature, bins) in self.features.iter().enumerate() {
            check_bins(feature, bins)?;
        }
        self.check_limits()?;
        if self.base.abs() > self.most() || self.base.is_nan() {
            return Err(ForestError::Base);
        }
        self.trees
            .iter()
            .enumerate()
            .try_for_each(|(index, tree)| self.check_tree(index, tree))
    }

    fn check_limits(&self) -> Result<(), ForestError> {
        let bins = self.features.iter().map(|bins| match bins {
            Bins::Cuts(cuts) => cuts.len(),
            Bins::Categories(n) => *n as usize,
        });
        let words = self.category_sets.iter().map(|set| set.words.len());
        let nodes = self.trees.iter().map(|tree| tree.nodes.len());
        limit("cuts and categories", bins.sum(), MAX_CUTS)?;
        limit("category sets", self.category_sets.len(), MAX_SET_WORDS)?;
        limit("words in category sets", words.sum(), MAX_SET_WORDS)?;
        limit("trees", self.trees.len(), MAX_TREES)?;
        limit("nodes", nodes.sum(), MAX_NODES)?;
        if self.trees.is_empty() {
            Err(ForestError::NoTrees)
        } else {
            Ok(())
        }
    }

    fn check_tree(&self, index: usize, tree: &Tree) -> Result<(), ForestError> {
        let shape = ForestError::Shape {
            tree: index,
            nodes: tree.nodes.len(),
        };
        // Depths of the right children still to come; the last is the next to come.
        let mut pending = vec![0usize];
        for (position, node) in tree.nodes.iter().enumerate() {
            let Some(depth) = pending.pop() else {
                return Err(shape);
            };
            if let Some(problem) = self.problem(node) {
                return Err(ForestError::Node {
                    tree: index,
                    node: position,
                    problem,
                });
            }
            if let Node::Split { .. } = node {
                limit("levels in a tree", depth + 1, MAX_DEPTH)?;
                pending.extend([depth + 1, depth + 1]);
            }
        }
        if pending.is_empty() {
            Ok(())
        } else {
            Err(shape)
        }
    }

    fn most(&self) -> f64 {
        if self.aggregation.is_single() {
            MAX_SINGLE_LEAF
        } else {
            MAX_LEAF
        }
    }

    fn problem(&self, node: &Node) -> Option<&'static str> {
        match *node {
            Node::Leaf { value, .. } => {
                let is_bounded = value.abs() <= self.most();
                (!is_bounded).then_some(if self.aggregation.is_single() {
                    "the leaf's value is not a number within ±1e33"
                } else {
                    "the leaf's value is not a number within ±1e300"
                })
            }
            Node::Split { feature, split, .. } => match self.features.get(usize::from(feature)) {
                None => Some("the split names a feature that does not exist"),
                Some(Bins::Cuts(cuts)) => (split as usize >= cuts.len())
                    .then_some("the split names a cut that its feature does not have"),
                Some(Bins::Categories(n)) => match self.category_sets.get(split as usize) {
                    None => Some("the split names a category set that does not exist"),
                    Some(set) => (!fits(set, *n))
                        .then_some("the category set does not fit the categories of its feature"),
                },
            },
        }
    }
}

fn check_bins(feature: usize, bins: &Bins) -> Result<(), ForestError> {
    match bins {
        Bins::Categories(n) => limit("categories in a feature", *n as usize, MAX_CATEGORIES),
        Bins::Cuts(cuts) => {
            let mut before = f64::NEG_INFINITY;
            for (cut, &value) in cuts.iter().enumerate() {
                if !(value.is_finite() && value > before) {
                    return Err(ForestError::Cut { feature, cut });
                }
                before = value;
            }
            Ok(())
        }
    }
}

fn fits(set: &CategorySet, categories: u32) -> bool {
    let last = set.words.last().copied().unwrap_or_default();
    // Shifted in two steps: `n % 64 + 1` may be 64.
    set.words.len() == set_words(categories) && (last >> (categories % 64)) >> 1 == 0
}

fn limit(what: &'static str, found: usize, most: usize) -> Result<(), ForestError> {
    if found > most {
        Err(ForestError::Limit { what, found, most })
    } else {
        Ok(())
    }
}
