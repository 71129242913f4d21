//! Texts in Markdown.

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
