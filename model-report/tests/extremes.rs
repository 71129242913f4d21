//! Charts of the largest numbers there are: once they were never finished.

use model_report::chart::{Axis, Bar, Summary};
use model_report::number::tick;
use model_report::{BarChart, BoxPlot, Chart, Svg};

const ENDS: [(f64, f64); 7] = [
    (0.0, f64::MAX),
    (f64::MIN, 0.0),
    (f64::MIN, f64::MAX),
    (f64::MAX, f64::MAX),
    (-1e300, 9e307),
    (1e17, 1e17),
    (f64::NEG_INFINITY, f64::INFINITY),
];

/// Both ends are drawn where they are finite, inside the chart, and the axis has labels that fit
/// beside it.
#[track_caller]
fn check(ends: (f64, f64), chart: &Svg) {
    let markup = chart.markup();
    assert!(markup.len() < 100_000, "{ends:?}: {} bytes", markup.len());
    for part in ["NaN", "inf", "00000000000000000000"] {
        assert!(!markup.contains(part), "{ends:?}: {part} in {markup}");
    }
    if ends.1 > 1e300 && ends.1 < f64::INFINITY {
        assert!(
            markup.contains("e307") || markup.contains("e308"),
            "{markup}"
        );
    }
}

#[test]
fn charts_of_the_largest_numbers_are_drawn() {
    for ends in ENDS {
        let (low, high) = ends;
        let chart = || Chart::new("chart", "", Axis::new("x"), Axis::new("y"));
        let points = vec![(low, low), (0.0, 0.0), (high, high)];
        check(ends, &chart().line("line", points.clone()).svg().unwrap());
        let band = vec![(low, low, high), (high, low, high)];
        let banded = chart().line_in_band("band", points.clone(), band.clone());
        check(ends, &banded.svg().unwrap());
        let estimates = chart().estimates("estimates", points.clone(), band);
        check(
            ends,
            &estimates.reference("reference", points).svg().unwrap(),
        );
        let halves = vec![(low, 0.0, 0.5), (0.0, high, 0.5)];
        check(
            ends,
            &chart()
                .histogram("rows", halves)
                .upright("here", high)
                .svg()
                .unwrap(),
        );
        let bars = vec![Bar::new("low", low), Bar::within("high", high, low, high)];
        let bars = BarChart::new("bars", "", Axis::new("x"), bars).reference("here", high);
        check(ends, &bars.svg().unwrap());
        let five = Summary {
            low,
            first_quartile: low / 2.0,
            median: 0.0,
            third_quartile: high / 2.0,
            high,
        };
        let boxes = BoxPlot::new("boxes", "", Axis::new("x"), vec![("all".to_owned(), five)]);
        check(ends, &boxes.svg().unwrap());
    }
}

#[test]
fn the_label_of_a_very_large_tick_is_a_power_of_ten() {
    let labels = [
        (1.5e308, 5e307),
        (-1e308, 5e307),
        (2e15, 1e15),
        (0.0, 5e307),
    ];
    let labels = labels.map(|(value, step)| tick(value, step));
    assert_eq!(labels, ["1.5e308", "-1.0e308", "2e15", "0"]);
    assert_eq!(tick(1.2e12, 2e11), "1200G");
}
