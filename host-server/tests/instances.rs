//! Instances of a model: what takes long leaves some for single decisions. Alone in its program: its
//! searches go on to the end of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::running::options;
use common::{limits, send, stand_in};
use host_server::{App, Key, Limits, Role, ServeOptions, app};

/// What a decision waits at most, and far less than a search takes.
const SOON: Duration = Duration::from_secs(20);

/// Explains, for ever.
const EXPLAINS: &str = r#"(func (export "abi_free") (param i32 i32))
  (func (export "abi_explain") (param i32 i32) (result i64)
    (loop $for_ever (br $for_ever))
    (i64.const 0))"#;

/// Searches of two keys once had all instances that there were, and single decisions waited for their
/// ends rather than for one more.
#[tokio::test]
async fn searches_for_recourse_leave_an_instance_for_a_decision() {
    let folder = tempfile::tempdir().unwrap();
    let usual = options(&folder);
    let file = stand_in(&[(r#"(func (export "abi_free") (param i32 i32))"#, EXPLAINS)]);
    std::fs::write(folder.path().join("model.wasm"), file).unwrap();
    let names = ["many", "more", "one"];
    let app = app(App::open(ServeOptions {
        keys: names
            .map(|name| Key::named(name, name, Role::Predict))
            .into(),
        limits: Limits {
            explain: SOON * 100,
            ..limits()
        },
        ..usual
    })
    .unwrap());
    for key in ["many", "more"].repeat(20) {
        let app = app.clone();
        let body = r#"{"application":{},"recourse":true}"#;
        let headers = [("x-api-key", key)];
        tokio::spawn(async move { send(&app, "POST", "/explain", &headers, body).await });
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..3 {
        let start = Instant::now();
        let answer = send(&app, "POST", "/predict", &[("x-api-key", "one")], "{}").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }
}
