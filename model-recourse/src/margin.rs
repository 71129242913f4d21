//! The greatest margin that the model can give in a box: of each tree the greatest leaf that the
//! box reaches, of the linear part the ends of its intervals.

use crate::axis::Axis;
use crate::reach::{Inputs, Reach};
use crate::standings::Standing;
use crate::trees::Trees;
use model_core::decide::{Application, Decider};
use model_core::forest::{Aggregation, Forest};
use model_core::model::{Condition, Linear, TermValue};

/// The model with all that a request fixes worked in.
#[derive(Debug, Default)]
pub(super) struct Margin {
    trees: Trees,
    /// What the trees' sum is divided by, what is added, and what the result counts.
    divisor: f64,
    base: f64,
    forest_weight: f64,
    /// What of the linear part does not change, and the rest.
    linear: f64,
    linear_weight: f64,
    terms: Vec<Addend>,
    /// What is added up: how many numbers, and how far from 0 those can be that change no more.
    count: usize,
    size: f64,
}

/// What an input adds to the linear part.
#[derive(Debug, Clone)]
enum Addend {
    /// A weighted number.
    Scaled {
        input: usize,
        mean: f64,
        scale: f64,
        weight: f64,
    },
    /// A weight where the condition holds.
    Where {
        input: usize,
        condition: Condition,
        weight: f64,
    },
    /// A weight for each code of a category.
    Codes { input: usize, weights: Vec<f64> },
}

impl Margin {
    pub(super) fn new(
        decider: &Decider,
        application: &Application,
        axes: &[Axis],
        inputs: &Inputs,
    ) -> Self {
        let free: Vec<bool> = (0..application.row.len())
            .map(|input| !inputs.is_fixed(axes, input))
            .collect();
        let native = |input: usize| inputs.may_go_missing(input);
        let mut margin = Self {
            divisor: 1.0,
            ..Self::default()
        };
        let row = &application.row;
        let parts = decider.artifact().model.parts();
        // The base, the intercept, the quotient, the two weights and their sum.
        margin.count = 8;
        if let Some(forest) = parts.forest {
            margin.count += forest.trees.len();
            margin.forest_weight = parts.forest_weight;
            margin.add_forest(forest, row, &free, &native);
        }
        if let Some(linear) = parts.linear {
            margin.count += linear.terms.len() + linear.indicators.len();
            margin.linear_weight = parts.linear_weight;
            margin.add_linear(linear, row, &free);
        }
        margin.size +=
            margin.forest_weight * (margin.base.abs() + margin.trees.furthest() / margin.divisor);
        margin
    }

    /// The greatest margin in a box. `standing` is that of a box that this one is a part of, or
    /// the default, and is brought up to date.
    pub(super) fn greatest(&self, reach: &[Reach], standing: &mut Standing) -> f64 {
        let trees = self.base + self.trees.greatest(reach, standing) / self.divisor;
        let (mut linear, mut size) = (self.linear, self.size);
        for addend in &self.terms {
            let (least, most) = addend.ends(reach);
            linear += most;
            size += self.linear_weight * least.abs().max(most.abs());
        }
        // The model adds the same up in an order of its own: each of the two sums of n numbers is
        // off by at most n roundings of what all of them come to.
        let rounding = self.count as f64 * f64::EPSILON * size;
        self.forest_weight * trees + self.linear_weight * linear + rounding
    }

    /// For each input how much of a box's bound hangs on it: [`Trees::weigh`] in the margin's
    /// terms, and how far the linear part goes. All 0 without trees, where every part of a box
    /// is bounded exactly.
    pub(super) fn weigh(&self, reach: &[Reach], standing: &mut Standing) -> Vec<f64> {
        let mut weights = vec![0.0; reach.len()];
        if self.forest_weight > 0.0 {
            self.trees.weigh(standing, &mut weights);
            for weight in &mut weights {
                *weight *= self.forest_weight / self.divisor;
            }
            for addend in &self.terms {
                let (least, most) = addend.ends(reach);
                weights[addend.input()] += self.linear_weight * (most - least);
            }
        }
        weights
    }

    /// Where the trees cut a box along an input: see [`Trees::median_cut`].
    pub(super) fn median_cut(&self, standing: &Standing, input: usize) -> Option<f64> {
        self.trees.median_cut(standing, input)
    }

    fn add_forest(
        &mut self,
        forest: &Forest,
        row: &[f64],
        free: &[bool],
        native: &dyn Fn(usize) -> bool,
    ) {
        if forest.aggregation == Aggregation::SingleSum {
            self.trees.starting_from(forest.base);
        } else {
            self.base = forest.base;
        }
        if forest.aggregation.is_mean() {
            self.divisor = forest.trees.len() as f64;
        }
        self.trees.add(forest, row, free, native);
    }

    fn add_linear(&mut self, linear: &Linear, row: &[f64], free: &[bool]) {
        let alone = |terms, indicators| Linear {
            terms,
            intercept: 0.0,
            link: linear.link,
            indicators,
        };
        self.add_fixed(linear.intercept);
        for term in &linear.terms {
            let input = usize::from(term.feature);
            if !free[input] {
                self.add_fixed(alone(vec![*term], Vec::new()).margin(row, 1, 0));
            } else if let TermValue::IsCategory(code) = term.value {
                self.add_code(linear, input, code);
            } else {
                self.terms.push(Addend::Scaled {
                    input,
                    mean: term.mean,
                    scale: term.scale,
                    weight: term.weight,
                });
            }
        }
        for indicator in &linear.indicators {
            let input = usize::from(indicator.feature);
            if free[input] {
                self.terms.push(Addend::Where {
                    input,
                    condition: indicator.condition,
                    weight: indicator.weight,
                });
            } else if indicator.condition.holds(row[input]) {
                self.add_fixed(indicator.weight);
            }
        }
    }

    /// Adds what is the same in every box to the linear part.
    fn add_fixed(&mut self, addend: f64) {
        self.linear += addend;
        self.size += self.linear_weight * addend.abs();
    }

    /// What each code of a category is worth, at its first term.
    fn add_code(&mut self, linear: &Linear, input: usize, code: u32) {
        let is_of = |term: &&model_core::model::Term| usize::from(term.feature) == input;
        let first = linear.terms.iter().find(is_of);
        if first.is_none_or(|first| first.value != TermValue::IsCategory(code)) {
            return;
        }
        let own = Linear {
            terms: linear.terms.iter().filter(is_of).copied().collect(),
            intercept: 0.0,
            link: linear.link,
            indicators: Vec::new(),
        };
        let mut row = vec![0.0; input + 1];
        let weights = (0..u64::BITS).map(|code| {
            row[input] = f64::from(code);
            own.margin(&row, 1, 0)
        });
        let weights = weights.collect();
        self.terms.push(Addend::Codes { input, weights });
    }
}

impl Addend {
    fn input(&self) -> usize {
        match self {
            Self::Scaled { input, .. } | Self::Where { input, .. } | Self::Codes { input, .. } => {
                *input
            }
        }
    }

    /// The least and the greatest that it can be in a box.
    fn ends(&self, reach: &[Reach]) -> (f64, f64) {
        match self {
            Self::Scaled {
                input,
                mean,
                scale,
                weight,
            } => {
                let span = reach[*input].span;
                // Within what `Linear::margin` clamps to, and 0 where it is missing.
                let at = |value: f64| weight * ((value - mean) / scale).clamp(-1e200, 1e200);
                let (low, high) = (at(span.low), at(span.high));
                let (least, most) = (low.min(high), low.max(high));
                match (span.is_empty(), span.missing) {
                    (true, _) => (0.0, 0.0),
                    (false, true) => (least.min(0.0), most.max(0.0)),
                    (false, false) => (least, most),
                }
            }
            Self::Where {
                input,
                condition,
                weight,
            } => {
                let span = reach[*input].span;
                let (always, never) = match *condition {
                    Condition::Missing => (span.missing && span.is_empty(), !span.missing),
                    Condition::Above(cut) => (!span.missing && span.low > cut, span.high <= cut),
                };
                match (always, never) {
                    (true, _) => (*weight, *weight),
                    (_, true) => (0.0, 0.0),
                    _ => (weight.min(0.0), weight.max(0.0)),
                }
            }
            Self::Codes { input, weights } => {
                let codes = reach[*input].codes;
                let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
                for (code, weight) in weights.iter().enumerate() {
                    if codes >> code & 1 == 1 {
                        ends = (ends.0.min(*weight), ends.1.max(*weight));
                    }
                }
                ends
            }
        }
    }
}
