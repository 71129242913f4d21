//! What values an application's fields can have where rules read them.

use std::rc::Rc;

use model_core::expression::{Comparison, Span, round};
use model_core::schema::{Example, Feature, FeatureKind, Missing, Role, Schema, Unknown};

use crate::listed::Listed;
use crate::truth::Truths;

/// Which of the numbers between two ends count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grid {
    /// Every one.
    Any,
    /// Whole numbers.
    Whole,
    /// Those rounded to so many decimals.
    Decimals(u8),
}

impl Grid {
    pub(crate) fn has(self, number: f64) -> bool {
        match self {
            Self::Any => true,
            Self::Whole => number.fract() == 0.0,
            Self::Decimals(decimals) => round(number, decimals) == number,
        }
    }

    /// The least of its numbers from `number` on; `number` itself where its steps are finer
    /// than `f64`.
    fn ceil(self, number: f64) -> f64 {
        match self {
            Self::Any => number,
            Self::Whole => number.ceil(),
            Self::Decimals(decimals) => {
                let power = (0..decimals).fold(1.0, |power, _| power * 10.0);
                // The product rounds: the step before and the one after may be the nearest.
                let step = (number * power).floor();
                [step - 1.0, step, step + 1.0, step + 2.0]
                    .map(|step| step / power)
                    .into_iter()
                    .find(|candidate| *candidate >= number && self.has(*candidate))
                    .unwrap_or(number)
            }
        }
    }

    /// The greatest of its numbers up to `number`.
    fn floor(self, number: f64) -> f64 {
        -self.ceil(-number)
    }
}

/// The largest whole number up to which `f64` has them all.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The values of one variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Domain {
    /// A number's; a category has codes instead.
    pub(crate) numbers: Span,
    /// Which numbers count.
    pub(crate) grid: Grid,
    /// Which of the numbers mean missing where they are given; the ends do not.
    pub(crate) listed: Option<Rc<Listed>>,
    /// A category's codes, 64 a word.
    pub(crate) codes: Option<Vec<u64>>,
    /// Whether it may be missing.
    pub(crate) missing: bool,
}

impl Domain {
    pub(crate) fn numbers(numbers: Span, grid: Grid) -> Self {
        Self {
            numbers,
            grid,
            listed: None,
            codes: None,
            missing: false,
        }
    }

    /// It without the numbers that no application can give.
    pub(crate) fn without(mut self, listed: Option<Rc<Listed>>) -> Self {
        self.listed = listed;
        self.within(f64::NEG_INFINITY, f64::INFINITY)
    }

    /// What rules may find in a feature, after its policies.
    fn of_feature(feature: &Feature, listed: Option<Rc<Listed>>) -> Self {
        let grid = match feature.kind {
            FeatureKind::Integer(_) | FeatureKind::Boolean => Grid::Whole,
            FeatureKind::Number(_) | FeatureKind::Category(_) => Grid::Any,
        };
        let is_protected = feature.role == Role::Protected;
        // A rule reads a protected column as it came: no policy keeps it in its range.
        let numbers = match feature.kind {
            FeatureKind::Number(_) if is_protected => Span::new(f64::MIN, f64::MAX),
            FeatureKind::Integer(_) if is_protected => Span::new(-MAX_EXACT, MAX_EXACT),
            _ => feature.span(),
        };
        let mut domain = Self::numbers(numbers, grid);
        domain.missing = is_protected || feature.missing != Missing::Error;
        if let FeatureKind::Category(categories) = &feature.kind {
            // The code after the last is "none of them"; of a protected column that is missing.
            let other = usize::from(categories.unknown == Unknown::Other && !is_protected);
            let count = categories.values.len() + other;
            let word = |word: usize| match count - 64 * word {
                64.. => u64::MAX,
                bits => (1 << bits) - 1,
            };
            domain.codes = Some((0..count.div_ceil(64)).map(word).collect());
        }
        domain.without(listed)
    }

    /// Whether a number that counts is one that no application can give.
    pub(crate) fn never(&self, number: f64) -> bool {
        (self.listed.as_ref()).is_some_and(|listed| listed.never(number))
    }

    /// Whether each of its numbers is one that a rule finds only where another was clamped.
    pub(crate) fn is_clamped(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| {
            self.first(self.numbers.low, |number| listed.has(number)) > self.numbers.high
        })
    }

    /// The first of its kind of numbers that is not out, from `number` on.
    fn first(&self, mut number: f64, is_out: impl Fn(f64) -> bool) -> f64 {
        while is_out(number) {
            number = self.grid.ceil(number.next_up());
        }
        number
    }

    /// The last one, up to `number`.
    fn last(&self, mut number: f64, is_out: impl Fn(f64) -> bool) -> f64 {
        while is_out(number) {
            number = self.grid.floor(number.next_down());
        }
        number
    }

    pub(crate) fn has_values(&self) -> bool {
        match &self.codes {
            Some(codes) => codes.iter().any(|word| *word != 0),
            None => !self.numbers.is_empty(),
        }
    }

    /// Whether it has a category whose code is below this one.
    pub(crate) fn has_code_below(&self, code: usize) -> bool {
        let words = self.codes.iter().flatten().enumerate();
        let mut used = words.filter(|(_, word)| **word != 0);
        let first = used.next();
        first.is_some_and(|(at, word)| at * 64 + (word.trailing_zeros() as usize) < code)
    }

    /// Whether there is any application in it.
    pub(crate) fn is_possible(&self) -> bool {
        self.missing || self.has_values()
    }

    /// Whether it is present in some applications and missing in others.
    pub(crate) fn may_go_both_ways(&self) -> bool {
        self.missing && self.has_values()
    }

    /// It as certainly missing, and as certainly there.
    pub(crate) fn split_missing(&self) -> [Self; 2] {
        let mut absent = self.clone();
        absent.numbers = Span::NEVER;
        absent.codes = absent.codes.map(|codes| vec![0; codes.len()]);
        let mut present = self.clone();
        present.missing = false;
        [absent, present]
    }

    pub(crate) fn within(&self, low: f64, high: f64) -> Self {
        let (low, high) = (self.grid.ceil(low), self.grid.floor(high));
        let mut part = self.clone();
        let never = |number| self.never(number);
        part.numbers.low = self.first(part.numbers.low.max(low), never);
        part.numbers.high = self.last(part.numbers.high.min(high), never);
        part
    }

    /// Its parts at a comparison with a number: in each the comparison is decided.
    pub(crate) fn split_at(&self, comparison: Comparison, number: f64) -> Vec<Self> {
        let below = self.within(f64::NEG_INFINITY, number.next_down());
        let above = self.within(number.next_up(), f64::INFINITY);
        let equal = self.within(number, number);
        let parts = match comparison {
            Comparison::Less | Comparison::GreaterOrEqual => {
                vec![below, self.within(number, f64::INFINITY)]
            }
            Comparison::LessOrEqual | Comparison::Greater => {
                vec![self.within(f64::NEG_INFINITY, number), above]
            }
            Comparison::Equal | Comparison::NotEqual => vec![below, equal, above],
        };
        parts.into_iter().filter(Self::has_values).collect()
    }

    /// Its categories inside a set and outside.
    pub(crate) fn split_codes(&self, word: u16, mask: u64) -> Vec<Self> {
        let with = |change: &dyn Fn(usize, u64) -> u64| {
            let mut part = self.clone();
            let codes = part.codes.iter_mut().flatten();
            codes
                .enumerate()
                .for_each(|(at, word)| *word = change(at, *word));
            part
        };
        let word = usize::from(word);
        let inside = with(&|at, codes| if at == word { codes & mask } else { 0 });
        let outside = with(&|at, codes| if at == word { codes & !mask } else { codes });
        [inside, outside]
            .into_iter()
            .filter(Self::has_values)
            .collect()
    }

    /// Its lower and upper half.
    pub(crate) fn halves(&self) -> Option<[Self; 2]> {
        let Span { low, high, .. } = self.numbers;
        let middle = low / 2.0 + high / 2.0;
        let middle = self.grid.floor(middle);
        // Neighbours among the numbers have no middle of their own.
        let middle = middle.max(low);
        (middle < high && self.codes.is_none()).then(|| {
            let above = middle.next_up();
            [self.within(low, middle), self.within(above, high)]
        })
    }

    pub(crate) fn compared(&self, comparison: Comparison, number: f64) -> Truths {
        let Span { low, high, .. } = self.numbers;
        let missing = Truths::MISSING.when(self.missing);
        if self.numbers.is_empty() {
            return missing;
        }
        let equal = low == number && high == number;
        let touches = self.numbers.contains(number) && self.grid.has(number) && !self.never(number);
        let (holds, fails) = match comparison {
            Comparison::Less => (low < number, high >= number),
            Comparison::LessOrEqual => (low <= number, high > number),
            Comparison::Greater => (high > number, low <= number),
            Comparison::GreaterOrEqual => (high >= number, low < number),
            Comparison::Equal => (touches, !equal),
            Comparison::NotEqual => (!equal, touches),
        };
        missing
            .or(Truths::TRUE.when(holds))
            .or(Truths::FALSE.when(fails))
    }

    pub(crate) fn member(&self, word: u16, mask: u64) -> Truths {
        let codes = self.codes.as_deref().unwrap_or_default();
        let inside = codes.get(usize::from(word)).copied().unwrap_or(0) & mask;
        let outside = |(at, codes): (usize, &u64)| match at == usize::from(word) {
            true => codes & !mask != 0,
            false => *codes != 0,
        };
        Truths::TRUE
            .when(inside != 0)
            .or(Truths::FALSE.when(codes.iter().enumerate().any(outside)))
            .or(Truths::MISSING.when(self.missing))
    }

    /// A value that people would write, near `wanted`; NaN where there is none.
    pub(crate) fn pick(&self, wanted: Option<f64>) -> f64 {
        if let Some(codes) = &self.codes {
            let has = |code: f64| {
                let code = code as usize;
                codes
                    .get(code / 64)
                    .is_some_and(|word| word >> (code % 64) & 1 == 1)
            };
            let all = (0..codes.len() * 64).map(|code| code as f64);
            let code = wanted.into_iter().chain(all).find(|code| has(*code));
            return code.unwrap_or(f64::NAN);
        }
        let Span { low, high, .. } = self.numbers;
        let near = wanted.unwrap_or(0.0).clamp(low.min(high), high.max(low));
        let steps = [1000.0, 100.0, 1.0, 0.1, 0.01];
        let round = |step: f64| [(near / step).floor() * step, (near / step).ceil() * step];
        let candidates = steps.iter().flat_map(|step| round(*step));
        // Rather none that needs an adjustment.
        let is_listed =
            |number: f64| (self.listed.as_ref()).is_some_and(|listed| listed.has(number));
        [wanted.unwrap_or(f64::NAN)]
            .into_iter()
            .chain(candidates)
            .chain([near])
            .find(|number| self.numbers.contains(*number) && !is_listed(*number))
            .filter(|number| self.grid.has(*number))
            .unwrap_or_else(|| {
                let plain = self.first(low, is_listed);
                match self.numbers.is_empty() {
                    true => f64::NAN,
                    false if self.numbers.contains(plain) => plain,
                    false => low,
                }
            })
    }
}

/// What `left` leaves of the values that are there.
pub(crate) fn intersection(domain: &Domain, left: &Domain) -> Domain {
    let mut both = domain.within(left.numbers.low, left.numbers.high);
    both.missing &= left.missing;
    both
}

/// The domain of every field by its place, then the probability's.
pub(crate) fn domains(schema: &Schema, probability: Span) -> Vec<Domain> {
    let fields = schema.features.iter().map(|feature| {
        // What a formula gives is never missing.
        let listed = Listed::of(feature, &schema.missing_values);
        Domain::of_feature(feature, listed.filter(|_| feature.derived.is_none()))
    });
    let probability = Domain::numbers(probability, Grid::Any);
    fields.chain([probability]).collect()
}

/// The example of a feature in the model's terms.
pub(crate) fn example(feature: &Feature) -> Option<f64> {
    match (feature.example.as_ref()?, &feature.kind) {
        (Example::Boolean(value), _) => Some(f64::from(u8::from(*value))),
        (Example::Number(value), _) => Some(*value),
        (Example::Text(text), FeatureKind::Category(categories)) => {
            let code = categories.values.iter().position(|value| value == text)?;
            Some(code as f64)
        }
        (Example::Text(_), _) => None,
    }
}
