use super::naive::NaiveForest;
use super::plan::Plan;
use super::tables::{Line, Tables, Word};
use super::top::right_children;
use super::walks::{Trails, Walks};
use super::whole::Whole;
use super::{Finish, Forest, ForestError};

/// Rows that are evaluated together.
const BLOCK: usize = 256;
/// Bytes that the tables of a forest may take.
pub const TABLE_BUDGET: usize = 8 << 20;

/// A forest made ready for speed. It gives the same bits as [`NaiveForest`].
///
/// Trees of at most 64 leaves become tables of masks, indexed by the rank of a value.
/// When the trees are bigger, or the tables too big, the most visited splits of each tree
/// become tables and the rest is walked without branches.
#[derive(Debug)]
pub struct CompiledForest {
    engine: Engine,
    finish: Finish,
}

/// Buffers for predicting, grown when needed and used again. One serves any forest, one
/// at a time.
#[derive(Debug, Default)]
pub struct Scratch {
    bins: Vec<u32>,
    narrow: Vec<Line<u32>>,
    wide: Vec<Line<u64>>,
    trails: Trails,
    row: Vec<f64>,
}

#[derive(Debug)]
enum Engine {
    /// Every tree has at most 32 leaves.
    Narrow(Whole<u32>),
    /// Every tree has at most 64 leaves.
    Wide(Whole<u64>),
    /// Tables for the tops of the trees, walks for the rest.
    Deep(Tables<u32>, Walks),
    /// No structure is small enough: a plain walk, of so many features.
    Plain(NaiveForest, usize),
}

impl CompiledForest {
    /// Checks a forest and builds its tables, of at most [`TABLE_BUDGET`] bytes.
    ///
    /// # Errors
    ///
    /// What [`Forest::validate`] refuses.
    pub fn new(forest: &Forest) -> Result<Self, ForestError> {
        Self::with_budget(forest, TABLE_BUDGET)
    }

    /// The same with another budget in bytes: 0 builds no tables. The predictions do not
    /// depend on it.
    ///
    /// # Errors
    ///
    /// What [`Forest::validate`] refuses.
    pub fn with_budget(forest: &Forest, budget: usize) -> Result<Self, ForestError> {
        forest.validate()?;
        Ok(Self::of_valid(forest, budget))
    }

    /// The same for a forest that passed [`Forest::validate`].
    pub(crate) fn of_valid(forest: &Forest, budget: usize) -> Self {
        let engine = Engine::within(forest, budget)
            .unwrap_or_else(|| Engine::Plain(NaiveForest::of_valid(forest), forest.features.len()));
        let finish = Finish::of(forest);
        Self { engine, finish }
    }

    /// The prediction for a row: one value for each feature, as the module describes.
    /// Values that a short row does not have are missing.
    pub fn predict_row(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        self.finish.apply(self.engine.sum(row, scratch))
    }

    /// The predictions for `out.len()` rows: feature `f` of row `r` is
    /// `columns[f * stride + r]`. Values beyond the end of `columns` are missing.
    pub fn predict_block(
        &self,
        columns: &[f64],
        stride: usize,
        out: &mut [f64],
        scratch: &mut Scratch,
    ) {
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let columns = columns.get(block * BLOCK..).unwrap_or_default();
            self.engine.sums(columns, stride, out, scratch);
            for out in out {
                *out = self.finish.apply(*out);
            }
        }
    }
}

impl Engine {
    fn within(forest: &Forest, budget: usize) -> Option<Self> {
        let most = forest
            .trees
            .iter()
            .map(|tree| tree.nodes.len() / 2)
            .max()
            .unwrap_or_default();
        let trees = forest.trees.iter();
        let right: Vec<Vec<usize>> = trees.map(|tree| right_children(&tree.nodes)).collect();
        let whole = if most < u32::EXITS {
            Whole::new(forest, &right, budget).map(Self::Narrow)
        } else if most < u64::EXITS {
            Whole::new(forest, &right, budget).map(Self::Wide)
        } else {
            None
        };
        whole.or_else(|| Self::deep(forest, &right, budget))
    }

    fn deep(forest: &Forest, right: &[Vec<usize>], budget: usize) -> Option<Self> {
        let (tables, exits) = [31, 15, 7, 3, 1, 0].into_iter().find_map(|top| {
            let plan = Plan::new(forest, right, top);
            Some((Tables::new(forest, &plan.questions, budget)?, plan.exits))
        })?;
        Some(Self::Deep(
            tables,
            Walks::new(forest, right, &exits, budget)?,
        ))
    }

    /// The sum of the leaves that a row reaches.
    fn sum(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        let Scratch {
            bins,
            narrow,
            wide,
            trails,
            ..
        } = scratch;
        match self {
            Self::Narrow(whole) => whole.sum(row, bins, narrow),
            Self::Wide(whole) => whole.sum(row, bins, wide),
            Self::Deep(tables, walks) => {
                tables.index.read_row(row, bins);
                walks.sum(tables, row, bins, trails)
            }
            Self::Plain(naive, _) => naive.sum(row),
        }
    }

    /// The same for at most [`BLOCK`] rows: feature `f` of row `r` is
    /// `columns[f * stride + r]`.
    fn sums(&self, columns: &[f64], stride: usize, sums: &mut [f64], scratch: &mut Scratch) {
        let Scratch {
            bins,
            narrow,
            wide,
            trails,
            row,
        } = scratch;
        let rows = sums.len();
        sums.fill(0.0);
        match self {
            Self::Narrow(whole) => whole.sums(columns, stride, sums, bins, narrow),
            Self::Wide(whole) => whole.sums(columns, stride, sums, bins, wide),
            Self::Deep(tables, walks) => {
                tables.index.read(columns, stride, rows, bins);
                walks.read(columns, stride, rows, trails);
                walks.sums(tables, bins, narrow, sums, trails);
            }
            Self::Plain(naive, features) => {
                for (at, sum) in sums.iter_mut().enumerate() {
                    let value = |feature| value_of(column(columns, stride, feature, rows), at);
                    row.clear();
                    row.extend((0..*features).map(value));
                    *sum = naive.sum(row);
                }
            }
        }
    }
}

/// The values of a feature for at most `rows` rows; fewer where `values` ends.
pub(super) fn column(values: &[f64], stride: usize, feature: usize, rows: usize) -> &[f64] {
    let from = feature.checked_mul(stride);
    let column = from.and_then(|from| values.get(from..)).unwrap_or_default();
    column.get(..rows).unwrap_or(column)
}

/// A value of a row or a column; missing beyond the end.
pub(super) fn value_of(values: &[f64], at: usize) -> f64 {
    values.get(at).copied().unwrap_or(f64::NAN)
}
