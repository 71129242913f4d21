//! Evaluation by another schema: rules that name protected columns read them as the model does, or
//! not at all.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use model_core::model::ModelKind;
use model_core::policy::Policy;
use model_core::schema::Schema;
use model_train::evaluate::{Evaluation, Outcomes, Reasons};
use model_train::fit::Params;
use model_train::pipeline::{
    self, EvaluationJob, Hyperparameters, InputOptions, Inputs, Job, Options, Source,
};

const SCHEMA: &str = r#"
name = "test"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
missing = "impute"
[[feature]]
name = "gender"
type = "category"
categories = ["f", "m"]
role = "protected"
[[feature]]
name = "age"
type = "integer"
role = "protected"
minimum = 0
maximum = 120
[[feature]]
name = "veteran"
type = "boolean"
role = "protected"
[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

static CSV: LazyLock<String> = LazyLock::new(|| {
    let mut csv = String::from("income,gender,age,veteran,approved\n");
    for row in 0..300 {
        let (income, noise) = (row * 37 % 100, row * 53 % 60);
        let gender = if row % 3 == 0 { "m" } else { "f" };
        let (age, yes) = (20 + row % 50, u8::from(income + noise > 80));
        writeln!(csv, "{income},{gender},{age},{},{yes}", row % 2).unwrap();
    }
    csv
});

static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let source = Source::new("d.csv", CSV.as_bytes());
    let inputs = InputOptions::new(Schema::from_toml(SCHEMA).unwrap(), source);
    let inputs = Inputs::read(inputs, |_| {}).unwrap();
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(Params::defaults(ModelKind::Ridge)),
        folds: 3,
        ..Options::default()
    };
    let job = Job::new(inputs, options).unwrap();
    pipeline::run(&job, &mut ()).unwrap().artifact
});

/// A policy of one rule.
fn policy(when: &str) -> Policy {
    let text = format!(
        "[policy]\nversion = '1'\nallow_protected = true\n[[rule]]\nid = 'young'\nwhen = \"{when}\"\n\
         then = 'decline'\ncode = 'K1'\ntext = 'No'\nif_missing = 'skip'\n"
    );
    let schema = Schema::from_toml(SCHEMA).unwrap();
    Policy::from_toml(&text, &schema, &schema.languages)
        .unwrap()
        .policy
}

/// Measures the model with a rule, the rows being read by another schema.
fn evaluate(when: &str, schema: Option<String>) -> Result<Evaluation, String> {
    let job = EvaluationJob {
        artifact: &MODEL,
        schema: schema.map(|text| Schema::from_toml(&text).unwrap()),
        policy: Some(policy(when)),
        data: Source::new("d.csv", CSV.as_bytes()),
        test_rows: None,
        options: model_train::evaluate::Options {
            resamples: 10,
            ..model_train::evaluate::Options::default()
        },
    };
    let evaluated = pipeline::evaluate_file(job, |_| {});
    (evaluated.map(|(evaluation, _)| evaluation)).map_err(|error| error.to_string())
}

/// The schema with the column `name` written otherwise, or left out.
fn with_column(name: &str, lines: Option<&str>) -> Option<String> {
    let columns = SCHEMA.split("[[feature]]\n").filter_map(|column| {
        let is_it = column.starts_with(&format!("name = \"{name}\"\n"));
        match lines {
            _ if !is_it => Some(column.to_owned()),
            Some(lines) => Some(format!("name = '{name}'\n{lines}\n")),
            None => None,
        }
    });
    Some(columns.collect::<Vec<_>>().join("[[feature]]\n"))
}

fn figures(evaluation: Evaluation) -> (Outcomes, Reasons) {
    let mut outcomes = evaluation.outcomes.unwrap();
    let mut reasons = evaluation.reasons.unwrap();
    // Groups of protected columns are what the other schema is for.
    outcomes.slices.clear();
    reasons.slices.clear();
    (outcomes, reasons)
}

#[test]
fn a_schema_that_reads_a_rules_column_otherwise_is_refused() {
    let bands = (20..70).map(|age| format!("'{age}'"));
    let bands = bands.collect::<Vec<_>>().join(", ");
    let bands = format!("type = 'category'\nrole = 'protected'\ncategories = [{bands}]");
    let gender = |lines| with_column("gender", lines);
    let age = |lines| with_column("age", lines);
    let other = "with other categories, or in another order";
    for (when, schema, column, has_it) in [
        (
            "gender == 'm'",
            gender(Some(
                "type = 'category'\nrole = 'protected'\ncategories = ['m', 'f']",
            )),
            "gender",
            other,
        ),
        (
            "gender == 'm'",
            gender(Some(
                "type = 'category'\nrole = 'protected'\ncategories = ['f', 'm', 'd']",
            )),
            "gender",
            other,
        ),
        (
            "gender == 'm'",
            gender(Some("type = 'category'\nrole = 'ignored'")),
            "gender",
            "not as a protected column",
        ),
        (
            "income > 1000 or gender == 'm'",
            gender(None),
            "gender",
            "not as a protected column",
        ),
        ("age < 45", age(Some(&bands)), "age", "of another type"),
        (
            "age < 45",
            age(Some("type = 'number'\nrole = 'protected'")),
            "age",
            "of another type",
        ),
    ] {
        assert_eq!(
            evaluate(when, schema).map(|_| ()),
            Err(format!(
                "rule 'young' names '{column}', which the schema has {has_it}: write the column as in the model's schema, or leave the schema out"
            )),
            "{when}"
        );
    }
}

#[test]
fn a_column_that_no_rule_names_may_be_audited_otherwise() {
    let own = figures(evaluate("gender == 'm'", None).unwrap());
    assert_eq!(own.0.rules[0].held, 100);
    for schema in [
        with_column(
            "veteran",
            Some("type = 'category'\nrole = 'protected'\ncategories = ['2', '3', '0', '1']"),
        ),
        with_column("age", Some("type = 'boolean'\nrole = 'ignored'")),
        // Other texts for people, and what happens to an unlisted category.
        with_column(
            "gender",
            Some(
                "type = 'category'\nrole = 'protected'\nlabel = 'Sex'\nunknown = 'other'\n\
                 categories = ['f', 'm']",
            ),
        ),
    ] {
        assert_eq!(figures(evaluate("gender == 'm'", schema).unwrap()), own);
    }
    let own = figures(evaluate("age < 45", None).unwrap());
    let schema = with_column(
        "age",
        Some("type = 'integer'\nrole = 'protected'\nmaximum = 40\nout_of_range = 'clamp'"),
    );
    assert_eq!(figures(evaluate("age < 45", schema).unwrap()), own);
}
