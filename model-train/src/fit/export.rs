//! Trees over encoded columns become a forest over the schema's inputs.

use std::collections::BTreeMap;

use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};
use model_core::schema::{FeatureKind, Schema};

use super::Column;
use crate::booster::Left;

/// One tree over the encoded columns, in preorder.
pub(super) struct Grown {
    pub(super) nodes: Vec<GrownNode>,
}

/// A node of such a tree.
pub(super) struct GrownNode {
    /// `None` is a leaf.
    pub(super) split: Option<Cut>,
    /// Of a leaf, what it answers.
    pub(super) value: f64,
    /// Rows fitted on that reach it.
    pub(super) count: u32,
}

/// Where a row goes left, to the next node, or right.
pub(super) struct Cut {
    pub(super) column: usize,
    /// Codes are those of the column's feature.
    pub(super) left_of: Left,
    pub(super) missing_left: bool,
    /// Place of the right child.
    pub(super) right: usize,
}

/// A library's tree, as far as it is needed.
pub(super) trait LibraryTree {
    /// What is at a node; the root is 0.
    fn node(&self, index: usize) -> Option<LibraryNode>;
}

/// A node as a library has it.
pub(super) struct LibraryNode {
    pub(super) value: f64,
    pub(super) count: u32,
    pub(super) split: Option<LibrarySplit>,
}

/// Where a library's node leads.
pub(super) struct LibrarySplit {
    pub(super) column: usize,
    pub(super) left_of: Left,
    pub(super) missing_left: bool,
    pub(super) left: usize,
    pub(super) right: usize,
}

impl Grown {
    pub(super) fn new(tree: &impl LibraryTree) -> Self {
        let mut grown = Self { nodes: Vec::new() };
        grown.push(tree, 0);
        grown
    }

    /// Appends a subtree. Libraries go on splitting where every row has the same answer:
    /// two leaves of the same value become one, which changes no prediction.
    fn push(&mut self, tree: &impl LibraryTree, index: usize) {
        let Some(node) = tree.node(index) else {
            return;
        };
        let place = self.nodes.len();
        self.nodes.push(GrownNode {
            split: None,
            value: node.value,
            count: node.count,
        });
        let Some(split) = node.split else {
            return;
        };
        self.push(tree, split.left);
        let right_place = self.nodes.len();
        self.push(tree, split.right);
        if let [left, right] = &self.nodes[place + 1..]
            && left.value == right.value
        {
            self.nodes[place].value = left.value;
            self.nodes.truncate(place + 1);
            return;
        }
        self.nodes[place].split = Some(Cut {
            column: split.column,
            left_of: split.left_of,
            missing_left: split.missing_left,
            right: right_place,
        });
    }

    /// Counts the rows by passing every one down.
    pub(super) fn count(&mut self, columns: &[Vec<f64>]) {
        let rows = columns.first().map_or(0, Vec::len);
        (0..rows).for_each(|row| {
            let mut place = 0;
            loop {
                let node = &mut self.nodes[place];
                node.count = node.count.saturating_add(1);
                let Some(cut) = &node.split else { break };
                let left = cut.left_of.holds(columns[cut.column][row]);
                place = if left { place + 1 } else { cut.right };
            }
        });
    }
}

/// How the trees' answers become a probability.
pub(super) struct Ensemble {
    pub(super) aggregation: Aggregation,
    pub(super) base: f64,
    pub(super) link: Link,
}

/// The answer is the mean of the leaves.
pub(super) const MEAN: Ensemble = Ensemble {
    aggregation: Aggregation::GroupedMean,
    base: 0.0,
    link: Link::Identity,
};

pub(super) fn exported(
    trees: &[Grown],
    columns: &[Column],
    schema: &Schema,
    ensemble: &Ensemble,
) -> Forest {
    let mut splits = Splits::new(trees, columns, schema);
    let trees = trees.iter().map(|tree| splits.exported(tree)).collect();
    Forest {
        features: splits.bins,
        category_sets: splits.sets,
        trees,
        aggregation: ensemble.aggregation,
        base: ensemble.base,
        link: ensemble.link,
    }
}

/// The cuts and category sets that all trees share.
struct Splits<'a> {
    columns: &'a [Column],
    bins: Vec<Bins>,
    sets: Vec<CategorySet>,
    /// Where a set is in `sets`.
    set_places: BTreeMap<Vec<u64>, u32>,
}

impl<'a> Splits<'a> {
    fn new(trees: &[Grown], columns: &'a [Column], schema: &Schema) -> Self {
        let bins = schema.inputs().map(|input| match &input.kind {
            FeatureKind::Category(categories) => Bins::Categories(small(categories.values.len())),
            _ => Bins::Cuts(Vec::new()),
        });
        let mut bins: Vec<Bins> = bins.collect();
        for cut in trees
            .iter()
            .flat_map(|tree| &tree.nodes)
            .filter_map(|node| node.split.as_ref())
        {
            let bins = bins.get_mut(columns[cut.column].feature);
            if let (Some(Bins::Cuts(cuts)), Left::AtMost(threshold)) = (bins, &cut.left_of) {
                cuts.push(*threshold);
            }
        }
        for bins in &mut bins {
            if let Bins::Cuts(cuts) = bins {
                cuts.sort_by(f64::total_cmp);
                cuts.dedup();
            }
        }
        Self {
            columns,
            bins,
            sets: Vec::new(),
            set_places: BTreeMap::new(),
        }
    }

    fn exported(&mut self, tree: &Grown) -> Tree {
        let nodes = tree.nodes.iter().map(|node| match &node.split {
            None => Node::Leaf {
                value: node.value,
                count: node.count,
            },
            Some(cut) => Node::Split {
                feature: u16::try_from(self.columns[cut.column].feature).unwrap_or(u16::MAX),
                split: self.place(cut),
                missing_left: cut.missing_left,
                count: node.count,
            },
        });
        Tree {
            nodes: nodes.collect(),
        }
    }

    /// The index of the cut, or of the set of the codes that go left.
    fn place(&mut self, cut: &Cut) -> u32 {
        let column = self.columns[cut.column];
        let categories = match (&self.bins[column.feature], &cut.left_of) {
            (Bins::Cuts(cuts), Left::AtMost(threshold)) => {
                return small(cuts.partition_point(|at| at < threshold));
            }
            // A number has no codes.
            (Bins::Cuts(_), Left::OneOf(_)) => return 0,
            (Bins::Categories(categories), _) => *categories,
        };
        let left = |code: &u32| match &cut.left_of {
            Left::AtMost(threshold) => column.encode(f64::from(*code)) <= *threshold,
            Left::OneOf(codes) => codes.get(*code as usize) == Some(&true),
        };
        let set = CategorySet::new(categories, (0..=categories).filter(left));
        let sets = &mut self.sets;
        // Sets of the same words are one, whichever feature asked for them first.
        *self.set_places.entry(set.words.clone()).or_insert_with(|| {
            sets.push(set);
            small(sets.len() - 1)
        })
    }
}

/// Counts of things that the schema and the forest's own limits keep far below 2^32.
pub(super) fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
