//! What is decided, by the score alone and by the rules too, and what each rule costs.

use model_core::decide::{Decider, Judgement, Matched};
use model_core::policy::{Outcome, Policy, Rule};
use serde::{Deserialize, Serialize};

use super::EvaluateError;
use super::cuts::Cut;
use super::predict::{TOGETHER, shared_out, taken};
use crate::dataset::Dataset;
use crate::parallel::parallel;

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

impl Moved {
    fn add(&mut self, other: Self) {
        self.bad += other.bad;
        self.good += other.good;
    }
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

/// What is decided about each row.
pub(super) struct Judged {
    /// The model's probability.
    pub(super) probabilities: Vec<f64>,
    judgements: Vec<Judgement>,
    rules: Vec<RuleEffect>,
}

/// Decides the rows, on several threads with a decider each.
pub(super) fn judge(
    artifact: &[u8],
    dataset: &Dataset,
    rows: &[usize],
    jobs: usize,
) -> Result<Judged, EvaluateError> {
    let parts = parallel(jobs, &shared_out(rows.len(), jobs), |part| {
        judge_part(artifact, dataset, &rows[part.clone()])
    });
    let mut judgements = Vec::with_capacity(rows.len());
    let (mut rules, mut refused): (Vec<RuleEffect>, usize) = (Vec::new(), 0);
    for part in parts {
        let part = part?;
        judgements.extend(part.judgements);
        refused += part.refused;
        if rules.is_empty() {
            rules = part.rules;
        } else {
            let pairs = rules.iter_mut().zip(&part.rules);
            pairs.for_each(|(all, part)| all.add(part));
        }
    }
    if refused > 0 {
        let rows = rows.len();
        return Err(EvaluateError::Refused { refused, rows });
    }
    Ok(Judged {
        probabilities: judgements.iter().map(|row| row.probability).collect(),
        judgements,
        rules,
    })
}

struct JudgedPart {
    judgements: Vec<Judgement>,
    rules: Vec<RuleEffect>,
    refused: usize,
}

fn judge_part(
    artifact: &[u8],
    dataset: &Dataset,
    rows: &[usize],
) -> Result<JudgedPart, EvaluateError> {
    let mut decider = Decider::load(artifact)?;
    let policy = decider.artifact().policy.as_ref();
    let mut rules: Vec<RuleEffect> = policy
        .map_or(&[][..], |policy| &policy.rules)
        .iter()
        .map(RuleEffect::new)
        .collect();
    let (mut judgements, mut refused) = (Vec::with_capacity(rows.len()), 0);
    for rows in rows.chunks(TOGETHER) {
        let columns = columns(&decider, dataset, rows);
        decider
            .judge_rows(&columns, rows.len(), |row, judgement, decider| {
                let Some(judgement) = judgement else {
                    refused += 1;
                    return;
                };
                let good = dataset.target[rows[row]];
                for matched in decider.matched_outcomes() {
                    rules[matched.rule].count(judgement, matched, good);
                }
                judgements.push(judgement);
            })
            .map_err(EvaluateError::Columns)?;
    }
    Ok(JudgedPart {
        judgements,
        rules,
        refused,
    })
}

/// The inputs, then what only rules look at: missing where the file lacks it.
fn columns(decider: &Decider, dataset: &Dataset, rows: &[usize]) -> Vec<f64> {
    let mut columns = taken(&dataset.columns, rows);
    for index in decider.rule_columns() {
        match dataset.protected_column(&decider.artifact().schema.features[*index]) {
            Some(values) => columns.extend(rows.iter().map(|&row| values[row])),
            None => columns.extend(rows.iter().map(|_| f64::NAN)),
        }
    }
    columns
}

impl Judged {
    /// The outcomes, whole and by the groups of each column.
    pub(super) fn outcomes(self, policy: Option<&Policy>, cuts: &[Cut<'_>]) -> Outcomes {
        let judged = &self.judgements;
        Outcomes {
            policy_version: policy.map(|policy| policy.version.clone()),
            before_rules: OutcomeCounts::of(judged.iter().map(|judgement| judgement.score)),
            after_rules: OutcomeCounts::of(judged.iter().map(|judgement| judgement.outcome)),
            slices: cuts.iter().map(|cut| slices(cut, judged)).collect(),
            rules: self.rules,
        }
    }
}

fn slices(cut: &Cut<'_>, judged: &[Judgement]) -> OutcomeSlices {
    let counts: Vec<[OutcomeCounts; 2]> = cut.parts.tallied(|counts: &mut [_; 2], row| {
        let [before, after]: &mut [OutcomeCounts; 2] = counts;
        before.add(judged[row].score);
        after.add(judged[row].outcome);
    });
    let groups = cut.parts.names.iter().zip(counts);
    let groups = groups.filter(|(_, [before, _])| before.rows() > 0);
    OutcomeSlices {
        feature: cut.feature.name.clone(),
        label: cut.feature.display_label().to_owned(),
        role: cut.role.word().to_owned(),
        groups: groups
            .map(|(name, [before_rules, after_rules])| OutcomeGroup {
                name: name.clone(),
                before_rules,
                after_rules,
            })
            .collect(),
    }
}

impl RuleEffect {
    fn new(rule: &Rule) -> Self {
        Self {
            id: rule.id.clone(),
            code: rule.code.clone(),
            then: rule.then.word().to_owned(),
            held: 0,
            missing_referred: 0,
            missing_declined: 0,
            referred: Moved::default(),
            declined: Moved::default(),
            approved: Moved::default(),
        }
    }

    /// Adds what the rule does to other rows.
    fn add(&mut self, other: &Self) {
        self.held += other.held;
        self.missing_referred += other.missing_referred;
        self.missing_declined += other.missing_declined;
        self.referred.add(other.referred);
        self.declined.add(other.declined);
        self.approved.add(other.approved);
    }

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
