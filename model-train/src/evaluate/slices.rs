//! The same model on parts of the rows: whether its quality and its approval rate differ
//! between groups.

use model_core::decide::reaches;
use model_core::schema::{Feature, FeatureKind};
use serde::{Deserialize, Serialize};

use super::importance::roc_auc;
use super::interval::{Interval, Proportion, quantile, ratio, wilson};

/// Numbers are cut at these quantiles of the rows.
const CUTS: [f64; 3] = [0.25, 0.5, 0.75];
/// The group that others are compared with has at least this share of the rows.
const REFERENCE_SHARE: f64 = 0.02;
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
    /// Whether the rows are too few to judge the impact ratio: fewer than 2% of all, or a ratio
    /// below four fifths whose interval includes 1. False without a ratio.
    #[serde(default)]
    pub too_few: bool,
}

/// The adverse-impact ratio: the approval rate over that of the reference group, which is
/// the one with the highest rate among those with at least 2% of the rows (Uniform
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

/// Rows with their labels and scores.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// Whether each row is positive.
    pub answers: &'a [bool],
    /// The model's probabilities.
    pub probabilities: &'a [f64],
    /// Approved from this probability on.
    pub threshold: f64,
}

/// Cuts the rows by a feature; `values` has one for each row, NaN where it is missing.
/// Numbers are cut at their quartiles.
#[must_use]
pub fn slices(feature: &Feature, values: &[f64], scored: Scored<'_>) -> Slices {
    let mut parts = parts(feature, values);
    parts.retain(|(_, rows)| !rows.is_empty());
    let left_out = parts.len().saturating_sub(MOST_GROUPS);
    if left_out > 0 {
        parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        parts.truncate(MOST_GROUPS);
    }
    let mut groups: Vec<Group> = parts
        .into_iter()
        .map(|(name, rows)| group(name, &rows, scored))
        .collect();
    compare(&mut groups, values.len());
    Slices {
        feature: feature.name.clone(),
        label: feature.display_label().to_owned(),
        role: feature.role.word().to_owned(),
        groups,
        groups_left_out: left_out,
    }
}

pub(super) type Parts = Vec<(String, Vec<usize>)>;

/// Names and rows of the groups of a feature; some may be empty.
pub(super) fn parts(feature: &Feature, values: &[f64]) -> Parts {
    let rows_where = |holds: &dyn Fn(f64) -> bool| -> Vec<usize> {
        (0..values.len())
            .filter(|&row| holds(values[row]))
            .collect()
    };
    let mut parts: Parts = match &feature.kind {
        FeatureKind::Boolean => [("yes", 1.0), ("no", 0.0)]
            .map(|(name, code)| (name.to_owned(), rows_where(&|value| value == code)))
            .into(),
        FeatureKind::Category(categories) => {
            let mut rows = vec![Vec::new(); categories.values.len()];
            for (row, value) in values.iter().enumerate() {
                if let Some(rows) = (*value >= 0.0)
                    .then(|| rows.get_mut(*value as usize))
                    .flatten()
                {
                    rows.push(row);
                }
            }
            let names = categories.labels.iter().cloned();
            let mut parts: Parts = names.zip(rows).collect();
            parts.push((
                "not in the list".to_owned(),
                rows_where(&|value| value < 0.0),
            ));
            parts
        }
        FeatureKind::Number(_) | FeatureKind::Integer(_) => ranges(values)
            .into_iter()
            .map(|(name, low, high)| (name, rows_where(&|value| low < value && value <= high)))
            .collect(),
    };
    parts.push(("missing".to_owned(), rows_where(&f64::is_nan)));
    parts
}

/// Names and limits between the quartiles: above the first, up to the second. Quartiles
/// that are equal make fewer parts.
fn ranges(values: &[f64]) -> Vec<(String, f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&lowest), Some(&highest)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    let mut cuts: Vec<f64> = CUTS
        .iter()
        .filter_map(|share| quantile(&sorted, *share))
        .filter(|cut| *cut < highest)
        .collect();
    cuts.dedup();
    let short = model_report::number::short;
    let mut low = (f64::NEG_INFINITY, lowest);
    let mut ranges = Vec::new();
    for cut in cuts.into_iter().chain([highest]) {
        let name = if low.0 == f64::NEG_INFINITY {
            format!("{} to {}", short(low.1), short(cut))
        } else {
            format!("above {} to {}", short(low.1), short(cut))
        };
        ranges.push((name, low.0, cut));
        low = (cut, cut);
    }
    ranges
}

fn group(name: String, rows: &[usize], scored: Scored<'_>) -> Group {
    let answers: Vec<bool> = rows.iter().map(|&row| scored.answers[row]).collect();
    let probabilities: Vec<f64> = rows.iter().map(|&row| scored.probabilities[row]).collect();
    let mut counts = [[0usize; 2]; 2];
    for (answer, probability) in answers.iter().zip(&probabilities) {
        let decision = reaches(*probability, scored.threshold);
        counts[usize::from(*answer)][usize::from(decision)] += 1;
    }
    let [[right_no, wrong_yes], [wrong_no, right_yes]] = counts;
    let approved = wrong_yes + right_yes;
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    let of_all = |part: usize| part as f64 / rows.len() as f64;
    Group {
        name,
        rows: rows.len(),
        base_rate: of_all(wrong_no + right_yes),
        approval_rate: of_all(approved),
        approval_interval: wilson(approved, rows.len()),
        accuracy: of_all(right_no + right_yes),
        roc_auc: roc_auc(&answers, &probabilities),
        recall: share(right_yes, wrong_no + right_yes),
        false_positive_rate: share(wrong_yes, right_no + wrong_yes),
        impact: None,
        reference: false,
        too_few: false,
    }
}

fn compare(groups: &mut [Group], rows: usize) {
    let enough = rows as f64 * REFERENCE_SHARE;
    let highest = groups
        .iter_mut()
        .filter(|group| group.rows as f64 >= enough)
        .max_by(|a, b| a.approval_rate.total_cmp(&b.approval_rate));
    let Some(reference) = highest else {
        return;
    };
    reference.reference = true;
    let (rate, reference_rows) = (reference.approval_rate, reference.rows);
    if rate == 0.0 {
        return;
    }
    let approved = |rate: f64, rows: usize| Proportion {
        hits: (rate * rows as f64).round() as usize,
        rows,
    };
    for group in groups.iter_mut().filter(|group| !group.reference) {
        let counts = approved(group.approval_rate, group.rows);
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
