use super::Forest;
use std::ops::Range;

use super::compiled::{column, value_of};
use super::groups::group;
use super::plan::{Plan, Questions, Reader};
use super::rank::Ranker;

/// Trees of a tile.
pub(super) const TILE: usize = 16;
/// Rows that are evaluated together.
pub(super) const BLOCK: usize = 256;

/// One bin's masks for the trees of a tile: 64 or 128 bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line<W>(pub(super) [W; TILE]);

/// Prefix masks (after QuickScorer): for each bin of a value and each tree, the exits
/// that are still reachable. A row's exit in a tree is the lowest one that all its bins
/// leave.
#[derive(Debug)]
pub(super) struct Tables<W> {
    inputs: Vec<Input>,
    /// The first line of each group of features.
    first: Vec<u32>,
    tiles: usize,
    /// Bin after bin, for each tile after tile.
    lines: Vec<Line<W>>,
}

/// A feature that some split asks about.
#[derive(Debug)]
struct Input {
    feature: usize,
    group: usize,
    /// Lines from one of its bins to the next.
    stride: u32,
    reader: Reader,
}

impl<W: Word> Tables<W> {
    /// The tables of a plan, or none when they take more than `budget` bytes.
    pub(super) fn new(forest: &Forest, plan: Plan, budget: usize) -> Option<Self> {
        let asked = |questions: &Questions| {
            if questions.splits.is_empty() {
                0
            } else {
                questions.bins
            }
        };
        let bins: Vec<usize> = plan.questions.iter().map(asked).collect();
        if bins.iter().any(|&bins| bins > Ranker::MOST) {
            return None;
        }
        let tiles = plan.exits.len().div_ceil(TILE);
        let affordable = budget / (tiles * size_of::<Line<W>>());
        let groups = group(&bins, affordable)?;
        let total: usize = groups.iter().map(|group| group.bins).sum();
        let mut tables = Self {
            inputs: Vec::new(),
            first: Vec::new(),
            tiles,
            lines: vec![Line([W::ALL; TILE]); tiles * total],
        };
        let mut questions: Vec<_> = plan.questions.into_iter().map(Some).collect();
        let mut first = 0;
        for (index, group) in groups.iter().enumerate() {
            for &(feature, stride) in &group.members {
                let Some(questions) = questions[feature].take() else {
                    continue;
                };
                let masks = questions.masks(tiles * TILE, &forest.category_sets);
                tables.restrict(first..first + group.bins, stride, questions.bins, &masks);
                let reader = questions.reader(&forest.features[feature]);
                tables.inputs.push(Input {
                    feature,
                    group: index,
                    stride: (stride * tiles) as u32,
                    reader,
                });
            }
            tables.first.push((first * tiles) as u32);
            first += group.bins;
        }
        Some(tables)
    }

    /// Applies one feature's masks, bin after bin, to the bins of its group.
    fn restrict(&mut self, group: Range<usize>, stride: usize, bins: usize, masks: &[W]) {
        let trees = masks.len() / bins;
        let rows = self.lines.chunks_exact_mut(self.tiles);
        for (index, row) in rows.skip(group.start).take(group.len()).enumerate() {
            let bin = index / stride % bins;
            let masks = masks[bin * trees..].chunks_exact(TILE);
            for (line, masks) in row.iter_mut().zip(masks) {
                for (mask, &other) in line.0.iter_mut().zip(masks) {
                    *mask = mask.and(other);
                }
            }
        }
    }

    /// The bins of `rows` rows, row after row. Feature `f` of row `r` is
    /// `columns[f * stride + r]`, or missing where `columns` ends.
    pub(super) fn read(&self, columns: &[f64], stride: usize, rows: usize, bins: &mut Vec<u32>) {
        let groups = self.first.len();
        bins.clear();
        for _ in 0..rows {
            bins.extend_from_slice(&self.first);
        }
        for input in &self.inputs {
            let column = column(columns, stride, input.feature, rows);
            let mut bins = bins[input.group..].iter_mut().step_by(groups);
            match &input.reader {
                Reader::Number(ranker) => {
                    for (&value, bin) in column.iter().zip(bins.by_ref()) {
                        *bin += ranker.rank(value) * input.stride;
                    }
                }
                reader => {
                    for (&value, bin) in column.iter().zip(bins.by_ref()) {
                        *bin += reader.bin(value) * input.stride;
                    }
                }
            }
            for bin in bins {
                *bin += input.reader.bin(f64::NAN) * input.stride;
            }
        }
    }

    /// The same for one row: a value for each feature, missing beyond the end.
    #[inline(always)]
    pub(super) fn read_row(&self, row: &[f64], bins: &mut Vec<u32>) {
        bins.clear();
        bins.extend_from_slice(&self.first);
        for input in &self.inputs {
            bins[input.group] += input.reader.bin(value_of(row, input.feature)) * input.stride;
        }
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
        let rows = bins.chunks_exact(self.first.len());
        lines.clear();
        lines.extend(rows.map(|bins| self.meet(bins, tile)));
    }

    /// The sum of one row. `leaves` are [`Word::EXITS`] values for each tree.
    pub(super) fn sum(&self, leaves: &[f64], bins: &[u32]) -> f64 {
        let tiles = leaves.chunks(TILE * W::EXITS).enumerate();
        // Not in two passes: the masks of the next tiles are met while this sum waits for
        // its own last addition.
        tiles.fold(0.0, |sum, (tile, leaves)| {
            add(sum, &self.meet(bins, tile), leaves)
        })
    }

    /// The sums of rows. They are 0 before.
    pub(super) fn sums(
        &self,
        leaves: &[f64],
        bins: &[u32],
        lines: &mut Vec<Line<W>>,
        sums: &mut [f64],
    ) {
        for (tile, leaves) in leaves.chunks(TILE * W::EXITS).enumerate() {
            self.meet_all(bins, tile, lines);
            for (line, sum) in lines.iter().zip(&mut *sums) {
                *sum = add(*sum, line, leaves);
            }
        }
    }
}

/// Adds the values of a tile's trees, one by one.
#[inline(always)]
fn add<W: Word>(sum: f64, line: &Line<W>, leaves: &[f64]) -> f64 {
    let trees = leaves.chunks_exact(W::EXITS).zip(&line.0);
    trees.fold(sum, |sum, (leaves, mask)| sum + leaves[mask.lowest()])
}

/// A mask of exits, one bit each: `u32` or `u64`.
pub(super) trait Word: Copy {
    /// Exits of a tree.
    const EXITS: usize;
    /// Every exit.
    const ALL: Self;
    /// The exits that are in both.
    fn and(self, other: Self) -> Self;
    /// Takes exits out.
    fn clear(&mut self, exits: u64);
    /// The lowest exit, below [`Self::EXITS`].
    fn lowest(self) -> usize;
}

macro_rules! word {
    ($word:ty) => {
        impl Word for $word {
            const EXITS: usize = <$word>::BITS as usize;
            const ALL: Self = <$word>::MAX;

            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }

            #[inline(always)]
            fn clear(&mut self, exits: u64) {
                *self &= !(exits as $word);
            }

            /// Some bit is always set; the highest one is set here so that the compiler knows.
            #[inline(always)]
            fn lowest(self) -> usize {
                (self | 1 << (<$word>::BITS - 1)).trailing_zeros() as usize
            }
        }
    };
}

word!(u32);
word!(u64);
