//! Numbers in a few numbers, categories in their shares.

use model_report::span;
use serde::Serialize;

use super::column::Column;
use crate::evaluate::{Interval, quantile, wilson};

/// Bars of a histogram.
const BINS: usize = 30;

/// The usual figures of a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Numbers {
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation of a sample, over n - 1; 0 of one value, infinite where no number
    /// holds it.
    pub deviation: f64,
    /// The lowest.
    pub minimum: f64,
    /// A quarter is at most this.
    pub first_quartile: f64,
    /// Half is at most this.
    pub median: f64,
    /// Three quarters are at most this.
    pub third_quartile: f64,
    /// The highest.
    pub maximum: f64,
    /// Where Tukey's lower whisker ends: the lowest value within one and a half
    /// interquartile ranges of the box.
    pub low_whisker: f64,
    /// Where the upper one ends.
    pub high_whisker: f64,
    /// Values outside the whiskers.
    pub outliers: usize,
    /// Values that are exactly 0.
    pub zeros: usize,
}

/// A value of a category and what became of its rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The value.
    pub name: String,
    /// Rows that have it.
    pub rows: usize,
    /// The share of yes among those with a target; none without.
    pub approval_rate: Option<f64>,
    /// Wilson's 95% interval of that share.
    pub interval: Option<Interval>,
}

/// How the values of both classes are spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// The lowest and the highest value shown.
    pub range: (f64, f64),
    /// Rows in each bar, of yes.
    pub positive: Vec<usize>,
    /// Rows in each bar, of no, or of all where there is no target.
    pub negative: Vec<usize>,
    /// Values outside the range, which are not shown.
    pub outside: usize,
}

/// `None` when there is no value. `values` may hold NaN.
#[must_use]
pub fn numbers(values: impl Iterator<Item = f64>) -> Option<Numbers> {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (minimum, maximum) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len() as f64;
    let unit = span::unit([minimum, maximum]);
    let in_unit = || sorted.iter().map(|value| value / unit);
    let mean = in_unit().map(|value| value / count).sum::<f64>();
    let square: f64 = in_unit().map(|value| (value - mean).powi(2)).sum();
    let first_quartile = quantile(&sorted, 0.25)?;
    let third_quartile = quantile(&sorted, 0.75)?;
    let reach = 1.5 * (third_quartile - first_quartile);
    let below = sorted.partition_point(|value| *value < first_quartile - reach);
    let inside = sorted.partition_point(|value| *value <= third_quartile + reach);
    Some(Numbers {
        mean: (mean * unit).clamp(f64::MIN, f64::MAX),
        deviation: (square / (count - 1.0).max(1.0)).sqrt() * unit,
        minimum,
        first_quartile,
        median: quantile(&sorted, 0.5)?,
        third_quartile,
        maximum,
        low_whisker: sorted.get(below).copied().unwrap_or(minimum),
        high_whisker: inside
            .checked_sub(1)
            .and_then(|last| sorted.get(last))
            .copied()
            .unwrap_or(maximum),
        outliers: below + (sorted.len() - inside),
        zeros: sorted.iter().filter(|value| **value == 0.0).count(),
    })
}

/// Each value of a category or boolean, the most frequent first.
pub(super) fn shares(column: &Column, target: Option<&[Option<bool>]>) -> Vec<Share> {
    let names: Vec<String> = if column.texts.is_empty() {
        ["no", "yes"].map(str::to_owned).into()
    } else {
        column.texts.clone()
    };
    // Rows, rows with a target, rows of yes; missing comes last.
    let mut counts = vec![(0, 0, 0); names.len() + 1];
    for (row, value) in column.values.iter().enumerate() {
        let place = if value.is_nan() {
            names.len()
        } else {
            *value as usize
        };
        let Some(count) = counts.get_mut(place) else {
            continue;
        };
        count.0 += 1;
        if let Some(answer) = target.and_then(|target| target[row]) {
            count.1 += 1;
            count.2 += usize::from(answer);
        }
    }
    let names = names.into_iter().chain(["missing or unknown".to_owned()]);
    let mut shares: Vec<Share> = names
        .zip(counts)
        .filter(|(_, (rows, ..))| *rows > 0)
        .map(|(name, (rows, known, yes))| Share {
            name,
            rows,
            approval_rate: (known > 0).then(|| yes as f64 / known as f64),
            interval: (known > 0).then(|| wilson(yes, known)),
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.rows));
    shares
}

/// Bars between the lowest and the highest value; a few values that are far from all others
/// are left outside, so that the rest can be seen.
pub(super) fn histogram(column: &Column, target: Option<&[Option<bool>]>) -> Option<Histogram> {
    let mut sorted: Vec<f64> = column
        .values
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
    let (near_low, near_high) = (quantile(&sorted, 0.005)?, quantile(&sorted, 0.995)?);
    let room = near_high * 0.5 - near_low * 0.5;
    let low = if near_low - lowest > room {
        near_low
    } else {
        lowest
    };
    let high = if highest - near_high > room {
        near_high
    } else {
        highest
    };
    let unit = span::unit([low, high]);
    let (low, high) = (low / unit, high / unit);
    // Whole numbers get bars of whole width, so that none holds one value more than another.
    let whole = unit == 1.0 && high - low < 1e9 && sorted.iter().all(|value| value.fract() == 0.0);
    let (low, high, bins) = if whole {
        let width = ((high - low + 1.0) / BINS as f64).ceil();
        let bins = ((high - low + 1.0) / width).ceil();
        (low - 0.5, low - 0.5 + bins * width, bins as usize)
    } else {
        (low, high, BINS)
    };
    let width = (high - low) / bins as f64;
    let mut histogram = Histogram {
        range: (low * unit, high * unit),
        positive: vec![0; bins],
        negative: vec![0; bins],
        outside: 0,
    };
    for (row, value) in column.values.iter().enumerate() {
        if !value.is_finite() {
            continue;
        }
        let value = value / unit;
        if value < low || value > high {
            histogram.outside += 1;
            continue;
        }
        let bin = if width > 0.0 {
            (((value - low) / width) as usize).min(bins - 1)
        } else {
            0
        };
        match target.map(|target| target[row]) {
            Some(Some(true)) => histogram.positive[bin] += 1,
            Some(Some(false)) | None => histogram.negative[bin] += 1,
            Some(None) => {}
        }
    }
    Some(histogram)
}
