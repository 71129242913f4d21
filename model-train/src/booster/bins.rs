//! Columns cut into bins: what the trainer sees of the data.

use model_core::schema::Monotonic;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::values::Values;

/// Of a column with more different numbers than codes, so many rows decide where it is cut.
const SAMPLED_ROWS: usize = 262_144;

/// A column to learn from.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// One number a row.
    pub values: &'a Values,
    /// What the numbers are.
    pub kind: Kind,
    /// How the score must follow the column.
    pub direction: Option<Monotonic>,
}

/// What the numbers of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// More or less of something: a split asks for at most so much.
    Ordered,
    /// Codes of so many categories, 0 on; any other number is the category "other". A split
    /// asks for some of them.
    Categories(u32),
}

/// How the numbers of a column become bins. The bin after all others is for missing ones.
#[derive(Debug, Clone)]
pub(super) enum Scale {
    /// Bin `b` has the numbers up to and with cut `b` that are above the cut before; the
    /// last has those above all cuts.
    Ordered(Vec<f64>),
    /// Bin `c` is category `c`; the one after them is "other".
    Categories(u32),
}

/// Which bin each row is in.
#[derive(Debug, Clone)]
pub(super) enum Cells {
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
}

#[derive(Debug, Clone)]
pub(super) struct BinnedColumn {
    pub(super) scale: Scale,
    pub(super) cells: Cells,
    pub(super) direction: Option<Monotonic>,
}

/// Rows in bins.
#[derive(Debug, Clone)]
pub struct Binned {
    pub(super) columns: Vec<BinnedColumn>,
    pub(super) rows: usize,
}

impl Binned {
    /// Cuts columns into at most `max_bins` bins (2 to 60,000) that have about as many of
    /// `rows` each, and puts those rows into them.
    #[must_use]
    pub fn new(columns: &[Column<'_>], rows: &[usize], max_bins: u16) -> Self {
        Self::with(columns, rows, |(_, column)| match column.kind {
            Kind::Categories(count) => Scale::Categories(count),
            Kind::Ordered => {
                let counted = column.values.counted(rows, SAMPLED_ROWS);
                Scale::Ordered(cuts(&counted, usize::from(max_bins)))
            }
        })
    }

    /// Other rows of the same columns in the same bins.
    #[must_use]
    pub fn like(&self, columns: &[Column<'_>], rows: &[usize]) -> Self {
        Self::with(columns, rows, |(index, _)| {
            self.columns[index].scale.clone()
        })
    }

    fn with(
        columns: &[Column<'_>],
        rows: &[usize],
        scale: impl Fn((usize, &Column<'_>)) -> Scale + Sync,
    ) -> Self {
        let numbered: Vec<_> = columns.iter().enumerate().collect();
        let binned = numbered.par_iter().map(|&(index, column)| {
            let scale = scale((index, column));
            let cells = match scale.bins() {
                ..=256 => Cells::Narrow(column.values.map_rows(rows, |v| scale.bin(v) as u8)),
                _ => Cells::Wide(column.values.map_rows(rows, |v| scale.bin(v) as u16)),
            };
            let direction = column.direction;
            BinnedColumn {
                scale,
                cells,
                direction,
            }
        });
        Self {
            columns: binned.collect(),
            rows: rows.len(),
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl BinnedColumn {
    pub(super) fn bin(&self, row: usize) -> usize {
        match &self.cells {
            Cells::Narrow(cells) => usize::from(cells[row]),
            Cells::Wide(cells) => usize::from(cells[row]),
        }
    }
}

impl Scale {
    /// How many bins there are, that of missing numbers included.
    pub(super) fn bins(&self) -> usize {
        match self {
            Self::Ordered(cuts) => cuts.len() + 2,
            Self::Categories(count) => *count as usize + 2,
        }
    }

    fn bin(&self, value: f64) -> usize {
        match self {
            _ if value.is_nan() => self.bins() - 1,
            Self::Ordered(cuts) => cuts.partition_point(|cut| *cut < value),
            Self::Categories(count) => {
                let is_code = value >= 0.0 && value < f64::from(*count) && value.fract() == 0.0;
                if is_code {
                    value as usize
                } else {
                    *count as usize
                }
            }
        }
    }
}

/// Where to cut: between all numbers where there are few, else so that the bins have about as
/// many rows each. A cut is halfway between two numbers.
fn cuts(counted: &[(f64, u32)], max_bins: usize) -> Vec<f64> {
    let every = counted.len() <= max_bins;
    let mut rows_left: u64 = counted.iter().map(|(_, count)| u64::from(*count)).sum();
    let mut bins_left = max_bins as u64;
    let (mut cuts, mut in_bin) = (Vec::new(), 0);
    for pair in counted.windows(2) {
        let [(value, count), (next, next_count)] = pair else {
            continue;
        };
        in_bin += u64::from(*count);
        let mean = rows_left / bins_left.max(1);
        // A number that fills a bin alone is not put to others.
        let is_full = in_bin >= mean || u64::from(*next_count) >= mean.max(2);
        if every || (is_full && bins_left > 1) {
            cuts.push(between(*value, *next));
            rows_left -= in_bin;
            bins_left -= 1;
            in_bin = 0;
        }
    }
    cuts
}

/// A number from `low` on that is below `high`.
fn between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if low <= middle && middle < high {
        middle
    } else {
        low
    }
}
