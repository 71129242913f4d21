//! Lines and columns in a TOML text.

/// Where the lines of a text begin.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: [0].into_iter().chain(after_breaks).collect(),
        }
    }

    /// Line and column of the byte `offset`, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.wrapping_sub(1)).copied();
        let before = self.text.get(start.unwrap_or(0)..offset);
        (line, 1 + before.unwrap_or_default().chars().count())
    }
}

/// The byte of `text` that gives the byte `at` of the value of the TOML string that begins
/// at `start` with its quotes. An escape such as `\"` takes more bytes than it gives.
pub(crate) fn within_string(text: &str, start: usize, at: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_long = rest.starts_with("\"\"\"") || rest.starts_with("'''");
    let is_literal = rest.starts_with('\'');
    let mut raw = start + if is_long { 3 } else { 1 };
    let after = |raw: usize| text.get(raw..).unwrap_or_default();
    if is_long {
        // A line break right after the quotes is not part of the value.
        raw += match after(raw).as_bytes() {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
    }
    let mut given = 0;
    while given < at && raw < text.len() {
        let (taken, gives) = match after(raw).strip_prefix('\\') {
            Some(escape) if !is_literal => escaped(escape),
            _ => {
                let length = after(raw).chars().next().map_or(1, char::len_utf8);
                (length, length)
            }
        };
        raw += taken;
        given += gives;
    }
    raw.min(text.len())
}

/// How many bytes an escape takes, its backslash included, and how many it gives.
fn escaped(after: &str) -> (usize, usize) {
    let code = |digits: usize| {
        let code = after
            .get(1..=digits)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (
            2 + digits,
            code.and_then(char::from_u32).map_or(1, char::len_utf8),
        )
    };
    match after.as_bytes().first() {
        Some(b'u') => code(4),
        Some(b'U') => code(8),
        Some(b'x') => code(2),
        // A line that is continued: all white space up to the next text.
        Some(b' ' | b'\t' | b'\r' | b'\n') => (1 + after.len() - after.trim_start().len(), 0),
        _ => (2, 1),
    }
}
