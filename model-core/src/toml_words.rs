//! What the TOML parser and serde say, in words for people who do not know Rust.

/// The message of a parser's error.
pub(crate) fn for_people(message: &str) -> String {
    let message = named(message.trim());
    [
        ("expected f64", "expected a number"),
        ("expected u32", "expected a whole number from 0"),
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected an array of length 2", "expected two numbers"),
        ("expected a sequence", "expected a list"),
        ("expected a string", "expected a text in quotes"),
        ("expected a boolean", "expected true or false"),
        ("expected a map", "expected a table"),
        ("expected struct RawSchema", "expected a table"),
        ("expected struct RawFeature", "expected a table"),
        ("expected struct RawPolicy", "expected a table"),
        ("expected struct RawRule", "expected a table"),
        ("wanted string or table", "expected a text in quotes"),
    ]
    .iter()
    .fold(message, |text, (rust, plain)| text.replace(rust, plain))
}

/// The message with keys called keys, and what came after what was expected.
fn named(message: &str) -> String {
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("the key {key} is missing");
    }
    if let Some((key, expected)) = split(message, "unknown field ", ", expected ") {
        return format!("unknown key {key}: expected {expected}");
    }
    if let Some((found, expected)) = split(message, "unknown variant ", ", expected ") {
        return format!("expected {expected}, got {found}");
    }
    if let Some((found, expected)) = split(message, "invalid type: ", ", expected ") {
        return format!("expected {expected}, got {}", kind(found));
    }
    if let Some((found, expected)) = split(message, "invalid value: ", ", expected ") {
        return format!("expected {expected}, got {}", kind(found));
    }
    if let Some((found, expected)) = split(message, "invalid length ", ", expected ") {
        return format!("expected {expected}, got {found} of them");
    }
    message.to_owned()
}

fn split<'m>(message: &'m str, start: &str, middle: &str) -> Option<(&'m str, &'m str)> {
    message.strip_prefix(start)?.split_once(middle)
}

/// What serde calls a value.
fn kind(found: &str) -> String {
    let words = [
        ("floating point `", "the number "),
        ("integer `", "the number "),
        ("boolean `", ""),
        ("string ", "the text "),
        ("sequence", "a list"),
        ("map", "a table"),
    ];
    let known = words.iter().find_map(|(rust, plain)| {
        let rest = found.strip_prefix(rust)?;
        Some(format!("{plain}{}", rest.trim_end_matches('`')))
    });
    known.unwrap_or_else(|| found.to_owned())
}
