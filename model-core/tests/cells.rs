//! Cells are read as single values are, whatever came before them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use model_core::cells::{CellReader, ShortTexts};
use model_core::schema::SchemaFile;
use model_core::value::{Value, read};

const FEATURES: &str = r#"
name = "loans"
version = "1"
[[feature]]
name = "paid"
type = "boolean"
role = "target"
[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100000
[[feature]]
name = "age"
type = "integer"
[[feature]]
name = "owner"
type = "boolean"
[[feature]]
name = "grade"
type = "category"
categories = ["A", "AB", "ABC", "ABCD", "ABDD", "ABCDEFGH", "ABCDEFGI", "3", "3.0", "a longer grade than that"]
"#;

const CELLS: [&str; 45] = [
    "",
    " ",
    "NA",
    " NA",
    "na",
    "-999",
    "0",
    "00",
    "7",
    "7.0",
    "7.5",
    ".5",
    "5.",
    ".",
    "-3",
    "+3",
    "1e3",
    "123456789012345",
    "1234567890123456",
    "9007199254740993",
    "0.1",
    "0.30000000000000004",
    "inf",
    "nan",
    "yes",
    "Yes",
    "YES",
    "no",
    "true",
    "1",
    "f",
    "maybe",
    "A",
    "AB",
    "ABC",
    "ABCD",
    "ABDD",
    "ABCDEFGH",
    "ABCDEFGI",
    " ABC",
    "ABCE",
    "3",
    "3.0",
    "a longer grade than that",
    "\u{e9}",
];

/// Reads all cells twice with one reader, and each by itself.
fn check(missing_values: &str) {
    let text = FEATURES.replacen(
        "[[feature]]",
        &format!("missing_values = {missing_values}\n[[feature]]"),
        1,
    );
    let schema = SchemaFile::from_toml(&text).unwrap().schema;
    for feature in &schema.features {
        let mut reader = CellReader::new(feature, &schema.missing_values);
        for cell in CELLS.iter().chain(&CELLS) {
            let expected = read(feature, Value::from_text(cell), &schema.missing_values);
            let name = &feature.name;
            assert_eq!(
                reader.read(cell),
                expected,
                "{name}: {cell:?}, {missing_values}"
            );
        }
    }
}

#[test]
fn cells_are_read_as_values_are() {
    check(r#"["NA", "-999"]"#);
    check(r#"["-0", "7.0", "125e-1"]"#);
    check(r#"["7", "AC", "yes"]"#);
    check(r#"[".5"]"#);
    check("[]");
}

#[test]
fn short_texts_are_told_apart() {
    let mut texts = ShortTexts::default();
    let all = [
        "",
        "a",
        "b",
        "ab",
        "ba",
        "aba",
        "abba",
        "abbba",
        "0123456789abcdef",
    ];
    for (index, text) in all.iter().enumerate() {
        assert_eq!(texts.get_mut(text), None, "{text}");
        assert!(texts.insert(text, index));
    }
    for (index, text) in all.iter().enumerate() {
        assert_eq!(texts.get_mut(text), Some(&mut { index }), "{text}");
    }
    assert!(!texts.insert("0123456789abcdefg", 0));
}
