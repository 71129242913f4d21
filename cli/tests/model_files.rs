//! `underwrite inspect` and `underwrite verify`, on good and bad files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, points_model};

fn folder(model: &[u8]) -> Folder {
    Folder::new(&[("model.wasm", model)])
}

#[test]
fn inspect_shows_what_is_in_a_model() {
    let text = folder(points_model()).succeed("inspect model.wasm");
    for expect in [
        "points-approval 1.0.0",
        "logistic_regression",
        "sha256:",
        "on 1600 rows, measured on 400 others, random seed 42",
        "roc_auc 0.9",
        "credit_score    integer   input    250 to 900",
        "threshold   fixed at 0.5",
        "calibration none",
        "sketch      ",
        "columns of 1600 training rows",
        "  alpha = 1.0",
    ] {
        assert!(text.contains(expect), "{expect:?} in\n{text}");
    }
}

#[test]
fn inspect_as_json_is_describe_and_the_file() {
    let json = folder(points_model()).succeed("inspect model.wasm --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["abi"], 1);
    assert_eq!(json["model"]["name"], "points-approval");
    assert_eq!(json["features"].as_array().unwrap().len(), 7);
    assert_eq!(json["file"]["bytes"], points_model().len());
    assert_eq!(json["file"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(json["file"]["golden_rows"], 16);
    let details = &json["details"];
    assert_eq!(details["threshold_rule"], "half");
    assert_eq!(details["protected_inputs"], serde_json::json!([]));
    assert!(details["config"].as_str().unwrap().contains("seed = 42"));
    let sketch = details["sketch"].as_array().unwrap();
    assert!(sketch.iter().any(|column| column["role"] == "target"));
    assert_eq!(sketch[0]["rows"], 1600);
}

#[test]
fn verify_says_what_it_checked() {
    let text = folder(points_model()).succeed("verify model.wasm");
    assert!(
        text.contains("16 golden rows: identical bytes natively and in wasmtime"),
        "{text}"
    );
}

#[test]
fn an_export_keeps_the_package_of_a_project() {
    let folder = folder(points_model());
    let export = |to: &str| format!("export js model.wasm --out {to}");
    let said = folder.succeed(&export("new"));
    assert_eq!(
        said,
        "new: model.js, model.d.ts, model.wasm, package.json\n"
    );
    let package: serde_json::Value =
        serde_json::from_slice(&folder.read("new/package.json")).unwrap();
    assert_eq!(package["type"], "module");
    // Again, into the folder that it has made.
    std::fs::write(folder.path("new/model.js"), "old").unwrap();
    folder.succeed(&export("new"));
    assert!(folder.text("new/model.js").contains("export"));

    let with = |name: &str, package: &str| {
        std::fs::create_dir(folder.path(name)).unwrap();
        std::fs::write(folder.path(name).join("package.json"), package).unwrap();
    };
    let shop = r#"{"name": "my-shop", "type": "module", "dependencies": {}}"#;
    with("shop", shop);
    let said = folder.succeed(&export("shop"));
    assert!(said.contains("package.json (kept as it was)"), "{said}");
    assert_eq!(folder.text("shop/package.json"), shop);
    assert_eq!(folder.read("shop/model.wasm"), points_model());
    for (name, package) in [
        ("common", r#"{"name": "my-shop", "type": "commonjs"}"#),
        ("plain", r#"{"name": "my-shop"}"#),
        ("broken", "{"),
    ] {
        with(name, package);
        let error = folder.fail(&export(name));
        assert!(error.contains("declares no ES module"), "{name}: {error}");
        assert_eq!(folder.text(&format!("{name}/package.json")), package);
        assert!(!folder.path(name).join("model.js").exists(), "{name}");
    }
}

#[test]
fn a_bad_model_is_refused_by_every_command() {
    let whole = points_model();
    let mut newer = whole.to_vec();
    let version = newer.len() - 75 + 18;
    newer[version] = 9;
    let mut other = whole[..8].to_vec();
    other.extend_from_slice(b"\0\x05\x04note");
    for (model, expect) in [
        (&b""[..], "model.wasm: not a WebAssembly module"),
        (
            b"PK\x03\x04 something else",
            "model.wasm: not a WebAssembly module",
        ),
        (&other, "model.wasm: no underwrite seal at the end"),
        (
            &newer,
            "model.wasm: the seal is of version 9, this program reads version 1",
        ),
        (
            &whole[..whole.len() - 1],
            "model.wasm: no underwrite seal at the end",
        ),
    ] {
        let folder = folder(model);
        std::fs::write(folder.path("in.csv"), "income\n1\n").unwrap();
        for command in [
            "inspect model.wasm",
            "inspect model.wasm --json",
            "verify model.wasm",
            "score --model model.wasm --input in.csv --output out.csv",
            "serve --model model.wasm --port 0 --log text",
        ] {
            let error = folder.fail(command);
            assert!(error.contains(expect), "{command}: {error}");
        }
        assert_eq!(folder.names(), ["in.csv", "model.wasm"]);
    }
    let error = Folder::new(&[]).fail("verify model.wasm");
    assert!(error.starts_with("cannot read model.wasm: "), "{error}");
}

#[test]
fn a_model_cut_or_altered_anywhere_is_refused() {
    let whole = points_model();
    // Every byte is tried where the seal is checked; here a spread of them, and the last 76.
    let ends = whole.len() - 76..whole.len();
    for at in (0..whole.len())
        .step_by(whole.len() / 40)
        .chain(ends.step_by(5))
    {
        folder(&whole[..at]).fail("inspect model.wasm");
        let mut altered = whole.to_vec();
        altered[at] ^= 0x10;
        folder(&altered).fail("inspect model.wasm");
    }
}
