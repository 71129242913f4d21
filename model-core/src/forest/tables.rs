//! Tables of prefix masks: for each bin and each tree, which exits a row can still reach.

use super::Forest;
use super::aggregation::GROUP;
use super::groups::groups;
use super::index::Index;
use super::plan::Questions;

/// Trees of a tile.
pub(super) const TILE: usize = GROUP;

/// One bin's masks for the trees of a tile: 64 or 128 bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line<W>(pub(super) [W; TILE]);

/// Prefix masks (after QuickScorer): for each bin of a value and each tree, the exits
/// that are still reachable. A row's exit in a tree is the lowest one that all its bins
/// leave.
#[derive(Debug)]
pub(super) struct Tables<W> {
    /// Takes a row to its bins, each by its first line.
    pub(super) index: Index,
    /// Bin after bin, for each tile after tile.
    lines: Vec<Line<W>>,
}

impl<W: Word> Tables<W> {
    /// The tables for these questions of each feature, or none when they take more than
    /// `budget` bytes.
    #[inline(never)]
    pub(super) fn new(forest: &Forest, questions: &[Questions], budget: usize) -> Option<Self> {
        let tiles = forest.trees.len().div_ceil(TILE);
        let groups = groups(questions, budget / (tiles * size_of::<Line<W>>()))?;
        let bins: usize = groups.iter().map(|group| group.bins).sum();
        let mut lines = vec![Line([W::ALL; TILE]); bins * tiles];
        let mut rest = lines.as_mut_slice();
        for group in &groups {
            let (own, others) = rest.split_at_mut(group.bins * tiles);
            rest = others;
            for &(feature, stride) in &group.members {
                let masks = questions[feature].masks(tiles * TILE, &forest.category_sets);
                restrict(own, tiles, stride, &masks);
            }
        }
        let index = Index::new(forest, questions, &groups, tiles);
        Some(Self { index, lines })
    }

    /// The exits that all of a row's bins leave in the trees of a tile.
    #[inline(always)]
    pub(super) fn meet(&self, bins: &[u32], tile: usize) -> Line<W> {
        let mut left = [W::ALL; TILE];
        for &bin in bins {
            let line = &self.lines[bin as usize + tile];
            for (mask, &other) in left.iter_mut().zip(&line.0) {
                *mask = mask.and(other);
            }
        }
        Line(left)
    }

    /// The same for each row.
    #[inline(always)]
    pub(super) fn meet_all(&self, bins: &[u32], tile: usize, lines: &mut Vec<Line<W>>) {
        let rows = bins.chunks_exact(self.index.groups());
        lines.clear();
        lines.extend(rows.map(|bins| self.meet(bins, tile)));
    }
}

/// Applies a feature's masks, bin after bin, to the lines of its group, in which every
/// bin lasts for `stride` rows of `tiles` lines. The bins come round again for each bin of
/// the features with greater strides, as the digits of a number do.
fn restrict<W: Word>(lines: &mut [Line<W>], tiles: usize, stride: usize, masks: &[u64]) {
    let bins = masks.chunks_exact(tiles * TILE).cycle();
    for (rows, masks) in lines.chunks_mut(tiles * stride).zip(bins) {
        for row in rows.chunks_exact_mut(tiles) {
            for (line, masks) in row.iter_mut().zip(masks.chunks_exact(TILE)) {
                for (mask, &other) in line.0.iter_mut().zip(masks) {
                    *mask = mask.and(W::from_exits(other));
                }
            }
        }
    }
}

/// A mask of exits, one bit each: `u32` or `u64`.
pub(super) trait Word: Copy {
    /// Exits of a tree.
    const EXITS: usize;
    /// Every exit.
    const ALL: Self;
    /// The exits of a mask of 64, as many as there are.
    fn from_exits(exits: u64) -> Self;
    /// A value for each exit.
    type Values: Copy + AsMut<[f64]>;
    /// Values of nothing.
    const ZEROS: Self::Values;
    /// The exits that are in both.
    fn and(self, other: Self) -> Self;
    /// The lowest exit, below [`Self::EXITS`].
    fn lowest(self) -> usize;
    /// The value of the lowest exit.
    fn pick(self, values: &Self::Values) -> f64;
}

macro_rules! word {
    ($word:ty) => {
        impl Word for $word {
            const EXITS: usize = <$word>::BITS as usize;
            const ALL: Self = <$word>::MAX;
            type Values = [f64; <$word>::BITS as usize];
            const ZEROS: Self::Values = [0.0; <$word>::BITS as usize];

            #[inline(always)]
            fn from_exits(exits: u64) -> Self {
                exits as $word
            }

            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }

            /// Some bit is always set; the highest one is set here so that the compiler knows.
            #[inline(always)]
            fn lowest(self) -> usize {
                (self | 1 << (<$word>::BITS - 1)).trailing_zeros() as usize
            }

            #[inline(always)]
            fn pick(self, values: &Self::Values) -> f64 {
                values[self.lowest()]
            }
        }
    };
}

word!(u32);
word!(u64);
