//! A linear model: a weighted sum of scaled inputs, through a link.

use bincode::{Decode, Encode};

use crate::link::Link;
use crate::schema::{FeatureKind, Missing, Schema};

/// `link(intercept + Σ weight · (x − mean) / scale)`, summed in the order of the terms.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Linear {
    /// One for each column the model was fitted on.
    pub terms: Vec<Term>,
    /// What is added to the sum.
    pub intercept: f64,
    /// What makes the sum a probability.
    pub link: Link,
}

/// Most terms a model may have.
const MAX_TERMS: usize = 1 << 20;
/// Greatest magnitudes of the weights, the intercept and a scaled value. They keep the sum
/// finite for every input: an income of 1e308 must not give NaN.
const MAX_WEIGHT: f64 = 1e100;
const MAX_INTERCEPT: f64 = 1e300;
const MAX_SCALED: f64 = 1e200;

/// One addend.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum TermValue {
    /// The number, the boolean's 0 or 1, or the ordinal category's code.
    Itself,
    /// 1 when the input is this category, else 0.
    IsCategory(u32),
}

impl Linear {
    pub(super) fn check(&self, schema: &Schema) -> Result<(), String> {
        let inputs: Vec<_> = schema.inputs().collect();
        if !is_bounded(self.intercept, MAX_INTERCEPT) || self.terms.len() > MAX_TERMS {
            return Err(format!(
                "expected an intercept within ±1e300 and at most {MAX_TERMS} terms, got {} terms",
                self.terms.len()
            ));
        }
        if inputs.iter().any(|input| input.missing == Missing::Native) {
            return Err("a weighted sum has no place for missing values".into());
        }
        for term in &self.terms {
            let feature = inputs.get(usize::from(term.feature)).ok_or_else(|| {
                format!(
                    "a term names input {}, there are {}",
                    term.feature,
                    inputs.len()
                )
            })?;
            let sound = term.mean.is_finite() && term.scale.is_finite() && term.scale > 0.0;
            if !sound || !is_bounded(term.weight, MAX_WEIGHT) {
                return Err(format!(
                    "feature '{}': mean must be finite, scale above 0, weight within ±1e100",
                    feature.name
                ));
            }
            if let TermValue::IsCategory(code) = term.value {
                let known = match &feature.kind {
                    FeatureKind::Category(categories) => (code as usize) < categories.values.len(),
                    _ => false,
                };
                if !known {
                    return Err(format!("feature '{}' has no category {code}", feature.name));
                }
            }
        }
        Ok(())
    }

    /// The probability, where `input(i)` is input `i` in the model's terms.
    #[inline]
    pub fn predict(&self, input: impl Fn(usize) -> f64) -> f64 {
        let mut sum = self.intercept;
        // In the order of the terms: another order rounds to other bits.
        for term in &self.terms {
            let x = input(usize::from(term.feature));
            let x = match term.value {
                TermValue::Itself => x,
                TermValue::IsCategory(code) => f64::from(u8::from(x == f64::from(code))),
            };
            let scaled = (x - term.mean) / term.scale;
            sum += term.weight * scaled.clamp(-MAX_SCALED, MAX_SCALED);
        }
        self.link.apply(sum)
    }
}

fn is_bounded(number: f64, most: f64) -> bool {
    number.abs() <= most
}
