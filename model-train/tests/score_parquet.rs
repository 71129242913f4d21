//! Scored Parquet: the same answers as scored CSV, the file's own columns as they were.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod debts;

use std::io::Read;
use std::path::{Path, PathBuf};

use model_files::parquet::{
    CsvText, Encoded, FromCsv, NewCells, NewColumn, NewKind, ParquetFile, ParquetWriter,
};
use model_train::score::{Choices, OnInvalid, Progress, score, score_parquet, score_to_parquet};

use debts::decider;

const BLANK: Choices = Choices {
    on_invalid: OnInvalid::Blank,
    allow_missing_columns: false,
    pass_through: true,
    reasons: false,
};
const STOP: Choices = Choices {
    on_invalid: OnInvalid::Stop,
    ..BLANK
};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn column(name: &str, kind: NewKind) -> NewColumn {
    NewColumn {
        name: name.to_owned(),
        kind,
    }
}

/// Rows `id,debt,note`, every hundredth without a debt, in row groups of so many.
fn input(name: &str, groups: &[usize]) -> ParquetFile {
    let columns = [
        column("id", NewKind::Float64),
        column("debt", NewKind::Float64),
        column("note", NewKind::Text),
    ];
    let path = path(name);
    let sink = std::fs::File::create(&path).unwrap();
    let mut writer = ParquetWriter::create(sink, name, None, &columns).unwrap();
    let mut id = 0;
    for rows in groups {
        let mut cells: Vec<NewCells> = columns.iter().map(|c| NewCells::new(c.kind)).collect();
        for _ in 0..*rows {
            let debt = match id % 100 {
                99 => String::new(),
                _ => format!("{}.25", id * 7 % 900),
            };
            let note = format!("a, \"{}\"", id % 3);
            for (cells, text) in cells.iter_mut().zip([id.to_string(), debt, note]) {
                cells.push(&text);
            }
            id += 1;
        }
        writer
            .push(0, &Encoded::new(&columns, &cells).unwrap())
            .unwrap();
    }
    writer.finish().unwrap();
    ParquetFile::open(&path, name).unwrap()
}

fn text_of(path: &Path) -> String {
    let mut text = String::new();
    let mut csv = CsvText::open(path, "scored.parquet").unwrap();
    csv.read_to_string(&mut text).unwrap();
    text
}

/// Numbers as numbers: a file of text may write them in another way.
fn same(parquet: &str, csv: &str) {
    assert_eq!(parquet.lines().count(), csv.lines().count());
    for (row, (one, other)) in parquet.lines().zip(csv.lines()).enumerate() {
        for (one, other) in one.split(',').zip(other.split(',')) {
            let numbers = one.parse::<f64>().ok().zip(other.parse::<f64>().ok());
            match numbers {
                Some((one, other)) => assert_eq!(one.to_bits(), other.to_bits(), "row {row}"),
                None => assert_eq!(one, other, "row {row}"),
            }
        }
    }
}

fn csv_scored(file: &Path, choices: Choices) -> String {
    let mut text = Vec::new();
    let source = CsvText::open(file, "new.parquet").unwrap();
    score(
        &mut decider(),
        source,
        "new.parquet",
        &mut text,
        choices,
        |_| (),
    )
    .unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn row_groups_are_scored_and_copied() {
    let groups = [10_000, 0, 1, 30_000, 5];
    let file = input("groups.parquet", &groups);
    let out = path("groups-scored.parquet");
    let sink = std::fs::File::create(&out).unwrap();
    let mut seen = Vec::new();
    let answer = score_parquet(&mut decider(), file, (sink, "out"), BLANK, |p| seen.push(p));
    assert_eq!(answer.unwrap(), 400);
    assert_eq!(
        seen.last(),
        Some(&Progress {
            bytes: 0,
            rows: 40_006
        })
    );
    let scored = ParquetFile::open(&out, "scored").unwrap();
    assert_eq!(scored.group_rows(), groups.map(|rows| rows as u64));
    let header = "id,debt,note,probability,prediction,outcome,adjustments,model_version";
    assert_eq!(scored.header().join(","), header);
    same(&text_of(&out), &csv_scored(&path("groups.parquet"), BLANK));
}

#[test]
fn csv_becomes_parquet_with_the_types_of_the_schema() {
    input("typed.parquet", &[3000]);
    let csv = text_of(&path("typed.parquet"));
    let out = path("typed-scored.parquet");
    let sink = std::fs::File::create(&out).unwrap();
    let sink = (sink, "out");
    let refused = score_to_parquet(&mut decider(), csv.as_bytes(), "c", sink, BLANK, |_| ());
    assert_eq!(refused.unwrap(), 30);
    let scored = ParquetFile::open(&out, "scored").unwrap();
    let kinds: Vec<String> = (0..8)
        .map(|c| format!("{:?}", scored.kind(c).unwrap()))
        .collect();
    // The identifier is no column of the schema: its text is kept as it is.
    let expected = [
        "Text", "Number", "Text", "Number", "Number", "Text", "Text", "Text",
    ];
    assert_eq!(kinds, expected);
    same(&text_of(&out), &csv_scored(&path("typed.parquet"), BLANK));
}

/// An identifier once became the nearest `DOUBLE`, which was another applicant's.
#[test]
fn what_the_schema_ignores_keeps_its_digits() {
    const IGNORED: &str = "[[feature]]\nname = \"id\"\ntype = \"integer\"\nrole = \"ignored\"\n\n";
    let (head, features) = debts::SCHEMA.split_once("[[feature]]").unwrap();
    let schema = format!("{head}{IGNORED}[[feature]]{features}");
    let row = |row: u32| format!("{row},{},{}\n", row % 100, u8::from(row % 100 > 60));
    let rows: String = (0..400).map(row).collect();
    let mut decider = debts::trained(&schema, &format!("id,debt,default\n{rows}"));
    let csv = "id,debt\n9007199254740993,1\n700000000000000037,2\nA-17,3\n";
    let out = path("ignored-scored.parquet");
    let sink = (std::fs::File::create(&out).unwrap(), "out");
    score_to_parquet(&mut decider, csv.as_bytes(), "c", sink, STOP, |_| ()).unwrap();
    let text = text_of(&out);
    let ids: Vec<&str> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(ids, ["9007199254740993", "700000000000000037", "A-17"]);
}

#[test]
fn an_error_names_the_line() {
    let file = input("stop.parquet", &[50, 100]);
    let of_parquet = score_parquet(&mut decider(), file, (Vec::new(), "out"), STOP, |_| ());
    let source = CsvText::open(&path("stop.parquet"), "stop.parquet").unwrap();
    let of_csv = score(
        &mut decider(),
        source,
        "stop.parquet",
        &mut Vec::new(),
        STOP,
        |_| (),
    );
    let (of_parquet, of_csv) = (of_parquet.unwrap_err(), of_csv.unwrap_err());
    assert_eq!(of_parquet.to_string(), of_csv.to_string());
    assert!(
        of_csv.to_string().starts_with("stop.parquet, line 101"),
        "{of_csv}"
    );
}

/// A file in the types that other programs write.
fn of_others(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/tests/data");
    folder.join(name)
}

#[test]
fn identifiers_keep_their_digits() {
    let scored = csv_scored(&of_others("types.parquet"), BLANK);
    let mut lines = scored.lines();
    let (header, first) = (lines.next().unwrap(), lines.next().unwrap());
    let own: Vec<(&str, &str)> = header.split(',').zip(first.split(',')).take(8).collect();
    let expected = [
        ("debt", "0"),
        ("month", "2025-01-01"),
        ("customer", "9007199254740993"),
        ("id", "9223372036854775808"),
        ("branch", "2147483648"),
        ("at", "2025-01-01T12:00:00Z"),
        ("local", "2025-01-01T12:00:00"),
        ("clock", "12:00:00"),
    ];
    assert_eq!(own, expected);
}

#[test]
fn a_date_is_no_number() {
    let path = of_others("dates.parquet");
    let file = ParquetFile::open(&path, "dates.parquet").unwrap();
    let error = score_parquet(&mut decider(), file, (Vec::new(), "out"), STOP, |_| ());
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("dates.parquet, line 2, column 'debt'") && error.contains("2025-01-01"),
        "{error}"
    );
}

#[test]
fn cells_of_another_kind_are_refused() {
    let columns = vec![column("a", NewKind::Float64)];
    assert!(Encoded::new(&columns, &[NewCells::new(NewKind::Text)]).is_err());
    let mut table = FromCsv::create(Vec::new(), "out", columns).unwrap();
    let error = table.push(b"\"1\"x\n").unwrap_err();
    assert!(error.to_string().contains("quote"), "{error}");
}
