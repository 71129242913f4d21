//! Texts in several languages.

use bincode::Encode;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::wire::{Reader, Stored};

/// A text in every language of a schema, in the schema's order. One that was not written
/// in a language is there in the first.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Texts(pub Vec<String>);

impl Stored for Texts {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self(reader.read())
    }
}

impl Texts {
    /// The text in the first language.
    #[must_use]
    pub fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// Whether a character acts on what shows it instead of being shown: control characters, line
/// and paragraph separators, and Unicode's controls of direction, with which a text reads
/// differently from what it says.
#[must_use]
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Checks a text that is shown to people in one line.
///
/// # Errors
/// A sentence.
pub(crate) fn check_line(text: &str) -> Result<(), String> {
    match text.chars().find(|c| is_control(*c)) {
        None => Ok(()),
        Some(c) => Err(format!(
            "expected one line without control characters, got U+{:04X}: remove it",
            u32::from(c)
        )),
    }
}

/// Checks what answers call a reason.
///
/// # Errors
/// A sentence.
pub(crate) fn check_code(code: &str) -> Result<(), String> {
    if is_code(code) {
        return Ok(());
    }
    Err(format!(
        "expected a code of 1 to 32 letters, digits, hyphens, dots and underscores, got '{code}'"
    ))
}

/// Whether answers may call a reason so.
#[inline(never)]
pub(crate) fn is_code(code: &str) -> bool {
    let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=32).contains(&code.len()) && code.bytes().all(byte)
}

/// A text as TOML gives it: one, in the first language, or a table of languages.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a text, or a table of languages such as { en = \"…\", de = \"…\" }"
)]
pub(crate) enum RawTexts {
    One(String),
    Table(BTreeMap<String, String>),
}

impl RawTexts {
    /// The texts, and the languages in which there is none.
    pub(crate) fn resolve<'l>(
        &self,
        languages: &'l [String],
    ) -> Result<(Texts, Vec<&'l str>), String> {
        let Some(main) = languages.first() else {
            return Err("the schema names no language".into());
        };
        let table = match self {
            Self::One(text) => BTreeMap::from([(main.clone(), text.clone())]),
            Self::Table(table) => table.clone(),
        };
        if let Some(stray) = table.keys().find(|key| !languages.contains(key)) {
            return Err(format!(
                "'{stray}' is not one of the schema's languages: expected {}",
                languages.join(", ")
            ));
        }
        let Some(first) = table.get(main).filter(|text| !text.trim().is_empty()) else {
            return Err(format!(
                "there is no text in the first language: add {main} = \"…\""
            ));
        };
        let texts = languages
            .iter()
            .map(|l| table.get(l).unwrap_or(first).clone());
        let absent = languages.iter().filter(|l| !table.contains_key(*l));
        Ok((Texts(texts.collect()), absent.map(String::as_str).collect()))
    }
}
