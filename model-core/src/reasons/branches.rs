//! The way for few profiles and trees of at most 64 leaves: the leaves that mixtures of an
//! application and a profile reach are those whose box holds, in each feature, the bin of one of
//! the two. A mask for each feature and bin finds them without a walk. The bits are those of the
//! walk.
//!
//! A tree is kept as each profile sees it: turned so that the profile goes to the right at every
//! split. Then the leaves that are reached stand from left to right as the walk visits them, and
//! of each it is known in how many features the profile misses it.

use super::bins::{BLOCK, LEAVES, TreeBins};
use super::codes::{goes_left, question};
use super::shares::Shares;
use crate::forest::{Forest, Node, right_children};

/// Masks of a forest; with more of them it is walked.
const MOST_MASKS: usize = 1 << 20;

/// The tables of a forest, one tree after another.
#[derive(Debug, Default)]
pub(super) struct Branches {
    trees: Vec<Head>,
    bins: TreeBins,
    /// For each feature of a tree, each of its bins and each profile: the leaves whose box holds
    /// the bin or the profile's.
    masks: Vec<u64>,
    /// The leaves of a tree as each profile sees them.
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
    /// The feature that the split asks for.
    feature: u32,
    /// In how many features the profile misses the leaf.
    missed: u32,
}

/// The side of a split that an application takes, while the profile's is visited.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    /// What its leaves give to an input of the application's side and to one of the profile's.
    given: [f64; 2],
    /// In how many features the profile misses all of it: in one at least.
    missed: u32,
    feature: u32,
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
        let profiles = weights.len();
        let (mut feature, mut leaf) = (0, 0);
        let mut bins = vec![[0; BLOCK]; codes.len()];
        // The first stays as it is, so that no profile's side is whole without another one.
        let mut open = [Open::default(); LEAVES];
        for (block, heads) in self.trees.chunks(BLOCK).enumerate() {
            self.bins.read(block, codes, &mut bins);
            for (tree, head) in heads.iter().enumerate() {
                let features = &self.bins.features[feature..head.features];
                let leaves = &self.leaves[leaf..head.leaves];
                let of_profiles = leaves.chunks(leaves.len() / profiles);
                for (profile, (leaves, of_profile)) in of_profiles.zip(weights).enumerate() {
                    let mut reached = u64::MAX >> (64 - leaves.len());
                    for local in features {
                        let bin = bins[local.feature][tree] as usize;
                        reached &= self.masks[local.first_mask + bin * profiles + profile];
                    }
                    let weight = weight * of_profile;
                    add_mixtures(leaves, reached, shares, weight, &mut open, contributions);
                }
                (feature, leaf) = (head.features, head.leaves);
            }
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
        for local in &mut self.bins.features[first..] {
            local.first_mask = next;
            next += local.count() * profiles;
        }
        self.masks.resize(next, 0);
        let inputs = codes.len() / profiles;
        for nth in 0..profiles {
            let row = &codes[nth * inputs..(nth + 1) * inputs];
            let order = self.add_leaves(forest, nodes, row);
            let boxes = self.bins.boxes(forest, nodes, first, &order);
            let mut boxes = &boxes[..];
            for local in &self.bins.features[first..] {
                let of_profile = boxes[self.bins.bin(local, row[local.feature])];
                let (of_bins, others) = boxes.split_at(local.count());
                let masks = self.masks[local.first_mask + nth..].iter_mut();
                for (mask, of_bin) in masks.step_by(profiles).zip(of_bins) {
                    *mask = of_bin | of_profile;
                }
                boxes = others;
            }
        }
        self.trees.push(Head {
            features: self.bins.features.len(),
            leaves: self.leaves.len(),
        });
        true
    }

    /// Prepares [`Branches::contribute`] when all trees are added.
    pub(super) fn finish(&mut self) {
        let ends: Vec<usize> = self.trees.iter().map(|head| head.features).collect();
        self.bins.finish(&ends);
    }

    /// Adds the leaves of a tree as a profile sees them; of each leaf of the tree itself, from
    /// left to right, the number that it has there.
    fn add_leaves(&mut self, forest: &Forest, nodes: &[Node], profile: &[u32]) -> Vec<u8> {
        let right = right_children(nodes);
        let mut order = vec![0; nodes.len()];
        let leaves = self.leaves.len();
        // Nodes to visit, the next one last; and splits whose left side is not over: the leaf
        // that it begins with, and the feature.
        let (mut next, mut open) = (vec![0], Vec::<(usize, u32)>::new());
        while let Some(at) = next.pop() {
            let leaf = self.leaves.len() - leaves;
            match nodes[at] {
                Node::Split { feature, .. } => {
                    open.push((leaf, u32::from(feature)));
                    let [left, right] = [at + 1, right[at]];
                    if goes_left(forest, &nodes[at], profile[usize::from(feature)]) {
                        next.extend([left, right]);
                    } else {
                        next.extend([right, left]);
                    }
                }
                Node::Leaf { value, .. } => {
                    order[at] = leaf as u8;
                    let mut missed = 0;
                    for (nth, (_, feature)) in open.iter().enumerate() {
                        missed += u32::from(open[..nth].iter().all(|(_, other)| other != feature));
                    }
                    self.leaves.push(Leaf {
                        value,
                        missed,
                        ..Leaf::default()
                    });
                    if let Some((begin, feature)) = open.pop() {
                        self.leaves[leaves + leaf].feature = feature;
                        for left in &mut self.leaves[leaves + begin..] {
                            left.left_of |= 1 << leaf;
                        }
                    }
                }
            }
        }
        let mut nodes = nodes.iter();
        order.retain(|_| nodes.next().is_some_and(|node| question(node).is_none()));
        order
    }
}

/// As `Walk::visit` from the root of a tree of which these leaves are reached, but the application
/// goes to the left and the profile to the right wherever they part.
#[inline]
fn add_mixtures(
    leaves: &[Leaf],
    mut reached: u64,
    shares: &Shares,
    weight: f64,
    open: &mut [Open; LEAVES],
    contributions: &mut [f64],
) {
    // At each open split the application misses what is visited now.
    let mut parted = 0;
    while reached != 0 {
        let leaf = &leaves[reached.trailing_zeros() as usize];
        reached &= reached - 1;
        let mut given = shares.pair(leaf.missed as usize, parted);
        given = given.map(|share| leaf.value * share);
        // The side of the profile is whole where it was missed once less than the other one.
        while open[parted % LEAVES].missed == leaf.missed + 1 {
            let row = &open[parted % LEAVES];
            // With the application's value its leaves are reached, without it the others.
            contributions[row.feature as usize] += weight * (row.given[0] - given[1]);
            given = [row.given[0] + given[0], row.given[1] + given[1]];
            parted -= 1;
        }
        // Of the splits that the leaf is to the left of, the highest that has the next one that is
        // reached to its right: those above it have both to their left.
        let next = reached & reached.wrapping_neg();
        let between = leaf.left_of & next.wrapping_sub(1);
        let split = 63 - (between | 1).leading_zeros();
        parted += 1;
        open[parted % LEAVES] = Open {
            given,
            missed: leaf.missed,
            feature: leaves[split as usize].feature,
        };
    }
}
