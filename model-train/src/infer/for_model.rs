//! A draft for a model that exists: its columns are the inputs, whatever their names say.

use std::fmt::Write as _;

use model_core::value::boolean_word;

use super::column::Observed;
use super::{
    AS_ASKED, InferError, category_target, push_target, quoted, quoted_list, role, shortened,
};

/// A model from elsewhere, as its file tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenModel {
    /// What it decides on, each once.
    pub columns: Vec<ModelColumn>,
    /// Its two classes as texts, the one whose probability it gives last; `None` where the file
    /// does not say them: 0 and 1.
    pub classes: Option<[String; 2]>,
}

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

impl GivenModel {
    /// The classes, where they are texts of their own, not forms of no and yes.
    fn texts(&self) -> Option<[&str; 2]> {
        let [no, yes] = self.classes.as_ref()?;
        let word = |text: &str| boolean_word(&text.to_lowercase());
        // One of them alone is a class like any other, such as 1 beside 2.
        let are_boolean = matches!((word(no), word(yes)), (Some(a), Some(b)) if a != b);
        (!are_boolean).then_some([no, yes])
    }

    /// A line that asks which class each outcome was in training; none where the model says it.
    pub(super) fn asks_for_codes(&self, outcomes: [&str; 2]) -> String {
        let known = self.texts();
        if known.is_some_and(|classes| classes.iter().all(|class| outcomes.contains(class))) {
            return String::new();
        }
        format!(
            "# codes = {{ {} = …, {} = … }}: the model's file does not name its classes; say which of them each was in training, such as 0 and 1\n",
            quoted(outcomes[0]),
            quoted(outcomes[1])
        )
    }
}

/// Appends the target of a draft for a model where the data have none.
///
/// # Errors
/// Asks which of the model's classes is to be approved.
pub(super) fn write_target(
    model: &GivenModel,
    header: &[String],
    positive: Option<&str>,
    toml: &mut String,
) -> Result<(), InferError> {
    toml.push_str(NOT_IN_THE_DATA);
    if let Some(classes) = model.texts() {
        let name = unused("outcome", header);
        push_target(&name, &category_target(&name, classes, positive)?, toml);
        return Ok(());
    }
    let asked = positive.ok_or(InferError::NoPositiveClass)?;
    let unknown = || InferError::UnknownPositiveClass {
        got: shortened(asked),
    };
    let (name, is) = if boolean_word(asked).ok_or_else(unknown)? {
        ("approved", "the outcome to approve")
    } else {
        ("bad", "the outcome that is not to be approved")
    };
    let values = format!(
        "type = \"boolean\"\npositive = {}   # check: class 1 of the model is {is}, {AS_ASKED}\n",
        name == "approved"
    );
    push_target(&unused(name, header), &values, toml);
    Ok(())
}

/// Says that no column of the data is the target.
const NOT_IN_THE_DATA: &str = "\n# Nobody learns the target here: it says what the model's probability is of. Where a column of\n# the data is what the model learned, --target names it.";

/// A name that no column of the data has.
fn unused(name: &str, header: &[String]) -> String {
    let mut unused = name.to_owned();
    while header.contains(&unused) {
        unused.push_str("_by_model");
    }
    unused
}
