//! Tables give the bits of single decisions, whatever types their columns have.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{
    EVERYTHING, RULED, decide, decider, forest, linear, natively, ruled, with_missing_numbers,
};
use model_core::artifact::Artifact;
use model_core::columns::{Column, NumberType, Offsets, Values};
use model_core::json::Writer;
use model_core::schema::{Feature, FeatureKind};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const NUMBERS: [NumberType; 10] = [
    NumberType::F32,
    NumberType::F64,
    NumberType::I8,
    NumberType::I16,
    NumberType::I32,
    NumberType::I64,
    NumberType::U8,
    NumberType::U16,
    NumberType::U32,
    NumberType::U64,
];

/// Buffers that a column borrows.
#[derive(Default)]
struct Buffers {
    validity: Vec<u8>,
    values: Vec<u8>,
    offsets: Vec<u8>,
    texts: Vec<u8>,
    entries: Option<Box<Buffers>>,
    offset: usize,
    rows: usize,
    layout: Layout,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Layout {
    #[default]
    Null,
    Booleans,
    Numbers(usize),
    Short,
    Long,
    View,
}

impl Buffers {
    /// Random values for a feature; rows before `offset` belong to another slice.
    fn random(feature: &Feature, rows: usize, random: &mut ChaCha8Rng) -> Self {
        let layout = match random.random_range(0..12) {
            0 => Layout::Null,
            1 | 2 if matches!(feature.kind, FeatureKind::Boolean) => Layout::Booleans,
            1..=6 => Layout::Numbers(random.random_range(0..NUMBERS.len())),
            7 | 8 => Layout::Short,
            9 => Layout::Long,
            _ => Layout::View,
        };
        let offset = random.random_range(0..12);
        if random.random_bool(0.3) {
            let entries = Self::plain(feature, layout, 0, 40, random);
            let keys: Vec<u8> = (0..offset + rows)
                .map(|_| random.random_range(0..40))
                .collect();
            return Self {
                validity: bits(offset + rows, 0.9, random),
                values: keys,
                entries: Some(Box::new(entries)),
                offset,
                rows,
                ..Self::default()
            };
        }
        Self::plain(feature, layout, offset, rows, random)
    }

    fn plain(
        feature: &Feature,
        layout: Layout,
        offset: usize,
        rows: usize,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let mut buffers = Self {
            validity: bits(offset + rows, 0.9, random),
            offset,
            rows,
            layout,
            ..Self::default()
        };
        for _ in 0..offset + rows {
            match layout {
                Layout::Null => {}
                Layout::Booleans => {
                    buffers.values = bits(offset + rows, 0.5, random);
                }
                Layout::Numbers(number) => buffers.push_number(NUMBERS[number], feature, random),
                Layout::Short | Layout::Long | Layout::View => {
                    buffers.push_text(&text(feature, random));
                }
            }
        }
        buffers.end_texts();
        buffers
    }

    fn push_number(&mut self, number: NumberType, feature: &Feature, random: &mut ChaCha8Rng) {
        let value = value(feature, random);
        let integer = match random.random_range(0..40) {
            0 => i64::MAX - 1,
            1 => (1 << 53) + 1,
            2 => i64::MIN,
            _ => value as i64,
        };
        match number {
            NumberType::F32 => self.values.extend((value as f32).to_le_bytes()),
            NumberType::F64 => self.values.extend(value.to_le_bytes()),
            integral => {
                let bytes = integer.to_le_bytes();
                self.values.extend(&bytes[..integral.width()]);
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        let start = self.texts.len() as u64;
        match self.layout {
            Layout::Short => self.offsets.extend((start as u32).to_le_bytes()),
            Layout::Long => self.offsets.extend(start.to_le_bytes()),
            _ => {
                let mut view = [0; 16];
                view[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
                if text.len() <= 12 {
                    view[4..4 + text.len()].copy_from_slice(text.as_bytes());
                } else {
                    view[4..8].copy_from_slice(&text.as_bytes()[..4]);
                    view[12..].copy_from_slice(&(start as u32).to_le_bytes());
                }
                self.values.extend(view);
            }
        }
        self.texts.extend(text.as_bytes());
    }

    fn end_texts(&mut self) {
        let end = self.texts.len() as u64;
        match self.layout {
            Layout::Short => self.offsets.extend((end as u32).to_le_bytes()),
            Layout::Long => self.offsets.extend(end.to_le_bytes()),
            _ => {}
        }
    }

    fn column(&self) -> Column<'_> {
        let values = match (&self.entries, self.layout) {
            (Some(entries), _) => Values::Dictionary {
                keys: NumberType::U8,
                indices: &self.values,
                values: Box::new(entries.column()),
            },
            (None, Layout::Null) => Values::Null,
            (None, Layout::Booleans) => Values::Booleans(&self.values),
            (None, Layout::Numbers(number)) => Values::Numbers(NUMBERS[number], &self.values),
            (None, Layout::Short) => Values::Text {
                offsets: Offsets::Short(&self.offsets),
                bytes: &self.texts,
            },
            (None, Layout::Long) => Values::Text {
                offsets: Offsets::Long(&self.offsets),
                bytes: &self.texts,
            },
            (None, Layout::View) => Values::TextView {
                views: &self.values,
                buffers: vec![&self.texts],
            },
        };
        Column {
            rows: self.rows,
            offset: self.offset,
            validity: (!self.validity.is_empty()).then_some(&self.validity),
            values,
        }
    }
}

/// A bitmap, at times an absent one.
fn bits(rows: usize, share: f64, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bits = vec![0; rows.div_ceil(8)];
    for row in 0..rows {
        bits[row / 8] |= u8::from(random.random_bool(share)) << (row % 8);
    }
    bits
}

fn value(feature: &Feature, random: &mut ChaCha8Rng) -> f64 {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        0.5,
        1e300,
        -1.0,
    ];
    match (&feature.kind, random.random_range(0..20)) {
        (_, 0) => odd[random.random_range(0..odd.len())],
        (FeatureKind::Number(range), _) => {
            let upper = range.upper.map_or(1e4, |bound| bound.value);
            random.random_range(-0.02 * upper..1.05 * upper)
        }
        (FeatureKind::Integer(range), _) => {
            let upper = range.upper.map_or(50.0, |bound| bound.value);
            random.random_range(0.0..1.1 * upper).round()
        }
        (FeatureKind::Boolean, _) => f64::from(random.random_range(0..2)),
        (FeatureKind::Category(_), _) => f64::from(random.random_range(0..4)),
    }
}

fn text(feature: &Feature, random: &mut ChaCha8Rng) -> String {
    let odd = [
        "",
        " ",
        "NA",
        "x",
        "1e999",
        "true",
        "a text of more than twelve bytes",
        "3.0",
        "1e2",
    ];
    match (&feature.kind, random.random_range(0..12)) {
        (_, 0) => odd[random.random_range(0..odd.len())].into(),
        (FeatureKind::Category(categories), _) => {
            let text = &categories.values[random.random_range(0..categories.values.len())];
            if random.random_bool(0.1) {
                format!(" {text} ")
            } else {
                text.clone()
            }
        }
        (FeatureKind::Boolean, _) => ["yes", "NO", "t", "0", "1"][random.random_range(0..5)].into(),
        _ => value(feature, random).to_string(),
    }
}

fn agrees(artifact: &Artifact, rows: usize, seed: u64) -> usize {
    let (mut model, mut single) = (decider(artifact), decider(artifact));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let features: Vec<Feature> = model.column_features().cloned().collect();
    let buffers: Vec<Option<Buffers>> = features
        .iter()
        .map(|feature| {
            let there = random.random_bool(0.95);
            there.then(|| Buffers::random(feature, rows, &mut random))
        })
        .collect();
    let columns: Vec<Option<Column<'_>>> = buffers
        .iter()
        .map(|buffers| buffers.as_ref().map(Buffers::column))
        .collect();
    let given: Vec<Option<&Column<'_>>> = columns.iter().map(Option::as_ref).collect();
    let mut next = 0;
    let mut accepted = 0;
    model
        .judge_columns(&given, rows, |row| {
            assert_eq!(row.row, next);
            next += 1;
            let mut request = Vec::new();
            Writer::new(&mut request).object(|json| {
                for (feature, column) in features.iter().zip(&columns) {
                    if let Some(column) = column {
                        column.cell(row.row).unwrap().write(json.key(&feature.name));
                    }
                }
            });
            let (status, answer) = decide(&mut single, &request);
            let request = String::from_utf8(request).unwrap();
            let Some(judgement) = row.judgement else {
                assert_eq!(status, 422, "{request}: {answer}");
                return;
            };
            assert_eq!(status, 200, "{request}: {answer}");
            let (_, probability) = answer.split_once("\"probability\":").unwrap();
            let probability: f64 = probability.split_once(',').unwrap().0.parse().unwrap();
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(
                judgement.probability.to_bits(),
                probability.to_bits(),
                "{request}"
            );
            assert_eq!(judgement.outcome.word(), answer["outcome"], "{request}");
            let adjustments = answer["adjustments"].as_array().unwrap().len();
            assert_eq!(row.adjustments as usize, adjustments, "{request}");
            accepted += 1;
        })
        .unwrap();
    assert_eq!(next, rows);
    accepted
}

/// 100,000 rows of random tables, most of them refused: half of the values are hostile.
#[test]
fn tables_equal_single_decisions() {
    let mut accepted = 0;
    let limited = EVERYTHING.replace("missing_values", "max_adjustments = 2\nmissing_values");
    for seed in 0..60 {
        for toml in [EVERYTHING, &limited, &natively()] {
            accepted += agrees(&linear(toml), 200, seed);
            accepted += agrees(&forest(toml), 200, 1000 + seed);
        }
        if seed % 4 == 0 {
            accepted += agrees(&linear(&with_missing_numbers(&natively())), 200, seed);
            accepted += agrees(&ruled(forest(&with_missing_numbers(RULED))), 300, seed);
        }
        accepted += agrees(&ruled(linear(RULED)), 300, seed);
        accepted += agrees(&ruled(forest(RULED)), 300, 1000 + seed);
    }
    for rows in [0, 1, 255, 256, 1023, 1024, 1025, 2500] {
        accepted += agrees(&ruled(forest(RULED)), rows, rows as u64);
    }
    assert!(accepted > 5_000, "{accepted} rows accepted");
}

fn numbers(values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[test]
fn columns_are_found_by_name() {
    let model = decider(&ruled(linear(RULED)));
    let names = [
        "id", "region", "age", "purpose", "owner", "income", "amount",
    ];
    // The derived ones, ratio and share, need none.
    let expected = [
        Some(6),
        None,
        None,
        Some(5),
        Some(2),
        Some(3),
        Some(4),
        Some(1),
    ];
    assert_eq!(model.find_columns(&names, false).unwrap(), expected);
    let error = model.find_columns(
        &["region", "agee", "purpose", "owner", "income", "amount"],
        false,
    );
    let expected = "column 'age': the column is missing: did you mean it by 'agee'?";
    assert_eq!(error.unwrap_err().to_string(), expected);
    let error = model
        .find_columns(&["age", "age"], true)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("column 'age': two columns"), "{error}");
}

/// What is wrong with a column for `income` of `rows` rows.
fn refused(column: Column<'_>, rows: usize) -> String {
    let mut model = decider(&ruled(linear(RULED)));
    let columns = [None, None, None, Some(&column), None, None, None, None];
    let judged = model.judge_columns(&columns, rows, |_| {});
    judged.unwrap_err().to_string()
}

#[test]
fn broken_columns_are_refused_by_name() {
    let check = |column: Column<'_>, rows: usize, expected: &str| {
        let error = refused(column, rows);
        assert!(
            error.starts_with("column 'income'") && error.contains(expected),
            "{error}"
        );
    };
    let plain = |rows, values| Column {
        rows,
        offset: 0,
        validity: None,
        values,
    };
    let three = numbers(&[1.0, 2.0, 3.0]);
    let f64s = Values::Numbers(NumberType::F64, &three);
    check(plain(4, f64s.clone()), 4, "has 24 bytes, 4 rows need 32");
    check(plain(3, f64s.clone()), 2, "expected 2 rows, got 3");
    check(
        plain(2, Values::Booleans(&[1])),
        2,
        "expected a column of type number, got booleans",
    );
    let sliced = Column {
        offset: usize::MAX,
        ..plain(3, f64s.clone())
    };
    check(sliced, 3, "more rows than there can be");
    let short = Column {
        validity: Some(&[]),
        ..plain(3, f64s.clone())
    };
    check(short, 3, "validity bitmap has 0 bytes, 3 rows need 1");
    let text = |offsets, bytes| Values::Text {
        offsets: Offsets::Short(offsets),
        bytes,
    };
    check(
        plain(1, text(&[0; 4], b"12")),
        1,
        "has 1 offsets of texts, 1 rows need 2",
    );
    let outside = [0, 0, 0, 0, 9, 0, 0, 0];
    check(
        plain(1, text(&outside, b"12")),
        1,
        "row 0: the offsets of its text lie outside",
    );
    let two = [0, 0, 0, 0, 2, 0, 0, 0];
    check(
        plain(1, text(&two, b"\xff\xff")),
        1,
        "row 0: its text is not UTF-8",
    );
    let entries = |values| Values::Dictionary {
        keys: NumberType::I8,
        indices: &[2, 3, 0xff],
        values: Box::new(values),
    };
    check(
        plain(3, entries(plain(3, f64s))),
        3,
        "row 1: its index is 3",
    );
}
