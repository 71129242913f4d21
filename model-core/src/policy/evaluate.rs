//! Evaluating a policy.

use super::{Outcome, Policy, Rule};

/// Memory that evaluations share, and what the last one matched.
#[derive(Debug, Default)]
pub struct Scratch {
    stack: Vec<f64>,
    matched: Vec<usize>,
}

impl Scratch {
    /// The places of the rules that matched, ascending.
    #[must_use]
    pub fn matched(&self) -> &[usize] {
        &self.matched
    }
}

impl Policy {
    /// The outcome for an application; `scratch` then tells which rules matched.
    ///
    /// `values` holds a value for each feature of the schema in the model's terms, NaN for
    /// what is missing to a rule, and after them the probability. `threshold` decides where
    /// there is no band.
    pub fn decide(&self, values: &[f64], threshold: f64, scratch: &mut Scratch) -> Outcome {
        let probability = values.last().copied().unwrap_or(f64::NAN);
        let mut score = self.score(probability, threshold);
        let mut strictest = Outcome::Approve;
        scratch.matched.clear();
        for (place, rule) in self.rules.iter().enumerate() {
            let Some(outcome) = rule.outcome(rule.when.evaluate(values, &mut scratch.stack)) else {
                continue;
            };
            scratch.matched.push(place);
            match outcome {
                Outcome::Approve => score = Outcome::Approve,
                Outcome::Refer | Outcome::Decline => strictest = strictest.max(outcome),
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
