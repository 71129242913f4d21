//! Tree ensembles: the form they are stored in, and what they mean.
//!
//! A [`Forest`] is compact and plain: trees as lists of nodes. It is never evaluated as
//! it lies: [`NaiveForest`] is the plain walk that says what a forest means, and
//! [`CompiledForest`] is the fast form that gives the same bits.
//!
//! # What a forest predicts
//!
//! A row is one `f64` for each feature: a number; a category's index; NaN when missing.
//! Each tree sends the row to one leaf. The leaves' values are added in the order that
//! [`Aggregation`] says, each sum rounded to an `f64`, and divided by the number of trees
//! where it says so; [`Forest::base`] is added; [`Link`] is applied. Every way of
//! evaluating does exactly this, so all give the same bits on every machine. The
//! prediction is never NaN.

mod compiled;
mod groups;
mod index;
mod naive;
mod plan;
mod rank;
mod stored;
mod tables;
mod top;
mod validate;
mod walks;
mod whole;

pub use compiled::{CompiledForest, Scratch, TABLE_BUDGET};
pub use naive::NaiveForest;
pub use validate::{
    ForestError, MAX_CATEGORIES, MAX_CUTS, MAX_DEPTH, MAX_FEATURES, MAX_LEAF, MAX_NODES,
    MAX_SET_WORDS, MAX_TREES,
};

use bincode::{Decode, Encode};

/// An ensemble of decision trees as the artifact stores it.
///
/// A forest that was read from outside must pass [`Forest::validate`] before use;
/// [`NaiveForest::new`] and [`CompiledForest::new`] see to that themselves.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Forest {
    /// How each feature of a row is cut, in the order of the row.
    pub features: Vec<Bins>,
    /// The sets that category splits name, shared by all trees. Equal sets are best stored
    /// once: big trees are compiled with a column for each set that a feature is asked for.
    pub category_sets: Vec<CategorySet>,
    /// The trees; their order says in which one leaf values are added.
    pub trees: Vec<Tree>,
    /// How the trees' values become one.
    pub aggregation: Aggregation,
    /// Added to the aggregate, before the link.
    pub base: f64,
    /// What is applied last.
    pub link: Link,
}

/// What a feature's values are, and where splits may cut them.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Bins {
    /// A number. The cuts are finite and strictly ascending; a value goes to the left of
    /// cut `i` if and only if `value <= cuts[i]`.
    Cuts(Vec<f64>),
    /// One of `n` categories: values 0 to `n - 1`. Any other number, whole or not, is the
    /// category `n`, "other".
    Categories(u32),
}

/// One tree in preorder: a split is followed by its left subtree, then its right one, so
/// that the order alone gives the structure.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Tree {
    /// At least one node.
    pub nodes: Vec<Node>,
}

/// A node of a tree. The counts are hints about what is visited most; a wrong count
/// costs speed, never a bit of the prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// Where a row ends.
    Leaf {
        /// Finite, at most [`MAX_LEAF`] in magnitude.
        value: f64,
        /// Training rows that reached it.
        count: u32,
    },
    /// Where a row goes left or right.
    Split {
        /// Index into [`Forest::features`].
        feature: u16,
        /// For a number the index of its cut; for a category the index into
        /// [`Forest::category_sets`] of the set whose members go left.
        split: u32,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// Training rows that reached it.
        count: u32,
    },
}

/// A set of category codes of one feature with `n` categories: members 0 to `n`, where
/// `n` is "other".
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CategorySet {
    /// Bit `c % 64` of word `c / 64` is code `c`; `n / 64 + 1` words, no bit above `n`.
    pub words: Vec<u64>,
}

/// How the trees' values become one.
///
/// Sums by groups are what new models have: one long chain of sums is what a row of small
/// trees would wait for. The groups are of 16 trees; a group's sum is
/// `(p0 + p1) + (p2 + p3)`, where `pk` is the sum of its trees `k`, `k + 4`, `k + 8` and
/// `k + 12` in this order; the sums of the groups are added in theirs, starting from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Aggregation {
    /// Their sum, tree after tree, starting from 0.
    Sum,
    /// The same divided by their number.
    Mean,
    /// Their sum by groups (boosting).
    GroupedSum,
    /// The same divided by their number (random forests, single trees).
    GroupedMean,
}

impl Aggregation {
    /// What becomes of the sum of so many trees.
    pub fn of_sum(self, sum: f64, trees: usize) -> f64 {
        match self {
            Self::Sum | Self::GroupedSum => sum,
            Self::Mean | Self::GroupedMean => sum / trees as f64,
        }
    }

    /// Whether the trees' values are averaged rather than added up.
    #[must_use]
    pub fn is_mean(self) -> bool {
        matches!(self, Self::Mean | Self::GroupedMean)
    }

    fn is_grouped(self) -> bool {
        matches!(self, Self::GroupedSum | Self::GroupedMean)
    }
}

/// Trees of a group.
const GROUP: usize = 16;
/// Sums of a group that do not wait for each other.
const PARTS: usize = 4;

/// The sum of a group's values. None is -0, so that a tree that is not there is a 0.
#[inline(always)]
fn group_sum(value: impl Fn(usize) -> f64) -> f64 {
    let part = |k| ((value(k) + value(k + 4)) + value(k + 8)) + value(k + 12);
    joined([part(0), part(1), part(2), part(3)])
}

#[inline(always)]
fn joined(parts: [f64; PARTS]) -> f64 {
    (parts[0] + parts[1]) + (parts[2] + parts[3])
}

/// -0 becomes 0: it makes no difference to a sum that starts from 0.
fn without_sign_of_zero(value: f64) -> f64 {
    value + 0.0
}

/// What turns the aggregate into the prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Link {
    /// Nothing.
    Identity,
    /// `1 / (1 + exp(-x))`: log odds become a probability.
    Logistic,
}

impl CategorySet {
    /// The set of `members` of a feature with `categories` categories. Members above
    /// `categories` are left out.
    pub fn new(categories: u32, members: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0; set_words(categories)];
        for code in members {
            if let Some(word) = words
                .get_mut(code as usize / 64)
                .filter(|_| code <= categories)
            {
                *word |= 1 << (code % 64);
            }
        }
        Self { words }
    }

    /// Whether `code` is a member.
    pub fn contains(&self, code: u32) -> bool {
        self.words
            .get(code as usize / 64)
            .is_some_and(|word| word >> (code % 64) & 1 == 1)
    }
}

impl Link {
    /// The prediction for an aggregate.
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Link::Identity => value,
            Link::Logistic => logistic(value),
        }
    }
}

/// The steps from the sum of the leaves to the prediction.
#[derive(Debug, Clone, Copy)]
struct Finish {
    aggregation: Aggregation,
    trees: usize,
    base: f64,
    link: Link,
}

impl Finish {
    fn of(forest: &Forest) -> Self {
        let Forest {
            aggregation,
            base,
            link,
            ..
        } = *forest;
        Self {
            aggregation,
            trees: forest.trees.len(),
            base,
            link,
        }
    }

    fn apply(&self, sum: f64) -> f64 {
        let aggregate = self.aggregation.of_sum(sum, self.trees);
        self.link.apply(self.base + aggregate)
    }
}

/// `1 / (1 + exp(-x))`, without overflow on either side.
fn logistic(x: f64) -> f64 {
    // Without a branch: nobody can foresee the sign of a row's log odds.
    let e = libm::exp(-x.abs());
    let above = if x >= 0.0 { 1.0 } else { e };
    above / (1.0 + e)
}

/// The code of a category value that is not NaN: `categories` ("other") for anything
/// but a whole number below it.
#[inline]
fn category_code(value: f64, categories: u32) -> u32 {
    // A cast saturates, so that it cannot hit a wrong code that converts back.
    let code = value as u32;
    if f64::from(code) == value && code < categories {
        code
    } else {
        categories
    }
}

/// Words of a category set for a feature with `categories` categories and "other".
fn set_words(categories: u32) -> usize {
    categories as usize / 64 + 1
}

/// In order, each once. One function for all who sort: each kind of sorting that the
/// standard library makes is several kilobytes of the module.
fn sorted_set(mut keys: Vec<u64>) -> Vec<u64> {
    keys.sort_unstable();
    keys.dedup();
    keys
}
