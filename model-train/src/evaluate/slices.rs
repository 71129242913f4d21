//! The same model on parts of the rows: whether its quality and its approval rate differ
//! between groups.

use model_core::schema::{Feature, Role};
use serde::{Deserialize, Serialize};

use super::interval::{Interval, Proportion, ratio, wilson_of};
use super::parts::Parts;
use super::ranked::{Ranked, RankedRow, effective_rows};
use crate::values::Values;

/// The group that others are compared with has at least this share of the rows.
const REFERENCE_SHARE: f64 = 0.02;
/// And so many: of a group whose few rows are all approved, the interval says nothing.
const REFERENCE_ROWS: f64 = 30.0;
/// Below this ratio, the four-fifths rule asks for a closer look (29 CFR 1607.4 D).
pub const FOUR_FIFTHS: f64 = 0.8;
/// Most groups that are listed of a feature: the largest.
const MOST_GROUPS: usize = 40;

/// Every group of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slices {
    /// The feature.
    pub feature: String,
    /// What people call it.
    pub label: String,
    /// `input` or `protected`.
    pub role: String,
    /// In the order of the schema; of too many, only the largest.
    pub groups: Vec<Group>,
    /// Groups that are not listed.
    pub groups_left_out: usize,
}

/// The rows that have one value, or a value from one part of the range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value or the range.
    pub name: String,
    /// How many rows.
    pub rows: usize,
    /// The share of positives in the data.
    pub base_rate: f64,
    /// The share that the model approves.
    pub approval_rate: f64,
    /// Wilson's 95% interval of that share.
    pub approval_interval: Interval,
    /// The share of correct decisions.
    pub accuracy: f64,
    /// The area under the ROC curve within the group; none where it has one class.
    pub roc_auc: Option<f64>,
    /// The share of positives that are approved; none without positives.
    pub recall: Option<f64>,
    /// The share of negatives that are approved; none without negatives.
    pub false_positive_rate: Option<f64>,
    /// Against the reference group; none for that group itself, and where it approves nobody.
    pub impact: Option<Impact>,
    /// Whether the others are compared with this group.
    pub reference: bool,
    /// Whether the rows are too few to judge the impact ratio: fewer than 2% of all or than 30,
    /// or a ratio below four fifths whose interval includes 1. False without a ratio.
    #[serde(default)]
    pub too_few: bool,
}

/// The adverse-impact ratio: the approval rate over that of the reference group, which is
/// the one with the highest rate among those with at least 2% of the rows, and 30 (Uniform
/// Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D, 1978).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// 1 is parity; below 0.8 the four-fifths rule asks for a closer look.
    pub ratio: f64,
    /// The 95% interval; see [`ratio`].
    pub interval: Interval,
}

impl Impact {
    /// Below four fifths, but equal rates are not ruled out.
    fn is_uncertain(self) -> bool {
        self.ratio < FOUR_FIFTHS && self.interval.high >= 1.0
    }
}

/// Cuts the rows by a feature; `values` has one for each row, NaN where it is missing.
/// Numbers are cut at their quartiles.
#[must_use]
pub fn slices(feature: &Feature, values: &[f64], ranked: &Ranked) -> Slices {
    let column: Values = values.iter().copied().collect();
    let rows: Vec<usize> = (0..values.len()).collect();
    let parts = Parts::new(feature, &column, &rows);
    slices_of(feature, feature.role, &parts, ranked)
}

/// The same of groups that were made before.
pub(super) fn slices_of(feature: &Feature, role: Role, parts: &Parts, ranked: &Ranked) -> Slices {
    let mut tallies = vec![Tally::default(); parts.names.len() + 1];
    for (rank, row) in ranked.rows().enumerate() {
        let group = usize::from(parts.of_row[row.index]);
        tallies[group].add(row, rank < ranked.approved());
    }
    let mut groups: Vec<(&String, Tally)> = parts.names.iter().zip(tallies).collect();
    groups.retain(|(_, tally)| tally.rows > 0);
    let left_out = groups.len().saturating_sub(MOST_GROUPS);
    if left_out > 0 {
        groups.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.rows));
        groups.truncate(MOST_GROUPS);
    }
    let counted: Vec<f64> = (groups.iter())
        .map(|(_, tally)| effective_rows(tally.weight(), tally.squares))
        .collect();
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(name, tally)| tally.group(name.clone()))
        .collect();
    compare(&mut groups, &counted, ranked.len());
    Slices {
        feature: feature.name.clone(),
        label: feature.display_label().to_owned(),
        role: role.word().to_owned(),
        groups,
        groups_left_out: left_out,
    }
}

/// What is summed of a group's rows, the highest probability first.
#[derive(Debug, Clone, Default)]
struct Tally {
    rows: usize,
    squares: f64,
    /// Weights by outcome and decision.
    decided: [[f64; 2]; 2],
    /// Twice the area under the ROC curve so far, and the sums up to the last tie that is closed.
    doubled_area: f64,
    yes_before: f64,
    no_before: f64,
    /// The probability of the tie that is open.
    tie: Option<f64>,
}

impl Tally {
    fn add(&mut self, row: RankedRow, approved: bool) {
        if self.tie != Some(row.probability) {
            self.close_tie();
            self.tie = Some(row.probability);
        }
        self.rows += 1;
        self.squares += row.weight * row.weight;
        self.decided[usize::from(row.answer)][usize::from(approved)] += row.weight;
    }

    fn close_tie(&mut self) {
        let [no, yes] = self.decided.map(|[declined, approved]| declined + approved);
        self.doubled_area += (no - self.no_before) * (yes + self.yes_before);
        (self.yes_before, self.no_before) = (yes, no);
    }

    fn weight(&self) -> f64 {
        self.decided.iter().flatten().sum()
    }

    fn group(mut self, name: String) -> Group {
        self.close_tie();
        let [[right_no, wrong_yes], [wrong_no, right_yes]] = self.decided;
        let (no, yes) = (right_no + wrong_yes, wrong_no + right_yes);
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let all = self.weight();
        let approval_rate = (wrong_yes + right_yes) / all;
        Group {
            name,
            rows: self.rows,
            base_rate: yes / all,
            approval_rate,
            approval_interval: wilson_of(approval_rate, effective_rows(all, self.squares)),
            accuracy: (right_no + right_yes) / all,
            roc_auc: (yes > 0.0 && no > 0.0).then(|| self.doubled_area / (2.0 * yes * no)),
            recall: share(right_yes, yes),
            false_positive_rate: share(wrong_yes, no),
            impact: None,
            reference: false,
            too_few: false,
        }
    }
}

/// `counted` is how many rows of equal weight each group is worth.
fn compare(groups: &mut [Group], counted: &[f64], rows: usize) {
    let enough = (rows as f64 * REFERENCE_SHARE).max(REFERENCE_ROWS);
    let highest = groups
        .iter()
        .zip(counted)
        .enumerate()
        .filter(|(_, (group, _))| group.rows as f64 >= enough)
        .max_by(|(_, (a, _)), (_, (b, _))| a.approval_rate.total_cmp(&b.approval_rate));
    let Some((index, (reference, &reference_rows))) = highest else {
        return;
    };
    let rate = reference.approval_rate;
    groups[index].reference = true;
    if rate == 0.0 {
        return;
    }
    let approved = |rate: f64, rows: f64| Proportion {
        hits: rate * rows,
        rows,
    };
    let groups = groups.iter_mut().zip(counted);
    for (group, &counted) in groups.filter(|(group, _)| !group.reference) {
        let counts = approved(group.approval_rate, counted);
        let ratio_of_rates = group.approval_rate / rate;
        group.impact = ratio(counts, approved(rate, reference_rows)).map(|interval| Impact {
            ratio: ratio_of_rates,
            // Where nobody is approved, half a row was added for the interval: it starts above
            // the ratio itself, which is 0.
            interval: Interval {
                low: interval.low.min(ratio_of_rates),
                high: interval.high.max(ratio_of_rates),
            },
        });
        group.too_few = group
            .impact
            .is_some_and(|impact| (group.rows as f64) < enough || impact.is_uncertain());
    }
}
