//! The best split of a node on a column.

use model_core::schema::Monotonic;

use super::Params;
use super::bins::{BinnedColumn, Scale};
use super::histogram::{FixedPoint, Sum};

/// What a split asks of a value that is there; yes goes left.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Question {
    /// Whether its bin is at most this one.
    AtMost(usize),
    /// Whether its code is one of these; "other" is the last.
    OneOf(Vec<bool>),
}

/// A split that could be made.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) column: usize,
    pub(super) question: Question,
    pub(super) missing_left: bool,
    /// By how much the loss falls, twice.
    pub(super) gain: f64,
    pub(super) left: Sum,
    pub(super) right: Sum,
}

/// The steps that a node's leaves may take, because of the monotonic splits above.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Bounds {
    pub(super) const NONE: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    /// Of the two sides of a split whose sides would take these steps.
    pub(super) fn split(self, direction: Option<Monotonic>, left: f64, right: f64) -> [Self; 2] {
        let middle = (left / 2.0 + right / 2.0).clamp(self.low, self.high);
        let below = Self {
            high: middle,
            ..self
        };
        let above = Self {
            low: middle,
            ..self
        };
        match direction {
            None => [self, self],
            Some(Monotonic::Increasing) => [below, above],
            Some(Monotonic::Decreasing) => [above, below],
        }
    }
}

/// A node whose best split is looked for.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) params: &'a Params,
    pub(super) fixed: &'a FixedPoint,
    pub(super) sum: Sum,
    pub(super) bounds: Bounds,
    /// Whether some column has a direction: else bounds are not looked at.
    pub(super) bounded: bool,
}

impl Search<'_> {
    /// The step of a leaf with these rows, before the learning rate.
    pub(super) fn step(&self, sum: Sum) -> f64 {
        let (gradient, hessian) = self.floats(sum);
        self.step_of(gradient, hessian)
    }

    fn step_of(&self, gradient: f64, hessian: f64) -> f64 {
        let shrunk = gradient.abs() - self.params.l1;
        let penalized = hessian + self.params.l2;
        if shrunk <= 0.0 || penalized <= 0.0 {
            return 0.0_f64.clamp(self.bounds.low, self.bounds.high);
        }
        let step = -shrunk.copysign(gradient) / penalized;
        step.clamp(self.bounds.low, self.bounds.high)
    }

    fn floats(&self, sum: Sum) -> (f64, f64) {
        (self.fixed.gradient(sum), self.fixed.hessian(sum))
    }

    /// By how much the loss falls when rows take a step, twice.
    fn fall(&self, gradient: f64, hessian: f64, step: f64) -> f64 {
        let Params { l1, l2, .. } = *self.params;
        -(2.0 * (gradient * step + l1 * step.abs()) + (hessian + l2) * step * step)
    }

    /// The fall of both sides; none where a side is too small or the order is wrong.
    fn falls(&self, left: Sum, right: Sum, direction: Option<Monotonic>) -> Option<f64> {
        let least = self.params.min_leaf_rows.max(1);
        if self.fixed.rows(left) < least || self.fixed.rows(right) < least {
            return None;
        }
        let (left_gradient, left_hessian) = self.floats(left);
        let (right_gradient, right_hessian) = self.floats(right);
        if left_hessian.min(right_hessian) < self.params.min_leaf_weight {
            return None;
        }
        if !self.bounded && self.params.l1 == 0.0 {
            let l2 = self.params.l2;
            return Some(
                left_gradient * left_gradient / (left_hessian + l2)
                    + right_gradient * right_gradient / (right_hessian + l2),
            );
        }
        let left_step = self.step_of(left_gradient, left_hessian);
        let right_step = self.step_of(right_gradient, right_hessian);
        let in_order = match direction {
            None => true,
            Some(Monotonic::Increasing) => left_step <= right_step,
            Some(Monotonic::Decreasing) => left_step >= right_step,
        };
        in_order.then(|| {
            self.fall(left_gradient, left_hessian, left_step)
                + self.fall(right_gradient, right_hessian, right_step)
        })
    }

    /// The best split on a column: `sums` are those of its bins, `categories` says which
    /// categories may be split off.
    pub(super) fn best(
        &self,
        index: usize,
        column: &BinnedColumn,
        sums: &[Sum],
        categories: &[bool],
    ) -> Option<Candidate> {
        let (missing, bins) = sums.split_last()?;
        let mut best = Best::default();
        let mut order = Vec::new();
        match column.scale {
            Scale::Ordered(_) => {
                let mut left = Sum::default();
                for (bin, sum) in bins.iter().enumerate() {
                    if !sum.is_empty() {
                        left += *sum;
                        best.consider(self, Cut::Bin(bin), left, *missing, column.direction);
                    }
                }
            }
            Scale::Categories(_) => {
                let drawn = |code: &usize| categories.get(*code) == Some(&true);
                let there = |code: &usize| !bins[*code].is_empty();
                order.extend((0..bins.len()).filter(|code| drawn(code) && there(code)));
                let all = self.sum - *missing;
                for code in &order {
                    best.consider(self, Cut::Bin(*code), all - bins[*code], *missing, None);
                }
                if self.params.max_category_set > 1 {
                    self.sort(&mut order, bins);
                    self.sets(&mut best, order.iter(), all, sums, Cut::Head);
                    self.sets(&mut best, order.iter().rev(), all, sums, Cut::Tail);
                }
            }
        }
        let (gradient, hessian) = self.floats(self.sum);
        let here = self.fall(gradient, hessian, self.step_of(gradient, hessian));
        let gain = best.falls - here;
        if gain.is_nan() || gain <= self.params.min_split_gain.max(NO_GAIN * here.abs()) {
            return None;
        }
        let right = self.sum - best.left;
        let missing_left = match missing.is_empty() {
            // Nobody knows: with the many.
            true => self.fixed.rows(best.left) >= self.fixed.rows(right),
            false => best.missing_left,
        };
        let question = match (&column.scale, best.cut) {
            (Scale::Ordered(_), Cut::Bin(bin)) => Question::AtMost(bin),
            (_, cut) => {
                let aside = cut.codes(&order);
                Question::OneOf((0..bins.len()).map(|code| !aside.contains(&code)).collect())
            }
        };
        Some(Candidate {
            column: index,
            question,
            missing_left,
            gain,
            left: best.left,
            right,
        })
    }

    /// Sorts categories by their mean gradient, each shrunk towards 0 as if some rows more had
    /// none: a category of two rows should not lead the order.
    fn sort(&self, order: &mut [usize], bins: &[Sum]) {
        let mean = |code: &usize| {
            let (gradient, hessian) = self.floats(bins[*code]);
            gradient / (hessian + CATEGORY_SMOOTHING)
        };
        order.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
    }

    /// Tries to send aside the first two of the codes, the first three, and so on.
    fn sets<'o>(
        &self,
        best: &mut Best,
        codes: impl ExactSizeIterator<Item = &'o usize>,
        all: Sum,
        sums: &[Sum],
        cut: impl Fn(usize) -> Cut,
    ) {
        let Some((missing, bins)) = sums.split_last() else {
            return;
        };
        // All but one of them is that one, which was tried.
        let most = self
            .params
            .max_category_set
            .min(codes.len().saturating_sub(2));
        let mut left = all;
        for (size, code) in (1..=most).zip(codes) {
            left = left - bins[*code];
            if size > 1 {
                best.consider(self, cut(size), left, *missing, None);
            }
        }
    }
}

/// Hessian that a category is taken to have beside its own when categories are sorted.
const CATEGORY_SMOOTHING: f64 = 10.0;

/// A share of a node's own fall that is no gain but rounding.
const NO_GAIN: f64 = 1e-12;

/// Where a column is cut in two.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Behind this bin, or between this category and all others.
    Bin(usize),
    /// Behind so many of the sorted categories.
    Head(usize),
    /// Before so many of the sorted categories.
    Tail(usize),
}

impl Cut {
    /// The categories that it sends aside.
    fn codes(self, order: &[usize]) -> Vec<usize> {
        match self {
            Self::Bin(code) => vec![code],
            Self::Head(size) => order.iter().take(size).copied().collect(),
            Self::Tail(size) => order.iter().rev().take(size).copied().collect(),
        }
    }
}

/// The best split so far.
struct Best {
    falls: f64,
    cut: Cut,
    missing_left: bool,
    left: Sum,
}

impl Default for Best {
    fn default() -> Self {
        Self {
            falls: f64::NEG_INFINITY,
            cut: Cut::Bin(0),
            missing_left: false,
            left: Sum::default(),
        }
    }
}

impl Best {
    /// A split at a cut with these rows to the left, and the missing ones to either side.
    fn consider(
        &mut self,
        search: &Search<'_>,
        cut: Cut,
        left: Sum,
        missing: Sum,
        direction: Option<Monotonic>,
    ) {
        self.take(search, cut, left, false, direction);
        if !missing.is_empty() {
            let mut left = left;
            left += missing;
            self.take(search, cut, left, true, direction);
        }
    }

    fn take(
        &mut self,
        search: &Search<'_>,
        cut: Cut,
        left: Sum,
        missing_left: bool,
        direction: Option<Monotonic>,
    ) {
        let falls = search.falls(left, search.sum - left, direction);
        if let Some(falls) = falls.filter(|falls| *falls > self.falls) {
            *self = Self {
                falls,
                cut,
                missing_left,
                left,
            };
        }
    }
}
