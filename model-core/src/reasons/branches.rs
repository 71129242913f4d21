//! The way for few profiles and trees of at most 64 leaves: the leaves that mixtures of an
//! application and a profile reach are those whose box holds, in each feature, the bin of one of
//! the two. A mask for each feature and bin finds them without a walk, and of the splits only
//! those are looked at both sides of which are reached. The bits are those of the walk.

use super::bins::{FEATURES, Local, TreeBins};
use super::shares::Shares;
use crate::forest::{Forest, Node};

/// Masks of a forest; with more of them it is walked.
const MOST_MASKS: usize = 1 << 20;

/// The tables of a forest, one tree after another.
#[derive(Debug, Default)]
pub(super) struct Branches {
    trees: Vec<Head>,
    bins: TreeBins,
    /// For each feature of a tree and each of its bins: the leaves whose box holds the bin.
    masks: Vec<u64>,
    /// For each feature of a tree and each profile, the same of the profile's bin.
    profiles: Vec<u64>,
    leaves: Vec<Leaf>,
}

/// Where a tree's part ends in each list.
#[derive(Debug)]
struct Head {
    features: usize,
    leaves: usize,
}

/// A leaf, numbered from left to right, and the split to whose left it is the last one: every leaf
/// but the last of a tree has one such split, by which the split is known.
#[derive(Debug, Clone, Copy, Default)]
struct Leaf {
    value: f64,
    /// The splits to whose left the leaf is.
    left_of: u64,
    /// Which of the tree's features the split asks for.
    feature: usize,
}

/// A tree that an application and a profile reach differently.
struct Mixed<'a> {
    features: &'a [Local],
    leaves: &'a [Leaf],
    shares: &'a Shares,
    /// Of each feature, the leaves whose box holds the application's bin.
    of_row: &'a [u64; FEATURES],
    /// What a leaf counts.
    weight: f64,
    contributions: &'a mut [f64],
}

impl Branches {
    /// Adds what every tree contributes, tree after tree, profile after profile. `weight` is what
    /// a leaf counts, `weights` what the profiles count.
    #[inline(never)]
    pub(super) fn contribute(
        &self,
        codes: &[u32],
        shares: &Shares,
        weight: f64,
        weights: &[f64],
        contributions: &mut [f64],
    ) {
        let (mut feature, mut leaf) = (0, 0);
        for head in &self.trees {
            let features = &self.bins.features[feature..head.features];
            let leaves = &self.leaves[leaf..head.leaves];
            let mut of_row = [0; FEATURES];
            for (local, inside) in features.iter().zip(&mut of_row) {
                let bin = self.bins.bin(local, codes[local.feature]);
                *inside = self.masks[local.first_mask + bin];
            }
            let of_profiles = &self.profiles[feature * weights.len()..];
            for (nth, of_profile) in weights.iter().enumerate() {
                let mut reached = u64::MAX >> (64 - leaves.len());
                // Not `[nth..]`: a tree of one leaf has no features, and may be the last.
                let of_profiles = of_profiles.iter().skip(nth).step_by(weights.len());
                for (inside, of_profile) in of_row[..features.len()].iter().zip(of_profiles) {
                    reached &= inside | of_profile;
                }
                // Where all mixtures reach one leaf, no feature makes a difference.
                if reached & reached.wrapping_sub(1) != 0 {
                    let mut mixed = Mixed {
                        features,
                        leaves,
                        shares,
                        of_row: &of_row,
                        weight: weight * of_profile,
                        contributions,
                    };
                    mixed.visit(reached, 0, 0);
                }
            }
            (feature, leaf) = (head.features, head.leaves);
        }
    }

    /// Adds a tree; `false` where it has too many leaves or features, or there is no room. `codes`
    /// are those of the profiles, one after another, and there are so many profiles.
    #[inline(never)]
    pub(super) fn add(
        &mut self,
        forest: &Forest,
        index: usize,
        codes: &[u32],
        profiles: usize,
    ) -> bool {
        let nodes = &forest.trees[index].nodes;
        let first = self.bins.features.len();
        if self.masks.len() > MOST_MASKS || !self.bins.add(forest, nodes) {
            return false;
        }
        let mut next = self.masks.len();
        self.masks.extend(self.bins.boxes(forest, nodes, first));
        for at in first..self.bins.features.len() {
            let local = &mut self.bins.features[at];
            local.first_mask = next;
            next += local.count();
            let local = &self.bins.features[at];
            for row in codes.chunks(codes.len() / profiles) {
                let bin = self.bins.bin(local, row[local.feature]);
                self.profiles.push(self.masks[local.first_mask + bin]);
            }
        }
        self.add_leaves(nodes, first);
        self.trees.push(Head {
            features: self.bins.features.len(),
            leaves: self.leaves.len(),
        });
        true
    }

    fn add_leaves(&mut self, nodes: &[Node], first_feature: usize) {
        let first = self.leaves.len();
        // Splits whose left side is not over: the leaf that it begins with, and the feature.
        let mut open = Vec::new();
        for node in nodes {
            let leaf = self.leaves.len() - first;
            match *node {
                Node::Split { feature, .. } => {
                    let local = self.bins.find(first_feature, usize::from(feature));
                    open.push((leaf, local.unwrap_or_default()));
                }
                Node::Leaf { value, .. } => {
                    self.leaves.push(Leaf {
                        value,
                        ..Leaf::default()
                    });
                    if let Some((begin, feature)) = open.pop() {
                        self.leaves[first + leaf].feature = feature;
                        for left in &mut self.leaves[first + begin..] {
                            left.left_of |= 1 << leaf;
                        }
                    }
                }
            }
        }
    }
}

impl Mixed<'_> {
    /// As `Walk::visit`, of the leaves that are reached on this way: what they give to an input of
    /// the application's side and to one of the profile's.
    fn visit(&mut self, reached: u64, of_row: usize, of_profile: usize) -> [f64; 2] {
        let first = reached.trailing_zeros();
        let last = 63 - reached.leading_zeros();
        let leaf = &self.leaves[first as usize];
        if first == last {
            return [
                leaf.value * self.shares.share(of_row, of_profile),
                leaf.value * self.shares.share(of_profile, of_row),
            ];
        }
        // Of the splits to whose left the first one is, the highest that has the last one to its
        // right: those above it have both to their left.
        let between = leaf.left_of & ((1 << last) - 1);
        let split = 63 - between.leading_zeros();
        let local = self.leaves[split as usize].feature;
        let left = reached & (u64::MAX >> (63 - split));
        let right = reached ^ left;
        let is_left = self.of_row[local % FEATURES] >> first & 1 != 0;
        let (row, profile) = if is_left {
            (left, right)
        } else {
            (right, left)
        };
        let with_row = self.visit(row, of_row + 1, of_profile);
        let with_profile = self.visit(profile, of_row, of_profile + 1);
        // With the application's value its leaves are reached, without it the others.
        self.contributions[self.features[local].feature] +=
            self.weight * (with_row[0] - with_profile[1]);
        [with_row[0] + with_profile[0], with_row[1] + with_profile[1]]
    }
}
