//! From the leaves' values to the prediction: in which order they are added, and what is done
//! with the sum. The order decides the last bits, so every way of evaluating takes it from here.

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use super::Forest;
use crate::link::Link;

/// How the trees' values become one.
///
/// New models are summed by groups: with small trees, one long chain of dependent additions
/// would take most of the time. A group is 16 trees; its sum is `(p0 + p1) + (p2 + p3)`, where
/// `pk` adds its trees `k`, `k + 4`, `k + 8` and `k + 12` in this order. The groups' sums are
/// added in order, starting from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Their sum, tree after tree, starting from 0.
    Sum,
    /// The same divided by their number.
    Mean,
    /// Their sum by groups (boosting).
    GroupedSum,
    /// The same divided by their number (random forests, single trees).
    GroupedMean,
    /// Their sum, tree after tree, starting from the base, each sum rounded to an `f32`: as
    /// XGBoost adds. The artifact says so in a field of its own.
    SingleSum,
}

/// As formats 1 to 3 number them.
impl Encode for Aggregation {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let number: u32 = match self {
            Self::Sum | Self::SingleSum => 0,
            Self::Mean => 1,
            Self::GroupedSum => 2,
            Self::GroupedMean => 3,
        };
        number.encode(encoder)
    }
}

impl Aggregation {
    /// The aggregate, given the sum of so many trees.
    pub fn apply(self, sum: f64, trees: usize) -> f64 {
        match self {
            Self::Sum | Self::GroupedSum | Self::SingleSum => sum,
            Self::Mean | Self::GroupedMean => sum / trees as f64,
        }
    }

    /// Whether the trees' values are averaged rather than added up.
    #[must_use]
    pub fn is_mean(self) -> bool {
        matches!(self, Self::Mean | Self::GroupedMean)
    }

    pub(crate) fn is_single(self) -> bool {
        self == Self::SingleSum
    }

    /// The same order of additions, each rounded to an `f32`; `None` where there is none.
    pub(crate) fn single(self) -> Option<Self> {
        (self == Self::Sum).then_some(Self::SingleSum)
    }

    pub(super) fn is_grouped(self) -> bool {
        matches!(self, Self::GroupedSum | Self::GroupedMean)
    }
}

/// Trees of a group.
pub(super) const GROUP: usize = 16;
/// Independent partial sums of a group.
pub(super) const PARTS: usize = 4;

/// The sum of a group's values. None is -0, so that a tree that is not there is a 0.
#[inline(always)]
pub(super) fn group_sum(value: impl Fn(usize) -> f64) -> f64 {
    // The brackets are what a forest means: another order rounds to other bits.
    let part = |k| ((value(k) + value(k + 4)) + value(k + 8)) + value(k + 12);
    joined([part(0), part(1), part(2), part(3)])
}

/// A sum with one value more. Rounded twice, to an `f64` and to an `f32`, it is what adding two
/// `f32` gives: an `f64` has more than twice the bits.
#[inline(always)]
pub(super) fn add(sum: f64, value: f64, single: bool) -> f64 {
    let sum = sum + value;
    if single { f64::from(sum as f32) } else { sum }
}

#[inline(always)]
pub(super) fn joined(parts: [f64; PARTS]) -> f64 {
    (parts[0] + parts[1]) + (parts[2] + parts[3])
}

/// -0 becomes 0: it makes no difference to a sum that starts from 0.
pub(super) fn without_sign_of_zero(value: f64) -> f64 {
    value + 0.0
}

/// The steps from the sum of the leaves to the prediction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish {
    pub(super) aggregation: Aggregation,
    trees: usize,
    base: f64,
    pub(super) link: Link,
}

impl Finish {
    pub(super) fn new(forest: &Forest) -> Self {
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

    /// What the values are added to.
    pub(super) fn start(&self) -> f64 {
        if self.aggregation.is_single() {
            f64::from(self.base as f32)
        } else {
            0.0
        }
    }

    pub(super) fn apply(&self, sum: f64) -> f64 {
        self.link.apply(self.margin(sum))
    }

    /// What the link is applied to.
    pub(super) fn margin(&self, sum: f64) -> f64 {
        if self.aggregation.is_single() {
            return sum;
        }
        // The base comes after the division, and rounds once.
        self.base + self.aggregation.apply(sum, self.trees)
    }
}
