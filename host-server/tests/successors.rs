//! What a version must have in common with the one that it follows, at a start as at a reload.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use axum::Router;
use common::models::{
    INPUT, PROTECTED, administer, categories, champion, described, folder, in_another_order, json,
    metric, numbered, serve_folder, serve_strictly, who, write,
};
use common::{Answer, get, send};
use tempfile::TempDir;
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
