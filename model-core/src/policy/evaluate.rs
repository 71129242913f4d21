//! Evaluating a policy.

use super::gates::Gates;
use super::{Outcome, Policy, Rule};

/// What evaluations of one policy share, and what the last one matched.
#[derive(Debug, Default)]
pub struct Evaluator {
    gates: Gates,
    stack: Vec<f64>,
    /// A bit for each rule that has to be evaluated, the first rule lowest.
    open: Vec<u64>,
    matched: Vec<usize>,
}

impl Evaluator {
    /// With tables that rule out most rules of `policy` before they are evaluated; the
    /// default evaluates every rule of any policy and comes to the same.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            gates: Gates::new(&policy.rules),
            ..Self::default()
        }
    }

    /// The places of the rules that matched, ascending.
    #[must_use]
    pub fn matched(&self) -> &[usize] {
        &self.matched
    }
}

impl Policy {
    /// The outcome for an application; `evaluator` then tells which rules matched. It is
    /// this policy's or the default.
    ///
    /// `values` holds a value for each feature of the schema in the model's terms, NaN for
    /// what is missing to a rule, and after them the probability. `threshold` decides where
    /// there is no band.
    pub fn decide(&self, values: &[f64], threshold: f64, evaluator: &mut Evaluator) -> Outcome {
        let probability = values.last().copied().unwrap_or(f64::NAN);
        let mut score = self.score(probability, threshold);
        let mut strictest = Outcome::Approve;
        let Evaluator {
            gates,
            stack,
            open,
            matched,
        } = evaluator;
        matched.clear();
        open.clear();
        open.resize(self.rules.len().div_ceil(64), u64::MAX);
        gates.close(values, stack, open);
        for (word, &bits) in open.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                // Without its lowest bit.
                bits &= bits - 1;
                // The last word may have bits of no rule.
                let Some(rule) = self.rules.get(place) else {
                    break;
                };
                let Some(outcome) = rule.outcome(rule.when.evaluate(values, stack)) else {
                    continue;
                };
                matched.push(place);
                match outcome {
                    Outcome::Approve => score = Outcome::Approve,
                    Outcome::Refer | Outcome::Decline => strictest = strictest.max(outcome),
                }
            }
        }
        strictest.max(score)
    }

    /// What the probability alone decides.
    #[must_use]
    pub fn score(&self, probability: f64, threshold: f64) -> Outcome {
        match self.refer {
            Some(band) if probability >= band.to => Outcome::Approve,
            Some(band) if probability >= band.from => Outcome::Refer,
            None if probability >= threshold => Outcome::Approve,
            Some(_) | None => Outcome::Decline,
        }
    }
}

impl Rule {
    /// What follows from the value of its condition: 1, 0, or NaN for missing.
    #[must_use]
    pub fn outcome(&self, condition: f64) -> Option<Outcome> {
        if condition.is_nan() {
            self.if_missing.outcome()
        } else {
            (condition != 0.0).then_some(self.then)
        }
    }
}
