//! Windows of live traffic, with the real model (UNDERWRITE_TEST_MODEL): how they fill, are sketched,
//! forget, and outlive the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::time::Duration;

use common::drift::{batch, drift, options, requests, rows, serve};
use common::{get, predict};
use host_server::{App, DriftOptions, ModelSource, ServeOptions, Server, app};
use model_drift::live::{Length, Window};
use model_drift::sketch::Sketch;
use serde_json::Value;
use tempfile::TempDir;

#[tokio::test]
async fn a_sketch_can_be_taken_away_and_merged() {
    let servers = [serve(rows(5000, 1)), serve(rows(5000, 1))];
    let all = requests(300);
    batch(&servers[0], &all[..200]).await;
    batch(&servers[1], &all[200..]).await;
    let mut sketches = Vec::new();
    for server in &servers {
        let answer = get(server, "/drift/sketch", &[]).await;
        sketches.push(Sketch::decode(&answer.body).unwrap());
    }
    let whole = serve(rows(5000, 1));
    batch(&whole, &all).await;
    let whole = Sketch::decode(&get(&whole, "/drift/sketch", &[]).await.body).unwrap();
    let [mut sum, other] = <[Sketch; 2]>::try_from(sketches).unwrap();
    sum.merge(&other).unwrap();
    assert_eq!(sum, whole);
    assert_eq!(sum.rows(), 300);
}

/// The difference of two sketches would be the applications between them.
#[tokio::test]
async fn a_sketch_changes_by_whole_hundreds() {
    let app = serve(rows(5000, 1));
    let all = requests(300);
    let sketch = async || get(&app, "/drift/sketch", &[]).await;
    let gauges = async || {
        let metrics = get(&app, "/metrics", &[]).await;
        let is_drift = |line: &&str| line.starts_with("underwrite_drift_");
        let lines: Vec<String> = metrics
            .text()
            .lines()
            .filter(is_drift)
            .map(str::to_owned)
            .collect();
        lines
    };
    batch(&app, &all[..99]).await;
    assert_eq!(sketch().await.status, 404);
    batch(&app, &all[99..100]).await;
    let first = sketch().await;
    assert_eq!(Sketch::decode(&first.body).unwrap().rows(), 100);
    let shown = (drift(&app).await["window"]["rows"].clone(), gauges().await);
    for one in &all[100..199] {
        batch(&app, std::slice::from_ref(one)).await;
        assert_eq!(sketch().await.body, first.body);
    }
    let same = (drift(&app).await["window"]["rows"].clone(), gauges().await);
    assert_eq!(same, shown);
    batch(&app, &all[199..200]).await;
    let second = Sketch::decode(&sketch().await.body).unwrap();
    assert_eq!(second.rows(), 200);
}

/// Of a window that tumbles, what it showed before it was full and what it showed then once
/// differed by one application.
#[tokio::test]
async fn a_full_window_tells_of_no_application() {
    let app = serve(rows(101, 1));
    let all = requests(303);
    batch(&app, &all[..100]).await;
    assert_eq!(get(&app, "/drift/sketch", &[]).await.status, 404);
    let mut changes = Vec::new();
    let mut last = Default::default();
    for (before, one) in all.iter().enumerate().skip(100) {
        batch(&app, std::slice::from_ref(one)).await;
        let sketch = get(&app, "/drift/sketch", &[]).await.body;
        assert_eq!(Sketch::decode(&sketch).unwrap().rows(), 101);
        if sketch != last {
            changes.push(before + 1);
            last = sketch;
        }
    }
    assert_eq!(changes, [101, 202, 303]);
}

/// A server that runs, stops and keeps its windows.
async fn run(folder: &TempDir, window: Window, count: usize) -> Value {
    let server = Server::bind(options(window, Some(folder.path())))
        .await
        .unwrap();
    let url = format!("http://{}", server.address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let body = serde_json::to_vec(&requests(count)).unwrap();
    let asked = tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::new_with_defaults();
        if count > 0 {
            let answer = agent.post(format!("{url}/predict/batch")).send(&body[..]);
            // To its end: the rest of a long answer is decided when the client takes it.
            answer.unwrap().into_body().read_to_vec().unwrap();
        }
        let text = agent.get(format!("{url}/drift")).call().unwrap();
        text.into_body().read_to_string().unwrap()
    });
    let answer = serde_json::from_str(&asked.await.unwrap()).unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let window = rows(5000, 4);
    assert_eq!(run(&folder, window, 150).await["window"]["rows"], 100);
    // The fifty requests of the next hundred are there as well.
    assert_eq!(run(&folder, window, 50).await["window"]["rows"], 200);
    let file = folder.path().join("loan-approval@1.0.0.window");
    let whole = std::fs::read(&file).unwrap();
    // Beside it is only the file by which a server holds the folder.
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != ".lock").count(), 1);

    // Of another window, cut off, altered, of another model: it begins anew.
    assert_eq!(run(&folder, rows(700, 4), 0).await["window"]["rows"], 0);
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    let mut other = whole.clone();
    other[10] = if other[10] == b'0' { b'1' } else { b'0' };
    for bytes in [&whole[..whole.len() / 2], &altered, &other, b"", b"\n"] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(run(&folder, window, 0).await["window"]["rows"], 0);
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(run(&folder, window, 0).await["window"]["rows"], 200);
}

/// Else the open block would be in the file, and count once more after a crash, with other requests.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_block_goes_on_only_where_that_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let window = rows(5000, 4);
    assert_eq!(run(&folder, window, 150).await["window"]["rows"], 100);
    // A file can be read there, but none be written beside it: the path would be too long.
    let file = folder.path().join("loan-approval@1.0.0.window");
    let mut place = folder.path().to_owned();
    while place.as_os_str().len() < 4080 {
        let left = 4089 - place.as_os_str().len();
        place.push("d".repeat(left.min(200)));
    }
    std::fs::create_dir_all(&place).unwrap();
    std::fs::rename(&file, place.join("w")).unwrap();
    std::os::unix::fs::symlink(place.join("w"), &file).unwrap();
    assert_eq!(run(&folder, window, 50).await["window"]["rows"], 100);
}

#[tokio::test]
async fn a_window_of_seconds_forgets() {
    let window = Window {
        length: Length::Seconds(1),
        panes: 2,
    };
    let app = serve(window);
    batch(&app, &requests(200)).await;
    assert_eq!(drift(&app).await["status"], "compared");
    let metric = "underwrite_drift_dataset_detected{";
    assert!(get(&app, "/metrics", &[]).await.text().contains(metric));
    let mut waited = 0;
    while drift(&app).await["window"]["rows"] != 0 {
        waited += 1;
        assert!(waited < 200, "it does not forget");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A verdict that was true once is not shown.
    assert_eq!(drift(&app).await["status"], "waiting");
    assert!(!get(&app, "/metrics", &[]).await.text().contains(metric));
}

/// Each began its blocks at a request of its own: what was in one block of the champion alone was
/// once the difference between the two.
#[tokio::test]
async fn a_shadow_counts_the_blocks_of_the_champion() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("loan-approval");
    for version in ["1.0.0", "1.0.0+policy2"] {
        let place = model.join(version);
        std::fs::create_dir_all(&place).unwrap();
        let file = std::env::var_os("UNDERWRITE_TEST_MODEL").unwrap();
        std::fs::copy(file, place.join("model.wasm")).unwrap();
    }
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"1.0.0+policy2\"";
    std::fs::write(model.join("deployment.toml"), deployment).unwrap();
    let options = ServeOptions {
        drift: Some(DriftOptions {
            window: rows(5000, 1),
            state: None,
        }),
        ..ServeOptions::new(ModelSource::Folder(folder.path().into()))
    };
    let app = app(App::open(options).unwrap());
    let all = requests(200);
    // The champion alone gets these.
    batch(&app, &all[..30]).await;
    for request in &all[30..130] {
        predict(&app, serde_json::to_string(request).unwrap()).await;
    }
    let sketch = async |path: &str| {
        let answer = get(&app, &format!("{path}/drift/sketch"), &[]).await;
        (answer.status == 200).then(|| Sketch::decode(&answer.body).unwrap())
    };
    let path = "/models/loan-approval/versions/1.0.0+policy2";
    let start = std::time::Instant::now();
    let shadow = loop {
        if let Some(shadow) = sketch(path).await {
            break shadow;
        }
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let champion = sketch("").await.unwrap();
    assert_eq!((champion.rows(), shadow.rows()), (100, 100));
    let prediction = champion.column("prediction").unwrap();
    assert_eq!(prediction, shadow.column("prediction").unwrap());
    // The others come with theirs.
    batch(&app, &all[130..]).await;
    assert_eq!(sketch("").await.unwrap().rows(), 200);
}
