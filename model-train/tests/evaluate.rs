//! Evaluation against scikit-learn, and on a real artifact.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::card::{About, model_card};
use model_train::dataset::Dataset;
use model_train::evaluate::{
    BenchmarkRecord, Draw, Evaluation, FIGURES, FrontierRecord, Interval, Labels, LearningPoint,
    Options, PairedRecord, Ranked, SearchRecord, Shuffles, TrialRecord, calibration, estimates,
    evaluate, learning_curve, permutation_importance, precision_recall, roc, score_distribution,
    thresholds,
};
use model_train::fit::{ClassWeight, Params};
use model_train::report::evaluation_html;
use model_train::split::stratified;
use model_train::train::{self, train};

/// Forty rows, with ties, with 0 and 1.
const Y: [u8; 40] = [
    1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0,
    1, 0, 0, 0, 1, 0, 1, 0,
];
const P: [f64; 40] = [
    0.0, 0.58, 0.97, 0.9, 0.0, 0.0, 0.61, 0.54, 0.4, 0.4, 1.0, 0.07, 0.26, 1.0, 0.51, 0.52, 0.52,
    0.24, 0.39, 0.38, 0.34, 0.48, 0.63, 0.41, 0.63, 0.37, 0.36, 0.52, 0.5, 0.57, 0.43, 0.15, 0.83,
    0.22, 0.57, 0.08, 0.88, 0.34, 0.34, 0.27,
];

fn answers() -> Vec<bool> {
    Y.iter().map(|y| *y == 1).collect()
}

fn ranked() -> Ranked {
    Ranked::new(&answers(), &P, 0.5)
}

#[track_caller]
fn close(name: &str, got: f64, expect: f64) {
    assert!(
        (got - expect).abs() < 1e-12,
        "{name}: {got}, expected {expect}"
    );
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data")
        .join(name)
}

fn german(columns: fn(&Schema, &mut Dataset)) -> Evaluation {
    let text = std::fs::read_to_string(data("german_credit.toml")).unwrap();
    let schema = Schema::from_toml(&text).unwrap();
    let mut dataset = Dataset::read(&data("german_credit.csv"), &schema, |_| ()).unwrap();
    columns(&schema, &mut dataset);
    let split = stratified(&dataset.target, 42).unwrap();
    let options = train::Options {
        params: Params::defaults(ModelKind::LogisticRegression),
        class_weight: ClassWeight::None,
        jobs: 1,
        seed: 42,
        calibration: model_core::calibration::Calibration::None,
        threshold: 0.5,
        details: model_core::details::Details::default(),
        engine_sha256: "0".repeat(64),
        underwrite_version: "0.1.0".to_owned(),
    };
    let trained = train(dataset.clone(), &schema, split.clone(), &options).unwrap();
    let options = Options {
        resamples: 200,
        ..Options::default()
    };
    let evaluation = evaluate(&trained.artifact, &dataset, &split.test, false, &options).unwrap();
    for (name, value) in trained.report.metrics.named() {
        let measured = evaluation.metric(name).and_then(|metric| metric.value);
        close(name, measured.unwrap(), value);
    }
    evaluation
}

/// By scikit-learn 1.9.1, for arrays `y` and `p` and `d = p >= 0.5`: `roc_auc_score(y, p)`,
/// `average_precision_score(y, p)`, `log_loss(y, p)`, `brier_score_loss(y, p)`,
/// `accuracy_score(y, d)`, `balanced_accuracy_score(y, d)`, `f1_score(y, d)`, `f1_score(y,
/// d, average="weighted")`, `precision_score(y, d)`, `recall_score(y, d)`,
/// `matthews_corrcoef(y, d)`, `d.mean()`, and from `s, m = calibration_curve(y, p,
/// n_bins=10)` with the counts `c` of the bins `sum(c / 40 * abs(s - m))`.
#[test]
fn figures_are_those_of_scikit_learn() {
    let expect = [
        0.8045112781954886,
        0.8461089233942417,
        1.362054190808154,
        0.1808175,
        0.725,
        0.7230576441102756,
        0.7027027027027027,
        0.7244814582023885,
        0.7222222222222222,
        0.6842105263157895,
        0.447801930486707,
        0.45,
        0.10975,
    ];
    for ((name, estimate), expect) in FIGURES.iter().zip(estimates(&ranked(), 1, 1)).zip(expect) {
        close(name, estimate.value.unwrap(), expect);
    }
    let confusion = ranked().confusion();
    // confusion_matrix(y, d) is [[16, 5], [6, 13]].
    assert_eq!(
        [
            confusion.true_negative,
            confusion.false_positive,
            confusion.false_negative,
            confusion.true_positive
        ],
        [16, 5, 6, 13]
    );
}

/// By numpy 2, the percentiles 2.5 and 97.5 of 20,000 resamples of the forty rows; other
/// random numbers, so they agree to about a hundredth.
#[test]
fn intervals_are_those_of_another_bootstrap() {
    let estimates = estimates(&ranked(), 5000, 1);
    for (name, low, high) in [
        ("roc_auc", 0.6457, 0.9341),
        ("accuracy", 0.575, 0.85),
        ("brier", 0.1273, 0.2460),
    ] {
        let place = FIGURES.iter().position(|figure| *figure == name).unwrap();
        let interval = estimates[place].interval.unwrap();
        assert!(
            (interval.low - low).abs() < 0.011 && (interval.high - high).abs() < 0.011,
            "{name}: {interval:?}, numpy {low} to {high}"
        );
    }
}

#[test]
fn the_seed_alone_decides_the_intervals() {
    assert_eq!(estimates(&ranked(), 50, 7), estimates(&ranked(), 50, 7));
    assert_ne!(estimates(&ranked(), 50, 7), estimates(&ranked(), 50, 8));
}

/// By scikit-learn 1.9.1: `roc_curve(y, p)`, `precision_recall_curve(y, p)`.
#[test]
fn curves_are_those_of_scikit_learn() {
    let x = [
        0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 3.0, 5.0, 5.0, 6.0, 6.0, 8.0, 12.0, 13.0, 15.0, 15.0,
        19.0, 21.0,
    ];
    let y = [
        0.0, 2.0, 6.0, 8.0, 10.0, 10.0, 11.0, 13.0, 13.0, 14.0, 14.0, 15.0, 15.0, 15.0, 17.0, 17.0,
        18.0, 18.0, 19.0,
    ];
    let points = roc(&ranked());
    assert_eq!(points.len(), x.len());
    for ((point, x), y) in points.iter().zip(x).zip(y) {
        close("false positive rate", point.false_positive_rate, x / 21.0);
        close("true positive rate", point.true_positive_rate, y / 19.0);
    }
    assert_eq!(points[0].threshold, None);
    assert_eq!(points[2].threshold, Some(0.83));

    let points = precision_recall(&ranked());
    assert_eq!(points.len(), 30);
    let last = points[points.len() - 1];
    close("recall", last.recall, 1.0);
    close("precision", last.precision, 0.475);
    close(
        "precision",
        points[points.len() - 6].precision,
        0.5454545454545454,
    );
}

/// By scikit-learn 1.9.1: `calibration_curve(y, p, n_bins=10)`, which leaves out the empty bin.
#[test]
fn calibration_is_that_of_scikit_learn() {
    let shares = [0.2, 0.0, 0.25, 0.2222222222222222, 0.5, 0.5, 1.0, 1.0, 1.0];
    let means = [
        0.030000000000000006,
        0.15,
        0.2475,
        0.3688888888888888,
        0.45499999999999996,
        0.54125,
        0.6233333333333334,
        0.87,
        0.9899999999999999,
    ];
    let bins = calibration(&ranked());
    let rows: Vec<usize> = bins.iter().map(|bin| bin.rows).collect();
    assert_eq!(rows, [5, 1, 4, 9, 4, 8, 3, 3, 3]);
    for ((bin, share), mean) in bins.iter().zip(shares).zip(means) {
        close("share", bin.positive_share, share);
        close("mean", bin.mean_probability, mean);
    }
}

#[test]
fn the_threshold_table_agrees_with_the_figures() {
    let rows = thresholds(&ranked(), 0.52);
    assert_eq!(rows.len(), 20);
    let own = rows.iter().find(|row| row.chosen).unwrap();
    // d = p >= 0.52: 13 of 19 yes and 3 of 21 no.
    close("recall", own.recall, 13.0 / 19.0);
    close("precision", own.precision, 13.0 / 16.0);
    close("specificity", own.specificity, 18.0 / 21.0);
    close("approval", own.approval_rate, 0.4);
    close("accuracy", own.accuracy, 31.0 / 40.0);
    let distribution = score_distribution(&ranked());
    assert_eq!(
        distribution.iter().map(|bin| bin.positive).sum::<usize>(),
        19
    );
    assert_eq!(
        distribution.iter().map(|bin| bin.negative).sum::<usize>(),
        21
    );
    assert_eq!(distribution[39].positive, 2);
}

#[test]
fn a_feature_that_is_not_used_has_no_importance() {
    let answers: Vec<bool> = (0..200).map(|row| row % 3 == 0).collect();
    let mut columns: Vec<f64> = answers
        .iter()
        .map(|yes| f64::from(u8::from(*yes)))
        .collect();
    columns.extend((0..200).map(f64::from));
    let importance = permutation_importance(
        &["used", "unused"],
        &columns,
        &answers,
        Shuffles {
            repeats: 5,
            seed: 1,
            jobs: 2,
        },
        || {
            Ok::<_, String>(|columns: &[f64], out: &mut [f64]| {
                out.copy_from_slice(&columns[..200]);
                Ok(())
            })
        },
    )
    .unwrap();
    assert_eq!(importance[0].feature, "used");
    // Shuffled, an exact predictor is a random classifier: the area falls from 1 to a half.
    assert!((importance[0].mean - 0.5).abs() < 0.05, "{importance:?}");
    assert!(importance[0].deviation > 0.0);
    assert_eq!((importance[1].mean, importance[1].deviation), (0.0, 0.0));
}

#[test]
fn a_learning_curve_grows_and_keeps_its_classes() {
    let target: Vec<bool> = (0..1000).map(|row| row % 4 == 0).collect();
    let train: Vec<usize> = (0..1000).filter(|row| row % 5 != 0).collect();
    let parts: Mutex<Vec<Vec<usize>>> = Mutex::default();
    let points = learning_curve(
        &target,
        &train,
        Labels {
            answers: &answers(),
            weights: None,
        },
        Draw { seed: 3, jobs: 2 },
        |rows| {
            parts.lock().unwrap().push(rows.to_vec());
            Ok::<_, String>(P.to_vec())
        },
    )
    .unwrap();
    let mut parts = parts.into_inner().unwrap();
    parts.sort_by_key(Vec::len);
    let rows: Vec<usize> = points.iter().map(|point| point.rows).collect();
    assert_eq!(rows, [40, 80, 200, 400, 800]);
    for (small, large) in parts.iter().zip(&parts[1..]) {
        assert!(small.iter().all(|row| large.binary_search(row).is_ok()));
        assert_eq!(
            small.iter().filter(|&&row| target[row]).count() * 4,
            small.len()
        );
    }
    close("AUC", points[0].roc_auc, 0.8045112781954886);
}

#[test]
fn an_artifact_is_measured_as_it_decides() {
    let evaluation = german(|_, _| ());
    assert_eq!(evaluation.data.rows, 200);
    assert_eq!(evaluation.importance.len(), evaluation.model.inputs.len());
    for metric in &evaluation.metrics {
        let interval = metric.interval.unwrap();
        let value = metric.value.unwrap();
        // The expected calibration error is biased upwards in resamples.
        if metric.name != "expected_calibration_error" {
            assert!(interval.low < value && value < interval.high, "{metric:?}");
        }
    }
    for slices in &evaluation.slices {
        let rows: usize = slices.groups.iter().map(|group| group.rows).sum();
        assert_eq!(rows, 200, "{}", slices.feature);
        assert_eq!(
            slices.groups.iter().filter(|group| group.reference).count(),
            1
        );
        for group in &slices.groups {
            if let Some(impact) = group.impact {
                assert!(impact.interval.low <= impact.ratio, "{group:?}");
            }
        }
    }
}

#[test]
fn protected_columns_are_audited_and_not_predicted_from() {
    let evaluation = german(|_, _| ());
    let protected: Vec<_> = evaluation
        .slices
        .iter()
        .filter(|slices| slices.role == "protected")
        .collect();
    assert!(
        !protected.is_empty(),
        "german_credit.toml has a protected column"
    );
    assert!(evaluation.model.protected_inputs.is_empty());
    let before: Vec<_> = evaluation.metrics.iter().map(|m| m.value).collect();
    let shuffled = german(|_, dataset| {
        for column in &mut dataset.protected {
            let mut numbers: Vec<f64> = column.values.iter().copied().collect();
            numbers.reverse();
            column.values = numbers.into_iter().collect();
        }
    });
    let after: Vec<_> = shuffled.metrics.iter().map(|m| m.value).collect();
    assert_eq!(before, after, "the model looked at a protected column");
    assert_ne!(protected[0].groups, shuffled.slices[0].groups);
}

#[test]
fn the_report_shows_what_the_tuner_adds() {
    let mut evaluation = german(|_, _| ());
    let before = evaluation_html(&evaluation).unwrap();
    assert!(!before.contains("id=\"frontier\"") && !before.contains("id=\"learning\""));
    evaluation.learning_curve = vec![
        LearningPoint {
            rows: 100,
            roc_auc: 0.71,
            interval: Some(Interval {
                low: 0.66,
                high: 0.76,
            }),
        },
        LearningPoint {
            rows: 800,
            roc_auc: 0.79,
            interval: None,
        },
    ];
    let candidate = |name: &str, score, bytes, chosen| FrontierRecord {
        name: name.to_owned(),
        score,
        bytes,
        nanoseconds: Some(1234.0),
        chosen,
    };
    evaluation.search = Some(SearchRecord {
        metric: "roc_auc".to_owned(),
        folds: 5,
        trials: vec![TrialRecord {
            number: 17,
            model: "gradient_boosting".to_owned(),
            score: Some(0.7812),
            deviation: Some(0.0123),
            state: "complete".to_owned(),
            seconds: 1.5,
            parameters: vec![("learning_rate".to_owned(), "0.05".to_owned())],
        }],
        frontier: vec![
            candidate("300 trees", 0.7812, 812_000, true),
            candidate("20 trees", 0.7701, 91_000, false),
        ],
        benchmark: Some(BenchmarkRecord {
            score: Some(0.7711),
            deviation: Some(0.0101),
            folds: 5,
            others: vec![PairedRecord {
                model: "gradient_boosting".to_owned(),
                trial: 17,
                score: 0.7812,
                deviation: 0.0123,
                difference: 0.0101,
                difference_deviation: 0.0044,
                better_folds: 5,
            }],
            reason: None,
        }),
    });
    let html = evaluation_html(&evaluation).unwrap();
    for words in [
        "id=\"learning\"",
        "0.6600 to 0.7600",
        "id=\"frontier\"",
        "▸ 300 trees",
        "<td class=\"plain number\">812.0</td>",
        "<td class=\"plain number\">1.23</td>",
        "1 trials, 1 of them complete",
        "gradient boosting",
        "learning_rate 0.05",
        "id=\"benchmark\"",
        "5 of 5",
    ] {
        assert!(html.contains(words), "no {words}");
    }
}

#[test]
fn a_protected_input_is_named_at_the_top() {
    let mut evaluation = german(|_, _| ());
    let protected = evaluation.slices[0].feature.clone();
    assert_eq!(evaluation.slices[0].role, "protected");
    evaluation.model.protected_inputs.push(protected.clone());
    evaluation.model.increasing.push("duration".to_owned());
    let html = evaluation_html(&evaluation).unwrap();
    assert!(html.contains("A larger duration never lowers the probability."));
    assert!(html.contains(&format!("uses protected columns as inputs: {protected}")));
    let text = std::fs::read_to_string(data("german_credit.toml")).unwrap();
    let card = model_card(
        &Schema::from_toml(&text).unwrap(),
        &evaluation,
        &About::default(),
    );
    assert!(card.contains(&format!(
        "Protected columns are inputs of this model**: {protected}"
    )));
    assert!(!card.contains("license:"));
    // What a committee asks for first is in the card too, as the report has it.
    let gini = evaluation.credit.gini.unwrap().value;
    assert!(card.contains(&format!("| Gini | {gini:.4} |")));
    for words in ["| KS |", "Gains table", "| bads captured |"] {
        assert!(card.contains(words), "no {words}");
    }
}

#[test]
fn an_evaluation_survives_json() {
    let evaluation = german(|_, _| ());
    let json = serde_json::to_string(&evaluation).unwrap();
    assert!(!json.contains("NaN"));
    let read: Evaluation = serde_json::from_str(&json).unwrap();
    assert_eq!(read, evaluation);
}
