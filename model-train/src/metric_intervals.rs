//! How sure the figures of a training run are: intervals with a closed formula, which cost no
//! more than the figures themselves. The report has the bootstrap's.

use std::collections::BTreeMap;

use model_core::decide::reaches;

use crate::evaluate::Interval;
use crate::metrics::Metrics;

/// The 97.5th percentile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// 95% intervals by the name of the metric, on rows with weights above 0 (`None`: every row
/// counts once). Each is `value ± z · standard error`, cut to the range of the metric.
///
/// - `accuracy`, `log_loss`, `brier`, means over rows: the variance of a weighted mean is
///   `Σ w² (x − mean)² / (Σ w)² · n / (n − 1)`.
/// - `roc_auc`: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more
///   correlated receiver operating characteristic curves", Biometrics 44, 1988: the variances
///   of the placements of both outcomes, each as above.
/// - `f1_weighted` has none here.
#[must_use]
pub fn metric_intervals(
    answers: &[bool],
    probabilities: &[f64],
    weights: Option<&[f64]>,
    threshold: f64,
) -> BTreeMap<&'static str, Interval> {
    let rows = || answers.iter().copied().zip(probabilities.iter().copied());
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let of_mean = |score: &dyn Fn(bool, f64) -> f64| {
        let scores = rows().enumerate();
        let scores: Vec<(f64, f64)> = scores
            .map(|(row, (y, p))| (score(y, p), weight(row)))
            .collect();
        Mean::new(&scores)
    };
    let clipped = |p: f64| p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    let right = |y: bool, p: f64| f64::from(reaches(p, threshold) == y);
    let surprise = |y: bool, p: f64| -(if y { clipped(p) } else { 1.0 - clipped(p) }).ln();
    let square = |y: bool, p: f64| (p - f64::from(y)).powi(2);
    let metrics = Metrics::weighted(answers, probabilities, weights, threshold);
    let with_weights: Vec<Row> = (rows().enumerate())
        .map(|(row, (yes, p))| Row {
            p,
            yes,
            weight: weight(row),
        })
        .collect();
    let error = auc_variance(with_weights).sqrt();
    let auc = (metrics.roc_auc, error);
    let means: [(&str, Mean, f64); 3] = [
        ("accuracy", of_mean(&right), 1.0),
        ("log_loss", of_mean(&surprise), f64::INFINITY),
        ("brier", of_mean(&square), 1.0),
    ];
    let means = means.map(|(name, mean, most)| (name, mean.mean, mean.variance.sqrt(), most));
    means
        .into_iter()
        .chain([("roc_auc", auc.0, auc.1, 1.0)])
        .filter(|(_, _, error, _)| error.is_finite())
        .map(|(name, value, error, most)| {
            let interval = Interval {
                low: (value - Z * error).max(0.0),
                high: (value + Z * error).min(most),
            };
            (name, interval)
        })
        .collect()
}

/// A weighted mean and its variance.
struct Mean {
    mean: f64,
    variance: f64,
}

impl Mean {
    /// Of values with their weights; the variance of one value is not a number.
    fn new(values: &[(f64, f64)]) -> Self {
        let all: f64 = values.iter().map(|(_, weight)| weight).sum();
        let mean = values.iter().map(|(x, weight)| x * weight).sum::<f64>() / all;
        let squares = values
            .iter()
            .map(|(x, weight)| (weight * (x - mean)).powi(2));
        let rows = values.len() as f64;
        Self {
            mean,
            variance: squares.sum::<f64>() / (all * all) * rows / (rows - 1.0),
        }
    }
}

struct Row {
    p: f64,
    yes: bool,
    weight: f64,
}

/// The sum of the variances of the mean placement of each outcome: of a positive row the
/// weighted share of the negative rows below it, of a negative row that of the positive rows
/// above it, ties counting half.
fn auc_variance(mut rows: Vec<Row>) -> f64 {
    rows.sort_by(|a, b| a.p.total_cmp(&b.p));
    let total = |yes: bool| {
        let of = rows.iter().filter(|row| row.yes == yes);
        of.map(|row| row.weight).sum::<f64>()
    };
    let totals = [total(false), total(true)];
    let mut placements = [Vec::new(), Vec::new()];
    let mut below = [0.0; 2];
    for tie in rows.chunk_by(|a, b| a.p == b.p) {
        let mut tied = [0.0; 2];
        for row in tie {
            tied[usize::from(row.yes)] += row.weight;
        }
        for row in tie {
            let other = usize::from(!row.yes);
            let share = (below[other] + tied[other] / 2.0) / totals[other];
            placements[usize::from(row.yes)].push((share, row.weight));
        }
        below = [below[0] + tied[0], below[1] + tied[1]];
    }
    placements.iter().map(|of| Mean::new(of).variance).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half widths over z by an independent computation in numpy: the standard error of a mean
    /// (`std(ddof=1) / sqrt(n)`), and DeLong's from placements.
    #[test]
    fn as_numpy_computes_them() {
        let answers = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0].map(|y| y == 1);
        let p = [0.9, 0.2, 0.5, 0.5, 0.5, 0.7, 0.3, 0.1, 0.8, 0.65];
        let intervals = metric_intervals(&answers, &p, None, 0.5);
        for (name, low, high) in [
            ("accuracy", 0.279939221576313, 0.920060778423687),
            ("log_loss", 0.347877205208803, 0.890966276546089),
            ("brier", 0.104388975443422, 0.346111024556578),
            ("roc_auc", 0.309157411047693, 1.0),
        ] {
            let Interval { low: l, high: h } = intervals[name];
            assert!((l - low).abs() < 1e-12, "{name}: {l}, not {low}");
            assert!((h - high).abs() < 1e-12, "{name}: {h}, not {high}");
        }
        assert_eq!(intervals.len(), 4);
        // Twice the weight everywhere says nothing new.
        let same = metric_intervals(&answers, &p, Some(&[2.0; 10]), 0.5);
        for (name, interval) in intervals {
            assert!((same[name].low - interval.low).abs() < 1e-12, "{name}");
        }
    }
}
