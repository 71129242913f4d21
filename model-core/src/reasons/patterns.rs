//! The fast way for trees of at most 64 leaves: for each leaf, the distinct sets of inputs in
//! which profiles miss it, each with the weight of its profiles. These patterns are the entries
//! of a tree. A leaf contributes by an entry only if the application misses it in none of the
//! entry's inputs, so for each input and bin a mask says which entries are left; the few that
//! are left under all inputs' masks are added up.

use super::codes::{MISSING, goes_left, ones, question};
use super::profiles::MAX_PROFILES;
use super::shares::Shares;
use crate::forest::{Bins, Forest, Node, right_children};

/// Most leaves of a tree: the bits of a mask.
const LEAVES: usize = 64;
/// Most features of a tree: the bits of a pattern.
const FEATURES: usize = 32;
/// Words of the entries of a tree: one entry at most for each leaf and profile.
const WORDS: usize = MAX_PROFILES;
/// Numbers of eight bytes that the tables of a forest may take; trees beyond are walked.
const BUDGET: usize = 2 << 20;

/// The tables of a forest, one tree after another.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    trees: Vec<Head>,
    features: Vec<Local>,
    /// Cuts that a tree asks for, as indices of the feature's cuts.
    cuts: Vec<u32>,
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

/// A feature of a tree.
#[derive(Debug)]
struct Local {
    feature: usize,
    /// Of a number, where its cuts begin.
    first_cut: usize,
    /// Of a number: its cuts. Of a category: how many bins it has but for the missing one.
    bins: usize,
    is_number: bool,
    /// Of its first bin, among the masks.
    first_mask: usize,
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
            let mut reached = Reached {
                features: &self.features[feature..head.features],
                outside: [0; FEATURES],
                sums: [0.0; FEATURES],
            };
            left[..head.words].fill(u64::MAX);
            for (local, outside) in reached.features.iter().zip(&mut reached.outside) {
                let bin = local.bin(&self.cuts, codes[local.feature]);
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

    /// Adds to each of some features.
    #[inline]
    fn add(&mut self, mut features: u32, value: f64) {
        while features != 0 {
            let nth = features.trailing_zeros() as usize;
            features &= features - 1;
            // Never more: without a check of the bounds.
            self.sums[nth % FEATURES] += value;
        }
    }
}

impl Local {
    /// The bin of a code.
    #[inline]
    fn bin(&self, cuts: &[u32], code: u32) -> usize {
        if code == MISSING {
            return self.count() - 1;
        }
        if !self.is_number {
            return code as usize;
        }
        let mut bin = 0;
        for cut in &cuts[self.first_cut..self.first_cut + self.bins] {
            bin += usize::from(*cut < code);
        }
        bin
    }

    /// A code of a bin.
    fn code(&self, cuts: &[u32], bin: usize) -> u32 {
        if bin + 1 == self.count() {
            MISSING
        } else if !self.is_number {
            bin as u32
        } else if bin < self.bins {
            // The greatest code at or before the cut.
            cuts[self.first_cut + bin]
        } else {
            u32::MAX - 1
        }
    }

    /// How many bins there are: a number has one more than cuts, and both the missing one.
    fn count(&self) -> usize {
        self.bins + 1 + usize::from(self.is_number)
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
        let first = self.features.len();
        if nodes.len() / 2 >= LEAVES || !room || !self.add_features(forest, nodes) {
            self.features.truncate(first);
            return false;
        }
        let boxes = self.boxes(forest, nodes, first);
        let first_entry = self.entries.len();
        self.add_entries(nodes, first, &boxes, codes, weights);
        let entries = &self.entries[first_entry..];
        let words = entries.len().div_ceil(64);
        let stride = 1 + words;
        let mut of_feature = &boxes[..];
        for (nth, local) in self.features[first..].iter_mut().enumerate() {
            let (of_bins, rest) = of_feature.split_at(local.count());
            of_feature = rest;
            local.first_mask = self.masks.len();
            self.masks
                .resize(local.first_mask + stride * of_bins.len(), u64::MAX);
            let masks = &mut self.masks[local.first_mask..];
            for (bin, leaves) in of_bins.iter().enumerate() {
                masks[bin * stride] = *leaves;
                // No entry stands behind the last.
                masks[bin * stride + words] = u64::MAX >> (64 * words - entries.len());
            }
            strike_out(nth, entries, of_bins, masks, stride);
        }
        self.trees.push(Head {
            features: self.features.len(),
            entries: self.entries.len(),
            // Without a feature no mask says which entries there are, and none contributes.
            words: if self.features.len() == first {
                0
            } else {
                words
            },
        });
        true
    }

    /// Adds the features that a tree asks for; `false` where they are too many.
    fn add_features(&mut self, forest: &Forest, nodes: &[Node]) -> bool {
        let first = self.features.len();
        for (at, node) in nodes.iter().enumerate() {
            let Some((feature, _)) = question(node) else {
                continue;
            };
            if self.find(first, feature).is_some() {
                continue;
            }
            let first_cut = self.cuts.len();
            let (is_number, bins) = match forest.features[feature] {
                Bins::Cuts(_) => {
                    for (other, split) in nodes[at..].iter().filter_map(question) {
                        if other == feature
                            && let Err(at) = self.cuts[first_cut..].binary_search(&split)
                        {
                            self.cuts.insert(first_cut + at, split);
                        }
                    }
                    (true, self.cuts.len() - first_cut)
                }
                Bins::Categories(count) => (false, count as usize + 1),
            };
            self.features.push(Local {
                feature,
                first_cut,
                bins,
                is_number,
                first_mask: 0,
            });
        }
        self.features.len() - first <= FEATURES
    }

    /// Which of the features from `first` on is this.
    fn find(&self, first: usize, feature: usize) -> Option<usize> {
        let mut features = self.features[first..].iter();
        features.position(|local| local.feature == feature)
    }

    /// For each feature from `first` on and each of its bins: the leaves whose box holds the bin.
    fn boxes(&self, forest: &Forest, nodes: &[Node], first: usize) -> Vec<u64> {
        let right = right_children(nodes);
        let mut boxes = Vec::new();
        // Of each node the bins that get there, 64 at a time.
        let mut here = vec![0; nodes.len()];
        for local in &self.features[first..] {
            let first_box = boxes.len();
            boxes.resize(first_box + local.count(), 0);
            for (start, boxes) in (0..).step_by(64).zip(boxes[first_box..].chunks_mut(64)) {
                here[0] = u64::MAX >> (64 - boxes.len());
                let mut leaf = 1;
                for (at, node) in nodes.iter().enumerate() {
                    let bins = here[at];
                    let Some((feature, _)) = question(node) else {
                        for bin in ones(bins) {
                            boxes[bin] |= leaf;
                        }
                        leaf <<= 1;
                        continue;
                    };
                    let mut left = bins;
                    if feature == local.feature {
                        for bin in ones(bins) {
                            let code = local.code(&self.cuts, start + bin);
                            left ^= u64::from(!goes_left(forest, node, code)) << bin;
                        }
                        here[right[at]] = bins ^ left;
                    } else {
                        here[right[at]] = bins;
                    }
                    here[at + 1] = left;
                }
            }
        }
        boxes
    }

    fn add_entries(
        &mut self,
        nodes: &[Node],
        first: usize,
        boxes: &[u64],
        codes: &[u32],
        weights: &[f64],
    ) {
        // Of each profile and leaf, the features in which it misses the leaf.
        let inputs = codes.len() / weights.len();
        let mut misses = vec![0; weights.len() * LEAVES];
        for (row, misses) in codes.chunks(inputs).zip(misses.chunks_mut(LEAVES)) {
            let mut at = 0;
            for (bit, local) in self.features[first..].iter().enumerate() {
                let inside = boxes[at + local.bin(&self.cuts, row[local.feature])];
                for leaf in ones(!inside & u64::MAX >> (63 - nodes.len() / 2)) {
                    misses[leaf] |= 1 << bit;
                }
                at += local.count();
            }
        }
        let mut leaf = 0;
        for node in nodes {
            let Node::Leaf { value, .. } = *node else {
                continue;
            };
            let of_leaf = self.entries.len();
            for (misses, weight) in misses.chunks(LEAVES).zip(weights) {
                let misses = misses[leaf];
                let value = value * weight;
                let mut known = self.entries[of_leaf..].iter_mut();
                match known.find(|entry| entry.misses == misses) {
                    Some(entry) => entry.value += value,
                    None => self.entries.push(Entry {
                        misses,
                        leaf: leaf as u32,
                        value,
                    }),
                }
            }
            leaf += 1;
        }
    }
}

/// Takes the entries that miss their leaf in a feature out of the masks of the bins that miss it
/// too. Entries of one leaf stand side by side.
fn strike_out(nth: usize, entries: &[Entry], of_bins: &[u64], masks: &mut [u64], stride: usize) {
    let (mut leaf, mut word, mut lost) = (0, 0, 0);
    for bit in 0..=entries.len() {
        let next = entries.get(bit);
        if next.is_none_or(|entry| entry.leaf != leaf || bit / 64 != word) {
            if lost != 0 {
                for (bin, leaves) in of_bins.iter().enumerate() {
                    let is_outside = !leaves >> leaf & 1;
                    masks[bin * stride + 1 + word] &= !(lost * is_outside);
                }
            }
            lost = 0;
        }
        if let Some(entry) = next {
            (leaf, word) = (entry.leaf, bit / 64);
            lost |= u64::from(entry.misses >> nth & 1) << (bit % 64);
        }
    }
}
