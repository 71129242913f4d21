//! Training, end to end: rows in, artifact out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::fmt::Write as _;

use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::decide::Decider;
use model_core::details::Details;
use model_core::model::{Model, ModelKind, TermValue};
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, KINDS, Params};
use model_train::golden::probability;
use model_train::split::{self, Split};
use model_train::train::{Options, Trained, train};

const SCHEMA: &str = r#"
name = "test"
version = "1.0.0"
max_adjustments = 3

[[feature]]
name = "income"
type = "number"
minimum = 0
missing = "impute"

[[feature]]
name = "years"
type = "integer"
minimum = 0
maximum = 40
missing = "zero"
out_of_range = "clamp"

[[feature]]
name = "home"
type = "category"
categories = ["RENT", "OWN", "MORTGAGE"]
missing = "other"
unknown = "other"

[[feature]]
name = "grade"
type = "category"
categories = ["low", "middle", "high"]
encoding = "ordinal"

[[feature]]
name = "defaulted"
type = "boolean"

[[feature]]
name = "sex"
type = "category"
categories = ["f", "m"]
role = "protected"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// A file whose answers follow from its inputs, with some noise; `sex` is a column that
/// would tell the answer.
fn data(sex: [&str; 2]) -> String {
    let mut csv = String::from("income,years,home,grade,defaulted,sex,approved\n");
    let mut state = 1u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    for _ in 0..400 {
        let (income, years, defaulted) = (draw(1000), draw(45), draw(4) == 0);
        let (home, grade) = (draw(4) as usize, draw(3) as usize);
        let score = income / 100 + years / 8 + 2 * grade as u32 + draw(3);
        let approved = !defaulted && home != 1 && score > 8;
        let income = if draw(20) == 0 {
            String::new()
        } else {
            format!("{income}.5")
        };
        let home = ["RENT", "OWN", "MORTGAGE", "tent"][home];
        let grade = ["low", "middle", "high"][grade];
        let sex = sex[usize::from(approved)];
        writeln!(
            csv,
            "{income},{years},{home},{grade},{defaulted},{sex},{approved}"
        )
        .unwrap();
    }
    csv
}

fn schema() -> Schema {
    Schema::from_toml(SCHEMA).unwrap()
}

fn options(kind: ModelKind, seed: u64, jobs: usize) -> Options {
    Options {
        params: Params::defaults(kind),
        class_weight: ClassWeight::None,
        jobs,
        seed,
        calibration: Calibration::None,
        threshold: 0.5,
        details: Details::default(),
        engine_sha256: "00".repeat(32),
        underwrite_version: "0.0.0".to_owned(),
    }
}

fn trained(csv: &str, kind: ModelKind, seed: u64) -> Trained {
    trained_on(2, csv, kind, seed)
}

fn trained_on(jobs: usize, csv: &str, kind: ModelKind, seed: u64) -> Trained {
    trained_by(&schema(), jobs, csv, kind, seed)
}

fn trained_by(schema: &Schema, jobs: usize, csv: &str, kind: ModelKind, seed: u64) -> Trained {
    let dataset = Dataset::from_reader(csv.as_bytes(), "data.csv", schema, |_| {}).unwrap();
    let split = split::stratified(&dataset.target, seed).unwrap();
    train(dataset, schema, split, &options(kind, seed, jobs)).unwrap()
}

#[test]
fn models_learn() {
    for (kind, accuracy, auc) in [
        (ModelKind::LogisticRegression, 0.75, 0.85),
        (ModelKind::RandomForest, 0.85, 0.93),
        (ModelKind::GradientBoosting, 0.85, 0.93),
    ] {
        let report = trained(&data(["f", "m"]), kind, 1).report;
        assert_eq!((report.rows_train, report.rows_test), (320, 80));
        assert!(report.metrics.accuracy > accuracy, "{report:?}");
        assert!(report.metrics.roc_auc > auc, "{report:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    for kind in KINDS {
        let on = |threads, seed| {
            let csv = data(["f", "m"]);
            trained_on(threads, &csv, kind, seed).artifact
        };
        let one = on(1, 7);
        assert_eq!(one, on(2, 7));
        assert_eq!(one, on(4, 7));
        assert_ne!(one, on(1, 8));
    }
}

#[test]
fn a_protected_column_changes_nothing() {
    for kind in KINDS {
        let model = |sex| {
            Artifact::decode(&trained(&data(sex), kind, 3).artifact)
                .unwrap()
                .model
        };
        assert_eq!(model(["f", "m"]), model(["m", "f"]));
    }
}

#[test]
fn golden_rows_are_answered_to_the_bit() {
    for kind in KINDS {
        let trained = trained(&data(["f", "m"]), kind, 5);
        let mut decider = Decider::load(&trained.artifact).unwrap();
        let rows = decider.artifact().golden_rows.clone();
        assert_eq!(rows.len(), 16);
        for row in rows {
            let mut answer = Vec::new();
            assert_eq!(decider.decide(row.request.as_bytes(), &mut answer), 200);
            let got = probability(&answer).unwrap();
            assert_eq!(got.to_bits(), row.probability.to_bits(), "{}", row.request);
        }
    }
}

/// A number that means missing, a derived value that is one adjustment too many: training once
/// failed at its end.
#[test]
fn a_request_that_the_model_refuses_is_drawn_again() {
    let schema = r#"
name = "test"
version = "1.0.0"
missing_values = ["0"]
max_adjustments = 1

[[feature]]
name = "notches"
type = "integer"

[[feature]]
name = "dependants"
type = "integer"
missing = "impute"

[[feature]]
name = "income"
type = "integer"
missing = "impute"

[[feature]]
name = "each"
type = "number"
derived = "income / dependants"
maximum = 20
out_of_range = "clamp"
missing = "impute"

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;
    let schema = Schema::from_toml(schema).unwrap();
    let mut csv = "notches,dependants,income,paid\n".to_owned();
    for row in 0..500 {
        let (notches, dependants) = ([-2, -1, 1, 2][row % 4], 1 + row % 5);
        let (income, paid) = (1 + row * 37 % 99, row % 3 == 0);
        writeln!(csv, "{notches},{dependants},{income},{paid}").unwrap();
    }
    for seed in 1..6 {
        let trained = trained_by(&schema, 1, &csv, ModelKind::LogisticRegression, seed);
        let artifact = Artifact::decode(&trained.artifact).unwrap();
        assert_eq!(artifact.golden_rows.len(), 16);
    }
}

/// Where values belong together, those of independent draws seldom do.
#[test]
fn requests_keep_the_sums_of_the_rows() {
    let schema = r#"
name = "test"
version = "1.0.0"

[[feature]]
name = "rent"
type = "number"

[[feature]]
name = "food"
type = "number"

[[feature]]
name = "other"
type = "number"

[[feature]]
name = "total"
type = "number"
derived = "rent + food + other"
minimum = 99.99
maximum = 100.01

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;
    let schema = Schema::from_toml(schema).unwrap();
    let mut csv = "rent,food,other,paid\n".to_owned();
    for row in 0..500 {
        let (rent, food) = (row * 37 % 50, row * 17 % 40);
        writeln!(csv, "{rent},{food},{},{}", 100 - rent - food, row % 3 == 0).unwrap();
    }
    for seed in 1..6 {
        let trained = trained_by(&schema, 1, &csv, ModelKind::LogisticRegression, seed);
        let artifact = Artifact::decode(&trained.artifact).unwrap();
        assert_eq!(artifact.golden_rows.len(), 16);
    }
}

/// Also where few rows have the values that add up.
#[test]
fn requests_leave_out_what_most_rows_leave_out() {
    let field =
        |name: &str| format!("[[feature]]\nname = '{name}'\ntype = 'number'\nmissing = 'native'\n");
    let fields: String = ["rent", "food", "other"].map(field).concat();
    let schema = format!(
        "name = 'test'\nversion = '1.0.0'\n{fields}{}derived = 'rent + food + other'\nminimum = 99.99\n\
         maximum = 100.01\n[[feature]]\nname = 'paid'\ntype = 'boolean'\nrole = 'target'\n",
        field("total")
    );
    let schema = Schema::from_toml(&schema).unwrap();
    let mut csv = "rent,food,other,paid\n".to_owned();
    for row in 0..500 {
        let (rent, food) = (row * 37 % 50, row * 17 % 40);
        let amounts = match row % 10 {
            0 => format!("{rent},{food},{}", 100 - rent - food),
            _ => ",,".to_owned(),
        };
        writeln!(csv, "{amounts},{}", row % 3 == 0).unwrap();
    }
    for seed in 1..6 {
        let trained = trained_by(&schema, 1, &csv, ModelKind::LogisticRegression, seed);
        let artifact = Artifact::decode(&trained.artifact).unwrap();
        assert_eq!(artifact.golden_rows.len(), 16);
    }
}

#[test]
fn what_is_filled_in_comes_from_the_training_rows_alone() {
    let schema = schema();
    let imputed = |csv: &str| {
        let dataset = Dataset::from_reader(csv.as_bytes(), "data.csv", &schema, |_| {}).unwrap();
        let split = Split {
            train: vec![0, 1, 2, 3],
            test: vec![4, 5],
        };
        let options = options(ModelKind::LogisticRegression, 1, 2);
        let trained = train(dataset, &schema, split, &options).unwrap();
        Artifact::decode(&trained.artifact)
            .unwrap()
            .preprocessing
            .imputed
    };
    let csv = |test: &str| {
        format!(
            "income,years,home,grade,defaulted,approved\n\
             10,1,OWN,low,no,1\n30,7,OWN,high,yes,0\n20,3,RENT,high,yes,1\n,5,tent,low,yes,0\n\
             {test}"
        )
    };
    // The lower middle of 10, 20, 30 and of 1, 3, 5, 7; OWN; low before high; true.
    let expect = vec![20.0, 3.0, 1.0, 0.0, 1.0];
    assert_eq!(
        imputed(&csv("1,1,RENT,high,no,1\n2,1,RENT,high,no,0\n")),
        expect
    );
    assert_eq!(
        imputed(&csv("999,40,RENT,middle,no,1\n999,40,RENT,middle,no,0\n")),
        expect
    );
}

#[test]
fn a_column_without_values_is_an_error() {
    let schema = schema();
    let csv = "income,years,home,grade,defaulted,approved\n\
               ,1,OWN,low,no,1\n,7,OWN,high,yes,0\n,3,RENT,high,yes,1\n1,5,OWN,low,yes,0\n";
    let dataset = Dataset::from_reader(csv.as_bytes(), "data.csv", &schema, |_| {}).unwrap();
    let split = Split {
        train: vec![0, 1, 2],
        test: vec![3],
    };
    let error = train(
        dataset,
        &schema,
        split,
        &options(ModelKind::RandomForest, 1, 2),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "data.csv, column 'income': no training row has a value that is there and inside the range, expected at least one: give the feature role = \"ignored\" in the schema, or leave it out with --features"
    );
}

/// Expected values by scikit-learn 1.9.1 on `data/points_sample.csv`, the five numeric
/// columns, every fifth row from the first a test row:
/// `StandardScaler`, `LogisticRegression(C=1.0, tol=1e-10, max_iter=10000)`.
#[test]
fn logistic_regression_is_scikit_learns() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");
    let toml = std::fs::read_to_string(format!("{folder}/points.toml")).unwrap();
    let csv = std::fs::File::open(format!("{folder}/points_sample.csv")).unwrap();
    let schema = Schema::from_toml(&toml).unwrap();
    let dataset = Dataset::from_reader(csv, "points_sample.csv", &schema, |_| {}).unwrap();
    let (test, train_rows) = (0..dataset.rows()).partition(|row| row % 5 == 0);
    let split = Split {
        train: train_rows,
        test,
    };
    let options = options(ModelKind::LogisticRegression, 1, 2);
    let trained = train(dataset, &schema, split, &options).unwrap();

    let close = |got: f64, expect: f64| {
        assert!((got - expect).abs() < 1e-6, "{got}, scikit-learn {expect}");
    };
    let Model::Linear(linear) = Artifact::decode(&trained.artifact).unwrap().model else {
        panic!("not linear");
    };
    let expect = [
        0.9867400065151177,
        0.468730667993117,
        -1.1763570736020204,
        0.031865325217173085,
        3.063932089872114,
    ];
    assert_eq!(linear.terms.len(), expect.len());
    for (term, expect) in linear.terms.iter().zip(expect) {
        assert_eq!(term.value, TermValue::Itself);
        close(term.weight, expect);
    }
    close(linear.intercept, -0.07369514389069469);
    close(trained.report.metrics.accuracy, 0.9025);
    close(trained.report.metrics.roc_auc, 0.9537933969112162);
    close(trained.report.metrics.log_loss, 0.2841713580522241);
}
