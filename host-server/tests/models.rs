//! Many models and versions: what answers, and how that changes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::models::{
    ADMIN, administer, champion, described, folder, in_another_order, json, metric, numbered,
    serve, serve_folder, serve_strictly, who, write,
};
use common::{get, limits, predict, send, stand_in};
use host_server::{App, Checked, FileCheck, ModelSource, ServeOptions, app};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

#[tokio::test]
async fn the_newest_version_of_each_model_answers() {
    let folder = folder(&[
        ("cars", "1.9.0", numbered(1)),
        ("cars", "1.10.0", numbered(2)),
        ("cars", "1.10.0-rc.1", numbered(3)),
        ("homes", "v1", numbered(4)),
        ("homes", "v2", numbered(5)),
    ]);
    let app = serve_folder(&folder);
    assert_eq!(who(&app, "/predict").await, 2);
    assert_eq!(who(&app, "/models/cars/predict").await, 2);
    assert_eq!(who(&app, "/models/homes/predict").await, 5);
    assert_eq!(who(&app, "/models/homes/versions/v1/predict").await, 4);
    let models = json(&get(&app, "/models", &[]).await);
    assert_eq!(models["models"][0]["default"], true);
    let versions = models["models"][0]["versions"].as_array().unwrap();
    let versions: Vec<&Value> = versions.iter().map(|one| &one["version"]).collect();
    assert_eq!(versions, ["1.9.0", "1.10.0-rc.1", "1.10.0"]);
    for path in ["/models/boats/predict", "/models/cars/versions/3/predict"] {
        assert_eq!(send(&app, "POST", path, &[], "{}").await.status, 404);
    }
}

#[tokio::test]
async fn a_new_version_answers_after_a_reload_and_can_be_rolled_back() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    write(folder.path(), "cars", "2", &numbered(2));
    assert_eq!(who(&app, "/predict").await, 1);
    let outcome = json(&administer(&app, "/models/cars/reload").await);
    assert_eq!(outcome["serving"], "2");
    assert_eq!(outcome["loaded"][0], "2");
    assert_eq!(who(&app, "/predict").await, 2);

    let outcome = json(&administer(&app, "/models/cars/rollback").await);
    assert_eq!(outcome["serving"], "1");
    assert_eq!(who(&app, "/predict").await, 1);
    assert_eq!(administer(&app, "/models/cars/rollback").await.status, 409);
    // It is written down: somebody has to write something else.
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 1);
    std::fs::remove_file(folder.path().join("cars/deployment.toml")).unwrap();
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 2);
}

/// It is written once for a model, and again for the next.
#[tokio::test]
async fn openapi_is_that_of_the_model_that_answers() {
    let described = |text: &str| stand_in(&[("Decides nothing.", text)]);
    let folder = folder(&[("cars", "1", described("Decides nothing!"))]);
    let app = serve_folder(&folder);
    let ask = async |headers: &[(&str, &str)]| get(&app, "/openapi.json", headers).await;
    let first = ask(&[]).await;
    assert!(first.text().contains("Decides nothing!"));
    let tag = first.header("etag").to_owned();
    let again = ask(&[("if-none-match", &tag)]).await;
    assert_eq!(again.status, 304);
    assert!(again.body.is_empty());
    write(folder.path(), "cars", "2", &described("Decides nothing?"));
    administer(&app, "/models/cars/reload").await;
    let next = ask(&[("if-none-match", &tag)]).await;
    assert_eq!(next.status, 200);
    assert!(next.text().contains("Decides nothing?"), "{}", next.text());
}

#[tokio::test]
async fn a_bad_file_is_refused_and_the_old_one_goes_on() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    let refused = "underwrite_model_reloads_total{model=\"cars\",result=\"refused\"}";
    let mut cut = numbered(2);
    cut.pop();
    for (count, file) in [cut, b"hello".to_vec(), numbered(2)[8..].to_vec()]
        .iter()
        .enumerate()
    {
        write(folder.path(), "cars", "2", file);
        let answer = administer(&app, "/models/cars/reload").await;
        assert_eq!(answer.status, 409);
        assert!(
            answer.text().contains("cars/2/model.wasm: "),
            "{}",
            answer.text()
        );
        assert_eq!(who(&app, "/predict").await, 1);
        assert_eq!(metric(&app, refused).await, count as u64 + 1);
    }
    // The same place, damaged: what was loaded from it goes on.
    write(folder.path(), "cars", "1", b"hello");
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 1);
}

/// Files that differ in a policy alone share a digest, and the series of the one that answers went
/// with the first that was let go of.
#[tokio::test]
async fn the_metrics_know_a_model_until_its_last_file_is_let_go_of() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    let is_known = async || {
        let metrics = get(&app, "/metrics", &[ADMIN]).await;
        let metrics = metrics.text();
        metrics.contains("underwrite_model_info{model=\"cars\",version=\"1\",")
    };
    for number in 2..6 {
        assert!(is_known().await, "before {number}");
        write(folder.path(), "cars", "1", &numbered(number));
        administer(&app, "/models/cars/reload").await;
        assert_eq!(who(&app, "/predict").await, number);
    }
    assert!(is_known().await);
    // With the last of them it goes: the next reload forgets a version before whose folder is gone.
    write(folder.path(), "cars", "2", &numbered(6));
    std::fs::remove_dir_all(folder.path().join("cars/1")).unwrap();
    for _ in 0..2 {
        administer(&app, "/models/cars/reload").await;
    }
    assert!(!is_known().await);
}

#[tokio::test]
async fn the_deployment_says_who_answers() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = folder.path().join("cars/deployment.toml");
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let app = serve_folder(&folder);
    assert_eq!(who(&app, "/predict").await, 1);

    let canary = "[challenger]\nversion = \"2\"\nmode = \"canary\"\npercent = 25";
    std::fs::write(&deployment, canary).unwrap();
    assert_eq!(administer(&app, "/models/cars/reload").await.status, 200);
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(who(&app, "/predict").await);
    }
    assert_eq!(answers.iter().filter(|number| **number == 2).count(), 25);

    for (wrong, sentence) in [
        ("versoin = \"1\"", "unknown field `versoin`"),
        ("version = \"7\"", "names version 7"),
        (
            "[challenger]\nversion = \"2\"\npercent = 101",
            "percent is 101",
        ),
    ] {
        std::fs::write(&deployment, wrong).unwrap();
        let answer = administer(&app, "/models/cars/reload").await;
        assert_eq!(answer.status, 409);
        assert!(answer.text().contains(sentence), "{}", answer.text());
    }
    assert_eq!(
        json(&get(&app, "/models/cars", &[]).await)["challenger"]["mode"],
        "canary"
    );
}

/// Whoever may write to the folder could once stop all reloads, or take all memory.
#[cfg(unix)]
#[tokio::test]
async fn a_deployment_that_is_endless_or_no_file_is_refused() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    let deployment = folder.path().join("cars/deployment.toml");
    for (make, sentence) in [
        ("mkfifo", "not a regular file"),
        ("ln -s /dev/zero", "not a regular file"),
        ("truncate -s 8G", "longer than 64 KiB"),
    ] {
        let made = std::process::Command::new("sh")
            .args(["-c", &format!("{make} \"$0\"")])
            .arg(&deployment)
            .status();
        assert!(made.unwrap().success(), "{make}");
        let answer = administer(&app, "/models/cars/reload");
        let answer = tokio::time::timeout(Duration::from_secs(10), answer);
        let answer = answer.await.unwrap_or_else(|_| panic!("{make}: it hangs"));
        assert_eq!(answer.status, 409, "{make}");
        assert!(answer.text().contains(sentence), "{}", answer.text());
        assert_eq!(who(&app, "/predict").await, 1);
        std::fs::remove_file(&deployment).unwrap();
    }
    assert_eq!(administer(&app, "/models/cars/reload").await.status, 200);
}

#[tokio::test]
async fn a_shadow_is_asked_and_not_heard() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", stand_in(&[]))]);
    let deployment = "version = \"1\"\n[challenger]\nversion = \"2\"";
    std::fs::write(folder.path().join("cars/deployment.toml"), deployment).unwrap();
    let app = serve_folder(&folder);
    for _ in 0..10 {
        assert_eq!(who(&app, "/predict").await, 1);
    }
    // Both trap on this: the answer is the champion's failure, and the shadow is told nothing.
    assert_eq!(predict(&app, "t").await.status, 500);
    let compared = "underwrite_shadow_total{model=\"cars\",version=\"2\",result=\"agreed\"}";
    let start = Instant::now();
    while metric(&app, compared).await < 10 {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is promoted while it is still named as the challenger once was its own shadow: the drift of
/// its inputs was shown nowhere, and it agreed with itself.
#[tokio::test]
async fn no_model_is_its_own_challenger() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = folder.path().join("cars/deployment.toml");
    let shadow = "[challenger]\nversion = \"2\"";
    std::fs::write(&deployment, format!("version = \"1\"\n{shadow}")).unwrap();
    let app = serve_folder(&folder);
    std::fs::write(&deployment, format!("version = \"2\"\n{shadow}")).unwrap();
    let answer = administer(&app, "/models/cars/reload").await;
    assert!(answer.text().contains("which is the version that answers"));
    assert_eq!(json(&answer)["serving"], "2", "{}", answer.text());
    assert_eq!(who(&app, "/predict").await, 2);
    let models = json(&get(&app, "/models", &[]).await);
    assert_eq!(models["models"][0]["challenger"], Value::Null, "{models}");
}

/// A model whose decisions have a probability, 1 or 0.
fn certain(probability: u8) -> Vec<u8> {
    stand_in(&[
        (
            "{\\\"prediction\\\":1,\\\"approve\\\":true}",
            &format!("{{\\\"prediction\\\":1,\\\"probability\\\":{probability}}}"),
        ),
        (
            "(call $packed (i32.const 1024) (i32.const 31)))",
            "(call $packed (i32.const 1024) (i32.const 32)))",
        ),
    ])
}

#[tokio::test]
async fn every_decision_that_a_client_gets_is_counted_once() {
    let folder = folder(&[("cars", "1", certain(1)), ("cars", "2", certain(0))]);
    let deployment = "version = \"1\"\n[challenger]\nversion = \"2\"";
    std::fs::write(folder.path().join("cars/deployment.toml"), deployment).unwrap();
    let app = serve_folder(&folder);
    let rows = "[{}, {}, {}]".to_owned();
    for (path, body) in [
        ("/predict", "{}".to_owned()),
        (
            "/models/cars/predict",
            format!("{{{}}}", " ".repeat(70_000)),
        ),
        ("/models/cars/versions/1/predict", "{}".to_owned()),
        ("/predict/batch", rows),
    ] {
        let answer = send(&app, "POST", path, &[], body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    // Of the four, two went to the default or named model, whose challenger is in the shadow.
    let compared = "underwrite_shadow_total{model=\"cars\",version=\"2\",result=\"agreed\"}";
    let start = Instant::now();
    while metric(&app, compared).await < 2 {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let scores =
        |version: u8| format!("underwrite_score_count{{model=\"cars\",version=\"{version}\"}}");
    assert_eq!(metric(&app, &scores(1)).await, 6);
    // No client gets the challenger's decisions.
    assert_eq!(metric(&app, &scores(2)).await, 0);
    assert_eq!(metric(&app, "pred_requests_total").await, 3);
}

#[tokio::test]
async fn a_shadow_that_hangs_does_not_touch_the_answers() {
    let hangs = stand_in(&[(
        "(local.set $first (i32.load8_u (local.get $pointer)))",
        "(loop $for_ever (br $for_ever)) (local.set $first (i32.load8_u (local.get $pointer)))",
    )]);
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", hangs)]);
    let deployment = "version = \"1\"\n[challenger]\nversion = \"2\"";
    std::fs::write(folder.path().join("cars/deployment.toml"), deployment).unwrap();
    let app = serve_folder(&folder);
    // Each takes the challenger 300 ms: more than its queue holds.
    let start = Instant::now();
    for _ in 0..1500 {
        assert_eq!(who(&app, "/predict").await, 1);
    }
    assert!(start.elapsed() < Duration::from_secs(60));
    let dropped = "underwrite_shadow_total{model=\"cars\",version=\"2\",result=\"dropped\"}";
    assert!(metric(&app, dropped).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_over_many_reloads() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (app, stop) = (app.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut answered = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(predict(&app, "{}").await.status, 200);
                    answered += 1;
                    tokio::task::yield_now().await;
                }
                answered
            })
        })
        .collect();
    for round in 0..30_u8 {
        write(folder.path(), "cars", "1", &numbered(round % 7 + 2));
        let outcome = json(&administer(&app, "/models/cars/reload").await);
        assert_eq!(outcome["loaded"][0], "1", "{outcome}");
        assert_eq!(who(&app, "/predict").await, round % 7 + 2);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn only_an_admin_reloads() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    let refused = send(&app, "POST", "/models/cars/reload", &[], Body::empty()).await;
    assert_eq!(refused.status, 401);
    let open = app_without_keys(&folder);
    let off = send(
        &open,
        "POST",
        "/models/cars/reload",
        &[ADMIN],
        Body::empty(),
    )
    .await;
    assert_eq!(off.status, 403);
}

fn app_without_keys(folder: &TempDir) -> Router {
    let source = ModelSource::Folder(folder.path().to_owned());
    app(App::open(ServeOptions::new(source)).unwrap())
}

/// A slip of the pen once brought back what was rolled back of other models.
#[tokio::test]
async fn a_reload_of_one_model_asks_for_no_other() {
    let models = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = models.path().join("cars/deployment.toml");
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let app = serve_folder(&models);
    std::fs::remove_file(&deployment).unwrap();
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 2);
    administer(&app, "/models/cars/rollback").await;
    std::fs::remove_file(&deployment).unwrap();
    assert_eq!(administer(&app, "/models/carts/reload").await.status, 404);
    assert_eq!(who(&app, "/models/cars/predict").await, 1);
    // One that is new is found, and nothing else.
    write(models.path(), "boats", "1", &numbered(3));
    let answer = administer(&app, "/models/boats/reload").await;
    assert_eq!(json(&answer)["serving"], "1", "{}", answer.text());
    assert_eq!(who(&app, "/models/boats/predict").await, 3);
    assert_eq!(who(&app, "/models/cars/predict").await, 1);
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/models/cars/predict").await, 2);
}

/// The same of a file alone.
#[tokio::test]
async fn a_reload_of_an_unknown_model_leaves_the_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.wasm");
    std::fs::write(&file, numbered(1)).unwrap();
    let app = serve(ModelSource::File(file.clone()));
    std::fs::write(&file, numbered(2)).unwrap();
    administer(&app, "/models/stand-in/reload").await;
    administer(&app, "/models/stand-in/rollback").await;
    assert_eq!(who(&app, "/predict").await, 1);
    assert_eq!(
        administer(&app, "/models/standing/reload").await.status,
        404
    );
    assert_eq!(who(&app, "/predict").await, 1);
}

/// Who was rolled back to answers after a restart, whatever older versions are there.
#[tokio::test]
async fn a_start_serves_the_version_that_is_pinned() {
    let models = folder(&[
        ("stand-in", "1.2.3", described("stand-in", "1.2.3", "b")),
        ("stand-in", "1.3.0", in_another_order("1.3.0")),
    ]);
    let deployment = models.path().join("stand-in/deployment.toml");
    let app = serve_strictly(&models, false);
    std::fs::write(&deployment, "version = \"1.3.0\"\n").unwrap();
    let answer = administer(&app, "/models/stand-in/reload").await;
    assert_eq!(answer.status, 409);
    assert_eq!(champion(&app).await, "1.2.3");
    assert!(
        answer.text().contains("the next start serves"),
        "{}",
        answer.text()
    );
    let started = serve_strictly(&models, false);
    assert_eq!(champion(&started).await, "1.3.0");
    // Nothing is refused there: somebody named it.
    let again = administer(&started, "/models/stand-in/reload").await;
    assert_eq!(again.status, 200, "{}", again.text());
}

/// A model that cannot be loaded is not replaced by the next by name.
#[tokio::test]
async fn no_other_model_answers_for_the_default_one() {
    let (cars, homes) = (numbered(1), numbered(2));
    let models = folder(&[("cars", "1", cars.clone()), ("homes", "1", homes)]);
    std::fs::create_dir(models.path().join("archive")).unwrap();
    let app = serve_folder(&models);
    assert_eq!(who(&app, "/predict").await, 1);
    let damaged = cars[..cars.len() - 1].to_vec();
    for (file, deployment) in [(&damaged, ""), (&cars, "version = \"9.9.9\"")] {
        write(models.path(), "cars", "1", file);
        std::fs::write(models.path().join("cars/deployment.toml"), deployment).unwrap();
        administer(&app, "/models/cars/reload").await;
        assert_eq!(who(&app, "/predict").await, 1);
        let started = serve_folder(&models);
        assert_eq!(predict(&started, "{}").await.status, 503);
        assert_eq!(get(&started, "/health", &[]).await.status, 503);
        assert_eq!(who(&started, "/models/homes/predict").await, 2);
    }
    // It comes back.
    let started = serve_folder(&models);
    std::fs::remove_file(models.path().join("cars/deployment.toml")).unwrap();
    write(models.path(), "cars", "1", &cars);
    administer(&started, "/models/homes/reload").await;
    assert_eq!(predict(&started, "{}").await.status, 503);
    assert_eq!(who(&serve_folder(&models), "/predict").await, 1);
}

/// Such a challenger once took the champion with it.
#[tokio::test]
async fn a_start_serves_the_champion_without_a_challenger_that_is_refused() {
    let models = folder(&[
        ("stand-in", "1.2.3", described("stand-in", "1.2.3", "b")),
        ("stand-in", "1.3.0", in_another_order("1.3.0")),
    ]);
    let deployment = models.path().join("stand-in/deployment.toml");
    for (challenger, sentence) in [
        (
            "version = \"1.3.0\"\nmode = \"canary\"\npercent = 50",
            "in another place",
        ),
        ("version = \"9.9.9\"", "names version 9.9.9"),
    ] {
        let text = format!("version = \"1.2.3\"\n[challenger]\n{challenger}");
        std::fs::write(&deployment, text).unwrap();
        let app = serve_strictly(&models, false);
        let shown = json(&get(&app, "/models/stand-in", &[]).await);
        assert_eq!(shown["version"], "1.2.3", "{shown}");
        assert!(shown["challenger"].is_null(), "{shown}");
        for _ in 0..4 {
            assert_eq!(predict(&app, "{}").await.status, 200);
        }
        let answer = administer(&app, "/models/stand-in/reload").await;
        assert_eq!(answer.status, 409);
        assert!(answer.text().contains(sentence), "{}", answer.text());
    }
    // Who answers cannot be read: nobody guesses.
    for text in ["versoin = \"1.2.3\"", "version = \"9.9.9\""] {
        std::fs::write(&deployment, text).unwrap();
        let app = serve_strictly(&models, false);
        assert_eq!(predict(&app, "{}").await.status, 503, "{text}");
    }
}

#[tokio::test]
async fn a_file_is_measured_before_it_is_read() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    let place = folder.path().join("cars/2");
    std::fs::create_dir_all(&place).unwrap();
    let file = std::fs::File::create(place.join("model.wasm")).unwrap();
    // No disk is used, and none of it may be read.
    file.set_len(1 << 40).unwrap();
    let start = Instant::now();
    let answer = administer(&app, "/models/cars/reload").await;
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(
        answer.text().contains("1099511627776 bytes"),
        "{}",
        answer.text()
    );
    file.set_len(1 << 20).unwrap();
    let answer = administer(&app, "/models/cars/reload").await;
    assert!(
        answer.text().contains("not a WebAssembly module"),
        "{}",
        answer.text()
    );
    assert_eq!(who(&app, "/predict").await, 1);
}

/// A version that was asked for by name was once loaded for each request, where the champion took
/// the only place.
#[tokio::test]
async fn a_named_version_stays_beside_those_that_answer() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    std::fs::write(
        folder.path().join("cars/deployment.toml"),
        "version = \"1\"",
    )
    .unwrap();
    let options = ServeOptions {
        limits: limits(),
        allow_mismatch: true,
        loaded_versions: 1.try_into().unwrap(),
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    let app = app(App::open(options).unwrap());
    assert_eq!(who(&app, "/models/cars/versions/2/predict").await, 2);
    let models = json(&get(&app, "/models/cars", &[]).await);
    let versions = models["versions"].as_array().unwrap();
    assert!(versions.iter().all(|one| one["loaded"] == true), "{models}");
}

#[tokio::test]
async fn only_so_many_versions_are_loaded() {
    let files: Vec<(&str, String)> = (1..=6)
        .map(|version| ("cars", version.to_string()))
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = files
        .iter()
        .zip(1..)
        .map(|((name, version), number)| (*name, version.as_str(), numbered(number)))
        .collect();
    let folder = folder(&files);
    let pinned = "version = \"1\"\n[challenger]\nversion = \"2\"";
    std::fs::write(folder.path().join("cars/deployment.toml"), pinned).unwrap();
    let options = ServeOptions {
        limits: limits(),
        allow_mismatch: true,
        loaded_versions: 3.try_into().unwrap(),
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    let app = app(App::open(options).unwrap());
    assert_eq!(who(&app, "/predict").await, 1);
    let loaded = async || {
        let models = json(&get(&app, "/models/cars", &[]).await);
        let versions = models["versions"].as_array().unwrap().clone();
        assert_eq!(versions.len(), 6);
        let loaded = versions.iter().filter(|one| one["loaded"] == true);
        let names = loaded.map(|one| one["version"].as_str().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    // The champion and the challenger; another one while it is used.
    assert_eq!(loaded().await, ["1", "2", "6"]);
    for version in ["3", "4", "3", "6", "1"] {
        let path = format!("/models/cars/versions/{version}/predict");
        assert_eq!(who(&app, &path).await, version.parse::<u8>().unwrap());
    }
    assert_eq!(loaded().await, ["1", "2", "6"]);
    let ready = get(&app, "/v2/models/cars/versions/5/ready", &[]).await;
    assert_eq!(ready.status, 200);
    // Nor does whoever asks what it takes, for which nobody needs a key.
    let described = get(&app, "/v2/models/cars/versions/5", &[]).await;
    assert_eq!(json(&described)["inputs"][0]["name"], "a");
    assert_eq!(loaded().await, ["1", "2", "6"]);

    // A file that is no longer the one that was checked is not loaded.
    write(folder.path(), "cars", "4", &numbered(9));
    let changed = send(&app, "POST", "/models/cars/versions/4/predict", &[], "{}").await;
    assert_eq!(changed.status, 503);
    assert_eq!(who(&app, "/predict").await, 1);
}

/// An answer that its client did not read kept its version, which then was loaded once more for the
/// next request, as often as one liked.
#[tokio::test]
async fn versions_that_requests_keep_are_loaded_once_and_counted() {
    const EXPLAINS: &str = r#"(func (export "abi_free") (param i32 i32))
      (func (export "abi_explain") (param i32 i32) (result i64)
        (global.set $status (i32.const 200))
        (call $packed (i32.const 1024) (i32.const 31)))"#;
    let free = r#"(func (export "abi_free") (param i32 i32))"#;
    let file = stand_in(&[(free, EXPLAINS)]);
    let versions = ["1", "2", "3", "4", "5"].map(|version| ("cars", version, file.clone()));
    let folder = folder(&versions);
    let options = ServeOptions {
        limits: limits(),
        allow_mismatch: true,
        loaded_versions: NonZeroUsize::MIN,
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    let app = app(App::open(options).unwrap());
    let rows = format!("[{}]", ["{}"; 40].join(","));
    let explain = async |version: &str| {
        let request = Request::post(format!("/models/cars/versions/{version}/explain"));
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(rows.clone())).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    // Answers that nobody reads, beside the champion: as many again as may be loaded.
    let mut unread = Vec::new();
    for version in ["1", "2", "3"] {
        let answer = explain(version).await;
        assert_eq!(answer.status(), 200);
        unread.push(answer);
    }
    assert_eq!(explain("4").await.status(), 503);
    // The first one is still there, though not loaded: its file is not asked for.
    std::fs::remove_file(folder.path().join("cars/1/model.wasm")).unwrap();
    assert_eq!(explain("1").await.status(), 200);
    drop(unread);
    assert_eq!(explain("4").await.status(), 200);
}

/// It would run in pages outside the sandbox of WebAssembly.
#[tokio::test]
async fn the_javascript_of_a_model_in_doubt_is_served_as_the_check_says() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    for (script, status) in [(None, 404), (Some("export default 1;"), 200)] {
        let check = move |_: &[u8]| {
            Ok(Checked::Doubtful {
                reason: "nobody knows it".to_owned(),
                script: script.map(|script| script.as_bytes().into()),
            })
        };
        let options = ServeOptions {
            limits: limits(),
            allow_mismatch: true,
            check: Some(FileCheck(Arc::new(check))),
            ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
        };
        let app = app(App::open(options).unwrap());
        assert_eq!(who(&app, "/predict").await, 1);
        let answer = get(&app, "/model.js", &[]).await;
        assert_eq!(answer.status, status);
        match script {
            None => assert!(answer.text().contains("is not served"), "{}", answer.text()),
            Some(script) => assert_eq!(answer.text(), script),
        }
    }
    let served = get(&serve_folder(&folder), "/model.js", &[]).await;
    assert_eq!(served.status, 200);
}
