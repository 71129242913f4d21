//! `underwrite train`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data, train_points};

#[test]
fn writes_a_model_and_its_figures() {
    let folder = Folder::new(&[]);
    let printed = folder.succeed(&format!(
        "{} --metrics metrics.json",
        train_points("model.wasm")
    ));
    assert!(printed.contains("logistic_regression on 1600 rows, measured on 400 others"));
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
        "seconds_fit",
    ];
    expect.sort_unstable();
    assert_eq!(keys, expect);
    assert_eq!(metrics["model"], "logistic_regression");
    assert_eq!(metrics["rows_train"], 1600);
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.93);
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

#[test]
fn a_forest_is_the_default_and_measured_on_the_named_rows() {
    let rows: String = (0..300).map(|row| format!("{row}\n")).collect();
    let folder = Folder::new(&[("rows.csv", format!("row\n{rows}").as_bytes())]);
    folder.succeed(&format!(
        "train --data {} --schema {} --out m.wasm --test-rows rows.csv --metrics m.json",
        data("german_credit.csv"),
        data("german_credit.toml")
    ));
    let metrics: serde_json::Value = serde_json::from_slice(&folder.read("m.json")).unwrap();
    assert_eq!(metrics["model"], "random_forest");
    assert_eq!(
        (&metrics["rows_train"], &metrics["rows_test"]),
        (&700.into(), &300.into())
    );
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.7, "{metrics}");
}
