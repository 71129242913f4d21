//! A linear model: a weighted sum of scaled inputs and of conditions, through a link.

use bincode::Encode;

use crate::link::Link;
use crate::schema::{Feature, FeatureKind, Missing, Schema};

/// `link(intercept + Σ weight · (x − mean) / scale + Σ weight where a condition holds)`, summed
/// in this order: the intercept, the terms, the indicators.
///
/// A missing value (NaN, of a feature with `missing = "native"`) is the mean to a term that
/// takes the value itself, so that the term adds nothing, and is no category; an indicator
/// may say what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// One for each column the model was fitted on.
    pub terms: Vec<Term>,
    /// What is added to the sum.
    pub intercept: f64,
    /// What makes the sum a probability.
    pub link: Link,
    /// What a missing value and the bins of numbers add.
    pub indicators: Vec<Indicator>,
}

/// Most terms a model may have, and most indicators.
const MAX_TERMS: usize = 1 << 20;
/// Greatest magnitudes of the weights, the intercept and a scaled value. They keep the sum
/// finite for every input: an income of 1e308 must not give NaN.
const MAX_WEIGHT: f64 = 1e100;
const MAX_INTERCEPT: f64 = 1e300;
const MAX_SCALED: f64 = 1e200;

/// One addend.
#[derive(Debug, Clone, Copy, PartialEq, Encode)]
pub struct Term {
    /// The number of the input, in schema order.
    pub feature: u16,
    /// What `x` is.
    pub value: TermValue,
    /// The mean of the training rows.
    pub mean: f64,
    /// The standard deviation of the training rows; 1 where there is none.
    pub scale: f64,
    /// The fitted weight.
    pub weight: f64,
}

/// How an input becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
pub enum TermValue {
    /// The number, the boolean's 0 or 1, or the ordinal category's code.
    Itself,
    /// 1 when the input is this category, else 0.
    IsCategory(u32),
}

/// A weight that is added where a condition on one input holds, else nothing. What was fitted
/// on a scaled column of zeros and ones is `weight / scale` here, and `weight * mean / scale`
/// less in the intercept.
#[derive(Debug, Clone, Copy, PartialEq, Encode)]
pub struct Indicator {
    /// The number of the input, in schema order.
    pub feature: u16,
    /// When the weight is added.
    pub condition: Condition,
    /// Within ±1e100.
    pub weight: f64,
}

/// What an indicator asks about its input.
#[derive(Debug, Clone, Copy, PartialEq, Encode)]
pub enum Condition {
    /// It is missing. Only of a feature with `missing = "native"`: to the model no other is.
    Missing,
    /// It is a number above this finite one. Several make bins: a value is worth the sum of
    /// the weights of all cuts below it, a missing one nothing.
    Above(f64),
}

impl Condition {
    /// Whether a value in the model's terms fulfils it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Missing => value.is_nan(),
            Self::Above(cut) => value > cut,
        }
    }
}

impl Linear {
    pub(super) fn check(&self, schema: &Schema) -> Result<(), String> {
        let inputs: Vec<_> = schema.inputs().collect();
        if !is_bounded(self.intercept, MAX_INTERCEPT)
            || self.terms.len().max(self.indicators.len()) > MAX_TERMS
        {
            return Err(format!(
                "expected an intercept within ±1e300, at most {MAX_TERMS} terms and as many \
                 indicators, got {} and {}",
                self.terms.len(),
                self.indicators.len()
            ));
        }
        // No field of the artifact keeps it for a weighted sum.
        if self.link == Link::Sigmoid {
            return Err("a weighted sum has the link identity or logistic".into());
        }
        for term in &self.terms {
            term.check(input(&inputs, term.feature)?)?;
        }
        for indicator in &self.indicators {
            indicator.check(input(&inputs, indicator.feature)?)?;
        }
        Ok(())
    }

    /// The prediction for a row: input `i` is `columns[i * stride + row]`, in the model's terms.
    #[must_use]
    pub fn predict(&self, columns: &[f64], stride: usize, row: usize) -> f64 {
        self.link.apply(self.margin(columns, stride, row))
    }

    /// What the link is applied to, of the same row.
    #[must_use]
    #[inline(never)]
    pub fn margin(&self, columns: &[f64], stride: usize, row: usize) -> f64 {
        let value = |feature: u16| columns[usize::from(feature) * stride + row];
        let mut sum = self.intercept;
        // In the order of the terms: another order rounds to other bits.
        for term in &self.terms {
            sum += term.addend(value(term.feature));
        }
        for indicator in &self.indicators {
            sum += indicator.addend(value(indicator.feature));
        }
        sum
    }

    /// Adds to each input's number what the input adds to the sum of a row, times `weight`.
    pub(crate) fn add_parts(&self, row: &[f64], weight: f64, parts: &mut [f64]) {
        for term in &self.terms {
            let input = usize::from(term.feature);
            parts[input] += weight * term.addend(row[input]);
        }
        for indicator in &self.indicators {
            let input = usize::from(indicator.feature);
            parts[input] += weight * indicator.addend(row[input]);
        }
    }
}

impl Term {
    #[inline]
    fn addend(&self, x: f64) -> f64 {
        let x = match self.value {
            TermValue::Itself => x,
            TermValue::IsCategory(code) => f64::from(u8::from(x == f64::from(code))),
        };
        let scaled = (x - self.mean) / self.scale;
        let scaled = if scaled.is_nan() { 0.0 } else { scaled };
        self.weight * scaled.clamp(-MAX_SCALED, MAX_SCALED)
    }

    fn check(&self, feature: &Feature) -> Result<(), String> {
        let sound = self.mean.is_finite() && self.scale.is_finite() && self.scale > 0.0;
        if !sound || !is_bounded(self.weight, MAX_WEIGHT) {
            return Err(format!(
                "feature '{}': mean must be finite, scale above 0, weight within ±1e100",
                feature.name
            ));
        }
        if let TermValue::IsCategory(code) = self.value {
            let known = match &feature.kind {
                FeatureKind::Category(categories) => (code as usize) < categories.values.len(),
                _ => false,
            };
            if !known {
                return Err(format!("feature '{}' has no category {code}", feature.name));
            }
        }
        Ok(())
    }
}

impl Indicator {
    #[inline]
    fn addend(&self, x: f64) -> f64 {
        if self.condition.holds(x) {
            self.weight
        } else {
            0.0
        }
    }

    fn check(&self, feature: &Feature) -> Result<(), String> {
        let fits = match self.condition {
            Condition::Missing => feature.missing == Missing::Native,
            Condition::Above(cut) => cut.is_finite() && feature.range().is_some(),
        };
        if fits && is_bounded(self.weight, MAX_WEIGHT) {
            return Ok(());
        }
        Err(format!(
            "feature '{}': an indicator's weight must be within ±1e100, its cut a finite number \
             of a numeric feature, and only a feature with missing = \"native\" has one for \
             missing values",
            feature.name
        ))
    }
}

fn input<'s>(inputs: &[&'s Feature], number: u16) -> Result<&'s Feature, String> {
    inputs
        .get(usize::from(number))
        .copied()
        .ok_or_else(|| format!("a term names input {number}, there are {}", inputs.len()))
}

fn is_bounded(number: f64, most: f64) -> bool {
    number.abs() <= most
}
