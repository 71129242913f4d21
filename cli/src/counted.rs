//! Counts with their nouns.

use std::fmt::Display;

/// "1 row", "12 rows".
pub(crate) fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
