//! What can be chosen about each model.

use model_core::model::ModelKind;
use serde::{Deserialize, Serialize};

/// A model with its hyperparameters. In TOML and JSON the word of the model is under the
/// key `model`, the others beside it; what is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Params {
    /// See [`Ridge`].
    Ridge(Ridge),
    /// See [`LogisticRegression`].
    LogisticRegression(LogisticRegression),
    /// See [`DecisionTree`].
    DecisionTree(DecisionTree),
    /// See [`RandomForest`].
    RandomForest(RandomForest),
    /// See [`GradientBoosting`].
    GradientBoosting(GradientBoosting),
    /// See [`BoostingAndLinear`].
    BoostingAndLinear(BoostingAndLinear),
}

/// The weighted mean of the log odds of boosted trees and of a logistic regression, both fitted on
/// the same rows. A search makes it where cross-validation finds it better than either part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoostingAndLinear {
    /// What the linear part counts, above 0, below 1; the trees count the rest.
    pub linear_share: f64,
    /// The trees.
    pub boosting: GradientBoosting,
    /// The linear part.
    pub linear: LogisticRegression,
}

/// Least squares on 0 and 1 with an L2 penalty, on scaled columns; the probability is the
/// sum, clamped to 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ridge {
    /// The weight of the penalty `α Σ w²` beside the summed squared error, above 0 (1).
    pub alpha: f64,
}

/// Maximum likelihood with an L2 penalty, on scaled columns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegression {
    /// The weight of the penalty `α/2 Σ w²` beside the summed log loss, at least 0 (1);
    /// scikit-learn's `C` is `1 / α`.
    pub alpha: f64,
    /// Bins of about as many rows that each number without a `monotonic` is cut into beside its
    /// straight line, 1 to 64 (1: no bins).
    pub bins: usize,
}

/// One tree; a leaf answers with the share of yes among its rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionTree {
    /// Most splits on the way from the root to a leaf, 1 to 60 (9).
    pub max_depth: u16,
    /// Rows that a leaf must have, at least 1 (20).
    pub min_leaf_rows: usize,
    /// Rows that a node must have to be split, at least 2 (40).
    pub min_split_rows: usize,
}

/// The mean of many trees, each grown on a bootstrap sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForest {
    /// Trees, 1 to 10,000 (100).
    pub trees: usize,
    /// Most splits on the way from a root to a leaf, 1 to 60 (15).
    pub max_depth: u16,
    /// Rows that a leaf must have, at least 1 (3).
    pub min_leaf_rows: usize,
    /// The share of the columns that are tried at each split, above 0, at most 1 (0.4).
    pub column_share: f64,
}

/// The sum of many small trees, each fitted to what the ones before it leave over
/// (logistic loss, leaf by leaf Newton steps), through the logistic function.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoosting {
    /// Trees, 1 to 10,000 (500).
    pub trees: usize,
    /// What each leaf's step is multiplied by, above 0, at most 1 (0.1).
    pub learning_rate: f64,
    /// Most leaves of a tree, 2 to 4,096 (31). The leaf whose split gains most is split first.
    pub max_leaves: usize,
    /// Most splits on the way from a root to a leaf, 1 to 60 (12).
    pub max_depth: usize,
    /// The L1 penalty on a leaf's step, at least 0 (0).
    pub l1: f64,
    /// The L2 penalty on a leaf's step, at least 0 (3).
    pub l2: f64,
    /// Gain that a split must bring, at least 0 (0).
    pub min_split_gain: f64,
    /// Sum of `p (1 − p)` that the rows of a leaf must have, above 0 (1).
    pub min_leaf_weight: f64,
    /// Rows that a leaf must have, at least 1 (1).
    pub min_leaf_rows: usize,
    /// Most categories of a column that a split sends aside together, 1 to 1,000 (1). Beyond
    /// one, those with the lowest or the highest mean gradient in the node are tried together.
    pub max_category_set: usize,
    /// The share of the rows that each tree is fitted on, above 0, at most 1 (1).
    pub row_share: f64,
    /// The share of the columns that each tree may use, above 0, at most 1 (0.7).
    pub column_share: f64,
    /// Bins that a column is cut into, 2 to 60,000 (1,024): a split is between two bins.
    pub max_bins: u16,
    /// Such models, each with draws of its own, whose log odds are averaged, 1 to 64 (1).
    /// They only differ where a tree draws columns or rows.
    pub bags: usize,
}

impl Default for Ridge {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            bins: 1,
        }
    }
}

impl Default for DecisionTree {
    fn default() -> Self {
        Self {
            max_depth: 9,
            min_leaf_rows: 20,
            min_split_rows: 40,
        }
    }
}

impl Default for RandomForest {
    fn default() -> Self {
        Self {
            trees: 100,
            max_depth: 15,
            min_leaf_rows: 3,
            column_share: 0.4,
        }
    }
}

impl Default for GradientBoosting {
    fn default() -> Self {
        Self {
            trees: 500,
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
            column_share: 0.7,
            max_bins: 1024,
            bags: 1,
        }
    }
}

impl GradientBoosting {
    /// What one fit without a search does well with on so many training rows: a slow rate, trees
    /// that grow with the rows, and draws of rows and columns. `trees` is the most; how many of
    /// them are worth keeping is for early stopping to say.
    #[must_use]
    pub fn for_rows(rows: usize) -> Self {
        // A leaf's error falls with the square root of its rows: so do the leaves that pay.
        let leaves = ((rows as f64).sqrt() / ROWS_ROOT_PER_LEAF).round();
        let is_large = rows > LARGE;
        Self {
            trees: MOST_TREES,
            learning_rate: if is_large { 0.08 } else { 0.03 },
            max_leaves: leaves.clamp(4.0, 48.0) as usize,
            max_depth: if is_large { 12 } else { 6 },
            l2: if is_large { 3.0 } else { 10.0 },
            min_leaf_weight: if is_large { 1.0 } else { 2.0 },
            row_share: if is_large { 1.0 } else { 0.8 },
            column_share: if is_large { 0.6 } else { 0.5 },
            max_bins: if is_large { 1024 } else { 255 },
            bags: if rows > SMALL { 2 } else { 4 },
            ..Self::default()
        }
    }
}

/// Most trees that boosting may grow where early stopping ends it.
pub(crate) const MOST_TREES: usize = 3000;
/// Training rows beyond which fine bins and fast rates pay, and none need to be left out.
pub(crate) const LARGE: usize = 20_000;
/// Training rows up to which fits are so cheap that more of them are averaged.
pub(crate) const SMALL: usize = 5_000;
/// The square root of the rows that is worth a leaf: 100 leaves need 360,000 rows.
const ROWS_ROOT_PER_LEAF: f64 = 6.0;

/// A hyperparameter outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{model}, {name}: expected {expected}, got {got}")]
pub struct ParamError {
    /// The model's word.
    pub model: &'static str,
    /// The key.
    pub name: &'static str,
    /// The range.
    pub expected: &'static str,
    /// What came.
    pub got: f64,
}

impl Params {
    /// The defaults of a model.
    #[must_use]
    pub fn defaults(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Ridge => Self::Ridge(Ridge::default()),
            ModelKind::LogisticRegression => {
                Self::LogisticRegression(LogisticRegression::default())
            }
            ModelKind::DecisionTree => Self::DecisionTree(DecisionTree::default()),
            ModelKind::RandomForest => Self::RandomForest(RandomForest::default()),
            // An ensemble is fitted on top of its trees.
            ModelKind::GradientBoosting | ModelKind::BoostingAndLinear => {
                Self::GradientBoosting(GradientBoosting::default())
            }
        }
    }

    /// The defaults of a model for so many training rows; see [`GradientBoosting::for_rows`].
    #[must_use]
    pub fn for_rows(kind: ModelKind, rows: usize) -> Self {
        match kind {
            ModelKind::GradientBoosting => Self::GradientBoosting(GradientBoosting::for_rows(rows)),
            _ => Self::defaults(kind),
        }
    }

    /// Which model it is.
    #[must_use]
    pub fn kind(&self) -> ModelKind {
        match self {
            Self::Ridge(_) => ModelKind::Ridge,
            Self::LogisticRegression(_) => ModelKind::LogisticRegression,
            Self::DecisionTree(_) => ModelKind::DecisionTree,
            Self::RandomForest(_) => ModelKind::RandomForest,
            Self::GradientBoosting(_) => ModelKind::GradientBoosting,
            Self::BoostingAndLinear(_) => ModelKind::BoostingAndLinear,
        }
    }

    /// Whether the model's own answers are probabilities: ridge minimizes squares and clamps a
    /// sum, so that it is calibrated wherever nothing else is asked for.
    #[must_use]
    pub fn gives_probabilities(&self) -> bool {
        !matches!(self, Self::Ridge(_))
    }

    /// The trees of a boosted model, alone or beside a linear one.
    #[must_use]
    pub fn boosting(&self) -> Option<&GradientBoosting> {
        match self {
            Self::GradientBoosting(boosting) => Some(boosting),
            Self::BoostingAndLinear(both) => Some(&both.boosting),
            _ => None,
        }
    }

    /// The same, to change them.
    pub fn boosting_mut(&mut self) -> Option<&mut GradientBoosting> {
        match self {
            Self::GradientBoosting(boosting) => Some(boosting),
            Self::BoostingAndLinear(both) => Some(&mut both.boosting),
            _ => None,
        }
    }

    /// Checks the ranges that the fields' descriptions give.
    ///
    /// # Errors
    /// Names the first hyperparameter that is outside.
    pub fn check(&self) -> Result<(), ParamError> {
        let model = self.kind().word();
        match self.ranges().into_iter().find(|range| !range.holds) {
            None => Ok(()),
            Some(range) => Err(ParamError {
                model,
                name: range.name,
                expected: range.expected,
                got: range.got,
            }),
        }
    }

    fn ranges(&self) -> Vec<Checked> {
        match self {
            Self::Ridge(p) => vec![positive("alpha", p.alpha)],
            Self::LogisticRegression(p) => vec![
                not_negative("alpha", p.alpha),
                checked("bins", p.bins as f64, (1..=64).contains(&p.bins), "1 to 64"),
            ],
            Self::DecisionTree(p) => vec![
                depth(p.max_depth.into()),
                at_least_1("min_leaf_rows", p.min_leaf_rows),
                checked(
                    "min_split_rows",
                    p.min_split_rows as f64,
                    p.min_split_rows >= 2,
                    "at least 2",
                ),
            ],
            Self::RandomForest(p) => vec![
                trees(p.trees),
                depth(p.max_depth.into()),
                at_least_1("min_leaf_rows", p.min_leaf_rows),
                share("column_share", p.column_share),
            ],
            Self::BoostingAndLinear(p) => {
                let share = p.linear_share;
                let holds = share > 0.0 && share < 1.0;
                let mut ranges = Self::GradientBoosting(p.boosting).ranges();
                ranges.extend(Self::LogisticRegression(p.linear).ranges());
                ranges.push(checked("linear_share", share, holds, "above 0, below 1"));
                ranges
            }
            Self::GradientBoosting(p) => vec![
                trees(p.trees),
                share("learning_rate", p.learning_rate),
                checked(
                    "max_leaves",
                    p.max_leaves as f64,
                    (2..=4096).contains(&p.max_leaves),
                    "2 to 4096",
                ),
                depth(p.max_depth),
                not_negative("l1", p.l1),
                not_negative("l2", p.l2),
                not_negative("min_split_gain", p.min_split_gain),
                positive("min_leaf_weight", p.min_leaf_weight),
                at_least_1("min_leaf_rows", p.min_leaf_rows),
                checked(
                    "max_category_set",
                    p.max_category_set as f64,
                    (1..=1000).contains(&p.max_category_set),
                    "1 to 1000",
                ),
                share("row_share", p.row_share),
                share("column_share", p.column_share),
                checked(
                    "max_bins",
                    p.max_bins.into(),
                    (2..=60_000).contains(&p.max_bins),
                    "2 to 60000",
                ),
                checked("bags", p.bags as f64, (1..=64).contains(&p.bags), "1 to 64"),
            ],
        }
    }
}

struct Checked {
    name: &'static str,
    got: f64,
    holds: bool,
    expected: &'static str,
}

fn checked(name: &'static str, got: f64, holds: bool, expected: &'static str) -> Checked {
    Checked {
        name,
        got,
        holds,
        expected,
    }
}

/// Beyond a million nothing is fitted any more, and sums stay finite.
fn positive(name: &'static str, got: f64) -> Checked {
    checked(name, got, got > 0.0 && got <= 1e6, "above 0, at most 1e6")
}

fn not_negative(name: &'static str, got: f64) -> Checked {
    checked(name, got, (0.0..=1e6).contains(&got), "0 to 1e6")
}

fn share(name: &'static str, got: f64) -> Checked {
    checked(name, got, got > 0.0 && got <= 1.0, "above 0, at most 1")
}

fn at_least_1(name: &'static str, got: usize) -> Checked {
    checked(name, got as f64, got >= 1, "at least 1")
}

fn trees(got: usize) -> Checked {
    checked(
        "trees",
        got as f64,
        (1..=10_000).contains(&got),
        "1 to 10000",
    )
}

fn depth(got: usize) -> Checked {
    checked("max_depth", got as f64, (1..=60).contains(&got), "1 to 60")
}
