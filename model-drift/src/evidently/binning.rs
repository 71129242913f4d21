//! Bins as that version makes them: for a number with more than 20 different values in the
//! reference equal-width bins over both batches, as many as H. A. Sturges' rule says
//! (Journal of the American Statistical Association 21, 1926), otherwise one bin a value.

use model_report::span;

use crate::methods::hellinger;
use crate::sample::{NumberPair, shares as shares_of, total};

/// Different values in the reference up to which each is a bin of its own.
const FEW_VALUES: usize = 20;
/// What stands for a share of 0, unless the smallest share is no larger than it.
const ZERO: f64 = 0.0001;

/// The shares of both batches in each bin; `filled` replaces those that are 0.
pub(super) fn shares(
    numbers: Option<&NumberPair>,
    reference: &[u64],
    current: &[u64],
    filled: bool,
) -> (Vec<f64>, Vec<f64>) {
    let different = reference.iter().filter(|count| **count > 0).count();
    let (mut p, mut q) = match numbers {
        Some(pair) if different > FEW_VALUES => {
            let rows = total(reference) + total(current);
            let values = in_unit(&pair.values);
            let edges = sturges(&values, rows);
            let p = histogram(&values, reference, &edges);
            let q = histogram(&values, current, &edges);
            (p, q)
        }
        _ => (shares_of(reference), shares_of(current)),
    };
    if filled {
        fill(&mut p);
        fill(&mut q);
    }
    (p, q)
}

/// Hellinger distance of densities in bins of the different values' own Sturges rule.
pub(super) fn hellinger(pair: &NumberPair) -> f64 {
    let values = in_unit(&pair.values);
    let edges = sturges(&values, values.len() as f64);
    let density = |counts: &[u64]| -> Vec<f64> {
        let counts = histogram(&values, counts, &edges);
        let inside: f64 = counts.iter().sum();
        let widths = edges.windows(2).map(|edge| edge[1] - edge[0]);
        counts
            .iter()
            .zip(widths)
            .map(|(c, width)| c / width / inside)
            .collect()
    };
    let (p, q) = (density(&pair.reference), density(&pair.current));
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    let width = (last - first) / (edges.len() - 1) as f64;
    let terms = p.iter().zip(&q).map(|(p, q)| (p * q).sqrt() * width);
    hellinger::from_coefficient(terms.sum())
}

/// Numbers whose differences are finite, with the same shares in equal-width bins.
fn in_unit(values: &[f64]) -> Vec<f64> {
    let unit = span::unit(values.iter().copied());
    values.iter().map(|value| value / unit).collect()
}

/// Edges of equal-width bins, as NumPy spaces them; `values` ascend.
fn sturges(values: &[f64], rows: f64) -> Vec<f64> {
    let (mut first, mut last) = (values[0], values[values.len() - 1]);
    let width = (last - first) / (rows.log2() + 1.0);
    if first == last {
        (first, last) = (first - 0.5, last + 0.5);
    }
    let bins = if width > 0.0 {
        ((last - first) / width).ceil() as usize
    } else {
        1
    };
    let step = (last - first) / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|bin| bin as f64 * step + first).collect();
    edges.push(last);
    edges
}

/// Shares of each bin `[edge, next edge)`; the last one includes its end.
fn histogram(values: &[f64], counts: &[u64], edges: &[f64]) -> Vec<f64> {
    let bins = edges.len() - 1;
    let mut shares = vec![0.0; bins];
    let total = total(counts);
    for (value, count) in values.iter().zip(counts) {
        let bin = edges[1..bins].partition_point(|edge| edge <= value);
        shares[bin] += *count as f64;
    }
    shares.iter_mut().for_each(|share| *share /= total);
    shares
}

fn fill(shares: &mut [f64]) {
    let positive = shares.iter().copied().filter(|share| *share > 0.0);
    let least = positive.fold(f64::INFINITY, f64::min);
    let filler = if least <= ZERO { least / 1e6 } else { ZERO };
    shares
        .iter_mut()
        .filter(|share| **share == 0.0)
        .for_each(|share| *share = filler);
}
