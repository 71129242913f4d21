//! Bins of the reference alone: for distances, and for charts.

use model_report::span;

use crate::live;
use crate::sample::{CategoryPair, NumberPair, total};

/// Bins of a distance: tenths of the reference.
const QUANTILE_BINS: usize = 10;
/// The most bars of a chart.
const BARS: usize = 24;
/// The fewest bars of a chart of numbers that are not whole.
const FEWEST_BARS: usize = 4;
/// From so many different values on and up to [`COARSE`], each stands for those around it: a
/// server's windows count in as many bins, all at the middle of their bin. Bars would leave gaps
/// between the middles.
const FEW_VALUES: usize = 25;
/// The most bins of a server's windows with rows of the reference; and with those without.
const COARSE: [usize; 2] = [live::MOST, live::MOST + live::EMPTY];
/// The share of rows up to which a bar that only the current batch fills is not told apart.
const FEW_ROWS: f64 = 0.01;
/// Share of the reference beyond each end of a chart; its outermost bars include it.
const TAIL: f64 = 0.005;
/// 2^52: above it there is no number half a unit beside a whole one.
const HALVES: f64 = 4_503_599_627_370_496.0;

/// Counts of both samples in bins with about equally many rows of the reference.
#[must_use]
pub fn by_quantiles(pair: &NumberPair) -> (Vec<u64>, Vec<u64>) {
    let rows = total(&pair.reference);
    let (mut reference, mut current) = (vec![0; QUANTILE_BINS], vec![0; QUANTILE_BINS]);
    let mut below = 0;
    for (r, c) in pair.reference.iter().zip(&pair.current) {
        // A value lies in the bin in which its first row lies.
        let bin = (below as f64 / rows * QUANTILE_BINS as f64) as usize;
        let bin = bin.min(QUANTILE_BINS - 1);
        reference[bin] += r;
        current[bin] += c;
        below += r;
    }
    (reference, current)
}

/// The value below which a share of the rows lies; `None` when there are no rows.
#[must_use]
pub fn quantile(values: &[f64], counts: &[u64], share: f64) -> Option<f64> {
    let rows = counts.iter().sum::<u64>();
    let wanted = ((rows as f64 * share).ceil() as u64).clamp(1, rows.max(1));
    let mut below = 0;
    for (value, count) in values.iter().zip(counts) {
        below += count;
        if below >= wanted {
            return Some(*value);
        }
    }
    None
}

/// What the chart of a column shows.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Distribution {
    /// Bars of equal width; values beyond the ends are counted in the outer ones.
    Numbers {
        /// One more than there are bars.
        edges: Vec<f64>,
        /// Share of the reference in each bar.
        reference: Vec<f64>,
        /// Share of the current batch.
        current: Vec<f64>,
    },
    /// The most frequent categories, the others as one.
    Categories {
        /// Their names.
        labels: Vec<String>,
        /// Share of the reference in each.
        reference: Vec<f64>,
        /// Share of the current batch.
        current: Vec<f64>,
    },
}

/// Divides what stands at few values among the bars around them: an empty bar between filled ones
/// belongs to the nearer, and a filled one gives each of its own as much. So does one that only the
/// current batch fills, with few rows.
fn spread([reference, current]: [&mut [f64]; 2]) {
    let bars = reference.len();
    let filled: Vec<usize> = (0..bars)
        .filter(|bar| reference[*bar] > 0.0 || current[*bar] > FEW_ROWS)
        .collect();
    let nearest = |bar: usize| filled.iter().copied().min_by_key(|own| own.abs_diff(bar));
    let owners: Vec<usize> = (0..bars).map(|bar| nearest(bar).unwrap_or(bar)).collect();
    for shares in [reference, current] {
        let mut at = 0;
        for own in owners.chunk_by(|a, b| a == b) {
            let own = &mut shares[at..at + own.len()];
            at += own.len();
            let share = own.iter().sum::<f64>() / own.len() as f64;
            own.fill(share);
        }
    }
}

impl Distribution {
    /// Bars over the reference's range, without its tails.
    #[must_use]
    pub fn of_numbers(pair: &NumberPair) -> Option<Self> {
        let at = |share| quantile(&pair.values, &pair.reference, share);
        let (low, high) = (at(TAIL)?, at(1.0 - TAIL)?);
        // The bars are of the reference's range; what the current batch has beyond it is in the
        // outer ones, in this unit too.
        let unit = span::unit([low, high]);
        let (mut low, mut high) = (low / unit, high / unit);
        let different = pair.reference.iter().filter(|count| **count > 0).count();
        let has_halves = low.abs().max(high.abs()) * unit < HALVES;
        let whole = has_halves && pair.values.iter().all(|value| value.fract() == 0.0);
        let (bars, width) = if whole {
            // Each bar holds the same number of whole numbers, so that none stays empty.
            let width = ((high - low + 1.0) / BARS as f64).ceil();
            low -= 0.5;
            (((high + 0.5 - low) / width).ceil() as usize, width)
        } else {
            if low == high {
                let room = if has_halves { 0.5 } else { low.abs() * 0.05 };
                (low, high) = (low - room, high + room);
            }
            let bars = different.clamp(FEWEST_BARS, BARS);
            (bars, (high - low) / bars as f64)
        };
        let counted = |counts: &[u64]| {
            let mut shares = vec![0.0; bars];
            let rows = total(counts).max(1.0);
            for (value, count) in pair.values.iter().zip(counts) {
                let bar = ((value / unit - low) / width).clamp(0.0, bars as f64 - 1.0) as usize;
                shares[bar] += *count as f64 / rows;
            }
            shares
        };
        let (mut reference, mut current) = (counted(&pair.reference), counted(&pair.current));
        let is_coarse =
            different <= COARSE[0] && (FEW_VALUES..=COARSE[1]).contains(&pair.values.len());
        if !whole && is_coarse {
            spread([&mut reference, &mut current]);
        }
        Some(Self::Numbers {
            edges: (0..=bars)
                .map(|edge| ((low + width * edge as f64) * unit).clamp(f64::MIN, f64::MAX))
                .collect(),
            reference,
            current,
        })
    }

    /// The most frequent categories of both.
    #[must_use]
    pub fn of_categories(pair: &CategoryPair) -> Self {
        let (n, m) = (
            total(&pair.reference).max(1.0),
            total(&pair.current).max(1.0),
        );
        let mut rows: Vec<(&str, f64, f64)> = (0..pair.labels.len())
            .map(|i| {
                (
                    &*pair.labels[i],
                    pair.reference[i] as f64 / n,
                    pair.current[i] as f64 / m,
                )
            })
            .collect();
        rows.sort_by(|a, b| (b.1 + b.2).total_cmp(&(a.1 + a.2)));
        let rest = rows.split_off(rows.len().min(BARS / 2));
        let mut rows: Vec<(String, f64, f64)> = rows
            .into_iter()
            .map(|(label, r, c)| (label.to_owned(), r, c))
            .collect();
        if !rest.is_empty() {
            let sum = |side: fn(&(&str, f64, f64)) -> f64| rest.iter().map(side).sum();
            rows.push((format!("{} others", rest.len()), sum(|r| r.1), sum(|r| r.2)));
        }
        Self::Categories {
            labels: rows.iter().map(|row| row.0.clone()).collect(),
            reference: rows.iter().map(|row| row.1).collect(),
            current: rows.iter().map(|row| row.2).collect(),
        }
    }
}
