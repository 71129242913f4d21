//! Folders of models that the stand-in is in, and servers on them.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use host_server::{App, Key, ModelSource, Role, ServeOptions, app};
use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, get, limits, send, stand_in};

pub(crate) const INPUT: &str = "\"name\":\"a\",\"type\":\"category\",\"role\":\"input\"";
pub(crate) const PROTECTED: &str = "\"name\":\"c\",\"type\":\"boolean\",\"role\":\"protected\"";

pub(crate) const ADMIN: (&str, &str) = ("x-api-key", "chief");

/// A stand-in whose decisions carry its number.
pub(crate) fn numbered(number: u8) -> Vec<u8> {
    assert!(number < 10);
    stand_in(&[(
        "{\\\"prediction\\\":1,\\\"approve\\\":true}",
        &format!("{{\\\"prediction\\\":{number},\\\"approve\\\":null}}"),
    )])
}

/// A folder of models: `(name, version, file)`.
pub(crate) fn folder(files: &[(&str, &str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, version, file) in files {
        write(folder.path(), name, version, file);
    }
    folder
}

pub(crate) fn write(folder: &Path, name: &str, version: &str, file: &[u8]) {
    let place = folder.join(name).join(version);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("aside"), file).unwrap();
    std::fs::rename(place.join("aside"), place.join("model.wasm")).unwrap();
}

pub(crate) fn serve(source: ModelSource) -> Router {
    let options = ServeOptions {
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        // The stand-in's name and version are always the same.
        allow_mismatch: true,
        ..ServeOptions::new(source)
    };
    app(App::open(options).unwrap())
}

pub(crate) fn serve_folder(folder: &TempDir) -> Router {
    serve(ModelSource::Folder(folder.path().to_owned()))
}

pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The number of the model that decides.
pub(crate) async fn who(app: &Router, path: &str) -> Value {
    let answer = send(app, "POST", path, &[], "{}").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    json(&answer)["prediction"].clone()
}

pub(crate) async fn administer(app: &Router, path: &str) -> Answer {
    send(app, "POST", path, &[ADMIN], Body::empty()).await
}

/// The stand-in with this name, version and inputs.
pub(crate) fn described(name: &str, version: &str, input: &str) -> Vec<u8> {
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
pub(crate) fn in_another_order(version: &str) -> Vec<u8> {
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

pub(crate) fn serve_strictly(folder: &TempDir, allow_mismatch: bool) -> Router {
    let options = ServeOptions {
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        allow_mismatch,
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    app(App::open(options).unwrap())
}

/// The stand-in of this version with some of its description's texts replaced.
pub(crate) fn redescribed(version: &str, changes: &[(&str, &str)]) -> Vec<u8> {
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

/// The stand-in of this version where this feature has these categories.
pub(crate) fn categories(version: &str, feature: &str, values: &str) -> Vec<u8> {
    let values = values
        .split(',')
        .map(|one| format!("{{\"value\":\"{one}\"}}"));
    let values = values.collect::<Vec<String>>().join(",");
    let to = feature.replace("boolean", "category") + &format!(",\"categories\":[{values}]");
    redescribed(version, &[(feature, &to)])
}

/// The version that answers for the stand-in.
pub(crate) async fn champion(app: &Router) -> Value {
    json(&get(app, "/models/stand-in", &[]).await)["version"].clone()
}

/// What the metrics say of this sample, 0 without it.
pub(crate) async fn metric(app: &Router, sample: &str) -> u64 {
    let text = get(app, "/metrics", &[]).await;
    let line = text
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(sample));
    line.map_or(0, |value| value.trim().parse().unwrap())
}
