//! The evidently preset against what Evidently 0.4.33 said of the synthetic batches in
//! `cases` (`make.py` there made both). With `DRIFT_REFERENCES` set to a folder with
//! `evidently_0.4.33.json`, `ref_small.csv` and `cur_small.csv`, that is compared too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::path::{Path, PathBuf};

use model_drift::evidently::{self, Verdict};
use model_drift::methods::Method;
use model_drift::read::{Batch, Plan, read};
use model_drift::sketch::Capacity;
use serde_json::Value;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn batches(reference: &Path, current: &Path) -> (Batch, Batch) {
    let plan = Plan {
        as_pandas: true,
        ..Plan::infer(Capacity::EXACT)
    };
    let reference = read(reference, &plan).unwrap();
    let specs = reference
        .sketch
        .columns
        .iter()
        .map(|column| column.spec.clone());
    let plan = Plan {
        specs: Some(specs.collect()),
        ..plan
    };
    (reference, read(current, &plan).unwrap())
}

fn check(case: &str, column: &str, got: Verdict, expected: &Value, relative: f64) {
    let score = expected["score"].as_f64().unwrap();
    let close = (got.score - score).abs() <= relative * score.abs().max(f64::MIN_POSITIVE);
    assert!(
        close || got.score == score,
        "{case} {column}: {got:?}, expected {expected}"
    );
    assert_eq!(
        got.threshold,
        expected["threshold"].as_f64().unwrap(),
        "{case} {column}"
    );
    assert_eq!(
        got.drift,
        expected["drift"].as_bool().unwrap(),
        "{case} {column}"
    );
}

fn check_preset(case: &str, reference: &Batch, current: &Batch, expected: &Value) {
    let names = evidently::columns(&reference.sketch);
    let figures = expected["columns"].as_object().unwrap();
    assert_eq!(names.len(), figures.len(), "{case}");
    let mut drifted = 0;
    for name in &names {
        let verdict = evidently::compare(name, &reference.sketch, &current.sketch).unwrap();
        drifted += usize::from(verdict.drift);
        check(case, name, verdict, &figures[*name], 1e-6);
    }
    let share = drifted as f64 / names.len() as f64;
    assert_eq!(share, expected["share_drifted"].as_f64().unwrap(), "{case}");
    let drift = expected["dataset_drift"].as_bool().unwrap();
    assert_eq!(share >= evidently::DRIFT_SHARE, drift, "{case}");
}

fn check_forced(case: &str, test: &str, reference: &Batch, current: &Batch, figures: &Value) {
    let method = Method::from_name(test).unwrap();
    // Its p-values near 0 are 1 less a sum of rounded terms: what is below 4e-15 is rounding.
    for (column, expected) in figures.as_object().unwrap() {
        let score = expected["score"].as_f64().unwrap();
        let relative = match method {
            Method::CramerVonMises => (4e-15 / score).max(1e-6),
            _ => 1e-6,
        };
        let verdict =
            evidently::compare_by(column, Some(method), &reference.sketch, &current.sketch)
                .unwrap();
        check(
            &format!("{case}, {test}"),
            column,
            verdict,
            expected,
            relative,
        );
    }
}

#[test]
fn scores_and_verdicts_are_those_of_evidently() {
    let text = std::fs::read_to_string(cases().join("evidently.json")).unwrap();
    let figures: Value = serde_json::from_str(&text).unwrap();
    let figures = figures.as_object().unwrap();
    assert_eq!(figures.len(), 14);
    for (case, expected) in figures {
        let file = |side: &str| cases().join(format!("{case}.{side}.csv"));
        let (reference, current) = batches(&file("ref"), &file("cur"));
        check_preset(case, &reference, &current, expected);
        for (test, figures) in expected["forced"].as_object().unwrap() {
            check_forced(case, test, &reference, &current, figures);
        }
    }
}

#[test]
fn recorded_references() {
    let Some(folder) = std::env::var_os("DRIFT_REFERENCES").map(PathBuf::from) else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("evidently_0.4.33.json")).unwrap();
    let figures: Value = serde_json::from_str(&text).unwrap();
    let (reference, current) =
        batches(&folder.join("ref_small.csv"), &folder.join("cur_small.csv"));
    check_preset("small", &reference, &current, &figures["cases"]["small"]);
    let per_test = figures["per_test"]["ref_small->cur_small"]
        .as_object()
        .unwrap();
    for (test, figures) in per_test {
        let name = test.split(':').nth(1).unwrap();
        if Method::from_name(name).is_ok() {
            // A number where a category is meant is not what the preset does.
            check_forced("small", name, &reference, &current, figures);
        }
    }
    let data = folder.join("../data/loan_data.csv");
    let text = std::fs::read_to_string(data).unwrap();
    let mut lines = text.split_inclusive('\n');
    let header = lines.next().unwrap();
    let rows: Vec<&str> = lines.collect();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{header}{}", rows.concat())).unwrap();
        path
    };
    let (reference, current) = batches(
        &write("r.csv", &rows[..30_000]),
        &write("c.csv", &rows[30_000..]),
    );
    check_preset(
        "current",
        &reference,
        &current,
        &figures["cases"]["current"],
    );
}
