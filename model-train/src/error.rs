//! What can be wrong with a data file.

use std::fmt;

use model_files::csv::{CsvError, CsvErrorKind};

/// A problem in a data file: which file, where in it, what was expected and what came.
#[derive(Debug)]
pub struct DataError {
    file: String,
    line: Option<u64>,
    column: Option<String>,
    kind: DataErrorKind,
}

/// The kinds of problem.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataErrorKind {
    /// The file cannot be read, or is not sound CSV.
    #[error(transparent)]
    Csv(#[from] CsvErrorKind),
    /// A header without rows.
    #[error("there are no rows after the header, expected at least {expected}")]
    NoRows {
        /// How few would do.
        expected: u64,
    },
    /// A column that the schema wants is not there.
    #[error("the column is missing; the file has {}", quoted(.columns))]
    MissingColumn {
        /// What the header names.
        columns: Vec<String>,
    },
    /// A column that the schema does not know.
    #[error("the schema does not know this column{}", nearest_hint(.nearest.as_deref()))]
    UnknownColumn {
        /// The feature with the most similar name.
        nearest: Option<String>,
    },
    /// A cell that its feature refuses.
    #[error("{message}, got '{got}'")]
    Value {
        /// What was expected, as the decision's answer says it.
        message: String,
        /// The cell, shortened.
        got: String,
    },
    /// A row without a label.
    #[error("the target is empty, expected {expected}")]
    MissingTarget {
        /// The values of the target.
        expected: String,
    },
    /// No row has a label.
    #[error("none of the {rows} rows has an outcome in the target's column")]
    NoOutcome {
        /// Rows of the file.
        rows: usize,
    },
    /// Every row has the same label.
    #[error("every row has the same target value ({label}), expected both")]
    OneClass {
        /// The name of that class.
        label: String,
    },
}

impl DataError {
    /// A problem of the file as a whole.
    #[must_use]
    pub fn in_file(file: &str, kind: DataErrorKind) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            kind,
        }
    }

    /// The same, on that line; the first is 1.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same, in that column.
    #[must_use]
    pub fn in_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &DataErrorKind {
        &self.kind
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column '{column}'")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for DataError {}

impl From<CsvError> for DataError {
    fn from(error: CsvError) -> Self {
        Self {
            file: error.file,
            line: error.line,
            column: error.column,
            kind: error.kind.into(),
        }
    }
}

/// A cell as an error shows it: at most 64 characters.
pub(crate) fn shortened(cell: &str) -> String {
    match cell.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(30)
        .map(|name| format!("'{}'", shortened(name)))
        .collect();
    let more = if names.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

fn nearest_hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => {
            format!(
                "; did you mean '{name}'? List it in the schema (role = \"ignored\") or remove it"
            )
        }
        None => "; list it in the schema (role = \"ignored\") or remove it".to_owned(),
    }
}
