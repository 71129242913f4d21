//! Models of which only one takes a value for missing: each decides what it reads itself, and
//! what one file cannot be read for is refused.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use model_core::artifact::{Artifact, Training};
use model_core::calibration::Calibration;
use model_core::decide::Decider;
use model_core::forest::Link;
use model_core::model::{Linear, Model, ModelKind, Term, TermValue};
use model_core::policy::Outcome;
use model_core::preprocess::Preprocessing;
use model_core::schema::Schema;
use model_train::applications::{Applications, Unreadable};
use model_train::evaluate::Options;
use model_train::pipeline::{ComparisonJob, EvaluationJob, Source, compare_file, evaluate_file};
use model_train::policy_diff::{Answer, difference};

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100000
missing = "zero"
out_of_range = "clamp"
[[feature]]
name = "job"
type = "category"
categories = ["clerk", "smith"]
missing = "impute"
unknown = "error"
[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

fn schema(missing_values: &str) -> Schema {
    let head = format!("missing_values = [{missing_values}]\n");
    Schema::from_toml(&format!("{head}{SCHEMA}")).unwrap()
}

/// Approves an income above 50,000.
fn model(schema: Schema) -> Vec<u8> {
    let artifact = Artifact {
        profiles: None,
        preprocessing: Preprocessing {
            imputed: vec![40_000.0, 0.0],
        },
        schema,
        kind: ModelKind::LogisticRegression,
        model: Model::Linear(Linear {
            terms: vec![Term {
                feature: 0,
                value: TermValue::Itself,
                mean: 50_000.0,
                scale: 10_000.0,
                weight: 1.0,
            }],
            intercept: 0.0,
            link: Link::Logistic,
            indicators: Vec::new(),
        }),
        threshold: 0.5,
        training: Training {
            rows_train: 8,
            rows_test: 2,
            seed: 42,
            data_sha256: "ab".repeat(32),
            underwrite_version: "0.1.0".into(),
            metrics: Vec::new(),
        },
        engine_sha256: "cd".repeat(32),
        golden_rows: Vec::new(),
        calibration: Calibration::None,
        details: Vec::new(),
        policy: None,
    };
    artifact.encode().unwrap()
}

/// What two models make of the rows of a file: how many come to each pair of answers.
fn pairs(old: &str, new: &str, csv: &str) -> Result<BTreeMap<(Answer, Answer), usize>, String> {
    let mut deciders = [old, new].map(|listed| Decider::load(&model(schema(listed))).unwrap());
    let schemas = deciders.each_ref().map(|one| &one.artifact().schema);
    let fail = Unreadable::Fail;
    let read = Applications::read_each(csv.as_bytes(), "d.csv", schemas, None, fail, |_| {});
    let read = read.map_err(|error| error.to_string())?;
    let [old, new] = &mut deciders;
    Ok(difference(read.each_ref(), old, new)?.table)
}

#[test]
fn each_model_of_a_difference_reads_the_file_itself() {
    let approve = Answer::Decided(Outcome::Approve);
    let decline = Answer::Decided(Outcome::Decline);
    let csv = "income,job\n99999,clerk\n80000,smith\n99999.0,smith\n5000,clerk\n";
    for (old, new, pair) in [
        ("'99999'", "", (decline, approve)),
        ("", "'99999'", (approve, decline)),
    ] {
        let expected = [(pair, 2), ((approve, approve), 1), ((decline, decline), 1)];
        assert_eq!(pairs(old, new, csv).unwrap(), expected.into());
    }
    // A text that is missing to one and no category to the other.
    let csv = "income,job\n80000,NA\n80000,clerk\n";
    let expected = [((approve, Answer::Refused), 1), ((approve, approve), 1)];
    assert_eq!(pairs("'NA'", "", csv).unwrap(), expected.into());
    // Or that the other cannot read at all: it refuses such a request.
    let csv = "income,job\nNA,clerk\n80000,clerk\n";
    let expected = [((Answer::Refused, decline), 1), ((approve, approve), 1)];
    assert_eq!(pairs("", "'NA'", csv).unwrap(), expected.into());
    // What none of them can read is wrong in the file.
    let error = pairs("'none'", "'NA'", "income,job\nmuch,clerk\n").unwrap_err();
    assert!(
        error.starts_with("d.csv, line 2, column 'income'"),
        "{error}"
    );
}

#[test]
fn a_difference_is_of_models_that_call_categories_otherwise() {
    let called = "categories = [\"clerk\", \"smith\"]\ncategory_labels = { clerk = \"Clerk\" }";
    let called = SCHEMA.replace("categories = [\"clerk\", \"smith\"]", called);
    let schemas = [SCHEMA, &called].map(|text| Schema::from_toml(text).unwrap());
    let [old, new] = schemas.map(|schema| Decider::load(&model(schema)).unwrap());
    let schemas = [&old, &new].map(|one| &one.artifact().schema);
    let (csv, fail) = ("income,job\n80000,clerk\n", Unreadable::Fail);
    let read = Applications::read_each(csv.as_bytes(), "d.csv", schemas, None, fail, |_| {});
    let read = read.unwrap();
    let [mut old, mut new] = [old, new];
    assert!(difference(read.each_ref(), &mut old, &mut new).is_ok());
}

#[test]
fn applications_are_judged_by_the_missing_values_they_were_read_by() {
    let read = |listed: &str| {
        let (csv, fail) = ("income,job\n99999,clerk\n", Unreadable::Fail);
        let schema = schema(listed);
        Applications::read(csv.as_bytes(), "d.csv", &schema, None, fail, |_| {}).unwrap()
    };
    let mut decider = Decider::load(&model(schema("'NA', '99999'"))).unwrap();
    assert_eq!(
        read("'99999'").judge(&mut decider, |_, _, _| {}),
        Err("its schema has other missing_values than the one that the file was read by (only one has 'NA')".into())
    );
    // Their order does not matter.
    assert_eq!(
        read("'99999', 'NA'").judge(&mut decider, |_, _, _| {}),
        Ok(())
    );
}

const OUTCOMES: &str = "income,job,paid\n99999,clerk,no\n80000,smith,yes\n5000,clerk,no\n";

#[test]
fn one_file_is_not_measured_by_two_models_that_read_it_otherwise() {
    let compare = |old: &str, new: &str| {
        let models = [old, new].map(|listed| model(schema(listed)));
        let [old, new] = &models;
        let job = ComparisonJob {
            artifacts: [old, new],
            data: Source::new("d.csv", OUTCOMES.as_bytes()),
            test_rows: None,
            options: Options {
                resamples: 10,
                ..Options::default()
            },
        };
        let compared = compare_file(job, |_| {});
        compared.map(|_| ()).map_err(|error| error.to_string())
    };
    let expected = "the models have different missing_values (only one has '99999'), and one file cannot be read for both: measure each by itself";
    assert_eq!(compare("'99999', 'NA'", "'NA'"), Err(expected.into()));
    assert_eq!(compare("'NA'", "'NA', '99999'"), Err(expected.into()));
    assert_eq!(compare("'NA', '99999'", "'99999', 'NA'"), Ok(()));
}

#[test]
fn a_schema_for_other_columns_reads_inputs_as_the_models_does() {
    let evaluate = |listed: &str| {
        let artifact = model(schema("'NA'"));
        let job = EvaluationJob {
            artifact: &artifact,
            schema: Some(schema(listed)),
            data: Source::new("d.csv", OUTCOMES.as_bytes()),
            test_rows: None,
            policy: None,
            options: Options {
                resamples: 10,
                ..Options::default()
            },
        };
        let evaluated = evaluate_file(job, |_| {});
        evaluated.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(
        evaluate("'99999', 'NA'"),
        Err("the schema has other missing_values than the model's (only one has '99999'): give it the model's, or leave the schema out".into())
    );
    assert_eq!(evaluate("'NA'"), Ok(()));
}
