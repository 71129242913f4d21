//! One value of an application: what came, and what it means for its feature.
//!
//! A value in the model's terms is an `f64`: a number itself, a boolean 0 or 1, a category
//! its code, which is its index in the list. The code one past the last stands for `other`,
//! and NaN for missing.

pub use crate::literal::{boolean_word, number_text};

use crate::decimal;
use crate::literal::MAX_EXACT;
use crate::schema::{Bound, Categories, Feature, FeatureKind, MissingValues, Range};

/// A value as a request or a file gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `null`, absent, or an empty text.
    Missing,
    /// A JSON number, as it was written.
    Number(&'a str),
    /// A JSON string or a CSV cell.
    Text(&'a str),
    /// A JSON boolean.
    Boolean(bool),
    /// A JSON array or object.
    Compound,
}

/// What a value means for its feature, before any policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// Nothing came.
    Missing,
    /// In the model's terms; a number may still be out of range.
    Is(f64),
    /// A text that is none of the categories.
    Unknown,
}

/// Why a value is refused, with pydantic's word for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueError {
    /// Pydantic's error type, such as `float_parsing`.
    pub kind: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl ValueError {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl Reading {
    /// As the batch call wants it: missing is NaN, unknown -1.
    #[must_use]
    pub fn code(self) -> f64 {
        match self {
            Self::Missing => f64::NAN,
            Self::Unknown => -1.0,
            Self::Is(value) => value,
        }
    }
}

impl<'a> Value<'a> {
    /// A text in which white space around does not count, and of which the empty one means
    /// missing. [`read`] knows the others that do.
    #[must_use]
    pub fn from_text(text: &'a str) -> Self {
        match text.trim() {
            "" => Self::Missing,
            text => Self::Text(text),
        }
    }
}

/// Reads a value as its feature wants it. One of `missing` is missing in whatever form it comes.
///
/// # Errors
/// When it is of another type or cannot be such a value; policies do not apply to that.
pub fn read(
    feature: &Feature,
    value: Value<'_>,
    missing: &MissingValues,
) -> Result<Reading, ValueError> {
    if is_missing(feature, value, missing) {
        return Ok(Reading::Missing);
    }
    match &feature.kind {
        FeatureKind::Number(_) => read_number(value).map(Reading::Is),
        FeatureKind::Integer(_) => read_integer(value).map(Reading::Is),
        FeatureKind::Boolean => {
            read_boolean(value).map(|yes| Reading::Is(f64::from(u8::from(yes))))
        }
        FeatureKind::Category(categories) => read_category(categories, value, missing),
    }
}

/// Whether a value means missing. A number for a category stands for its text, which
/// [`read_category`] looks at.
fn is_missing(feature: &Feature, value: Value<'_>, missing: &MissingValues) -> bool {
    let is_category = matches!(feature.kind, FeatureKind::Category(_));
    match value {
        Value::Missing => true,
        Value::Number(text) => !is_category && missing.has_number_text(text),
        Value::Text(text) => missing.has_text_of(feature, text),
        Value::Boolean(_) | Value::Compound => false,
    }
}

/// A value in the model's terms, as the batch call gives them: NaN where it is a number that
/// means missing. The code of a boolean or category is no such number.
#[inline]
pub(crate) fn known_code(feature: &Feature, code: f64, missing: &MissingValues) -> f64 {
    if missing.has_number(code) {
        known_number(feature, code)
    } else {
        code
    }
}

#[inline(never)]
fn known_number(feature: &Feature, code: f64) -> f64 {
    match feature.kind {
        FeatureKind::Boolean if code == 0.0 || code == 1.0 => code,
        FeatureKind::Category(_) => code,
        FeatureKind::Number(_) | FeatureKind::Integer(_) | FeatureKind::Boolean => f64::NAN,
    }
}

/// Reads a value that is already in the model's terms, as the batch call gives them. It is not
/// compared with what means missing.
///
/// # Errors
/// An infinite number, a fraction for an integer, or a boolean that is neither 0 nor 1.
pub fn read_coded(feature: &Feature, code: f64) -> Result<Reading, ValueError> {
    if code.is_nan() {
        return Ok(Reading::Missing);
    }
    match &feature.kind {
        FeatureKind::Number(_) => finite(code).map(Reading::Is),
        FeatureKind::Integer(_) => finite(code).and_then(whole).map(Reading::Is),
        FeatureKind::Boolean if code == 0.0 || code == 1.0 => Ok(Reading::Is(code)),
        FeatureKind::Boolean => Err(ValueError::new("bool_parsing", BOOLEAN_EXPECTED)),
        FeatureKind::Category(categories) => {
            let known = code >= 0.0 && code < categories.values.len() as f64 && code.fract() == 0.0;
            Ok(if known {
                Reading::Is(code)
            } else {
                Reading::Unknown
            })
        }
    }
}

fn read_number(value: Value<'_>) -> Result<f64, ValueError> {
    let unparsable = "Input should be a valid number, unable to parse string as a number";
    match value {
        Value::Number(text) => parse_decimal(text)
            .ok_or_else(|| ValueError::new("float_parsing", unparsable))
            .and_then(finite),
        Value::Text(text) => parse_decimal(text)
            .ok_or_else(|| ValueError::new("float_parsing", unparsable))
            .and_then(finite),
        _ => Err(ValueError::new(
            "float_type",
            "Input should be a valid number",
        )),
    }
}

fn read_integer(value: Value<'_>) -> Result<f64, ValueError> {
    let unparsable = "Input should be a valid integer, unable to parse string as an integer";
    let text = match value {
        Value::Number(text) | Value::Text(text) => text,
        _ => {
            return Err(ValueError::new(
                "int_type",
                "Input should be a valid integer",
            ));
        }
    };
    if let Ok(integer) = text.parse::<i64>() {
        return exact(integer);
    }
    let number = parse_decimal(text)
        .ok_or_else(|| ValueError::new("int_parsing", unparsable))
        .and_then(finite)?;
    // 2^53 + 1 written as `9007199254740993.0` has become 2^53 by now.
    if number.abs() == MAX_EXACT && !has_digits_of_max_exact(text) {
        return Err(inexact());
    }
    whole(number)
}

/// Whether the digits of a decimal number are those of 2^53: one that was rounded to it is it.
fn has_digits_of_max_exact(text: &str) -> bool {
    const DIGITS: &[u8; 16] = b"9007199254740992";
    let mantissa = text.bytes().take_while(|b| !matches!(b, b'e' | b'E'));
    let digits = mantissa.filter(u8::is_ascii_digit);
    let mut digits = digits.skip_while(|&digit| digit == b'0');
    digits.by_ref().take(DIGITS.len()).eq(*DIGITS) && digits.all(|digit| digit == b'0')
}

/// An integer whose `f64` is itself.
fn exact(integer: i64) -> Result<f64, ValueError> {
    if integer.unsigned_abs() <= 1 << 53 {
        Ok(integer as f64)
    } else {
        Err(inexact())
    }
}

fn inexact() -> ValueError {
    ValueError::new(
        "int_exact",
        "Input should be an integer between -9007199254740992 and 9007199254740992",
    )
}

fn whole(number: f64) -> Result<f64, ValueError> {
    if number.abs() > MAX_EXACT {
        Err(inexact())
    } else if number.fract() != 0.0 {
        Err(ValueError::new(
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
        ))
    } else {
        Ok(number)
    }
}

fn finite(number: f64) -> Result<f64, ValueError> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(ValueError::new(
            "finite_number",
            "Input should be a finite number",
        ))
    }
}

/// Digits, sign, point and exponent only: no words such as `inf`, no underscores.
fn parse_decimal(text: &str) -> Option<f64> {
    let decimal = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(decimal) {
        return None;
    }
    decimal::parse(text)
}

const BOOLEAN_EXPECTED: &str =
    "Input should be a boolean: true, 1, yes, y, t, or false, 0, no, n, f";

fn read_boolean(value: Value<'_>) -> Result<bool, ValueError> {
    match value {
        Value::Boolean(yes) => Ok(yes),
        Value::Number(text) => match parse_decimal(text) {
            Some(1.0) => Ok(true),
            Some(0.0) => Ok(false),
            _ => Err(ValueError::new("bool_parsing", BOOLEAN_EXPECTED)),
        },
        Value::Text(text) => {
            boolean_word(text).ok_or_else(|| ValueError::new("bool_parsing", BOOLEAN_EXPECTED))
        }
        _ => Err(ValueError::new("bool_type", BOOLEAN_EXPECTED)),
    }
}

fn read_category(
    categories: &Categories,
    value: Value<'_>,
    missing: &MissingValues,
) -> Result<Reading, ValueError> {
    match value {
        Value::Number(text) => Ok(code_of_number(categories, text, missing)),
        Value::Text(text) => Ok(code_of(categories, text)),
        _ => Err(ValueError::new(
            "string_type",
            "Input should be a valid string",
        )),
    }
}

fn code_of(categories: &Categories, text: &str) -> Reading {
    match categories.values.iter().position(|value| value == text) {
        Some(code) => Reading::Is(code as f64),
        None => Reading::Unknown,
    }
}

/// A JSON number for a category such as "3": also when it is written `3.0`. Beyond ±2^53,
/// where two numbers may read the same, only as it is written.
fn code_of_number(categories: &Categories, text: &str, missing: &MissingValues) -> Reading {
    // No text is both a category and missing.
    let code = |text: &str| match missing.has_text(text) {
        true => Reading::Missing,
        false => code_of(categories, text),
    };
    match (code(text), parse_decimal(text)) {
        (Reading::Unknown, Some(number)) if number.abs() < MAX_EXACT => code(&number_text(number)),
        (as_written, _) => as_written,
    }
}

/// The sentence for a number outside its range; `None` when it is inside.
#[must_use]
pub fn outside(range: &Range, number: f64) -> Option<ValueError> {
    let sentence = |kind, words: &str, bound: Bound| {
        ValueError::new(
            kind,
            format!("Input should be {words} {}", number_text(bound.value)),
        )
    };
    match (range.lower, range.upper) {
        (Some(b), _) if b.exclusive && number <= b.value => {
            Some(sentence("greater_than", "greater than", b))
        }
        (Some(b), _) if !b.exclusive && number < b.value => Some(sentence(
            "greater_than_equal",
            "greater than or equal to",
            b,
        )),
        (_, Some(b)) if b.exclusive && number >= b.value => {
            Some(sentence("less_than", "less than", b))
        }
        (_, Some(b)) if !b.exclusive && number > b.value => {
            Some(sentence("less_than_equal", "less than or equal to", b))
        }
        _ => None,
    }
}
