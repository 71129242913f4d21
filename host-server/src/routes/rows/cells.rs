//! The values of a column or a tensor, where they are in the body, and how one of them becomes
//! a value of a row.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Span;
use super::chunk::write_text;
use super::json::{Unreadable, list};
use crate::host::{Feature, FeatureType};

/// What the module reads as a number beyond any: so it refuses it in its own words.
const INFINITE: &[u8] = b"1e999";

/// Values, all of one form.
#[derive(Debug)]
pub(in super::super) enum Cells {
    /// JSON values, and what its numbers are.
    Json { spans: Vec<Span>, numbers: Numbers },
    /// Numbers as bytes, little-endian.
    Binary { datatype: Fixed, span: Span },
    /// Texts.
    Texts(Vec<Span>),
}

/// What the numbers among JSON values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Numbers {
    Exact,
    /// Rounded to single precision.
    Singles,
    /// Values of a tensor of texts, as they are: none is an index.
    Texts,
}

/// A datatype whose values all have one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fixed {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Fp32,
    Fp64,
}

impl Fixed {
    /// By the protocol's name.
    pub(in super::super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "BOOL" => Self::Bool,
            "INT8" => Self::Int8,
            "INT16" => Self::Int16,
            "INT32" => Self::Int32,
            "INT64" => Self::Int64,
            "UINT8" => Self::Uint8,
            "UINT16" => Self::Uint16,
            "UINT32" => Self::Uint32,
            "UINT64" => Self::Uint64,
            "FP32" => Self::Fp32,
            "FP64" => Self::Fp64,
            _ => return None,
        })
    }

    /// Bytes of one value.
    pub(in super::super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Fp32 => 4,
            Self::Int64 | Self::Uint64 | Self::Fp64 => 8,
        }
    }

    /// One value as JSON.
    fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        fn number<const N: usize>(bytes: &[u8]) -> [u8; N] {
            bytes.first_chunk().copied().unwrap_or([0; N])
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = match self {
            Self::Bool => write!(text, "{}", number::<1>(bytes) != [0]),
            Self::Int8 => write!(text, "{}", i8::from_le_bytes(number(bytes))),
            Self::Int16 => write!(text, "{}", i16::from_le_bytes(number(bytes))),
            Self::Int32 => write!(text, "{}", i32::from_le_bytes(number(bytes))),
            Self::Int64 => write!(text, "{}", i64::from_le_bytes(number(bytes))),
            Self::Uint8 => write!(text, "{}", u8::from_le_bytes(number(bytes))),
            Self::Uint16 => write!(text, "{}", u16::from_le_bytes(number(bytes))),
            Self::Uint32 => write!(text, "{}", u32::from_le_bytes(number(bytes))),
            Self::Uint64 => write!(text, "{}", u64::from_le_bytes(number(bytes))),
            Self::Fp32 => return write_single(f32::from_le_bytes(number(bytes)), out),
            Self::Fp64 => return write_double(f64::from_le_bytes(number(bytes)), out),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

impl Cells {
    /// A JSON list of values; lists in it, `depth` deep, say the same as their elements one
    /// after the other.
    ///
    /// # Errors
    /// When it is no such list, or has more than `most` values.
    pub(in super::super) fn flat(
        body: &[u8],
        json: &[u8],
        most: usize,
        depth: usize,
    ) -> Result<Vec<Span>, Unreadable> {
        let outer = list(body, json, most)?;
        let is_list = |span: &Span| span.of_body(body).first() == Some(&b'[');
        if depth == 0 || !outer.iter().any(is_list) {
            return Ok(outer);
        }
        let mut spans = Vec::with_capacity(outer.len());
        for element in outer {
            if is_list(&element) {
                let room = most - spans.len();
                spans.extend(Self::flat(body, element.of_body(body), room, depth - 1)?);
            } else if spans.len() < most {
                spans.push(element);
            } else {
                return Err(Unreadable::TooManyRows);
            }
        }
        Ok(spans)
    }

    /// Bytes that they take beside the body.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Json { spans, .. } | Self::Texts(spans) => size_of_val(&spans[..]),
            Self::Binary { .. } => 0,
        }
    }

    /// How many there are.
    pub(in super::super) fn len(&self) -> usize {
        match self {
            Self::Json { spans, .. } | Self::Texts(spans) => spans.len(),
            Self::Binary { datatype, span } => span.length as usize / datatype.size(),
        }
    }

    /// The first that is no number or infinite, which JSON cannot say; the former may be
    /// where `may_be_nan` says so.
    pub(in super::super) fn first_not_finite(
        &self,
        body: &[u8],
        may_be_nan: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let Self::Binary { datatype, span } = self else {
            return None;
        };
        let bytes = span.of_body(body);
        let is_wrong = |(at, x): (usize, f64)| !(x.is_finite() || x.is_nan() && may_be_nan(at));
        match datatype {
            Fixed::Fp32 => {
                let cells = bytes.as_chunks().0.iter();
                let numbers = cells.map(|cell| f64::from(f32::from_le_bytes(*cell)));
                numbers.enumerate().position(is_wrong)
            }
            Fixed::Fp64 => {
                let cells = bytes.as_chunks().0.iter();
                let numbers = cells.map(|cell| f64::from_le_bytes(*cell));
                numbers.enumerate().position(is_wrong)
            }
            _ => None,
        }
    }

    /// Value `at` as JSON. With a feature a number means what it means in a tensor: of a
    /// category it is the index, of a boolean 0 or 1.
    pub(super) fn write(
        &self,
        body: &[u8],
        at: usize,
        feature: Option<&Meaning>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        match self {
            Self::Json { spans, numbers } => {
                let json = spans
                    .get(at)
                    .map_or(&b"null"[..], |span| span.of_body(body));
                match number(json).filter(|_| *numbers == Numbers::Singles) {
                    Some(number) => write_single(number as f32, out),
                    None => out.extend_from_slice(json),
                }
            }
            Self::Binary { datatype, span } => {
                let size = datatype.size();
                let bytes = span.of_body(body);
                datatype.write(bytes.get(at * size..).unwrap_or_default(), out);
            }
            Self::Texts(spans) => {
                let text = spans.get(at).map_or(&b""[..], |span| span.of_body(body));
                write_text(&String::from_utf8_lossy(text), out);
            }
        }
        if let Some(feature) = feature.filter(|_| !self.is_of_texts()) {
            feature.decode(start, out);
        }
    }

    fn is_of_texts(&self) -> bool {
        let texts = Numbers::Texts;
        matches!(self, Self::Json { numbers, .. } if *numbers == texts)
    }
}

/// What numbers of a tensor mean for a feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    Itself,
    Boolean,
    /// The categories as JSON, by their index.
    Category(Vec<String>),
}

impl Meaning {
    pub(super) fn of(feature: &Feature) -> Self {
        match feature.r#type {
            FeatureType::Boolean => Self::Boolean,
            FeatureType::Category => Self::Category(
                feature
                    .categories
                    .iter()
                    .map(|category| serde_json::Value::from(category.value.as_str()).to_string())
                    .collect(),
            ),
            _ => Self::Itself,
        }
    }

    /// Replaces the number that `out` has from `start` on, where it means something else.
    pub(super) fn decode(&self, start: usize, out: &mut Vec<u8>) {
        if *self == Self::Itself {
            return;
        }
        let Some(number) = number(&out[start..]) else {
            return;
        };
        let meant: Cow<'_, str> = match self {
            Self::Boolean if number == 0.0 => "false".into(),
            Self::Boolean if number == 1.0 => "true".into(),
            Self::Category(categories) => category(categories, number),
            _ => return,
        };
        out.truncate(start);
        out.extend_from_slice(meant.as_bytes());
    }
}

/// The category of this index. What is none becomes the text of none: the number itself may be
/// a category.
fn category(categories: &[String], number: f64) -> Cow<'_, str> {
    let is_index = number >= 0.0 && number.fract() == 0.0;
    let known = categories.get(number as usize).filter(|_| is_index);
    if let Some(known) = known {
        return known.into();
    }
    let mut text = format!("\"index {number}\"");
    while categories.contains(&text) {
        text.insert_str(1, "no ");
    }
    text.into()
}

/// The value of a JSON number.
fn number(json: &[u8]) -> Option<f64> {
    let is_number = json
        .first()
        .is_some_and(|b| b.is_ascii_digit() || *b == b'-');
    match is_number {
        true => std::str::from_utf8(json).ok()?.parse().ok(),
        false => None,
    }
}

/// 0.1 in single precision means 0.1, not 0.100000001490116.
fn write_single(number: f32, out: &mut Vec<u8>) {
    match number.is_finite() {
        true => out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes()),
        false => write_double(f64::from(number), out),
    }
}

fn write_double(number: f64, out: &mut Vec<u8>) {
    match number {
        // Only of a derived field: it is left out, and so computed.
        _ if number.is_nan() => out.extend_from_slice(b"null"),
        _ if number.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        }
        _ => out.extend_from_slice(INFINITE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that is no index was once read as the category of that text.
    #[test]
    fn a_number_that_is_no_index_is_no_category() {
        let texts = ["1", "2", "3", "index 7"];
        let meaning = Meaning::Category(texts.map(|text| format!("{text:?}")).into());
        for (number, expected) in [
            ("0", "\"1\""),
            ("2.0", "\"3\""),
            ("3", "\"index 7\""),
            ("4", "\"index 4\""),
            ("7", "\"no index 7\""),
            ("-1", "\"index -1\""),
            ("1.5", "\"index 1.5\""),
            ("null", "null"),
            ("\"2\"", "\"2\""),
        ] {
            let mut out = number.as_bytes().to_vec();
            meaning.decode(0, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{number}");
        }
    }

    #[test]
    fn a_number_among_texts_is_no_index() {
        let body = b"[1]";
        let spans = vec![Span::of(body, &body[1..2])];
        let meaning = Meaning::Category(vec!["\"a\"".to_owned(), "\"b\"".to_owned()]);
        for (numbers, expected) in [(Numbers::Exact, "\"b\""), (Numbers::Texts, "1")] {
            let cells = Cells::Json {
                spans: spans.clone(),
                numbers,
            };
            let mut out = Vec::new();
            cells.write(body, 0, Some(&meaning), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
