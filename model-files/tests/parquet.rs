//! A Parquet file as the CSV text of its rows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Read;
use std::path::{Path, PathBuf};

use model_files::csv::Table;
use model_files::parquet::{CsvText, ParquetFile, is_parquet};

/// The same 40 rows in both formats, as other programs write them.
fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/tests/data");
    folder.join(name)
}

fn text_of(path: &Path) -> String {
    let mut text = String::new();
    let name = path.display().to_string();
    let mut csv = CsvText::open(path, &name).unwrap();
    csv.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_file_is_known_by_its_first_bytes() {
    assert!(is_parquet(&data("batch.parquet")).unwrap());
    assert!(!is_parquet(&data("batch.csv")).unwrap());
}

#[test]
fn the_text_has_the_rows_of_the_file() {
    let text = text_of(&data("batch.parquet"));
    assert_eq!(text, text_of(&data("batch_zstd.parquet")));
    let file = ParquetFile::open(&data("batch.parquet"), "b").unwrap();
    let rows: u64 = file.group_rows().iter().sum();
    let mut table = Table::open(text.as_bytes(), "b").unwrap();
    assert_eq!(table.header(), file.header());
    let mut read = 0;
    while let Some(row) = table.next_row().unwrap() {
        read += 1;
        assert_eq!(row.line, read + 1);
    }
    assert_eq!(read, rows);
}

#[test]
fn a_damaged_file_is_named() {
    let bytes = std::fs::read(data("batch.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.parquet");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = match CsvText::open(&path, "cut.parquet") {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was opened"),
    };
    assert!(
        error.starts_with("cut.parquet: the Parquet file cannot be read"),
        "{error}"
    );
}
