//! What is wrong with a column.

use std::fmt;

/// Why a column cannot be read: which one, in which row, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnError {
    /// The column's name; `None` where it is not known yet.
    pub column: Option<String>,
    /// The row, the first is 0; `None` where it is the column as a whole.
    pub row: Option<usize>,
    /// What was expected and what came.
    pub message: String,
}

impl ColumnError {
    /// An error of a column whose name is not known yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            column: None,
            row: None,
            message: message.into(),
        }
    }

    /// Names the column.
    #[must_use]
    pub fn in_column(mut self, name: &str) -> Self {
        self.column = Some(name.to_owned());
        self
    }

    /// Names the row; the first is 0.
    #[must_use]
    pub fn in_row(mut self, row: usize) -> Self {
        self.row = Some(row);
        self
    }

    /// The same error of a table whose first row is row `rows` of another.
    #[must_use]
    pub fn behind(mut self, rows: usize) -> Self {
        self.row = self.row.map(|row| row + rows);
        self
    }
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "column '{column}'")?;
        }
        if let Some(row) = self.row {
            let comma = if self.column.is_some() { ", " } else { "" };
            write!(f, "{comma}row {row}")?;
        }
        if self.column.is_some() || self.row.is_some() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ColumnError {}
