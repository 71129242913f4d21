//! What `serve` and its commands do not give away, and what they refuse before they start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::time::{Duration, Instant};

use common::serving::Serving;
use common::{Folder, points_model};
use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use model_files::sha256_hex;
use model_train::pack::pack;
use model_train::unpack::unpack;

fn served() -> Folder {
    Folder::new(&[("model.wasm", points_model())])
}

/// Runs `serve`, which must refuse to start; its sentence.
fn refused(folder: &Folder, flags: &str, variables: &[(&str, &str)]) -> String {
    let output = folder
        .command()
        .args("serve --model model.wasm --port 0".split(' '))
        .args(flags.split_whitespace())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{flags} {error}");
    error
}

#[test]
fn a_key_that_is_set_but_empty_opens_nothing() {
    let folder = served();
    for (variable, name) in [
        ("API_KEY", "api-key"),
        ("UNDERWRITE_API_KEY", "api-key"),
        ("METRICS_KEY", "metrics-key"),
        ("ADMIN_KEY", "admin-key"),
    ] {
        let error = refused(&folder, "", &[(variable, "")]);
        let expected = format!("{variable}: {name} is set, but empty");
        assert!(error.contains(&expected), "{error}");
        for value in [" ", ",", "k,"] {
            let error = refused(&folder, "", &[(variable, value)]);
            assert!(error.contains("a key is empty"), "{value:?}: {error}");
        }
    }
}

#[test]
fn who_listens_to_the_world_without_a_key_is_told() {
    let folder = served();
    let start = |host: &str, key: &str| {
        let mut command = folder.command();
        command.args(["serve", "--model", "model.wasm", "--host", host]);
        if !key.is_empty() {
            command.env("API_KEY", key);
        }
        Serving::start(&mut command).log()
    };
    let warning = "no API key is set";
    assert!(start("0.0.0.0", "").contains(warning));
    assert!(!start("0.0.0.0", "k").contains(warning));
    assert!(!start("127.0.0.1", "").contains(warning));
}

#[test]
fn compose_starts_only_with_a_key() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/docker-compose.yml");
    let compose = std::fs::read_to_string(path).unwrap();
    let line = compose.lines().find(|line| line.contains("API_KEY_FILE:"));
    assert_eq!(line.unwrap().trim(), "API_KEY_FILE: /keys/api-keys");
    // Where nobody has made the file, or there is no key in it, nothing starts.
    let folder = served();
    std::fs::write(folder.path("empty"), "\n").unwrap();
    for file in ["missing", "empty"] {
        let mut serve = folder.command();
        serve.args(["serve", "--model", "model.wasm", "--port", "0"]);
        let output = serve.env("API_KEY_FILE", file).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(file), "{said}");
    }
}

#[test]
fn passwords_in_addresses_are_shown_nowhere() {
    let folder = served();
    let address = "http://me:s3cret@127.0.0.1:1/x?token=s3cret";
    let variables = [
        ("PROM_PUSHGATEWAY", address),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address),
        ("HF_ENDPOINT", address),
    ];
    let printed = folder
        .command()
        .args(["serve", "--print-config"])
        .envs(variables)
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed.matches("127.0.0.1:1/x?").count(), 3, "{printed}");
    assert!(!printed.contains("s3cret"), "{printed}");

    let mut command = folder.command();
    command.args(["serve", "--model", "model.wasm", "--push-interval", "0.05"]);
    let serving = Serving::start(command.envs(variables));
    for _ in 0..20 {
        serving.post("/predict", "{}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = serving.log();
    assert!(log.contains("metrics push failed"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");

    let pulled = folder
        .command()
        .args(["pull", "acme/loan", "--out", "m.wasm", "--cache", "cache"])
        .envs(variables)
        .output()
        .unwrap();
    let error = String::from_utf8(pulled.stderr).unwrap();
    assert!(error.contains("does not answer"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn the_access_log_takes_no_free_text() {
    let folder = served();
    let mut command = folder.command();
    command.args(["serve", "--model", "model.wasm", "--access-log"]);
    let serving = Serving::start(&mut command);
    serving.ask("SSN123456789 /SSN?q=SSN HTTP/1.1\r\nhost: SSN\r\nx-request-id: SSN-123-45-6789\r\nuser-agent: SSN\r\nconnection: close\r\n\r\n");
    let log = serving.log();
    assert!(log.contains("request answered"), "{log}");
    assert!(!log.contains("SSN"), "{log}");
}

#[test]
fn what_could_never_work_is_refused_at_the_start() {
    let folder = Folder::new(&[("model.wasm", points_model()), ("file", b"")]);
    for (flags, expected) in [
        ("--drift-state file", "drift-state file: cannot write"),
        (
            "--drift-state file/below",
            "drift-state file/below: cannot write",
        ),
        ("--cors-origin app.example", "cors-origin is `app.example`"),
        (
            "--cors-origin https://app.example/",
            "cors-origin is `https://app.example/`",
        ),
        ("--pushgateway push:9091", "pushgateway is `push:9091`"),
        ("--pushgateway ftp://push", "pushgateway is `ftp://push`"),
        (
            "--otlp-endpoint collector:4318",
            "otlp-endpoint is `collector:4318`",
        ),
    ] {
        let error = refused(&folder, flags, &[]);
        assert!(error.contains(expected), "{flags}: {error}");
    }
    let state = folder.path("new/state").display().to_string();
    let mut command = folder.command();
    command.args(["serve", "--model", "model.wasm", "--drift-state", &state]);
    Serving::start(&mut command);
}

/// The model with other code in its engine, which still names the engine that it was packed
/// with; and the same named by its true digest.
fn forged() -> [Vec<u8>; 2] {
    let unpacked = unpack(points_model()).unwrap();
    // A custom section more is another engine, whatever it does.
    let engine = [&unpacked.engine[..], &[0, 5, 4], b"evil"].concat();
    let bytes = ModelFile::open(points_model()).unwrap().artifact();
    let mut artifact = Artifact::decode(bytes).unwrap();
    let lying = pack(&engine, &unpacked.glue, bytes).unwrap();
    artifact.engine_sha256 = sha256_hex(&engine);
    let honest = artifact.encode().unwrap();
    [lying, pack(&engine, &unpacked.glue, &honest).unwrap()]
}

#[test]
fn an_engine_that_is_not_the_one_it_says_is_refused() {
    let [lying, honest] = forged();
    let folder = Folder::new(&[("model.wasm", &lying), ("honest.wasm", &honest)]);
    for error in [folder.fail("verify model.wasm"), refused(&folder, "", &[])] {
        assert!(error.contains("its code is another"), "{error}");
    }
    let said = folder.succeed("verify honest.wasm");
    assert!(said.contains("its code is not checked"), "{said}");
    let error = folder.run("serve --model honest.wasm --port 0 --known-engines-only");
    let error = String::from_utf8(error.stderr).unwrap();
    assert!(
        error.contains("is neither this program's nor a released one"),
        "{error}"
    );
    let mut command = folder.command();
    let log = Serving::start(command.args(["serve", "--model", "honest.wasm"])).log();
    assert!(log.contains("model in doubt"), "{log}");
}

/// What a page or Node runs outside the sandbox is JavaScript that this program knows.
#[test]
fn javascript_of_somebody_else_is_neither_written_nor_served() {
    const FOREIGN: &[u8] = b"export default function init() { /* anything */ }";
    let unpacked = unpack(points_model()).unwrap();
    let bytes = ModelFile::open(points_model()).unwrap().artifact();
    // A known engine with a script of somebody's own, and an engine of somebody's own.
    let script = pack(&unpacked.engine, FOREIGN, bytes).unwrap();
    let [_, engine] = forged();
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("script.wasm", &script),
        ("engine.wasm", &engine),
    ]);
    folder.succeed("export js model.wasm --out ours");
    let ours = folder.text("ours/model.js");

    let said = folder.run("export js script.wasm --out script");
    let warning = String::from_utf8(said.stderr).unwrap();
    let digest = sha256_hex(FOREIGN);
    assert!(
        said.status.success() && warning.contains(&digest),
        "{warning}"
    );
    assert_eq!(folder.text("script/model.js"), ours);
    let said = folder.succeed("verify script.wasm");
    assert!(
        said.contains(&format!("the JavaScript (sha256 {digest})")),
        "{said}"
    );
    folder.succeed("export js script.wasm --out asked --allow-unknown-scripts");
    assert_eq!(folder.text("asked/model.js").as_bytes(), FOREIGN);

    let error = folder.fail("export js engine.wasm --out engine");
    assert!(error.contains("add --allow-unknown-scripts"), "{error}");
    assert!(!folder.path("engine").exists());
    folder.succeed("export js engine.wasm --out engine --allow-unknown-scripts");

    for (model, flag, expected) in [
        ("script.wasm", None, Some(&*ours)),
        (
            "script.wasm",
            Some("--allow-unknown-scripts"),
            std::str::from_utf8(FOREIGN).ok(),
        ),
        ("engine.wasm", None, None),
        ("engine.wasm", Some("--allow-unknown-scripts"), Some(&*ours)),
    ] {
        let mut command = folder.command();
        command.args(["serve", "--model", model]).args(flag);
        let server = Serving::start(&mut command);
        let request = "GET /model.js HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = server.ask(request);
        let (head, script) = answer.split_once("\r\n\r\n").unwrap();
        let served = head.starts_with("HTTP/1.1 200").then_some(script);
        assert_eq!(served, expected, "{model} {flag:?}");
    }
}

/// Before, this took 20 s and more.
#[test]
fn a_header_of_a_hundred_thousand_names_is_read_at_once() {
    let names: Vec<String> = (0..100_000).map(|column| format!("c{column}")).collect();
    let row = vec!["1"; names.len()].join(",");
    let csv = format!("{}\n{row}\n{row}\n", names.join(","));
    let schema = std::fs::read(common::data("points.toml")).unwrap();
    let folder = Folder::new(&[("d.csv", csv.as_bytes()), ("s.toml", &schema)]);
    let begun = Instant::now();
    folder.run("schema infer d.csv --target c7 --out t.toml");
    let error = folder.fail("train --data d.csv --schema s.toml --out m.wasm");
    assert!(error.contains("does not know"), "{error}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn names_of_an_ignored_column_are_in_no_sketch_and_no_report() {
    let schema = r#"
name = "small"
version = "1.0.0"

[[feature]]
name = "applicant"
type = "category"
categories = ["nobody", "somebody"]
role = "ignored"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;
    let csv = |from: u32| -> String {
        let row = |n: u32| format!("Jane Doe {n},{},{}\n", 1000 + n % 97, n % 2);
        let rows: String = (from..from + 400).map(row).collect();
        format!("applicant,income,approved\n{rows}")
    };
    let folder = Folder::new(&[
        ("s.toml", schema.as_bytes()),
        ("a.csv", csv(0).as_bytes()),
        ("b.csv", csv(400).as_bytes()),
    ]);
    folder.succeed("drift sketch --data a.csv --schema s.toml --out a.sketch");
    folder.succeed(
        "drift --reference a.csv --current b.csv --schema s.toml --json d.json --out d.html",
    );
    folder.succeed("train --data a.csv --schema s.toml --model logistic_regression --out m.wasm --report r.html");
    for name in ["a.sketch", "d.json", "d.html", "m.wasm", "r.html"] {
        let bytes = folder.read(name);
        let found = bytes.windows(8).any(|eight| eight == b"Jane Doe");
        assert!(!found, "{name}");
    }
}

#[test]
fn merged_sketches_replace_none_of_them() {
    let csv = "income\n1\n2\n3\n";
    let folder = Folder::new(&[("a.csv", csv.as_bytes())]);
    folder.succeed("drift sketch --data a.csv --out a.sketch");
    folder.succeed("drift sketch --data a.csv --out b.sketch");
    let before = folder.read("a.sketch");
    let error = folder.fail("drift merge a.sketch b.sketch --out a.sketch");
    assert!(error.contains("would be overwritten"), "{error}");
    assert_eq!(folder.read("a.sketch"), before);
}
