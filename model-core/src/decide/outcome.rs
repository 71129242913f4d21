//! From a probability to an outcome: the model's threshold, and the policy beside it.

use super::Decider;
use crate::policy::{Outcome, Scratch};
use crate::preprocess::{Adjustment, Resolved};
use crate::schema::{Role, Schema};

/// What a policy looks at: a value for each feature of the schema, then the probability. NaN
/// is missing to a rule.
#[derive(Debug)]
pub(super) struct RuleValues {
    values: Vec<f64>,
    scratch: Scratch,
    /// Protected columns that rules may name, as indices of features.
    pub(super) protected: Vec<usize>,
}

/// What is decided, and what the model alone would have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The model's probability, calibrated.
    pub probability: f64,
    /// Whether the probability reaches the threshold.
    pub model_approves: bool,
    /// What is decided, by the rules too.
    pub outcome: Outcome,
}

impl RuleValues {
    pub(super) fn new(schema: &Schema, allow_protected: bool) -> Self {
        let is_protected =
            |index: &usize| allow_protected && schema.features[*index].role == Role::Protected;
        Self {
            values: vec![f64::NAN; schema.features.len() + 1],
            scratch: Scratch::default(),
            protected: (0..schema.features.len()).filter(is_protected).collect(),
        }
    }

    /// Takes what a model's input came to. What a policy filled in for a missing value is
    /// missing to a rule: nobody said it.
    pub(super) fn set_resolved(&mut self, feature: usize, resolved: Resolved) {
        let filled_in = matches!(resolved.adjusted, Some(Adjustment::Missing(_)));
        self.set(feature, if filled_in { f64::NAN } else { resolved.value });
    }

    pub(super) fn set(&mut self, feature: usize, value: f64) {
        self.values[feature] = value;
    }
}

impl Decider {
    /// What follows from a probability, for the application whose values were set last.
    pub(super) fn judge(&mut self, probability: f64) -> Judgement {
        let threshold = self.artifact.threshold;
        let model_approves = probability >= threshold;
        let outcome = match &self.artifact.policy {
            Some(policy) => {
                let RuleValues {
                    values, scratch, ..
                } = &mut self.rule_values;
                if let Some(last) = values.last_mut() {
                    *last = probability;
                }
                policy.decide(values, threshold, scratch)
            }
            None if model_approves => Outcome::Approve,
            None => Outcome::Decline,
        };
        Judgement {
            probability,
            model_approves,
            outcome,
        }
    }

    /// The codes of the rules that matched in the last judgement, in the order of the file,
    /// each once.
    pub fn matched_codes(&self) -> impl Iterator<Item = &str> {
        let policy = self.artifact.policy.as_ref();
        let rules = policy.map_or(&[][..], |policy| &policy.rules);
        let matched = self.rule_values.scratch.matched();
        let codes = matched.iter().map(|&index| rules[index].code.as_str());
        codes.clone().enumerate().filter_map(move |(nth, code)| {
            let seen = codes.clone().take(nth).any(|earlier| earlier == code);
            (!seen).then_some(code)
        })
    }
}
