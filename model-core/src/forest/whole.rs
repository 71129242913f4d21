//! Trees that fit into the tables as a whole: the exit that a row reaches is its leaf.

use super::aggregation::{add as add_one, group_sum, without_sign_of_zero};
use super::plan::Plan;
use super::tables::{Line, TILE, Tables, Word};
use super::{Forest, Node};

/// Rows whose masks or steps stay in the first-level cache.
pub(super) const NEAR: usize = 256;

/// Trees that fit into the tables as a whole: every exit is a leaf.
#[derive(Debug)]
pub(super) struct Whole<W: Word> {
    tables: Tables<W>,
    /// The leaves of each tree from left to right, then zeros.
    leaves: Vec<[W::Values; TILE]>,
    grouped: bool,
    single: bool,
}

impl<W: Word> Whole<W> {
    /// For a valid forest whose trees have at most [`Word::EXITS`] leaves and these right
    /// children. None when the tables take more than `budget` bytes.
    pub(super) fn new(forest: &Forest, right: &[Vec<usize>], budget: usize) -> Option<Self> {
        let plan = Plan::new(forest, right, W::EXITS - 1);
        let tables = Tables::new(forest, &plan.questions, budget)?;
        let mut leaves = Vec::with_capacity(forest.trees.len().div_ceil(TILE));
        for trees in forest.trees.chunks(TILE) {
            let mut tile = [W::ZEROS; TILE];
            for (tree, values) in trees.iter().zip(&mut tile) {
                let found = tree.nodes.iter().filter_map(|node| match node {
                    Node::Leaf { value, .. } => Some(*value),
                    Node::Split { .. } => None,
                });
                for (value, found) in values.as_mut().iter_mut().zip(found) {
                    *value = without_sign_of_zero(found);
                }
            }
            leaves.push(tile);
        }
        Some(Self {
            tables,
            leaves,
            grouped: forest.aggregation.is_grouped(),
            single: forest.aggregation.is_single(),
        })
    }

    /// A sum, and the leaves that a row reaches.
    pub(super) fn sum(
        &self,
        sum: f64,
        row: &[f64],
        bins: &mut Vec<u32>,
        lines: &mut Vec<Line<W>>,
    ) -> f64 {
        self.tables.read_row(row, bins);
        // In two passes: the masks go through memory, which is faster than to take them
        // out of vector registers one by one.
        lines.clear();
        lines.extend((0..self.leaves.len()).map(|tile| self.tables.meet(bins, tile)));
        let tiles = lines.iter().zip(&self.leaves);
        tiles.fold(sum, |sum, (line, leaves)| self.add(sum, line, leaves))
    }

    /// Adds the same to the sums of rows: feature `f` of row `r` is `columns[f * stride + r]`.
    #[cfg_attr(target_arch = "x86_64", inline(always))]
    pub(super) fn sums(
        &self,
        columns: &[f64],
        stride: usize,
        sums: &mut [f64],
        bins: &mut Vec<u32>,
        lines: &mut Vec<Line<W>>,
    ) {
        self.tables.index.read(columns, stride, sums.len(), bins);
        // A tile after the other for all rows: its lines are far apart in the tables, and most of
        // them are asked for again by another row.
        let groups = self.tables.index.groups();
        for (tile, leaves) in self.leaves.iter().enumerate() {
            for (bins, sums) in bins.chunks(NEAR * groups).zip(sums.chunks_mut(NEAR)) {
                self.tables.meet_all(bins, tile, lines);
                for (line, sum) in lines.iter().zip(sums) {
                    *sum = self.add(*sum, line, leaves);
                }
            }
        }
    }

    /// Adds the values of a tile's trees.
    #[inline(always)]
    fn add(&self, sum: f64, line: &Line<W>, leaves: &[W::Values; TILE]) -> f64 {
        if self.grouped {
            sum + group_sum(|tree| line.0[tree].pick(&leaves[tree]))
        } else {
            add_in_order(sum, line, leaves, self.single)
        }
    }
}

/// One by one. Models from elsewhere and older ones: not again in every loop that adds.
#[inline(never)]
fn add_in_order<W: Word>(
    sum: f64,
    line: &Line<W>,
    leaves: &[W::Values; TILE],
    single: bool,
) -> f64 {
    let trees = line.0.iter().zip(leaves);
    trees.fold(sum, |sum, (mask, leaves)| {
        add_one(sum, mask.pick(leaves), single)
    })
}
