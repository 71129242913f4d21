//! The fast way for trees of at most 64 leaves: for each leaf, the distinct sets of inputs in
//! which profiles miss it, each with the weight of its profiles. These patterns are the entries
//! of a tree. A leaf contributes by an entry only if the application misses it in none of the
//! entry's inputs, so for each input and bin a mask says which entries are left; the few that
//! are left under all inputs' masks are added up.

use super::codes::{MISSING, goes_left};
use super::profiles::MAX_PROFILES;
use super::shares::Shares;
use crate::forest::{Bins, Forest, Node, Tree};

/// Most leaves of a tree: the bits of a mask.
const LEAVES: usize = 64;
/// Words of the entries of a tree: one entry at most for each leaf and profile.
const WORDS: usize = MAX_PROFILES;
/// Most features of a tree: the bits of a pattern.
const FEATURES: usize = 32;
/// Bytes that the tables of a forest may take; trees beyond are walked.
const BUDGET: usize = 16 << 20;

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
    /// What each entry counts: the leaf's value times the weight of its profiles.
    values: Vec<f64>,
}

/// Where a tree's part ends in each list, and how many words its entries take.
#[derive(Debug)]
struct Head {
    features: u32,
    entries: u32,
    words: u32,
}

/// A feature of a tree.
#[derive(Debug)]
struct Local {
    feature: u16,
    is_number: bool,
    /// Of a number: its cuts. Of a category: how many bins it has but for the missing one.
    bins: u32,
    first_cut: u32,
    /// Of its first bin, among the masks.
    first_mask: u32,
}

/// A leaf, and the features of its tree in which profiles miss it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    misses: u32,
    leaf: u32,
}

impl Local {
    /// The bin of a code.
    #[inline]
    fn bin(&self, cuts: &[u32], code: u32) -> usize {
        match (self.is_number, code) {
            (true, MISSING) => self.bins as usize + 1,
            (true, _) => {
                let first = self.first_cut as usize;
                let cuts = &cuts[first..first + self.bins as usize];
                cuts.iter().filter(|cut| **cut < code).count()
            }
            (false, MISSING) => self.bins as usize,
            (false, _) => code as usize,
        }
    }

    /// How many bins there are.
    fn count(&self) -> usize {
        self.bins as usize + if self.is_number { 2 } else { 1 }
    }
}

impl Patterns {
    /// Adds a tree; `false` where it has too many leaves or features, or no room is left.
    pub(super) fn add(
        &mut self,
        forest: &Forest,
        tree: &Tree,
        right: &[usize],
        profiles: &[(Vec<u32>, f64)],
    ) -> bool {
        let leaves = tree.nodes.len() / 2 + 1;
        if leaves > LEAVES || self.bytes() > BUDGET {
            return false;
        }
        // A leaf without a split contributes nothing.
        if leaves == 1 {
            return true;
        }
        let first = self.features.len();
        if !self.add_features(forest, tree) {
            self.features.truncate(first);
            return false;
        }
        let boxes = boxes(forest, tree, right, &self.features[first..], &self.cuts);
        let first_entry = self.entries.len();
        self.add_entries(tree, &self.rows(first, profiles), &boxes);
        let entries = &self.entries[first_entry..];
        let words = entries.len().div_ceil(64);
        for (nth, local) in self.features[first..].iter_mut().enumerate() {
            local.first_mask = self.masks.len() as u32;
            for leaves in &boxes[nth] {
                self.masks.push(*leaves);
                for entries in entries.chunks(64) {
                    let left = |entry: &Entry| {
                        entry.misses >> nth & 1 == 0 || leaves >> entry.leaf & 1 == 1
                    };
                    let bits = entries.iter().enumerate();
                    self.masks
                        .push(bits.fold(0, |mask, (bit, e)| mask | u64::from(left(e)) << bit));
                }
            }
        }
        self.trees.push(Head {
            features: self.features.len() as u32,
            entries: self.entries.len() as u32,
            words: words as u32,
        });
        true
    }

    /// Adds what every tree contributes. `weight` is what a leaf counts.
    pub(super) fn contribute(
        &self,
        codes: &[u32],
        shares: &Shares,
        weight: f64,
        contributions: &mut [f64],
    ) {
        let (mut feature, mut entry) = (0, 0);
        for head in &self.trees {
            let features = &self.features[feature..head.features as usize];
            let mut leaf = LeafSums {
                features,
                masks: &self.masks,
                bins: [0; FEATURES],
                leaf: u32::MAX,
                misses: 0,
                lost: 0.0,
            };
            let words = head.words as usize;
            let mut left = [u64::MAX; WORDS];
            for (local, bin) in features.iter().zip(&mut leaf.bins) {
                let nth = local.bin(&self.cuts, codes[usize::from(local.feature)]);
                *bin = local.first_mask as usize + nth * (1 + words);
                let masks = &self.masks[*bin + 1..*bin + 1 + words];
                for (left, mask) in left.iter_mut().zip(masks) {
                    *left &= mask;
                }
            }
            for (word, mut bits) in left[..words].iter().copied().enumerate() {
                while bits != 0 {
                    let at = entry + 64 * word + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let value = weight * self.values[at];
                    leaf.add(self.entries[at], value, shares, contributions);
                }
            }
            leaf.finish(contributions);
            (feature, entry) = (head.features as usize, head.entries as usize);
        }
    }

    fn bytes(&self) -> usize {
        8 * self.masks.len() + 16 * self.entries.len()
    }
}

/// The sums of a tree's leaf that the application misses in the same inputs, whatever the entry.
struct LeafSums<'a> {
    features: &'a [Local],
    masks: &'a [u64],
    /// For each feature, where the masks of the application's bin stand.
    bins: [usize; FEATURES],
    leaf: u32,
    /// The features in which the application misses the leaf.
    misses: u32,
    /// What each of them has lost.
    lost: f64,
}

impl LeafSums<'_> {
    #[inline]
    fn add(&mut self, entry: Entry, value: f64, shares: &Shares, contributions: &mut [f64]) {
        if entry.leaf != self.leaf {
            self.finish(contributions);
            self.leaf = entry.leaf;
            let bins = self.bins[..self.features.len()].iter().enumerate();
            self.misses = bins.fold(0, |misses, (nth, bin)| {
                misses | ((!self.masks[*bin] >> entry.leaf & 1) as u32) << nth
            });
        }
        let (gained, missed) = (entry.misses.count_ones(), self.misses.count_ones());
        self.lost += value * shares.share(missed as usize, gained as usize);
        let gain = value * shares.share(gained as usize, missed as usize);
        let mut bits = entry.misses;
        while bits != 0 {
            let nth = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            contributions[usize::from(self.features[nth].feature)] += gain;
        }
    }

    /// Takes from the features in which the application misses the leaf.
    #[inline]
    fn finish(&mut self, contributions: &mut [f64]) {
        while self.misses != 0 {
            let nth = self.misses.trailing_zeros() as usize;
            self.misses &= self.misses - 1;
            contributions[usize::from(self.features[nth].feature)] -= self.lost;
        }
        self.lost = 0.0;
    }
}

/// Building.
impl Patterns {
    /// Adds the features that a tree asks for; `false` where they are too many.
    fn add_features(&mut self, forest: &Forest, tree: &Tree) -> bool {
        let first = self.features.len();
        for node in &tree.nodes {
            let Node::Split { feature, .. } = *node else {
                continue;
            };
            if self.features[first..]
                .iter()
                .any(|local| local.feature == feature)
            {
                continue;
            }
            if self.features.len() == first + FEATURES {
                return false;
            }
            let first_cut = self.cuts.len() as u32;
            let (is_number, bins) = match forest.features[usize::from(feature)] {
                Bins::Cuts(_) => (true, self.add_cuts(tree, feature)),
                Bins::Categories(count) => (false, count + 1),
            };
            self.features.push(Local {
                feature,
                is_number,
                bins,
                first_cut,
                first_mask: 0,
            });
        }
        true
    }

    /// Adds the cuts of a number that a tree asks for, ascending; returns how many.
    fn add_cuts(&mut self, tree: &Tree, of: u16) -> u32 {
        let first = self.cuts.len();
        for node in &tree.nodes {
            if let Node::Split { feature, split, .. } = *node
                && feature == of
                && let Err(at) = self.cuts[first..].binary_search(&split)
            {
                self.cuts.insert(first + at, split);
            }
        }
        (self.cuts.len() - first) as u32
    }

    /// For each profile the bin of each feature of the tree, and its weight.
    fn rows(&self, first: usize, profiles: &[(Vec<u32>, f64)]) -> Vec<(Vec<usize>, f64)> {
        let bins = |codes: &[u32]| {
            let locals = self.features[first..].iter();
            let bins = locals.map(|local| local.bin(&self.cuts, codes[usize::from(local.feature)]));
            bins.collect()
        };
        (profiles.iter())
            .map(|(codes, weight)| (bins(codes), *weight))
            .collect()
    }

    fn add_entries(&mut self, tree: &Tree, rows: &[(Vec<usize>, f64)], boxes: &[Vec<u64>]) {
        let leaves = tree.nodes.iter().filter_map(|node| match node {
            Node::Leaf { value, .. } => Some(*value),
            Node::Split { .. } => None,
        });
        for (leaf, value) in leaves.enumerate() {
            let first = self.entries.len();
            for (bins, weight) in rows {
                let inside = bins.iter().zip(boxes).map(|(bin, of_bins)| of_bins[*bin]);
                let misses = inside.enumerate().fold(0, |misses, (nth, leaves)| {
                    misses | ((!leaves >> leaf & 1) as u32) << nth
                });
                let known = self.entries[first..].iter();
                match known.clone().position(|entry| entry.misses == misses) {
                    Some(at) => self.values[first + at] += value * weight,
                    None => {
                        let leaf = leaf as u32;
                        self.entries.push(Entry { misses, leaf });
                        self.values.push(value * weight);
                    }
                }
            }
        }
    }
}

/// For each feature and bin the leaves whose box holds the bin.
fn boxes(
    forest: &Forest,
    tree: &Tree,
    right: &[usize],
    features: &[Local],
    cuts: &[u32],
) -> Vec<Vec<u64>> {
    let before = leaves_before(tree);
    let all = below(before[tree.nodes.len()]);
    let mut boxes: Vec<Vec<u64>> = (features.iter())
        .map(|local| vec![all; local.count()])
        .collect();
    for (at, node) in tree.nodes.iter().enumerate() {
        let Node::Split { feature, .. } = *node else {
            continue;
        };
        let Some(nth) = features.iter().position(|local| local.feature == feature) else {
            continue;
        };
        let local = &features[nth];
        let left = below(before[right[at]]) & !below(before[at]);
        let both = below(before[end(tree, right, at)]) & !below(before[at]);
        for (bin, leaves) in boxes[nth].iter_mut().enumerate() {
            let goes = goes_left(forest, node, local.code(cuts, bin));
            *leaves &= !(if goes { both & !left } else { left });
        }
    }
    boxes
}

impl Local {
    /// A code of a bin.
    fn code(&self, cuts: &[u32], bin: usize) -> u32 {
        if bin + 1 == self.count() {
            return MISSING;
        }
        if !self.is_number {
            return bin as u32;
        }
        let first = self.first_cut as usize;
        let cuts = &cuts[first..first + self.bins as usize];
        // The greatest code at or before the cut; behind the last one, the next.
        match (cuts.get(bin), cuts.last()) {
            (Some(cut), _) => *cut,
            (None, Some(last)) => last + 1,
            (None, None) => 0,
        }
    }
}

/// For each node, and for the end, how many leaves stand before it.
fn leaves_before(tree: &Tree) -> Vec<usize> {
    let mut before = Vec::with_capacity(tree.nodes.len() + 1);
    let mut leaves = 0;
    for node in &tree.nodes {
        before.push(leaves);
        leaves += usize::from(matches!(node, Node::Leaf { .. }));
    }
    before.push(leaves);
    before
}

/// Behind the last node of a subtree.
fn end(tree: &Tree, right: &[usize], mut at: usize) -> usize {
    while let Node::Split { .. } = tree.nodes[at] {
        at = right[at];
    }
    at + 1
}

/// The bits below a bit.
fn below(bit: usize) -> u64 {
    if bit < LEAVES {
        (1 << bit) - 1
    } else {
        u64::MAX
    }
}
