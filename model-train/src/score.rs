//! Scoring the rows of a CSV file as they stream by: every row is copied, with its
//! probability and prediction added.

use std::io::{self, Read, Write};

use model_core::decide::{Decider, REFUSED};
use model_core::schema::{Feature, Schema};
use model_files::csv::{Row, Table};

use crate::dataset::{Columns, read_cell};
use crate::error::DataError;

/// Rows that are scored together.
const ROWS: usize = 1024;
/// The columns that are added.
const ADDED: [&str; 2] = ["probability", "prediction"];

/// What happens to a row that the model refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInvalid {
    /// It is an error.
    Stop,
    /// Its added columns stay empty.
    Blank,
}

/// What to do with what is not as it should be.
#[derive(Debug, Clone, Copy)]
pub struct Choices {
    /// With a row that the model refuses.
    pub on_invalid: OnInvalid,
    /// Whether an input may be missing in every row, where the schema can fill it in.
    pub allow_missing_columns: bool,
}

/// Why rows could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A row cannot be read, or a column is missing.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file has a column that scoring would add.
    #[error("{file}: the file already has a column '{column}': rename or remove it")]
    ColumnExists {
        /// What errors call the file.
        file: String,
        /// The column.
        column: &'static str,
    },
    /// An input has no column.
    #[error(
        "{file}, column '{column}': the column is missing, and every row would get an imputed value; add it, or pass --allow-missing-columns"
    )]
    ColumnMissing {
        /// What errors call the file.
        file: String,
        /// The column.
        column: String,
    },
    /// More values would have to be filled in than the schema allows.
    #[error(
        "{file}, line {line}: more than {most} values are missing, unknown or out of range, at most {most} may be filled in (max_adjustments)"
    )]
    TooManyAdjustments {
        /// What errors call the file.
        file: String,
        /// The line; the first is 1.
        line: u64,
        /// How many may be filled in.
        most: u32,
    },
    /// The model cannot score a block of rows.
    #[error("the model cannot score these rows: {0}")]
    Model(String),
    /// The scored rows cannot be written.
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

/// Copies every row of a CSV from `source` to `sink` with the columns `probability` and
/// `prediction` added; answers how many rows were refused and left blank. `name` is what
/// errors call the source, `progress` is called with the number of bytes read so far.
///
/// # Errors
/// Names the line and field of a row that cannot be read or, with [`OnInvalid::Stop`], that
/// the model refuses; the rows before it have been written.
pub fn score(
    decider: &mut Decider,
    source: impl Read,
    name: &str,
    sink: &mut impl Write,
    choices: Choices,
    mut progress: impl FnMut(u64),
) -> Result<u64, ScoreError> {
    let schema = decider.artifact().schema.clone();
    let mut table = Table::open(source, name).map_err(DataError::from)?;
    let columns = Columns::for_scoring(&table, &schema)?;
    if !choices.allow_missing_columns {
        check_inputs(&table, &schema, &columns)?;
    }
    let line_end = table.line_end();
    write_header(&table, sink)?;
    let mut block = Block::new(&schema, name, line_end, choices.on_invalid);
    let mut more = true;
    while more {
        let bad_row = block.fill(&mut table, &columns, &mut more).err();
        block.decide(decider, sink)?;
        if let Some(error) = bad_row {
            return Err(error.into());
        }
        progress(table.bytes_read());
    }
    Ok(block.refused_rows)
}

/// A column that is lost altogether is more likely a mistake than an applicant's silence. A
/// derived one is computed.
fn check_inputs<R: Read>(
    table: &Table<R>,
    schema: &Schema,
    columns: &Columns,
) -> Result<(), ScoreError> {
    let mut inputs = schema.inputs().zip(&columns.inputs);
    match inputs.find(|(feature, column)| column.is_none() && feature.derived.is_none()) {
        Some((feature, _)) => Err(ScoreError::ColumnMissing {
            file: table.name().to_owned(),
            column: feature.name.clone(),
        }),
        None => Ok(()),
    }
}

fn write_header<R: Read>(table: &Table<R>, sink: &mut impl Write) -> Result<(), ScoreError> {
    let exists = |added: &&&'static str| table.header().iter().any(|column| column == **added);
    if let Some(column) = ADDED.iter().find(exists) {
        return Err(ScoreError::ColumnExists {
            file: table.name().to_owned(),
            column,
        });
    }
    sink.write_all(table.header_raw())?;
    write!(sink, ",{}{}", ADDED.join(","), table.line_end())?;
    Ok(())
}

/// Rows that have been read and wait for their scores.
struct Block<'s> {
    schema: &'s Schema,
    inputs: Vec<&'s Feature>,
    file: &'s str,
    line_end: &'static str,
    on_invalid: OnInvalid,
    /// Input `i` of row `r` is at `i * ROWS + r`.
    values: Vec<f64>,
    probabilities: Vec<f64>,
    rows: Vec<Waiting>,
    /// The rows' bytes, one after the other.
    raw: Vec<u8>,
    line: Vec<u8>,
    refused_rows: u64,
}

/// A row that waits for its decision.
struct Waiting {
    line: u64,
    /// Where its bytes end in `raw`.
    end: usize,
    /// Whether a cell of it cannot be read.
    invalid: bool,
}

impl<'s> Block<'s> {
    fn new(
        schema: &'s Schema,
        file: &'s str,
        line_end: &'static str,
        on_invalid: OnInvalid,
    ) -> Self {
        let inputs: Vec<_> = schema.inputs().collect();
        Self {
            values: vec![0.0; inputs.len() * ROWS],
            probabilities: vec![0.0; ROWS],
            rows: Vec::with_capacity(ROWS),
            raw: Vec::new(),
            line: Vec::new(),
            refused_rows: 0,
            schema,
            inputs,
            file,
            line_end,
            on_invalid,
        }
    }

    /// Reads rows until the block is full, the file ends, or a row is an error; the rows
    /// before that one are in the block.
    fn fill<R: Read>(
        &mut self,
        table: &mut Table<R>,
        columns: &Columns,
        more: &mut bool,
    ) -> Result<(), DataError> {
        self.rows.clear();
        self.raw.clear();
        while self.rows.len() < ROWS {
            let Some(row) = table.next_row()? else {
                *more = false;
                break;
            };
            let invalid = match self.read_row(&row, columns) {
                Ok(()) => false,
                Err(error) if self.on_invalid == OnInvalid::Stop => return Err(error),
                Err(_) => true,
            };
            self.raw.extend_from_slice(row.raw);
            self.rows.push(Waiting {
                line: row.line,
                end: self.raw.len(),
                invalid,
            });
        }
        Ok(())
    }

    fn read_row(&mut self, row: &Row<'_>, columns: &Columns) -> Result<(), DataError> {
        let slot = self.rows.len();
        for (input, (feature, column)) in self.inputs.iter().zip(&columns.inputs).enumerate() {
            let cell = column.map_or("", |index| row.field(index));
            let value = read_cell(feature, cell, &self.schema.missing_values);
            self.values[input * ROWS + slot] = value.map_err(|error| {
                DataError::invalid_value(self.file, row.line, &feature.name, error, cell)
            })?;
        }
        Ok(())
    }

    /// Decides the rows of the block and writes them.
    fn decide(&mut self, decider: &mut Decider, sink: &mut impl Write) -> Result<(), ScoreError> {
        // Slots beyond the last row hold old values: they are scored too, and not looked at.
        decider
            .batch(&self.values, &mut self.probabilities)
            .map_err(ScoreError::Model)?;
        let threshold = decider.artifact().threshold;
        let mut start = 0;
        for (row, &probability) in self.rows.iter().zip(&self.probabilities) {
            self.line.clear();
            self.line.extend_from_slice(&self.raw[start..row.end]);
            start = row.end;
            if !row.invalid && probability != REFUSED {
                self.line.push(b',');
                // The same digits as in a decision's JSON.
                serde_json::to_writer(&mut self.line, &probability).map_err(io::Error::from)?;
                let prediction: &[u8] = if probability >= threshold {
                    b",1"
                } else {
                    b",0"
                };
                self.line.extend_from_slice(prediction);
            } else if self.on_invalid == OnInvalid::Blank {
                self.line.extend_from_slice(b",,");
                self.refused_rows += 1;
            } else {
                let most = self.schema.max_adjustments.unwrap_or(0);
                return Err(ScoreError::TooManyAdjustments {
                    file: self.file.to_owned(),
                    line: row.line,
                    most,
                });
            }
            self.line.extend_from_slice(self.line_end.as_bytes());
            sink.write_all(&self.line)?;
        }
        Ok(())
    }
}
