//! The trainer of boosted trees: columns in bins, histograms of gradients, leaf-wise growth.
//!
//! [`Binned`] cuts columns into bins once; a [`Booster`] then adds one [`Tree`] after the
//! other, each fitted to the logistic loss that the trees before it leave over. Between two
//! trees the caller may look at the margins of any rows ([`Tree::step`]) and stop.
//!
//! Gradients are summed as integers: the same rows, parameters and seed give the same trees
//! on any number of threads.
//!
//! The ways are LightGBM's (Ke et al., *LightGBM: a highly efficient gradient boosting
//! decision tree*, 2017); a split gains `G²/(H+λ)` on both sides less the same of the node
//! (Chen and Guestrin, *XGBoost*, 2016). A set of categories is the head or the tail of their
//! order by mean gradient, which holds the best of all sets (Fisher, *On grouping for maximum
//! homogeneity*, 1958); the order is that of the node's own rows, so that no row outside the
//! fit has a say in it.
//!
//! # Example
//!
//! ```
//! use model_train::booster::{Binned, Booster, Column, Draws, Kind, Params, Rows};
//! use model_train::values::Values;
//!
//! let debts: Values = (0..100).map(f64::from).collect();
//! let columns = [Column { values: &debts, kind: Kind::Ordered, direction: None }];
//! let rows: Vec<usize> = (0..100).collect();
//! let answers: Vec<bool> = rows.iter().map(|&row| row < 40).collect();
//!
//! let binned = Binned::new(&columns, &rows, 255);
//! let params = Params::default();
//! let of = Rows { binned: &binned, answers: &answers, weights: None };
//! let mut booster = Booster::new(of, &params, Draws { seed: 1, stream: 0 });
//! for _ in 0..20 {
//!     booster.grow();
//! }
//! assert!(booster.margins()[0] > 1.0 && booster.margins()[99] < -1.0);
//! ```

mod bins;
mod gradient;
mod grow;
mod histogram;
mod partition;
mod split;
#[cfg(test)]
mod tests;
mod tree;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

pub use bins::{Binned, Column, Kind};
pub use tree::{Left, Node, Split, Tree};

use bins::Scale;
use gradient::Gradients;
use grow::{Drawn, Grower};

/// How trees are grown. The ranges are those of
/// [`GradientBoosting`](crate::fit::GradientBoosting).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// What each leaf's step is multiplied by, above 0, at most 1.
    pub learning_rate: f64,
    /// Most leaves of a tree, at least 2.
    pub max_leaves: usize,
    /// Most splits on the way from the root to a leaf, at least 1.
    pub max_depth: usize,
    /// The L1 penalty on a leaf's step, at least 0.
    pub l1: f64,
    /// The L2 penalty on a leaf's step, at least 0.
    pub l2: f64,
    /// Gain that a split must bring, at least 0.
    pub min_split_gain: f64,
    /// Sum of `weight · p (1 − p)` that the rows of a leaf must have, at least 0.
    pub min_leaf_weight: f64,
    /// Rows that a leaf must have, at least 1.
    pub min_leaf_rows: usize,
    /// Most categories of a column that a split sends aside together, at least 1.
    pub max_category_set: usize,
    /// The share of the rows that each tree is fitted on, above 0, at most 1.
    pub row_share: f64,
    /// The share of the columns that each tree may use, above 0, at most 1; each category is
    /// drawn as a column of its own.
    pub column_share: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            learning_rate: 0.1,
            max_leaves: 31,
            max_depth: 12,
            l1: 0.0,
            l2: 3.0,
            min_split_gain: 0.0,
            min_leaf_weight: 1.0,
            min_leaf_rows: 1,
            max_category_set: 1,
            row_share: 1.0,
            column_share: 1.0,
        }
    }
}

/// Rows to fit on.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Their columns.
    pub binned: &'a Binned,
    /// Whether the answer is yes, one a row.
    pub answers: &'a [bool],
    /// How much each counts, above 0; `None` where all count 1.
    pub weights: Option<&'a [f64]>,
}

/// Where random draws of rows and columns come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// Random seed.
    pub seed: u64,
    /// Which of the independent streams of that seed.
    pub stream: u64,
}

/// The margins so far, and what the next tree is fitted to.
pub struct Booster<'a> {
    params: &'a Params,
    binned: &'a Binned,
    gradients: Gradients<'a>,
    grower: Grower<'a>,
    rng: ChaCha8Rng,
}

impl<'a> Booster<'a> {
    /// No tree yet: every margin is the log odds of all rows together.
    #[must_use]
    pub fn new(rows: Rows<'a>, params: &'a Params, draws: Draws) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(draws.seed);
        rng.set_stream(draws.stream);
        let gradients = Gradients::new(rows.answers, rows.weights);
        Self {
            grower: Grower::new(rows.binned, params, gradients.fixed),
            params,
            binned: rows.binned,
            gradients,
            rng,
        }
    }

    /// The log odds before the first tree.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.gradients.base
    }

    /// The log odds of each row that is fitted on, by all trees so far.
    #[must_use]
    pub fn margins(&self) -> &[f64] {
        &self.gradients.margins
    }

    /// Grows the next tree and adds it to the margins.
    pub fn grow(&mut self) -> Tree {
        let drawn = self.draw();
        let is_sample = drawn.rows.len() < self.binned.rows;
        let grown = self.grower.grow(&self.gradients.steps, drawn);
        if is_sample {
            self.gradients.add_tree(&grown.tree, self.binned);
        } else {
            self.gradients.add_leaves(&grown.leaves, self.grower.rows());
        }
        grown.tree
    }

    fn draw(&mut self) -> Drawn {
        let categories = |scale: &Scale| match scale {
            Scale::Ordered(_) => 1,
            // Those of the list, and "other".
            Scale::Categories(count) => *count as usize + 1,
        };
        let columns = self.binned.columns.iter();
        let mut drawn: Vec<Vec<bool>> = columns
            .map(|column| vec![false; categories(&column.scale)])
            .collect();
        let listed = drawn.iter_mut().flat_map(|categories| {
            // "Other" is never split off.
            let count = (categories.len() - 1).max(1);
            &mut categories[..count]
        });
        let mut listed: Vec<&mut bool> = listed.collect();
        for index in draw(listed.len(), self.params.column_share, &mut self.rng) {
            *listed[index as usize] = true;
        }
        Drawn {
            rows: draw(self.binned.rows, self.params.row_share, &mut self.rng),
            columns: drawn,
        }
    }
}

/// A share of the numbers below `count`, at least one, ascending.
fn draw(count: usize, share: f64, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..count as u32).collect();
    let wanted = ((share * count as f64).round() as usize).clamp(1, count);
    if wanted < count {
        // The drawn ones are those it answers, not the first ones of the list.
        numbers = numbers.partial_shuffle(rng, wanted).0.to_vec();
        numbers.sort_unstable();
    }
    numbers
}
