//! From a probability to an outcome: the model's threshold, and the policy beside it.

use super::Decider;
use crate::policy::{Evaluator, Outcome, Policy};
use crate::schema::{Role, Schema};

/// What a policy looks at: a value for each feature of the schema, then the probability. NaN
/// is missing to a rule.
#[derive(Debug)]
pub(super) struct RuleValues {
    values: Vec<f64>,
    evaluator: Evaluator,
    /// Protected columns that rules may name, as indices of features.
    pub(super) protected: Vec<usize>,
}

/// Whether a probability reaches a threshold. Nobody else compares the two, so that figures
/// and decisions cannot differ.
#[must_use]
pub fn reaches(probability: f64, threshold: f64) -> bool {
    probability >= threshold
}

/// What is decided, and what the model alone would have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The model's probability, calibrated.
    pub probability: f64,
    /// Whether the probability reaches the threshold.
    pub model_approves: bool,
    /// What the probability alone decides, by the policy's band where there is one.
    pub score: Outcome,
    /// What is decided, by the rules too.
    pub outcome: Outcome,
}

/// A rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// Its index in the policy.
    pub rule: usize,
    /// What it said.
    pub outcome: Outcome,
    /// Whether its condition was missing, so that its `if_missing` said it.
    pub is_missing: bool,
}

impl RuleValues {
    pub(super) fn new(schema: &Schema, policy: Option<&Policy>) -> Self {
        let allow_protected = policy.is_some_and(|policy| policy.allow_protected);
        let is_protected =
            |index: &usize| allow_protected && schema.features[*index].role == Role::Protected;
        Self {
            values: vec![f64::NAN; schema.features.len() + 1],
            evaluator: policy.map(Evaluator::new).unwrap_or_default(),
            protected: (0..schema.features.len()).filter(is_protected).collect(),
        }
    }

    /// The values of the schema's features.
    pub(super) fn features(&self) -> &[f64] {
        self.values
            .split_last()
            .map_or(&[], |(_, features)| features)
    }

    /// Takes the value of a field; NaN is missing.
    pub(super) fn set(&mut self, feature: usize, value: f64) {
        self.values[feature] = value;
    }
}

impl Decider {
    /// What follows from a probability, for the application whose values were set last.
    pub(super) fn judge(&mut self, probability: f64) -> Judgement {
        let threshold = self.artifact.threshold;
        let model_approves = reaches(probability, threshold);
        let by_threshold = match model_approves {
            true => Outcome::Approve,
            false => Outcome::Decline,
        };
        let (score, outcome) = match &self.artifact.policy {
            Some(policy) => {
                let RuleValues {
                    values, evaluator, ..
                } = &mut self.rule_values;
                if let Some(last) = values.last_mut() {
                    *last = probability;
                }
                (
                    policy.score(probability, threshold),
                    policy.decide(values, threshold, evaluator),
                )
            }
            None => (by_threshold, by_threshold),
        };
        Judgement {
            probability,
            model_approves,
            score,
            outcome,
        }
    }

    /// The protected columns that rules may name, as indices of the schema's features.
    #[must_use]
    pub fn rule_columns(&self) -> &[usize] {
        &self.rule_values.protected
    }

    /// The rules that matched in the last judgement, as indices of the policy's, ascending.
    #[must_use]
    pub fn matched_rules(&self) -> &[usize] {
        self.rule_values.evaluator.matched()
    }

    /// The same with what each of them said and why.
    pub fn matched_outcomes(&self) -> impl Iterator<Item = Matched> {
        let RuleValues {
            values, evaluator, ..
        } = &self.rule_values;
        let policy = self.artifact.policy.as_ref();
        let rules = policy.map_or(&[][..], |policy| &policy.rules);
        let mut stack = Vec::new();
        evaluator.matched().iter().filter_map(move |&index| {
            let rule = &rules[index];
            let condition = rule.when.evaluate(values, &mut stack);
            Some(Matched {
                rule: index,
                outcome: rule.outcome(condition)?,
                is_missing: condition.is_nan(),
            })
        })
    }

    /// The codes of the rules that matched in the last judgement, in the order of the file,
    /// each once.
    pub fn matched_codes(&self) -> impl Iterator<Item = &str> {
        let policy = self.artifact.policy.as_ref();
        let rules = policy.map_or(&[][..], |policy| &policy.rules);
        let matched = self.rule_values.evaluator.matched();
        let codes = matched.iter().map(|&index| rules[index].code.as_str());
        codes.clone().enumerate().filter_map(move |(nth, code)| {
            let seen = codes.clone().take(nth).any(|earlier| earlier == code);
            (!seen).then_some(code)
        })
    }
}
