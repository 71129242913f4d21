//! Texts that stand for "no value" in data files.

/// Texts that data files use for a missing value: those of pandas' `read_csv`, and `?`, which
/// is last. A schema names its own (`missing_values`); these serve where there is no schema.
pub const MISSING_WORDS: [&str; 20] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?",
];

/// Those that pandas' `read_csv` knows, for what must read a file as pandas does.
pub const PANDAS_MISSING_WORDS: &[&str] = MISSING_WORDS.split_at(MISSING_WORDS.len() - 1).0;

/// Whether a text, without the white space around it, is one of [`MISSING_WORDS`].
///
/// ```
/// use model_files::missing::is_missing_word;
///
/// assert!(is_missing_word("NA") && is_missing_word("") && is_missing_word("?"));
/// assert!(!is_missing_word("0"));
/// ```
#[must_use]
pub fn is_missing_word(text: &str) -> bool {
    MISSING_WORDS.contains(&text)
}
