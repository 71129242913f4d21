//! A draft for a model that exists: its columns are the inputs, whatever their names say.

use std::fmt::Write as _;

use super::column::Observed;
use super::{quoted, quoted_list, role};

/// A column that a model from elsewhere decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelColumn {
    /// Its name in the model.
    pub name: String,
    /// The texts that it may have, where the model takes it as a category and its file says
    /// them; empty where it takes a category and the file does not.
    pub categories: Option<Vec<String>>,
}

/// What a column of the data is to a model.
pub(super) enum Part<'a> {
    /// What it decides on.
    Column(&'a ModelColumn),
    /// A category whose texts have indicator columns: text and column.
    Indicators(Vec<(&'a str, &'a str)>),
    /// Nothing.
    Nothing,
}

/// Finds out what a column of the data is to a model.
pub(super) fn part<'a>(name: &str, column: &'a Observed, model: &'a [ModelColumn]) -> Part<'a> {
    // LightGBM writes an underscore for a space.
    let same = |theirs: &&ModelColumn| theirs.name == name || theirs.name == name.replace(' ', "_");
    if let Some(own) = model.iter().find(same) {
        return Part::Column(own);
    }
    let mut indicators = Vec::new();
    if column.is_text() {
        for text in column.texts() {
            let wanted = format!("{name}_{text}");
            let found = model
                .iter()
                .find(|theirs| theirs.name == wanted || theirs.name == wanted.replace(' ', "_"));
            indicators.extend(found.map(|found| (text.as_str(), found.name.as_str())));
        }
    }
    if indicators.is_empty() {
        Part::Nothing
    } else {
        Part::Indicators(indicators)
    }
}

impl Observed {
    /// Appends the feature as a model takes it.
    pub(super) fn write_for_model(&self, name: &str, part: &Part<'_>, toml: &mut String) {
        // Writing into a String cannot fail.
        let _ = writeln!(toml, "\n[[feature]]\nname = {}", quoted(name));
        let kind = self.kind();
        let column = match part {
            Part::Nothing => {
                let _ = writeln!(
                    toml,
                    "type = \"{kind}\"\nrole = \"ignored\"   # the model does not know it"
                );
                return;
            }
            Part::Column(column) => Some(*column),
            Part::Indicators(_) => None,
        };
        if let Some(word) = role::protected_word(name) {
            let _ = writeln!(
                toml,
                "# check: '{word}' is a protected characteristic, and the model decides on it"
            );
        }
        match (part, column.and_then(|column| column.categories.as_ref())) {
            (Part::Indicators(columns), _) => {
                let columns = columns
                    .iter()
                    .map(|(text, column)| format!("{} = {}", quoted(text), quoted(column)));
                let columns: Vec<String> = columns.collect();
                let _ = writeln!(
                    toml,
                    "type = \"category\"\ncategories = {}\ncolumns = {{ {} }}",
                    quoted_list(self.texts()),
                    columns.join(", ")
                );
            }
            (_, Some(categories)) if categories.is_empty() => {
                let _ = writeln!(
                    toml,
                    "type = \"category\"\ncategories = {}\n# codes = {{ … }}: the model's file has the codes of the categories, not their names",
                    quoted_list(self.texts())
                );
            }
            (_, Some(categories)) => {
                let _ = writeln!(
                    toml,
                    "type = \"category\"\ncategories = {}",
                    quoted_list(categories)
                );
            }
            (_, None) if kind == "category" => {
                let _ = writeln!(
                    toml,
                    "type = \"category\"\ncategories = {}\n# codes = {{ … }}: the model takes it as a number; say the number of each category",
                    quoted_list(self.texts())
                );
            }
            (_, None) => {
                let _ = writeln!(toml, "type = \"{kind}\"");
                self.write_range(kind, toml);
            }
        }
        if self.has_missing() {
            toml.push_str("missing = \"native\"\n");
        }
    }
}

/// The target of a draft for a model where the data have none.
pub(super) const APPROVED: &str = "\n# Nobody learns it here: it says what the model's probability is of. Where that is the bad\n# outcome, say positive = false.\n[[feature]]\nname = \"approved\"\ntype = \"boolean\"\nrole = \"target\"\npositive = true\npositive_label = \"Approved\"\nnegative_label = \"Rejected\"\n";
