//! Fuzz targets at the server's edge: the forms in which requests come over HTTP, and files that
//! are read while it runs. The model behind them has rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics when something does not hold"
)]

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use host_server::{App, Key, Limits, ModelHost, ModelSource, Role, ServeOptions, app};
use model_core::artifact::Artifact;
use model_sketch::Sketch;
use model_train::pack::pack;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::{gzip, runs};
use crate::fuzz::Target;

/// Every target.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "infer",
        check: infer,
        seeds: tensors,
        words: WORDS,
    },
    Target {
        name: "lines",
        check: lines,
        seeds: rows,
        words: WORDS,
    },
    Target {
        name: "csv",
        check: csv,
        seeds: tables,
        words: WORDS,
    },
    Target {
        name: "gzip",
        check: packed,
        seeds: packed_rows,
        words: WORDS,
    },
    Target {
        name: "sketch",
        check: sketch,
        seeds: sketches,
        words: WORDS,
    },
    Target {
        name: "deployment",
        check: deployment,
        seeds: deployments,
        words: WORDS,
    },
    runs::TARGET,
];

const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\0",
    b"null",
    b"1e999",
    b"-0",
    b"18446744073709551615",
    b"\"inputs\"",
    b"\"instances\"",
    b"\"shape\"",
    b"\"data\"",
    b"\"datatype\"",
    b"\"FP64\"",
    b"\"FP32\"",
    b"\"BYTES\"",
    b"\"BOOL\"",
    b"\"INT64\"",
    b"\"binary_data_size\"",
    b"\"parameters\"",
    b"\"name\"",
    b"\"amount\"",
    b"\"purpose\"",
    b"\"outputs\"",
    b"\x1f\x8b\x08",
    b"version = ",
    b"[challenger]",
    b"mode = ",
    b"percent = ",
    b"1e400",
];

/// The golden artifact of format 3 (rules, derived fields, every type of feature) in the engine of
/// today, which must be built. Its golden rows are made up, so that no folder would take it with them.
fn module() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| {
        let path = root.join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let artifact = Artifact::decode(&read("golden/format-3/artifact.bin")).unwrap();
    let artifact = Artifact {
        golden_rows: Vec::new(),
        ..artifact
    };
    let engine = read("../target/engine/engine.wasm");
    let glue = read("../target/engine/model.js");
    pack(&engine, &glue, &artifact.encode().unwrap()).unwrap()
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    static SERVICE: Router = {
        let host = ModelHost::load(module(), Limits::default()).unwrap();
        app(App::new(host))
    };
    static FOLDER: OnceCell<(Router, PathBuf)> = const { OnceCell::new() };
}

/// Sends a request to the service; no answer may be a fault of the server's.
fn send(
    service: &Router,
    path: &str,
    headers: &[(&str, String)],
    body: Bytes,
) -> (StatusCode, Bytes) {
    let request = headers
        .iter()
        .fold(Request::post(path), |request, (name, value)| {
            request.header(*name, value)
        })
        .body(Body::from(body))
        .unwrap();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let response = service.clone().oneshot(request).await.unwrap();
            let status = response.status();
            // A stream that breaks off is a panic of the work behind it.
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert!(!status.is_server_error(), "{status} {body:?}");
            (status, body)
        })
    })
}

fn json(body: &[u8]) -> serde_json::Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {body:?}"))
}

/// A kind of outcome: the status, and the words of a refusal without its names and numbers.
fn outcome(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words = text.split(['`', '\'']).step_by(2);
    let letters = words.flat_map(str::chars).filter(char::is_ascii_alphabetic);
    match status.is_success() {
        true => status.to_string(),
        false => format!("{status} {}", letters.take(200).collect::<String>()),
    }
}

/// The first two bytes are the length of the JSON, as a client may say it.
fn infer(data: &[u8]) -> String {
    let (length, body) = data.split_first_chunk().unwrap_or((&[0; 2], data));
    let length = u16::from_le_bytes(*length);
    let headers = match length {
        0 => Vec::new(),
        _ => vec![("inference-header-content-length", length.to_string())],
    };
    let body = Bytes::copy_from_slice(body);
    SERVICE.with(|service| {
        let (status, answer) = send(service, "/v2/models/ruled/infer", &headers, body.clone());
        if status != StatusCode::OK {
            json(&answer);
        }
        let form = [("content-type", "application/json".to_owned())];
        let (other, rows) = send(service, "/invocations", &form, body.clone());
        json(&rows);
        let (third, rows) = send(service, "/v1/models/ruled:predict", &form, body);
        json(&rows);
        format!("{}; {other} {third}", outcome(status, &answer))
    })
}

fn lines(data: &[u8]) -> String {
    let form = [("content-type", "application/x-ndjson".to_owned())];
    SERVICE.with(|service| {
        let body = Bytes::copy_from_slice(data);
        let (status, answer) = send(service, "/predict/batch", &form, body);
        let expected = data
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .count();
        let got = answer
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        assert_eq!(got.map(json).count(), expected);
        status.to_string()
    })
}

fn csv(data: &[u8]) -> String {
    let form = [
        ("content-type", "text/csv".to_owned()),
        ("accept", "application/json".to_owned()),
    ];
    SERVICE.with(|service| {
        let body = Bytes::copy_from_slice(data);
        let (status, answer) = send(service, "/predict/batch", &form, body.clone());
        let answered = json(&answer);
        let (same, scores) = send(service, "/invocations", &form[..1], body);
        let scores = json(&scores);
        if let (Some(rows), Some(scores)) = (answered.as_array(), scores["predictions"].as_array())
        {
            assert_eq!(rows.len(), scores.len());
        }
        format!("{}; {same}", outcome(status, &answer))
    })
}

/// As it came, and packed: what is packed here is unpacked there.
fn packed(data: &[u8]) -> String {
    let form = [
        ("content-type", "application/json".to_owned()),
        ("content-encoding", "gzip".to_owned()),
    ];
    SERVICE.with(|service| {
        let body = Bytes::copy_from_slice(data);
        let (as_it_is, answer) = send(service, "/predict/batch", &form, body.clone());
        json(&answer);
        let (packed, one) = send(service, "/predict/batch", &form, gzip(data).into());
        let (plain, other) = send(service, "/predict/batch", &form[..1], body);
        assert_eq!((packed, &one), (plain, &other));
        format!("{as_it_is}; {}", outcome(packed, &one))
    })
}

fn sketch(data: &[u8]) -> String {
    match Sketch::decode(data) {
        Err(error) => error
            .to_string()
            .chars()
            .filter(char::is_ascii_alphabetic)
            .collect(),
        Ok(sketch) => {
            let bytes = sketch.encode();
            let again = Sketch::decode(&bytes).unwrap();
            assert_eq!(again.encode(), bytes);
            format!("{} columns", sketch.columns.len())
        }
    }
}

/// Any bytes as `deployment.toml` of a model with two versions: refused, or one of them answers.
fn deployment(data: &[u8]) -> String {
    FOLDER.with(|folder| {
        let (service, path) = folder.get_or_init(two_versions);
        std::fs::write(path, data).unwrap();
        let key = [("x-api-key", "chief".to_owned())];
        let (status, answer) = send(service, "/models/ruled/reload", &key, Bytes::new());
        let serving = json(&answer)["serving"].clone();
        assert!(
            serving == "1.0.0" || serving == "1.0.0+b",
            "{status} {}",
            String::from_utf8_lossy(&answer)
        );
        format!("{} {serving}", outcome(status, &answer))
    })
}

fn two_versions() -> (Router, PathBuf) {
    let folder = std::env::temp_dir().join(format!("underwrite-fuzz-{}", std::process::id()));
    for version in ["1.0.0", "1.0.0+b"] {
        let place = folder.join("ruled").join(version);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("model.wasm"), module()).unwrap();
    }
    let options = ServeOptions {
        keys: vec![Key::new("chief", Role::Admin)],
        ..ServeOptions::new(ModelSource::Folder(folder.clone()))
    };
    let service = app(App::open(options).unwrap());
    (service, folder.join("ruled/deployment.toml"))
}

fn tensors() -> Vec<Vec<u8>> {
    let with_length = |json: &str, binary: &[u8]| {
        let length = match binary.is_empty() {
            true => 0,
            false => json.len() as u16,
        };
        [&length.to_le_bytes()[..], json.as_bytes(), binary].concat()
    };
    let two = [1.5_f64.to_le_bytes(), f64::NAN.to_le_bytes()].concat();
    vec![
        with_length(
            r#"{"inputs":[{"name":"purpose","shape":[2],"datatype":"BYTES","data":["CAR",null]},{"name":"amount","shape":[2,1],"datatype":"FP64","data":[[1],[2.5]]},{"name":"income","shape":[2],"datatype":"INT32","data":[1,2]},{"name":"age","shape":[2],"datatype":"UINT8","data":[20,30]},{"name":"owner","shape":[2],"datatype":"BOOL","data":[true,false]}]}"#,
            &[],
        ),
        with_length(
            r#"{"id":"1","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0,0.1]}],"outputs":[{"name":"label"},{"name":"outcome"}]}"#,
            &[],
        ),
        with_length(
            r#"{"inputs":[{"name":"amount","shape":[2],"datatype":"FP64","parameters":{"binary_data_size":16}}]}"#,
            &two,
        ),
        with_length(
            r#"{"inputs":[{"name":"purpose","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":7}}],"parameters":{"binary_data_output":true}}"#,
            b"\x03\0\0\0CAR",
        ),
        with_length(
            r#"{"instances":[{"amount":1000,"income":12000,"age":40,"purpose":"CAR","owner":false},[1,null,null,2,18,"HOME",true]]}"#,
            &[],
        ),
        with_length(
            r#"{"dataframe_split":{"columns":["age","purpose","amount","income","owner"],"data":[[40,"CAR",0,0,true],[40,"x",1,null,null]]},"params":{"output":"label"}}"#,
            &[],
        ),
        with_length(
            r#"{"inputs":{"purpose":[["CAR"],["HOME"]],"age":[40,50]}}"#,
            &[],
        ),
    ]
}

fn rows() -> Vec<Vec<u8>> {
    vec![
        b"{}\n{\"amount\":1}\n\n 5\n".to_vec(),
        b"{\"age\":40,\"purpose\":\"CAR\",\"amount\":0,\"income\":0,\"owner\":true,\"share\":2}"
            .to_vec(),
        b"\n\r\n[".to_vec(),
    ]
}

fn packed_rows() -> Vec<Vec<u8>> {
    let one = b"{\"age\":40,\"purpose\":\"CAR\",\"amount\":9,\"income\":1e4,\"owner\":false}";
    vec![
        [b"[{},5,[1],", &one[..], b"]"].concat(),
        gzip(b"[{}]"),
        [gzip(b"[{},"), gzip(b"1]")].concat(),
    ]
}

fn tables() -> Vec<Vec<u8>> {
    vec![
        b"age,purpose,amount,income,owner\n40,CAR,0,0,true\n18,\"HO\"\"ME\",,1,no\n".to_vec(),
        b"\xef\xbb\xbfpurpose,amount,age,income,owner,share\r\nCAR,1,20,5,1,0.2\r\n\r\n".to_vec(),
        b"age\n\n\"\n\"\n".to_vec(),
    ]
}

fn sketches() -> Vec<Vec<u8>> {
    use model_sketch::{Capacity, Kind, Spec};
    let specs = vec![Spec::new("a", Kind::Category), Spec::new("b", Kind::Number)];
    let mut sketch = Sketch::new(specs, Capacity::CARRIED);
    let empty = sketch.encode();
    for number in 0..40 {
        sketch.columns[0].push_text(["x", "y", "z"][number % 3]);
        sketch.columns[1].push_number(number as f64 * 1e3);
    }
    vec![empty, sketch.encode()]
}

fn deployments() -> Vec<Vec<u8>> {
    vec![
        b"version = \"1.0.0\"\n".to_vec(),
        b"# x\nversion = \"1.0.0+b\"\n[challenger]\nversion = \"1.0.0\"\nmode = \"canary\"\npercent = 25.5\n".to_vec(),
        Vec::new(),
    ]
}
