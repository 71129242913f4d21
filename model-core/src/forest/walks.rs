//! The walks below the tops of big trees: what the tables do not hold is walked step by step,
//! many trees or rows at once.

use super::aggregation::{GROUP, PARTS, add, group_sum, joined, without_sign_of_zero};
use super::columns::{Asked, COLUMN_BITS, Column, MOST_COLUMNS, Question};
use super::rows::{code, column, value_of};
use super::tables::{Line, TILE, Tables, Word};
use super::{Forest, Node};

/// Exits of a tree's top.
const EXITS: usize = u32::EXITS;
/// Set in a position that is a leaf's value instead of a step. Bits 0 to 21 are then enough for
/// `MAX_NODES` values and steps, and all 23 bits fit above [`COLUMN_BITS`] in 32.
const LEAF: u32 = 1 << 22;

/// What remains of the trees below the exits of their tops: walked step by step, many
/// trees or rows at once, without branches.
#[derive(Debug)]
pub(super) struct Walks {
    steps: Vec<Step>,
    values: Vec<f64>,
    /// The position of each exit of each tree.
    exits: Vec<[[u32; EXITS]; TILE]>,
    columns: Vec<Column>,
    /// Columns of a row.
    width: usize,
    grouped: bool,
    single: bool,
}

/// A split: to the left if its column is at most the cut. A position is the index of a step,
/// or [`LEAF`] and the index of a value.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
struct Step {
    cut: f64,
    /// The positions of the right and the left child, in the bits above [`COLUMN_BITS`]. The
    /// bits below are the column.
    ways: [u32; 2],
}

/// A walk on its way: of one row through the tree `slot`, or of row `slot` through one
/// tree.
#[derive(Debug, Clone, Copy, Default)]
struct Walker {
    slot: u32,
    position: u32,
}

/// Buffers of [`Walks`].
#[derive(Debug, Default)]
pub(super) struct Trails {
    columns: Vec<f64>,
    walkers: Vec<Walker>,
    ends: Vec<u32>,
    /// Of each row, the sums of a group so far.
    parts: Vec<[f64; PARTS]>,
}

impl Walks {
    /// What is left of a valid forest, with these right children in its trees, below these
    /// exits of its trees. None when that takes too many columns, or more than `budget`
    /// bytes for those of categories.
    #[inline(never)]
    pub(super) fn new(
        forest: &Forest,
        right: &[Vec<usize>],
        exits: &[Vec<usize>],
        budget: usize,
    ) -> Option<Self> {
        let trees = right.iter().zip(exits);
        let below: Vec<Vec<bool>> = trees
            .map(|(right, exits)| below_exits(right, exits))
            .collect();
        let asked = Asked::new(forest, &below)?;
        let mut walks = Self {
            steps: Vec::new(),
            values: vec![0.0],
            // What pads the last tile ends at the value 0.
            exits: vec![[[LEAF; EXITS]; TILE]; exits.len().div_ceil(TILE)],
            columns: asked.columns(forest, budget)?,
            width: asked.keys.len(),
            grouped: forest.aggregation.is_grouped(),
            single: forest.aggregation.is_single(),
        };
        for (index, (right, below)) in right.iter().zip(&below).enumerate() {
            let positions =
                walks.add_tree(&forest.trees[index].nodes, right, below, &asked, forest);
            let own = &mut walks.exits[index / TILE][index % TILE];
            for (position, &exit) in own.iter_mut().zip(&exits[index]) {
                *position = positions[exit];
            }
        }
        Some(walks)
    }

    /// Adds the nodes of a tree that are below its exits; returns the positions of all nodes.
    fn add_tree(
        &mut self,
        tree: &[Node],
        right: &[usize],
        below: &[bool],
        asked: &Asked,
        forest: &Forest,
    ) -> Vec<u32> {
        let mut positions = vec![0u32; tree.len()];
        let mut steps = self.steps.len() as u32;
        for (at, node) in tree.iter().enumerate().filter(|&(at, _)| below[at]) {
            if let Node::Leaf { value, .. } = *node {
                positions[at] = LEAF | self.values.len() as u32;
                self.values.push(without_sign_of_zero(value));
            } else {
                positions[at] = steps;
                steps += 1;
            }
        }
        for (at, node) in tree.iter().enumerate().filter(|&(at, _)| below[at]) {
            if let Some((question, cut)) = Question::from_node(forest, node) {
                let column = asked.column(question);
                // Column and child in one word: the step is 16 bytes, and choosing the child
                // loads nothing that reading the column has not loaded.
                let way = |child: usize| positions[child] << COLUMN_BITS | column;
                let ways = [way(right[at]), way(at + 1)];
                self.steps.push(Step { cut, ways });
            }
        }
        positions
    }

    /// Makes the columns of `rows` rows: feature `f` of row `r` is
    /// `values[f * stride + r]`, or missing where `values` ends.
    pub(super) fn read(&self, values: &[f64], stride: usize, rows: usize, trails: &mut Trails) {
        let columns = &mut trails.columns;
        columns.resize(rows * self.width, 0.0);
        let mut at = 0;
        for kind in &self.columns {
            let (Column::Number { feature }
            | Column::MissingLeft { feature }
            | Column::Category { feature, .. }) = kind;
            let values = column(values, stride, *feature, rows);
            let value = |row: usize| value_of(values, row);
            let rows = columns[at..].chunks_mut(self.width).enumerate();
            at += match kind {
                Column::Number { .. } => {
                    rows.for_each(|(row, columns)| columns[0] = value(row));
                    1
                }
                Column::MissingLeft { .. } => {
                    rows.for_each(|(row, columns)| {
                        let value = value(row);
                        columns[0] = if value.is_nan() {
                            f64::NEG_INFINITY
                        } else {
                            value
                        };
                    });
                    1
                }
                Column::Category {
                    categories,
                    sides,
                    width,
                    ..
                } => {
                    rows.for_each(|(row, columns)| {
                        let sides = &sides[code(value(row), *categories) * width..][..*width];
                        columns[..*width].copy_from_slice(sides);
                    });
                    *width
                }
            };
        }
    }

    /// A sum, and the leaves that one row reaches: a value for each feature, and its bins.
    pub(super) fn sum(
        &self,
        sum: f64,
        tables: &Tables<u32>,
        row: &[f64],
        bins: &[u32],
        trails: &mut Trails,
    ) -> f64 {
        self.read(row, 1, 1, trails);
        trails.ends.clear();
        for (tile, exits) in self.exits.iter().enumerate() {
            let line = tables.meet(bins, tile);
            let trees = exits.iter().zip(&line.0);
            trails.enter(trees.map(|(exits, mask)| exits[mask.lowest()]));
        }
        self.walk(trails, 0);
        let value = |&end: &u32| self.value(end);
        if !self.grouped {
            let ends = trails.ends.iter();
            return ends.fold(sum, |sum, end| add(sum, value(end), self.single));
        }
        let groups = trails.ends.chunks_exact(GROUP);
        groups.fold(sum, |sum, ends| sum + group_sum(|tree| value(&ends[tree])))
    }

    /// Adds to the sums of rows that were read, given their bins.
    pub(super) fn sums(
        &self,
        tables: &Tables<u32>,
        bins: &[u32],
        lines: &mut Vec<Line<u32>>,
        sums: &mut [f64],
        trails: &mut Trails,
    ) {
        for (tile, exits) in self.exits.iter().enumerate() {
            tables.meet_all(bins, tile, lines);
            trails.parts.clear();
            trails.parts.resize(sums.len(), [0.0; PARTS]);
            for (tree, exits) in exits.iter().enumerate() {
                trails.ends.clear();
                trails.enter(lines.iter().map(|line| exits[line.0[tree].lowest()]));
                self.walk(trails, self.width);
                let Trails { ends, parts, .. } = trails;
                let values = ends.iter().map(|&end| self.value(end));
                if self.grouped {
                    // Trees come in ascending order, so each part is added up as `group_sum`
                    // does: k, k + 4, k + 8, k + 12.
                    let parts = parts.iter_mut().map(|parts| &mut parts[tree % PARTS]);
                    parts.zip(values).for_each(|(part, value)| *part += value);
                } else {
                    sums.iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum = add(*sum, value, self.single));
                }
            }
            if self.grouped {
                let parts = trails.parts.iter().map(|parts| joined(*parts));
                sums.iter_mut()
                    .zip(parts)
                    .for_each(|(sum, group)| *sum += group);
            }
        }
    }

    fn value(&self, position: u32) -> f64 {
        self.values[(position & !LEAF) as usize]
    }

    /// Walks until every walker is at a leaf: each pass takes each one a step further and
    /// keeps those that are not there.
    #[inline(never)]
    fn walk(&self, trails: &mut Trails, width: usize) {
        let Trails {
            columns,
            walkers,
            ends,
            ..
        } = trails;
        let mut count = walkers.len();
        while count > 0 {
            let mut kept = 0;
            let walkers = &mut walkers[..count];
            for index in 0..count {
                let Walker { slot, position } = walkers[index];
                let step = &self.steps[position as usize];
                // Both ways name the same column, in their low bits.
                let column = step.ways[0] as usize % MOST_COLUMNS;
                let left = columns[slot as usize * width + column] <= step.cut;
                // Looked up, not chosen: a compiler makes a branch of a choice.
                let position = step.ways[usize::from(left)] >> COLUMN_BITS;
                ends[slot as usize] = position;
                walkers[kept] = Walker { slot, position };
                // Written always and kept by the count, so that nothing branches on the data.
                kept += usize::from(position < LEAF);
            }
            count = kept;
        }
        walkers.clear();
    }
}

impl Trails {
    /// Starts the next slots' walks at these positions.
    #[inline(always)]
    fn enter(&mut self, positions: impl Iterator<Item = u32>) {
        for (slot, position) in (self.ends.len() as u32..).zip(positions) {
            self.ends.push(position);
            if position < LEAF {
                self.walkers.push(Walker { slot, position });
            }
        }
    }
}

/// Which nodes are at or below an exit.
fn below_exits(right: &[usize], exits: &[usize]) -> Vec<bool> {
    let mut below = vec![true; right.len()];
    let mut exits = exits.iter().peekable();
    // A node above the exits is one that is no exit and whose parent is above them.
    let mut pending = vec![0];
    while let Some(at) = pending.pop() {
        if exits.next_if(|&&exit| exit == at).is_none() {
            below[at] = false;
            pending.extend([right[at], at + 1]);
        }
    }
    below
}
