//! From a library's weights to our weighted sum.

use model_core::forest::Link;
use model_core::model::{Condition, Indicator, Linear, Model, Term, TermValue};
use model_core::schema::{Feature, Missing, Unknown};

use crate::bind::{Bound, Given};
use crate::error::ImportError;
use crate::forest::{Outcome, Parts};
use crate::source::{Step, Weights};

/// What the columns of one input add.
#[derive(Default)]
struct Sum {
    /// Terms of the number itself: mean, scale, weight.
    numbers: Vec<(f64, f64, f64)>,
    /// For each category.
    categories: Vec<f64>,
    /// Where it is none of them.
    other: f64,
    /// Whatever it is.
    always: f64,
    /// Where it is missing.
    missing: f64,
}

/// Builds the sum; products and sums are rounded in another order than the library's, which
/// makes a difference of some 1e-15.
///
/// # Errors
/// Names an input that may be missing where the library would have refused it.
pub(crate) fn build(weights: &Weights, parts: &Parts<'_>) -> Result<Model, ImportError> {
    let inputs: Vec<&Feature> = parts.schema.inputs().collect();
    let mut sums: Vec<Sum> = inputs.iter().map(|_| Sum::default()).collect();
    let sign = match parts.outcome {
        Outcome::Positive => 1.0,
        Outcome::Negative => -1.0,
    };
    for (weight, bound) in weights.weights.iter().zip(parts.bound) {
        sums[bound.input].add(sign * weight, bound, inputs[bound.input])?;
    }
    let mut linear = Linear {
        terms: Vec::new(),
        intercept: sign * weights.intercept,
        link: if weights.logistic {
            Link::Logistic
        } else {
            Link::Identity
        },
        indicators: Vec::new(),
    };
    if !weights.logistic && parts.outcome == Outcome::Negative {
        linear.intercept += 1.0;
    }
    for (input, (sum, feature)) in sums.into_iter().zip(&inputs).enumerate() {
        sum.write(input as u16, feature, &mut linear);
    }
    Ok(Model::Linear(linear))
}

impl Sum {
    fn add(&mut self, weight: f64, bound: &Bound, feature: &Feature) -> Result<(), ImportError> {
        bound.refuse_missing(feature)?;
        let at = |x: f64| weight * bound.after_steps(x);
        match &bound.given {
            Given::Itself => {
                let (mean, scale, offset) = scaled(&bound.steps);
                self.numbers.push((mean, scale, weight));
                self.always += weight * offset;
            }
            Given::Constant(x) => self.always += at(*x),
            Given::Boolean([no, yes]) => {
                self.always += at(*no);
                self.numbers.push((0.0, 1.0, at(*yes) - at(*no)));
            }
            Given::Texts { of, other } => {
                self.categories.resize(of.len(), 0.0);
                for (sum, x) in self.categories.iter_mut().zip(of) {
                    *sum += at(*x);
                }
                // Where the schema refuses other texts there are none.
                self.other += if other.is_finite() { at(*other) } else { 0.0 };
            }
        }
        if feature.missing == Missing::Native {
            let missing = bound.after_steps(bound.missing);
            // A missing number adds nothing to a term of the number itself, whose mean it is.
            let already = match &bound.given {
                Given::Itself => weight * scaled(&bound.steps).2,
                Given::Constant(x) | Given::Boolean([x, _]) => at(*x),
                Given::Texts { .. } => 0.0,
            };
            self.missing += weight * missing - already;
        }
        Ok(())
    }

    fn write(self, input: u16, feature: &Feature, linear: &mut Linear) {
        linear.intercept += self.always;
        let term = |value, mean, scale, weight| Term {
            feature: input,
            value,
            mean,
            scale,
            weight,
        };
        let numbers = self.numbers.into_iter();
        linear.terms.extend(
            numbers.map(|(mean, scale, weight)| term(TermValue::Itself, mean, scale, weight)),
        );
        // A text that is no category is none of the terms: its sum goes into the intercept.
        let takes_other = feature.missing == Missing::Other
            || feature
                .categories()
                .is_some_and(|c| c.unknown == Unknown::Other);
        let other = if takes_other { self.other } else { 0.0 };
        linear.intercept += other;
        let categories = self.categories.iter().zip(0u32..);
        linear.terms.extend(
            categories.map(|(sum, code)| term(TermValue::IsCategory(code), 0.0, 1.0, sum - other)),
        );
        let missing = self.missing - other;
        if feature.missing == Missing::Native && missing != 0.0 {
            linear.indicators.push(Indicator {
                feature: input,
                condition: Condition::Missing,
                weight: missing,
            });
        }
    }
}

/// Steps as `(x − mean) / scale + offset`, exactly so where they are a mean and a scale.
fn scaled(steps: &[Step]) -> (f64, f64, f64) {
    match *steps {
        [] => return (0.0, 1.0, 0.0),
        [Step::Subtract(mean)] => return (mean, 1.0, 0.0),
        [Step::Divide(scale)] => return (0.0, scale, 0.0),
        [Step::Subtract(mean), Step::Divide(scale)] => return (mean, scale, 0.0),
        _ => {}
    }
    let (mut factor, mut offset) = (1.0, 0.0);
    for step in steps {
        match *step {
            Step::Subtract(c) => offset -= c,
            Step::Add(c) => offset += c,
            Step::Multiply(c) => (factor, offset) = (factor * c, offset * c),
            Step::Divide(c) => (factor, offset) = (factor / c, offset / c),
        }
    }
    (0.0, 1.0 / factor, offset)
}
