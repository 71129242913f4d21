//! How numbers and booleans are written as text.

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
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["true", "1", "yes", "y", "t"]) {
        Some(true)
    } else if is(&["false", "0", "no", "n", "f"]) {
        Some(false)
    } else {
        None
    }
}
