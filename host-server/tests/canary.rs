//! A canary answers the same request again, and the same customer's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use axum::Router;
use common::{get, limits, send, stand_in};
use host_server::{App, ModelSource, ServeOptions, app};
use serde_json::Value;

/// The stand-in, which answers whatever object it is asked: the second version answers 7.
fn serve(deployment: &str) -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let canary = stand_in(&[(
        "{\\\"prediction\\\":1,\\\"approve\\\":true}",
        "{\\\"prediction\\\":7,\\\"approve\\\":null}",
    )]);
    for (version, file) in [("1.0.0", stand_in(&[])), ("2.0.0", canary)] {
        let place = folder.path().join("loans").join(version);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("model.wasm"), file).unwrap();
    }
    let path = folder.path().join("loans/deployment.toml");
    std::fs::write(path, deployment).unwrap();
    let options = ServeOptions {
        limits: limits(),
        allow_mismatch: true,
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    (app(App::open(options).unwrap()), folder)
}

async fn is_canary(app: &Router, path: &str, id: Option<&str>, body: &str) -> bool {
    let id = id.map(|id| ("x-request-id", id));
    let headers: Vec<_> = id.into_iter().collect();
    let answer = send(app, "POST", path, &headers, body.to_owned()).await;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    let answer = if answer.is_array() {
        &answer[0]
    } else {
        &answer
    };
    answer["prediction"] == 7
}

#[tokio::test]
async fn the_same_request_id_is_answered_by_the_same_version_everywhere() {
    let canary = "[challenger]\nversion = \"2.0.0\"\nmode = \"canary\"\npercent = 25\n";
    let (app, _folder) = serve(canary);
    let (other, _other_folder) = serve(canary);
    let mut answered = 0;
    for number in 0..200 {
        let id = format!("loan-{number}");
        let first = is_canary(&app, "/predict", Some(&id), "{}").await;
        for (server, path, body) in [
            (&app, "/predict", "{}"),
            (&other, "/models/loans/predict", "{}"),
            (&other, "/predict/batch", "[{}]"),
        ] {
            let again = is_canary(server, path, Some(&id), body).await;
            assert_eq!(again, first, "{id}: {path}");
        }
        answered += usize::from(first);
    }
    // Four standard deviations around 50.
    assert!((26..=74).contains(&answered), "{answered}");
    // Whoever sends no id is spread evenly, as ever.
    let mut answered = 0;
    for _ in 0..40 {
        answered += usize::from(is_canary(&app, "/predict", None, "{}").await);
    }
    assert_eq!(answered, 10);
}

#[tokio::test]
async fn a_named_field_keeps_a_customer_with_one_version() {
    let (app, _folder) = serve(
        "[challenger]\nversion = \"2.0.0\"\nmode = \"canary\"\npercent = 50\nsticky_by = \"customer\"\n",
    );
    let mut answered = 0;
    for customer in 0..60 {
        let body = format!("{{\"customer\": {customer}}}");
        let first = is_canary(&app, "/predict", Some("a"), &body).await;
        // A long body is read elsewhere.
        let long = format!(
            "{{\"customer\": {customer}, \"more\": \"{}\"}}",
            "x".repeat(5_000)
        );
        for (id, body) in [("b", &body), ("c", &body), ("d", &long), ("e", &long)] {
            assert_eq!(is_canary(&app, "/predict", Some(id), body).await, first);
        }
        answered += usize::from(first);
    }
    assert!((15..=45).contains(&answered), "{answered}");
}

#[tokio::test]
async fn a_metric_says_which_version_answers() {
    let (app, _folder) = serve("version = \"1.0.0\"\n");
    let metrics = get(&app, "/metrics", &[]).await;
    let lines = metrics.text().lines();
    let champions: Vec<_> = lines
        .filter(|line| line.starts_with("underwrite_champion{"))
        .collect();
    assert_eq!(
        champions,
        ["underwrite_champion{model=\"loans\",version=\"1.0.0\"} 1"]
    );
}

/// What anybody may read of a model takes no turn of those who ask for decisions.
#[tokio::test]
async fn who_reads_about_a_model_does_not_choose_who_decides() {
    let canary = "[challenger]\nversion = \"2.0.0\"\nmode = \"canary\"\npercent = 50\n";
    for path in [
        "/models/loans/schema",
        "/v1/models/loans",
        "/v2/models/loans",
        "/v2/models/loans/ready",
    ] {
        let (app, _folder) = serve(canary);
        let mut canaries = 0;
        for _ in 0..20 {
            assert_eq!(get(&app, path, &[]).await.status, 200, "{path}");
            canaries += u32::from(is_canary(&app, "/predict", None, "{}").await);
        }
        assert_eq!(canaries, 10, "{path}");
    }
}
