//! Texts in Markdown.

use model_report::number::fixed;

use crate::evaluate::Interval;

/// Text from a schema, without what Markdown or HTML would act on.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' | '#' | '\\' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

pub(super) fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

/// An interval, "0.9384 to 0.9576"; a dash where there is none.
pub(super) fn between(interval: Option<Interval>, digits: usize) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |interval| {
            let (low, high) = (fixed(interval.low, digits), fixed(interval.high, digits));
            format!("{low} to {high}")
        },
    )
}
