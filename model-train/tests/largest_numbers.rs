//! An exploration of columns of the largest numbers there are, such as a code for missing: once it
//! was never finished.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write;

use model_train::eda::{Eda, correlation_ratio, eda_html, explore};

/// The codes of a column take turns in every third of its rows, or in all of them.
fn explored(codes: &[&str], is_alone: bool) -> Eda {
    let mut csv = "a,c,y\n".to_owned();
    for row in 0..600usize {
        let code = codes[row / 3 % codes.len()];
        let c = match is_alone || row % 3 == 0 {
            true => code.to_owned(),
            false => (row * 7919 % 600).to_string(),
        };
        let y = ["no", "yes"][row / 2 % 2];
        writeln!(csv, "{}.5,{c},{y}", row % 17).unwrap();
    }
    explore(csv.as_bytes(), "d.csv", None, Some("y"), |_| ()).unwrap()
}

const LARGEST: &str = "1.7976931348623157e308";
const LEAST: &str = "-1.7976931348623157e308";

#[test]
fn the_largest_numbers_are_explored() {
    let columns: [&[&str]; 6] = [
        &[LARGEST],
        &[LEAST],
        &[LARGEST, LEAST],
        &[LARGEST, LEAST, "0.5"],
        &["9e307", "-1e308"],
        &["1e17", "100000000000000016"],
    ];
    for codes in columns {
        for is_alone in [false, true] {
            let eda = explored(codes, is_alone);
            let column = eda
                .columns
                .iter()
                .find(|column| column.name == "c")
                .unwrap();
            let n = column.numbers.unwrap();
            assert!(n.mean.is_finite() && !n.deviation.is_nan(), "{n:?}");
            let quartiles = [n.minimum, n.first_quartile, n.median, n.third_quartile];
            assert!(
                quartiles.is_sorted() && n.third_quartile <= n.maximum,
                "{n:?}"
            );
            let shown = column.histogram.as_ref().unwrap();
            assert!(
                shown.range.0.is_finite() && shown.range.1.is_finite(),
                "{shown:?}"
            );
            let bars = shown.positive.iter().chain(&shown.negative);
            assert_eq!(bars.sum::<usize>() + shown.outside, 600, "{codes:?}");
            let html = eda_html(&eda).unwrap();
            assert!(!html.contains("NaN") && !html.contains(">inf"), "{codes:?}");
        }
    }
}

/// Once it was 1 where squares are infinite.
#[test]
fn a_category_that_says_nothing_of_the_largest_numbers_has_no_association() {
    let groups = [0.0, 1.0, 0.0, 1.0];
    for [a, b] in [[f64::MAX, 0.5], [f64::MAX, f64::MIN], [1e200, -1e200]] {
        let eta = correlation_ratio(&groups, &[a, a, b, b]).unwrap();
        assert!(eta < 1e-9, "{a:e}, {b:e}: {eta}");
        let eta = correlation_ratio(&groups, &[a, b, a, b]).unwrap();
        assert!((eta - 1.0).abs() < 1e-9, "{a:e}, {b:e}: {eta}");
    }
}
