//! Data that nobody prepared: a model comes out, or a sentence, and what a person would say of
//! the data is said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fmt::Write;

use model_core::schema::Schema;
use model_train::fit::{GradientBoosting, Params};
use model_train::infer::{DraftOptions, infer};
use model_train::pipeline::{self, Hyperparameters, InputOptions, Inputs, Job, Options, Source};

use model_core::model::ModelKind;
use model_train::fit::KINDS;

/// A column: its name, and its cell in a row with this answer.
type Column = (&'static str, fn(usize, bool) -> String);

/// Something to learn, with noise.
const DEBT: Column = ("debt", |row, yes| {
    (row * 7919 % 100 + if yes { 0 } else { 40 }).to_string()
});
const RATE: Column = ("rate", |row, _| format!("{}.5", row * 31 % 17));

/// A file with so many rows, every `one_in`-th of which is a yes.
fn csv(rows: usize, one_in: usize, columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut csv = format!("{},repaid\n", names.join(","));
    for row in 0..rows {
        let yes = row % one_in == 0;
        for (_, cell) in columns {
            write!(csv, "{},", cell(row, yes)).unwrap();
        }
        writeln!(csv, "{}", u8::from(yes)).unwrap();
    }
    csv
}

fn drafted(csv: &str) -> String {
    let options = DraftOptions {
        model: "m",
        ..DraftOptions::default()
    };
    infer(csv.as_bytes(), "d.csv", options, |_| {}).unwrap()
}

/// TOML lets C1 characters and those that turn the direction of text stand as they are; a terminal
/// acts on them.
#[test]
fn a_draft_escapes_what_a_terminal_acts_on() {
    let name = "b\u{9b}31m\u{202e}\u{1b}\\c";
    let csv = csv(40, 3, &[DEBT, (name, |row, _| (row % 7).to_string())]);
    let draft = drafted(&csv);
    let acts = |letter: char| letter != '\n' && model_core::texts::is_control(letter);
    assert!(!draft.contains(acts), "{draft:?}");
    assert!(
        draft.contains(r#"name = "b\u009B31m\u202E\u001B\\c""#),
        "{draft}"
    );
    let draft: toml::Table = toml::from_str(&draft).unwrap();
    assert_eq!(draft["feature"][1]["name"].as_str(), Some(name));
}

/// Trains by a schema: the warnings, or the sentence that says why there is no model.
fn trained(csv: &str, schema: &str, kind: ModelKind) -> Result<Vec<String>, String> {
    let schema = Schema::from_toml(schema).unwrap();
    let source = Source::new("d.csv", csv.as_bytes());
    let inputs = Inputs::read(InputOptions::new(schema, source), |_| {});
    let inputs = inputs.map_err(|error| error.to_string())?;
    let params = match kind {
        ModelKind::GradientBoosting => Params::GradientBoosting(GradientBoosting {
            trees: 30,
            ..GradientBoosting::default()
        }),
        _ => Params::defaults(kind),
    };
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(params),
        ..Options::default()
    };
    let job = Job::new(inputs, options).map_err(|error| error.to_string())?;
    let trained = pipeline::run(&job, &mut ()).map_err(|error| error.to_string())?;
    let figures = trained.report.metrics;
    assert!(figures.log_loss.is_finite() && figures.brier.is_finite());
    let warnings = job.warnings().iter().chain(&trained.warnings);
    Ok(warnings.map(ToString::to_string).collect())
}

/// Trains every model by the drafted schema.
fn check(csv: &str, expect: impl Fn(&Result<Vec<String>, String>) -> bool) {
    let schema = drafted(csv);
    for kind in KINDS {
        let result = trained(csv, &schema, kind);
        assert!(expect(&result), "{kind:?}: {result:?}\n{schema}");
    }
}

fn warns(result: &Result<Vec<String>, String>, of: &str) -> bool {
    let warnings = result.as_ref().map(Vec::as_slice).unwrap_or_default();
    warnings.iter().any(|warning| warning.contains(of))
}

/// Ridge is calibrated on folds, for which a class may be too small: that is a sentence.
fn says_few(result: &Result<Vec<String>, String>, of: &str) -> bool {
    match result {
        Ok(_) => warns(result, of),
        Err(sentence) => sentence.contains("the rarer class has fewer than 5 training rows"),
    }
}

#[test]
fn fifty_rows_are_enough_for_a_model() {
    check(&csv(50, 2, &[DEBT, RATE]), Result::is_ok);
}

#[test]
fn two_rows_of_a_class_are_few() {
    check(&csv(80, 40, &[DEBT, RATE]), |result| {
        says_few(result, "few training rows are repaid = true (1)")
    });
}

#[test]
fn one_row_in_a_thousand_is_learned_from() {
    check(&csv(4_000, 1_000, &[DEBT, RATE]), |result| {
        says_few(result, "few training rows are repaid = true (3)")
    });
}

#[test]
fn two_hundred_columns_are_not_too_many() {
    let rows = 300;
    let names: Vec<String> = (0..200).map(|column| format!("c{column}")).collect();
    let mut csv = format!("{},repaid\n", names.join(","));
    for row in 0..rows {
        for column in 0..200 {
            write!(csv, "{},", (row * (column + 3) * 7919) % 101).unwrap();
        }
        writeln!(csv, "{}", row % 2).unwrap();
    }
    check(&csv, |result| match result {
        Ok(_) => true,
        Err(sentence) => sentence.contains("too few to fit"),
    });
}

#[test]
fn a_column_without_any_value_is_left_out_or_named() {
    let empty: Column = ("empty", |_, _| String::new());
    let data = csv(200, 2, &[DEBT, empty]);
    assert!(drafted(&data).contains("role = \"ignored\"   # the column has no values"));
    check(&data, Result::is_ok);
    // By a schema that takes it as an input: a sentence.
    let schema = drafted(&data).replace(
        "type = \"category\"\nrole = \"ignored\"   # the column has no values",
        "type = \"number\"\nmissing = \"impute\"",
    );
    let sentence = trained(&data, &schema, ModelKind::GradientBoosting).unwrap_err();
    assert!(sentence.starts_with("d.csv, column 'empty'"), "{sentence}");
}

#[test]
fn identifiers_and_free_text_are_not_inputs() {
    let columns: [Column; 7] = [
        ("rownames", |row, _| (row + 1).to_string()),
        ("loan_id", |row, _| {
            (1_000_000 + row * 7919 % 10_007).to_string()
        }),
        ("phone_number", |row, _| {
            (6_505_550_000 + row as u64 * 12_345_677 % 9_999_991).to_string()
        }),
        ("note", |row, _| format!("asked {row} times for a loan")),
        ("currency", |_, _| "EUR".to_owned()),
        ("afam", |row, _| (row % 3 % 2).to_string()),
        DEBT,
    ];
    let data = csv(300, 2, &columns);
    let draft = drafted(&data);
    for (name, role) in [
        ("rownames", "\"ignored\"   # it counts the rows up"),
        ("loan_id", "\"ignored\"   # it never repeats"),
        ("phone_number", "\"ignored\"   # it never repeats"),
        ("note", "\"ignored\"   # it never repeats"),
        ("currency", "\"ignored\"   # it never changes"),
        ("afam", "\"protected\"   # 'afam'"),
    ] {
        let (_, feature) = draft.split_once(&format!("name = \"{name}\"\n")).unwrap();
        let (feature, _) = feature.split_once("[[feature]]").unwrap();
        assert!(
            feature.contains(&format!("role = {role}")),
            "{name}: {feature}"
        );
        assert!(!feature.contains("example"), "{name}: {feature}");
    }
    let (_, debt) = draft.split_once("name = \"debt\"\n").unwrap();
    assert!(
        debt.contains("example = ") && !debt.starts_with("role"),
        "{debt}"
    );
    check(&data, Result::is_ok);
}

#[test]
fn a_copy_of_the_target_is_pointed_out() {
    let copies: [Column; 3] = [
        ("status", |_, yes| {
            if yes { "closed" } else { "open" }.to_owned()
        }),
        ("recovered", |row, yes| {
            (row % 50 + if yes { 100 } else { 0 }).to_string()
        }),
        ("flag", |_, yes| u8::from(yes).to_string()),
    ];
    for copy in copies {
        let expect = format!("column '{}': it alone tells the target", copy.0);
        check(&csv(400, 3, &[copy, DEBT]), |result| {
            warns(result, &expect) && !warns(result, "column 'debt'")
        });
    }
}

/// The product of values that are drawn, or of means, is no other value.
#[test]
fn a_model_that_refuses_all_synthetic_requests_is_trained_with_a_warning() {
    let number = |name: &str| format!("[[feature]]\nname = '{name}'\ntype = 'number'\n");
    let columns: String = ["principal", "months", "rate", "interest", "gap"]
        .map(number)
        .concat();
    let schema = format!(
        "name = 'm'\nversion = '1.0.0'\n{columns}derived = 'interest - principal * rate * months / 12'\n\
         round = 2\nminimum = -0.02\nmaximum = 0.02\n\
         [[feature]]\nname = 'repaid'\ntype = 'boolean'\nrole = 'target'\n"
    );
    let mut csv = "principal,months,rate,interest,repaid\n".to_owned();
    for row in 0..400 {
        let (principal, months) = (1_000 + row * 7919 % 90_000, 6 + row * 31 % 100);
        let rate = 0.01 + f64::from(row * 17 % 19) / 100.0;
        let interest = f64::from(principal) * rate * f64::from(months) / 12.0;
        writeln!(
            csv,
            "{principal},{months},{rate:.2},{interest:.2},{}",
            row % 2
        )
        .unwrap();
    }
    let result = trained(&csv, &schema, ModelKind::LogisticRegression);
    assert!(warns(&result, "the model has no golden rows"), "{result:?}");
    let wide = schema.replace("0.02", "1e9");
    let result = trained(&csv, &wide, ModelKind::LogisticRegression);
    assert!(
        result.is_ok() && !warns(&result, "golden rows"),
        "{result:?}"
    );
}
