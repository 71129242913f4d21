//! The fast way for trees of at most 64 leaves: for each leaf, the distinct sets of inputs in
//! which profiles miss it, each with the weight of its profiles. These patterns are the entries
//! of a tree. A leaf contributes by an entry only if the application misses it in none of the
//! entry's inputs, so for each input and bin a mask says which entries are left; the few that
//! are left under all inputs' masks are added up.

use super::bins::{FEATURES, IN_ORDER, Local, TreeBins};
use super::codes::ones;
use super::profiles::MAX_PROFILES;
use super::shares::Shares;
use crate::forest::{Forest, Node};

/// Words of the entries of a tree: one entry at most for each leaf and profile.
const WORDS: usize = MAX_PROFILES;
/// Numbers of eight bytes that the tables of a forest may take; trees beyond are walked.
const BUDGET: usize = 2 << 20;

/// All ones for each of four features whose bit is 1.
const MASKS: [[u64; 4]; 16] = {
    let mut masks = [[0; 4]; 16];
    let mut at = 0;
    while at < 64 {
        masks[at / 4][at % 4] = if (at / 4) >> (at % 4) & 1 == 1 {
            u64::MAX
        } else {
            0
        };
        at += 1;
    }
    masks
};

/// The tables of a forest, one tree after another.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    trees: Vec<Head>,
    bins: TreeBins,
    /// For each feature of a tree and each of its bins: the leaves whose box holds the bin,
    /// then the entries that are left.
    masks: Vec<u64>,
    entries: Vec<Entry>,
}

/// Where a tree's part ends in each list, and how many words its entries take.
#[derive(Debug)]
struct Head {
    features: usize,
    entries: usize,
    words: usize,
}

/// A leaf, and the features of its tree in which profiles miss it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    misses: u32,
    leaf: u32,
    /// The leaf's value times the weight of these profiles.
    value: f64,
}

/// A tree in an application's bins.
struct Reached<'a> {
    features: &'a [Local],
    /// For each feature, the leaves whose box does not hold the bin.
    outside: [u64; FEATURES],
    /// What each feature has contributed.
    sums: [f64; FEATURES],
    /// Sums that may change, a multiple of four.
    sums_used: usize,
}

impl Patterns {
    /// Adds what every tree contributes. `weight` is what a leaf counts.
    #[inline(never)]
    pub(super) fn contribute(
        &self,
        codes: &[u32],
        shares: &Shares,
        weight: f64,
        contributions: &mut [f64],
    ) {
        let (mut feature, mut entry) = (0, 0);
        let mut left = [0; WORDS];
        for head in &self.trees {
            let features = &self.bins.features[feature..head.features];
            let mut reached = Reached {
                features,
                outside: [0; FEATURES],
                sums: [0.0; FEATURES],
                sums_used: features.len().next_multiple_of(4).min(FEATURES),
            };
            left[..head.words].fill(u64::MAX);
            for (local, outside) in reached.features.iter().zip(&mut reached.outside) {
                let bin = self.bins.bin(local, codes[local.feature]);
                let at = local.first_mask + bin * (1 + head.words);
                let masks = &self.masks[at..=at + head.words];
                *outside = !masks[0];
                for (left, mask) in left.iter_mut().zip(&masks[1..]) {
                    *left &= mask;
                }
            }
            // Of the leaf whose entries are looked at: what the application misses it in, and
            // what each of these features has lost by it.
            let (mut leaf, mut misses, mut lost) = (u32::MAX, 0, 0.0);
            for (word, bits) in left.iter().enumerate().take(head.words) {
                let mut bits = *bits;
                while bits != 0 {
                    let one = &self.entries[entry + 64 * word + bits.trailing_zeros() as usize];
                    bits &= bits - 1;
                    if one.leaf != leaf {
                        reached.add(misses, -lost);
                        (leaf, lost) = (one.leaf, 0.0);
                        misses = reached.misses(leaf);
                    }
                    let value = weight * one.value;
                    let gains = one.misses.count_ones() as usize;
                    let losses = misses.count_ones() as usize;
                    lost += value * shares.share(losses, gains);
                    reached.add(one.misses, value * shares.share(gains, losses));
                }
            }
            reached.add(misses, -lost);
            for (local, sum) in reached.features.iter().zip(&reached.sums) {
                contributions[local.feature] += sum;
            }
            (feature, entry) = (head.features, head.entries);
        }
    }
}

impl Reached<'_> {
    /// The features in which a leaf is missed.
    #[inline]
    fn misses(&self, leaf: u32) -> u32 {
        let mut misses = 0;
        for (nth, (_, outside)) in self.features.iter().zip(&self.outside).enumerate() {
            misses |= ((outside >> leaf & 1) as u32) << nth;
        }
        misses
    }

    /// Adds to each of some features, to four at a time and without a branch: what is added to
    /// the others is 0, which changes no sum, since none is ever -0.
    #[inline]
    fn add(&mut self, features: u32, value: f64) {
        let bits = value.to_bits();
        let mut left = features;
        for sums in self.sums[..self.sums_used].chunks_exact_mut(4) {
            let masks = &MASKS[(left & 15) as usize];
            left >>= 4;
            for (sum, mask) in sums.iter_mut().zip(masks) {
                *sum += f64::from_bits(bits & mask);
            }
        }
    }
}

/// Building.
impl Patterns {
    /// Adds a tree; `false` where it has too many leaves or features, or no room is left.
    /// `codes` are those of the profiles, one after another.
    #[inline(never)]
    pub(super) fn add(
        &mut self,
        forest: &Forest,
        index: usize,
        codes: &[u32],
        weights: &[f64],
    ) -> bool {
        let nodes = &forest.trees[index].nodes;
        let room = self.masks.len() + 2 * self.entries.len() < BUDGET;
        let first = self.bins.features.len();
        if !room || !self.bins.add(forest, nodes) {
            return false;
        }
        let boxes = self.bins.boxes(forest, nodes, first, &IN_ORDER);
        let first_entry = self.entries.len();
        self.add_entries(nodes, first, &boxes, codes, weights);
        let entries = &self.entries[first_entry..];
        let words = entries.len().div_ceil(64);
        let stride = 1 + words;
        let mut bins = boxes.iter();
        for local in &mut self.bins.features[first..] {
            local.first_mask = self.masks.len();
            for leaves in bins.by_ref().take(local.count()) {
                self.masks.push(*leaves);
                self.masks.resize(self.masks.len() + words, u64::MAX);
                // No entry stands behind the last.
                if let Some(last) = self.masks.last_mut() {
                    *last &= u64::MAX >> (64 * words - entries.len());
                }
            }
        }
        strike_out(
            &self.bins.features[first..],
            entries,
            &boxes,
            &mut self.masks,
            stride,
        );
        self.trees.push(Head {
            features: self.bins.features.len(),
            entries: self.entries.len(),
            // Without a feature no mask says which entries there are, and none contributes.
            words: if self.bins.features.len() == first {
                0
            } else {
                words
            },
        });
        true
    }

    /// Adds the entries of each leaf: a set of profiles for each set of features in which they
    /// miss it, in the order of their first profiles.
    fn add_entries(
        &mut self,
        nodes: &[Node],
        first: usize,
        boxes: &[u64],
        codes: &[u32],
        weights: &[f64],
    ) {
        let leaves = nodes.len() / 2 + 1;
        let missing = self.missing(first, boxes, codes, weights.len(), leaves);
        let mut leaf = 0;
        for node in nodes {
            let Node::Leaf { value, .. } = *node else {
                continue;
            };
            // Profiles that are in no entry yet.
            let mut rest = u64::MAX >> (64 - weights.len());
            while rest != 0 {
                let profile = rest.trailing_zeros();
                let (mut alike, mut misses) = (rest, 0);
                for (bit, missing) in missing.chunks(leaves).enumerate() {
                    let missing = missing[leaf];
                    let does = missing >> profile & 1;
                    // Those that miss the leaf here as this one does.
                    alike &= missing ^ does.wrapping_sub(1);
                    misses |= (does as u32) << bit;
                }
                rest ^= alike;
                let mut sum = None;
                for profile in ones(alike) {
                    let value = value * weights[profile];
                    sum = Some(sum.map_or(value, |sum| sum + value));
                }
                self.entries.push(Entry {
                    misses,
                    leaf: leaf as u32,
                    value: sum.unwrap_or_default(),
                });
            }
            leaf += 1;
        }
    }

    /// For each feature from `first` on and each leaf: the profiles that miss it there.
    fn missing(
        &self,
        first: usize,
        boxes: &[u64],
        codes: &[u32],
        profiles: usize,
        leaves: usize,
    ) -> Vec<u64> {
        let features = &self.bins.features[first..];
        let mut missing = vec![0; features.len() * leaves];
        let inputs = codes.len() / profiles;
        let mut at = 0;
        for (local, missing) in features.iter().zip(missing.chunks_mut(leaves)) {
            let mut of_bins = vec![0_u64; local.count()];
            for (profile, row) in codes.chunks(inputs).enumerate() {
                of_bins[self.bins.bin(local, row[local.feature])] |= 1 << profile;
            }
            for (of_bin, inside) in of_bins.iter().zip(&boxes[at..]) {
                if *of_bin != 0 {
                    for (leaf, missing) in missing.iter_mut().enumerate() {
                        // All ones where the leaf is missed.
                        *missing |= of_bin & (inside >> leaf & 1).wrapping_sub(1);
                    }
                }
            }
            at += local.count();
        }
        missing
    }
}

/// Takes the entries that miss their leaf in a feature out of the masks of the bins that miss it
/// too. Entries of one leaf stand side by side.
fn strike_out(
    features: &[Local],
    entries: &[Entry],
    boxes: &[u64],
    masks: &mut [u64],
    stride: usize,
) {
    // Of the leaf and the word: the entries that miss it in each feature.
    let mut lost = [0_u64; FEATURES];
    let (mut leaf, mut word) = (0, 0);
    for bit in 0..=entries.len() {
        let next = entries.get(bit);
        if next.is_none_or(|entry| entry.leaf != leaf || bit / 64 != word) {
            let mut of_bins = boxes;
            for (lost, local) in lost.iter_mut().zip(features) {
                let (here, rest) = of_bins.split_at(local.count());
                of_bins = rest;
                if *lost == 0 {
                    continue;
                }
                for (bin, leaves) in here.iter().enumerate() {
                    // All ones where the bin misses the leaf.
                    let is_outside = (leaves >> leaf & 1).wrapping_sub(1);
                    masks[local.first_mask + bin * stride + 1 + word] &= !(*lost & is_outside);
                }
                *lost = 0;
            }
        }
        if let Some(entry) = next {
            (leaf, word) = (entry.leaf, bit / 64);
            for nth in ones(u64::from(entry.misses)) {
                lost[nth % FEATURES] |= 1 << (bit % 64);
            }
        }
    }
}
