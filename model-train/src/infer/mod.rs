//! Drafting a schema from a CSV file, for a person to finish.
//!
//! A model approves what the schema calls the positive outcome, so the draft never guesses
//! it: a name such as `approved` or `default` says which outcome is the good one, the caller
//! says it, or there is no draft.

mod outcome;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read;

use model_core::value::boolean_word;
use model_files::csv::Table;
use model_files::missing::MISSING_WORDS;

use crate::error::{DataError, DataErrorKind, shortened};
use outcome::Outcome;
pub(crate) use outcome::positive_of_two;

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
    /// The column to learn; the last where it is `None`.
    pub target: Option<&'a str>,
    /// The value of that column that is the positive outcome, the one to approve: `yes` or
    /// `no` (or another boolean word) for a boolean column, else the text itself. `None`
    /// where the names of column and values say it.
    pub positive: Option<&'a str>,
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
    let target = target_index(&header, options.target)?;
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
    for (index, (header, column)) in header.iter().zip(&columns).enumerate() {
        if index == target {
            column.write_target(header, options.positive, &mut toml)?;
        } else {
            column.write_feature(header, &mut toml);
        }
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

/// What a column shows.
struct Observed {
    missing: u64,
    missing_words: BTreeSet<String>,
    /// The first different texts, at most one more than [`MAX_CATEGORIES`]; the missing
    /// words are among them.
    texts: BTreeSet<String>,
    boolean: bool,
    integer: bool,
    number: bool,
    lowest: f64,
    highest: f64,
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            missing: 0,
            missing_words: BTreeSet::new(),
            texts: BTreeSet::new(),
            boolean: true,
            integer: true,
            number: true,
            lowest: f64::INFINITY,
            highest: f64::NEG_INFINITY,
        }
    }
}

impl Observed {
    fn observe(&mut self, text: &str) {
        if text.is_empty() {
            self.missing += 1;
            return;
        }
        if self.texts.len() <= MAX_CATEGORIES && !self.texts.contains(text) {
            self.texts.insert(text.to_owned());
        }
        if MISSING_WORDS.contains(&text) {
            self.missing_words.insert(text.to_owned());
            return;
        }
        self.boolean &= boolean_word(text).is_some();
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        match text
            .parse::<f64>()
            .ok()
            .filter(|number| plain && number.is_finite())
        {
            Some(number) => {
                self.lowest = self.lowest.min(number);
                self.highest = self.highest.max(number);
            }
            None => self.number = false,
        }
        self.integer &= text
            .parse::<i64>()
            .is_ok_and(|whole| whole.unsigned_abs() <= 1 << 53);
    }

    /// Texts that mean "missing" here: beside numbers and booleans, `NA` is no value.
    fn words_for_missing(&self) -> Option<&BTreeSet<String>> {
        (self.number || self.boolean).then_some(&self.missing_words)
    }

    fn has_missing(&self) -> bool {
        self.missing > 0
            || self
                .words_for_missing()
                .is_some_and(|words| !words.is_empty())
    }

    /// Whether there was any value to judge the type by.
    fn is_empty(&self) -> bool {
        self.texts.len() == self.missing_words.len()
    }

    fn write_feature(&self, name: &str, toml: &mut String) {
        let mut line = |text: String| {
            toml.push_str(&text);
            toml.push('\n');
        };
        line(format!("\n[[feature]]\nname = {}", quoted(name)));
        if self.is_empty() {
            line("type = \"category\"\nrole = \"ignored\"   # the column has no values".into());
        } else if self.boolean {
            line("type = \"boolean\"".into());
            if self.has_missing() {
                line("missing = \"most_frequent\"".into());
            }
        } else if self.number {
            line(format!(
                "type = \"{}\"",
                if self.integer { "integer" } else { "number" }
            ));
            let (minimum, maximum) = nice_range(self.lowest, self.highest);
            let seen = format!(
                "# seen: {} to {}",
                number(self.lowest),
                number(self.highest)
            );
            line(format!("minimum = {}   {seen}", number(minimum)));
            line(format!("maximum = {}", number(maximum)));
            if self.has_missing() {
                line("missing = \"impute\"".into());
            }
        } else if self.texts.len() <= MAX_CATEGORIES {
            line("type = \"category\"".into());
            line(format!("categories = {}", quoted_list(&self.texts)));
            if self.has_missing() {
                line("missing = \"most_frequent\"".into());
            }
        } else {
            line(format!(
                "type = \"category\"\nrole = \"ignored\"   # more than {MAX_CATEGORIES} different texts"
            ));
        }
    }

    fn write_target(
        &self,
        name: &str,
        positive: Option<&str>,
        toml: &mut String,
    ) -> Result<(), InferError> {
        let missing = self.words_for_missing();
        let is_value = |text: &&String| !missing.is_some_and(|words| words.contains(*text));
        let texts: Vec<&String> = self.texts.iter().filter(is_value).collect();
        let values = if self.boolean && !self.is_empty() {
            boolean_target(name, positive)?
        } else if let [first, second] = texts[..] {
            category_target(name, [first, second], positive)?
        } else {
            return Err(InferError::NotBinary {
                name: name.to_owned(),
                got: match texts.len() {
                    count if count > MAX_CATEGORIES => format!("more than {MAX_CATEGORIES}"),
                    count => count.to_string(),
                },
            });
        };
        // Writing into a String cannot fail.
        let _ = write!(
            toml,
            "\n[[feature]]\nname = {}\nrole = \"target\"\n{values}\
             positive_label = \"Approved\"\nnegative_label = \"Rejected\"\n",
            quoted(name)
        );
        Ok(())
    }
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
        (None, Some(Outcome::Good)) => (true, "check: the name says that true is to be approved"),
        (None, Some(Outcome::Bad)) => (false, "check: the name says that true is the bad outcome"),
        (None, None) => return Err(no_positive(name, ["yes".to_owned(), "no".to_owned()])),
    };
    Ok(format!(
        "type = \"boolean\"\npositive = {positive}   # {why}\n"
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
            Some(index) => (texts[index], "check: this is the outcome to approve"),
            None => return Err(no_positive(name, texts.map(for_shell))),
        },
    };
    Ok(format!(
        "type = \"category\"\ncategories = {}\npositive = {}   # {why}\n",
        quoted_list(texts),
        quoted(positive)
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
         # rounded outward; categories are those seen.\n\
         # Worth adding: label, help, unit, example for forms; role = \"protected\" for columns\n\
         # that must not decide (such as gender); missing, unknown and out_of_range policies\n\
         # (the default is an error).\n",
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

/// Rounded outward to two significant digits; a range of numbers from 0 on that begins
/// near its lower end begins at 0.
fn nice_range(lowest: f64, highest: f64) -> (f64, f64) {
    let near_zero = lowest >= 0.0 && lowest * 10.0 <= highest;
    let minimum = if near_zero {
        0.0
    } else {
        outward(lowest, f64::floor)
    };
    (minimum, outward(highest, f64::ceil))
}

fn outward(number: f64, round: fn(f64) -> f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let exponent = number.abs().log10().floor() as i32 - 1;
    // A power of ten below 1 is not exact: divide by its inverse, which is.
    let rounded = if exponent < 0 {
        let inverse = 10f64.powi(-exponent);
        round(number * inverse) / inverse
    } else {
        let unit = 10f64.powi(exponent);
        round(number / unit) * unit
    };
    // At the ends of what an f64 can hold, rounding would leave it.
    if rounded.is_finite() { rounded } else { number }
}

/// As TOML writes it: whole numbers without a point.
fn number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        (number as i64).to_string()
    } else {
        format!("{number:?}")
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn quoted_list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<_> = texts
        .into_iter()
        .map(|text| quoted(text.as_ref()))
        .collect();
    format!("[{}]", quoted.join(", "))
}
