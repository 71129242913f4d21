//! Columns of the largest numbers there are, such as a code for missing: once their histograms had
//! no bars, and their figures were infinite.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use model_drift::bins::Distribution;
use model_drift::compare::{Sides, by_default, by_evidently};
use model_drift::live::in_bins;
use model_drift::methods::{Method, wasserstein};
use model_drift::report::Report;
use model_drift::sample::NumberPair;
use model_drift::sketch::{Capacity, Kind, Sketch, Spec};

const M: f64 = f64::MAX;
/// Columns whose numbers take turns.
const COLUMNS: [&[f64]; 8] = [
    &[M, 0.0, 1.5],
    &[M, -M, 0.0],
    &[-M, 2.0, 3.5],
    &[M],
    &[1e308, -1e308],
    &[1e17],
    &[1e17, 1e17 + 16.0],
    &[9_007_199_254_740_991.0],
];

fn sketch(numbers: &[f64], shift: f64, rows: usize) -> Sketch {
    let specs = vec![Spec::new("x", Kind::Number), Spec::new("y", Kind::Number)];
    let mut sketch = Sketch::new(specs, Capacity::EXACT);
    for row in 0..rows {
        sketch.columns[0].push_number(numbers[row % numbers.len()]);
        // Many numbers, most of them ordinary.
        let spread = (row * 7919 % rows) as f64 + 0.5 + shift;
        let code = numbers[row / 20 % numbers.len()];
        sketch.columns[1].push_number(if row % 20 == 0 { code } else { spread });
    }
    sketch
}

#[track_caller]
fn check(report: &Report) {
    for column in &report.columns {
        let Some(Distribution::Numbers {
            edges,
            reference,
            current,
        }) = &column.distribution
        else {
            panic!("no histogram of {}", column.name);
        };
        assert!(edges.iter().all(|edge| edge.is_finite()), "{edges:?}");
        assert!(edges.is_sorted(), "{edges:?}");
        for shares in [reference, current] {
            assert_eq!(shares.len() + 1, edges.len());
            let sum: f64 = shares.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{shares:?}");
        }
        let figures = column.means.iter().chain(&column.medians);
        let figures = figures.chain([&column.deviation]);
        let mut figures = figures.map(|figure| figure.unwrap());
        assert!(figures.all(f64::is_finite), "{column:?}");
        let mut distances = column.distances.values();
        assert!(distances.all(|distance| !distance.is_nan()), "{column:?}");
    }
    let html = report.html().unwrap();
    assert!(!html.contains("NaN") && !html.contains(">inf"));
}

#[test]
fn a_report_of_the_largest_numbers_ends() {
    for numbers in COLUMNS {
        let batch = sketch(numbers, 0.0, 1200);
        let other = sketch(&[1.0, 2.0, -3.5], 900.0, 1200);
        for [reference, current] in [[&batch, &batch], [&batch, &other], [&other, &batch]] {
            let sides = Sides {
                reference,
                current,
                extra: &[],
                samples: None,
            };
            check(&by_default(&sides, None).unwrap());
            for method in Method::ALL.into_iter().filter(|m| m.takes(Kind::Number)) {
                let report = match by_evidently(&sides, Some(method)) {
                    Ok(report) => report,
                    // This test needs two different values.
                    Err(_) if method == Method::AndersonDarling && numbers.len() == 1 => continue,
                    Err(error) => panic!("{numbers:?}: {error}"),
                };
                // Where no number is half a unit from another, that version's bins have no width.
                let is_dense = numbers.len() == 1 || numbers[0] == 1e17;
                if method != Method::Hellinger || !is_dense {
                    let mut columns = report.columns.iter();
                    assert!(columns.all(|column| !column.score.is_nan()), "{report:?}");
                }
                check(&report);
            }
            // As a server's window counts.
            let binned = in_bins(reference, current);
            let sides = Sides {
                reference: &binned[0],
                current: &binned[1],
                ..sides
            };
            check(&by_default(&sides, None).unwrap());
        }
    }
}

#[test]
fn figures_of_the_largest_numbers_are_those_of_small_ones() {
    let of = |unit: f64| {
        let reference = [-1.0, 0.0, 1.0].map(|x| x * unit);
        NumberPair::of(&reference, &[unit; 3])
    };
    let (small, large) = (of(1000.0), of(M));
    let normed = [&small, &large].map(wasserstein::normed);
    assert!((normed[0] - 1.5f64.sqrt()).abs() < 1e-12, "{normed:?}");
    assert!((normed[0] - normed[1]).abs() < 1e-12, "{normed:?}");
    assert!((wasserstein::distance(&large) / M - 1.0).abs() < 1e-12);
    assert_eq!(wasserstein::mean(&large.values, &large.reference), 0.0);
    let deviation = wasserstein::standard_deviation(&large.values, &large.reference);
    assert!((deviation / M - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
}
