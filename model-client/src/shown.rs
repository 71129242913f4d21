//! Texts and addresses from outside, as terminals and logs may show them.

/// What stands for a secret.
pub(crate) const HIDDEN: &str = "…";

/// Characters of an error's text that are shown.
const SHOWN: usize = 300;

/// An address without what only its owner should know: who logs in, and the query. The scheme is
/// optional: it is what people forget.
///
/// Everything before the last `@` counts as the login, since a password that was not
/// percent-encoded may have any character.
///
/// ```
/// use model_client::shown_url;
///
/// assert_eq!(shown_url("http://u:secret@push.example/x?t=1"), "http://…@push.example/x?…");
/// assert_eq!(shown_url("http://u:se/cr?et@push.example"), "http://…@push.example");
/// assert_eq!(shown_url("u:secret@push.example:9091"), "…@push.example:9091");
/// assert_eq!(shown_url("http://push.example:9091"), "http://push.example:9091");
/// ```
#[must_use]
pub fn shown_url(text: &str) -> String {
    let is_scheme = |text: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        !text.is_empty() && text.chars().all(fine)
    };
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (format!("{scheme}://"), rest),
        _ => (String::new(), text),
    };
    let (login, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("…@", rest),
        None => ("", rest),
    };
    let (place, query) = match rest.find(['?', '#']) {
        Some(end) => (&rest[..end], "?…"),
        None => (rest, ""),
    };
    format!("{scheme}{login}{}{query}", one_line(place))
}

/// A text in one line and without control characters, which could move a terminal's cursor,
/// rename its window or turn the text around.
///
/// ```
/// assert_eq!(model_client::one_line("no\nway \u{1b}[2Jhome"), "no way [2Jhome");
/// ```
#[must_use]
pub fn one_line(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let plain = word.chars().filter(|&c| !c.is_control() && !turns_text(c));
        plain.collect::<String>()
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The start of a text in one line, as errors show it; without control characters.
#[must_use]
pub fn shorten(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() {
        return "(nothing)".to_owned();
    }
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Unicode's marks of direction: with them a text reads differently from what it says.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
