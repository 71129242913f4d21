//! What somebody else's file says does not act on the terminal that shows it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, changed_points_model, data, points_model};
use model_core::artifact::Artifact;
use model_core::schema::Outcomes;
use model_log::{Kind, Options, Record, Writer};

/// Saves the cursor, goes up four lines and writes over what stands there.
const OVER: &str = "good\u{1b}7\u{1b}[4A\rsha256      abab\u{1b}8";

/// Checks that only line breaks act, and that one line begins so.
fn check_shown(text: &str, begin: &str) {
    let acts = |c: &char| c.is_control() && *c != '\n';
    assert_eq!(text.chars().find(acts), None, "{text:?}");
    let lines = text.lines().filter(|line| line.starts_with(begin));
    assert_eq!(lines.count(), 1, "{text:?}");
}

/// What `inspect` prints of a model with such texts.
fn inspect(change: impl FnOnce(&mut Artifact)) -> String {
    let folder = Folder::new(&[("model.wasm", &changed_points_model(change))]);
    folder.succeed("inspect model.wasm")
}

#[test]
fn inspect_shows_no_line_of_the_model_as_its_own() {
    let check = |title: &str, expect: &str| {
        let text = inspect(|artifact| artifact.schema.title = Some(title.to_owned()));
        check_shown(&text, "sha256 ");
        assert!(text.contains(expect), "{text}");
    };
    check("Loan\nsha256      abab", r"· Loan\nsha256      abab");
    check("Loan\r\nsha256      abab", r"· Loan\r\nsha256      abab");
    check("\u{9b}2J\u{7f}", r"· \u{9b}2J\u{7f}");
    check("Loan\u{2028}\u{202e}", r"· Loan\u{2028}\u{202e}");
    check("Größe 日本", "· Größe 日本");

    let text = inspect(|artifact| {
        artifact.schema.target.outcomes = Some(Outcomes {
            positive: OVER.to_owned(),
            negative: "bad".to_owned(),
        });
    });
    check_shown(&text, "sha256 ");
    let expect = r"when the probability of good\u{1b}7\u{1b}[4A\rsha256      abab\u{1b}8 is";
    assert!(text.contains(expect), "{text}");

    let text = inspect(|artifact| {
        let mut features = artifact.schema.features.iter_mut();
        let income = features.find(|feature| feature.name == "income").unwrap();
        income.unit = Some(OVER.to_owned());
    });
    check_shown(&text, "sha256 ");
    assert!(text.contains(r"good\u{1b}7"), "{text}");
}

#[test]
fn json_has_the_texts_as_they_are() {
    let title = "Loan\n\u{1b}[2J\u{9b}\u{7f}";
    let model = changed_points_model(|artifact| artifact.schema.title = Some(title.to_owned()));
    let folder = Folder::new(&[("model.wasm", &model)]);
    let json = folder.succeed("inspect model.wasm --json");
    assert!(json.contains("Loan\\n\\u001b[2J\u{9b}\u{7f}"), "{json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["model"]["title"], title);
}

#[test]
fn errors_show_cells_and_schemas_without_acting() {
    let points = std::fs::read_to_string(data("points_sample.csv")).unwrap();
    let mut lines = points.lines();
    let (head, row) = (lines.next().unwrap(), lines.next().unwrap());
    let income = row.split(',').nth(2).unwrap();
    let bad = row.replacen(income, "z\u{1b}]0;x\u{7}\u{9b}2J", 1);
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("d.csv", format!("{head}\n{bad}\n").as_bytes()),
        ("h.csv", format!("{head},z\u{1b}]0;x\n{row},1\n").as_bytes()),
    ]);
    let schema = data("points.toml");
    for args in [
        format!("train --data d.csv --schema {schema} --out new.wasm"),
        "evaluate --model model.wasm --data d.csv".to_owned(),
    ] {
        let error = folder.fail(&args);
        check_shown(&error, "d.csv, line 2");
        assert!(error.contains(r"'z\u{1b}]0;x\u{7}\u{9b}2J'"), "{error}");
    }
    let error = folder.fail(&format!(
        "train --data h.csv --schema {schema} --out new.wasm"
    ));
    check_shown(&error, "h.csv, line 1");
    assert!(error.contains(r"'z\u{1b}]0;x'"), "{error}");
}

#[test]
fn a_schema_with_such_a_title_is_refused_with_its_line() {
    let points = std::fs::read_to_string(data("points.toml")).unwrap();
    let title = points.lines().position(|line| line.starts_with("title"));
    let line = title.unwrap();
    let mut lines: Vec<&str> = points.lines().collect();
    lines[line] = "title = \"Loan\\nsha256      abab\"";
    let folder = Folder::new(&[("s.toml", lines.join("\n").as_bytes())]);
    let expect = format!(
        "s.toml, line {}, column 1: title: expected one line without control characters, got \
         U+000A: remove it",
        line + 1
    );
    assert_eq!(folder.fail("schema check s.toml"), expect);
}

#[test]
fn a_record_of_a_log_is_shown_as_its_lines() {
    let folder = Folder::new(&[]);
    let log = Writer::open(&folder.path("decisions"), Options::default()).unwrap();
    let mut record = Record::new(Kind::Decision);
    record.request =
        b"{\"a\":\"\x1b7\x1b[9A\rkind         erasure\nkind         erasure\"}".to_vec();
    log.append(vec![record]).unwrap().wait().unwrap();
    log.close().unwrap();
    let text = folder.succeed("log show decisions 0");
    check_shown(&text, "kind ");
    assert!(text.contains(r"\u{1b}7\u{1b}[9A\rkind"), "{text}");
    let json = folder.succeed("log show decisions 0 --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["index"], 0, "{json}");
}
