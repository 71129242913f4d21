//! Calibration and thresholds against scikit-learn 1.9.1 and by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::fmt::Write as _;

use model_core::artifact::Artifact;
use model_core::calibration::{Calibration, MAX_KNOTS};
use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::calibrate::{self, Method};
use model_train::fit::Params;
use model_train::metrics::Metrics;
use model_train::pipeline::{
    self, Hyperparameters, InputOptions, Inputs, Job, Source, TrainedModel, Warning,
};
use model_train::threshold::{ThresholdRule, choose, choose_weighted};

/// Answers (1 for yes) and probabilities: `y` and `p` of the Python below.
const Y: [u8; 40] = [
    1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0,
    1, 0, 0, 0, 1, 0, 1, 0,
];
const P: [f64; 40] = [
    0.01, 0.58, 0.97, 0.9, 0.02, 0.03, 0.61, 0.54, 0.4, 0.4, 0.99, 0.07, 0.26, 0.98, 0.51, 0.52,
    0.52, 0.24, 0.39, 0.38, 0.34, 0.48, 0.63, 0.41, 0.63, 0.37, 0.36, 0.52, 0.5, 0.57, 0.43, 0.15,
    0.83, 0.22, 0.57, 0.08, 0.88, 0.34, 0.34, 0.27,
];

fn answers() -> Vec<bool> {
    Y.iter().map(|y| *y == 1).collect()
}

/// `a, b = _sigmoid_calibration(logit(p), y)` of `sklearn.calibration` is
/// `-0.6150628002565628, -0.021940254405523538`; it stops when the gradient is small, a
/// simplex search with a tolerance of 1e-12 ends within 1e-8 of it.
#[test]
fn platt_is_scikit_learns() {
    let Calibration::Platt { slope, intercept } = Method::Platt.fit(&answers(), &P) else {
        panic!("no Platt");
    };
    assert!((slope - 0.615_062_800).abs() < 1e-7, "{slope}");
    assert!((intercept - 0.021_940_254).abs() < 1e-7, "{intercept}");
}

/// What is right already stays; an order that is the wrong way round is not turned.
#[test]
fn platt_leaves_the_order_alone() {
    let (mut answers, mut probabilities) = (Vec::new(), Vec::new());
    for percent in 1..100usize {
        for row in 0..1000 {
            answers.push(row < 10 * percent);
            probabilities.push(percent as f64 / 100.0);
        }
    }
    let same = Method::Platt.fit(&answers, &probabilities);
    for p in [0.02, 0.3, 0.5, 0.97] {
        assert!((same.apply(p) - p).abs() < 1e-3, "{p}: {}", same.apply(p));
    }
    let turned: Vec<f64> = probabilities.iter().map(|p| 1.0 - p).collect();
    let flat = Method::Platt.fit(&answers, &turned);
    assert_eq!(flat.apply(0.1), flat.apply(0.9));
    assert!((flat.apply(0.1) - 0.5).abs() < 1e-9);
}

/// Two normal inputs and an outcome whose log odds are `slope * a - b`.
fn drawn(rows: usize, slope: f64, seed: u64) -> String {
    let mut state = seed;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let mut csv = String::from("a,b,y\n");
    for _ in 0..rows {
        let (radius, angle) = (
            (-2.0 * uniform().ln()).sqrt(),
            std::f64::consts::TAU * uniform(),
        );
        let (a, b) = (radius * angle.cos(), radius * angle.sin());
        let yes = uniform() < 1.0 / (1.0 + (b - slope * a).exp());
        writeln!(csv, "{a:.3},{b:.3},{}", u8::from(yes)).unwrap();
    }
    csv
}

fn trained(csv: &str, kind: ModelKind, calibration: Method) -> TrainedModel {
    trained_by(csv, kind, calibration, ThresholdRule::Half)
}

fn trained_by(
    csv: &str,
    kind: ModelKind,
    calibration: Method,
    threshold: ThresholdRule,
) -> TrainedModel {
    let schema = "name = \"t\"\nversion = \"1.0.0\"\n\
                  [[feature]]\nname = \"a\"\ntype = \"number\"\n\
                  [[feature]]\nname = \"b\"\ntype = \"number\"\n\
                  [[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n";
    let schema = Schema::from_toml(schema).unwrap();
    let inputs = InputOptions::new(schema, Source::new("d.csv", csv.as_bytes()));
    let options = pipeline::Options {
        hyperparameters: Hyperparameters::Fixed(Params::defaults(kind)),
        calibration,
        threshold,
        ..pipeline::Options::default()
    };
    let job = Job::new(Inputs::read(inputs, |_| {}).unwrap(), options).unwrap();
    pipeline::run(&job, &mut ()).unwrap()
}

fn metrics(csv: &str, kind: ModelKind, calibration: Method) -> Metrics {
    trained(csv, kind, calibration).report.metrics
}

/// Log odds of ±36 where the sum is clamped to 0 or 1 gave 0.45 to 0.54 here, and logistic
/// regression 0.41 to 0.46.
#[test]
fn ridge_is_as_well_calibrated_as_a_logistic_regression() {
    for seed in 1..=3 {
        let csv = drawn(4000, 2.0, seed);
        let ridge = metrics(&csv, ModelKind::Ridge, Method::None);
        let logistic = metrics(&csv, ModelKind::LogisticRegression, Method::None);
        assert!(
            ridge.log_loss < logistic.log_loss + 0.005,
            "seed {seed}: {ridge:?}, {logistic:?}"
        );
    }
}

/// A leaf with rows of one outcome says 0 or 1, which many an unseen row contradicts: the tree had
/// a Brier score of 0.16 and more here, and 0.13 without calibration.
#[test]
fn pure_leaves_do_not_flatten_platt() {
    for seed in 1..=2 {
        let csv = drawn(3000, 3.0, seed);
        let [none, platt, isotonic] = [Method::None, Method::Platt, Method::Isotonic]
            .map(|method| metrics(&csv, ModelKind::DecisionTree, method));
        let told = format!("seed {seed}: {none:?}, {platt:?}, {isotonic:?}");
        assert!(platt.log_loss < isotonic.log_loss + 0.015, "{told}");
        assert!(platt.brier < none.brier + 0.005, "{told}");
    }
}

/// What a report shows as before calibration is the model without it.
#[test]
fn a_model_before_platt_is_the_model_without() {
    let csv = drawn(600, 3.0, 1);
    let artifact = |method| {
        let trained = trained(&csv, ModelKind::DecisionTree, method);
        Artifact::decode(&trained.artifact).unwrap()
    };
    let [without, with] = [Method::None, Method::Platt].map(artifact);
    assert_ne!(with.model, without.model);
    let before = calibrate::before(&with);
    assert_eq!(before.model, without.model);
    assert_eq!(before.calibration, Calibration::None);
}

/// The advice is not to do what was done.
#[test]
fn the_warning_names_another_calibration() {
    let warning = |calibration| {
        Warning::WorseThanConstant {
            model: "ridge",
            calibration,
            log_loss: 0.7,
            constant: 0.69,
        }
        .to_string()
    };
    assert!(warning(Method::Platt).contains("use --calibration isotonic"));
    assert!(warning(Method::Isotonic).contains("use --calibration platt"));
    assert!(warning(Method::None).contains("use --calibration platt"));
}

/// Rows of one leaf are approved together: the share that is reached is told, and a share that is
/// far from the one that was asked for is a warning.
#[test]
fn the_share_of_approvals_that_is_reached_is_told() {
    let csv = drawn(600, 3.0, 1);
    let run = |share: f64| {
        let threshold = ThresholdRule::ApprovalRate(share);
        let trained = trained_by(&csv, ModelKind::DecisionTree, Method::None, threshold);
        let folds = trained.cross_validated.as_ref().unwrap();
        let threshold = Artifact::decode(&trained.artifact).unwrap().threshold;
        let approved = (folds.predictions.iter()).filter(|row| row.probability >= threshold);
        let reached = approved.count() as f64 / folds.predictions.len() as f64;
        assert_eq!(trained.approval_rate, Some(reached));
        let warned = trained.warnings.iter().any(
            |warning| matches!(warning, Warning::ApprovalRate { wanted, .. } if *wanted == share),
        );
        (reached, warned)
    };
    let (reached, warned) = run(0.01);
    assert!(!(0.001..=0.03).contains(&reached) && warned, "{reached}");
    let (other, warned) = run(reached);
    assert!(other == reached && !warned, "{other}");
}

/// `IsotonicRegression(out_of_bounds="clip").fit(p, y).predict(q)`, with 1/42 to 41/42 kept.
#[test]
fn isotonic_is_scikit_learns() {
    let calibration = Method::Isotonic.fit(&answers(), &P);
    let expect = [
        (0.0, 0.142_857_142_857_142_85),
        (0.05, 0.142_857_142_857_142_85),
        (0.2, 0.142_857_142_857_142_85),
        (0.3, 0.25),
        (0.39, 0.25),
        (0.405, 0.325_000_000_000_000_4),
        (0.5, 0.4),
        (0.55, 0.5),
        (0.7, 41.0 / 42.0),
        (0.95, 41.0 / 42.0),
        (1.0, 41.0 / 42.0),
    ];
    for (p, expect) in expect {
        let got = calibration.apply(p);
        assert!(
            (got - expect).abs() < 1e-14,
            "{p}: {got}, scikit-learn {expect}"
        );
    }
}

/// Ten thousand rising blocks would need twenty thousand knots.
#[test]
fn isotonic_has_few_knots_and_never_falls() {
    let rows = 20_000;
    let probabilities: Vec<f64> = (0..rows).map(|row| f64::from(row) / 20_001.0).collect();
    let answers: Vec<bool> = (0..rows).map(|row| row * 7919 % rows < row).collect();
    let calibration = Method::Isotonic.fit(&answers, &probabilities);
    let Calibration::Isotonic { from, to } = &calibration else {
        panic!("not isotonic");
    };
    assert!((2..=MAX_KNOTS).contains(&from.len()), "{}", from.len());
    assert!(from.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(to.windows(2).all(|pair| pair[0] <= pair[1]));
    let mapped: Vec<f64> = (0..=100_000)
        .map(|i| calibration.apply(f64::from(i) / 1e5))
        .collect();
    assert!(mapped.windows(2).all(|pair| pair[0] <= pair[1]));
    // The share of yes among the rows up to a point rises as the point itself does.
    for p in [0.1, 0.5, 0.9] {
        assert!(
            (calibration.apply(p) - p).abs() < 0.05,
            "{p}: {}",
            calibration.apply(p)
        );
    }
}

#[test]
fn none_changes_nothing() {
    assert_eq!(Method::None.fit(&answers(), &P), Calibration::None);
    assert_eq!(Calibration::None.apply(0.3), 0.3);
}

/// The best of all `t` in `p` by `f1_score(y, p >= t)`, by
/// `5 * false positives + 1 * false negatives` and so on, and by
/// `abs((p >= t).mean() - rate)`: each is put halfway to the next lower probability.
#[test]
fn thresholds_are_the_best_of_all() {
    let cost = |false_positive, false_negative| ThresholdRule::Cost {
        false_positive,
        false_negative,
    };
    let cases = [
        (ThresholdRule::Half, 0.5),
        (ThresholdRule::BestF1, (0.4 + 0.41) / 2.0),
        (cost(1.0, 1.0), (0.57 + 0.58) / 2.0),
        (cost(5.0, 1.0), (0.57 + 0.58) / 2.0),
        (cost(1.0, 5.0), (0.22 + 0.24) / 2.0),
        // A yes must cost more than all the noes: nobody is approved.
        (cost(1e9, 1.0), (0.57 + 0.58) / 2.0),
        (ThresholdRule::ApprovalRate(0.0), (0.99 + 1.0) / 2.0),
        (ThresholdRule::ApprovalRate(0.25), (0.57 + 0.58) / 2.0),
        (ThresholdRule::ApprovalRate(0.5), (0.41 + 0.43) / 2.0),
        (ThresholdRule::ApprovalRate(0.9), (0.07 + 0.08) / 2.0),
        (ThresholdRule::ApprovalRate(1.0), 0.005),
    ];
    for (rule, expect) in cases {
        let got = choose(rule, &answers(), &P).unwrap();
        assert!(
            (got - expect).abs() < 1e-15,
            "{rule:?}: {got}, expected {expect}"
        );
    }
}

/// Only the ratios of weights matter, also where they sum to less than a row.
#[test]
fn the_best_f1_does_not_depend_on_the_scale_of_weights() {
    let weights: Vec<f64> = (0..40).map(|row| f64::from(row % 3 + 1)).collect();
    let chosen = |scale: f64| {
        let weights: Vec<f64> = weights.iter().map(|weight| scale * weight).collect();
        choose_weighted(ThresholdRule::BestF1, &answers(), &P, Some(&weights)).unwrap()
    };
    for scale in [1.0 / 1200.0, 1e-12, 1e12] {
        assert_eq!(chosen(scale), chosen(1.0), "{scale}");
    }
}

/// One yes below one no: approving both, the yes's neighbour or nobody.
#[test]
fn a_wrong_order_is_decided_by_the_costs() {
    let check = |false_positive, false_negative, expect: f64| {
        let rule = ThresholdRule::Cost {
            false_positive,
            false_negative,
        };
        assert_eq!(choose(rule, &[true, false], &[0.25, 0.5]), Ok(expect));
    };
    check(1.0, 3.0, 0.125);
    check(3.0, 1.0, 0.75);
    // A probability of 1 cannot be refused, neighbours without a number between can be parted.
    let rule = ThresholdRule::ApprovalRate(0.0);
    assert_eq!(choose(rule, &[true, false], &[1.0, 0.5]), Ok(0.75));
    let next = 0.5f64.next_up();
    assert_eq!(
        choose(
            ThresholdRule::ApprovalRate(0.5),
            &[true, false],
            &[next, 0.5]
        ),
        Ok(next)
    );
}

#[test]
fn impossible_rules_are_refused() {
    let check = |rule, says: &str| {
        let error = choose(rule, &[true, false], &[0.2, 0.1]).unwrap_err();
        assert_eq!(error.to_string(), says);
    };
    let cost = |false_positive, false_negative| ThresholdRule::Cost {
        false_positive,
        false_negative,
    };
    check(
        cost(0.0, 1.0),
        "the cost of a false positive is 0.0, expected a number above 0, at most 1e15",
    );
    check(
        cost(1.0, f64::NAN),
        "the cost of a false negative is NaN, expected a number above 0, at most 1e15",
    );
    check(
        ThresholdRule::ApprovalRate(1.5),
        "the approval rate is 1.5, expected 0 to 1",
    );
    let error = choose(ThresholdRule::Half, &[], &[])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "0 answers and 0 probabilities: expected as many, at least one"
    );
}
