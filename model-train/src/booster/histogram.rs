//! Sums of gradients over the rows of a node, bin by bin.
//!
//! Gradients are rounded once, to fixed-point integers of 30 bits. Sums of integers do not
//! depend on the order in which they are added, so any number of threads finds the same
//! trees, and subtracting a child's sums from its parent's gives its sibling's exactly.

use std::ops::{AddAssign, Sub};

use super::bins::Cells;

/// A row's gradient and hessian, rounded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowStep {
    pub(super) gradient: i32,
    pub(super) hessian: u32,
}

/// Sums over some rows. The upper bits of `packed` count the rows, the lower ones sum their
/// hessians: one addition does both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    gradient: i64,
    packed: u64,
}

/// How gradients and hessians are rounded: with as many bits as the sums of all rows allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct FixedPoint {
    /// Units in 1.
    pub(super) gradient_scale: f64,
    /// Units in 1.
    pub(super) hessian_scale: f64,
    /// Where the count begins in [`Sum::packed`].
    count_shift: u32,
}

impl FixedPoint {
    /// For sums of at most so many rows (below 2^31), none of which weighs more than
    /// `heaviest`.
    pub(super) fn new(rows: usize, heaviest: f64) -> Self {
        let count_bits = usize::BITS - rows.leading_zeros();
        let hessian_bits = (64 - 2 * count_bits.min(31)).min(30);
        Self {
            // |gradient| <= weight, hessian <= weight / 4.
            gradient_scale: f64::from(1 << 30) / heaviest,
            hessian_scale: f64::from((1 << hessian_bits) - 1) / (heaviest / 4.0),
            count_shift: 64 - count_bits,
        }
    }

    pub(super) fn gradient(&self, sum: Sum) -> f64 {
        sum.gradient as f64 / self.gradient_scale
    }

    pub(super) fn hessian(&self, sum: Sum) -> f64 {
        // Fewer than 63 bits; a signed integer is converted in one instruction.
        (sum.packed & self.mask()) as i64 as f64 / self.hessian_scale
    }

    pub(super) fn rows(&self, sum: Sum) -> usize {
        (sum.packed >> self.count_shift) as usize
    }

    fn mask(&self) -> u64 {
        (1 << self.count_shift) - 1
    }

    /// What a row adds to [`Sum::packed`] beside its hessian.
    fn one_row(&self) -> u64 {
        1 << self.count_shift
    }
}

impl Sum {
    /// Whether no row was added.
    pub(super) fn is_empty(self) -> bool {
        self.packed == 0
    }

    fn add_row(&mut self, step: RowStep, one_row: u64) {
        self.gradient += i64::from(step.gradient);
        self.packed += one_row + u64::from(step.hessian);
    }

    pub(super) fn of_rows(steps: impl Iterator<Item = RowStep>, fixed: &FixedPoint) -> Self {
        let mut sum = Self::default();
        steps.for_each(|step| sum.add_row(step, fixed.one_row()));
        sum
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.packed += other.packed;
    }
}

impl Sub for Sum {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            packed: self.packed - other.packed,
        }
    }
}

/// The rows of a node, with their steps in the same order.
#[derive(Clone, Copy)]
pub(super) enum NodeRows<'a> {
    /// All rows.
    All(&'a [RowStep]),
    /// Some rows.
    Some(&'a [u32], &'a [RowStep]),
}

/// Rows from which it pays to add to several copies of the bins of a narrow column.
const SPREAD_ROWS: usize = 2_048;
/// Copies of a bin's sum.
const LANES: usize = 4;

impl NodeRows<'_> {
    fn len(&self) -> usize {
        match self {
            Self::All(steps) | Self::Some(_, steps) => steps.len(),
        }
    }
}

/// Sums the rows of a node bin by bin.
pub(super) fn fill(sums: &mut [Sum], cells: &Cells, rows: NodeRows<'_>, fixed: &FixedPoint) {
    sums.fill(Sum::default());
    match cells {
        Cells::Narrow(cells) if rows.len() >= SPREAD_ROWS => {
            add_to_lanes(sums, cells, rows, fixed.one_row());
        }
        Cells::Narrow(cells) => add_rows(sums, cells, rows, fixed.one_row()),
        Cells::Wide(cells) => add_rows(sums, cells, rows, fixed.one_row()),
    }
}

fn add_rows<Bin: Copy + Into<usize>>(
    sums: &mut [Sum],
    cells: &[Bin],
    rows: NodeRows<'_>,
    one_row: u64,
) {
    match rows {
        NodeRows::All(steps) => {
            for (bin, step) in cells.iter().zip(steps) {
                sums[(*bin).into()].add_row(*step, one_row);
            }
        }
        NodeRows::Some(rows, steps) => {
            for (row, step) in rows.iter().zip(steps) {
                sums[cells[*row as usize].into()].add_row(*step, one_row);
            }
        }
    }
}

/// The same for a column of few bins, where rows that follow each other are often in one bin:
/// in one sum each addition would wait until the one before it is stored.
fn add_to_lanes(sums: &mut [Sum], cells: &[u8], rows: NodeRows<'_>, one_row: u64) {
    let mut lanes = vec![[Sum::default(); LANES]; sums.len()];
    match rows {
        NodeRows::All(steps) => {
            for (at, (bin, step)) in cells.iter().zip(steps).enumerate() {
                lanes[usize::from(*bin)][at % LANES].add_row(*step, one_row);
            }
        }
        NodeRows::Some(rows, steps) => {
            for (at, (row, step)) in rows.iter().zip(steps).enumerate() {
                let bin = cells[*row as usize];
                lanes[usize::from(bin)][at % LANES].add_row(*step, one_row);
            }
        }
    }
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        lanes.into_iter().for_each(|lane| *sum += lane);
    }
}

/// What is left of a parent's sums without those of one child.
pub(super) fn subtract(parent: &mut [Sum], child: &[Sum]) {
    for (parent, child) in parent.iter_mut().zip(child) {
        *parent = *parent - *child;
    }
}
