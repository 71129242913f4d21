//! What a development document says that only a person can write, and what the training run
//! itself knows.

use std::fmt::Write;

use serde::Deserialize;

/// The texts of `card.toml`, in Markdown; what is absent is said to be absent in the card.
///
/// # Example
/// ```
/// use model_train::card::Document;
///
/// let document = Document::from_toml("owner = \"Retail credit risk\"").unwrap();
/// assert_eq!(document.owner.as_deref(), Some("Retail credit risk"));
/// let error = Document::from_toml("\nowner = \"A\"\nonwer = \"B\"").unwrap_err();
/// assert!(error.starts_with("line 3: unknown field `onwer`"), "{error}");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    /// What the model is for, and who decides with it.
    pub purpose: Option<String>,
    /// Of whom the applications are: product, channel, country.
    pub population: Option<String>,
    /// When they were made, and how long their outcomes were watched.
    pub window: Option<String>,
    /// Which applications were left out, and why.
    pub exclusions: Option<String>,
    /// What counts as the bad outcome, such as 90 days past due within 12 months.
    pub target_definition: Option<String>,
    /// What the model is compared with, beyond the program's own benchmark.
    pub benchmark: Option<String>,
    /// Why this family, these inputs, this threshold.
    pub choices: Option<String>,
    /// Who validated it, how, and with what result.
    pub validation: Option<String>,
    /// Where it must not be used, and what it is known to do badly.
    pub limits: Option<String>,
    /// What is watched, how often, and what is done at which value.
    pub monitoring: Option<String>,
    /// Who is responsible.
    pub owner: Option<String>,
    /// Who approved it, and when.
    pub approver: Option<String>,
    /// Where the data come from.
    pub data: Option<String>,
    /// The license as an SPDX expression, such as `apache-2.0`.
    pub license: Option<String>,
}

/// The keys of `card.toml`, in the order of the card, with what to write under each.
const KEYS: [(&str, &str); 14] = [
    ("purpose", "What the model is for, and who decides with it."),
    (
        "population",
        "Of whom the applications are: product, channel, country.",
    ),
    (
        "window",
        "When they were made, and how long their outcomes were watched.",
    ),
    ("exclusions", "Which applications were left out, and why."),
    (
        "target_definition",
        "What counts as the bad outcome, such as 90 days past due within 12 months.",
    ),
    (
        "benchmark",
        "What the model is compared with, beyond the program's own benchmark.",
    ),
    ("choices", "Why this family, these inputs, this threshold."),
    ("validation", "Who validated it, how, and with what result."),
    (
        "limits",
        "Where it must not be used, and what it is known to do badly.",
    ),
    (
        "monitoring",
        "What is watched, how often, and what is done at which value.",
    ),
    ("owner", "Who is responsible."),
    ("approver", "Who approved it, and when."),
    ("data", "Where the data come from."),
    (
        "license",
        "The license as an SPDX expression, such as apache-2.0.",
    ),
];

impl Document {
    /// A `card.toml` with every key, empty, and what to write there: what stays empty is said to
    /// be absent in the card.
    ///
    /// # Example
    /// ```
    /// use model_train::card::Document;
    ///
    /// let draft = Document::draft();
    /// assert!(draft.contains("# Who is responsible.\nowner = \"\"\n"));
    /// assert!(Document::from_toml(&draft).is_ok());
    /// ```
    #[must_use]
    pub fn draft() -> String {
        let mut draft = "# What only people can say of a model, in Markdown, for its model card.\n\
                         # Longer texts stand between three quotes. What stays empty is said to be\n\
                         # missing in the card.\n"
            .to_owned();
        for (key, what) in KEYS {
            draft.push_str(&format!("\n# {what}\n{key} = \"\"\n"));
        }
        draft
    }

    /// Reads `card.toml`.
    ///
    /// # Errors
    /// Names the line, what was expected and what came.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {}", error.message())
        })
    }
}

/// What the training run knows of its own making; nothing where a model is only evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// From when to when the rows are.
    pub window: Option<String>,
    /// What was kept out.
    pub exclusions: Option<String>,
    /// Hyperparameters, calibration, threshold, and how they were found.
    pub choices: Option<String>,
    /// The figures of the folds.
    pub validation: Option<String>,
}

/// Appends a section: what is known, then what a person wrote under `key`, or that nobody did.
pub(super) fn section(
    card: &mut String,
    heading: &str,
    key: &str,
    known: Option<&str>,
    written: Option<&String>,
) -> std::fmt::Result {
    writeln!(card, "## {heading}\n")?;
    if let Some(known) = known {
        writeln!(card, "{known}\n")?;
    }
    text(card, key, written)
}

/// Appends what a person wrote under `key`, or that nobody did.
pub(super) fn text(card: &mut String, key: &str, written: Option<&String>) -> std::fmt::Result {
    match written
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
    {
        Some(text) => writeln!(card, "{text}\n"),
        None => writeln!(card, "*Not written: `{key}` in `card.toml`.*\n"),
    }
}
