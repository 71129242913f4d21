//! A grown tree.

use super::bins::{Binned, Scale};
use super::split::Question;

/// One tree in preorder: a split is followed by its left subtree, then its right one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// At least one node.
    pub nodes: Vec<Node>,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `None` is a leaf.
    pub split: Option<Split>,
    /// Of a leaf, what it adds to a row's log odds.
    pub value: f64,
    /// Rows fitted on that reached it.
    pub rows: u32,
}

/// Where a row goes left, to the next node, or right.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Which column is asked for.
    pub column: usize,
    /// Who goes left.
    pub left: Left,
    /// Whether a missing value goes left.
    pub missing_left: bool,
    /// Place of the right child.
    pub right: usize,
    /// The same as `left`, bin by bin; the last is for missing values.
    pub(super) bins: Vec<bool>,
}

/// Which values go left.
#[derive(Debug, Clone, PartialEq)]
pub enum Left {
    /// Numbers up to and with this one.
    AtMost(f64),
    /// Of the categories, those that are true; "other" is the last.
    OneOf(Vec<bool>),
}

impl Left {
    /// Whether a value that is there goes left.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self {
            Self::AtMost(number) => value <= *number,
            Self::OneOf(codes) => codes.get(value as usize) == Some(&true),
        }
    }

    pub(super) fn new(question: &Question, scale: &Scale) -> Self {
        match (question, scale) {
            (Question::OneOf(codes), _) => Self::OneOf(codes.clone()),
            // Above all cuts there is nothing but missing values.
            (Question::AtMost(bin), Scale::Ordered(cuts)) => {
                Self::AtMost(cuts.get(*bin).copied().unwrap_or(f64::MAX))
            }
            (Question::AtMost(_), Scale::Categories(_)) => Self::AtMost(f64::MAX),
        }
    }
}

impl Question {
    /// Which bins go left; the last is for missing values.
    pub(super) fn bins(&self, bins: usize, missing_left: bool) -> Vec<bool> {
        let mut left: Vec<bool> = match self {
            Self::AtMost(last) => (0..bins).map(|bin| bin <= *last).collect(),
            Self::OneOf(codes) => codes.iter().copied().chain([false]).collect(),
        };
        if let Some(missing) = left.last_mut() {
            *missing = missing_left;
        }
        left
    }
}

impl Tree {
    /// What the tree adds to a row's log odds.
    #[must_use]
    pub fn step(&self, data: &Binned, row: usize) -> f64 {
        let mut place = 0;
        while let Some(node) = self.nodes.get(place) {
            let Some(split) = &node.split else {
                return node.value;
            };
            let left = split.bins[data.columns[split.column].bin(row)];
            place = if left { place + 1 } else { split.right };
        }
        0.0
    }
}
