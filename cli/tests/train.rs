//! `underwrite train`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Folder, data, train_points};

#[test]
fn writes_a_model_and_its_figures() {
    let folder = Folder::new(&[]);
    let printed = folder.succeed(&format!(
        "{} --metrics metrics.json",
        train_points("model.wasm")
    ));
    assert!(printed.contains("logistic_regression trained on 1600 rows, measured on 400 others"));
    assert_eq!(folder.names(), ["metrics.json", "model.wasm"]);

    let metrics: serde_json::Value = serde_json::from_slice(&folder.read("metrics.json")).unwrap();
    let keys: Vec<&String> = metrics.as_object().unwrap().keys().collect();
    let mut expect = [
        "model",
        "rows_train",
        "rows_test",
        "accuracy",
        "f1_weighted",
        "roc_auc",
        "log_loss",
        "brier",
        "intervals",
        "cross_validation",
        "profiles",
        "seconds_fit",
    ];
    expect.sort_unstable();
    assert_eq!(keys, expect);
    assert_eq!(metrics["model"], "logistic_regression");
    assert_eq!(metrics["rows_train"], 1600);
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.93);
}

#[test]
fn what_is_approved_is_said_in_one_sentence() {
    let folder = Folder::new(&[]);
    let printed = folder.succeed(&train_points("model.wasm"));
    let sentence = "Approves applications likely to be loan_approved = ";
    assert!(printed.contains(sentence), "{printed}");
    let german = format!(
        "train --data {} --schema {} --out g.wasm",
        data("german_credit.csv"),
        data("german_credit.toml")
    );
    for args in ["--dry-run", "--model ridge"] {
        let printed = folder.succeed(&format!("{german} {args}"));
        let sentence = "Approves applications likely to be creditability = good; 30.0% of 1,000 rows are creditability = bad.";
        assert!(printed.contains(sentence), "{printed}");
    }
}

#[test]
fn the_same_command_gives_the_same_bytes() {
    let folder = Folder::new(&[]);
    folder.succeed(&train_points("a.wasm"));
    folder.succeed(&train_points("b.wasm"));
    folder.succeed(&format!("{} --seed 1", train_points("c.wasm")));
    assert_eq!(folder.read("a.wasm"), folder.read("b.wasm"));
    assert_ne!(folder.read("a.wasm"), folder.read("c.wasm"));
}

/// What is kept is the schema of the model, whatever became of its file during a long search.
#[test]
fn a_run_keeps_the_schema_that_was_read() {
    let schema = std::fs::read(data("points.toml")).unwrap();
    let folder = Folder::new(&[("points.toml", &schema)]);
    let rows = std::fs::read(data("points_sample.csv")).unwrap();
    let mut training = folder
        .command()
        .args("train --data - --schema points.toml --model logistic_regression".split(' '))
        .args("--out m.wasm --runs runs --run-name first".split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = training.stdin.take().unwrap();
    // More than a pipe holds: so much is only taken by who has read the schema.
    let blank_lines = vec![b'\n'; 300_000];
    stdin.write_all(&rows).unwrap();
    stdin.write_all(&blank_lines).unwrap();
    std::fs::write(folder.path("points.toml"), "version = \"9.9.9\"").unwrap();
    drop(stdin);
    assert!(training.wait().unwrap().success());
    let run = std::fs::read_dir(folder.path("runs")).unwrap().next();
    let kept = run.unwrap().unwrap().path().join("artifacts/schema.toml");
    assert_eq!(std::fs::read(kept).unwrap(), schema);
}

#[test]
fn boosting_is_the_default_and_measured_on_the_named_rows() {
    let rows: String = (0..300).map(|row| format!("{row}\n")).collect();
    let folder = Folder::new(&[("rows.csv", format!("row\n{rows}").as_bytes())]);
    folder.succeed(&format!(
        "train --data {} --schema {} --out m.wasm --test-rows rows.csv --metrics m.json",
        data("german_credit.csv"),
        data("german_credit.toml")
    ));
    let metrics: serde_json::Value = serde_json::from_slice(&folder.read("m.json")).unwrap();
    assert_eq!(metrics["model"], "gradient_boosting");
    assert_eq!(
        (&metrics["rows_train"], &metrics["rows_test"]),
        (&700.into(), &300.into())
    );
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.7, "{metrics}");
}

/// Three columns, of which `b` is as given, and an answer that follows `a`.
fn small(b: impl Fn(usize) -> &'static str, more: &str) -> Folder {
    let rows: String = (0..200)
        .map(|row| {
            // Not so that a column alone tells it.
            let y = (row % 17 > 8) != (row % 23 == 0);
            format!("{},{},{}\n", row % 17, b(row), u8::from(y))
        })
        .collect();
    let schema = format!(
        "name = \"s\"\nversion = \"1.0.0\"\n[[feature]]\nname = \"a\"\ntype = \"number\"\n{more}\n\
         [[feature]]\nname = \"b\"\ntype = \"number\"\nmissing = \"impute\"\n\
         [[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n"
    );
    let rows = format!("a,b,y\n{rows}");
    Folder::new(&[("d.csv", rows.as_bytes()), ("s.toml", schema.as_bytes())])
}

const SMALL: &str = "train --data d.csv --schema s.toml --out m.wasm";

#[test]
fn a_constant_column_is_warned_about_and_an_empty_one_refused() {
    let constant = small(|_| "5", "");
    let said = constant.warnings(&format!("{SMALL} --model ridge"));
    assert!(
        said.contains("warning: d.csv, column 'b': every training row has the same value"),
        "{said}"
    );
    let empty = small(|_| "", "");
    let said = empty.fail(&format!("{SMALL} --model ridge"));
    assert!(
        said.contains("column 'b': no training row has a value") && said.contains("--features"),
        "{said}"
    );
}

/// Whether a table has to have a column for a derived field, which is computed.
#[test]
fn a_run_names_a_derived_field_as_one_that_may_be_left_out() {
    let folder = small(
        |row| ["1", "2", "3"][row % 3],
        "[[feature]]\nname = \"net\"\ntype = \"number\"\nderived = \"a - b\"",
    );
    folder.succeed(&format!("{SMALL} --model ridge --runs runs"));
    let mut runs = std::fs::read_dir(folder.path("runs")).unwrap();
    let run = runs.next().unwrap().unwrap().path().join("run.json");
    let run: serde_json::Value = serde_json::from_slice(&std::fs::read(run).unwrap()).unwrap();
    let required = |columns: &serde_json::Value| -> Vec<String> {
        let columns = columns.as_array().unwrap().iter();
        let required = columns.filter(|column| column["required"] == true);
        required
            .map(|column| column["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(run["signature"]["inputs"].as_array().unwrap().len(), 3);
    assert_eq!(required(&run["signature"]["inputs"]), ["a"]);
    assert_eq!(required(&run["dataset"]["columns"]), ["a", "y"]);
}

#[test]
fn models_that_cannot_do_what_the_schema_asks_are_left_out_unless_they_are_named() {
    let folder = small(|row| ["1", "2", "3"][row % 3], "monotonic = \"increasing\"");
    let said = folder.warnings(&format!("{SMALL} --trials 4 --dry-run"));
    assert!(
        said.contains("warning: random_forest is left out: feature 'a'"),
        "{said}"
    );
    let named = format!("{SMALL} --trials 4 --models random_forest,ridge");
    let error = folder.fail(&named);
    assert!(error.contains("cannot be made monotonic"), "{error}");
    folder.succeed(&format!("{SMALL} --model ridge"));
    let inspected = folder.succeed("inspect m.wasm");
    assert!(
        inspected.contains("monotonic   a increasing (proved for the finished model: within each range, derived fields held fixed)"),
        "{inspected}"
    );
}

#[test]
fn a_plan_shows_what_decides() {
    let folder = small(|row| ["1", "2"][row % 2], "");
    let plan = folder.succeed(&format!(
        "{SMALL} --trials 2 --calibration platt --threshold cost=5:1 --class-weight balanced \
         --metrics m.json --dry-run"
    ));
    for expect in [
        "  a, b\n",
        "class weights: balanced",
        "calibration: platt",
        "threshold: minimizes cost: 5 per approved bad (false positive), 1 per declined good (false negative)",
        "write m.json",
        "keep the run in runs/",
    ] {
        assert!(plan.contains(expect), "{expect:?} in\n{plan}");
    }
    assert_eq!(folder.names(), ["d.csv", "s.toml"]);
}
