//! What officers see of decisions whose model has been replaced since: what it says comes from the
//! file that is kept beside the log.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;
#[path = "../../model-core/tests/common/mod.rs"]
mod models;
#[path = "common/recorded.rs"]
mod recorded;

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use host_server::{App, Checked, FileCheck, ModelSource, ServeOptions};
use model_core::reasons::Profiles;
use recorded::{ADMIN, ANN, PROGRAM, Place, fetch, packed_of, post, read, receipt};
use serde_json::{Value, json};

/// Refers everybody, with a rule and by the band.
const POLICY: &str = r#"
[policy]
version = "2026-11"
refer = [0.0001, 0.9999]

[[rule]]
id = "old"
when = "age > 60"
then = "refer"
code = "F01"
text = "Asked by somebody over 60"
"#;

/// The model that decides, with this policy.
fn packed_with(policy: &str) -> Vec<u8> {
    let mut artifact = models::linear(models::EVERYTHING);
    artifact.threshold = 0.999;
    let mut row = artifact.preprocessing.imputed.clone();
    row[0] = 90_000.0;
    artifact.profiles = Some(Profiles::single("approved", row));
    packed_of(artifact, policy)
}

/// The same with other rules: the text of this year.
fn revised(year: &str) -> Vec<u8> {
    packed_with(&POLICY.replace("2026-11", year).replace("60", "61"))
}

/// A server with one file, and its log.
struct Desk {
    place: Place,
    file: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let place = Place::new();
        let file = place.models().join("model.wasm");
        let desk = Self { place, file };
        desk.put(&packed_with(POLICY));
        desk
    }

    fn put(&self, bytes: &[u8]) {
        let aside = self.file.with_extension("aside");
        fs::write(&aside, bytes).unwrap();
        fs::rename(aside, &self.file).unwrap();
    }

    fn options(&self) -> ServeOptions {
        ServeOptions {
            models: ModelSource::File(self.file.clone()),
            ..self.place.options()
        }
    }

    /// The server before has closed its log when it was dropped, which may take a moment.
    fn serve(&self, options: impl Fn() -> ServeOptions) -> Router {
        for _ in 0..500 {
            match App::open(options()) {
                Ok(app) => return host_server::app(app),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("the log stays locked")
    }

    /// Puts another file in the place of the one that answers.
    async fn replace(&self, app: &Router, bytes: &[u8]) {
        self.put(bytes);
        let reload = post(app, ADMIN, "/models/everything/reload", "").await;
        assert_eq!(reload.status, 200, "{}", reload.text());
        let outcome: Value = serde_json::from_slice(&reload.body).unwrap();
        assert_eq!(outcome["loaded"], json!(["1.2.3"]), "{outcome}");
    }

    /// Where this file is kept beside the log.
    fn kept(&self, bytes: &[u8]) -> PathBuf {
        let digest = model_log::Digest::from_content(bytes);
        let file = self.place.log().join("models");
        let file = file.join(format!("sha256-{digest}.wasm"));
        assert!(file.is_file(), "{}", file.display());
        file
    }
}

async fn decided(app: &Router, age: &str) -> u64 {
    let request = models::request(&[("age", age), ("wealth", "0")]);
    let answer = post(app, PROGRAM, "/predict", request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    receipt(&answer).0
}

async fn shown(app: &Router, index: u64) -> Value {
    read(app, ANN, &format!("/decisions/{index}")).await
}

/// Two decisions of the first file: by a rule, and by the band.
async fn two(app: &Router) -> [(u64, Value); 2] {
    let by_rule = decided(app, "70").await;
    let by_band = decided(app, "40").await;
    let both = [
        (by_rule, shown(app, by_rule).await),
        (by_band, shown(app, by_band).await),
    ];
    for (_, shown) in &both {
        assert_eq!(shown["outcome"], "refer", "{shown}");
        assert!(!shown["reasons"].as_array().unwrap().is_empty(), "{shown}");
        assert!(shown["explanation"]["contributions"].is_array(), "{shown}");
        assert_eq!(shown["model"]["available"], true, "{shown}");
    }
    let rules = json!([{ "code": "F01", "text": "Asked by somebody over 60" }]);
    assert_eq!(
        (&both[0].1["rules"], &both[1].1["rules"]),
        (&rules, &json!([]))
    );
    both
}

#[tokio::test]
async fn what_the_model_said_is_shown_after_its_file_was_replaced() {
    let desk = Desk::new();
    let app = desk.serve(|| desk.options());
    let both = two(&app).await;
    desk.replace(&app, &revised("2027-01")).await;
    for (index, before) in &both {
        assert_eq!(&shown(&app, *index).await, before);
    }
    desk.replace(&app, &revised("2027-02")).await;
    drop(app);
    let app = desk.serve(|| desk.options());
    for (index, before) in &both {
        assert_eq!(&shown(&app, *index).await, before);
    }
}

/// The file says what it decided, and that is all: it answers nobody and is counted nowhere.
#[tokio::test]
async fn the_file_beside_the_log_is_no_model_that_serves() {
    let place = Place::new();
    let app = place.serve();
    let answer = post(&app, PROGRAM, "/predict", recorded::DECLINED).await;
    let index = receipt(&answer).0;
    let before = shown(&app, index).await;
    drop(app);
    fs::remove_dir_all(place.models().join("loans/1.0.0")).unwrap();
    place.put("2.0.0", recorded::POLICY);
    let desk = Desk {
        file: place.models().join("loans/2.0.0/model.wasm"),
        place,
    };
    let app = desk.serve(|| desk.place.options());
    let records = desk.place.records().len();
    assert_eq!(shown(&app, index).await, before);
    let rules = json!([{ "code": "K01", "text": "Income is below the minimum" }]);
    assert_eq!(before["rules"], rules);
    assert_eq!(desk.place.records().len(), records);
    let metrics = fetch(&app, ADMIN, "/metrics").await;
    assert!(metrics.text().contains("version=\"2.0.0\""));
    assert!(!metrics.text().contains("version=\"1.0.0\""));
    let version = fetch(&app, PROGRAM, "/models/loans/versions/1.0.0/schema").await;
    assert_eq!(version.status, 404);
}

/// Officers are not told that a file is gone: they see what is on record.
#[tokio::test]
async fn without_the_file_what_is_on_record_is_shown() {
    let warnings = Warnings::listen();
    let desk = Desk::new();
    let app = desk.serve(|| desk.options());
    let both = two(&app).await;
    desk.replace(&app, &revised("2027-01")).await;
    drop(app);
    let first = packed_with(POLICY);
    let kept = desk.kept(&first);
    let away = kept.with_extension("away");
    fs::rename(&kept, &away).unwrap();
    let app = desk.serve(|| desk.options());
    let missing = async |app: &Router| {
        for (index, before) in &both {
            let shown = shown(app, *index).await;
            assert_eq!(shown["reasons"], Value::Null, "{shown}");
            assert_eq!(shown["explanation"], Value::Null, "{shown}");
            let rules = before["rules"].as_array().unwrap().iter();
            let rules: Vec<Value> = rules
                .map(|rule| json!({ "code": rule["code"], "text": null }))
                .collect();
            assert_eq!(shown["rules"], json!(rules));
            assert_eq!(shown["model"]["available"], false, "{shown}");
            assert_eq!(shown["request"], before["request"]);
            assert_eq!(shown["answer"], before["answer"]);
        }
    };
    let digest = model_log::Digest::from_content(&first).to_string();
    assert_eq!(warnings.about(&digest), 0);
    missing(&app).await;
    assert_eq!(warnings.about(&digest), 1);
    // Other bytes are not taken for it.
    fs::write(&kept, revised("2027-01")).unwrap();
    missing(&app).await;
    assert_eq!(warnings.about(&digest), 1);
    // It is looked for again.
    fs::rename(&away, &kept).unwrap();
    for (index, before) in &both {
        assert_eq!(&shown(&app, *index).await, before);
    }
    drop(app);

    // What the settings refuse now is not run, though it was once, nor looked at again.
    let (refused, tries) = (first.clone(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&tries);
    let check = FileCheck(Arc::new(move |wasm: &[u8]| match wasm == refused {
        true => {
            counted.fetch_add(1, Ordering::Relaxed);
            Err("its code is not known".to_owned())
        }
        false => Ok(Checked::Good),
    }));
    let app = desk.serve(|| ServeOptions {
        check: Some(check.clone()),
        ..desk.options()
    });
    missing(&app).await;
    missing(&app).await;
    assert_eq!(warnings.about(&digest), 2);
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    // Another file in its place is.
    fs::rename(&kept, &away).unwrap();
    missing(&app).await;
    fs::write(&kept, &first).unwrap();
    missing(&app).await;
    assert_eq!(warnings.about(&digest), 2);
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

/// A kept file that was damaged is written anew by a start that loads the model, which has the right
/// bytes; else nothing that it decides could be replayed.
#[tokio::test]
async fn a_damaged_file_is_written_anew_at_a_start() {
    let warnings = Warnings::listen();
    let desk = Desk::new();
    // The server's log is one for all tests: no other has this model.
    let first = revised("2026-10");
    desk.put(&first);
    let app = desk.serve(|| desk.options());
    let kept = desk.kept(&first);
    let name = kept.file_name().unwrap().to_str().unwrap().to_owned();
    drop(app);
    let mut altered = first.clone();
    altered[1000] ^= 1;
    for damaged in [&altered[..], &first[..5]] {
        fs::write(&kept, damaged).unwrap();
        let told = warnings.about(&name);
        let app = desk.serve(|| desk.options());
        assert!(fs::read(&kept).unwrap() == first, "it has the right bytes");
        assert_eq!(warnings.about(&name), told + 1);
        drop(app);
    }
    // Nothing is said of one that is right.
    let told = warnings.about(&name);
    drop(desk.serve(|| desk.options()));
    assert_eq!(warnings.about(&name), told);
}

/// Many who look at decisions of one file load it once, and the next file takes its place.
#[cfg(unix)]
#[tokio::test]
async fn one_file_is_loaded_at_a_time_and_once() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::new();
    let app = desk.serve(|| desk.options());
    let [(first, before), _] = two(&app).await;
    desk.replace(&app, &revised("2027-01")).await;
    let second = decided(&app, "70").await;
    desk.replace(&app, &revised("2027-02")).await;
    drop(app);
    // A program that compiles nothing counts how often it is asked to.
    let folder = tempfile::tempdir().unwrap();
    let (program, asked) = (folder.path().join("count"), folder.path().join("asked"));
    let script = format!(
        "#!/bin/sh\ncat > /dev/null\necho asked >> '{}'\n",
        asked.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let app = desk.serve(|| {
        let mut options = desk.options();
        options.limits.compiler = Some(program.clone());
        options
    });
    let times = || fs::read_to_string(&asked).unwrap().lines().count();
    assert_eq!(times(), 1);
    let all = futures_util::future::join_all((0..12).map(|_| shown(&app, first))).await;
    assert!(all.iter().all(|shown| *shown == before));
    assert_eq!(times(), 2);
    assert_eq!(shown(&app, second).await["model"]["available"], true);
    assert_eq!(times(), 3);
    // The one before made room for it.
    assert_eq!(shown(&app, first).await, before);
    assert_eq!(times(), 4);
}

/// Hears the server's log.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// For the whole process: what is logged comes from threads of the server.
    fn listen() -> Self {
        static WARNINGS: OnceLock<Warnings> = OnceLock::new();
        let listen = || {
            let warnings = Self::default();
            tracing::subscriber::set_global_default(warnings.clone()).unwrap();
            warnings
        };
        WARNINGS.get_or_init(listen).clone()
    }

    /// How many lines name this.
    fn about(&self, what: &str) -> usize {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(what)).count()
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        static SPANS: AtomicU64 = AtomicU64::new(1);
        tracing::span::Id::from_u64(SPANS.fetch_add(1, Ordering::Relaxed))
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
            line.push_str(&format!(" {field}={value:?}"));
        });
        self.0.lock().unwrap().push(line);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
