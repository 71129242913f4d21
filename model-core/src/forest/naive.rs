//! The plain walk of every tree from its root: what a forest means, and what everything
//! faster is compared with.

use super::aggregation::{Finish, GROUP, add, group_sum, without_sign_of_zero};
use super::rows::{category_code, value_of};
use super::{Bins, CategorySet, Forest, ForestError, Node};

/// A forest evaluated by walking every tree from its root: the reference implementation, and
/// the baseline of the benchmarks.
#[derive(Debug)]
pub struct NaiveForest {
    nodes: Vec<NaiveNode>,
    roots: Vec<u32>,
    sets: Vec<CategorySet>,
    finish: Finish,
}

#[derive(Debug, Clone, Copy)]
struct NaiveNode {
    /// The cut of a number, or the value of a leaf.
    value: f64,
    left: u32,
    right: u32,
    test: Test,
}

#[derive(Debug, Clone, Copy)]
enum Test {
    Leaf,
    Number {
        feature: u16,
        missing_left: bool,
    },
    Category {
        feature: u16,
        missing_left: bool,
        categories: u16,
        set: u32,
    },
}

impl NaiveForest {
    /// Links the nodes of a forest.
    ///
    /// # Errors
    ///
    /// What [`Forest::validate`] refuses.
    pub fn new(forest: &Forest) -> Result<Self, ForestError> {
        forest.validate()?;
        Ok(Self::from_valid(forest))
    }

    /// The same for a forest that passed [`Forest::validate`].
    pub(super) fn from_valid(forest: &Forest) -> Self {
        let mut naive = Self {
            nodes: Vec::new(),
            roots: Vec::new(),
            sets: forest.category_sets.clone(),
            finish: Finish::new(forest),
        };
        for tree in &forest.trees {
            naive.add_tree(forest, &tree.nodes);
        }
        naive
    }

    /// The prediction for a row: one value for each feature, as the module describes.
    /// Values that a short row does not have are missing.
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.finish.apply(self.sum(self.finish.start(), row))
    }

    /// A sum, and the leaves that a row reaches.
    pub(super) fn sum(&self, mut sum: f64, row: &[f64]) -> f64 {
        let grouped = self.finish.aggregation.is_grouped();
        let single = self.finish.aggregation.is_single();
        for roots in self.roots.chunks(GROUP) {
            let mut group = [0.0; GROUP];
            for (value, root) in group.iter_mut().zip(roots) {
                *value = self.leaf(*root, row);
            }
            sum = if grouped {
                sum + group_sum(|tree| group[tree])
            } else {
                // The last group may have fewer trees; what pads it adds 0.
                group
                    .iter()
                    .fold(sum, |sum, value| add(sum, *value, single))
            };
        }
        sum
    }

    fn leaf(&self, root: u32, row: &[f64]) -> f64 {
        let mut at = root;
        while let Some(node) = self.nodes.get(at as usize) {
            let left = match node.test {
                Test::Leaf => return node.value,
                Test::Number {
                    feature,
                    missing_left,
                } => {
                    let value = value_of(row, usize::from(feature));
                    if value.is_nan() {
                        missing_left
                    } else {
                        value <= node.value
                    }
                }
                Test::Category {
                    feature,
                    missing_left,
                    categories,
                    set,
                } => {
                    let value = value_of(row, usize::from(feature));
                    if value.is_nan() {
                        missing_left
                    } else {
                        let code = category_code(value, categories.into());
                        self.sets
                            .get(set as usize)
                            .is_some_and(|set| set.contains(code))
                    }
                }
            };
            at = if left { node.left } else { node.right };
        }
        0.0
    }

    fn add_tree(&mut self, forest: &Forest, tree: &[Node]) {
        let first = self.nodes.len() as u32;
        self.roots.push(first);
        // Splits whose right child is still to come.
        let mut open: Vec<usize> = Vec::new();
        for (at, node) in (first..).zip(tree) {
            self.nodes.push(linked(forest, node, at + 1));
            if let Node::Split { .. } = node {
                open.push(at as usize);
            } else if let Some(split) = open.pop().and_then(|split| self.nodes.get_mut(split)) {
                split.right = at + 1;
            }
        }
    }
}

fn linked(forest: &Forest, node: &Node, left: u32) -> NaiveNode {
    let (value, test) = match *node {
        Node::Leaf { value, .. } => (without_sign_of_zero(value), Test::Leaf),
        Node::Split {
            feature,
            split,
            missing_left,
            ..
        } => match forest.features.get(usize::from(feature)) {
            Some(Bins::Categories(n)) => (
                0.0,
                Test::Category {
                    feature,
                    missing_left,
                    categories: *n as u16,
                    set: split,
                },
            ),
            Some(Bins::Cuts(cuts)) => {
                let cut = cuts.get(split as usize).copied().unwrap_or_default();
                (
                    cut,
                    Test::Number {
                        feature,
                        missing_left,
                    },
                )
            }
            None => (0.0, Test::Leaf),
        },
    };
    NaiveNode {
        value,
        left,
        right: left,
        test,
    }
}
