//! Tree ensembles: the form they are stored in, and what they mean.
//!
//! A [`Forest`] is compact and plain: trees as lists of nodes. It is never evaluated in that
//! form: [`NaiveForest`] is the plain walk that defines what a forest means, and
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

mod aggregation;
mod columns;
mod compiled;
mod groups;
mod index;
mod naive;
mod plan;
mod rank;
mod rows;
mod stored;
mod tables;
mod top;
mod validate;
mod walks;
mod whole;

pub use aggregation::Aggregation;
pub use compiled::{CompiledForest, Scratch, TABLE_BUDGET};
pub use naive::NaiveForest;
pub(crate) use rows::category_code;
pub(crate) use top::right_children;
pub use validate::{
    ForestError, MAX_CATEGORIES, MAX_CUTS, MAX_DEPTH, MAX_FEATURES, MAX_LEAF, MAX_NODES,
    MAX_SET_WORDS, MAX_TREES,
};

pub use crate::link::Link;

use bincode::Encode;

/// An ensemble of decision trees as the artifact stores it.
///
/// A forest that was read from outside must pass [`Forest::validate`] before use;
/// [`NaiveForest::new`] and [`CompiledForest::new`] see to that themselves.
#[derive(Debug, Clone, PartialEq, Encode)]
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
#[derive(Debug, Clone, PartialEq, Encode)]
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
#[derive(Debug, Clone, PartialEq, Encode)]
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
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct CategorySet {
    /// Bit `c % 64` of word `c / 64` is code `c`; `n / 64 + 1` words, no bit above `n`.
    pub words: Vec<u64>,
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

/// Words of a category set for a feature with `categories` categories and "other".
fn set_words(categories: u32) -> usize {
    categories as usize / 64 + 1
}

/// Sorts the keys and drops duplicates. Shell's sort with Knuth's gaps: the standard library's
/// takes several kilobytes of the module.
pub(crate) fn sorted_set(mut keys: Vec<u64>) -> Vec<u64> {
    let mut gap = 1;
    while gap < keys.len() / 9 {
        gap = 3 * gap + 1;
    }
    while gap > 0 {
        for index in gap..keys.len() {
            let mut at = index;
            while at >= gap && keys[at - gap] > keys[at] {
                keys.swap(at - gap, at);
                at -= gap;
            }
        }
        gap /= 3;
    }
    keys.dedup();
    keys
}
