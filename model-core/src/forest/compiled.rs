//! A forest made ready for speed: which structure evaluates which trees.

use super::aggregation::Finish;
use super::naive::NaiveForest;
use super::plan::Plan;
use super::rows::{column, value_of};
use super::tables::{Line, Tables, Word};
use super::top::right_children;
use super::walks::{Trails, Walks};
use super::whole::{NEAR, Whole};
use super::{Forest, ForestError};
use crate::link::Link;

/// Rows that are evaluated together: what the tables hold of a tile is fetched once for them.
const BLOCK: usize = 2048;
/// Bytes that the tables of a forest may take.
pub const TABLE_BUDGET: usize = 16 << 20;

/// A forest made ready for speed. It gives the same bits as [`NaiveForest`].
///
/// Trees of at most 64 leaves become tables of masks, indexed by the rank of a value.
/// Of bigger trees, the most visited splits become tables and the rest is walked without
/// branches.
#[derive(Debug)]
pub struct CompiledForest {
    engine: Engine,
    finish: Finish,
}

/// Most splits of a tree in the tables of big trees.
const TOP: usize = u32::EXITS - 1;

/// Buffers for predicting, grown when needed and reused. They fit any forest, one call at a
/// time.
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
        Ok(Self::from_valid(forest, budget))
    }

    /// The same for a forest that passed [`Forest::validate`].
    pub(crate) fn from_valid(forest: &Forest, budget: usize) -> Self {
        let engine =
            Engine::within(forest, budget).unwrap_or_else(|| Engine::small(forest, budget));
        Self {
            engine,
            finish: Finish::new(forest),
        }
    }

    /// The same, giving what the link is applied to.
    pub(crate) fn without_link(mut self) -> Self {
        self.finish.link = Link::Identity;
        self
    }

    /// The prediction for a row: one value for each feature, as the module describes.
    /// Values that a short row does not have are missing.
    pub fn predict_row(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        self.finish.link.apply(self.margin_row(row, scratch))
    }

    /// What the link is applied to, of the same row.
    pub(crate) fn margin_row(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        let sum = self.engine.sum(self.finish.start(), row, scratch);
        self.finish.margin(sum)
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
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") {
            #[expect(
                unsafe_code,
                reason = "what a processor has is only known when it runs"
            )]
            // SAFETY: this processor has what the function is compiled for.
            return unsafe { self.blocks_avx2(columns, stride, out, scratch) };
        }
        self.blocks(columns, stride, out, scratch);
    }

    /// The same instructions twice as wide. Additions are never fused, so the bits are the same.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1")]
    fn blocks_avx2(&self, columns: &[f64], stride: usize, out: &mut [f64], scratch: &mut Scratch) {
        self.blocks(columns, stride, out, scratch);
    }

    #[cfg_attr(target_arch = "x86_64", inline(always))]
    fn blocks(&self, columns: &[f64], stride: usize, out: &mut [f64], scratch: &mut Scratch) {
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let columns = columns.get(block * BLOCK..).unwrap_or_default();
            out.fill(self.finish.start());
            self.engine.sums(columns, stride, out, scratch);
            for out in out {
                *out = self.finish.apply(*out);
            }
        }
    }
}

impl Engine {
    /// With tables of the usual kind.
    fn within(forest: &Forest, budget: usize) -> Option<Self> {
        let most = forest
            .trees
            .iter()
            .map(|tree| tree.nodes.len() / 2)
            .max()
            .unwrap_or_default();
        let right = right(forest);
        let whole = if most < u32::EXITS {
            Whole::new(forest, &right, budget).map(Self::Narrow)
        } else if most < u64::EXITS {
            Whole::new(forest, &right, budget).map(Self::Wide)
        } else {
            None
        };
        whole.or_else(|| Self::deep(forest, &right, TOP, budget))
    }

    /// With the tables that fit, if any do.
    fn small(forest: &Forest, budget: usize) -> Self {
        let right = right(forest);
        let mut tops = [15, 7, 3, 1, 0].into_iter();
        tops.find_map(|top| Self::deep(forest, &right, top, budget))
            .unwrap_or_else(|| Self::Plain(NaiveForest::from_valid(forest), forest.features.len()))
    }

    fn deep(forest: &Forest, right: &[Vec<usize>], top: usize, budget: usize) -> Option<Self> {
        let plan = Plan::new(forest, right, top);
        let tables = Tables::new(forest, &plan.questions, budget)?;
        let walks = Walks::new(forest, right, &plan.exits, budget)?;
        Some(Self::Deep(tables, walks))
    }

    /// A sum, and the leaves that a row reaches.
    fn sum(&self, sum: f64, row: &[f64], scratch: &mut Scratch) -> f64 {
        let Scratch {
            bins,
            narrow,
            wide,
            trails,
            ..
        } = scratch;
        match self {
            Self::Narrow(whole) => whole.sum(sum, row, bins, narrow),
            Self::Wide(whole) => whole.sum(sum, row, bins, wide),
            Self::Deep(tables, walks) => {
                tables.read_row(row, bins);
                walks.sum(sum, tables, row, bins, trails)
            }
            Self::Plain(naive, _) => naive.sum(sum, row),
        }
    }

    /// Adds the same to the sums of at most [`BLOCK`] rows: feature `f` of row `r` is
    /// `columns[f * stride + r]`.
    #[cfg_attr(target_arch = "x86_64", inline(always))]
    fn sums(&self, columns: &[f64], stride: usize, sums: &mut [f64], scratch: &mut Scratch) {
        let Scratch {
            bins,
            narrow,
            wide,
            trails,
            row,
        } = scratch;
        let rows = sums.len();
        match self {
            Self::Narrow(whole) => whole.sums(columns, stride, sums, bins, narrow),
            Self::Wide(whole) => whole.sums(columns, stride, sums, bins, wide),
            Self::Deep(tables, walks) => {
                for (at, sums) in sums.chunks_mut(NEAR).enumerate() {
                    let columns = columns.get(at * NEAR..).unwrap_or_default();
                    tables.index.read(columns, stride, sums.len(), bins);
                    walks.read(columns, stride, sums.len(), trails);
                    walks.sums(tables, bins, narrow, sums, trails);
                }
            }
            Self::Plain(naive, features) => {
                for (at, sum) in sums.iter_mut().enumerate() {
                    let value = |feature| value_of(column(columns, stride, feature, rows), at);
                    row.clear();
                    row.extend((0..*features).map(value));
                    *sum = naive.sum(*sum, row);
                }
            }
        }
    }
}

/// The right children in each tree.
fn right(forest: &Forest) -> Vec<Vec<usize>> {
    let trees = forest.trees.iter();
    trees.map(|tree| right_children(&tree.nodes)).collect()
}
