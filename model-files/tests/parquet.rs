//! A Parquet file as the CSV text of its rows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model_files::block::Cells;
use model_files::csv::Table;
use model_files::parquet::{ColumnKind, CsvText, ParquetFile, is_parquet};
use parquet::column::writer::ColumnWriter;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

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

/// Three bytes are others, anywhere: what is read may be wrong, but somebody says so or reads on.
#[test]
fn no_damage_is_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.parquet");
    let (mut refused, mut state) = (0, 7_u64);
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for whole in [data("batch.parquet"), data("batch_zstd.parquet")] {
        let whole = std::fs::read(whole).unwrap();
        for _ in 0..4_000 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                bytes[random(whole.len())] = random(256) as u8;
            }
            std::fs::write(&path, &bytes).unwrap();
            let read = CsvText::open(&path, "changed.parquet").map(|mut text| {
                let mut rows = Vec::new();
                text.read_to_end(&mut rows).is_ok()
            });
            refused += usize::from(!read.unwrap_or(false));
        }
    }
    assert!(refused > 1_000, "{refused}");
}

/// A file with one column of integers, `None` for missing, in row groups.
fn integers(name: &str, field: &str, groups: &[&[Option<i64>]]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let schema = Arc::new(parse_message_type(&format!("message m {{ {field}; }}")).unwrap());
    let sink = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(sink, schema, Arc::default()).unwrap();
    for rows in groups {
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.is_some())).collect();
        let values: Vec<i64> = rows.iter().flatten().copied().collect();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels = Some(levels.as_slice());
        match column.untyped() {
            ColumnWriter::Int32ColumnWriter(writer) => {
                // Unsigned integers are stored by their bits.
                let values: Vec<i32> = values.iter().map(|value| *value as i32).collect();
                writer.write_batch(&values, levels, None).unwrap();
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                writer.write_batch(&values, levels, None).unwrap();
            }
            _ => panic!("{field} is not of integers"),
        }
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    path
}

fn check(name: &str, field: &str, rows: &[Option<i64>], expected: &[&str]) {
    let path = integers(name, &format!("optional {field}"), &[rows]);
    let text = text_of(&path);
    let cells: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(cells, expected, "{field}");
}

#[test]
fn integers_beyond_an_f64_keep_every_digit() {
    let large = 9_007_199_254_740_993;
    check(
        "large.parquet",
        "int64 a",
        &[Some(large), None, Some(-large), Some(7)],
        &["9007199254740993", "", "-9007199254740993", "7"],
    );
    check(
        "ends.parquet",
        "int64 a",
        &[Some(i64::MIN), Some(i64::MAX)],
        &["-9223372036854775808", "9223372036854775807"],
    );
    check(
        "decimal.parquet",
        "int64 a (decimal(18, 2))",
        &[Some(large), Some(-5), Some(150)],
        &["90071992547409.93", "-0.05", "1.50"],
    );
    // No one column changes from numbers to texts where the file says what it has.
    let path = integers(
        "groups.parquet",
        "required int64 a",
        &[&[Some(1)], &[Some(large)]],
    );
    let file = ParquetFile::open(&path, "groups").unwrap();
    assert_eq!(file.kind(0).unwrap(), ColumnKind::Number);
    for group in 0..2 {
        let mut rows = file.group(group, |_| true).unwrap();
        let block = rows.next_block().unwrap().unwrap();
        assert!(matches!(block.columns[0], Cells::Texts(_)), "{group}");
    }
    assert_eq!(text_of(&path), "a\n1\n9007199254740993\n");
}

#[test]
fn small_integers_are_numbers() {
    for field in [
        "required int64 a",
        "required int64 a (integer(64, false))",
        "required int64 a (decimal(18, 2))",
        "required int32 a (integer(32, false))",
    ] {
        let path = integers("small.parquet", field, &[&[Some(1), Some(600)]]);
        let file = ParquetFile::open(&path, "small").unwrap();
        let mut rows = file.group(0, |_| true).unwrap();
        let block = rows.next_block().unwrap().unwrap();
        assert!(matches!(block.columns[0], Cells::Numbers(_)), "{field}");
    }
}

#[test]
fn unsigned_integers_have_no_sign() {
    for field in ["int32 a (uint_32)", "int32 a (integer(32, false))"] {
        check(
            "uint32.parquet",
            field,
            &[Some(2_147_483_653), None, Some(4_294_967_295), Some(0)],
            &["2147483653", "", "4294967295", "0"],
        );
    }
    for field in ["int64 a (uint_64)", "int64 a (integer(64, false))"] {
        check(
            "uint64.parquet",
            field,
            &[Some(i64::MIN + 5), None, Some(-1), Some(12)],
            &["9223372036854775813", "", "18446744073709551615", "12"],
        );
    }
}

#[test]
fn dates_and_times_are_texts() {
    let day = 86_400_000;
    check(
        "date.parquet",
        "int32 a (date)",
        &[Some(18_262), None, Some(-1), Some(11_016)],
        &["2020-01-01", "", "1969-12-31", "2000-02-29"],
    );
    let noon = 18_262 * day + day / 2;
    let rows = [Some(noon), None, Some(noon + 250), Some(-1000)];
    let utc = [
        "2020-01-01T12:00:00Z",
        "",
        "2020-01-01T12:00:00.250Z",
        "1969-12-31T23:59:59Z",
    ];
    let local = utc.map(|text| text.trim_end_matches('Z'));
    check("t1.parquet", "int64 a (timestamp_millis)", &rows, &utc);
    check(
        "t2.parquet",
        "int64 a (timestamp(millis, true))",
        &rows,
        &utc,
    );
    check(
        "t3.parquet",
        "int64 a (timestamp(millis, false))",
        &rows,
        &local,
    );
    check(
        "t4.parquet",
        "int64 a (timestamp(nanos, true))",
        &[Some(noon * 1_000_000 + 1)],
        &["2020-01-01T12:00:00.000000001Z"],
    );
    check(
        "t5.parquet",
        "int64 a (timestamp(micros, false))",
        &[Some(noon * 1000)],
        &["2020-01-01T12:00:00"],
    );
    let clock = ["12:00:00", "", "00:00:50.125"];
    check(
        "t6.parquet",
        "int32 a (time(millis, false))",
        &[Some(day / 2), None, Some(50_125)],
        &clock,
    );
    check(
        "t7.parquet",
        "int64 a (time(micros, false))",
        &[Some(day * 500), None, Some(50_125_000)],
        &["12:00:00", "", "00:00:50.125000"],
    );
    let path = integers("kind.parquet", "required int32 a (date)", &[&[Some(0)]]);
    let file = ParquetFile::open(&path, "kind").unwrap();
    assert_eq!(file.kind(0).unwrap(), ColumnKind::Text);
}

#[test]
fn decimals_in_bytes_are_refused() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bytes.parquet");
    let schema = "message m { required binary amount (decimal(20, 2)); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let sink = std::fs::File::create(&path).unwrap();
    let writer = SerializedFileWriter::new(sink, schema, Arc::default()).unwrap();
    writer.close().unwrap();
    let file = ParquetFile::open(&path, "bytes.parquet").unwrap();
    assert_eq!(
        file.kind(0).unwrap_err().to_string(),
        "bytes.parquet, column 'amount': the Parquet type DECIMAL in a BYTE_ARRAY cannot be read: write numbers or texts"
    );
}
