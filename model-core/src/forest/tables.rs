//! Tables of prefix masks: for each bin and each tree, which exits a row can still reach.

use super::aggregation::GROUP;
use super::groups::{Group, groups};
use super::index::Index;
use super::plan::Questions;
use super::{CategorySet, Forest};

/// Trees of a tile.
pub(super) const TILE: usize = GROUP;

/// One bin's masks for the trees of a tile: 64 or 128 bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line<W>(pub(super) [W; TILE]);

/// Prefix masks (after QuickScorer): for each bin of a value and each tree, the exits
/// that are still reachable. A row's exit in a tree is the lowest one that all its bins
/// leave.
///
/// The trees of a tile ask for few of the cuts that all trees ask for, and bins that they do
/// not tell apart share a line. So a tile's lines fit into the first-level cache, and its table
/// takes a tenth of what a line for each bin would.
#[derive(Debug)]
pub(super) struct Tables<W> {
    /// Takes a row to its bins, those of each group after those of the groups before it.
    pub(super) index: Index,
    bins: usize,
    tiles: usize,
    /// The line of each bin among those of a tile: bin after bin for each tile.
    by_tile: Vec<u16>,
    /// The same, tile after tile for each bin: what one row asks for lies together.
    by_bin: Vec<u16>,
    /// Where each tile's lines begin.
    starts: Vec<usize>,
    lines: Vec<Line<W>>,
}

impl Tables<u64> {
    /// The tables for these questions of each feature, or none when they take more than
    /// `budget` bytes, a line `line` of them.
    #[inline(never)]
    fn build(forest: &Forest, questions: &[Questions], budget: usize, line: usize) -> Option<Self> {
        let tiles = forest.trees.len().div_ceil(TILE);
        let place = 2 * size_of::<u16>() * tiles;
        let groups = groups(questions, budget / place)?;
        let bins: usize = groups.iter().map(|group| group.bins).sum();
        let most = budget.checked_sub(bins * place)? / line;
        u32::try_from(bins * tiles).ok()?;
        let mut tables = Self {
            index: Index::new(forest, questions, &groups),
            bins,
            tiles,
            by_tile: Vec::with_capacity(bins * tiles),
            by_bin: Vec::new(),
            starts: Vec::with_capacity(tiles),
            lines: Vec::new(),
        };
        for first in (0..forest.trees.len()).step_by(TILE) {
            tables.starts.push(tables.lines.len());
            for group in &groups {
                tables.add(group, questions, first, &forest.category_sets)?;
            }
            if tables.lines.len() > most {
                return None;
            }
        }
        let tile = |bin: usize| tables.by_tile[bin..].iter().step_by(bins);
        tables.by_bin = (0..bins).flat_map(tile).copied().collect();
        Some(tables)
    }

    /// Adds the lines of a group of features for the last tile, whose trees are those from
    /// `first` on. None when a place could not tell them apart.
    fn add(
        &mut self,
        group: &Group,
        questions: &[Questions],
        first: usize,
        sets: &[CategorySet],
    ) -> Option<()> {
        let start = self.lines.len();
        let (mut masks, mut stride) = (Vec::new(), 1);
        let mut places = vec![start - self.starts.last()?; group.bins];
        for &(feature, from) in &group.members {
            let (own, bins) = questions[feature].of_trees(first..first + TILE, sets);
            // The bins come round again for each bin of the features with greater strides, as
            // the digits of a number do.
            for (places, &bin) in places.chunks_mut(from).zip(bins.iter().cycle()) {
                for place in places {
                    *place += bin as usize * stride;
                }
            }
            masks.push((stride, own.masks(TILE, sets)));
            stride *= own.bins;
        }
        self.lines.resize(start + stride, Line([u64::MAX; TILE]));
        for (stride, masks) in masks {
            restrict(&mut self.lines[start..], stride, &masks);
        }
        for place in places {
            self.by_tile.push(u16::try_from(place).ok()?);
        }
        Some(())
    }
}

impl<W: Word> Tables<W> {
    /// The tables for these questions of each feature, or none when they take more than
    /// `budget` bytes.
    pub(super) fn new(forest: &Forest, questions: &[Questions], budget: usize) -> Option<Self> {
        // Built once for all words, which keeps the engine small.
        let wide = Tables::build(forest, questions, budget, size_of::<Line<W>>())?;
        let lines = wide.lines.iter();
        Some(Self {
            lines: lines.map(|line| Line(line.0.map(W::from_exits))).collect(),
            index: wide.index,
            bins: wide.bins,
            tiles: wide.tiles,
            by_tile: wide.by_tile,
            by_bin: wide.by_bin,
            starts: wide.starts,
        })
    }

    /// Takes one row to its bins: where each one's places begin.
    #[inline(always)]
    pub(super) fn read_row(&self, row: &[f64], bins: &mut Vec<u32>) {
        self.index.read_row(row, bins);
        for bin in bins {
            *bin *= self.tiles as u32;
        }
    }

    /// The exits that all bins of one row leave in the trees of a tile.
    #[inline(always)]
    pub(super) fn meet(&self, bins: &[u32], tile: usize) -> Line<W> {
        let lines = &self.lines[self.starts[tile]..];
        met(
            lines,
            bins.iter().map(|&bin| self.by_bin[bin as usize + tile]),
        )
    }

    /// The same for each row of many, whose bins the index gives.
    #[inline(always)]
    pub(super) fn meet_all(&self, bins: &[u32], tile: usize, out: &mut Vec<Line<W>>) {
        let lines = &self.lines[self.starts[tile]..];
        let places = &self.by_tile[tile * self.bins..][..self.bins];
        let rows = bins.chunks_exact(self.index.groups());
        // Sized first: a loop in `extend` would not be compiled for the wider instructions.
        out.resize(rows.len(), Line([W::ALL; TILE]));
        for (out, bins) in out.iter_mut().zip(rows) {
            *out = met(lines, bins.iter().map(|&bin| places[bin as usize]));
        }
    }
}

/// The exits that all of these lines leave.
#[inline(always)]
fn met<W: Word>(lines: &[Line<W>], places: impl Iterator<Item = u16>) -> Line<W> {
    let mut left = [W::ALL; TILE];
    for place in places {
        let line = &lines[usize::from(place)];
        for (mask, &other) in left.iter_mut().zip(&line.0) {
            *mask = mask.and(other);
        }
    }
    Line(left)
}

/// Applies a feature's masks, bin after bin, to the lines of its group, in which every
/// bin lasts for `stride` lines.
fn restrict(lines: &mut [Line<u64>], stride: usize, masks: &[u64]) {
    let bins = masks.chunks_exact(TILE).cycle();
    for (lines, masks) in lines.chunks_mut(stride).zip(bins) {
        for line in lines {
            for (mask, other) in line.0.iter_mut().zip(masks) {
                *mask &= other;
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
