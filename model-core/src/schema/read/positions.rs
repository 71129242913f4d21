//! Where a key of the file stands, so that a problem can name its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The byte of a key: of the given feature, or of the schema itself. Where the key is not
/// written, that of what should hold it.
pub(super) fn offset_within(
    text: &str,
    table: &DeTable<'_>,
    feature: Option<usize>,
    key: &str,
) -> usize {
    let Some(index) = feature else {
        return key_offset(table, key).unwrap_or(0);
    };
    let Some(entry) = entry(table, index) else {
        return text.trim_end().len();
    };
    let within = match entry.get_ref() {
        DeValue::Table(table) => key_offset(table, key),
        _ => None,
    };
    within.unwrap_or(entry.span().start)
}

fn entry<'t, 'v>(table: &'t DeTable<'v>, index: usize) -> Option<&'t Spanned<DeValue<'v>>> {
    match table.get("feature").map(|value| value.get_ref()) {
        Some(DeValue::Array(features)) => features.get(index),
        _ => None,
    }
}

/// The byte where the value of a feature's key begins.
pub(super) fn value_offset(table: &DeTable<'_>, index: usize, key: &str) -> Option<usize> {
    match entry(table, index)?.get_ref() {
        DeValue::Table(table) => Some(table.get(key)?.span().start),
        _ => None,
    }
}

fn key_offset(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (key, _) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(key.span().start)
}
