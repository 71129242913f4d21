//! What is decided, by the score alone and by the rules too, and what each rule costs.

use model_core::decide::{Decider, Judgement, Matched};
use model_core::policy::Outcome;
use model_core::schema::{Feature, Role};
use serde::{Deserialize, Serialize};

use super::slices::parts;
use super::{EvaluateError, taken};
use crate::dataset::Dataset;

/// The outcomes of the rows that a model was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// What the policy calls itself; none without a policy.
    pub policy_version: Option<String>,
    /// What the score alone decides, by the policy's band where there is one.
    pub before_rules: OutcomeCounts,
    /// What is decided.
    pub after_rules: OutcomeCounts,
    /// In the order of the policy.
    pub rules: Vec<RuleEffect>,
    /// The same by inputs and protected columns, group by group.
    pub slices: Vec<OutcomeSlices>,
}

/// How many rows came to each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCounts {
    /// Accepted.
    pub approve: usize,
    /// Decided by a person.
    pub refer: usize,
    /// Refused.
    pub decline: usize,
}

/// What a rule does to rows whose answers are known: positive ones are good loans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleEffect {
    /// The rule's id.
    pub id: String,
    /// What answers call it.
    pub code: String,
    /// `approve`, `refer` or `decline`: what it does when it matches.
    pub then: String,
    /// Rows for which its condition holds.
    pub held: usize,
    /// Rows for which its condition is missing, and which it therefore refers.
    pub missing_referred: usize,
    /// Rows for which its condition is missing, and which it therefore declines.
    pub missing_declined: usize,
    /// Rows that the score approves and this rule refers.
    pub referred: Moved,
    /// Rows that the score does not decline and this rule does.
    pub declined: Moved,
    /// Rows that the score does not approve and this rule does.
    pub approved: Moved,
}

/// Rows for which a rule says something else than the score, by what the loans turned out as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Negative rows: bad loans, caught or let in.
    pub bad: usize,
    /// Positive rows: good loans, lost or gained.
    pub good: usize,
}

/// Every group of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeSlices {
    /// The feature.
    pub feature: String,
    /// What people call it.
    pub label: String,
    /// `input` or `protected`.
    pub role: String,
    /// As in the slices of the figures.
    pub groups: Vec<OutcomeGroup>,
}

/// The rows that have one value, or a value from one part of the range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeGroup {
    /// The value or the range.
    pub name: String,
    /// What the score alone decides.
    pub before_rules: OutcomeCounts,
    /// What is decided.
    pub after_rules: OutcomeCounts,
}

impl OutcomeCounts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Approve => self.approve += 1,
            Outcome::Refer => self.refer += 1,
            Outcome::Decline => self.decline += 1,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.approve + self.refer + self.decline
    }

    fn of(outcomes: impl Iterator<Item = Outcome>) -> Self {
        outcomes.fold(Self::default(), |mut counts, outcome| {
            counts.add(outcome);
            counts
        })
    }
}

/// Decides the rows.
pub(super) fn outcomes(
    decider: &mut Decider,
    dataset: &Dataset,
    rows: &[usize],
) -> Result<Outcomes, EvaluateError> {
    let policy = decider.artifact().policy.clone();
    let rules = policy.as_ref().map_or(&[][..], |policy| &policy.rules);
    let mut effects: Vec<RuleEffect> = rules
        .iter()
        .map(|rule| RuleEffect {
            id: rule.id.clone(),
            code: rule.code.clone(),
            then: rule.then.word().to_owned(),
            held: 0,
            missing_referred: 0,
            missing_declined: 0,
            referred: Moved::default(),
            declined: Moved::default(),
            approved: Moved::default(),
        })
        .collect();
    let columns = columns(decider, dataset, rows);
    let (mut judged, mut refused) = (Vec::with_capacity(rows.len()), 0);
    decider
        .judge_rows(&columns, rows.len(), |row, judgement, decider| {
            let Some(judgement) = judgement else {
                refused += 1;
                return;
            };
            let good = dataset.target[rows[row]];
            for matched in decider.matched_outcomes() {
                effects[matched.rule].count(judgement, matched, good);
            }
            judged.push(judgement);
        })
        .map_err(EvaluateError::Columns)?;
    if refused > 0 {
        let rows = rows.len();
        return Err(EvaluateError::Refused { refused, rows });
    }
    let features: Vec<&Feature> = decider.artifact().schema.inputs().collect();
    Ok(Outcomes {
        policy_version: policy.map(|policy| policy.version),
        before_rules: OutcomeCounts::of(judged.iter().map(|judgement| judgement.score)),
        after_rules: OutcomeCounts::of(judged.iter().map(|judgement| judgement.outcome)),
        rules: effects,
        slices: all_slices(&features, dataset, rows, &judged),
    })
}

/// The inputs, then what only rules look at: missing where the file lacks it.
fn columns(decider: &Decider, dataset: &Dataset, rows: &[usize]) -> Vec<f64> {
    let mut columns = taken(&dataset.columns, rows);
    for index in decider.rule_columns() {
        let name = &decider.artifact().schema.features[*index].name;
        let mut protected = dataset.protected.iter();
        match protected.find(|column| column.feature.name == *name) {
            Some(column) => columns.extend(rows.iter().map(|&row| column.values[row])),
            None => columns.extend(rows.iter().map(|_| f64::NAN)),
        }
    }
    columns
}

fn all_slices(
    inputs: &[&Feature],
    dataset: &Dataset,
    rows: &[usize],
    judged: &[Judgement],
) -> Vec<OutcomeSlices> {
    let protected = dataset.protected.iter();
    let protected = protected.map(|column| (&column.feature, &column.values, Role::Protected));
    let inputs = inputs.iter().zip(&dataset.columns);
    let inputs = inputs.map(|(feature, values)| (*feature, values, Role::Input));
    let all = protected.chain(inputs);
    all.map(|(feature, values, role)| {
        let values: Vec<f64> = rows.iter().map(|&row| values[row]).collect();
        let groups = parts(feature, &values).into_iter();
        let groups = groups.filter(|(_, rows)| !rows.is_empty());
        OutcomeSlices {
            feature: feature.name.clone(),
            label: feature.display_label().to_owned(),
            role: role.word().to_owned(),
            groups: groups
                .map(|(name, rows)| group(name, &rows, judged))
                .collect(),
        }
    })
    .collect()
}

fn group(name: String, rows: &[usize], judged: &[Judgement]) -> OutcomeGroup {
    OutcomeGroup {
        name,
        before_rules: OutcomeCounts::of(rows.iter().map(|&row| judged[row].score)),
        after_rules: OutcomeCounts::of(rows.iter().map(|&row| judged[row].outcome)),
    }
}

impl RuleEffect {
    fn count(&mut self, judgement: Judgement, matched: Matched, good: bool) {
        *match (matched.is_missing, matched.outcome) {
            (true, Outcome::Decline) => &mut self.missing_declined,
            (true, _) => &mut self.missing_referred,
            (false, _) => &mut self.held,
        } += 1;
        let moved = match matched.outcome {
            Outcome::Approve if judgement.score != Outcome::Approve => &mut self.approved,
            Outcome::Refer if judgement.score == Outcome::Approve => &mut self.referred,
            Outcome::Decline if judgement.score != Outcome::Decline => &mut self.declined,
            _ => return,
        };
        *(if good {
            &mut moved.good
        } else {
            &mut moved.bad
        }) += 1;
    }
}
