use super::Forest;
use super::compiled::column;
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
    /// The first bin of each group of features.
    first: Vec<u32>,
    /// Bins of all groups.
    bins: usize,
    /// Tile after tile, in each bin after bin.
    lines: Vec<Line<W>>,
}

/// A feature that some split asks about.
#[derive(Debug)]
struct Input {
    feature: usize,
    group: usize,
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
        let total = groups.iter().map(|group| group.bins).sum();
        let mut tables = Self {
            inputs: Vec::new(),
            first: Vec::new(),
            bins: total,
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
                    stride: stride as u32,
                    reader,
                });
            }
            tables.first.push(first as u32);
            first += group.bins;
        }
        Some(tables)
    }

    /// Applies one feature's masks, bin after bin, to the bins of its group.
    fn restrict(&mut self, group: std::ops::Range<usize>, stride: usize, bins: usize, masks: &[W]) {
        let trees = masks.len() / bins;
        for (index, at) in group.enumerate() {
            let bin = index / stride % bins;
            let masks = masks[bin * trees..][..trees].chunks_exact(TILE);
            for (tile, masks) in self.lines.chunks_exact_mut(self.bins).zip(masks) {
                for (mask, &other) in tile[at].0.iter_mut().zip(masks) {
                    *mask = mask.and(other);
                }
            }
        }
    }

    /// Groups of features: bins of a row.
    pub(super) fn groups(&self) -> usize {
        self.first.len()
    }

    /// The bins of `rows` rows, row after row. Feature `f` of row `r` is
    /// `columns[f * stride + r]`, or missing where `columns` ends.
    pub(super) fn read(&self, columns: &[f64], stride: usize, rows: usize, bins: &mut Vec<u32>) {
        let groups = self.groups();
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

    /// Calls `each` for every tile with its number and, row after row, the exits that are
    /// left, the lowest of which is the row's.
    #[inline(always)]
    pub(super) fn tiles(
        &self,
        bins: &[u32],
        lines: &mut Vec<Line<W>>,
        mut each: impl FnMut(usize, &[Line<W>]),
    ) {
        for (index, tile) in self.lines.chunks_exact(self.bins).enumerate() {
            lines.clear();
            lines.extend(
                bins.chunks_exact(self.groups())
                    .map(|bins| meet(tile, bins)),
            );
            each(index, lines);
        }
    }
}

impl<W: Word> Tables<W> {
    /// Adds the trees' values to the sums of rows. `leaves` are [`Word::EXITS`] values for
    /// each tree.
    pub(super) fn add(
        &self,
        leaves: &[f64],
        bins: &[u32],
        lines: &mut Vec<Line<W>>,
        sums: &mut [f64],
    ) {
        self.tiles(bins, lines, |tile, lines| {
            let leaves = &leaves[tile * TILE * W::EXITS..];
            for (line, sum) in lines.iter().zip(&mut *sums) {
                *sum = leaves
                    .chunks_exact(W::EXITS)
                    .zip(&line.0)
                    .fold(*sum, |sum, (leaves, mask)| sum + leaves[mask.lowest()]);
            }
        });
    }
}

/// The exits that all of a row's bins leave.
#[inline(always)]
fn meet<W: Word>(tile: &[Line<W>], bins: &[u32]) -> Line<W> {
    let mut left = [W::ALL; TILE];
    for &bin in bins {
        for (mask, &other) in left.iter_mut().zip(&tile[bin as usize].0) {
            *mask = mask.and(other);
        }
    }
    Line(left)
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
