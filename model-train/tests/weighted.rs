//! Figures of weighted rows, against other programs: `credit/weighted.py` writes them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use model_core::schema::Schema;
use model_train::evaluate::{
    Decisions, Design, FIGURES, Ranked, calibration_state, cut_off, deciles, estimates, gains, ks,
    linear_errors, roc, slices, strategy, swap_set, variance_inflation,
};
use serde_json::Value;

struct Weighted {
    good: Vec<bool>,
    p: Vec<f64>,
    weights: Vec<f64>,
    threshold: f64,
    expect: Value,
}

fn weighted() -> Weighted {
    let expect: Value = serde_json::from_str(include_str!("credit/weighted.json")).unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        let list = expect[name].as_array().unwrap().iter();
        list.map(|number| number.as_f64().unwrap()).collect()
    };
    Weighted {
        good: numbers("good").iter().map(|y| *y == 1.0).collect(),
        p: numbers("p"),
        weights: numbers("weights"),
        threshold: expect["threshold"].as_f64().unwrap(),
        expect: expect.clone(),
    }
}

impl Weighted {
    fn ranked(&self) -> Ranked {
        Ranked::weighted(&self.good, &self.p, Some(&self.weights), self.threshold)
    }
}

#[track_caller]
fn close(name: &str, got: f64, expect: &Value) {
    let expect = expect.as_f64().unwrap();
    assert!(
        (got - expect).abs() < 1e-9,
        "{name}: {got}, expected {expect}"
    );
}

/// scikit-learn with `sample_weight`; standard errors by statsmodels' `GLM(freq_weights=...)`.
#[test]
fn figures_are_those_of_sample_weight() {
    let rows = weighted();
    let (ranked, expect) = (rows.ranked(), &rows.expect);
    for (name, estimate) in FIGURES.iter().zip(estimates(&ranked, 2, 1)) {
        close(name, estimate.value.unwrap(), &expect["figures"][name]);
    }
    close("ks", ks(&ranked).unwrap().value, &expect["ks"]);
    let at_own = cut_off(&ranked, rows.threshold);
    close(
        "bad rate",
        at_own.bad_rate.unwrap(),
        &expect["bad_rate_at_cut_off"],
    );
    close("declined", at_own.bads_declined, &expect["bads_declined"]);
    let state = calibration_state(&ranked);
    for (name, got) in [("slope", state.slope), ("intercept", state.intercept)] {
        let got = got.unwrap();
        close(name, got.value, &expect[name][0]);
        close(name, got.standard_error, &expect[name][1]);
    }
    close("log loss", state.log_loss, &expect["figures"]["log_loss"]);
    let lowest = &deciles(&ranked)[0];
    let of_lowest = &expect["lowest_decile"];
    assert_eq!(Some(lowest.rows as u64), of_lowest["rows"].as_u64());
    close("lowest decile", lowest.bad_rate, &of_lowest["bad_rate"]);
}

/// A weight of three is three rows, for whatever needs no interval; of equal weights nothing is
/// left but their number.
#[test]
fn a_weight_of_three_is_three_rows() {
    let rows = weighted();
    let times: Vec<usize> = (0..rows.p.len()).map(|row| row % 3 + 1).collect();
    let weights: Vec<f64> = times.iter().map(|times| *times as f64).collect();
    let repeated = |row: usize| std::iter::repeat_n(row, times[row]);
    let repeated: Vec<usize> = (0..rows.p.len()).flat_map(repeated).collect();
    let good: Vec<bool> = repeated.iter().map(|row| rows.good[*row]).collect();
    let p: Vec<f64> = repeated.iter().map(|row| rows.p[*row]).collect();
    let by_weight = Ranked::weighted(&rows.good, &rows.p, Some(&weights), rows.threshold);
    let by_rows = Ranked::new(&good, &p, rows.threshold);
    assert_eq!(roc(&by_weight), roc(&by_rows));
    assert_eq!(gains(&by_weight), gains(&by_rows));
    let cost_free = |ranked: &Ranked| -> Vec<(f64, f64)> {
        let points = strategy(ranked, rows.threshold, None).into_iter();
        points
            .map(|point| (point.approval_rate, point.bad_rate))
            .collect()
    };
    assert_eq!(cost_free(&by_weight), cost_free(&by_rows));
    let decisions = |probabilities| Decisions {
        probabilities,
        threshold: rows.threshold,
    };
    let strict = |probabilities| Decisions {
        probabilities,
        threshold: 0.9,
    };
    let set = swap_set(
        &rows.good,
        Some(&weights),
        decisions(&rows.p),
        strict(&rows.p),
    );
    let of_rows = swap_set(&good, None, decisions(&p), strict(&p));
    assert_eq!(set.only_first.bad_rate, of_rows.only_first.bad_rate);
    let equal = vec![2.5; rows.p.len()];
    let equal = Ranked::weighted(&rows.good, &rows.p, Some(&equal), rows.threshold);
    let plain = Ranked::new(&rows.good, &rows.p, rows.threshold);
    let (a, b) = (calibration_state(&equal), calibration_state(&plain));
    let errors = [a, b].map(|state| state.slope.unwrap().standard_error);
    assert!((errors[0] - errors[1]).abs() < 1e-9, "{errors:?}");
}

/// Katz's formula with the effective number of rows, which is not whole; rows without an approval
/// at all are another case than few of them.
#[test]
fn the_interval_of_an_impact_ratio_takes_effective_rows() {
    let schema = "name = \"t\"\nversion = \"1.0.0\"\n\
                  [[feature]]\nname = \"g\"\ntype = \"boolean\"\nrole = \"protected\"\n\
                  [[feature]]\nname = \"x\"\ntype = \"number\"\n\
                  [[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n";
    let schema = Schema::from_toml(schema).unwrap();
    let group: Vec<f64> = (0..120).map(|row| f64::from(row % 2)).collect();
    // Of the group 1, one row of a small weight is approved.
    let approved = |row: usize| {
        if row.is_multiple_of(2) {
            row.is_multiple_of(3)
        } else {
            row == 1
        }
    };
    let p: Vec<f64> = (0..120)
        .map(|row| if approved(row) { 0.9 } else { 0.1 })
        .collect();
    let weights: Vec<f64> = (0..120)
        .map(|row| {
            if row == 1 {
                0.2
            } else {
                (row % 5) as f64 + 0.5
            }
        })
        .collect();
    let good: Vec<bool> = (0..120).map(|row| row % 7 < 3).collect();
    let ranked = Ranked::weighted(&good, &p, Some(&weights), 0.5);
    let slices = slices(&schema.features[0], &group, &ranked);
    let impact = slices.groups.iter().find_map(|group| group.impact).unwrap();
    let [reference, other] = [0, 1].map(|of| {
        let rows: Vec<usize> = (0..120).filter(|row| row % 2 == of).collect();
        let sum: f64 = rows.iter().map(|row| weights[*row]).sum();
        let squares: f64 = rows.iter().map(|row| weights[*row].powi(2)).sum();
        let taken = rows.iter().filter(|row| approved(**row));
        let rate = taken.map(|row| weights[*row]).sum::<f64>() / sum;
        (rate, sum * sum / squares)
    });
    let part = |(rate, rows): (f64, f64)| 1.0 / (rate * rows) - 1.0 / rows;
    let error = (part(other) + part(reference)).sqrt();
    let ratio = other.0 / reference.0;
    let ends = [-1.0, 1.0].map(|side| ratio * (side * 1.959_963_984_540_054 * error).exp());
    assert!((impact.ratio / ratio - 1.0).abs() < 1e-12, "{impact:?}");
    assert!(
        (impact.interval.low / ends[0] - 1.0).abs() < 1e-9,
        "{impact:?}, {ends:?}"
    );
    assert!(
        (impact.interval.high / ends[1] - 1.0).abs() < 1e-9,
        "{impact:?}, {ends:?}"
    );
}

/// Variance inflation is that of repeated rows; of standard errors only the ratios of the weights
/// matter, so a weight of three is worth fewer than three rows.
#[test]
fn errors_of_coefficients_are_weighted() {
    let rows = 200;
    let first: Vec<f64> = (0..rows).map(|row| (row % 17) as f64 / 8.0 - 1.0).collect();
    let noise = (0..rows).map(|row| (row % 23) as f64 / 11.0 - 1.0);
    let second: Vec<f64> = first.iter().zip(noise).map(|(a, b)| a + b).collect();
    let columns = vec![first, second];
    let times: Vec<usize> = (0..rows).map(|row| row % 3 + 1).collect();
    let weights: Vec<f64> = times.iter().map(|times| *times as f64).collect();
    let repeated: Vec<Vec<f64>> = (columns.iter())
        .map(|column| {
            let pairs = column.iter().zip(&times);
            pairs
                .flat_map(|(x, times)| std::iter::repeat_n(*x, *times))
                .collect()
        })
        .collect();
    let of = |columns: &[Vec<f64>], weights: Option<&[f64]>| {
        let design = Design { columns, weights };
        let errors = linear_errors(design, 0.3, &[0.5, -0.8], 0.0).unwrap();
        let inflation = variance_inflation(design).into_iter();
        (errors, inflation.map(Option::unwrap).collect::<Vec<f64>>())
    };
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a / b - 1.0).abs() < 1e-9);
    let plain = of(&columns, None);
    let weighted = of(&columns, Some(&weights));
    let of_rows = of(&repeated, None);
    assert!(near(&weighted.1, &of_rows.1), "{weighted:?}, {of_rows:?}");
    assert!(!near(&weighted.1, &plain.1), "{weighted:?}, {plain:?}");
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    let worth = (squares / weights.iter().sum::<f64>()).sqrt();
    let scaled: Vec<f64> = of_rows.0.iter().map(|error| worth * error).collect();
    assert!(near(&weighted.0, &scaled), "{weighted:?}, {of_rows:?}");
    let equal = of(&columns, Some(&vec![2.5; rows]));
    assert!(near(&equal.0, &plain.0), "{equal:?}, {plain:?}");
}

/// The figure of the rows lies within its own interval, also where resampling pulls it upwards.
#[test]
fn the_interval_of_the_calibration_error_holds_it() {
    // Probabilities that are right: all error is noise.
    let p: Vec<f64> = (0..2000)
        .map(|row| f64::from(row % 100) / 100.0 + 0.005)
        .collect();
    let good: Vec<bool> = (0..2000u32)
        .map(|row| {
            f64::from(row.wrapping_mul(2_654_435_761) >> 8) / f64::from(1u32 << 24)
                < p[row as usize]
        })
        .collect();
    let last = FIGURES.len() - 1;
    let estimates = estimates(&Ranked::new(&good, &p, 0.5), 400, 3);
    let (value, interval) = (
        estimates[last].value.unwrap(),
        estimates[last].interval.unwrap(),
    );
    assert!(
        interval.low <= value && value <= interval.high,
        "{value}, {interval:?}"
    );
}
