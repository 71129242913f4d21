//! The bootstrap: how much a metric would change if other rows had been drawn.
//!
//! From the `n` rows, `n` are drawn with replacement, `resamples` times, and every figure is
//! computed each time; the interval goes from the 2.5th to the 97.5th percentile (the
//! percentile interval of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
//! chapter 13). The rows are sorted once: a resample is a weight for each row.
//!
//! Of more than [`MOST_ROWS`] rows, so many are resampled that are drawn at random, of each class
//! its share, and the intervals are made narrower by the root of the share: that of a smooth figure shrinks with the root of the rows
//! (Bickel and Sakov, "On the choice of m in the m out of n bootstrap", Statistica Sinica 18,
//! 2008). The figures themselves are those of all rows.
//!
//! Two models of the same rows and the same seed are measured on the same resamples, alone or
//! compared.
//!
//! The expected calibration error is a sum of absolute differences: noise adds to it, and each
//! resample adds noise of its own, so that a percentile interval may lie above the figure. Its
//! interval is moved down by the mean excess of the resamples, to no less than 0 (the bias
//! correction of Efron and Tibshirani, chapter 10).

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::Options;
use super::credit::{average_precision_of_bads, largest_gap};
use super::interval::{Interval, quantile};
use super::ranked::{FIGURES, Ranked};
use crate::parallel::parallel;

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
/// The one of [`FIGURES`] whose resamples are biased.
const CALIBRATION_ERROR: &str = "expected_calibration_error";

/// Each of [`FIGURES`] with its interval; the same seed gives the same intervals. A thousand
/// resamples of 9,000 rows take about a quarter of a second.
#[must_use]
pub fn estimates(ranked: &Ranked, resamples: usize, seed: u64) -> Vec<Estimate> {
    let draws = Draws {
        resamples,
        seed,
        jobs: 1,
    };
    bootstrap(ranked, draws).estimates
}

/// How resamples are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    pub(super) resamples: usize,
    pub(super) seed: u64,
    /// Threads, at least 1; their number changes no interval.
    pub(super) jobs: usize,
}

impl From<&Options> for Draws {
    fn from(options: &Options) -> Self {
        Self {
            resamples: options.resamples,
            seed: options.seed,
            jobs: options.jobs,
        }
    }
}

impl Draws {
    /// What `measure` finds of each resample, in their order; it gets how often each of `rows`
    /// rows is drawn. Each resample has random numbers of its own.
    pub(super) fn each<T: Send>(
        &self,
        rows: usize,
        measure: impl Fn(&[u32]) -> T + Sync,
    ) -> Vec<T> {
        let resamples: Vec<u64> = (0..self.resamples as u64).collect();
        // A few at a time, so that memory is reused.
        let parts: Vec<&[u64]> = resamples.chunks(16).collect();
        let measured = parallel(self.jobs, &parts, |part| {
            let mut drawn = vec![0u32; rows];
            let of_resample = |resample: &u64| {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                rng.set_stream(*resample);
                draw(&mut drawn, &mut rng);
                measure(&drawn)
            };
            part.iter().map(of_resample).collect::<Vec<T>>()
        });
        measured.into_iter().flatten().collect()
    }
}

pub(super) fn bootstrap(ranked: &Ranked, draws: Draws) -> Bootstrap {
    bootstrap_of(ranked, draws, MOST_ROWS)
}

/// The same, where at most so many rows are resampled.
pub(super) fn bootstrap_of(ranked: &Ranked, draws: Draws, most: usize) -> Bootstrap {
    if ranked.len() <= most {
        return resampled(ranked, &draws);
    }
    let thin = ranked.restricted(&ranked.sample(most, draws.seed));
    let scale = Scale::new(thin.len(), ranked.len());
    let [own, of_thin] = [ranked, &thin].map(Point::new);
    let found = resampled(&thin, &draws);
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
        Self::drawn(ranked, &vec![1; ranked.len()])
    }

    /// The same of a resample: how often each of the sorted rows is drawn.
    fn drawn(ranked: &Ranked, drawn: &[u32]) -> Self {
        let mut curve = Vec::with_capacity(ranked.len() + 1);
        curve.push((0.0, 0.0));
        let figures = ranked.figures(drawn, |yes, no| curve.push((no, yes)));
        Self {
            figures,
            rates: rates(&curve),
            ks: largest_gap(&curve),
            precision_of_bads: average_precision_of_bads(&curve),
        }
    }
}

fn resampled(ranked: &Ranked, draws: &Draws) -> Bootstrap {
    let own = Point::new(ranked);
    let points = draws.each(ranked.len(), |drawn| {
        let mut sorted = Vec::with_capacity(drawn.len());
        ranked.sort_draws(drawn, &mut sorted);
        Point::drawn(ranked, &sorted)
    });
    let of = |figure: &dyn Fn(&Point) -> f64| points.iter().map(figure).collect::<Vec<f64>>();
    let estimates = FIGURES.iter().enumerate().map(|(index, name)| {
        let value = Some(own.figures[index]).filter(|value| value.is_finite());
        Estimate {
            name: (*name).to_owned(),
            value,
            interval: value
                .and_then(|value| figure_interval(name, value, of(&|point| point.figures[index]))),
        }
    });
    let roc_band = (0..own.rates.len()).filter_map(|index| {
        // A resample of one class has no rates.
        let rates = points.iter().filter_map(|point| point.rates.get(index));
        let interval = percentile_interval(rates.copied().collect())?;
        Some((index as f64 / GRID as f64, interval))
    });
    Bootstrap {
        estimates: estimates.collect(),
        roc_band: roc_band.collect(),
        ks: percentile_interval(of(&|point| point.ks)),
        precision_of_bads: percentile_interval(of(&|point| point.precision_of_bads)),
    }
}

/// The percentile interval of one of [`FIGURES`] around its value, without the bias of the
/// expected calibration error; see the head of this file.
pub(super) fn figure_interval(name: &str, value: f64, drawn: Vec<f64>) -> Option<Interval> {
    if name != CALIBRATION_ERROR {
        return percentile_interval(drawn);
    }
    let bias = drawn.iter().sum::<f64>() / drawn.len().max(1) as f64 - value;
    let interval = percentile_interval(drawn)?;
    Some(Interval {
        low: (interval.low - bias).max(0.0),
        high: (interval.high - bias).max(0.0),
    })
}

/// How often each row is drawn.
fn draw(weights: &mut [u32], rng: &mut ChaCha8Rng) {
    weights.fill(0);
    let rows = weights.len() as u32;
    for _ in 0..rows {
        weights[rng.random_range(0..rows) as usize] += 1;
    }
}

/// The true positive rate at each false positive rate of the grid, interpolated between the
/// corners of the curve; nothing of one class.
fn rates(curve: &[(f64, f64)]) -> Vec<f64> {
    let Some(&(all_no, all_yes)) = curve.last() else {
        return Vec::new();
    };
    if all_no == 0.0 || all_yes == 0.0 {
        return Vec::new();
    }
    let mut corner = 0;
    let rate = |index: usize| {
        let no = index as f64 / GRID as f64 * all_no;
        while corner + 1 < curve.len() && curve[corner + 1].0 <= no {
            corner += 1;
        }
        let (x0, y0) = curve[corner];
        let yes = curve
            .get(corner + 1)
            .map_or(y0, |&(x1, y1)| y0 + (y1 - y0) * (no - x0) / (x1 - x0));
        yes / all_yes
    };
    (0..=GRID).map(rate).collect()
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
