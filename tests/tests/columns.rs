//! Columns in Arrow's layout, by the plain exports in wasmtime: the bits of the same columns in
//! native code, and what cannot be read is refused by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::path::Path;

use acceptance::bench::Module;
use acceptance::conformance::applications;
use model_core::columns::{Column, NumberType, Offsets, Values};
use model_core::decide::{Decider, REFUSED};
use model_core::model_file::ModelFile;
use serde_json::{Map, Value};

const ROWS: usize = 2_500;
const FLOAT: u32 = 3;
const TEXT: u32 = 12;
const LARGE_TEXT: u32 = 13;
const DICTIONARY_OF_BYTES: u32 = 16 + 8;

fn model() -> Vec<u8> {
    let path = std::env::var("UNDERWRITE_TEST_MODEL")
        .expect("UNDERWRITE_TEST_MODEL must name a packed model.wasm: run `cargo xtask test`");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Buffers of a column, as Arrow has them.
#[derive(Default)]
struct Buffers {
    kind: u32,
    validity: Vec<u8>,
    values: Vec<u8>,
    texts: Vec<u8>,
    entries: Option<Box<Buffers>>,
    rows: usize,
}

impl Buffers {
    /// Numbers where all are, else texts, by `layout`.
    fn new(cells: &[Value], layout: usize) -> Self {
        if cells.iter().all(|cell| cell.is_number() || cell.is_null()) {
            let numbers = cells.iter().map(|cell| cell.as_f64().unwrap_or(0.0));
            return Self {
                kind: FLOAT,
                validity: validity(cells),
                values: numbers.flat_map(f64::to_le_bytes).collect(),
                rows: cells.len(),
                ..Self::default()
            };
        }
        let text = |cell: &Value| match cell {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let texts: Vec<String> = cells.iter().map(text).collect();
        if layout < 2 {
            return Self::of_texts(&texts, layout == 1, validity(cells));
        }
        let mut entries = texts.clone();
        entries.sort();
        entries.dedup();
        let index = |text: &String| entries.iter().position(|entry| entry == text).unwrap() as u8;
        Self {
            kind: DICTIONARY_OF_BYTES,
            validity: validity(cells),
            values: texts.iter().map(index).collect(),
            entries: Some(Box::new(Self::of_texts(&entries, false, Vec::new()))),
            rows: cells.len(),
            ..Self::default()
        }
    }

    fn of_texts(texts: &[String], large: bool, validity: Vec<u8>) -> Self {
        let mut buffers = Self {
            kind: if large { LARGE_TEXT } else { TEXT },
            validity,
            rows: texts.len(),
            ..Self::default()
        };
        let push = |buffers: &mut Self| {
            let end = buffers.texts.len() as u64;
            let width = if large { 8 } else { 4 };
            buffers.values.extend(&end.to_le_bytes()[..width]);
        };
        push(&mut buffers);
        for text in texts {
            buffers.texts.extend(text.as_bytes());
            push(&mut buffers);
        }
        buffers
    }

    fn column(&self) -> Column<'_> {
        let bytes = self.texts.as_slice();
        let values = match self.kind {
            FLOAT => Values::Numbers(NumberType::F64, &self.values),
            TEXT => Values::Text {
                offsets: Offsets::Short(&self.values),
                bytes,
            },
            LARGE_TEXT => Values::Text {
                offsets: Offsets::Long(&self.values),
                bytes,
            },
            _ => Values::Dictionary {
                keys: NumberType::U8,
                indices: &self.values,
                values: Box::new(self.entries.as_ref().unwrap().column()),
            },
        };
        Column {
            rows: self.rows,
            offset: 0,
            validity: (!self.validity.is_empty()).then_some(&self.validity),
            values,
        }
    }

    /// Copies the buffers into the module and describes them.
    fn describe(&self, module: &mut Module) -> [u8; 32] {
        let mut place = |bytes: &[u8]| match bytes {
            [] => 0,
            bytes => {
                let block = module.alloc(bytes.len()).unwrap();
                module.write(block, bytes).unwrap();
                block
            }
        };
        let [validity, values, texts] =
            [&self.validity, &self.values, &self.texts].map(|bytes| place(bytes));
        let entries = match &self.entries {
            None => 0,
            Some(entries) => {
                let described = entries.describe(module);
                let block = module.alloc(32).unwrap();
                module.write(block, &described).unwrap();
                block
            }
        };
        let rows = self.rows as u32;
        let words = [self.kind, rows, 0, validity, values, texts, entries, 0];
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.chunks_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

fn validity(cells: &[Value]) -> Vec<u8> {
    let mut bits = vec![0; cells.len().div_ceil(8)];
    for (row, cell) in cells.iter().enumerate() {
        bits[row / 8] |= u8::from(!cell.is_null()) << (row % 8);
    }
    bits
}

/// The applications of the sample, some of them odd, column by column.
fn columns(decider: &Decider) -> Vec<Buffers> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/loan_sample.csv");
    let rows = applications(&data, &decider.artifact().schema, ROWS).unwrap();
    let mut rows: Vec<Map<String, Value>> = (rows.iter())
        .map(|row| serde_json::from_slice(row).unwrap())
        .collect();
    for (index, row) in rows.iter_mut().enumerate() {
        for (field, value) in row.values_mut().enumerate() {
            match (index + 7 * field) % 60 {
                0 => *value = Value::Null,
                1 if value.is_number() => *value = (-1e9).into(),
                1 if value.is_string() => *value = "Wizard".into(),
                _ => {}
            }
        }
    }
    let cells = |name: &str| -> Vec<Value> {
        rows.iter()
            .map(|row| row.get(name).cloned().unwrap_or_default())
            .collect()
    };
    decider
        .column_features()
        .enumerate()
        .map(|(index, feature)| Buffers::new(&cells(&feature.name), index % 3))
        .collect()
}

#[test]
fn the_module_gives_the_bits_of_native_code() {
    let wasm = model();
    let mut decider = Decider::load(ModelFile::open(&wasm).unwrap().artifact()).unwrap();
    let mut module = Module::new(&wasm).unwrap();
    if !module.has_columns() {
        return;
    }
    let buffers = columns(&decider);
    let kinds = |kind: u32| buffers.iter().any(|buffers| buffers.kind == kind);
    assert!(
        [FLOAT, TEXT, LARGE_TEXT, DICTIONARY_OF_BYTES]
            .into_iter()
            .all(kinds)
    );
    let rows = buffers[0].rows;
    let native: Vec<Column<'_>> = buffers.iter().map(Buffers::column).collect();
    let native: Vec<Option<&Column<'_>>> = native.iter().map(Some).collect();
    let (mut probabilities, mut adjustments, mut outcomes) = (vec![], vec![], vec![]);
    let mut refused = 0;
    decider
        .judge_columns(&native, rows, |row| {
            let judged = row
                .judgement
                .map(|judged| (judged.probability, judged.outcome.word()));
            let (probability, word) = judged.unwrap_or((REFUSED, ""));
            probabilities.extend(probability.to_le_bytes());
            adjustments.extend(row.adjustments.to_le_bytes());
            let words = ["approve", "refer", "decline"];
            outcomes.push(
                words
                    .iter()
                    .position(|one| *one == word)
                    .map_or(u8::MAX, |w| w as u8),
            );
            refused += u32::from(word.is_empty());
        })
        .unwrap();
    assert!(refused > 0 && (refused as usize) < rows, "{refused}");

    let described: Vec<u8> = buffers
        .iter()
        .flat_map(|b| b.describe(&mut module))
        .collect();
    let descriptors = module.alloc(described.len()).unwrap();
    module.write(descriptors, &described).unwrap();
    let out = module.alloc(13 * rows).unwrap();
    let count = buffers.len() as u32;
    let answer = module
        .columns(descriptors, count, rows as u32, out)
        .unwrap();
    assert_eq!(answer, Ok(refused));
    let expected = [probabilities, adjustments, outcomes].concat();
    assert!(module.read(out, 13 * rows) == expected, "the bytes differ");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let wasm = model();
    let decider = Decider::load(ModelFile::open(&wasm).unwrap().artifact()).unwrap();
    let mut module = Module::new(&wasm).unwrap();
    if !module.has_columns() {
        return;
    }
    let features: Vec<String> = decider.column_features().map(|f| f.name.clone()).collect();
    let first = &features[0];
    let count = features.len() as u32;
    let descriptors = module.alloc(32 * features.len()).unwrap();
    let out = module.alloc(13).unwrap();
    let mut told = |words: [u32; 8], count: u32, rows: u32, at: u32| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        module.write(descriptors, &bytes).unwrap();
        for other in 1..features.len() as u32 {
            let none: Vec<u8> = [0, 1, 0, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
            module.write(descriptors + 32 * other, &none).unwrap();
        }
        let answer = module.columns(descriptors, count, rows, at).unwrap();
        let detail: Value = serde_json::from_str(&answer.unwrap_err()).unwrap();
        detail["detail"].as_str().unwrap().to_owned()
    };
    let none = [0, 1, 0, 0, 0, 0, 0, 0];
    let sentence = format!("column '{first}': its type 14 is not known");
    assert_eq!(told([14, 1, 0, 0, 0, 0, 0, 0], count, 1, out), sentence);
    let sentence = format!("column '{first}': its buffer of numbers has 0 bytes, 1 rows need 8");
    // Nowhere, and in the block that is written.
    for values in [8, out, u32::MAX] {
        assert_eq!(told([3, 1, 0, 0, values, 0, 0, 0], count, 1, out), sentence);
    }
    let sentence = format!("column '{first}': expected 1 rows, got 2");
    assert_eq!(told([0, 2, 0, 0, 0, 0, 0, 0], count, 1, out), sentence);
    let sentence = "the rows are to be written in no block";
    for (rows, at) in [(1, 8), (2, out), (1, out + 1), (u32::MAX, out)] {
        assert_eq!(told(none, count, rows, at), sentence);
    }
    let sentence = format!("expected {count} columns, got {}", count - 1);
    assert_eq!(told(none, count - 1, 1, out), sentence);
}
