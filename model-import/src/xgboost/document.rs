//! What JSON and UBJSON both say: one document, whichever of them it came from.

mod budget;
mod json;
mod ubj;

use crate::error::{ImportError, broken};

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A list of numbers alone, booleans as 0 and 1.
    Numbers(Vec<f64>),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Reads a file in either form.
///
/// # Errors
/// Says where it is not well-formed, or that it takes far more memory than a model.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, ImportError> {
    match bytes {
        // In UBJSON the type of a key's length follows the brace.
        [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'#' | b'$', ..] => ubj::read(bytes),
        [b'{' | b' ' | b'\n' | b'\r' | b'\t', ..] => json::read(bytes),
        [b'b', b'i', b'n', b'f', ..] | [b'b', b's', b'6', b'4', ..] => Err(broken(
            "the file is XGBoost's old binary format: load it with XGBoost before 3.1 and save it as .json or .ubj",
        )),
        [0x80, ..] => Err(broken(
            "the file is a pickle, which is never read: save the model with save_model(\"model.ubj\")",
        )),
        _ => Err(broken(
            "the file is neither JSON nor UBJSON: expected what XGBoost's save_model wrote, .json or .ubj",
        )),
    }
}

impl Value {
    /// The value of a key; `None` where this is no object or has no such key.
    pub(crate) fn find(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => {
                let mut fields = fields.iter();
                fields.find_map(|(name, value)| (name == key).then_some(value))
            }
            _ => None,
        }
    }

    /// The value at the end of a path of keys.
    pub(crate) fn get(&self, path: &[&str]) -> Result<&Self, ImportError> {
        let mut value = self;
        for key in path {
            value = value.find(key).ok_or_else(|| {
                broken(format!(
                    "the file has no '{}': it is damaged, or not a model",
                    path.join(".")
                ))
            })?;
        }
        Ok(value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Numbers; an empty list of anything is one too.
    pub(crate) fn numbers(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers(numbers) => Some(numbers),
            Self::List(list) if list.is_empty() => Some(&[]),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            Self::Numbers(numbers) if numbers.is_empty() => Some(&[]),
            _ => None,
        }
    }

    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        self.list()?.iter().map(Self::text).collect()
    }
}
