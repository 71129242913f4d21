//! A model's own training rows as traffic: derived fields count in the window as they count in
//! the model's sketch. The engine is the one in `target/engine`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may fail"
)]

mod common;
#[path = "../../model-train/tests/computed/mod.rs"]
mod computed;

use std::fs;
use std::path::Path;

use common::{get, send};
use computed::DERIVED;
use host_server::{App, Limits, ModelHost, app};
use model_train::pack::pack;
use serde_json::Value;

fn packed(artifact: &[u8]) -> Vec<u8> {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| {
        let path = engine.join(name);
        fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask build`", path.display()))
    };
    pack(&part("engine.wasm"), &part("model.js"), artifact).unwrap()
}

#[tokio::test]
async fn training_rows_are_no_drift_of_the_models_own_sketch() {
    let csv = computed::csv(2_000);
    let host = ModelHost::load(packed(&computed::trained(&csv)), Limits::default()).unwrap();
    let app = app(App::new(host));
    let rows = format!("[{}]", computed::applications(&csv).join(","));
    let answer = send(&app, "POST", "/predict/batch", &[], rows).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let report = get(&app, "/drift", &[]).await;
    let report: Value = serde_json::from_slice(&report.body).unwrap();
    for name in DERIVED {
        let column = &report["columns"][name];
        assert_eq!(column["drift"], false, "{name}: {column}");
        for count in ["out_of_range", "missing", "invalid"] {
            let counts = ["reference", "current"].map(|side| column[side][count].as_u64().unwrap());
            assert_eq!(counts[0], counts[1], "{name}, {count}");
        }
        assert!(
            column["current"]["out_of_range"].as_u64().unwrap() > 20,
            "{name}"
        );
    }
    assert_eq!(report["dataset_drift"], false, "{report}");
}
