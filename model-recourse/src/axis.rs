//! One feature that may change: the values to propose for it, and what each costs.

use crate::Action;
use model_core::decide::{Application, Decider};
use model_core::expression::{Op, Span};
use model_core::forest::Bins;
use model_core::model::{Condition, Model, TermValue};
use model_core::schema::{
    Actionable, Direction, Encoding, Feature, FeatureKind, MAX_STEPS, Range as Numbers,
};

/// What every changed feature costs, so that fewer changes are preferred.
const EACH: f64 = 0.05;
/// What the distance over the range counts beside the share of people between two values. It
/// keeps the cost growing where nobody is.
const RANGE_SHARE: f64 = 0.01;

/// The candidates of a feature, the application's own value among them.
#[derive(Debug)]
pub(super) struct Axis {
    /// Its number among the inputs.
    pub(super) input: usize,
    /// Its index among the schema's features.
    pub(super) feature: usize,
    /// In the model's terms: numbers and ordinal codes ascending; of other categories the
    /// application's own comes first. The own is the one that is stated, -1 for a category that
    /// is not in the list.
    pub(super) values: Vec<f64>,
    /// What each costs; it never falls with the distance from the application's own.
    pub(super) costs: Vec<f64>,
    /// The index of the application's own.
    pub(super) at: u32,
    /// What the application's own comes to after its policies.
    own: f64,
    /// Whether the values are codes of categories.
    pub(super) is_category: bool,
}

/// Candidates from one index to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: u32,
    pub(super) high: u32,
}

impl Range {
    /// One candidate.
    pub(super) fn one(index: u32) -> Self {
        Self {
            low: index,
            high: index,
        }
    }

    pub(super) fn contains(self, index: u32) -> bool {
        self.low <= index && index <= self.high
    }
}

impl Axis {
    /// The candidates of an action for an application; `None` where the application does not
    /// state the feature, or a category that has no place in the order of the list.
    pub(super) fn new(
        decider: &Decider,
        action: &Action,
        application: &Application,
        direction: Direction,
    ) -> Option<Self> {
        let features = &decider.artifact().schema.features;
        let named = |feature: &Feature| feature.name == action.feature;
        let feature = features.iter().position(named)?;
        let input = decider.artifact().schema.inputs().position(named)?;
        // What a policy put in its place was not said: there is nothing to change.
        let from = *application.codes.get(input)?;
        let own = *application.row.get(input)?;
        if application.seen.get(feature)?.is_nan() || from.is_nan() || own.is_nan() {
            return None;
        }
        let actionable = Actionable {
            direction,
            ..action.actionable.clone()
        };
        let described = features.get(feature)?;
        let categories = described.categories();
        if from < 0.0 && categories.is_some_and(|c| c.encoding == Encoding::Ordinal) {
            return None;
        }
        let mut values = candidates(described, &actionable, from);
        if described.range().is_some() {
            // What would be read as missing is no proposal.
            let missing = &decider.artifact().schema.missing_values;
            values.retain(|value| *value == from || !missing.has_number(*value));
        }
        let is_category = categories.is_some();
        let is_alone = described.range().is_some() && !is_needed(decider, feature);
        if let Some(cuts) = Cuts::of(decider, input, feature).filter(|_| is_alone) {
            cuts.thin(&mut values, from, own);
        }
        let at = values.iter().position(|value| *value == from)?;
        let start = described.range().map_or(from, |range| nearest(range, from));
        let cost = |value: &f64| match *value == from {
            true => 0.0,
            false => EACH + action.actionable.cost * action.distance(described, start, *value),
        };
        Some(Self {
            input,
            feature,
            costs: values.iter().map(cost).collect(),
            values,
            at: at as u32,
            own,
            is_category,
        })
    }

    /// Every candidate.
    pub(super) fn whole(&self) -> Range {
        Range {
            low: 0,
            high: self.values.len().saturating_sub(1) as u32,
        }
    }

    /// The application's own alone.
    pub(super) fn own(&self) -> Range {
        Range::one(self.at)
    }

    /// The candidate of a range that is nearest to the application's own.
    pub(super) fn nearest(&self, range: Range) -> u32 {
        self.at.clamp(range.low, range.high)
    }

    /// What a candidate costs.
    pub(super) fn cost(&self, index: u32) -> f64 {
        self.costs.get(index as usize).copied().unwrap_or_default()
    }

    /// A candidate.
    pub(super) fn value(&self, index: u32) -> f64 {
        self.values.get(index as usize).copied().unwrap_or_default()
    }

    /// What a candidate comes to after its policies. Only the application's own may need any.
    fn settled(&self, index: u32) -> f64 {
        match index == self.at {
            true => self.own,
            false => self.value(index),
        }
    }

    /// What the candidates of a range come to after their policies.
    pub(super) fn settled_values(&self, range: Range) -> impl Iterator<Item = f64> {
        (range.low..=range.high).map(|index| self.settled(index))
    }

    /// From the least to the greatest number that those of a range come to.
    pub(super) fn span(&self, range: Range) -> Span {
        let ends = [range.low, range.high].map(|index| self.settled(index));
        let mut span = Span::new(ends[0].min(ends[1]), ends[0].max(ends[1]));
        // An own number that a policy replaced is first or last of all: the candidate beside it
        // may be further out than what it comes to.
        if self.own != self.value(self.at) && range.contains(self.at) {
            let beside = self.settled(match range.low == self.at {
                true => range.high.min(range.low + 1),
                false => range.high.saturating_sub(1).max(range.low),
            });
            span.low = span.low.min(beside);
            span.high = span.high.max(beside);
        }
        span
    }

    /// How much more the dearest candidate of a range costs than the cheapest.
    pub(super) fn spread(&self, range: Range) -> f64 {
        let dearest = self.cost(range.low).max(self.cost(range.high));
        dearest - self.cost(self.nearest(range))
    }
}

/// The values that may be proposed, with the application's own.
fn candidates(feature: &Feature, actionable: &Actionable, from: f64) -> Vec<f64> {
    match &feature.kind {
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            let mut values = vec![from];
            let inside = |value: f64| {
                range.contains(value) && actionable.lowest <= value && value <= actionable.highest
            };
            if actionable.direction.goes_down() {
                let first = (from.min(actionable.highest) / actionable.step).ceil();
                let below = grid(actionable.step, first, -1.0);
                let is_above = |v: f64| v >= actionable.lowest && !inside(v);
                let below = below.skip_while(|v| *v >= from || is_above(*v));
                values.extend(below.take_while(|v| inside(*v)));
                values.reverse();
            }
            if actionable.direction.goes_up() {
                let first = (from.max(actionable.lowest) / actionable.step).floor();
                let above = grid(actionable.step, first, 1.0);
                let is_below = |v: f64| v <= actionable.highest && !inside(v);
                let above = above.skip_while(|v| *v <= from || is_below(*v));
                values.extend(above.take_while(|v| inside(*v)));
            }
            values
        }
        FeatureKind::Boolean => ordered(actionable, from, 2),
        FeatureKind::Category(categories) => {
            let count = categories.values.len();
            if categories.encoding == Encoding::Ordinal {
                return ordered(actionable, from, count);
            }
            let others = (0..count).map(|code| code as f64);
            let others = others.filter(|code| *code != from);
            std::iter::once(from).chain(others).collect()
        }
    }
}

/// The end of a range that a number outside is nearer to; a number inside itself.
fn nearest(range: &Numbers, number: f64) -> f64 {
    let number = range.lower.map_or(number, |bound| number.max(bound.value));
    range.upper.map_or(number, |bound| number.min(bound.value))
}

/// So many multiples of a step, from one on. A step such as 0.3 is no `f64`, but 3 and 10 are:
/// their quotients are the multiples that a person writes.
fn grid(step: f64, first: f64, by: f64) -> impl Iterator<Item = f64> {
    let (above, below) = fraction(step);
    (0..=MAX_STEPS).map(move |nth| (first + by * f64::from(nth)) * above / below)
}

/// The numerator and the denominator of a step: of a decimal, or of a part such as a third.
fn fraction(step: f64) -> (f64, f64) {
    let mut below = 1.0;
    while below <= 1e9 {
        let above = (step * below).round_ties_even();
        if above > 0.0 && above / below == step {
            return (above, below);
        }
        below *= 10.0;
    }
    let inverse = (1.0 / step).round_ties_even();
    match inverse > 1.0 && (inverse * step - 1.0).abs() < 1e-9 {
        true => (1.0, inverse),
        false => (step, 1.0),
    }
}

/// The codes below `count` on the sides that are allowed.
fn ordered(actionable: &Actionable, from: f64, count: usize) -> Vec<f64> {
    let codes = (0..count).map(|code| code as f64);
    let allowed = |code: &f64| {
        *code == from
            || (*code > from && actionable.direction.goes_up())
            || (*code < from && actionable.direction.goes_down())
    };
    codes.filter(allowed).collect()
}

impl Action {
    /// How far one value is from another: about 1 from one end to the other.
    fn distance(&self, feature: &Feature, from: f64, to: f64) -> f64 {
        let Actionable {
            lowest,
            highest,
            step,
            ..
        } = self.actionable;
        match &feature.kind {
            FeatureKind::Number(_) | FeatureKind::Integer(_) => {
                let width = highest - lowest;
                let width = if width.is_finite() && width > 0.0 {
                    width
                } else {
                    from.abs().max(step)
                };
                let over_range = (to - from).abs() / width;
                match self.actionable.quantiles.len() {
                    0 | 1 => over_range,
                    _ => (self.rank(to) - self.rank(from)).abs() + RANGE_SHARE * over_range,
                }
            }
            FeatureKind::Category(c) if c.encoding == Encoding::Ordinal => {
                (to - from).abs() / (c.values.len().max(2) - 1) as f64
            }
            FeatureKind::Boolean | FeatureKind::Category(_) => 1.0,
        }
    }

    /// The share of training rows below a number, 0 to 1: straight lines between quantiles.
    fn rank(&self, number: f64) -> f64 {
        let quantiles = &self.actionable.quantiles;
        let after = quantiles.partition_point(|quantile| *quantile < number);
        let last = quantiles.len() - 1;
        let Some(before) = after.checked_sub(1) else {
            return 0.0;
        };
        if after > last {
            return 1.0;
        }
        let run = quantiles[after] - quantiles[before];
        (before as f64 + (number - quantiles[before]) / run) / last as f64
    }
}

/// Whether a derived field is computed from a feature.
fn is_needed(decider: &Decider, feature: usize) -> bool {
    let mut features = decider.artifact().schema.features.iter();
    features.any(|other| {
        let derived = other.derived.as_ref();
        derived.is_some_and(|d| d.formula.fields().contains(&(feature as u16)))
    })
}

/// The numbers that tell values of an input apart, where nothing else does.
#[derive(Debug)]
pub(super) struct Cuts {
    /// Of the trees, ascending.
    trees: Vec<f64>,
    /// Of the linear part and the rules.
    others: Vec<f64>,
}

impl Cuts {
    /// `None` where every number counts for itself: to a weight, or to a rule that computes
    /// with it.
    pub(super) fn of(decider: &Decider, input: usize, feature: usize) -> Option<Self> {
        let artifact = decider.artifact();
        let (forest, linear) = match &artifact.model {
            Model::Linear(linear) => (None, Some(linear)),
            Model::Forest(forest) => (Some(forest), None),
            Model::Ensemble(ensemble) => (Some(&ensemble.forest), Some(&ensemble.linear)),
        };
        let mut others = Vec::new();
        if let Some(linear) = linear {
            let mut terms = linear
                .terms
                .iter()
                .filter(|t| usize::from(t.feature) == input);
            if terms.any(|term| term.value == TermValue::Itself && term.weight != 0.0) {
                return None;
            }
            for indicator in &linear.indicators {
                if let (Condition::Above(cut), true) =
                    (indicator.condition, usize::from(indicator.feature) == input)
                {
                    others.push(cut);
                }
            }
        }
        for rule in artifact.policy.iter().flat_map(|policy| &policy.rules) {
            for op in rule.when.ops() {
                match *op {
                    Op::Bound { field, number, .. } if usize::from(field) == feature => {
                        others.push(number);
                    }
                    Op::Field(field) if usize::from(field) == feature => return None,
                    _ => {}
                }
            }
        }
        let trees = match forest.and_then(|forest| forest.features.get(input)) {
            Some(Bins::Cuts(cuts)) => cuts.clone(),
            _ => Vec::new(),
        };
        Some(Self { trees, others })
    }

    /// Whether neither the model nor a rule tells two numbers apart.
    pub(super) fn alike(&self, a: f64, b: f64) -> bool {
        let rank = |value: f64| self.trees.partition_point(|cut| *cut < value);
        let same = |cut: &f64| (a <= *cut) == (b <= *cut) && (a < *cut) == (b < *cut);
        rank(a) == rank(b) && self.others.iter().all(same)
    }

    /// Keeps the application's own, which comes to `own`, and of values that are alike the nearest
    /// to it.
    fn thin(&self, values: &mut Vec<f64>, from: f64, own: f64) {
        let settled = |value: f64| if value == from { own } else { value };
        let kept = |index: usize| {
            let value = values[index];
            let nearer = match value < from {
                true => values.get(index + 1),
                false => index.checked_sub(1).and_then(|before| values.get(before)),
            };
            value == from || nearer.is_some_and(|nearer| !self.alike(value, settled(*nearer)))
        };
        *values = (0..values.len())
            .filter(|index| kept(*index))
            .map(|index| values[index])
            .collect();
    }
}
