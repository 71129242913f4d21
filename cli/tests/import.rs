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
    assert!(
        said.contains("\napproves  applications likely to be paid = true, class 1 of the model\n"),
        "{said}"
    );
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
    folder.succeed("schema infer rows.csv --model model.txt --positive yes --out s.toml");
    let draft = folder.text("s.toml");
    for line in [
        "columns = { \"RENT\" = \"home_RENT\" }",
        "categories = [\"A\", \"B\", \"C\"]",
        "missing = \"native\"",
        "role = \"ignored\"   # the model does not know it",
        "name = \"approved\"",
        "positive = true   # check: class 1 of the model is the outcome to approve, as --positive says",
    ] {
        assert!(draft.contains(line), "{line}\n{draft}");
    }
    assert!(!draft.contains("protected"), "{draft}");
    folder.succeed(IMPORT);
}

/// The outcome of an application to which the library gives a high probability of class 1.
fn outcome_of_class_1(folder: &Folder) -> String {
    folder.succeed(IMPORT);
    let application = "income,grade,home\n60,B,OWN\n";
    std::fs::write(folder.path("one.csv"), application).unwrap();
    folder.succeed("score --model m.wasm --input one.csv --output scored.csv");
    let scored = folder.text("scored.csv");
    let [header, row] = scored.lines().collect::<Vec<_>>()[..] else {
        panic!("{scored}");
    };
    let mut cells = header.split(',').zip(row.split(','));
    cells.find(|(name, _)| *name == "outcome").unwrap().1.into()
}

const INFER: &str = "schema infer rows.csv --model model.txt --out s.toml";

#[test]
fn which_class_is_approved_is_asked_and_never_guessed() {
    let folder = folder();
    std::fs::remove_file(folder.path("s.toml")).unwrap();
    assert_eq!(
        folder.fail(INFER),
        "the model's file does not say whether its class 1, which its probability is of, is to be approved: pass --positive yes or --positive no, or name the column that it learned with --target"
    );
    assert_eq!(
        folder.fail(&format!("{INFER} --positive good")),
        "--positive: class 1 of the model is to be approved or not: expected yes or no, got 'good'"
    );
    assert!(!folder.path("s.toml").exists());
    for (positive, drafted, outcome) in [
        (
            "yes",
            "name = \"approved\"\nrole = \"target\"\ntype = \"boolean\"\npositive = true   # check: class 1 of the model is the outcome to approve, as --positive says\n",
            "approve",
        ),
        (
            "no",
            "name = \"bad\"\nrole = \"target\"\ntype = \"boolean\"\npositive = false   # check: class 1 of the model is the outcome that is not to be approved, as --positive says\n",
            "decline",
        ),
    ] {
        folder.succeed(&format!("{INFER} --positive {positive}"));
        let draft = folder.text("s.toml");
        assert!(draft.contains(drafted), "{draft}");
        assert_eq!(outcome_of_class_1(&folder), outcome);
    }
}

/// Check rows with the outcome that is likelier: in the category, what class 1 and 0 are.
fn with_outcomes(class_1: &str, class_0: &str) -> Folder {
    let folder = folder();
    let mut csv = String::from("income,grade,home,expected,risk,approved\n");
    for row in rows().lines().skip(1) {
        let p: f64 = row.rsplit(',').next().unwrap().parse().unwrap();
        csv += &format!("{row},{},1\n", if p >= 0.5 { class_1 } else { class_0 });
    }
    std::fs::write(folder.path("rows.csv"), csv).unwrap();
    folder
}

#[test]
fn a_draft_with_a_category_target_asks_which_class_each_is() {
    let folder = with_outcomes("bad", "good");
    folder.succeed(&format!("{INFER} --target risk"));
    let draft = folder.text("s.toml");
    let asks =
        "# codes = { \"bad\" = …, \"good\" = … }: the model's file does not name its classes";
    assert!(draft.contains(asks), "{draft}");
    let error = folder.fail(IMPORT);
    assert!(
        error.contains(
            "does not say whether its class 1, which the probability is of, is 'good' or 'bad'"
        ),
        "{error}"
    );
    let said = |codes: &str| {
        let schema = draft.replace("# codes = {", &format!("codes = {codes} # {{"));
        std::fs::write(folder.path("s.toml"), schema).unwrap();
    };
    said("{ bad = 0, good = 1 }");
    let error = folder.fail(IMPORT);
    assert!(
        error.contains("(ROC AUC 0.000 against their column 'risk')"),
        "{error}"
    );
    assert!(!folder.path("m.wasm").exists());
    said("{ bad = 1, good = 0 }");
    assert_eq!(outcome_of_class_1(&folder), "decline");
    let shown = folder.succeed("inspect m.wasm");
    assert!(shown.contains("with class_1 = bad"), "{shown}");
}

#[test]
fn the_drafted_target_has_a_name_of_its_own() {
    let folder = with_outcomes("bad", "good");
    folder.succeed(&format!("{INFER} --positive yes"));
    let draft = folder.text("s.toml");
    assert!(
        draft.contains("name = \"approved_by_model\"\nrole = \"target\""),
        "{draft}"
    );
    assert_eq!(outcome_of_class_1(&folder), "approve");
}

#[test]
fn the_classes_that_a_file_names_are_the_target_of_the_draft() {
    let given = models::Given::sklearn().file("[\"0\", \"1\"]", "[\"paid\", \"lost\"]");
    let folder = Folder::new(&[
        ("model.json", &given.file),
        ("rows.csv", given.rows.as_bytes()),
    ]);
    let infer = "schema infer rows.csv --model model.json --out s.toml";
    let error = folder.fail(&infer.replace("rows.csv", "rows.csv --positive yes"));
    assert_eq!(
        error,
        "--positive: column 'outcome' has 'paid' and 'lost', got 'yes'"
    );
    folder.succeed(&format!("{infer} --positive lost"));
    assert!(folder.text("s.toml").contains("positive = \"lost\""));
    folder.succeed(infer);
    let draft = folder.text("s.toml");
    assert!(
        draft.contains("name = \"outcome\"\nrole = \"target\"\ntype = \"category\"\ncategories = [\"paid\", \"lost\"]\npositive = \"paid\""),
        "{draft}"
    );
    // The file names only the text that has a column.
    let whole = draft.replace("[\"RENT\"]", "[\"RENT\", \"OWN\"]");
    std::fs::write(folder.path("s.toml"), whole).unwrap();
    let said =
        folder.succeed("import sklearn model.json --schema s.toml --check rows.csv --out m.wasm");
    assert!(
        said.contains(
            "approves  applications likely to be outcome = paid, class paid of the model"
        ),
        "{said}"
    );
}
