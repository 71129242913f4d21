//! `underwrite import`, and `underwrite schema infer --model`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;
#[path = "../../model-import/tests/common/mod.rs"]
mod models;

use std::fs::File;

use common::Folder;
use models::{LIGHTGBM, SCHEMA, rows};

const IMPORT: &str = "import lightgbm model.txt --schema s.toml --check rows.csv --out m.wasm";

fn folder() -> Folder {
    Folder::new(&[
        ("model.txt", LIGHTGBM.as_bytes()),
        ("s.toml", SCHEMA.as_bytes()),
        ("rows.csv", rows().as_bytes()),
    ])
}

#[test]
fn what_is_imported_is_a_model_like_others() {
    let folder = folder();
    let said = folder.succeed(IMPORT);
    assert!(
        said.contains("gradient_boosting, LightGBM format v4"),
        "{said}"
    );
    assert!(said.contains("on 30 rows: largest difference"), "{said}");
    folder.succeed("verify m.wasm");
    let shown = folder.succeed("inspect m.wasm");
    for line in [
        "imported    from LightGBM format v4 by underwrite",
        "proved      on 30 rows: the largest difference of two probabilities is",
        "of 30 check rows",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let json = folder.succeed("inspect m.wasm --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let import = &json["details"]["import"];
    assert_eq!(import["import"]["library"], "LightGBM");
    assert_eq!(import["check"]["rows"], 30);
    folder.succeed("score --model m.wasm --input rows.csv --output scored.csv --pass-through");
}

#[test]
fn a_model_that_answers_otherwise_is_not_written() {
    let folder = folder();
    std::fs::write(folder.path("model.txt"), LIGHTGBM.replace("0.125", "0.126")).unwrap();
    let output = folder.run(IMPORT);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("check rows otherwise than LightGBM"),
        "{said}"
    );
    assert!(!folder.path("m.wasm").exists());
}

#[test]
fn a_file_of_a_gigabyte_is_no_model() {
    let folder = folder();
    let file = File::create(folder.path("model.txt")).unwrap();
    // Sparse: nothing is written.
    file.set_len(1 << 30).unwrap();
    let output = folder.run(IMPORT);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("model.txt: the file has 1024 MiB"), "{said}");
}

#[test]
fn a_schema_that_was_drafted_for_a_model_imports_it() {
    let folder = folder();
    let mut csv = String::from("applicant,income,grade,home,gender,expected\n");
    for (number, row) in rows().lines().skip(1).enumerate() {
        let (fields, expected) = row.rsplit_once(',').unwrap();
        csv += &format!("{},{fields},x,{expected}\n", 1000 + number);
    }
    std::fs::write(folder.path("rows.csv"), csv).unwrap();
    folder.succeed("schema infer rows.csv --model model.txt --out s.toml");
    let draft = folder.text("s.toml");
    for line in [
        "columns = { \"RENT\" = \"home_RENT\" }",
        "categories = [\"A\", \"B\", \"C\"]",
        "missing = \"native\"",
        "role = \"ignored\"   # the model does not know it",
        "name = \"approved\"",
    ] {
        assert!(draft.contains(line), "{line}\n{draft}");
    }
    assert!(!draft.contains("protected"), "{draft}");
    folder.succeed(IMPORT);
}
