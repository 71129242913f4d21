//! Curves over all thresholds, and a table of some thresholds.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use super::decided::Decided;
use super::interval::Interval;
use super::ranked::{Ranked, Step};

/// Most points of a curve: more cannot be distinguished in a chart.
const MOST_POINTS: usize = 400;
/// Bars of the score distribution.
const SCORE_BINS: usize = 40;

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Approved from this probability on; none where nothing is approved.
    pub threshold: Option<f64>,
    /// The share of negatives that are approved.
    pub false_positive_rate: f64,
    /// The share of positives that are approved.
    pub true_positive_rate: f64,
}

/// The interval of the true positive rate at a false positive rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocBand {
    /// The false positive rate.
    pub false_positive_rate: f64,
    /// The pointwise bootstrap interval.
    pub true_positive_rate: Interval,
}

/// A point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallPoint {
    /// Approved from this probability on.
    pub threshold: f64,
    /// The share of positives that are approved.
    pub recall: f64,
    /// The share of positives among those approved.
    pub precision: f64,
}

/// A bar of the score distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoreBin {
    /// From this probability on.
    pub low: f64,
    /// Below this; the last bar includes it.
    pub high: f64,
    /// Positive rows.
    pub positive: usize,
    /// Negative rows.
    pub negative: usize,
}

/// Metrics at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRow {
    /// Approved from this probability on.
    pub threshold: f64,
    /// Whether it is the model's own.
    pub chosen: bool,
    /// The share of rows that are approved.
    pub approval_rate: f64,
    /// The share of positives among those approved.
    pub precision: f64,
    /// The share of positives that are approved.
    pub recall: f64,
    /// The share of negatives that are declined.
    pub specificity: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The share of correct decisions.
    pub accuracy: f64,
}

/// From approving nothing to approving everything, without points on a straight line between
/// their neighbours
/// (scikit-learn: `roc_curve`), thinned to a few hundred.
#[must_use]
pub fn roc(ranked: &Ranked) -> Vec<RocPoint> {
    let steps = ranked.steps();
    let Some(&all) = steps.last() else {
        return Vec::new();
    };
    let counts = |index: usize| (steps[index].yes, steps[index].no);
    let corner = |index: usize| {
        if index == 0 || index + 1 == steps.len() {
            return true;
        }
        let (before, here, next) = (counts(index - 1), counts(index), counts(index + 1));
        here.0 - before.0 != next.0 - here.0 || here.1 - before.1 != next.1 - here.1
    };
    let mut points = vec![RocPoint {
        threshold: None,
        false_positive_rate: 0.0,
        true_positive_rate: 0.0,
    }];
    points.extend(
        (0..steps.len())
            .filter(|index| corner(*index))
            .map(|index| RocPoint {
                threshold: Some(steps[index].probability),
                false_positive_rate: share(steps[index].no, all.no),
                true_positive_rate: share(steps[index].yes, all.yes),
            }),
    );
    thinned(points)
}

/// One point for each different probability, thinned to a few hundred (scikit-learn:
/// `precision_recall_curve`, without its last point at recall 0).
#[must_use]
pub fn precision_recall(ranked: &Ranked) -> Vec<PrecisionRecallPoint> {
    let steps = ranked.steps();
    let yes = steps.last().map_or(0.0, |step| step.yes);
    let points = steps.iter().map(|step| PrecisionRecallPoint {
        threshold: step.probability,
        recall: share(step.yes, yes),
        precision: share(step.yes, step.all()),
    });
    thinned(points.collect())
}

/// The distribution of probabilities in each class, in rows.
#[must_use]
pub fn score_distribution(ranked: &Ranked) -> Vec<ScoreBin> {
    let mut bins: Vec<ScoreBin> = (0..SCORE_BINS)
        .map(|bin| ScoreBin {
            low: bin as f64 / SCORE_BINS as f64,
            high: (bin + 1) as f64 / SCORE_BINS as f64,
            positive: 0,
            negative: 0,
        })
        .collect();
    for row in ranked.rows() {
        let bin = ((row.probability * SCORE_BINS as f64) as usize).min(SCORE_BINS - 1);
        if row.answer {
            bins[bin].positive += 1;
        } else {
            bins[bin].negative += 1;
        }
    }
    bins
}

/// Every twentieth from 0.05 to 0.95, and the model's own threshold.
#[must_use]
pub fn thresholds(ranked: &Ranked, own: f64) -> Vec<ThresholdRow> {
    let steps = ranked.steps();
    let sums = |step: &Step| (step.yes, step.no);
    let all = steps.last().map_or((0.0, 0.0), sums);
    let mut thresholds: Vec<f64> = (1..20)
        .map(|twentieth| f64::from(twentieth) / 20.0)
        .collect();
    if !thresholds.contains(&own) {
        thresholds.push(own);
        thresholds.sort_by(f64::total_cmp);
    }
    thresholds
        .into_iter()
        .map(|threshold| {
            let reached = steps.partition_point(|step| reaches(step.probability, threshold));
            let above = reached
                .checked_sub(1)
                .map_or((0.0, 0.0), |last| sums(&steps[last]));
            let decided = Decided::new(above, all);
            ThresholdRow {
                threshold,
                chosen: threshold == own,
                approval_rate: decided.approval_rate(),
                precision: decided.precision(),
                recall: decided.recall(),
                specificity: decided.specificity(),
                f1: decided.f1(),
                accuracy: decided.accuracy(),
            }
        })
        .collect()
}

fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// The first point, the last, and points evenly spaced between them.
fn thinned<T: Copy>(points: Vec<T>) -> Vec<T> {
    if points.len() <= MOST_POINTS {
        return points;
    }
    let last = points.len() - 1;
    (0..MOST_POINTS)
        .map(|index| points[index * last / (MOST_POINTS - 1)])
        .collect()
}
