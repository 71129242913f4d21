//! Rows with weights: what reports, cards and a training run say of them is what they would say of
//! rows that are repeated as often.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model_core::calibration::Calibration;
use model_core::details::Details;
use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::card::{About, model_card};
use model_train::dataset::Dataset;
use model_train::evaluate::{Evaluation, Options, compare, evaluate};
use model_train::fit::{ClassWeight, Params};
use model_train::metrics::Metrics;
use model_train::pipeline::{self, Hyperparameters, InputOptions, Inputs, Job, Source, Warning};
use model_train::predictions::Part;
use model_train::report::{comparison_html, evaluation_html};
use model_train::split::stratified;
use model_train::train::{self, train};

struct German {
    schema: Schema,
    dataset: Dataset,
    test: Vec<usize>,
    artifacts: [Vec<u8>; 2],
}

fn german() -> German {
    let data = |name: &str| -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
        folder.join(name)
    };
    let text = std::fs::read_to_string(data("german_credit.toml")).unwrap();
    let schema = Schema::from_toml(&text).unwrap();
    let dataset = Dataset::read(&data("german_credit.csv"), &schema, |_| ()).unwrap();
    let split = stratified(&dataset.target, 42).unwrap();
    let artifact = |kind| {
        let options = train::Options {
            params: Params::defaults(kind),
            class_weight: ClassWeight::None,
            jobs: 1,
            seed: 42,
            calibration: Calibration::None,
            threshold: 0.7,
            details: Details::default(),
            engine_sha256: "0".repeat(64),
            underwrite_version: "0.1.0".to_owned(),
        };
        let trained = train(dataset.clone(), &schema, split.clone(), &options).unwrap();
        trained.artifact
    };
    German {
        artifacts: [ModelKind::LogisticRegression, ModelKind::DecisionTree].map(artifact),
        schema,
        test: split.test,
        dataset,
    }
}

impl German {
    /// A bad row counts four times as much as a good one, and every other row twice as much.
    fn weight(&self, row: usize) -> usize {
        let of_outcome = if self.dataset.target[row] { 1 } else { 4 };
        of_outcome * (1 + row % 2)
    }

    fn with_weights(&self) -> Dataset {
        let mut dataset = self.dataset.clone();
        let weights = (0..dataset.rows()).map(|row| self.weight(row) as f64);
        dataset.sample.weights = Some(weights.collect());
        dataset
    }

    fn repeated(&self) -> Vec<usize> {
        let rows = self.test.iter();
        rows.flat_map(|&row| std::iter::repeat_n(row, self.weight(row)))
            .collect()
    }

    fn evaluate(&self, dataset: &Dataset, rows: &[usize]) -> Evaluation {
        evaluate(&self.artifacts[0], dataset, rows, false, &quick()).unwrap()
    }
}

fn quick() -> Options {
    Options {
        resamples: 20,
        repeats: 1,
        ..Options::default()
    }
}

/// The first number that stands right behind some words.
#[track_caller]
fn number(text: &str, words: &str) -> f64 {
    let mut rest = text.split(words).skip(1);
    let found = rest.find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        rest[..end].trim_end_matches('.').parse().ok()
    });
    found.unwrap_or_else(|| panic!("no number behind '{words}'"))
}

/// The shares in the table with this caption.
fn shares(html: &str, caption: &str) -> Vec<String> {
    let (_, rest) = html.split_once(caption).unwrap();
    let (table, _) = rest.split_once("</table>").unwrap();
    let percents = table.split('%').map(|before| {
        let start = before.rfind(|c: char| !c.is_ascii_digit() && c != '.');
        before[start.map_or(0, |at| at + 1)..].to_owned()
    });
    let mut percents: Vec<String> = percents.collect();
    // What stands behind the last one.
    percents.pop();
    percents
}

#[test]
fn rates_of_report_and_card_are_those_of_repeated_rows() {
    let german = german();
    let plain = german.evaluate(&german.dataset, &german.test);
    let weighted = german.evaluate(&german.with_weights(), &german.test);
    let repeated = german.evaluate(&german.dataset, &german.repeated());
    let pages = [&plain, &weighted, &repeated].map(|e| evaluation_html(e).unwrap());
    for words in [
        "the observed bad rate is ",
        "a random model gets ",
        "rows; the outcome of ",
    ] {
        let [plain, weighted, repeated] = pages.each_ref().map(|page| number(page, words));
        assert_eq!(weighted, repeated, "{words}");
        assert_ne!(weighted, plain, "{words}");
    }
    let [plain_shares, of_weights, of_rows] = pages
        .each_ref()
        .map(|page| shares(page, "Confusion matrix"));
    assert!(!of_weights.is_empty());
    assert_eq!(of_weights, of_rows);
    assert_ne!(of_weights, plain_shares);

    let cards =
        [&plain, &weighted, &repeated].map(|e| model_card(&german.schema, e, &About::default()));
    let rates = [
        number(&cards[0], "measured below is "),
        number(&cards[1], "measured below, by weight, is "),
        number(&cards[2], "measured below is "),
    ];
    assert_eq!((rates[0], rates[1]), (30.0, rates[2]));
    let [_, of_weights, of_rows] = cards.each_ref().map(|card| number(card, "the outcome of "));
    assert_eq!(of_weights, of_rows);
}

#[test]
fn partial_dependence_is_that_of_repeated_rows() {
    let german = german();
    let plain = german.evaluate(&german.dataset, &german.test);
    let weighted = german.evaluate(&german.with_weights(), &german.test);
    let repeated = german.evaluate(&german.dataset, &german.repeated());
    let mut compared = 0;
    // The values of numbers are quantiles of the rows, which are others where rows are repeated.
    let dependences = weighted.credit.partial_dependence.iter();
    for own in dependences.filter(|dependence| !dependence.is_number) {
        let of = |evaluation: &Evaluation| {
            let mut all = evaluation.credit.partial_dependence.iter();
            all.find(|other| other.feature == own.feature).cloned()
        };
        let (Some(plain), Some(repeated)) = (of(&plain), of(&repeated)) else {
            continue;
        };
        let points = own.points.iter().zip(&plain.points).zip(&repeated.points);
        for ((own, plain), repeated) in points {
            assert_eq!(own.value, repeated.value);
            let [own, plain, repeated] = [own, plain, repeated].map(|p| p.mean_probability);
            assert!((own - repeated).abs() < 1e-12, "{own}, {repeated}");
            assert!((own - plain).abs() > 1e-4, "{own}, {plain}");
            compared += 1;
        }
    }
    assert!(compared > 1, "{compared}");
}

#[test]
fn a_swap_set_has_the_shares_of_repeated_rows() {
    let german = german();
    let artifacts = german.artifacts.each_ref().map(Vec::as_slice);
    let compared = |dataset: &Dataset, rows: &[usize]| {
        let both = compare(artifacts, dataset, rows, false, &quick()).unwrap();
        let json = serde_json::to_value(&both).unwrap();
        let page = comparison_html(&both).unwrap();
        let cells = ["only_first", "only_second"];
        let shares = cells.map(|cell| json["swap_set"][cell]["share"].as_f64());
        (shares, page)
    };
    let (weighted, page) = compared(&german.with_weights(), &german.test);
    let (repeated, of_rows) = compared(&german.dataset, &german.repeated());
    let [out, swapped_in] = weighted.map(Option::unwrap);
    for (one, other) in weighted.iter().zip(&repeated) {
        assert!((one.unwrap() - other.unwrap()).abs() < 1e-12);
    }
    let share = format!("{:.1}%", 100.0 * (out + swapped_in));
    for page in [page, of_rows] {
        let (_, rest) = page.split_once("Decided otherwise").unwrap();
        assert!(rest[..200].contains(&share), "{share}: {}", &rest[..200]);
    }
}

const SCHEMA: &str = r#"
name = "test"
version = "1.0.0"

[[feature]]
name = "a"
type = "number"

[[feature]]
name = "w"
type = "number"
role = "weight"

[[feature]]
name = "repaid"
type = "boolean"
role = "target"
"#;

/// A fifth of the rows counts a hundred times as much as the others; of those rows the outcome
/// follows `a`, and of the others nearly all are repaid, whatever it is.
fn rows() -> (String, Vec<f64>, Vec<bool>) {
    let mut csv = String::from("a,w,repaid\n");
    let (mut weights, mut repaid) = (Vec::new(), Vec::new());
    let mut state = 1u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1u32 << 24)
    };
    for _ in 0..1000 {
        let (a, is_heavy, chance) = (10.0 * draw(), draw() < 0.2, draw());
        let yes = chance < if is_heavy { 0.1 + 0.08 * a } else { 0.98 };
        let weight = if is_heavy { 100.0 } else { 1.0 };
        writeln!(csv, "{a:.3},{weight},{}", u8::from(yes)).unwrap();
        weights.push(weight);
        repaid.push(yes);
    }
    (csv, weights, repaid)
}

#[test]
fn what_training_says_of_weighted_rows_is_weighted() {
    let (csv, weights, repaid) = rows();
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let inputs = InputOptions::new(schema, Source::new("d.csv", csv.as_bytes()));
    let inputs = Inputs::read(inputs, |_| {}).unwrap();
    let bad = weights.iter().zip(&repaid).filter(|(_, repaid)| !**repaid);
    let bad: f64 = bad.map(|(weight, _)| weight).sum();
    let says = format!(
        "{:.1}% of 1,000 rows, by weight, are",
        100.0 * bad / weights.iter().sum::<f64>()
    );
    let sentence = inputs.approval_in_words();
    assert!(sentence.contains(&says), "{sentence}, not {says}");

    let logistic = Params::defaults(ModelKind::LogisticRegression);
    let options = pipeline::Options {
        hyperparameters: Hyperparameters::Fixed(logistic),
        folds: 3,
        ..pipeline::Options::default()
    };
    let job = Job::new(inputs, options).unwrap();
    let trained = pipeline::run(&job, &mut ()).unwrap();
    // It knows far more of the rows that count than their rate, and less than the rate of the
    // others.
    let is_bad = |warning: &Warning| matches!(warning, Warning::WorseThanConstant { .. });
    assert!(
        !trained.warnings.iter().any(is_bad),
        "{:?}",
        trained.warnings
    );
    assert!(trained.report.metrics.log_loss < 0.66);

    // The last point of the curve is the first of the folds.
    let evaluation = pipeline::evaluate_trained(&job, &trained).unwrap();
    let last = evaluation.learning_curve.last().unwrap();
    let folds = trained.cross_validated.as_ref().unwrap();
    let first = folds.predictions.iter().filter(|p| p.part == Part::Fold(1));
    let first: Vec<_> = first.collect();
    let of_fold: Vec<f64> = first.iter().map(|p| weights[p.row]).collect();
    let answers: Vec<bool> = first.iter().map(|p| p.outcome).collect();
    let probabilities: Vec<f64> = first.iter().map(|p| p.probability).collect();
    let area = |weights| Metrics::weighted(&answers, &probabilities, weights, 0.5).roc_auc;
    let (weighted, plain) = (area(Some(&of_fold[..])), area(None));
    let found = last.roc_auc;
    assert!((found - weighted).abs() < 1e-12, "{found}, not {weighted}");
    assert!((found - plain).abs() > 0.02, "{found}, {plain}");
    let interval = last.interval.unwrap();
    assert!(
        interval.low < found && found < interval.high,
        "{interval:?}"
    );
}
