//! The bootstrap: how much a metric would change if other rows had been drawn.
//!
//! From the `n` rows, `n` are drawn with replacement, `resamples` times, and every figure is
//! computed each time; the interval goes from the 2.5th to the 97.5th percentile (the
//! percentile interval of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
//! chapter 13). The rows are sorted once: a resample is a weight for each row.
//!
//! Of more than [`MOST_ROWS`] rows, every k-th by score is resampled, and the intervals are made
//! narrower by the root of the share: that of a smooth figure shrinks with the root of the rows
//! (Bickel and Sakov, "On the choice of m in the m out of n bootstrap", Statistica Sinica 18,
//! 2008). The figures themselves are those of all rows.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::credit::{average_precision_of_bads, largest_gap};
use super::interval::{Interval, quantile};
use super::ranked::{FIGURES, Ranked};

/// A metric with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// One of [`FIGURES`].
    pub name: String,
    /// Its value on the rows themselves; none where it is not defined.
    pub value: Option<f64>,
    /// The 95% interval.
    pub interval: Option<Interval>,
}

/// Metrics and ROC band from the resamples.
#[derive(Debug)]
pub(super) struct Bootstrap {
    pub(super) estimates: Vec<Estimate>,
    /// False positive rate, and the interval of the true positive rate there.
    pub(super) roc_band: Vec<(f64, Interval)>,
    /// Of the KS statistic.
    pub(super) ks: Option<Interval>,
    /// Of the average precision of the negative outcome.
    pub(super) precision_of_bads: Option<Interval>,
}

/// Most rows that are resampled.
pub(super) const MOST_ROWS: usize = 50_000;
/// Steps of the false positive rate at which the band is computed.
const GRID: usize = 50;

/// Each of [`FIGURES`] with its interval; the same seed gives the same intervals. A thousand
/// resamples of 9,000 rows take about a quarter of a second.
#[must_use]
pub fn estimates(ranked: &Ranked, resamples: usize, seed: u64) -> Vec<Estimate> {
    bootstrap(ranked, resamples, seed).estimates
}

pub(super) fn bootstrap(ranked: &Ranked, resamples: usize, seed: u64) -> Bootstrap {
    let step = ranked.len().div_ceil(MOST_ROWS).max(1);
    if step == 1 {
        return resampled(ranked, resamples, seed);
    }
    let thin = ranked.restricted(&ranked.every(step));
    let scale = Scale::new(thin.len(), ranked.len());
    let [own, of_thin] = [ranked, &thin].map(Point::new);
    let found = resampled(&thin, resamples, seed);
    let estimates = found
        .estimates
        .into_iter()
        .zip(own.figures.iter().zip(&of_thin.figures))
        .map(|(estimate, (value, center))| Estimate {
            value: value.is_finite().then_some(*value),
            interval: estimate
                .interval
                .filter(|_| value.is_finite())
                .map(|interval| scale.shrunk(interval, *center, *value)),
            name: estimate.name,
        });
    let rates = own.rates.iter().zip(&of_thin.rates);
    let roc_band = found.roc_band.into_iter().zip(rates);
    let roc_band = roc_band
        .map(|((rate, interval), (value, center))| (rate, scale.shrunk(interval, *center, *value)));
    let shrunk = |interval: Option<Interval>, of: fn(&Point) -> f64| {
        interval.map(|interval| scale.shrunk(interval, of(&of_thin), of(&own)))
    };
    Bootstrap {
        estimates: estimates.collect(),
        roc_band: roc_band.collect(),
        ks: shrunk(found.ks, |point| point.ks),
        precision_of_bads: shrunk(found.precision_of_bads, |point| point.precision_of_bads),
    }
}

/// How much narrower an interval is with all rows than with some of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale(f64);

impl Scale {
    pub(super) fn new(some: usize, all: usize) -> Self {
        Self((some as f64 / all as f64).sqrt())
    }

    /// An interval around the `center` of some rows, moved to the `value` of all.
    pub(super) fn shrunk(self, interval: Interval, center: f64, value: f64) -> Interval {
        Interval {
            low: value + self.0 * (interval.low - center),
            high: value + self.0 * (interval.high - center),
        }
    }
}

/// What is measured of the rows themselves.
struct Point {
    figures: [f64; FIGURES.len()],
    rates: Vec<f64>,
    ks: f64,
    precision_of_bads: f64,
}

impl Point {
    fn new(ranked: &Ranked) -> Self {
        let mut curve = vec![(0, 0)];
        let ones = vec![1; ranked.len()];
        let figures = ranked.figures(&ones, |yes, no| curve.push((no, yes)));
        let mut rates = vec![Vec::new(); GRID + 1];
        add_rates(&curve, &mut rates);
        Self {
            figures,
            rates: rates.into_iter().flatten().collect(),
            ks: largest_gap(&curve),
            precision_of_bads: average_precision_of_bads(&curve),
        }
    }
}

fn resampled(ranked: &Ranked, resamples: usize, seed: u64) -> Bootstrap {
    let ones = vec![1; ranked.len()];
    let values = ranked.figures(&ones, |_, _| ());
    let mut drawn = vec![Vec::new(); FIGURES.len()];
    let mut rates = vec![Vec::new(); GRID + 1];
    let (mut gaps, mut precisions) = (Vec::new(), Vec::new());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = vec![0u32; ranked.len()];
    let mut curve = Vec::new();
    for _ in 0..resamples {
        draw(&mut weights, &mut rng);
        curve.clear();
        curve.push((0, 0));
        let figures = ranked.figures(&weights, |yes, no| curve.push((no, yes)));
        for (values, figure) in drawn.iter_mut().zip(figures) {
            values.push(figure);
        }
        add_rates(&curve, &mut rates);
        gaps.push(largest_gap(&curve));
        precisions.push(average_precision_of_bads(&curve));
    }
    let estimates = FIGURES
        .iter()
        .zip(values)
        .zip(drawn)
        .map(|((name, value), drawn)| Estimate {
            name: (*name).to_owned(),
            value: value.is_finite().then_some(value),
            interval: value
                .is_finite()
                .then(|| percentile_interval(drawn))
                .flatten(),
        })
        .collect();
    let roc_band = rates
        .into_iter()
        .enumerate()
        .filter_map(|(index, rates)| {
            Some((index as f64 / GRID as f64, percentile_interval(rates)?))
        })
        .collect();
    Bootstrap {
        estimates,
        roc_band,
        ks: percentile_interval(gaps),
        precision_of_bads: percentile_interval(precisions),
    }
}

/// How often each row is drawn.
pub(super) fn draw(weights: &mut [u32], rng: &mut ChaCha8Rng) {
    weights.fill(0);
    let rows = weights.len() as u32;
    for _ in 0..rows {
        weights[rng.random_range(0..rows) as usize] += 1;
    }
}

/// The true positive rate at each false positive rate of the grid, interpolated between the
/// corners of the curve.
fn add_rates(curve: &[(u64, u64)], rates: &mut [Vec<f64>]) {
    let Some(&(all_no, all_yes)) = curve.last() else {
        return;
    };
    if all_no == 0 || all_yes == 0 {
        return;
    }
    let mut corner = 0;
    for (index, rates) in rates.iter_mut().enumerate() {
        let no = index as f64 / GRID as f64 * all_no as f64;
        while corner + 1 < curve.len() && curve[corner + 1].0 as f64 <= no {
            corner += 1;
        }
        let (x0, y0) = (curve[corner].0 as f64, curve[corner].1 as f64);
        let yes = curve.get(corner + 1).map_or(y0, |&(x1, y1)| {
            y0 + (y1 as f64 - y0) * (no - x0) / (x1 as f64 - x0)
        });
        rates.push(yes / all_yes as f64);
    }
}

/// From the 2.5th to the 97.5th percentile of those that are numbers.
pub(super) fn percentile_interval(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    Some(Interval {
        low: quantile(&values, 0.025)?,
        high: quantile(&values, 0.975)?,
    })
}
