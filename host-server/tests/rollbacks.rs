//! Rollbacks: what they reach, and how long they last.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::limits;
use common::models::{
    INPUT, administer, categories, champion, folder, json, numbered, serve_folder, serve_strictly,
    who, write,
};
use common::running::{GOOD, Running};
use host_server::{
    App, Checked, FileCheck, Key, ModelSource, Role, ServeOptions, SignatureCheck, Signer, app,
};
const METRICS: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// A server of this folder, with an administrator.
fn options(models: &Path) -> ServeOptions {
    ServeOptions {
        port: 0,
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        // The stand-in's name and version are always the same.
        allow_mismatch: true,
        ..ServeOptions::new(ModelSource::Folder(models.to_owned()))
    }
}

/// The administrator's request for a rollback or a reload.
fn order(what: &str) -> Vec<u8> {
    format!(
        "POST /models/cars/{what} HTTP/1.1\r\nhost: x\r\nx-api-key: chief\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    .into_bytes()
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
    let app = app(App::open(ServeOptions {
        signatures: Some(SignatureCheck {
            file: "model.sig",
            check: Arc::new(check),
        }),
        ..options(models.path())
    })
    .unwrap());
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

/// What was only signed again once took the place of the version before: a rollback led back to the
/// version that was to be rolled back.
#[tokio::test]
async fn a_new_signature_does_not_take_the_place_of_the_version_before() {
    let models = folder(&[("cars", "1", numbered(1)), ("cars", "2", numbered(2))]);
    let deployment = models.path().join("cars/deployment.toml");
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let is_new_key = Arc::new(AtomicBool::new(false));
    let signs = Arc::clone(&is_new_key);
    let check = move |_: &Path, _: &str| {
        let key = if signs.load(Ordering::Relaxed) {
            "1"
        } else {
            "0"
        };
        Ok(Signer {
            name: "us".to_owned(),
            key: key.repeat(64),
        })
    };
    let app = app(App::open(ServeOptions {
        signatures: Some(SignatureCheck {
            file: "model.sig",
            check: Arc::new(check),
        }),
        ..options(models.path())
    })
    .unwrap());
    std::fs::write(&deployment, "version = \"2\"").unwrap();
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 2);
    is_new_key.store(true, Ordering::Relaxed);
    let answer = administer(&app, "/models/cars/reload").await;
    assert_eq!(json(&answer)["loaded"].as_array().unwrap().len(), 2);
    let answer = administer(&app, "/models/cars/rollback").await;
    assert_eq!(json(&answer)["serving"], "1", "{}", answer.text());
    assert_eq!(who(&app, "/predict").await, 1);
    let text = std::fs::read_to_string(&deployment).unwrap();
    assert!(text.contains("version = \"1\""), "{text}");
    // What answers now is the file with the new signature at the next look, and no version before.
    administer(&app, "/models/cars/reload").await;
    assert_eq!(who(&app, "/predict").await, 1);
    let answer = administer(&app, "/models/cars/rollback").await;
    assert_eq!(answer.status, 409, "{}", answer.text());
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
            && advice.contains("cars/1/model.wasm; then put this line into ")
            && advice.ends_with("cars/deployment.toml: version = \"1\""),
        "{advice}"
    );
    // That would let the other file answer wherever the folder is served.
    assert!(!folder.path().join("cars/deployment.toml").exists());
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

/// Whoever fed decisions through one stream once got those of the version that was rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_where_its_version_was_taken_back_and_not_where_a_newer_one_answers() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let path = folder.path().to_owned();
    let server = Running::serve(options(&path), folder).await;
    let ask = async |what: &str| server.ask(&order(what)).await;
    let mut first = server.stream("/predict/batch", "").await;
    first.next("\"prediction\":1").await;
    write(&path, "cars", "2", &numbered(2));
    assert!(ask("reload").await.contains("\"serving\":\"2\""));
    first.next("\"prediction\":1").await;
    let mut second = server.stream("/models/cars/predict/batch", "").await;
    second.next("\"prediction\":2").await;
    assert!(ask("rollback").await.contains("\"serving\":\"1\""));
    first.next("\"prediction\":1").await;
    second.next("\"row\":1,\"status\":503").await;
    assert!(second.has_ended().await);
    server.end().await;
}

/// A version between that never answered was once promoted at the next look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_that_cannot_be_written_holds() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let path = folder.path().to_owned();
    let server = Running::serve(options(&path), folder).await;
    let ask = async |what: &str| server.ask(&order(what)).await;
    write(&path, "cars", "3", &numbered(3));
    assert!(ask("reload").await.contains("\"serving\":\"3\""));
    // Nobody can write a file where a folder is.
    std::fs::create_dir(path.join("cars/deployment.toml")).unwrap();
    let back = ask("rollback").await;
    assert!(back.contains("\"lasting\":false"), "{back}");
    write(&path, "cars", "2", &numbered(2));
    for look in 0..3 {
        let answer = server.ask(GOOD).await;
        assert!(answer.contains("\"prediction\":1"), "{look}: {answer}");
        std::fs::write(path.join("cars/README.txt"), look.to_string()).unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let answer = server.ask(GOOD).await;
    assert!(answer.contains("\"prediction\":1"), "{answer}");
    server.end().await;
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

/// What had replaced the file of the version before once answered at the next look, though nobody
/// had rolled back to that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_is_to_the_file_that_answered_and_no_other() {
    let folder = folder(&[
        ("cars", "1", numbered(1)),
        ("cars", "1+b", numbered(4)),
        ("cars", "2", numbered(2)),
    ]);
    let path = folder.path().to_owned();
    let deployment = path.join("cars/deployment.toml");
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let server = Running::serve(options(&path), folder).await;
    let answers = async |number: &str| {
        let answer = server.ask(GOOD).await;
        answer.contains(&format!("\"prediction\":{number}"))
    };
    let ask = async |what: &str| server.ask(&order(what)).await;
    // As the canary, the version between answers half of the requests.
    let canary = "[challenger]\nversion = \"1+b\"\nmode = \"canary\"\npercent = 50\n";
    std::fs::write(&deployment, canary).unwrap();
    let promoted = ask("reload").await;
    assert!(promoted.contains("\"serving\":\"2\""), "{promoted}");
    write(&path, "cars", "1", &numbered(3));
    let back = ask("rollback").await;
    assert!(back.contains("\"lasting\":false"), "{back}");
    for look in 0..3 {
        for _ in 0..4 {
            assert!(answers("1").await, "{look}");
        }
        std::fs::write(path.join("cars/README.txt"), look.to_string()).unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert!(answers("1").await);
    // Other servers stay as they are, and who asks gets what the file says.
    let text = std::fs::read_to_string(&deployment).unwrap();
    assert_eq!(text, canary);
    std::fs::write(&deployment, "version = \"1\"").unwrap();
    let reloaded = ask("reload").await;
    assert!(reloaded.contains("\"serving\":\"1\""), "{reloaded}");
    assert!(answers("3").await);
    server.end().await;
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
    let server = Running::serve(options(&path), folder).await;
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
    assert!(
        server
            .ask(&order("rollback"))
            .await
            .contains("\"serving\":\"1\"")
    );
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
