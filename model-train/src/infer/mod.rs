//! Drafting a schema from a CSV file, for a person to finish.
//!
//! A model approves what the schema calls the positive outcome, so the draft never guesses
//! it: a name such as `approved` or `default` says which outcome is the good one, the caller
//! says it, or there is no draft.

mod actions;
mod column;
mod feature;
mod for_model;
mod numbers;
mod outcome;
mod reasons;
mod role;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read;

use model_core::texts::is_control;
use model_core::value::boolean_word;
use model_files::csv::Table;

use crate::error::{DataError, DataErrorKind, shortened};
use column::Observed;
pub use for_model::{GivenModel, ModelColumn};
use outcome::Outcome;
pub(crate) use outcome::{names_a_bad_event, positive_of_two};
use reasons::Codes;

/// Distinct texts up to which a column counts as a category.
const MAX_CATEGORIES: usize = 50;

/// Why no schema could be drafted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// The file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No such column.
    #[error("there is no column '{name}' to be the target, the file has {columns}")]
    NoTarget {
        /// What was asked for.
        name: String,
        /// What there is.
        columns: String,
    },
    /// The column does not have two values.
    #[error(
        "column '{name}' cannot be the target: expected two different values, got {got}; name the target with --target"
    )]
    NotBinary {
        /// The column.
        name: String,
        /// How many different values it has.
        got: String,
    },
    /// Neither the column's name nor its values say which outcome is the good one.
    #[error(
        "column '{name}' does not say which of its values is to be approved: pass --positive {first} or --positive {second}"
    )]
    NoPositive {
        /// The column.
        name: String,
        /// One of the values, as a shell takes it.
        first: String,
        /// The other.
        second: String,
    },
    /// A model's file does not say whether the outcome of its probability is the good one.
    #[error(
        "the model's file does not say whether its class 1, which its probability is of, is to be approved: pass --positive yes or --positive no, or name the column that it learned with --target"
    )]
    NoPositiveClass,
    /// Whether a model's class 1 is to be approved was said in other words than yes and no.
    #[error(
        "--positive: class 1 of the model is to be approved or not: expected yes or no, got '{got}'"
    )]
    UnknownPositiveClass {
        /// What was said.
        got: String,
    },
    /// The positive outcome that was asked for is none of the column's values.
    #[error("--positive: column '{name}' has {expected}, got '{got}'")]
    UnknownPositive {
        /// The column.
        name: String,
        /// The values it has.
        expected: String,
        /// What was asked for.
        got: String,
    },
}

/// What the caller says about a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DraftOptions<'a> {
    /// The model's name; other characters than lower-case letters, digits and hyphens are
    /// replaced.
    pub model: &'a str,
    /// The column to learn. Where it is `None` the last, or with `given` none of the data.
    pub target: Option<&'a str>,
    /// The value of that column that is the positive outcome, the one to approve: `yes` or
    /// `no` (or another boolean word) for a boolean column, else the text itself. `None`
    /// where the names of column and values say it. Of a model without a column that it
    /// learned, whether its class 1 is to be approved.
    pub positive: Option<&'a str>,
    /// A model that exists: its columns become the inputs, and all others are ignored.
    pub given: Option<&'a GivenModel>,
}

/// Reads a whole file and answers with a schema in TOML, with comments. Types, categories
/// and ranges are what the file shows.
///
/// `name` is what errors call the file. `progress` is called now and then with the number of
/// bytes read.
///
/// # Errors
/// Names the line that cannot be read, or says why there is no target, or asks which outcome
/// is to be approved.
///
/// # Example
/// ```
/// use model_train::infer::{DraftOptions, InferError, infer};
///
/// let csv = "income,default\n1200,yes\n5400,no\n";
/// let options = DraftOptions { model: "loans", ..DraftOptions::default() };
/// let draft = infer(csv.as_bytes(), "loans.csv", options, |_bytes| {})?;
/// assert!(draft.contains("positive = false"));
/// # Ok::<(), InferError>(())
/// ```
pub fn infer(
    source: impl Read,
    name: &str,
    options: DraftOptions<'_>,
    mut progress: impl FnMut(u64),
) -> Result<String, InferError> {
    let mut table = Table::open(source, name).map_err(DataError::from)?;
    let header = table.header().to_vec();
    let target = match (options.given, options.target) {
        // The model has learned already.
        (Some(_), None) => None,
        _ => Some(target_index(&header, options.target)?),
    };
    let mut columns: Vec<Observed> = header.iter().map(|_| Observed::default()).collect();
    let mut rows = 0u64;
    while let Some(row) = table.next_row().map_err(DataError::from)? {
        for (index, column) in columns.iter_mut().enumerate() {
            column.observe(row.field(index).trim());
        }
        rows += 1;
        if rows.is_multiple_of(4096) {
            progress(table.bytes_read());
        }
    }
    progress(table.bytes_read());
    if rows == 0 {
        return Err(DataError::in_file(name, DataErrorKind::NoRows { expected: 4 }).into());
    }
    let mut toml = head(name, options.model, rows, &columns);
    let mut codes = Codes::default();
    for (index, (header, column)) in header.iter().zip(&columns).enumerate() {
        if Some(index) == target {
            if options.target.is_none() {
                toml.push_str(GUESSED);
            }
            write_target(column, header, options, &mut toml)?;
        } else if let Some(model) = options.given {
            let part = for_model::part(header, column, &model.columns);
            column.write_for_model(header, &part, &mut toml);
        } else {
            feature::write(header, column, &mut codes, &mut toml);
        }
    }
    if let (None, Some(model)) = (target, options.given) {
        for_model::write_target(model, &header, options.positive, &mut toml)?;
    }
    Ok(toml)
}

fn target_index(header: &[String], target: Option<&str>) -> Result<usize, InferError> {
    let Some(name) = target else {
        return Ok(header.len() - 1);
    };
    header
        .iter()
        .position(|column| column == name)
        .ok_or_else(|| {
            let columns: Vec<_> = header.iter().map(|column| format!("'{column}'")).collect();
            InferError::NoTarget {
                name: name.to_owned(),
                columns: columns.join(", "),
            }
        })
}

/// Appends the target of a draft.
fn write_target(
    column: &Observed,
    name: &str,
    options: DraftOptions<'_>,
    toml: &mut String,
) -> Result<(), InferError> {
    let texts = column.texts();
    let values = if column.boolean && !column.is_empty() {
        boolean_target(name, options.positive)?
    } else if let [first, second] = texts[..] {
        let texts = [first, second].map(String::as_str);
        let classes = options
            .given
            .map_or(String::new(), |model| model.asks_for_codes(texts));
        category_target(name, texts, options.positive)? + &classes
    } else {
        return Err(InferError::NotBinary {
            name: name.to_owned(),
            got: match texts.len() {
                count if count > MAX_CATEGORIES => format!("more than {MAX_CATEGORIES}"),
                count => count.to_string(),
            },
        });
    };
    push_target(name, &values, toml);
    Ok(())
}

fn push_target(name: &str, values: &str, toml: &mut String) {
    // Writing into a String cannot fail.
    let _ = write!(
        toml,
        "\n[[feature]]\nname = {}\nrole = \"target\"\n{values}\
         positive_label = \"Approved\"\nnegative_label = \"Rejected\"\n",
        quoted(name)
    );
}

/// Says that the file did not name the target.
const GUESSED: &str = "\n# The target was guessed: it is the last column. --target names another.";

/// The comment beside `positive`: what a model will approve, and who says so.
fn approves(name: &str, value: &str, why: &str) -> String {
    let name = shortened(&name.replace(char::is_control, " "));
    let value = shortened(&value.replace(char::is_control, " "));
    format!("# check: approves where {name} is {value}, {why}")
}

const AS_ASKED: &str = "as --positive says";

/// Type and positive outcome of a target of boolean words: what was asked for, else what the
/// column's name says.
fn boolean_target(name: &str, asked: Option<&str>) -> Result<String, InferError> {
    let (positive, why) = match (asked, Outcome::from_name(name)) {
        (Some(asked), _) => match boolean_word(asked) {
            Some(positive) => (positive, AS_ASKED),
            None => {
                return Err(InferError::UnknownPositive {
                    name: name.to_owned(),
                    expected: "yes and no".to_owned(),
                    got: shortened(asked),
                });
            }
        },
        (None, Some(Outcome::Good)) => (true, "since the name says that true is the good outcome"),
        (None, Some(Outcome::Bad)) => (false, "since the name says that true is the bad outcome"),
        (None, None) => return Err(no_positive(name, ["yes".to_owned(), "no".to_owned()])),
    };
    let approves = approves(name, &positive.to_string(), why);
    Ok(format!(
        "type = \"boolean\"\npositive = {positive}   {approves}\n"
    ))
}

/// The same of a target of two texts: what was asked for, else what the texts say.
fn category_target(
    name: &str,
    texts: [&str; 2],
    asked: Option<&str>,
) -> Result<String, InferError> {
    let (positive, why) = match asked {
        Some(asked) if texts.contains(&asked) => (asked, AS_ASKED),
        Some(asked) => {
            return Err(InferError::UnknownPositive {
                name: name.to_owned(),
                expected: texts
                    .map(|text| format!("'{}'", shortened(text)))
                    .join(" and "),
                got: shortened(asked),
            });
        }
        None => match positive_of_two(texts) {
            Some(index) => (texts[index], "since the values say which outcome is good"),
            None => return Err(no_positive(name, texts.map(for_shell))),
        },
    };
    Ok(format!(
        "type = \"category\"\ncategories = {}\npositive = {}   {}\n",
        quoted_list(texts),
        quoted(positive),
        approves(name, positive, why)
    ))
}

fn no_positive(name: &str, [first, second]: [String; 2]) -> InferError {
    InferError::NoPositive {
        name: name.to_owned(),
        first,
        second,
    }
}

/// A word as it is, another text between single quotes.
fn for_shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", shortened(text).replace('\'', "'\\''"))
    }
}

fn head(file: &str, model: &str, rows: u64, columns: &[Observed]) -> String {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let words: BTreeSet<&String> = columns
        .iter()
        .filter_map(Observed::words_for_missing)
        .flatten()
        .collect();
    let mut toml = format!(
        "# Drafted from {} ({rows} rows). Check everything: ranges are what the file shows,\n\
         # rounded outward; categories are those seen; roles are guessed from names and values.\n\
         # Worth adding: label, help and unit for forms; missing, unknown and out_of_range\n\
         # policies (the default is an error). What applicants are told (reason) is a start in\n\
         # general words.\n",
        shortened(&file.replace(char::is_control, " "))
    );
    // Writing into a String cannot fail.
    let _ = writeln!(toml, "name = {}\nversion = \"0.1.0\"", quoted(&slug(model)));
    if !words.is_empty() {
        let _ = writeln!(toml, "missing_values = {}", quoted_list(words));
    }
    toml
}

/// Lower-case letters, digits and hyphens.
fn slug(name: &str) -> String {
    let plain = name
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        "model".to_owned()
    } else {
        words.join("-")
    }
}

/// A TOML string without characters that a terminal acts on or that turn the direction of text,
/// which TOML itself lets stand.
fn quoted(text: &str) -> String {
    let quoted = toml::Value::from(text).to_string();
    let is_unseen = |letter: char| !letter.is_ascii() && is_control(letter);
    if !quoted.contains(is_unseen) {
        return quoted;
    }
    // No escapes in a literal string.
    let mut basic = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => basic.extend(['\\', letter]),
            letter if is_control(letter) => {
                let _ = write!(basic, "\\u{:04X}", u32::from(letter));
            }
            letter => basic.push(letter),
        }
    }
    basic.push('"');
    basic
}

fn quoted_list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<_> = texts
        .into_iter()
        .map(|text| quoted(text.as_ref()))
        .collect();
    format!("[{}]", quoted.join(", "))
}
