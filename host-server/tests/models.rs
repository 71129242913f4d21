//! Many models and versions: what answers, and how that changes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use common::running::{GOOD, Running};
use common::{Answer, get, limits, predict, send, stand_in};
use host_server::{
    App, Checked, FileCheck, Key, ModelSource, Role, ServeOptions, SignatureCheck, Signer, app,
};
use serde_json::Value;
use tempfile::TempDir;

const METRICS: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const ADMIN: (&str, &str) = ("x-api-key", "chief");

/// A stand-in whose decisions carry its number.
fn numbered(number: u8) -> Vec<u8> {
    assert!(number < 10);
    stand_in(&[(
        "{\\\"prediction\\\":1,\\\"approve\\\":true}",
        &format!("{{\\\"prediction\\\":{number},\\\"approve\\\":null}}"),
    )])
}

/// A folder of models: `(name, version, file)`.
fn folder(files: &[(&str, &str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, version, file) in files {
        write(folder.path(), name, version, file);
    }
    folder
}

fn write(folder: &Path, name: &str, version: &str, file: &[u8]) {
    let place = folder.join(name).join(version);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("aside"), file).unwrap();
    std::fs::rename(place.join("aside"), place.join("model.wasm")).unwrap();
}

fn serve(source: ModelSource) -> Router {
    let options = ServeOptions {
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        // The stand-in's name and version are always the same.
        allow_mismatch: true,
        ..ServeOptions::new(source)
    };
    app(App::open(options).unwrap())
}

fn serve_folder(folder: &TempDir) -> Router {
    serve(ModelSource::Folder(folder.path().to_owned()))
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The number of the model that decides.
async fn who(app: &Router, path: &str) -> Value {
    let answer = send(app, "POST", path, &[], "{}").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    json(&answer)["prediction"].clone()
}

async fn administer(app: &Router, path: &str) -> Answer {
    send(app, "POST", path, &[ADMIN], Body::empty()).await
}

async fn metric(app: &Router, sample: &str) -> u64 {
    let text = get(app, "/metrics", &[]).await;
    let line = text
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(sample));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

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

/// The stand-in with this name, version and inputs.
fn described(name: &str, version: &str, input: &str) -> Vec<u8> {
    assert_eq!((name.len(), version.len(), input.len()), (8, 5, 1));
    stand_in(&[
        ("\\\"stand-in\\\"", &format!("\\\"{name}\\\"")),
        ("\\\"1.2.3\\\"", &format!("\\\"{version}\\\"")),
        (
            "\\\"name\\\":\\\"b\\\"",
            &format!("\\\"name\\\":\\\"{input}\\\""),
        ),
    ])
}

/// The stand-in with its inputs the other way round.
fn in_another_order(version: &str) -> Vec<u8> {
    let input = |name: &str, kind: &str| {
        format!(
            "{{\\\"name\\\":\\\"{name}\\\",\\\"type\\\":\\\"{kind}\\\",\\\"role\\\":\\\"input\\\"}}"
        )
    };
    let (a, b) = (input("a", "category"), input("b", "number"));
    stand_in(&[
        ("\\\"1.2.3\\\"", &format!("\\\"{version}\\\"")),
        (&format!("{a},{b}"), &format!("{b},{a}")),
    ])
}

/// Lists and tensors of a client would mean another applicant for every other request.
#[tokio::test]
async fn a_canary_has_the_champions_inputs() {
    let models = folder(&[
        ("stand-in", "1.2.3", described("stand-in", "1.2.3", "b")),
        ("stand-in", "1.3.0", in_another_order("1.3.0")),
    ]);
    let deployment = models.path().join("stand-in/deployment.toml");
    std::fs::write(&deployment, "version = \"1.2.3\"\n").unwrap();
    let app = serve_strictly(&models, false);
    let canary =
        "version = \"1.2.3\"\n[challenger]\nversion = \"1.3.0\"\nmode = \"canary\"\npercent = 50";
    std::fs::write(&deployment, canary).unwrap();
    let answer = administer(&app, "/models/stand-in/reload").await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(
        answer.text().contains("in another place"),
        "{}",
        answer.text()
    );
    let lax = serve_strictly(&models, true);
    let shown = json(&get(&lax, "/models/stand-in", &[]).await);
    assert_eq!(shown["challenger"]["version"], "1.3.0", "{shown}");
}

fn serve_strictly(folder: &TempDir, allow_mismatch: bool) -> Router {
    let options = ServeOptions {
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        allow_mismatch,
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    app(App::open(options).unwrap())
}

#[tokio::test]
async fn a_model_is_what_its_folder_says() {
    let models = folder(&[
        ("stand-in", "1.2.3", described("stand-in", "1.2.3", "b")),
        (
            "stand-in",
            "v1.2.3+policy2",
            described("stand-in", "1.2.3", "b"),
        ),
    ]);
    let app = serve_strictly(&models, false);
    for (folder, file, sentence) in [
        (
            "1.3.0",
            described("stand-in", "1.2.3", "b"),
            "the model is version 1.2.3, its folder says 1.3.0",
        ),
        (
            "1.3.0",
            described("standing", "1.3.0", "b"),
            "the model is `standing`, its folder says `stand-in`",
        ),
        (
            "1.3.0",
            described("stand-in", "1.3.0", "z"),
            "version 1.3.0 has no input `b` as version 1.2.3 has",
        ),
        (
            "1.3.0",
            in_another_order("1.3.0"),
            "version 1.3.0 has the input `b` in another place than version 1.2.3",
        ),
    ] {
        write(models.path(), "stand-in", folder, &file);
        let answer = administer(&app, "/models/stand-in/reload").await;
        assert_eq!(answer.status, 409, "{sentence}");
        assert!(answer.text().contains(sentence), "{}", answer.text());
        assert_eq!(json(&answer)["serving"], "v1.2.3+policy2");
    }
    let lax = serve_strictly(&models, true);
    assert_eq!(
        json(&get(&lax, "/models/stand-in", &[]).await)["version"],
        "1.3.0"
    );
}

/// The stand-in of this version with some of its description's texts replaced.
fn redescribed(version: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let mut length = 282;
    let mut escaped = vec![("1.2.3".to_owned(), version.to_owned())];
    for (from, to) in changes {
        length = length + to.len() - from.len();
        let escape = |text: &str| text.replace('"', "\\\"");
        escaped.push((escape(from), escape(to)));
    }
    escaped.push((
        "(i32.const 282)".to_owned(),
        format!("(i32.const {length})"),
    ));
    let escaped: Vec<(&str, &str)> = escaped.iter().map(|(a, b)| (&**a, &**b)).collect();
    stand_in(&escaped)
}

const INPUT: &str = "\"name\":\"a\",\"type\":\"category\",\"role\":\"input\"";
const PROTECTED: &str = "\"name\":\"c\",\"type\":\"boolean\",\"role\":\"protected\"";

/// The stand-in of this version where this feature has these categories.
fn categories(version: &str, feature: &str, values: &str) -> Vec<u8> {
    let values = values
        .split(',')
        .map(|one| format!("{{\"value\":\"{one}\"}}"));
    let values = values.collect::<Vec<String>>().join(",");
    let to = feature.replace("boolean", "category") + &format!(",\"categories\":[{values}]");
    redescribed(version, &[(feature, &to)])
}

/// A tensor's index once became another category, in two steps of which none was refused.
#[tokio::test]
async fn a_successor_keeps_the_categories() {
    for feature in [INPUT, PROTECTED] {
        let models = folder(&[("stand-in", "1.0.0", categories("1.0.0", feature, "x,y,z"))]);
        let app = serve_strictly(&models, false);
        for (version, values, sentence) in [
            ("1.1.0", "x,y", "has no category `z` of `"),
            ("1.2.0", "x,y,w", "has no category `z` of `"),
            ("1.3.0", "x,z,y", "in another order than version 1.0.0"),
            ("1.4.0", "w,x,y,z", "in another order than version 1.0.0"),
            ("1.5.0", "x,y,z,w", ""),
        ] {
            write(
                models.path(),
                "stand-in",
                version,
                &categories(version, feature, values),
            );
            let answer = administer(&app, "/models/stand-in/reload").await;
            let is_taken = sentence.is_empty();
            assert_eq!(answer.status.as_u16(), if is_taken { 200 } else { 409 });
            assert!(answer.text().contains(sentence), "{}", answer.text());
            let serving = if is_taken { version } else { "1.0.0" };
            assert_eq!(json(&answer)["serving"], serving);
        }
    }
}

/// The version that answers for the stand-in.
async fn champion(app: &Router) -> Value {
    json(&get(app, "/models/stand-in", &[]).await)["version"].clone()
}

/// A reload refused a version, and the next start, or another server on the folder, once served it.
#[tokio::test]
async fn a_start_takes_the_versions_that_reloads_would_have_taken() {
    let models = folder(&[("stand-in", "1.2.3", described("stand-in", "1.2.3", "b"))]);
    let app = serve_strictly(&models, false);
    write(
        models.path(),
        "stand-in",
        "1.3.0",
        &in_another_order("1.3.0"),
    );
    let answer = administer(&app, "/models/stand-in/reload").await;
    assert_eq!(answer.status, 409);
    assert_eq!(champion(&app).await, "1.2.3");
    let started = serve_strictly(&models, false);
    assert_eq!(champion(&started).await, "1.2.3");
    let refused = "underwrite_model_reloads_total{model=\"stand-in\",result=\"refused\"}";
    assert_eq!(metric(&started, refused).await, 1);
    // It is there for those who name it.
    let named = "/models/stand-in/versions/1.3.0/predict";
    assert_eq!(send(&started, "POST", named, &[], "{}").await.status, 200);
    // What came after it counts, if it fits those before it.
    for (version, file, status, serving) in [
        (
            "1.4.0",
            described("stand-in", "1.4.0", "b"),
            200_u16,
            "1.4.0",
        ),
        ("1.6.0", in_another_order("1.6.0"), 409, "1.4.0"),
        ("1.5.0", described("stand-in", "1.5.0", "b"), 409, "1.5.0"),
    ] {
        write(models.path(), "stand-in", version, &file);
        let answer = administer(&app, "/models/stand-in/reload").await;
        assert_eq!(answer.status, status, "{version}: {}", answer.text());
        assert_eq!(json(&answer)["serving"], serving, "{version}");
        let started = serve_strictly(&models, false);
        assert_eq!(champion(&started).await, serving, "{version}");
    }
    assert_eq!(champion(&serve_strictly(&models, true)).await, "1.6.0");
    // Without those that it does not fit, it is the model.
    for version in ["1.2.3", "1.4.0", "1.5.0"] {
        std::fs::remove_dir_all(models.path().join("stand-in").join(version)).unwrap();
    }
    let answer = administer(&app, "/models/stand-in/reload").await;
    assert_eq!(json(&answer)["serving"], "1.5.0", "{}", answer.text());
    let goes_on = "version 1.5.0 goes on, but the next start serves version 1.6.0";
    assert!(answer.text().contains(goes_on), "{}", answer.text());
    assert_eq!(champion(&serve_strictly(&models, false)).await, "1.6.0");
}

/// A reload was once answered 200, and the next start, or another server on the folder, served
/// nothing: only a challenger was left. It went on as a canary whatever the file said.
#[tokio::test]
async fn a_reload_says_that_the_next_start_serves_nothing() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = folder.path().join("cars/deployment.toml");
    let challenge = |mode: &str| {
        let text = format!("[challenger]\nversion = \"2\"\nmode = {mode}");
        std::fs::write(&deployment, text).unwrap();
    };
    challenge("\"canary\"\npercent = 50");
    let app = serve_folder(&folder);
    let canarys = async || {
        let mut answers = 0;
        for _ in 0..20 {
            answers += u8::from(who(&app, "/predict").await == 2);
        }
        answers
    };
    assert_eq!(canarys().await, 10);
    std::fs::remove_dir_all(folder.path().join("cars/1")).unwrap();
    let refused = "underwrite_model_reloads_total{model=\"cars\",result=\"refused\"}";
    let goes_on = "version 1 goes on, but the next start serves none";
    for (mode, share, shown) in [
        ("\"canary\"\npercent = 50", 10, "canary"),
        // It is turned off all the same.
        ("\"canary\"\npercent = 0", 0, "canary"),
        ("\"shadow\"", 0, "shadow"),
    ] {
        challenge(mode);
        let answer = administer(&app, "/models/cars/reload").await;
        assert_eq!(answer.status, 409, "{mode}");
        assert!(answer.text().contains(goes_on), "{}", answer.text());
        assert_eq!(canarys().await, share, "{mode}");
        let cars = json(&get(&app, "/models/cars", &[]).await);
        let challenger = (&cars["version"], &cars["challenger"]["mode"]);
        assert_eq!(challenger, (&"1".into(), &shown.into()));
        assert_eq!(who(&app, "/models/cars/versions/2/predict").await, 2);
        let started = serve_folder(&folder);
        assert_eq!(get(&started, "/health", &[]).await.status, 503);
        assert_eq!(metric(&started, refused).await, 1);
    }
    // One that is not there is refused, and the one before goes on.
    std::fs::write(&deployment, "[challenger]\nversion = \"7\"").unwrap();
    let answer = administer(&app, "/models/cars/reload").await;
    assert!(
        answer.text().contains("names version 7"),
        "{}",
        answer.text()
    );
    // As the champion it answers.
    std::fs::remove_file(&deployment).unwrap();
    let answer = administer(&app, "/models/cars/reload").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(json(&answer)["serving"], "2");
    // Nor is a folder without any version passed over.
    std::fs::remove_dir_all(folder.path().join("cars/2")).unwrap();
    let answer = administer(&app, "/models/cars/reload").await;
    assert_eq!(answer.status, 409);
    assert!(
        answer.text().contains(&goes_on.replace('1', "2")),
        "{}",
        answer.text()
    );
    assert_eq!(who(&app, "/predict").await, 2);
}

/// Writes a version of the stand-in whose input has these categories, and reloads.
async fn add(app: &Router, models: &TempDir, version: &str, values: &str) -> Answer {
    let file = categories(version, INPUT, values);
    write(models.path(), "stand-in", version, &file);
    administer(app, "/models/stand-in/reload").await
}

/// A reload once took the newest version that fits the champion, where a start takes the first of
/// two that do not fit each other.
#[tokio::test]
async fn a_reload_takes_newer_versions_in_turn_as_a_start_does() {
    let models = folder(&[("stand-in", "1.0.0", categories("1.0.0", INPUT, "x,y"))]);
    let app = serve_strictly(&models, false);
    let newest = categories("3.0.0", INPUT, "x,y,z");
    write(models.path(), "stand-in", "3.0.0", &newest);
    let answer = add(&app, &models, "2.0.0", "x,y,w").await;
    assert_eq!(answer.status, 409);
    let outcome = json(&answer);
    assert_eq!(outcome["serving"], "2.0.0");
    let reason = "version 3.0.0 has no category `w` of `a` as version 2.0.0 has: allow it with --allow-mismatch";
    assert_eq!(outcome["refused"], serde_json::json!([reason]));
    assert_eq!(champion(&serve_strictly(&models, false)).await, "2.0.0");
}

/// A version that came late, before the champion, once changed without a word what a start serves.
#[tokio::test]
async fn a_reload_says_that_the_next_start_serves_another_version() {
    let models = folder(&[("stand-in", "1.0.0", categories("1.0.0", INPUT, "x,y"))]);
    let app = serve_strictly(&models, false);
    let of_start = async || champion(&serve_strictly(&models, false)).await;
    assert_eq!(add(&app, &models, "3.0.0", "x,y,z").await.status, 200);
    // One that a start passes on its way to the champion is nothing to speak of.
    let late = add(&app, &models, "1.5.0", "x,y").await;
    assert_eq!(
        (late.status.as_u16(), of_start().await),
        (200, "3.0.0".into())
    );
    let late = add(&app, &models, "2.0.0", "x,y,w").await;
    let check = |answer: &Answer, serving: &str| {
        assert_eq!(answer.status, 409);
        let outcome = json(answer);
        assert_eq!(outcome["serving"], serving);
        let expect = format!(
            "version {serving} has no category `w` of `a` as version 2.0.0 has: allow it with --allow-mismatch, delete the older one, or write version = \"{serving}\" into deployment.toml, since the next start serves version 2.0.0"
        );
        assert_eq!(outcome["refused"], serde_json::json!([expect]));
    };
    check(&late, "3.0.0");
    assert_eq!(of_start().await, "2.0.0");
    assert_eq!(champion(&app).await, "3.0.0");
    // Newer ones follow the champion, and it is said as long as it holds.
    let newer = add(&app, &models, "4.0.0", "x,y,z,q").await;
    check(&newer, "4.0.0");
    assert_eq!(of_start().await, "2.0.0");

    // Each way out that it names leads there.
    let reload = async || administer(&app, "/models/stand-in/reload").await;
    let deployment = models.path().join("stand-in/deployment.toml");
    std::fs::write(&deployment, "version = \"4.0.0\"").unwrap();
    assert_eq!(
        (reload().await.status.as_u16(), of_start().await),
        (200, "4.0.0".into())
    );
    std::fs::remove_file(&deployment).unwrap();
    assert_eq!(reload().await.status, 409);
    std::fs::remove_dir_all(models.path().join("stand-in/2.0.0")).unwrap();
    assert_eq!(
        (reload().await.status.as_u16(), of_start().await),
        (200, "4.0.0".into())
    );
    // One before all others does the same.
    let first = add(&app, &models, "0.9.0", "y,x").await;
    assert_eq!(first.status, 409);
    assert!(first.text().contains("the next start serves version 0.9.0"));
    assert_eq!(
        (champion(&app).await, of_start().await),
        ("4.0.0".into(), "0.9.0".into())
    );
    assert_eq!(champion(&serve_strictly(&models, true)).await, "4.0.0");
}

/// Where the file of the champion itself was replaced, it has no version before it at the start.
#[tokio::test]
async fn a_reload_says_that_the_next_start_serves_the_file_it_refused() {
    let models = folder(&[("stand-in", "1.0.0", categories("1.0.0", INPUT, "x,y"))]);
    let app = serve_strictly(&models, false);
    let answer = add(&app, &models, "1.0.0", "y,x").await;
    assert_eq!(answer.status, 409);
    let said = "version 1.0.0 goes on as it was loaded, but the next start serves the file that is in its place now";
    assert!(answer.text().contains(said), "{}", answer.text());
    assert_eq!(add(&app, &models, "1.0.0", "x,y").await.status, 200);
}

/// A server once went on with what was rolled back beside it, since that knew one category more.
#[tokio::test]
async fn a_rollback_reaches_other_servers_on_the_folder() {
    let models = folder(&[
        ("stand-in", "1.0.0", categories("1.0.0", INPUT, "x,y")),
        ("stand-in", "1.1.0", categories("1.1.0", INPUT, "y,x")),
    ]);
    let (app, other) = (
        serve_strictly(&models, false),
        serve_strictly(&models, false),
    );
    let newest = categories("2.0.0", INPUT, "x,y,z");
    write(models.path(), "stand-in", "2.0.0", &newest);
    for app in [&app, &other] {
        administer(app, "/models/stand-in/reload").await;
        assert_eq!(champion(app).await, "2.0.0");
    }
    let answer = administer(&app, "/models/stand-in/rollback").await;
    assert_eq!(json(&answer)["lasting"], true, "{}", answer.text());
    let answer = administer(&other, "/models/stand-in/reload").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(json(&answer)["serving"], "1.0.0");
    // Asked of both, it is not undone by the second.
    let again = administer(&other, "/models/stand-in/rollback").await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(champion(&other).await, "1.0.0");
    // An older version that the champion could not have followed is no rollback.
    let deployment = models.path().join("stand-in/deployment.toml");
    std::fs::write(&deployment, "version = \"2.0.0\"").unwrap();
    assert_eq!(
        administer(&other, "/models/stand-in/reload").await.status,
        200
    );
    std::fs::write(&deployment, "version = \"1.1.0\"").unwrap();
    assert_eq!(
        administer(&other, "/models/stand-in/reload").await.status,
        409
    );
    assert_eq!(champion(&other).await, "2.0.0");
}

/// A rollback was once said to last to a version that the next start did not load.
#[tokio::test]
async fn a_rollback_to_a_version_that_is_no_longer_trusted_is_refused() {
    let models = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = models.path().join("cars/deployment.toml");
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let trusts_all = Arc::new(AtomicBool::new(true));
    let trusts = Arc::clone(&trusts_all);
    let check = move |path: &Path, _: &str| match path.ends_with("cars/1/model.wasm")
        && !trusts.load(Ordering::Relaxed)
    {
        true => Err("nobody trusted signed it".to_owned()),
        false => Ok(Signer {
            name: "us".to_owned(),
            key: "0".repeat(64),
        }),
    };
    let options = ServeOptions {
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        allow_mismatch: true,
        signatures: Some(SignatureCheck {
            file: "model.sig",
            check: Arc::new(check),
        }),
        ..ServeOptions::new(ModelSource::Folder(models.path().to_owned()))
    };
    let app = app(App::open(options).unwrap());
    std::fs::write(&deployment, "version = \"2\"").unwrap();
    administer(&app, "/models/cars/reload").await;
    trusts_all.store(false, Ordering::Relaxed);
    let answer = administer(&app, "/models/cars/rollback").await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("nobody trusted signed it"));
    assert_eq!(who(&app, "/predict").await, 2);
    let text = std::fs::read_to_string(&deployment).unwrap();
    assert_eq!(text, "version = \"2\"");
    // It is still the version before.
    trusts_all.store(true, Ordering::Relaxed);
    let answer = administer(&app, "/models/cars/rollback").await;
    assert_eq!(json(&answer)["serving"], "1", "{}", answer.text());
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
async fn a_rollback_outlives_a_restart() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = folder.path().join("cars/deployment.toml");
    std::fs::write(&deployment, "# ours\nversion = \"1\"\n").unwrap();
    let app = serve_folder(&folder);
    std::fs::write(&deployment, "# ours\nversion = \"2\"\n").unwrap();
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 2);

    let outcome = json(&administer(&app, "/models/cars/rollback").await);
    assert_eq!(
        (&outcome["serving"], &outcome["lasting"]),
        (&"1".into(), &true.into())
    );
    let text = std::fs::read_to_string(&deployment).unwrap();
    assert_eq!(text, "version = \"1\"\n# ours\n");
    assert_eq!(who(&serve_folder(&folder), "/predict").await, 1);
}

/// The folder of the version that answers again has the file that was rolled back.
#[tokio::test]
async fn a_rollback_from_a_file_in_the_same_place_does_not_last() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "0", numbered(3))]);
    let app = serve_folder(&folder);
    write(folder.path(), "cars", "1", &numbered(2));
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 2);
    let outcome = json(&administer(&app, "/models/cars/rollback").await);
    assert_eq!(
        (&outcome["serving"], &outcome["lasting"]),
        (&"1".into(), &false.into())
    );
    let advice = outcome["advice"].as_str().unwrap();
    assert!(
        advice.starts_with("put the file of version 1 with the SHA-256 ")
            && advice.ends_with("cars/1/model.wasm"),
        "{advice}"
    );
    assert_eq!(who(&app, "/predict").await, 1);
    write(folder.path(), "cars", "1", &numbered(1));
    assert_eq!(who(&serve_folder(&folder), "/predict").await, 1);
}

#[tokio::test]
async fn a_rollback_that_cannot_be_written_says_so() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    write(folder.path(), "cars", "2", &numbered(2));
    administer(&app, "/models/cars/reload").await;
    // Nobody can write a file where a folder is.
    let deployment = folder.path().join("cars/deployment.toml");
    std::fs::create_dir(&deployment).unwrap();
    let outcome = json(&administer(&app, "/models/cars/rollback").await);
    assert_eq!(outcome["lasting"], false);
    let advice = outcome["advice"].as_str().unwrap();
    assert!(
        advice.ends_with("deployment.toml: version = \"1\""),
        "{advice}"
    );
    assert_eq!(who(&app, "/predict").await, 1);
}

#[tokio::test]
async fn a_version_whose_folder_is_gone_does_not_come_back() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let app = serve_folder(&folder);
    write(folder.path(), "cars", "2", &numbered(2));
    administer(&app, "/models/cars/reload").await;
    std::fs::remove_dir_all(folder.path().join("cars/2")).unwrap();
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 1);
    assert_eq!(administer(&app, "/models/cars/rollback").await.status, 409);
    assert_eq!(who(&app, "/predict").await, 1);
}

/// It once waited until the last new version of any model was compiled, or the one that its own
/// file named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_does_not_wait_for_a_reload() {
    // Of another model, of its own, and of a version that was let go.
    for (slow, is_new) in [("boats", true), ("cars", true), ("cars", false)] {
        let models = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
        if !is_new {
            write(models.path(), slow, "3", &numbered(3));
            write(models.path(), slow, "4", &numbered(4));
        }
        let deployment = models.path().join("cars/deployment.toml");
        std::fs::write(&deployment, "version = \"1\"").unwrap();
        let (reached, mut reads) = tokio::sync::mpsc::unbounded_channel();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let is_slow = Arc::new(AtomicBool::new(false));
        let (stops, third) = (Arc::clone(&is_slow), numbered(3));
        let check = move |file: &[u8]| {
            if file == third && stops.load(Ordering::SeqCst) {
                let _ = reached.send(());
                let _ = wait.lock().unwrap().recv();
            }
            Ok(Checked::Good)
        };
        let options = ServeOptions {
            limits: limits(),
            keys: vec![Key::new("chief", Role::Admin)],
            allow_mismatch: true,
            loaded_versions: NonZeroUsize::MIN,
            check: Some(FileCheck(Arc::new(check))),
            ..ServeOptions::new(ModelSource::Folder(models.path().to_owned()))
        };
        let app = app(App::open(options).unwrap());
        match is_new {
            true => std::fs::remove_file(&deployment).unwrap(),
            false => std::fs::write(&deployment, "version = \"2\"").unwrap(),
        }
        administer(&app, "/models/cars/reload").await;
        assert_eq!(who(&app, "/models/cars/predict").await, 2);
        if !is_new {
            // Of those that have no part one stays loaded.
            assert_eq!(who(&app, "/models/cars/versions/4/predict").await, 4);
        }

        is_slow.store(true, Ordering::SeqCst);
        match is_new {
            true => write(models.path(), slow, "3", &numbered(3)),
            false => std::fs::write(&deployment, "version = \"3\"").unwrap(),
        }
        let (other, path) = (app.clone(), format!("/models/{slow}/reload"));
        let reload = tokio::spawn(async move { administer(&other, &path).await });
        let patience = Duration::from_secs(20);
        let read = tokio::time::timeout(patience, reads.recv()).await;
        read.unwrap().unwrap();
        let rollback = administer(&app, "/models/cars/rollback");
        let answer = tokio::time::timeout(patience, rollback).await;
        assert_eq!(json(&answer.unwrap())["lasting"], true, "{slow} {is_new}");
        assert_eq!(who(&app, "/models/cars/predict").await, 1);
        // What is read by then does not undo it.
        drop(go_on);
        assert_eq!(reload.await.unwrap().status, 200, "{slow} {is_new}");
        assert_eq!(who(&app, "/models/cars/predict").await, 1);
        assert_eq!(
            who(&app, &format!("/models/{slow}/versions/3/predict")).await,
            3
        );
    }
}

/// Whatever changes beside it, and whatever a file pins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_holds_when_files_change() {
    let folder = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let (path, deployment) = (
        folder.path().to_owned(),
        folder.path().join("cars/deployment.toml"),
    );
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let options = ServeOptions {
        port: 0,
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        allow_mismatch: true,
        ..ServeOptions::new(ModelSource::Folder(path.clone()))
    };
    let server = Running::serve(options, folder).await;
    let who = async || {
        let answer = server.ask(GOOD).await;
        let at = answer.find("\"prediction\":").unwrap() + 13;
        answer[at..=at].to_owned()
    };
    let until = async |number: &str| {
        let start = Instant::now();
        while who().await != number {
            assert!(start.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    std::fs::write(&deployment, "version = \"2\"").unwrap();
    until("2").await;
    let rollback = b"POST /models/cars/rollback HTTP/1.1\r\nhost: x\r\nx-api-key: chief\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(server.ask(rollback).await.contains("\"serving\":\"1\""));
    for change in [
        "version = \"2\"",
        "version = \"2\" # still",
        "[challenger]\nversion = \"2\"",
    ] {
        std::fs::write(&deployment, change).unwrap();
        std::fs::write(path.join("README.txt"), change).unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(who().await, "1", "{change}");
    }
    // Without a word in the file it holds until the next start, which is said.
    let refused = async || {
        let metrics = server.ask(METRICS).await;
        let sample = "underwrite_model_reloads_total{model=\"cars\",result=\"refused\"} ";
        let (_, count) = metrics.split_once(sample).unwrap();
        count.lines().next().unwrap().parse::<u64>().unwrap()
    };
    let before = refused().await;
    std::fs::remove_file(&deployment).unwrap();
    let start = Instant::now();
    while refused().await == before {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(who().await, "1");
    server.end().await;
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
