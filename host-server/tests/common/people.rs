//! What loan officers do, for tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its part, and a test may panic"
)]

use axum::Router;
use host_server::ServeOptions;
use serde_json::Value;

use crate::recorded::{ADMIN, PROGRAM, fetch, post, receipt};

/// What people say of a decision.
pub(crate) const APPROVE: &str =
    r#"{"outcome": "approve", "reason": "INCOME", "note": "Payslips seen"}"#;
pub(crate) const DECLINE: &str = r#"{"outcome": "decline", "reason": "OTHER"}"#;

/// Asks for a decision: its index.
pub(crate) async fn decided(app: &Router, body: &str) -> u64 {
    receipt(&post(app, PROGRAM, "/predict", body).await).0
}

/// What a person says: status and answer.
pub(crate) async fn say(app: &Router, key: &str, path: &str, body: &str) -> (u16, Value) {
    let answer = post(app, key, path, body).await;
    let value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status.as_u16(), value)
}

/// Decides a recorded decision: status and answer.
pub(crate) async fn decide(app: &Router, key: &str, index: u64, body: &str) -> (u16, Value) {
    say(app, key, &format!("/decisions/{index}/override"), body).await
}

/// Those of a page of decisions, in order.
pub(crate) fn indexes(page: &Value) -> Vec<u64> {
    let decisions = page["decisions"].as_array().unwrap().iter();
    decisions
        .map(|one| one["index"].as_u64().unwrap())
        .collect()
}

/// A sample of the metrics.
pub(crate) async fn metric(app: &Router, sample: &str) -> u64 {
    let text = fetch(app, ADMIN, "/metrics").await;
    let mut lines = text.text().lines();
    let value = lines.find_map(|line| line.strip_prefix(sample));
    value
        .unwrap_or_else(|| panic!("no {sample}"))
        .trim()
        .parse()
        .unwrap()
}

/// The server before has closed its log when it was dropped.
pub(crate) fn restart_with(options: impl Fn() -> ServeOptions) -> Router {
    for _ in 0..500 {
        match host_server::App::open(options()) {
            Ok(app) => return host_server::app(app),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    panic!("the log stays locked")
}
