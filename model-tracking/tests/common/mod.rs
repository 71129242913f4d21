//! A run to send, and the programs of the other side.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

#[path = "../../../model-client/tests/common/mod.rs"]
mod client;
pub(crate) mod wandb_service;

pub(crate) use client::*;

use std::collections::BTreeMap;
use std::path::Path;

use model_tracking::folder::{NewRun, RunFolder};
use model_tracking::run::{
    Column, ColumnType, Dataset, HistoryPoint, Model, Signature, Status, Trial, TrialState,
};
use serde_json::json;

/// Big enough to go to the Hub as a large file.
const MODEL_BYTES: usize = 400_000;

/// What a model file may look like: bytes that no text codec survives.
pub(crate) fn model_bytes() -> Vec<u8> {
    (0..MODEL_BYTES).map(|i| (i * i / 7 % 256) as u8).collect()
}

/// A finished run of training with all that a run can have.
pub(crate) fn sample_run(runs: &Path) -> RunFolder {
    let column = |name: &str, kind, required| Column {
        name: name.to_owned(),
        kind,
        required,
    };
    let inputs = vec![
        column("person_income", ColumnType::Double, true),
        column("loan_intent", ColumnType::String, false),
        column("points", ColumnType::Long, true),
    ];
    let mut columns = inputs.clone();
    columns.push(column("loan_status", ColumnType::Long, true));
    let new = NewRun {
        name: Some("first try".to_owned()),
        experiment: "loans".to_owned(),
        command: vec!["underwrite".to_owned(), "train".to_owned()],
        params: BTreeMap::from([
            ("metric".to_owned(), json!("roc_auc")),
            ("trials".to_owned(), json!(3)),
            ("learning_rate".to_owned(), json!(0.05)),
            ("calibrated".to_owned(), json!(true)),
        ]),
        tags: BTreeMap::from([("team".to_owned(), "risk".to_owned())]),
        dataset: Some(Dataset {
            name: "loan_data".to_owned(),
            source: "data/loan_data.csv".to_owned(),
            sha256: "5".repeat(64),
            rows: 45_000,
            target: "loan_status".to_owned(),
            columns,
        }),
    };
    let mut folder = RunFolder::create(runs, new).unwrap();
    for number in 0..3 {
        append(&mut folder, number);
    }
    folder
        .add_artifact("model.wasm", &model_bytes()[..])
        .unwrap();
    let html = "<!doctype html><title>Evaluation</title>";
    folder
        .add_artifact("reports/evaluation.html", html.as_bytes())
        .unwrap();
    folder
        .add_artifact(
            "reports/plots/roc.svg",
            &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
        )
        .unwrap();
    let sha256 = folder.run().artifacts[0].sha256.clone();
    folder
        .update(|run| {
            run.metrics = BTreeMap::from([
                ("roc_auc".to_owned(), 0.98031),
                ("log_loss".to_owned(), 0.1433),
                ("lift".to_owned(), f64::NAN),
            ]);
            run.model = Some(Model {
                name: "loan".to_owned(),
                version: "1.0.0".to_owned(),
                digest: "d".repeat(64),
                sha256,
                kind: "gradient_boosting".to_owned(),
                file: "model.wasm".to_owned(),
            });
            run.signature = Some(Signature {
                inputs,
                outputs: vec![
                    column("probability", ColumnType::Double, true),
                    column("approve", ColumnType::Boolean, true),
                ],
            });
            let example = json!({"points": 5, "person_income": 50000, "loan_intent": "EDUCATION"});
            run.input_example = example.as_object().cloned();
        })
        .unwrap();
    folder.finish(Status::Finished).unwrap();
    folder
}

/// Goes on with a run: two more trials, and a model of another kind.
pub(crate) fn resume(folder: &mut RunFolder, model: &[u8]) {
    folder.resume().unwrap();
    for number in 3..5 {
        append(folder, number);
    }
    folder
        .update(|run| {
            run.params.remove("learning_rate");
            run.params.extend([
                ("trials".to_owned(), json!(5)),
                ("penalty".to_owned(), json!(0.5)),
            ]);
            run.metrics.insert("roc_auc".to_owned(), 0.99);
            run.model.as_mut().unwrap().kind = "logistic_regression".to_owned();
        })
        .unwrap();
    replace_model(folder, model);
}

/// Goes on with a run that has all its trials: the same hyperparameters in another file, as with
/// another threshold.
pub(crate) fn replace_model(folder: &mut RunFolder, model: &[u8]) {
    if folder.run().status != Status::Running {
        folder.resume().unwrap();
    }
    folder.add_artifact("model.wasm", model).unwrap();
    let listed = folder.run().artifacts.iter();
    let sha256 = listed.filter(|file| file.path == "model.wasm");
    let sha256 = sha256.map(|file| file.sha256.clone()).next().unwrap();
    folder
        .update(|run| run.model.as_mut().unwrap().sha256 = sha256)
        .unwrap();
    folder.finish(Status::Finished).unwrap();
}

/// A trial and the step after it, each at a time of its own.
fn append(folder: &mut RunFolder, number: u64) {
    let finished_ms = folder.run().started_ms + 20 * number as i64;
    append_at(folder, number, finished_ms);
}

/// The same at another time.
pub(crate) fn append_at(folder: &mut RunFolder, number: u64, finished_ms: i64) {
    folder.append_trial(&trial(number, finished_ms)).unwrap();
    let point = HistoryPoint {
        step: number,
        time_ms: finished_ms + 10,
        metrics: BTreeMap::from([("best_roc_auc".to_owned(), (90 + number) as f64 / 100.0)]),
    };
    folder.append_history(&point).unwrap();
}

fn trial(number: u64, finished_ms: i64) -> Trial {
    let state = match number {
        1 => TrialState::Pruned,
        _ => TrialState::Complete,
    };
    Trial {
        number,
        model: "gradient_boosting".to_owned(),
        state,
        params: BTreeMap::from([("max_depth".to_owned(), json!(number + 3))]),
        value: Some(0.97 + number as f64 / 1000.0),
        folds: vec![0.96, 0.98],
        started_ms: finished_ms - 5,
        finished_ms,
    }
}
