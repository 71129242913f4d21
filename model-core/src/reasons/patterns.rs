//! The fast way for trees of at most 64 leaves: for each leaf, the distinct sets of inputs in
//! which profiles miss it, each with the weight of its profiles. These patterns are the entries
//! of a tree. A leaf contributes by an entry only if the application misses it in none of the
//! entry's inputs, so for each input and bin a mask says which entries are left; the few that
//! are left under all inputs' masks are added up.

use super::bins::{BLOCK, FEATURES, IN_ORDER, LEAVES, TreeBins};
use super::entries::{Entry, entries, strike_out};
use super::lanes::{LANES, Sums};
use super::seen::Seen;
use super::shares::Shares;
use crate::forest::Forest;

/// Words of the entries of a tree: one at most for each leaf.
const WORDS: usize = LEAVES;
/// Numbers of eight bytes that the tables of a forest may take; trees beyond are walked.
const BUDGET: usize = 2 << 20;

/// The tables of a forest, one tree after another.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    trees: Vec<Table>,
    bins: TreeBins,
    /// What counts against [`BUDGET`].
    spent: usize,
}

/// The table of a tree: not a part of one for all trees, which would be copied as it grows.
#[derive(Debug)]
struct Table {
    /// Where the tree's features end.
    features: usize,
    /// For each feature and each of its bins: the leaves whose box holds the bin, then the
    /// entries that are left.
    masks: Vec<u64>,
    /// How many words that are.
    words: usize,
    entries: Vec<Entry>,
}

/// A tree in an application's bins: the entries that are left, and the features in which the
/// application misses a leaf.
struct Reached<'a> {
    entries: &'a [Entry],
    left: &'a [u64],
    /// Leaves that are missed, eight in each row: a byte for each feature.
    outside: &'a [[u8; FEATURES]; LEAVES / 8],
}

impl Patterns {
    /// Adds what every tree contributes.
    #[inline(never)]
    pub(super) fn contribute(&self, codes: &[u32], shares: &Shares, contributions: &mut [f64]) {
        let mut feature = 0;
        let mut bins = vec![[0; BLOCK]; codes.len()];
        let mut left = [0; WORDS];
        for (block, tables) in self.trees.chunks(BLOCK).enumerate() {
            self.bins.read(block, codes, &mut bins);
            for (tree, table) in tables.iter().enumerate() {
                let features = &self.bins.features[feature..table.features];
                let left = &mut left[..table.words];
                left.fill(u64::MAX);
                let mut outside = [[0; FEATURES]; LEAVES / 8];
                for (nth, local) in features.iter().enumerate() {
                    let bin = bins[local.feature][tree] as usize;
                    let at = local.first_mask + bin * (1 + table.words);
                    let masks = &table.masks[at..=at + table.words];
                    for (row, byte) in outside.iter_mut().zip((!masks[0]).to_le_bytes()) {
                        row[nth % FEATURES] = byte;
                    }
                    for (left, mask) in left.iter_mut().zip(&masks[1..]) {
                        *left &= mask;
                    }
                }
                let reached = Reached {
                    entries: &table.entries,
                    left,
                    outside: &outside,
                };
                for (nth, features) in features.chunks(LANES).enumerate() {
                    let sums = reached.sums(nth * LANES, shares).values();
                    for (local, sum) in features.iter().zip(sums.as_flattened()) {
                        contributions[local.feature] += sum;
                    }
                }
                feature = table.features;
            }
        }
    }
}

impl Reached<'_> {
    /// What the features from `first` on contribute.
    #[inline]
    fn sums(&self, first: usize, shares: &Shares) -> Sums {
        let mut sums = Sums::new();
        for (left, entries) in self.left.iter().zip(self.entries.chunks(64)) {
            let mut left = *left;
            while left != 0 {
                // What the application misses the leaf in, and what each of these features loses
                // by it.
                let Entry { leaf, last, .. } = entries[left.trailing_zeros() as usize];
                let misses = self.misses(usize::from(leaf));
                let losses = misses.count_ones() as usize;
                let mut lost = 0.0;
                let mut of_leaf = left & (u64::MAX >> (63 - last));
                left ^= of_leaf;
                while of_leaf != 0 {
                    let one = &entries[of_leaf.trailing_zeros() as usize];
                    of_leaf &= of_leaf - 1;
                    let shares = shares.pair(losses, one.misses.count_ones() as usize);
                    lost += one.value * shares[0];
                    sums.add(one.misses >> first, one.value * shares[1]);
                }
                sums.add(misses >> first, -lost);
            }
        }
        sums
    }

    /// The features in which a leaf is missed.
    #[inline]
    fn misses(&self, leaf: usize) -> u32 {
        let mut bytes = self.outside[leaf / 8 % (LEAVES / 8)].chunks_exact(8);
        let mut misses = 0;
        for nth in 0..FEATURES / 8 {
            let Some(Ok(eight)) = bytes.next().map(<[u8; 8]>::try_from) else {
                break;
            };
            // The factor moves the lowest bit of each byte into the highest byte, side by side.
            let bits = u64::from_le_bytes(eight) >> (leaf % 8) & 0x0101_0101_0101_0101;
            misses |= (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56 << (8 * nth)) as u32;
        }
        misses
    }
}

/// Building.
impl Patterns {
    /// Adds a tree; `false` where it has too many leaves or features, or no room is left.
    /// `weights` are those of the profiles that are `seen`, and `weight` is what a leaf counts.
    #[inline(never)]
    pub(super) fn add(
        &mut self,
        forest: &Forest,
        index: usize,
        seen: &Seen,
        weights: &[f64],
        weight: f64,
    ) -> bool {
        let nodes = &forest.trees[index].nodes;
        let first = self.bins.features.len();
        if self.spent >= BUDGET || !self.bins.add(forest, nodes) {
            return false;
        }
        let boxes = self.bins.boxes(forest, nodes, first, &IN_ORDER);
        let leaves = nodes.len() / 2 + 1;
        let missing = self.missing(first, &boxes, seen, weights.len(), leaves);
        let (entries, here) = entries(nodes, &missing, weights, weight);
        let stride = 1 + here.len();
        let mut masks = Vec::with_capacity(boxes.len() * stride);
        let mut bins = boxes.iter();
        for local in &mut self.bins.features[first..] {
            local.first_mask = masks.len();
            for leaves in bins.by_ref().take(local.count()) {
                masks.push(*leaves);
                masks.extend_from_slice(&here);
            }
        }
        let features = &self.bins.features[first..];
        strike_out(features, &entries, &boxes, &mut masks, stride);
        // As if the entries of leaves were not kept together, whatever that takes: which trees
        // are walked decides bits.
        let count: usize = here.iter().map(|word| word.count_ones() as usize).sum();
        self.spent += boxes.len() * (1 + count.div_ceil(64)) + 2 * count;
        self.trees.push(Table {
            features: self.bins.features.len(),
            // Without a feature no mask says which entries there are, and none contributes.
            words: if features.is_empty() { 0 } else { here.len() },
            masks,
            entries,
        });
        true
    }

    /// Prepares [`Patterns::contribute`] when all trees are added.
    pub(super) fn finish(&mut self) {
        let ends: Vec<usize> = self.trees.iter().map(|table| table.features).collect();
        self.bins.finish(&ends);
    }

    /// For each feature from `first` on and each leaf: the profiles that miss it there.
    fn missing(
        &self,
        first: usize,
        boxes: &[u64],
        seen: &Seen,
        profiles: usize,
        leaves: usize,
    ) -> Vec<u64> {
        let features = &self.bins.features[first..];
        let mut missing = vec![0; features.len() * leaves];
        let mut boxes = boxes.iter();
        for (local, missing) in features.iter().zip(missing.chunks_mut(leaves)) {
            for of_bin in self.bins.profiles(local, seen, profiles) {
                let inside = boxes.next().copied().unwrap_or_default();
                if of_bin != 0 {
                    for (leaf, missing) in missing.iter_mut().enumerate() {
                        // All ones where the leaf is missed.
                        *missing |= of_bin & (inside >> leaf & 1).wrapping_sub(1);
                    }
                }
            }
        }
        missing
    }
}
