//! The bins of a tree: the parts into which its own splits divide the values of a feature. Values
//! of one bin reach the same leaves, and of each leaf's box a feature's bins can be told. A row's
//! bins are looked up for sixteen trees at once.

use super::codes::{MISSING, goes_left, ones, question};
use super::seen::Seen;
use crate::forest::{Bins, Forest, Node, right_children, sorted_set};

/// Most leaves of a tree: the bits of a mask.
pub(super) const LEAVES: usize = 64;
/// Most features of a tree: the bits of a pattern.
pub(super) const FEATURES: usize = 32;

/// The bits of leaves that are numbered from left to right.
pub(super) const IN_ORDER: [u8; LEAVES] = {
    let mut order = [0; LEAVES];
    let mut leaf = 0;
    while leaf < LEAVES {
        order[leaf] = leaf as u8;
        leaf += 1;
    }
    order
};
/// Trees whose bins are looked up together.
pub(super) const BLOCK: usize = 16;

/// The bins of trees, one tree after another.
#[derive(Debug, Default)]
pub(super) struct TreeBins {
    pub(super) features: Vec<Local>,
    /// Cuts that a tree asks for, as indices of the feature's cuts.
    cuts: Vec<u32>,
    /// What each block of trees asks of each feature, one block after another.
    asked: Vec<Asked>,
    /// Where each block's part of `asked` ends.
    blocks: Vec<usize>,
    /// Cuts that a block asks for.
    block_cuts: Vec<u32>,
    /// For each value of a number that a block tells apart, the bin in each of its trees.
    lines: Vec<[u8; BLOCK]>,
}

/// What a block of trees asks of a feature.
#[derive(Debug)]
struct Asked {
    feature: usize,
    /// Of a number, its cuts and its lines: one for the values up to each cut, one for those
    /// above all, one for a missing one.
    first_cut: usize,
    last_cut: usize,
    first_line: usize,
    /// Of a category, the bin of a missing one; 0 of a number.
    missing: u32,
}

/// A feature of a tree.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) feature: usize,
    /// Of a number, where its cuts begin.
    first_cut: usize,
    /// Of a number: its cuts. Of a category: how many bins it has but for the missing one.
    bins: usize,
    is_number: bool,
    /// Where whoever masks leaves by bin has the mask of the first one.
    pub(super) first_mask: usize,
}

impl TreeBins {
    /// Adds the features that a tree asks for; `false`, and adds none, where it has too many
    /// leaves or features.
    pub(super) fn add(&mut self, forest: &Forest, nodes: &[Node]) -> bool {
        let first = self.features.len();
        if nodes.len() / 2 >= LEAVES {
            return false;
        }
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
        if self.features.len() - first > FEATURES {
            self.features.truncate(first);
            return false;
        }
        true
    }

    /// Which of the features from `first` on is this.
    fn find(&self, first: usize, feature: usize) -> Option<usize> {
        let mut features = self.features[first..].iter();
        features.position(|local| local.feature == feature)
    }

    /// Prepares [`TreeBins::read`] when all trees are added. `ends` says where the features of
    /// each tree end.
    #[inline(never)]
    pub(super) fn finish(&mut self, ends: &[usize]) {
        let mut first = 0;
        for ends in ends.chunks(BLOCK) {
            // By feature, then by tree.
            let mut keys = Vec::new();
            for (tree, end) in ends.iter().enumerate() {
                for at in first..*end {
                    let feature = self.features[at].feature;
                    keys.push(((feature * BLOCK + tree) as u64) << 32 | at as u64);
                }
                first = *end;
            }
            let mut keys = &sorted_set(keys)[..];
            while let Some(key) = keys.first() {
                let feature = (key >> 32) as usize / BLOCK;
                let of_others = |key: &u64| (key >> 32) as usize / BLOCK != feature;
                let count = keys.iter().position(of_others).unwrap_or(keys.len());
                let (of_feature, others) = keys.split_at(count);
                self.ask(feature, of_feature);
                keys = others;
            }
            self.blocks.push(self.asked.len());
        }
    }

    /// Adds what a block of trees asks of a feature; the keys say which trees do.
    fn ask(&mut self, feature: usize, keys: &[u64]) {
        let first_line = self.lines.len();
        let first_cut = self.block_cuts.len();
        let mut cuts = Vec::new();
        let mut missing = [0; BLOCK];
        let mut code = 0;
        for key in keys {
            let tree = (key >> 32) as usize % BLOCK;
            let local = &self.features[*key as u32 as usize];
            if !local.is_number {
                code = local.bins as u32;
                continue;
            }
            missing[tree] = local.bins as u8 + 1;
            for cut in &self.cuts[local.first_cut..local.first_cut + local.bins] {
                cuts.push(u64::from(*cut) << 32 | tree as u64);
            }
        }
        if code == 0 {
            let mut line = [0; BLOCK];
            for key in sorted_set(cuts) {
                let cut = (key >> 32) as u32;
                if self.block_cuts[first_cut..].last() != Some(&cut) {
                    self.block_cuts.push(cut);
                    self.lines.push(line);
                }
                line[key as usize % BLOCK] += 1;
            }
            self.lines.extend([line, missing]);
        }
        self.asked.push(Asked {
            feature,
            first_cut,
            last_cut: self.block_cuts.len(),
            first_line,
            missing: code,
        });
    }

    /// Takes a row's codes to their bins: of each feature that a block of trees asks for, the bin
    /// in each of its trees.
    #[inline]
    pub(super) fn read(&self, block: usize, codes: &[u32], bins: &mut [[u32; BLOCK]]) {
        let first = block.checked_sub(1).map_or(0, |before| self.blocks[before]);
        for asked in &self.asked[first..self.blocks[block]] {
            let code = codes[asked.feature];
            if asked.missing != 0 {
                bins[asked.feature] = [code.min(asked.missing); BLOCK];
                continue;
            }
            let cuts = &self.block_cuts[asked.first_cut..asked.last_cut];
            let above = cuts.partition_point(|cut| *cut < code);
            let line = asked.first_line + above + usize::from(code == MISSING);
            bins[asked.feature] = self.lines[line].map(u32::from);
        }
    }

    /// The bin of a code in a feature of a tree.
    #[inline]
    pub(super) fn bin(&self, local: &Local, code: u32) -> usize {
        if code == MISSING {
            return local.count() - 1;
        }
        if !local.is_number {
            return code as usize;
        }
        let mut bin = 0;
        for cut in &self.cuts[local.first_cut..local.first_cut + local.bins] {
            bin += usize::from(*cut < code);
        }
        bin
    }

    /// For each bin of a feature of a tree, the profiles that are in it: of so many.
    pub(super) fn profiles(&self, local: &Local, seen: &Seen, count: usize) -> Vec<u64> {
        let part = &seen.parts[local.feature];
        let mut rest = seen.present[local.feature];
        let missing = !rest & u64::MAX >> (64 - count);
        let mut profiles = Vec::with_capacity(local.count());
        if local.is_number {
            for cut in &self.cuts[local.first_cut..local.first_cut + local.bins] {
                let above = part[*cut as usize];
                profiles.push(rest & !above);
                rest = above;
            }
            profiles.push(rest);
        } else {
            profiles.extend_from_slice(part);
        }
        profiles.push(missing);
        profiles
    }

    /// For each feature from `first` on and each of its bins: the leaves whose box holds the bin.
    /// `order` has the bit of each leaf, from left to right.
    pub(super) fn boxes(
        &self,
        forest: &Forest,
        nodes: &[Node],
        first: usize,
        order: &[u8],
    ) -> Vec<u64> {
        let right = right_children(nodes);
        let mut boxes = Vec::new();
        // Of each node the bins that get there, 64 at a time.
        let mut here = vec![0; nodes.len()];
        for local in &self.features[first..] {
            let first_box = boxes.len();
            boxes.resize(first_box + local.count(), 0);
            for (start, boxes) in (0..).step_by(64).zip(boxes[first_box..].chunks_mut(64)) {
                here[0] = u64::MAX >> (64 - boxes.len());
                let mut order = order.iter();
                for (at, node) in nodes.iter().enumerate() {
                    let bins = here[at];
                    let Some((feature, _)) = question(node) else {
                        let leaf = order.next().map_or(0, |bit| 1 << bit);
                        // Where runs of bins begin, and where they end.
                        for bin in ones(bins ^ bins << 1) {
                            if let Some(change) = boxes.get_mut(bin) {
                                *change ^= leaf;
                            }
                        }
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
                let mut inside = 0;
                for change in boxes {
                    inside ^= *change;
                    *change = inside;
                }
            }
        }
        boxes
    }
}

impl Local {
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
    pub(super) fn count(&self) -> usize {
        self.bins + 1 + usize::from(self.is_number)
    }
}
