//! The tables of credit risk, against other programs: `credit/make.py` writes the figures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use model_train::evaluate::{
    Coefficient, CostTerms, Decisions, Design, Estimate, Ranked, Stakes, calibration_state, costs,
    cut_off, deciles, delong, estimates, gains, ks, linear_errors, score_histogram, strategy,
    swap_set, variance_inflation,
};
use serde_json::Value;

const CASES: &str = include_str!("credit/cases.json");

struct Case {
    name: String,
    good: Vec<bool>,
    p: Vec<f64>,
    q: Vec<f64>,
    threshold: f64,
    expect: Value,
}

impl Case {
    fn ranked(&self) -> Ranked {
        Ranked::new(&self.good, &self.p, self.threshold)
    }

    #[track_caller]
    fn close(&self, name: &str, got: f64, expect: &Value) {
        let expect = expect.as_f64().unwrap();
        assert!(
            (got - expect).abs() < 1e-9,
            "{}, {name}: {got}, expected {expect}",
            self.name
        );
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap().iter();
    list.map(|number| number.as_f64().unwrap()).collect()
}

fn cases() -> Vec<Case> {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let cases = all["cases"].as_array().unwrap().iter();
    cases
        .map(|case| Case {
            name: case["name"].as_str().unwrap().to_owned(),
            good: numbers(&case["good"]).iter().map(|y| *y == 1.0).collect(),
            p: numbers(&case["p"]),
            q: numbers(&case["q"]),
            threshold: case["threshold"].as_f64().unwrap(),
            expect: case.clone(),
        })
        .collect()
}

/// scipy's `ks_2samp`; the Gini coefficient is measured with every artifact in `evaluate.rs`.
#[test]
fn ks_is_that_of_scipy() {
    for case in cases() {
        let found = ks(&case.ranked()).unwrap();
        case.close("ks", found.value, &case.expect["ks"]);
        let below = case.p.iter().filter(|p| **p < found.probability).count();
        assert!((found.share_below - below as f64 / case.p.len() as f64).abs() < 1e-12);
    }
}

/// pandas, by `floor(10 * (rankdata(p, "min") - 1) / n)`.
#[test]
fn deciles_are_those_of_pandas() {
    for case in cases() {
        let table = deciles(&case.ranked());
        let expect = &case.expect["deciles"];
        assert_eq!(table.len(), expect["first"].as_array().unwrap().len());
        for (index, band) in table.iter().enumerate() {
            for (name, got) in [
                ("first", band.first as f64),
                ("rows", band.rows as f64),
                ("bad", band.bad as f64),
                ("low", band.low),
                ("high", band.high),
                ("expected_bad_rate", band.expected_bad_rate),
                ("lift", band.lift.unwrap()),
                ("cumulative_bads", band.cumulative_bads),
                ("cumulative_goods", band.cumulative_goods),
                ("cumulative_bad_rate", band.cumulative_bad_rate),
            ] {
                case.close(name, got, &expect[name][index]);
            }
        }
    }
}

#[test]
fn a_tie_is_never_divided_between_deciles() {
    // Sixty rows of one score fill the deciles 2 to 7.
    let p: Vec<f64> = (0..100)
        .map(|row| match row {
            0..15 => f64::from(row) / 1000.0,
            15..75 => 0.5,
            _ => 0.6 + f64::from(row) / 1000.0,
        })
        .collect();
    let good: Vec<bool> = (0..100).map(|row| row >= 50).collect();
    let table = deciles(&Ranked::new(&good, &p, 0.5));
    let bands: Vec<_> = table.iter().map(|d| (d.first, d.last, d.rows)).collect();
    assert_eq!(
        bands,
        [(1, 1, 10), (2, 7, 65), (8, 8, 5), (9, 9, 10), (10, 10, 10)]
    );
    assert_eq!(table[0].bad, 10);
    assert_eq!((table[4].bad, table[4].bad_rate), (0, 0.0));
    assert!(table[4].bad_rate_interval.high > 0.2);

    let one_score = deciles(&Ranked::new(&good, &[0.3; 100], 0.5));
    assert_eq!(one_score.len(), 1);
    assert_eq!((one_score[0].first, one_score[0].last), (1, 10));
}

/// statsmodels' `Logit`, `GLM` with an offset, and scikit-learn's losses.
#[test]
fn calibration_is_that_of_statsmodels() {
    for case in cases() {
        let state = calibration_state(&case.ranked());
        let expect = &case.expect["calibration"];
        for (name, got) in [
            ("slope", state.slope),
            ("intercept", state.intercept),
            ("in_the_large", state.in_the_large),
        ] {
            let got: Coefficient = got.unwrap();
            case.close(name, got.value, &expect[name][0]);
            case.close(name, got.standard_error, &expect[name][1]);
        }
        case.close("log_loss", state.log_loss, &expect["log_loss"]);
        case.close("brier", state.brier, &expect["brier"]);
        let rows: usize = state.bins.iter().map(|bin| bin.rows).sum();
        assert_eq!(rows, case.p.len());
    }
}

#[test]
fn scores_without_a_finite_slope_have_none() {
    let good: Vec<bool> = (0..20).map(|row| row >= 10).collect();
    let separating: Vec<f64> = (0..20).map(|row| 0.1 + f64::from(row) / 25.0).collect();
    assert_eq!(
        calibration_state(&Ranked::new(&good, &separating, 0.5)).slope,
        None
    );
    let one_score = calibration_state(&Ranked::new(&good, &[0.3; 20], 0.5));
    assert_eq!(one_score.slope, None);
    // Half of the rows are good, 0.3 were expected.
    let large = one_score.in_the_large.unwrap().value;
    assert!((large - (0.7f64 / 0.3).ln()).abs() < 1e-9);
}

/// By brute force over every cut-off, in numpy.
#[test]
fn costs_are_those_of_brute_force() {
    for case in cases() {
        let of_error: Vec<f64> = (0..case.p.len())
            .map(|row| (row % 7 + 1) as f64 * if case.good[row] { 1.0 } else { 5.0 })
            .collect();
        let stakes = Stakes {
            terms: CostTerms {
                false_positive: 5.0,
                false_negative: 1.0,
                exposure: None,
                loss_given_default: None,
            },
            of_error,
        };
        let (cost, by_step) = costs(&case.ranked(), &stakes);
        let expect = &case.expect["cost"];
        for (name, got) in [
            ("at_threshold", cost.at_threshold),
            ("approve_everyone", cost.approve_everyone),
            ("decline_everyone", cost.decline_everyone),
            ("cheapest", cost.cheapest.cost),
        ] {
            case.close(name, got, &expect[name]);
        }
        let interval = cost.saved.interval.unwrap();
        assert!(interval.low < cost.saved.value && cost.saved.value < interval.high);
        let ranked = case.ranked();
        let points = strategy(&ranked, case.threshold, Some(&by_step));
        let own = points.iter().find(|point| point.chosen).unwrap();
        case.close("own cut-off", own.cost.unwrap(), &expect["at_threshold"]);
        let last = points.last().unwrap();
        assert_eq!(last.approval_rate, 1.0);
        case.close("everyone", last.cost.unwrap(), &expect["approve_everyone"]);
        let at_own = cut_off(&ranked, case.threshold);
        assert_eq!(at_own.bad_rate, Some(own.bad_rate));
        assert!((at_own.bad_rate_all - last.bad_rate).abs() < 1e-12);
    }
}

/// From the definition, in numpy.
#[test]
fn delongs_test_is_that_of_its_definition() {
    for case in cases() {
        let test = delong(&case.good, &case.p, &case.q).unwrap();
        let expect = &case.expect["delong"];
        case.close("first area", test.areas[0], &expect["areas"][0]);
        case.close("second area", test.areas[1], &expect["areas"][1]);
        case.close("error", test.standard_error, &expect["standard_error"]);
        case.close("z", test.z.unwrap(), &expect["z"]);
        case.close("p", test.p_value, &expect["p_value"]);
        let same = delong(&case.good, &case.p, &case.p).unwrap();
        assert_eq!((same.z, same.p_value), (None, 1.0));
    }
}

/// pandas' counts.
#[test]
fn swap_sets_are_those_of_pandas() {
    for case in cases() {
        let [first, second] = [&case.p, &case.q].map(|probabilities| Decisions {
            probabilities,
            threshold: case.threshold,
        });
        let set = swap_set(&case.good, None, first, second);
        for (name, cell) in [
            ("both_approve", set.both_approve),
            ("only_first", set.only_first),
            ("only_second", set.only_second),
            ("both_decline", set.both_decline),
        ] {
            let expect = &case.expect["swaps"][name];
            assert_eq!(
                (cell.rows as u64, cell.bad as u64),
                (expect[0].as_u64().unwrap(), expect[1].as_u64().unwrap()),
                "{}, {name}",
                case.name
            );
        }
    }
}

/// A rare outcome leaves most of 0 to 1 empty: the bars must not be there.
#[test]
fn rare_bads_fill_the_charts() {
    let case = cases().remove(2);
    let bars = score_histogram(&case.ranked());
    let filled = bars.iter().filter(|bar| bar.positive + bar.negative > 0);
    assert!(filled.count() > 20, "{bars:?}");
    let rows: usize = bars.iter().map(|bar| bar.positive + bar.negative).sum();
    assert_eq!(rows, case.p.len());
    let points = strategy(&case.ranked(), case.threshold, None);
    let mut rates: Vec<f64> = points.iter().map(|point| point.approval_rate).collect();
    rates.dedup();
    assert!(rates.len() > 90, "{} different cut-offs", rates.len());
    let curve = gains(&case.ranked());
    assert!(curve.len() > 100);
    let last = curve.last().unwrap();
    assert_eq!((last.rows, last.bads, last.goods), (1.0, 1.0, 1.0));
}

/// Of many rows, some are resampled and the interval is scaled: it must be that of all rows.
#[test]
fn intervals_of_many_rows_are_scaled() {
    let rows = 60_000usize;
    let mixed = |row: usize| {
        let mixed = (row as u64 ^ (row as u64) << 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11
    };
    let p: Vec<f64> = (0..rows)
        .map(|row| mixed(row) as f64 / (1u64 << 53) as f64)
        .collect();
    let good: Vec<bool> = (0..rows)
        .map(|row| p[row] > mixed(row + rows) as f64 / (1u64 << 53) as f64)
        .collect();
    let auc =
        |estimates: Vec<Estimate>| (estimates[0].value.unwrap(), estimates[0].interval.unwrap());
    let (value, interval) = auc(estimates(&Ranked::new(&good, &p, 0.5), 200, 1));
    assert!(
        interval.low < value && value < interval.high,
        "{value}, {interval:?}"
    );
    // A quarter of the rows, not scaled: twice as wide.
    let quarter = rows / 4;
    let (_, wide) = auc(estimates(
        &Ranked::new(&good[..quarter], &p[..quarter], 0.5),
        200,
        1,
    ));
    let ratio = (wide.high - wide.low) / (interval.high - interval.low);
    assert!((1.6..2.5).contains(&ratio), "{ratio}");
    // DeLong's standard error of one area, as of a difference from a score that says nothing.
    let test = delong(&good, &vec![0.5; rows], &p).unwrap();
    let half = (interval.high - interval.low) / 2.0;
    assert!((half / (1.96 * test.standard_error) - 1.0).abs() < 0.2);
}

/// statsmodels' `Logit(...).fit().bse` and `variance_inflation_factor`.
#[test]
fn standard_errors_are_those_of_statsmodels() {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let expect = &all["standard_errors"];
    let columns: Vec<Vec<f64>> = expect["x"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    let weights = numbers(&expect["coefficients"]);
    let design = Design {
        columns: &columns,
        weights: None,
    };
    let errors = linear_errors(design, weights[0], &weights[1..], 0.0).unwrap();
    let inflation = variance_inflation(design);
    for index in 0..3 {
        let error = expect["standard_errors"][index + 1].as_f64().unwrap();
        assert!((errors[index] - error).abs() < 1e-9, "{errors:?}");
        let factor = expect["variance_inflation"][index].as_f64().unwrap();
        assert!(
            (inflation[index].unwrap() - factor).abs() < 1e-9,
            "{inflation:?}"
        );
    }
    // Columns that determine each other have none.
    let twice = [
        columns[0].clone(),
        columns[0].iter().map(|x| 2.0 * x).collect(),
    ];
    let twice = Design {
        columns: &twice,
        weights: None,
    };
    assert_eq!(variance_inflation(twice), [None, None]);
}
