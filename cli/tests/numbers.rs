//! A number of a Parquet file means what the same number means in JSON, to every command.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::Read;
use std::path::Path;

use common::Folder;
use model_files::parquet::{CsvText, Encoded, NewCells, NewColumn, NewKind, ParquetWriter};

const SCHEMA: &str = r#"
name = "terms"
version = "1"
missing_values = ["99.0"]

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "term"
type = "category"
categories = ["1.0", "2.0", "3"]
unknown = "other"
missing = "other"

[[feature]]
name = "branch"
type = "category"
categories = ["1", "2.0"]
unknown = "other"

[[feature]]
name = "owner"
type = "boolean"
missing = "most_frequent"

[[feature]]
name = "paid"
type = "category"
role = "target"
categories = ["0", "1.0"]
positive = "1.0"
"#;

const COLUMNS: [(&str, NewKind); 5] = [
    ("income", NewKind::Float64),
    ("term", NewKind::Float64),
    ("branch", NewKind::Int32),
    ("owner", NewKind::Int32),
    ("paid", NewKind::Float64),
];

/// A row as JSON has it, which is how CSV has to write it: the float 3.0 is the category `3`, and
/// the integer 2 is not the category `2.0`.
fn row(index: usize) -> [String; 5] {
    let income = format!("{}.5", index * 37 % 101);
    let term = ["1.0", "2.0", "3", "99.0", "4", ""][index * 7 % 6];
    let branch = ["1", "2"][index % 2];
    let owner = ["0", "1", "99.0", "1"][index * 5 % 4];
    let paid = ["0", "1.0"][usize::from((index * 37 % 101 + index * 7 % 6 * 20) % 120 > 50)];
    [income.as_str(), term, branch, owner, paid].map(str::to_owned)
}

fn csv(rows: usize) -> String {
    let lines = (0..rows).map(|index| row(index).join(",") + "\n");
    "income,term,branch,owner,paid\n".to_owned() + &lines.collect::<String>()
}

/// The same rows, every cell a number.
fn write_parquet(path: &Path, rows: usize) {
    let columns = COLUMNS.map(|(name, kind)| NewColumn {
        name: name.to_owned(),
        kind,
    });
    let sink = std::fs::File::create(path).unwrap();
    let mut writer = ParquetWriter::create(sink, "rows", None, &columns).unwrap();
    let mut cells: Vec<NewCells> = columns.iter().map(|c| NewCells::new(c.kind)).collect();
    for index in 0..rows {
        for ((cells, text), (_, kind)) in cells.iter_mut().zip(row(index)).zip(COLUMNS) {
            cells.push(match kind {
                NewKind::Int32 => text.trim_end_matches(".0"),
                _ => &text,
            });
        }
    }
    let encoded = Encoded::new(&columns, &cells).unwrap();
    writer.push(0, &encoded).unwrap();
    writer.finish().unwrap();
}

fn folder() -> Folder {
    let rows = csv(1200);
    let files = [("s.toml", SCHEMA.as_bytes()), ("d.csv", rows.as_bytes())];
    let folder = Folder::new(&files);
    write_parquet(&folder.path("d.parquet"), 1200);
    folder.succeed(&train("d.csv", "m.wasm"));
    folder
}

fn train(data: &str, out: &str) -> String {
    format!("train --data {data} --schema s.toml --model logistic_regression --out {out}")
}

/// What was added to each row.
fn added(scored: &str) -> Vec<String> {
    let rows = scored.lines();
    rows.map(|row| row.splitn(6, ',').last().unwrap().to_owned())
        .collect()
}

#[test]
fn rows_are_scored_alike() {
    let folder = folder();
    let score = |input: &str, output: &str| {
        folder.succeed(&format!(
            "score --model m.wasm --input {input} --output {output}"
        ));
    };
    score("d.csv", "of_csv.csv");
    score("d.parquet", "of_parquet.csv");
    score("d.parquet", "scored.parquet");
    let expected = added(&folder.text("of_csv.csv"));
    assert!(expected.iter().any(|row| row.contains("term:unknown")));
    assert!(expected.iter().any(|row| row.contains("owner:missing")));
    assert_eq!(added(&folder.text("of_parquet.csv")), expected);
    let mut text = String::new();
    let mut scored = CsvText::open(&folder.path("scored.parquet"), "scored").unwrap();
    scored.read_to_string(&mut text).unwrap();
    assert_eq!(added(&text), expected);
}

#[test]
fn models_are_trained_and_measured_alike() {
    let folder = folder();
    folder.succeed(&train("d.parquet", "p.wasm"));
    for model in ["m.wasm", "p.wasm"] {
        let score = "score --input d.csv --output";
        folder.succeed(&format!("{score} {model}.csv --model {model}"));
    }
    assert_eq!(folder.text("p.wasm.csv"), folder.text("m.wasm.csv"));
    folder.succeed("reproduce p.wasm --data d.parquet");
    let of_one = train("d.parquet", "one.wasm --features income");
    folder.succeed(&of_one);
    folder.succeed("reproduce one.wasm --data d.parquet");
    for data in ["d.csv", "d.parquet"] {
        let evaluate = "evaluate --model m.wasm --resamples 1 --predictions";
        folder.succeed(&format!("{evaluate} {data}.p --data {data}"));
    }
    assert_eq!(folder.text("d.parquet.p"), folder.text("d.csv.p"));
}

#[test]
fn columns_are_counted_alike() {
    let folder = folder();
    for data in ["d.csv", "d.parquet"] {
        let sketch = "drift sketch --schema s.toml --out";
        folder.succeed(&format!("{sketch} {data}.sketch --data {data}"));
    }
    assert_eq!(folder.read("d.parquet.sketch"), folder.read("d.csv.sketch"));
    let drift = |reference: &str, data: &str| {
        folder.succeed(&format!("drift --reference {reference} --current {data}"))
    };
    let said = drift("m.wasm", "d.parquet");
    assert!(said.contains("None of the"), "{said}");
    // A sketch knows its categories, and not what means missing.
    let of_csv = drift("d.csv.sketch", "d.csv");
    let of_parquet = drift("d.csv.sketch", "d.parquet");
    assert_eq!(of_parquet, of_csv.replace("99.0.", "99."));
}
