//! A service whose model approves, refers and declines, and that keeps a decision log.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its part, and a test may panic"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use host_server::{
    App, DecisionLogOptions, Key, Limits, ModelHost, ModelSource, Person, PersonRole, ReasonCode,
    Role, ServeOptions, app,
};
use model_core::artifact::Artifact;
use model_core::policy::Policy;
use model_log::{Kind, Opened, Reader};
use model_train::pack::pack;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::common::{Answer, send};
use crate::models;

pub(crate) const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "amount"
type = "number"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// The model says 0.5 of everybody, so the band refers whoever no rule decides.
pub(crate) const POLICY: &str = r#"
[policy]
version = "2026-11"
refer = [0.4, 0.6]

[[rule]]
id = "minimum-income"
when = "income < 12000"
then = "decline"
code = "K01"
text = "Income is below the minimum"

[[rule]]
id = "small"
when = "amount < 5000"
then = "approve"
code = "A01"
text = "Small"
"#;

pub(crate) const APPROVED: &str = r#"{"income": 50000, "amount": 4000}"#;
pub(crate) const REFERRED: &str = r#"{"income": 50000, "amount": 20000}"#;
pub(crate) const DECLINED: &str = r#"{"income": 10000, "amount": 60000}"#;

/// The keys of Ann and Bo, officers, of Rex, a reviewer, and those of programs.
pub(crate) const ANN: &str = "key-of-ann";
pub(crate) const BO: &str = "key-of-bo";
pub(crate) const REX: &str = "key-of-rex";
pub(crate) const PROGRAM: &str = "key-of-a-program";
pub(crate) const ADMIN: &str = "key-of-an-admin";

/// The model's file, of a version and policy.
pub(crate) fn packed(version: &str, policy: &str) -> Vec<u8> {
    let schema = SCHEMA.replace("1.0.0", version);
    packed_of(models::constant(&schema, 0.5), policy)
}

/// The file of a model with a policy.
pub(crate) fn packed_of(mut artifact: Artifact, policy: &str) -> Vec<u8> {
    artifact.golden_rows.clear();
    let file = Policy::from_toml(policy, &artifact.schema, &["en".into()]);
    artifact.policy = Some(file.unwrap().policy);
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| {
        let path = engine.join(name);
        fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask build`", path.display()))
    };
    let artifact = artifact.encode().unwrap();
    pack(&part("engine.wasm"), &part("model.js"), &artifact).unwrap()
}

/// A folder with a model and a log.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        place.put("1.0.0", POLICY);
        place
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    /// Another version of the model.
    pub(crate) fn put(&self, version: &str, policy: &str) {
        let folder = self.models().join("loans").join(version);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.wasm"), packed(version, policy)).unwrap();
    }

    pub(crate) fn options(&self) -> ServeOptions {
        let mut log = DecisionLogOptions::new(self.log());
        let person = |name: &str, role, key: &str| Person {
            name: name.to_owned(),
            role,
            key_sha256: Sha256::digest(key.as_bytes()).into(),
        };
        log.people = vec![
            person("Ann", PersonRole::Officer, ANN),
            person("Bo", PersonRole::Officer, BO),
            person("Rex", PersonRole::Reviewer, REX),
        ];
        let reason = |code: &str, text: &str| ReasonCode {
            code: code.to_owned(),
            text: text.to_owned(),
        };
        log.reasons = vec![
            reason("INCOME", "Income verified"),
            reason("OTHER", "Other"),
        ];
        ServeOptions {
            port: 0,
            keys: vec![
                Key::new(PROGRAM, Role::Predict),
                Key::new(ADMIN, Role::Admin),
            ],
            decision_log: Some(log),
            ..ServeOptions::new(ModelSource::Folder(self.models()))
        }
    }

    pub(crate) fn serve(&self) -> Router {
        serve(self.options())
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.log(), None).unwrap()
    }

    /// All records that are there now.
    pub(crate) fn records(&self) -> Vec<Opened> {
        let reader = self.reader();
        let size = reader.size().unwrap();
        (0..size)
            .map(|index| reader.record(index).unwrap())
            .collect()
    }

    /// Decides every recorded decision again, with the very file that made it: how many there
    /// are.
    pub(crate) fn replay(&self) -> usize {
        let reader = self.reader();
        let mut replayed = 0;
        let mut models = BTreeMap::new();
        for record in self.records() {
            let is_answer = matches!(record.kind, Kind::Decision | Kind::Explanation);
            let Some(body) = record.body.as_ref().filter(|_| is_answer) else {
                continue;
            };
            let model = models.entry(record.model);
            let model = model.or_insert_with(|| load(&reader, record.model));
            let again = match record.kind {
                Kind::Decision => model.decide(&body.request),
                _ => model.explain(&body.request),
            };
            let again = again.unwrap();
            assert_eq!(again.status, body.details.status, "{record:?}");
            assert_eq!(again.body, body.answer, "{record:?}");
            replayed += 1;
        }
        replayed
    }
}

pub(crate) fn serve(options: ServeOptions) -> Router {
    app(App::open(options).unwrap())
}

fn load(reader: &Reader, model: model_log::Digest) -> ModelHost {
    ModelHost::load(reader.model(model).unwrap(), Limits::default()).unwrap()
}

/// Sends JSON with a key.
pub(crate) async fn post(app: &Router, key: &str, path: &str, body: impl ToString) -> Answer {
    let headers = [("x-api-key", key), ("content-type", "application/json")];
    send(app, "POST", path, &headers, body.to_string()).await
}

/// Reads JSON with a key.
pub(crate) async fn read(app: &Router, key: &str, path: &str) -> Value {
    let answer = fetch(app, key, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) async fn fetch(app: &Router, key: &str, path: &str) -> Answer {
    send(app, "GET", path, &[("x-api-key", key)], "").await
}

/// The first and the last index that an answer's header names.
pub(crate) fn receipt(answer: &Answer) -> (u64, u64) {
    let header = answer.header("x-decision-log");
    let (indexes, leaf) = header
        .split_once("; ")
        .unwrap_or_else(|| panic!("`{header}`"));
    assert_eq!(leaf.len(), 64, "{header}");
    let (first, last) = indexes.split_once('-').unwrap_or((indexes, indexes));
    (first.parse().unwrap(), last.parse().unwrap())
}

/// Three applications, one for each outcome.
pub(crate) fn rows() -> Value {
    let row = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    json!([row(APPROVED), row(REFERRED), row(DECLINED)])
}
