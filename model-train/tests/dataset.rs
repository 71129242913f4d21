//! Reading data files: what is read, and what each bad file is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_core::schema::Schema;
use model_train::dataset::{Dataset, UNKNOWN};
use model_train::error::DataError;

const SCHEMA: &str = r#"
name = "test"
version = "1.0.0"
missing_values = ["NA"]

[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 1000
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "years"
type = "integer"
minimum = 0

[[feature]]
name = "home"
type = "category"
categories = ["RENT", "OWN, free", "Grüße"]
unknown = "other"

[[feature]]
name = "note"
type = "category"
role = "ignored"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

const HEADER: &str = "income,years,home,note,approved\n";

fn read(bytes: &[u8]) -> Result<Dataset, DataError> {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    Dataset::from_reader(bytes, "data.csv", &schema, |_| {})
}

/// Bits, so that a missing value (NaN) equals itself.
fn bits<'v>(values: impl IntoIterator<Item = &'v f64>) -> Vec<u64> {
    values.into_iter().map(|value| value.to_bits()).collect()
}

fn check(rows: &str, columns: [&[f64]; 3], target: &[bool]) {
    let dataset = read(rows.as_bytes()).unwrap();
    for (got, expect) in dataset.columns.iter().zip(columns) {
        assert_eq!(
            bits(got.iter()),
            bits(expect),
            "{rows:?}: {got:?} {expect:?}"
        );
    }
    assert_eq!(dataset.target, target);
}

#[test]
fn cells_are_read_as_a_decision_reads_fields() {
    check(
        &format!("{HEADER}12.5,3,RENT,x,1\n 1e2 , 4.0 ,\"OWN, free\",,no\n"),
        [&[12.5, 100.0], &[3.0, 4.0], &[0.0, 1.0]],
        &[true, false],
    );
    check(
        &format!("{HEADER},1,Grüße,x,TRUE\nNA,2,castle,\"a \"\"quote\"\"\",f\n5000,2,RENT,,Y\n"),
        [
            &[f64::NAN, f64::NAN, 5000.0],
            &[1.0, 2.0, 2.0],
            &[2.0, UNKNOWN, 0.0],
        ],
        &[true, false, true],
    );
}

#[test]
fn order_line_ends_and_a_byte_order_mark_do_not_matter() {
    let columns: [&[f64]; 3] = [&[1.0, 2.0], &[3.0, 4.0], &[0.0, 0.0]];
    for text in [
        "approved,home,years,income\n1,RENT,3,1\n0,RENT,4,2",
        "\u{feff}income,years,home,approved\r\n1,3,RENT,1\r\n2,4,RENT,0\r\n",
        "\u{feff}\"income\", years ,home,approved\n\n1,3,RENT,1\n\n\n2,4,RENT,0\n\n",
    ] {
        check(text, columns, &[true, false]);
    }
}

#[test]
fn a_text_may_span_lines() {
    let text = format!("{HEADER}1,3,RENT,\"two\nlines\",1\nx,4,RENT,,0\n");
    let error = read(text.as_bytes()).unwrap_err().to_string();
    assert!(
        error.starts_with("data.csv, line 4, column 'income'"),
        "{error}"
    );
}

#[test]
fn each_bad_file_is_told_what_is_wrong() {
    let check = |bytes: &[u8], expect: &str| {
        let error = read(bytes).unwrap_err().to_string();
        assert_eq!(error, expect);
    };
    let row = |row: &str, expect: &str| {
        check(format!("{HEADER}1,2,RENT,,0\n{row}\n").as_bytes(), expect);
    };
    check(
        b"",
        "data.csv: the file is empty, expected a header line with the columns' names",
    );
    check(
        HEADER.as_bytes(),
        "data.csv: there are no rows after the header, expected at least 4",
    );
    check(
        b"income,home,approved\n1,RENT,0\n",
        "data.csv, column 'years': the column is missing; the file has 'income', 'home', 'approved'",
    );
    check(
        b"income,years,home\n1,2,RENT\n",
        "data.csv, column 'approved': the column is missing; the file has 'income', 'years', 'home'",
    );
    check(
        b"income,yeers,home,approved\n",
        "data.csv, line 1, column 'yeers': the schema does not know this column; did you mean 'years'? \
         List it in the schema (role = \"ignored\") or remove it",
    );
    check(
        b"income,years,home,income,approved\n",
        "data.csv, line 1, column 'income': the header names this column twice: rename one",
    );
    row(
        "1,2,RENT,0",
        "data.csv, line 3: expected 5 fields as in the header, got 4",
    );
    row(
        "1,2,RENT,,0,7",
        "data.csv, line 3: expected 5 fields as in the header, got 6",
    );
    let quote = "data.csv, line 3: a quote (\") is in the wrong place or never closed: \
                 quote the whole field and double the quotes inside";
    row("1,2,RE\"NT,,0", quote);
    row("1,2,\"RENT\"x,,0", quote);
    row("1,2,\"RENT,,0\n1,2,RENT,,1", quote);
    row("1,2,RENT,\"open,0", quote);
    row(
        "abc,2,RENT,,0",
        "data.csv, line 3, column 'income': Input should be a valid number, \
         unable to parse string as a number, got 'abc'",
    );
    row(
        "1,2.5,RENT,,0",
        "data.csv, line 3, column 'years': Input should be a valid integer, \
         got a number with a fractional part, got '2.5'",
    );
    row(
        "1,-1,RENT,,0",
        "data.csv, line 3, column 'years': Input should be greater than or equal to 0, got '-1'",
    );
    row(
        "1,,RENT,,0",
        "data.csv, line 3, column 'years': Field required, got ''",
    );
    row(
        "1,2,RENT,,",
        "data.csv, line 3, column 'approved': the target is empty, \
         expected true, 1, yes, y, t, or false, 0, no, n, f",
    );
    row(
        "1,2,RENT,,maybe",
        "data.csv, line 3, column 'approved': expected true, 1, yes, y, t, or false, 0, no, n, f, got 'maybe'",
    );
    row(
        "1,2,RENT,,0",
        "data.csv: every row has the same target value (approved = false), expected both",
    );
    check(
        b"income,years,home,note,approved\n1,2,RENT,,0\n1,2,RENT,\xff,1\n",
        "data.csv, line 3, column 'note': the text is not UTF-8: save the file as UTF-8",
    );
    check(
        b"income,years,home,note,approved\n1,2,\xc3,\xa9,1\n",
        "data.csv, line 2, column 'home': the text is not UTF-8: save the file as UTF-8",
    );
    let mut endless = format!("{HEADER}1,2,\"").into_bytes();
    endless.extend(vec![b'x'; 2 << 20]);
    check(
        &endless,
        "data.csv, line 2: the record is longer than 1 MiB, the most that is read: shorten it, or close the quote (\") \
         that it begins in",
    );
}

#[test]
fn an_unreadable_file_is_named() {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let path = std::path::Path::new("/nowhere/data.csv");
    let error = Dataset::read(path, &schema, |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nowhere/data.csv: cannot be read: "),
        "{error}"
    );
}
