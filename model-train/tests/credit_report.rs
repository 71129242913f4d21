//! What the reports of credit risk must not get wrong again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use model_core::calibration::Calibration;
use model_core::details::{Details, ThresholdRule};
use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::evaluate::{
    CostTerms, Evaluation, FrontierRecord, LossGivenDefault, Options, Ranked, SearchRecord,
    compare, evaluate, slices,
};
use model_train::fit::{ClassWeight, Params};
use model_train::moment::{Moment, TimeKind};
use model_train::report::{comparison_html, evaluation_html};
use model_train::split::stratified;
use model_train::train::{self, train};

struct German {
    dataset: Dataset,
    test: Vec<usize>,
    artifact: Vec<u8>,
}

fn german(kind: ModelKind, rule: ThresholdRule) -> German {
    german_with(kind, rule, |schema| schema)
}

/// With another schema than that of the folder.
fn german_with(
    kind: ModelKind,
    rule: ThresholdRule,
    change: impl FnOnce(String) -> String,
) -> German {
    let data = |name: &str| -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
        folder.join(name)
    };
    let text = std::fs::read_to_string(data("german_credit.toml")).unwrap();
    let schema = Schema::from_toml(&change(text)).unwrap();
    let dataset = Dataset::read(&data("german_credit.csv"), &schema, |_| ()).unwrap();
    let split = stratified(&dataset.target, 42).unwrap();
    let options = train::Options {
        params: Params::defaults(kind),
        class_weight: ClassWeight::None,
        jobs: 1,
        seed: 42,
        calibration: Calibration::Platt {
            slope: 0.8,
            intercept: 0.1,
        },
        threshold: 0.7,
        details: Details {
            threshold_rule: rule,
            ..Details::default()
        },
        engine_sha256: "0".repeat(64),
        underwrite_version: "0.1.0".to_owned(),
    };
    let trained = train(dataset.clone(), &schema, split.clone(), &options).unwrap();
    German {
        dataset,
        test: split.test,
        artifact: trained.artifact,
    }
}

impl German {
    fn evaluate(&self, options: Options) -> Evaluation {
        evaluate(&self.artifact, &self.dataset, &self.test, false, &options).unwrap()
    }
}

fn quick() -> Options {
    Options {
        resamples: 50,
        repeats: 1,
        ..Options::default()
    }
}

const FIVE_TO_ONE: ThresholdRule = ThresholdRule::Cost {
    false_positive: 5.0,
    false_negative: 1.0,
};

#[test]
fn the_gini_is_twice_the_auc_less_one() {
    let evaluation = german(ModelKind::LogisticRegression, ThresholdRule::Half).evaluate(quick());
    let auc = evaluation.metric("roc_auc").unwrap();
    let gini = evaluation.credit.gini.unwrap();
    assert!((gini.value - (2.0 * auc.value.unwrap() - 1.0)).abs() < 1e-12);
    let (of_auc, of_gini) = (auc.interval.unwrap(), gini.interval.unwrap());
    assert!((of_gini.low - (2.0 * of_auc.low - 1.0)).abs() < 1e-12);
    let ks = evaluation.credit.ks.unwrap();
    let interval = ks.interval.unwrap();
    assert!(interval.low <= ks.value && ks.value <= interval.high);
    // The rarer outcome of the German credit data is bad.
    let rarer = evaluation.credit.average_precision_rarer.clone().unwrap();
    assert!(!rarer.positive && (rarer.share - 0.3).abs() < 1e-9 && rarer.value > 0.4);
    let fit = evaluation.credit.calibration_fit.clone().unwrap();
    let before = fit.before.unwrap();
    // A slope of 0.8 was applied to what was there before.
    let ratio = before.slope.unwrap().value / fit.after.slope.unwrap().value;
    assert!((ratio - 0.8).abs() < 1e-9, "{ratio}");
    assert_eq!(evaluation.credit.cost, None);
    assert_eq!(evaluation.credit.partial_dependence.len(), 6);
}

/// W2, W4: outcomes have the names of outcomes, and the first screen is that of the field.
#[test]
fn the_first_screen_is_that_of_the_field() {
    let evaluation = german(ModelKind::LogisticRegression, ThresholdRule::Half).evaluate(quick());
    let html = evaluation_html(&evaluation).unwrap();
    let (first_screen, rest) = html.split_once("id=\"deciles\"").unwrap();
    for words in ["Gini", ">KS<", "ROC AUC", "Bad rate at the cut-off"] {
        assert!(first_screen.contains(words), "no {words}");
    }
    assert!(!first_screen.contains("Accuracy") && !first_screen.contains("F1"));
    let deciles = &rest[..rest.find("</section>").unwrap()];
    for words in ["Score band", "Lift", "Bads captured"] {
        assert!(deciles.contains(words), "no {words}");
    }
    // Which outcome is called bad is said only where it has another name.
    assert!(!html.contains("Bad is"));
    assert!(!html.contains("random classifier") && !html.contains("Attention."));
}

/// W3: of a loss, less is better.
#[test]
fn a_frontier_by_a_loss_says_that_down_is_better() {
    let mut evaluation =
        german(ModelKind::LogisticRegression, ThresholdRule::Half).evaluate(quick());
    let mut said = |metric: &str| {
        evaluation.search = Some(SearchRecord {
            metric: metric.to_owned(),
            frontier: vec![FrontierRecord {
                name: "one".to_owned(),
                score: 0.4,
                bytes: 1000,
                nanoseconds: None,
                chosen: true,
            }],
            ..SearchRecord::default()
        });
        evaluation_html(&evaluation).unwrap()
    };
    for metric in ["log_loss", "brier"] {
        let html = said(metric);
        assert!(html.contains("Down and to the left") && !html.contains("Up and to the left"));
    }
    assert!(said("roc_auc").contains("Up and to the left is better"));
}

/// W8: the interval of a ratio holds the ratio, and a group of a few rows raises no alarm.
#[test]
fn a_small_group_raises_no_alarm() {
    let schema = Schema::from_toml(
        r#"
name = "small"
version = "1.0.0"

[[feature]]
name = "married"
type = "category"
categories = ["yes", "no", "widow", "other"]
role = "protected"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "good"
type = "boolean"
role = "target"
"#,
    )
    .unwrap();
    let feature = &schema.features[0];
    // 600 yes of whom two thirds are approved, 300 no of whom a third is, 12 widows of whom
    // half are, and one other who is not.
    let groups = [
        (0.0, 600, 3, 2),
        (1.0, 300, 3, 1),
        // More than 2 % of the rows, all approved, and still too few to be the reference.
        (2.0, 20, 1, 1),
        (3.0, 1, 1, 0),
    ];
    let (mut values, mut probabilities) = (Vec::new(), Vec::new());
    for (value, rows, of, approved) in groups {
        for row in 0..rows {
            values.push(value);
            probabilities.push(if row % of < approved { 0.9 } else { 0.1 });
        }
    }
    let answers: Vec<bool> = (0..values.len()).map(|row| row % 2 == 0).collect();
    let slices = slices(
        feature,
        &values,
        &Ranked::new(&answers, &probabilities, 0.5),
    );
    for group in slices.groups.iter().filter(|group| !group.reference) {
        let impact = group.impact.unwrap();
        let interval = impact.interval;
        assert!(
            interval.low <= impact.ratio && impact.ratio <= interval.high,
            "{group:?}"
        );
        assert_eq!(group.too_few, group.rows < 300, "{group:?}");
    }
    let mut evaluation =
        german(ModelKind::LogisticRegression, ThresholdRule::Half).evaluate(quick());
    evaluation.slices = vec![slices];
    let html = evaluation_html(&evaluation).unwrap();
    assert_eq!(html.matches("below four fifths.").count(), 1);
    assert!(html.contains("married no: the approval rate is 0.50 times"));
    assert_eq!(html.matches("too few rows to say").count(), 2);
}

/// Nine rows fill no ten deciles, and the page does not blame equal scores for it.
#[test]
fn fewer_rows_than_deciles_are_said() {
    let mut evaluation =
        german(ModelKind::LogisticRegression, ThresholdRule::Half).evaluate(quick());
    let says = "There are fewer rows than deciles.";
    assert!(!evaluation_html(&evaluation).unwrap().contains(says));
    evaluation.credit.deciles.truncate(9);
    for decile in &mut evaluation.credit.deciles {
        decile.rows = 1;
    }
    evaluation.credit.deciles[8].last = 10;
    let html = evaluation_html(&evaluation).unwrap();
    assert!(html.contains(says) && !html.contains("rows of one score that"));
}

/// W9: a threshold that was chosen by cost shows what it costs, and what everyone would.
#[test]
fn a_threshold_by_cost_shows_its_cost() {
    let german = german(ModelKind::LogisticRegression, FIVE_TO_ONE);
    let evaluation = german.evaluate(quick());
    let counts = evaluation.confusion;
    let cost = evaluation.credit.cost.clone().unwrap();
    let own = 5 * counts.false_positive + counts.false_negative;
    assert_eq!(cost.at_threshold, own as f64);
    assert_eq!(cost.approve_everyone, 5.0 * 60.0);
    assert_eq!(cost.decline_everyone, 140.0);
    let html = evaluation_html(&evaluation).unwrap();
    assert!(html.contains("Cost at the cut-off") && html.contains("5 per approved bad"));
    assert!(html.contains("Approve everyone"));
    // Where approving everyone is cheaper, an alert says so.
    let dear = Options {
        cost: Some(CostTerms {
            false_positive: 1.0,
            false_negative: 50.0,
            exposure: None,
            loss_given_default: None,
        }),
        ..quick()
    };
    let evaluation = german.evaluate(dear);
    let cost = evaluation.credit.cost.clone().unwrap();
    assert!(cost.saved.value < 0.0);
    let html = evaluation_html(&evaluation).unwrap();
    let (_, alerts) = html.split_once("id=\"alerts\"").unwrap();
    let alerts = &alerts[..alerts.find("</section>").unwrap()];
    assert!(alerts.contains("Warning.") && alerts.contains("more than approving everyone"));
}

#[test]
fn costs_can_be_weighted_by_exposure() {
    let german = german(ModelKind::LogisticRegression, ThresholdRule::Half);
    let terms = |exposure: &str| CostTerms {
        false_positive: 1.0,
        false_negative: 0.05,
        exposure: Some(exposure.to_owned()),
        loss_given_default: Some(LossGivenDefault::Share(0.45)),
    };
    let evaluation = german.evaluate(Options {
        cost: Some(terms("credit_amount")),
        ..quick()
    });
    let inputs = &evaluation.model.inputs;
    let column = inputs
        .iter()
        .position(|name| name == "credit_amount")
        .unwrap();
    let bads = german
        .test
        .iter()
        .filter(|row| !german.dataset.target[**row]);
    let lost: f64 = bads
        .map(|row| german.dataset.columns[column][*row] * 0.45)
        .sum();
    let cost = evaluation.credit.cost.unwrap();
    assert!((cost.approve_everyone - lost).abs() < 1e-6, "{lost}");
    let mut beyond = terms("credit_amount");
    beyond.false_positive = 1e308;
    let options = Options {
        cost: Some(beyond),
        ..quick()
    };
    let (model, test) = (&german.artifact, &german.test);
    let refused = evaluate(model, &german.dataset, test, false, &options);
    let says = "the cost of a false positive is 1e308, expected a number above 0, at most 1e15";
    assert_eq!(
        refused.map_err(|error| error.to_string()).err().as_deref(),
        Some(says)
    );
    for (column, says) in [
        ("housing", "'housing' is not a column of numbers"),
        ("nothing", "expected one of duration_in_month"),
    ] {
        let options = Options {
            cost: Some(terms(column)),
            ..quick()
        };
        let error = evaluate(
            &german.artifact,
            &german.dataset,
            &german.test,
            false,
            &options,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_cost_of_recourse_stands_by_protected_column() {
    let shorter = |schema: String| {
        let maximum = "maximum = 120\n";
        assert!(schema.contains(maximum));
        schema.replace(maximum, "maximum = 120\nactionable = \"down\"\n")
    };
    let german = german_with(ModelKind::LogisticRegression, FIVE_TO_ONE, shorter);
    let evaluation = german.evaluate(quick());
    let recourse = evaluation
        .reasons
        .as_ref()
        .and_then(|reasons| reasons.recourse.clone())
        .unwrap();
    assert!(recourse.rows > 20, "{recourse:?}");
    assert_eq!(recourse.slices.len(), 2);
    for slices in &recourse.slices {
        let rows: usize = slices.groups.iter().map(|group| group.rows).sum();
        assert_eq!(rows, recourse.rows);
        for group in &slices.groups {
            let interval = &group.reachable_interval;
            assert!(interval.low <= group.reachable && group.reachable <= interval.high);
            // A small model's searches all end: who has no way is proved to have none.
            let found = (group.reachable * group.rows as f64).round() as usize;
            assert_eq!(found + group.impossible, group.rows, "{group:?}");
            assert_eq!(group.median_cost.is_some(), found > 0);
        }
    }
    let html = evaluation_html(&evaluation).unwrap();
    assert!(html.contains("Recourse by Foreign worker"));
    // Where nothing is actionable, nothing is said.
    let without = self::german(ModelKind::LogisticRegression, FIVE_TO_ONE).evaluate(quick());
    assert_eq!(without.reasons.unwrap().recourse, None);
}

#[test]
fn two_models_stand_side_by_side() {
    let linear = german(ModelKind::LogisticRegression, FIVE_TO_ONE);
    let forest = german(ModelKind::RandomForest, FIVE_TO_ONE);
    let artifacts = [linear.artifact.as_slice(), forest.artifact.as_slice()];
    let compared = |artifacts: [&[u8]; 2]| {
        compare(artifacts, &linear.dataset, &linear.test, false, &quick()).unwrap()
    };
    let both = compared(artifacts);
    for (model, own) in both.models.iter().zip([&linear, &forest]) {
        let alone = own.evaluate(quick());
        for metric in &alone.metrics {
            assert_eq!(model.metric(&metric.name).unwrap().value, metric.value);
        }
        assert_eq!(
            model.metric("gini").unwrap().value,
            alone.credit.gini.map(|g| g.value)
        );
        assert_eq!(model.deciles, alone.credit.deciles);
        assert_eq!(
            model.cost.as_ref().unwrap().at_threshold,
            alone.credit.cost.unwrap().at_threshold
        );
    }
    let auc = both
        .differences
        .iter()
        .find(|d| d.name == "roc_auc")
        .unwrap();
    let delong = both.delong.unwrap();
    assert!((auc.value.unwrap() - delong.difference).abs() < 1e-12);
    // A model says what it says itself; another says something else to some.
    let reasons = both.reasons.clone().unwrap();
    assert!(reasons.rows > 10 && reasons.first < 1.0, "{reasons:?}");
    let itself = compared([artifacts[0]; 2]).reasons.unwrap();
    assert_eq!((itself.first, itself.kept), (1.0, 1.0));
    let set = both.swap_set;
    let cells = [
        set.both_approve,
        set.only_first,
        set.only_second,
        set.both_decline,
    ];
    assert_eq!(cells.iter().map(|cell| cell.rows).sum::<usize>(), 200);
    assert_eq!(cells.iter().map(|cell| cell.bad).sum::<usize>(), 60);
    let html = comparison_html(&both).unwrap();
    for words in [
        "Swap set",
        "DeLong",
        "Swapped in",
        "told the same first reason by both",
        "5 per approved bad",
        "Reliability",
    ] {
        assert!(html.contains(words), "no {words}");
    }
    // A model does not differ from itself.
    let same = compared([artifacts[0], artifacts[0]]);
    assert_eq!(
        same.swap_set.only_first.rows + same.swap_set.only_second.rows,
        0
    );
    assert!(same.differences.iter().all(|d| d.value == Some(0.0)));
    assert_eq!(same.delong.unwrap().p_value, 1.0);
}

/// Every figure is weighted, period by period too; the report says so, and the number of threads
/// changes nothing.
#[test]
fn weights_and_periods_reach_every_table() {
    let mut german = german(ModelKind::LogisticRegression, ThresholdRule::Half);
    let plain = german.evaluate(quick());
    assert!(plain.periods.is_empty() && !plain.data.weighted);
    assert!(!evaluation_html(&plain).unwrap().contains("id=\"periods\""));
    let rows = german.dataset.rows();
    let months = ["2025-01", "2025-02-15", "2025-03-31", "2025-04"];
    let moment = |row: usize| Moment::parse(months[row % 4]).unwrap().value;
    let sample = &mut german.dataset.sample;
    (sample.times, sample.time_kind) = (
        Some((0..rows).map(moment).collect()),
        Some(TimeKind::Calendar),
    );
    sample.weights = Some((0..rows).map(|row| 1.0 + (row % 5) as f64).collect());
    let weighted = german.evaluate(quick());
    for (name, figure) in [("roc_auc", 0), ("log_loss", 2), ("approval_rate", 11)] {
        assert_eq!(weighted.metrics[figure].name, name);
        assert_ne!(plain.metrics[figure].value, weighted.metrics[figure].value);
    }
    assert_eq!(plain.confusion, weighted.confusion);
    let names: Vec<&str> = weighted.periods.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["2025-01", "2025-02", "2025-03", "2025-04"]);
    let counted: usize = weighted.periods.iter().map(|period| period.rows).sum();
    assert_eq!(counted, german.test.len());
    // The bad rate of all rows is that of the periods, by their weights.
    let weight = |row: &usize| 1.0 + (row % 5) as f64;
    let (mut bad, mut all) = (0.0, 0.0);
    for (index, period) in weighted.periods.iter().enumerate() {
        let of_period = german.test.iter().filter(|row| *row % 4 == index);
        let weight: f64 = of_period.map(weight).sum();
        (bad, all) = (bad + weight * period.bad_rate, all + weight);
        let gini = period.gini.unwrap();
        let interval = gini.interval.unwrap();
        assert!(interval.low <= gini.value && gini.value <= interval.high);
    }
    let rate = weighted.credit.cut_off.unwrap().bad_rate_all;
    assert!((bad / all - rate).abs() < 1e-12, "{bad} of {all}, {rate}");
    let html = evaluation_html(&weighted).unwrap();
    assert!(html.contains("Rows have weights") && html.contains("id=\"periods\""));
    let cost = Some(CostTerms {
        false_positive: 5.0,
        false_negative: 1.0,
        exposure: None,
        loss_given_default: None,
    });
    let costly = german.evaluate(Options { cost, ..quick() });
    let cost = costly.credit.cost.as_ref().unwrap();
    assert!((cost.applications - all).abs() < 1e-9);
    assert_eq!(cost.for_one(cost.at_threshold), cost.per_application);
    // The page has the same figure, which is not that by the number of rows.
    let for_one = format!("{:.4}", cost.per_application);
    assert!(
        evaluation_html(&costly).unwrap().contains(&for_one),
        "{for_one}"
    );
    let threads = Options { jobs: 3, ..quick() };
    let json = |evaluation: &Evaluation| serde_json::to_string(evaluation).unwrap();
    assert_eq!(json(&german.evaluate(threads)), json(&weighted));
}

/// Alone or compared, a model has the same intervals; what the decisions cost stands beside.
#[test]
fn a_comparison_has_the_intervals_of_the_evaluations() {
    let linear = german(ModelKind::LogisticRegression, FIVE_TO_ONE);
    let tree = german(ModelKind::DecisionTree, FIVE_TO_ONE);
    let artifacts = [linear.artifact.as_slice(), &tree.artifact];
    let both = compare(artifacts, &linear.dataset, &linear.test, false, &quick()).unwrap();
    for (alone, compared) in [linear.evaluate(quick()), tree.evaluate(quick())]
        .iter()
        .zip(&both.models)
    {
        for figure in &alone.metrics {
            assert_eq!(Some(figure), compared.metric(&figure.name));
        }
    }
    let cost = both.cost.unwrap();
    let [a, b] = both
        .models
        .each_ref()
        .map(|model| model.cost.as_ref().unwrap().at_threshold);
    assert!((cost.value - (b - a)).abs() < 1e-9, "{cost:?}, {a}, {b}");
    let interval = cost.interval.unwrap();
    assert!(interval.low < cost.value && cost.value < interval.high);
}
