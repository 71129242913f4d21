//! One file read for two schemas: what rules name, what is derived and how rows are weighed is as
//! the model has it, or refused.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use model_core::artifact::with_policy;
use model_core::model::ModelKind;
use model_core::policy::{Band, Policy};
use model_core::schema::Schema;
use model_train::evaluate::{Evaluation, Outcomes, Reasons};
use model_train::fit::Params;
use model_train::pipeline::{
    self, ComparisonJob, EvaluationJob, Hyperparameters, InputOptions, Inputs, Job, Options, Source,
};
use model_train::threshold::ThresholdRule;

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

static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| train(SCHEMA));

fn train(schema: &str) -> Vec<u8> {
    train_on(schema, Source::new("d.csv", CSV.as_bytes()))
}

fn train_on(schema: &str, source: Source<'_>) -> Vec<u8> {
    let inputs = InputOptions::new(Schema::from_toml(schema).unwrap(), source);
    let inputs = Inputs::read(inputs, |_| {}).unwrap();
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(Params::defaults(ModelKind::Ridge)),
        folds: 3,
        ..Options::default()
    };
    let job = Job::new(inputs, options).unwrap();
    pipeline::run(&job, &mut ()).unwrap().artifact
}

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

/// The threshold is known only when the folds were fitted: the error says what does not fit, and
/// not that a file is broken.
#[test]
fn a_band_that_does_not_hold_the_chosen_threshold_is_named() {
    let inputs = InputOptions::new(
        Schema::from_toml(SCHEMA).unwrap(),
        Source::new("d.csv", CSV.as_bytes()),
    );
    let mut banded = policy("income > 1");
    banded.refer = Some(Band {
        from: 0.98,
        to: 0.99,
    });
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(Params::defaults(ModelKind::Ridge)),
        threshold: ThresholdRule::ApprovalRate(0.5),
        folds: 3,
        policy: Some(banded),
        ..Options::default()
    };
    let job = Job::new(Inputs::read(inputs, |_| {}).unwrap(), options).unwrap();
    let error = pipeline::run(&job, &mut ()).unwrap_err().to_string();
    let says = "the policy does not fit the trained model: refer = [0.98, 0.99] does not hold";
    assert!(error.starts_with(says), "{error}");
    assert!(error.contains("underwrite policy apply"), "{error}");
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

/// Compares two models: how many applicants get the same first reason from both.
fn compare(artifacts: [&[u8]; 2]) -> Result<f64, String> {
    let job = ComparisonJob {
        artifacts,
        data: Source::new("d.csv", CSV.as_bytes()),
        test_rows: None,
        options: model_train::evaluate::Options {
            resamples: 10,
            ..model_train::evaluate::Options::default()
        },
    };
    let compared = pipeline::compare_file(job, |_| {});
    (compared.map(|comparison| comparison.reasons.unwrap().first))
        .map_err(|error| error.to_string())
}

#[test]
fn two_models_give_the_same_shared_reasons_in_either_order() {
    let ruled = with_policy(&MODEL, Some(&policy("gender == 'm'"))).unwrap();
    let shared = compare([&ruled, &MODEL]).unwrap();
    assert!(shared < 0.9, "{shared}");
    assert_eq!(compare([&MODEL, &ruled]), Ok(shared));
    let ignored = with_column("gender", Some("type = 'category'\nrole = 'ignored'"));
    let without = train(&ignored.unwrap());
    assert_eq!(compare([&ruled, &without]), Ok(shared));
    assert_eq!(
        compare([&without, &ruled]),
        Err("rule 'young' of the second model names 'gender', which the first model's schema has not as a protected column, and one file cannot be read for both: measure each by itself".into())
    );
}

#[test]
fn what_only_one_computes_is_not_measured_by_both() {
    let derived = |formula: &str, round: &str| {
        let field = format!(
            "[[feature]]\nname = 'double'\ntype = 'number'\nmissing = 'impute'\n{formula}\n{round}\n"
        );
        let gender = "[[feature]]\nname = \"gender\"";
        let schema = SCHEMA.replace(gender, &format!("{field}{gender}"));
        let csv = CSV.lines().enumerate().map(|(row, line)| match row {
            0 => format!("double,{line}\n"),
            _ => format!("{},{line}\n", if row % 3 == 0 { "" } else { "2" }),
        });
        (schema, csv.collect::<String>())
    };
    let (_, csv) = derived("", "");
    let model = |formula: &str, round: &str| {
        let (schema, _) = derived(formula, round);
        let source = Source::new("d.csv", csv.as_bytes());
        (train_on(&schema, source), schema)
    };
    let overwrites = "mismatch = 'overwrite'\nderived =";
    let plain = model("", "");
    let twice = model(&format!("{overwrites} 'income * 2'"), "");
    let spaced = model(&format!("{overwrites} 'income  *2'"), "");
    let thrice = model(&format!("{overwrites} 'income * 3'"), "");
    let rounded = model(&format!("{overwrites} 'income * 2'"), "round = 1");
    // The same field in another place.
    let (schema, _) = derived(&format!("{overwrites} 'income * 2'"), "");
    let before = "[[feature]]\nname = 'x'\ntype = 'number'\nrole = 'ignored'\n[[feature]]";
    let moved = schema.replacen("[[feature]]", before, 1);
    let moved = (
        train_on(&moved, Source::new("d.csv", csv.as_bytes())),
        moved,
    );
    let options = model_train::evaluate::Options {
        resamples: 10,
        ..model_train::evaluate::Options::default()
    };
    for (first, second, is_same) in [
        (&plain, &twice, false),
        (&twice, &plain, false),
        (&twice, &thrice, false),
        (&twice, &rounded, false),
        (&twice, &spaced, true),
        (&twice, &moved, true),
    ] {
        let job = ComparisonJob {
            artifacts: [&first.0, &second.0],
            data: Source::new("d.csv", csv.as_bytes()),
            test_rows: None,
            options: options.clone(),
        };
        let compared = pipeline::compare_file(job, |_| {}).map(|_| ());
        let error = compared.err().map(|error| error.to_string());
        let expected = "the models have different inputs (they derive 'double' differently, or only one does): expected two models of the same inputs, which one file can be read for";
        assert_eq!(error, (!is_same).then(|| expected.to_owned()));
        let job = EvaluationJob {
            artifact: &second.0,
            schema: Some(Schema::from_toml(&first.1).unwrap()),
            policy: None,
            data: Source::new("d.csv", csv.as_bytes()),
            test_rows: None,
            options: options.clone(),
        };
        let evaluated = pipeline::evaluate_file(job, |_| {}).map(|_| ());
        let error = evaluated.err().map(|error| error.to_string());
        let expected = "the schema has other inputs than the model's (they derive 'double' differently, or only one does): leave the schema out to use the model's own";
        assert_eq!(error, (!is_same).then(|| expected.to_owned()));
    }
}

/// A model of a schema, trained on a file, and compared with another one on a file.
fn compare_on(csv: &str, artifacts: [&[u8]; 2]) -> Result<(), String> {
    let job = ComparisonJob {
        artifacts,
        data: Source::new("d.csv", csv.as_bytes()),
        test_rows: None,
        options: model_train::evaluate::Options {
            resamples: 10,
            ..model_train::evaluate::Options::default()
        },
    };
    let compared = pipeline::compare_file(job, |_| {});
    compared.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_formula_is_told_by_the_names_of_its_fields() {
    let schema = |formula: &str| {
        let fields = format!(
            "[[feature]]\nname = 'net income'\ntype = 'number'\n[[feature]]\nname = 'netincome'\n\
             type = 'number'\n[[feature]]\nname = 'double'\ntype = 'number'\nderived = '{formula}'\n"
        );
        SCHEMA.replacen("[[feature]]", &format!("{fields}[[feature]]"), 1)
    };
    let csv = CSV.lines().enumerate().map(|(row, line)| match row {
        0 => format!("net income,netincome,{line}\n"),
        _ => format!("{},{},{line}\n", row % 7, row % 5),
    });
    let csv: String = csv.collect();
    let [apart, together, quoted] = ["`net income` * 2", "`netincome` * 2", "netincome*2"]
        .map(|formula| train_on(&schema(formula), Source::new("d.csv", csv.as_bytes())));
    assert_eq!(
        compare_on(&csv, [&apart, &together]),
        Err("the models have different inputs (they derive 'double' differently, or only one does): expected two models of the same inputs, which one file can be read for".into())
    );
    assert_eq!(compare_on(&csv, [&together, &quoted]), Ok(()));
}

#[test]
fn what_is_called_otherwise_is_compared() {
    let input = SCHEMA.replacen("role = \"protected\"\n", "", 1);
    let called = input
        .replace(
            "role = \"target\"",
            "role = 'target'\npositive_label = 'Granted'",
        )
        .replace(
            "[\"f\", \"m\"]",
            "['f', 'm']\ncategory_labels = { f = 'Female' }",
        );
    let [plain, called] = [input, called].map(|schema| train(&schema));
    assert_eq!(compare_on(&CSV, [&plain, &called]), Ok(()));
}

#[test]
fn models_that_weigh_rows_differently_are_not_compared() {
    let model = |w: &str, v: &str| {
        let column = |name, role| {
            format!("[[feature]]\nname = '{name}'\ntype = 'number'\nrole = '{role}'\n")
        };
        format!("{SCHEMA}{}{}", column("w", w), column("v", v))
    };
    let with_weights = |names: &[&str]| {
        let csv = CSV.lines().enumerate().map(|(row, line)| {
            let cells = names.iter().map(|name| match row {
                0 => format!("{name},"),
                _ => format!("{},", 1 + row % 3),
            });
            format!("{}{line}\n", cells.collect::<String>())
        });
        csv.collect::<String>()
    };
    let both = with_weights(&["w", "v"]);
    let [by_w, by_v, by_none] = [
        model("weight", "ignored"),
        model("ignored", "weight"),
        model("ignored", "ignored"),
    ]
    .map(|schema| train_on(&schema, Source::new("d.csv", both.as_bytes())));
    let refused = |difference: &str| {
        Err(format!(
            "the models weigh the rows differently ({difference}): measure each by itself, or leave such columns out of the file to count every row once"
        ))
    };
    for (csv, first, second, expected) in [
        (&both, &by_w, &by_none, refused("only the first, by 'w'")),
        (&both, &by_none, &by_w, refused("only the second, by 'w'")),
        (
            &both,
            &by_w,
            &by_v,
            refused("the first by 'w', the second by 'v'"),
        ),
        (&both, &by_w, &by_w, Ok(())),
        // What the file lacks weighs nothing.
        (&with_weights(&["v"]), &by_w, &by_none, Ok(())),
        (
            &with_weights(&["v"]),
            &by_w,
            &by_v,
            refused("only the second, by 'v'"),
        ),
        (&CSV, &by_v, &by_w, Ok(())),
    ] {
        assert_eq!(compare_on(csv, [first, second]), expected);
    }
}
