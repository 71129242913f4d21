//! Scoring on all processors: order, errors and figures are those of one row after another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod debts;

use model_core::decide::Decider;
use model_train::score::{Choices, OnInvalid, Progress, score};

use debts::{decider, trained};

fn scored(csv: &str, on_invalid: OnInvalid) -> (String, Result<u64, String>, Vec<Progress>) {
    scored_by(&mut decider(), csv, on_invalid)
}

fn scored_by(
    decider: &mut Decider,
    csv: &str,
    on_invalid: OnInvalid,
) -> (String, Result<u64, String>, Vec<Progress>) {
    let choices = Choices {
        on_invalid,
        allow_missing_columns: false,
        pass_through: true,
        reasons: false,
    };
    let (mut out, mut seen) = (Vec::new(), Vec::new());
    let answer = score(
        decider,
        csv.as_bytes(),
        "new.csv",
        &mut out,
        choices,
        |progress| seen.push(progress),
    );
    let answer = answer.map_err(|error| error.to_string());
    (String::from_utf8(out).unwrap(), answer, seen)
}

/// So many rows that they are several pieces, each with its own number.
fn many(rows: usize) -> String {
    let filler = "x".repeat(40);
    let row = |row: usize| format!("{row},{},{filler}\n", row * 7 % 900);
    format!("id,debt,note\n{}", (0..rows).map(row).collect::<String>())
}

#[test]
fn many_rows_keep_their_order() {
    let csv = many(120_000);
    let (text, answer, seen) = scored(&csv, OnInvalid::Stop);
    assert_eq!(answer, Ok(0));
    assert_eq!(text.lines().count(), 120_001);
    for (row, (before, after)) in csv.lines().zip(text.lines()).enumerate() {
        assert!(after.starts_with(&format!("{before},")), "row {row}");
    }
    let last = seen.last().unwrap();
    assert_eq!((last.rows, last.bytes), (120_000, csv.len() as u64));
    // A row is scored as it is by itself.
    let few = many(2000);
    let (alone, ..) = scored(&few, OnInvalid::Stop);
    assert!(text.starts_with(&alone));
}

#[test]
fn what_comes_before_an_error_is_written() {
    let csv = many(120_000)
        .replace("\n77777,", "\n77777x,-")
        .replace("\n99999,", "\n99999,-");
    let (text, answer, _) = scored(&csv, OnInvalid::Stop);
    let error = answer.unwrap_err();
    assert!(
        error.starts_with("new.csv, line 77779, column 'debt'"),
        "{error}"
    );
    assert_eq!(text.lines().count(), 77_778);
    let (text, answer, _) = scored(&csv, OnInvalid::Blank);
    assert_eq!((answer, text.lines().count()), (Ok(2), 120_001));
}

/// Whatever the schema lists: such a text once stood for every category that is not listed.
#[test]
fn what_an_unknown_category_became_is_written() {
    let schema = |missing: &str, categories: &str| {
        format!(
            r#"
name = "test"
version = "1.0.0"
missing_values = [{missing}]

[[feature]]
name = "job"
type = "category"
categories = [{categories}]
missing = "error"
unknown = "most_frequent"

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#
        )
    };
    let rows = (0..400).map(|row| match row % 5 {
        0 => "nurse,false\n",
        1 => "clerk,false\n",
        _ => "clerk,true\n",
    });
    let csv = format!("job,paid\n{}", rows.collect::<String>());
    let listed = [
        schema("", r#""clerk", "nurse""#),
        schema(r#""(unknown)""#, r#""clerk", "nurse""#),
        schema(r#""(unknown)?""#, r#""clerk", "nurse", "(unknown)""#),
    ];
    for schema in listed {
        let mut decider = trained(&schema, &csv);
        let (text, answer, _) = scored_by(&mut decider, "job\npilot\n", OnInvalid::Stop);
        assert_eq!(answer, Ok(0), "{schema}");
        assert!(text.contains(",job:unknown:clerk,"), "{schema}: {text}");
    }
}
