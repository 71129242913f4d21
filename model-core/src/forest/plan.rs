//! The plan of the tables: what the most visited splits ask of each feature, and the bins of
//! values that no split tells apart.

use std::ops::Range;

use super::rank::Ranker;
use super::rows::code;
use super::top::Top;
use super::{Bins, CategorySet, Forest, Node, sorted_set};

/// What the most visited splits of all trees ask, feature by feature.
#[derive(Debug)]
pub(super) struct Plan {
    /// One for each feature.
    pub(super) questions: Vec<Questions>,
    /// Where each tree's top ends: indices of its nodes, from left to right.
    pub(super) exits: Vec<Vec<usize>>,
}

/// What splits ask of one feature. Values that no split tells apart share a bin.
#[derive(Debug)]
pub(super) struct Questions {
    pub(super) splits: Vec<TopSplit>,
    pub(super) bins: usize,
    pub(super) kind: BinKind,
}

/// A split among the most visited of its tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopSplit {
    pub(super) tree: usize,
    /// The exits to its left, one bit each.
    pub(super) left: u64,
    split: u32,
    missing_left: bool,
}

/// How a feature's values become bins.
#[derive(Debug)]
pub(super) enum BinKind {
    /// Bin `i` is the values above `i` of the cuts that are asked for, which are these
    /// indices, ascending. Missing values have a bin among those, or the one after.
    Number { cuts: Vec<u32>, missing: usize },
    /// The bin of each code that is told apart, and for each bin a code that stands for it.
    /// Codes are those of the categories, then that of "other", then that of a missing value.
    Category {
        bins: Vec<u32>,
        codes: Vec<u32>,
        missing: u32,
    },
}

/// Takes a value to its bin.
#[derive(Debug)]
pub(super) enum Reader {
    Number(Ranker),
    Category { categories: u32, bins: Vec<u32> },
}

impl Plan {
    /// For at most `most` splits of each tree, at most 63. The forest is valid, and `right`
    /// are the right children in its trees.
    pub(super) fn new(forest: &Forest, right: &[Vec<usize>], most: usize) -> Self {
        let mut splits: Vec<Vec<TopSplit>> = forest.features.iter().map(|_| Vec::new()).collect();
        let mut exits = Vec::with_capacity(forest.trees.len());
        for (index, (tree, right)) in forest.trees.iter().zip(right).enumerate() {
            let top = Top::new(&tree.nodes, right, most);
            for &(at, left) in &top.splits {
                if let Node::Split {
                    feature,
                    split,
                    missing_left,
                    ..
                } = tree.nodes[at]
                {
                    splits[usize::from(feature)].push(TopSplit {
                        tree: index,
                        left,
                        split,
                        missing_left,
                    });
                }
            }
            exits.push(top.exits);
        }
        let questions = forest
            .features
            .iter()
            .zip(splits)
            .map(|(bins, splits)| match bins {
                Bins::Cuts(_) => Questions::about_number(splits),
                Bins::Categories(n) => {
                    let codes: Vec<u32> = (0..=*n + 1).collect();
                    Questions::about_category(&codes, *n + 1, splits, &forest.category_sets)
                }
            })
            .collect();
        Self { questions, exits }
    }
}

impl Questions {
    fn about_number(mut splits: Vec<TopSplit>) -> Self {
        let cuts = sorted_set(splits.iter().map(|split| split.split.into()).collect());
        let cuts: Vec<u32> = cuts.into_iter().map(|cut| cut as u32).collect();
        for split in &mut splits {
            split.split = cuts.partition_point(|&cut| cut < split.split) as u32;
        }
        let missing = if splits.iter().all(|split| split.missing_left) {
            0
        } else if splits.iter().any(|split| split.missing_left) {
            cuts.len() + 1
        } else {
            cuts.len()
        };
        Self {
            splits,
            bins: missing.max(cuts.len()) + 1,
            kind: BinKind::Number { cuts, missing },
        }
    }

    /// Parts these codes, of which `missing` is that of a missing value.
    fn about_category(
        codes: &[u32],
        missing: u32,
        splits: Vec<TopSplit>,
        sets: &[CategorySet],
    ) -> Self {
        // Set and missing direction in one key: splits that ask the same part the bins alike.
        let question =
            |split: &TopSplit| u64::from(split.split) << 1 | u64::from(split.missing_left);
        let asked = sorted_set(splits.iter().map(question).collect());
        let mut bins = vec![0u32; codes.len()];
        let mut count = 1;
        for key in asked {
            let (set, missing_left) = ((key >> 1) as u32, key & 1 == 1);
            // Each bin is parted into those who go left and those who do not.
            let mut parts = vec![u32::MAX; 2 * count];
            count = 0;
            for (&code, bin) in codes.iter().zip(&mut bins) {
                let left = goes_left(&sets[set as usize], code, missing, missing_left);
                let part = &mut parts[2 * *bin as usize + usize::from(left)];
                if *part == u32::MAX {
                    *part = count as u32;
                    count += 1;
                }
                *bin = *part;
            }
        }
        // All codes of a bin are sent the same ways: the last one stands for them.
        let mut standing = vec![0; count];
        for (&code, &bin) in codes.iter().zip(&bins) {
            standing[bin as usize] = code;
        }
        Self {
            splits,
            bins: count,
            kind: BinKind::Category {
                bins,
                codes: standing,
                missing,
            },
        }
    }

    /// What some of the trees ask, these counted from 0; and for each bin of all trees the bin
    /// that it falls into.
    pub(super) fn of_trees(&self, trees: Range<usize>, sets: &[CategorySet]) -> (Self, Vec<u32>) {
        // The splits are in the order of the trees.
        let before = |tree: usize| self.splits.partition_point(|split| split.tree < tree);
        let mut splits = self.splits[before(trees.start)..before(trees.end)].to_vec();
        for split in &mut splits {
            split.tree -= trees.start;
        }
        let own = match &self.kind {
            BinKind::Number { .. } => Self::about_number(splits),
            BinKind::Category { codes, missing, .. } => {
                Self::about_category(codes, *missing, splits, sets)
            }
        };
        let bins = match (&own.kind, &self.kind) {
            // The cuts are indices of the cuts of all trees, and so of the bins below these.
            (BinKind::Number { cuts, missing }, BinKind::Number { missing: all, .. }) => {
                let mut below = 0;
                let mut bins: Vec<u32> = (0..self.bins as u32)
                    .map(|bin| {
                        below += u32::from(cuts.get(below as usize).is_some_and(|&cut| cut < bin));
                        below
                    })
                    .collect();
                bins[*all] = *missing as u32;
                bins
            }
            (BinKind::Category { bins, .. }, _) | (_, BinKind::Category { bins, .. }) => {
                bins.clone()
            }
        };
        (own, bins)
    }

    /// For each bin the masks of `trees` trees: the exits that are left when the splits
    /// of this feature send a value of that bin right.
    pub(super) fn masks(&self, trees: usize, sets: &[CategorySet]) -> Vec<u64> {
        let mut masks = vec![u64::MAX; self.bins * trees];
        match &self.kind {
            BinKind::Number { cuts, missing } => {
                for split in &self.splits {
                    // A value in the bin after a cut is above it: the exits to the left are lost.
                    masks[(split.split as usize + 1) * trees + split.tree] &= !split.left;
                    if *missing > cuts.len() && !split.missing_left {
                        masks[missing * trees + split.tree] &= !split.left;
                    }
                }
                // A value above a cut is above every cut below it.
                for at in trees..(cuts.len() + 1) * trees {
                    masks[at] &= masks[at - trees];
                }
            }
            BinKind::Category { codes, missing, .. } => {
                for (masks, &code) in masks.chunks_exact_mut(trees).zip(codes) {
                    for split in &self.splits {
                        let set = &sets[split.split as usize];
                        if !goes_left(set, code, *missing, split.missing_left) {
                            masks[split.tree] &= !split.left;
                        }
                    }
                }
            }
        }
        masks
    }

    /// What takes a value of this feature to its bin.
    pub(super) fn reader(&self, feature: &Bins) -> Reader {
        match &self.kind {
            BinKind::Category { bins, missing, .. } => Reader::Category {
                categories: missing - 1,
                bins: bins.clone(),
            },
            BinKind::Number { cuts, missing } => {
                let Bins::Cuts(all) = feature else {
                    return Reader::Number(Ranker::new(&[], 0));
                };
                let cuts: Vec<f64> = cuts.iter().map(|&cut| all[cut as usize]).collect();
                Reader::Number(Ranker::new(&cuts, *missing as u32))
            }
        }
    }
}

/// Where a code goes; `missing` is the code of a missing value.
pub(super) fn goes_left(set: &CategorySet, code: u32, missing: u32, missing_left: bool) -> bool {
    if code == missing {
        missing_left
    } else {
        set.contains(code)
    }
}

impl Reader {
    /// The bin of a value: a number, a category's code, or NaN.
    #[inline(always)]
    pub(super) fn bin(&self, value: f64) -> u32 {
        match self {
            Self::Number(ranker) => ranker.rank(value),
            Self::Category { categories, bins } => bins[code(value, *categories)],
        }
    }
}
