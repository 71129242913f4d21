//! A number that means missing is counted as missing, in whatever form a file has it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use model_core::schema::SchemaFile;
use model_drift::read::{Plan, read};
use model_drift::sketch::{Capacity, Sketch, specs_from_schema};
use model_files::parquet::{NewCells, NewColumn, NewKind, ParquetWriter};

const SCHEMA: &str = r#"
name = "loans"
version = "1"
missing_values = ["NA", "999"]

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "months"
type = "integer"

[[feature]]
name = "grade"
type = "category"
categories = ["1", "2"]
unknown = "other"

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

const COLUMNS: [&str; 4] = ["income", "months", "grade", "paid"];
/// The first two rows have nothing but what means missing.
const ROWS: [[&str; 4]; 4] = [
    ["999", "999", "999", "true"],
    ["999.0", "9.99e2", "NA", "true"],
    ["998", "0", "1", "false"],
    ["12.5", "7", "2", "true"],
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn csv() -> PathBuf {
    let path = path("missing_numbers.csv");
    let lines = std::iter::once(COLUMNS)
        .chain(ROWS)
        .map(|row| row.join(","));
    fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    path
}

/// Numbers are numbers, and the category too.
fn parquet() -> PathBuf {
    let path = path("missing_numbers.parquet");
    let columns = COLUMNS.map(|name| NewColumn {
        name: name.to_owned(),
        kind: match name {
            "paid" => NewKind::Text,
            _ => NewKind::Float64,
        },
    });
    let sink = fs::File::create(&path).unwrap();
    let mut writer = ParquetWriter::create(sink, "rows", None, &columns).unwrap();
    let mut cells: Vec<NewCells> = columns.iter().map(|c| NewCells::new(c.kind)).collect();
    for row in ROWS {
        for (cells, text) in cells.iter_mut().zip(row) {
            cells.push(if text == "NA" { "" } else { text });
        }
    }
    let encoded = model_files::parquet::Encoded::new(&columns, &cells).unwrap();
    writer.push(0, &encoded).unwrap();
    writer.finish().unwrap();
    path
}

fn sketch(path: &Path) -> Sketch {
    let schema = SchemaFile::from_toml(SCHEMA).unwrap().schema;
    let plan = Plan {
        specs: Some(specs_from_schema(&schema)),
        missing: schema.missing_values,
        ..Plan::infer(Capacity::default())
    };
    read(path, &plan).unwrap().sketch
}

#[test]
fn numbers_that_mean_missing_are_counted_as_missing() {
    let of_text = sketch(&csv());
    let missing: Vec<u64> = of_text
        .columns
        .iter()
        .map(|column| column.missing)
        .collect();
    assert_eq!(missing, [2, 2, 2, 0], "{of_text:?}");
    assert_eq!(of_text.encode(), sketch(&parquet()).encode());
}
