//! How numbers, booleans and problems are written as text.

/// The largest integer up to which every integer is an exact `f64`.
pub(crate) const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A number as answers write it: shortest, whole ones without a point.
#[must_use]
pub fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT {
        return itoa::Buffer::new().format(number as i64).to_owned();
    }
    // Not `format!`: the module would carry a second float printer.
    zmij::Buffer::new().format(number).to_owned()
}

/// `true`, `1`, `yes`, `y`, `t` and `false`, `0`, `no`, `n`, `f`, in any case.
#[must_use]
pub fn boolean_word(text: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 10] = [
        ("true", true),
        ("false", false),
        ("1", true),
        ("0", false),
        ("yes", true),
        ("no", false),
        ("y", true),
        ("n", false),
        ("t", true),
        ("f", false),
    ];
    let mut words = WORDS.iter();
    let found = words.find(|(word, _)| is_word(word, text));
    found.map(|(_, value)| *value)
}

// Once, not unrolled for each word.
#[inline(never)]
fn is_word(word: &str, text: &str) -> bool {
    word.eq_ignore_ascii_case(text)
}

/// Texts with commas between them. Over an iterator of one type: an instance of the standard
/// library's takes half a kilobyte of the module.
#[inline(never)]
pub(crate) fn joined(texts: &mut dyn Iterator<Item = &str>) -> String {
    let mut joined = String::new();
    for text in texts {
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(text);
    }
    joined
}

/// What is wrong with a file. The module refuses the same files, but has not the sentences, which
/// are longer than the checks: it gets what was checked when it was packed.
pub(crate) fn told(message: impl FnOnce() -> String) -> String {
    if cfg!(target_arch = "wasm32") {
        return "it is not as it must be: underwrite verify says why".to_owned();
    }
    message()
}
