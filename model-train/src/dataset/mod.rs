//! A CSV file as training wants it: typed columns of the model's inputs, the target, and what
//! says when a row happened, of whom it is and how much it counts.
//!
//! Cells are read exactly as a decision reads its fields ([`model_core::value`]), so that
//! a model is trained on what it will be asked about.

mod columns;
mod part;

pub(crate) use columns::stranger;
pub use columns::{Columns, outcome_in_file, read_target};

use std::fs::File;
use std::io::Read;
use std::path::Path;

use model_core::cells::CellReader;
use model_core::preprocess::resolve;
use model_core::schema::{Feature, MissingValues, Role, Schema};
use model_core::value::{Reading, Value, ValueError, read};
use model_files::Hashing;
use model_files::csv::{CsvErrorKind, Piece, Pieces, Row, Table};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::applications::same_codes;
use crate::derive::{self, Step};
use crate::error::{DataError, DataErrorKind, shortened};
use crate::parallel::in_order;
use crate::sample::{Sample, SampleReader};
use crate::values::Values;
use part::Part;

/// Rows to learn from, column by column.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// For each input of the schema, in schema order, one value a row in the model's terms;
    /// NaN where it is missing, [`UNKNOWN`] for a category that is not in the list. Numbers
    /// may be out of range: policies have not been applied. A derived value that was not given
    /// is the computed one, NaN where a value that it needs is filled in later.
    pub columns: Vec<Values>,
    /// For each row whether the answer is yes.
    pub target: Vec<bool>,
    /// The columns that audits ask for, where the file has them.
    pub protected: Vec<Protected>,
    /// When each row happened, of whom it is and how much it counts, where the file says so.
    pub sample: Sample,
    /// The rows that were kept out since the file does not say what became of them.
    pub without_outcome: WithoutOutcome,
    /// Derived inputs with the number of rows whose given value contradicted the formula; the
    /// computed one is used. In schema order, without those that never did.
    pub overwritten: Vec<(String, usize)>,
    /// SHA-256 of the text that was read, lower-case hexadecimal.
    pub sha256: String,
    name: String,
    /// The names of the file's columns.
    header: Vec<String>,
}

/// Rows of which nobody knows the outcome, such as applications that were declined.
#[derive(Debug, Clone, Default)]
pub struct WithoutOutcome {
    /// Their numbers in the file, ascending; the first row is 0.
    pub rows: Vec<usize>,
    /// As [`Dataset::columns`].
    pub columns: Vec<Values>,
}

/// What happens to a row without an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutcomeMissing {
    /// It is kept out of training and measuring, and counted.
    #[default]
    LeaveOut,
    /// It is an error.
    Error,
}

/// What reading a row needs beside the row.
pub(super) struct Reader<'a> {
    outcome_missing: OutcomeMissing,
    columns: Columns,
    schema: &'a Schema,
    inputs: Vec<&'a Feature>,
    steps: Vec<Step>,
}

/// A protected column: kept for audits, never used to predict.
#[derive(Debug, Clone)]
pub struct Protected {
    /// What the schema says of it.
    pub feature: Feature,
    /// One value a row, as in [`Dataset::columns`]. What cannot be read is missing: an audit
    /// does not hinder training.
    pub values: Values,
    index: usize,
}

/// Pieces of a file that are read or wait for it, for each thread.
const AHEAD: usize = 4;

/// The code of a category that is not in the list, as the module's batch call takes it.
pub const UNKNOWN: f64 = -1.0;

impl Dataset {
    /// Reads a file by a schema. `progress` is called now and then with the number of bytes
    /// read so far.
    ///
    /// # Errors
    /// Names the file, line and column, what was expected and what came. A row that a
    /// decision would refuse for one of its values is an error here too.
    pub fn read(
        path: &Path,
        schema: &Schema,
        progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let file = File::open(path)
            .map_err(|error| DataError::in_file(&name, CsvErrorKind::Io(error).into()))?;
        Self::from_reader(file, &name, schema, progress)
    }

    /// The same from any source; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn from_reader(
        source: impl Read,
        name: &str,
        schema: &Schema,
        progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        Self::with_outcomes(source, name, schema, OutcomeMissing::Error, progress)
    }

    /// The same, with a choice of what happens to a row without an outcome.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn with_outcomes(
        source: impl Read,
        name: &str,
        schema: &Schema,
        outcome_missing: OutcomeMissing,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        let mut pieces = Pieces::open(Hashing::new(source), name)?;
        let (head, no_rows) = (pieces.head().clone(), Piece::default());
        let header = head.table(&no_rows);
        let reader = Reader::new(&header, schema, outcome_missing)?;
        let (of_row, mut sample) = (
            SampleReader::new(&header, schema),
            SampleReader::new(&header, schema),
        );
        let mut dataset = Self {
            protected: Protected::columns(&header, schema),
            ..Self::empty(name, header.header(), &reader)
        };
        let mut overwritten = vec![0; reader.steps.len()];
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let protected = dataset.protected.clone();
        let worker = |_| {
            |(piece, bytes): (Piece, u64)| {
                let mut table = head.table(&piece);
                let part = Part::read(&mut table, &reader, &of_row, &protected);
                (part, bytes)
            }
        };
        let next = || {
            let piece = pieces.next_piece().map_err(DataError::from)?;
            Ok(piece.map(|piece| (piece, pieces.bytes_read())))
        };
        let done = |(part, bytes)| {
            dataset.append(part, &mut sample, &mut overwritten)?;
            progress(bytes);
            Ok::<(), DataError>(())
        };
        in_order(AHEAD * jobs, (0..jobs).map(worker).collect(), next, done)?;
        dataset.overwritten = reader.overwritten(&overwritten);
        dataset.sample = sample.finish();
        dataset.sha256 = pieces.into_source().finish();
        dataset.check_classes(schema)?;
        Ok(dataset)
    }

    /// Reads applications of which no outcome is known or asked for; columns that the schema
    /// does not know are passed over. Every target is `false`, which means nothing.
    ///
    /// # Errors
    /// As [`Dataset::read`], but for the target.
    pub fn without_outcomes(
        source: impl Read,
        name: &str,
        schema: &Schema,
    ) -> Result<Self, DataError> {
        let mut table = Table::open(Hashing::new(source), name)?;
        let columns = Columns::for_passing_through(&table, schema)?;
        let reader = Reader::with_columns(schema, OutcomeMissing::LeaveOut, columns);
        let mut dataset = Self::empty(name, table.header(), &reader);
        let mut columns = vec![Vec::new(); reader.inputs.len()];
        let mut scratch = Scratch {
            row: derive::Row::default(),
            overwritten: vec![0; reader.steps.len()],
            cells: reader.cells(),
        };
        while let Some(row) = table.next_row()? {
            reader.push_inputs(&row, &mut columns, &mut scratch, name)?;
            dataset.target.push(false);
        }
        for (values, numbers) in dataset.columns.iter_mut().zip(columns) {
            values.extend(numbers.into_iter());
        }
        dataset.overwritten = reader.overwritten(&scratch.overwritten);
        dataset.sha256 = table.into_source().finish();
        Ok(dataset)
    }

    fn empty(name: &str, header: &[String], reader: &Reader<'_>) -> Self {
        Self {
            columns: vec![Values::default(); reader.inputs.len()],
            target: Vec::new(),
            protected: Vec::new(),
            sample: Sample::default(),
            without_outcome: WithoutOutcome {
                rows: Vec::new(),
                columns: vec![Values::default(); reader.inputs.len()],
            },
            overwritten: Vec::new(),
            sha256: String::new(),
            name: name.to_owned(),
            header: header.to_vec(),
        }
    }

    /// How many rows with an outcome there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.target.len()
    }

    /// How many rows the file has, those without an outcome among them.
    #[must_use]
    pub fn rows_in_file(&self) -> usize {
        self.rows() + self.without_outcome.rows.len()
    }

    /// The number of each row in the file; the first row is 0.
    #[must_use]
    pub fn file_rows(&self) -> Vec<usize> {
        let mut left_out = self.without_outcome.rows.iter().peekable();
        let is_here = |row: &usize| left_out.next_if(|out| *out == row).is_none();
        (0..self.rows_in_file()).filter(is_here).collect()
    }

    /// The numbers of some rows in the file, as [`Dataset::file_rows`] has them for all.
    #[must_use]
    pub fn in_file(&self, rows: &[usize]) -> Vec<usize> {
        if self.without_outcome.rows.is_empty() {
            return rows.to_vec();
        }
        let file_rows = self.file_rows();
        rows.iter().map(|&row| file_rows[row]).collect()
    }

    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the file has a column of this name.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.header.iter().any(|column| column == name)
    }

    /// The protected column of a model's feature; none where the file lacks it, or where it was
    /// read in other codes, by the schema of an audit: then no rule names it.
    pub(crate) fn protected_column(&self, feature: &Feature) -> Option<&Values> {
        let mut protected = self.protected.iter();
        let column = protected.find(|column| column.feature.name == feature.name)?;
        same_codes(&column.feature.kind, &feature.kind).then_some(&column.values)
    }

    /// Appends what was read of the next piece.
    fn append(
        &mut self,
        mut part: Part,
        sample: &mut SampleReader<'_>,
        overwritten: &mut [usize],
    ) -> Result<(), DataError> {
        part.push_sample(sample, &self.name)?;
        if let Some(error) = part.error.take() {
            return Err(error);
        }
        let before = self.rows_in_file();
        let left_out = part.without_outcome.iter();
        let left_out = left_out.map(|row| before + row);
        self.without_outcome.rows.extend(left_out);
        self.target.append(&mut part.target);
        for (all, part) in overwritten.iter_mut().zip(&part.overwritten) {
            *all += part;
        }
        // One column after the other on a thread: the numbers of a column are coded in the order
        // of the file.
        let without = &mut self.without_outcome.columns;
        let protected = self.protected.iter_mut().map(|column| &mut column.values);
        let all = self.columns.iter_mut().chain(without).chain(protected);
        let all: Vec<&mut Values> = all.collect();
        all.into_par_iter().enumerate().for_each(|(index, values)| {
            values.extend(part.columns[index].iter().copied());
        });
        Ok(())
    }

    fn check_classes(&self, schema: &Schema) -> Result<(), DataError> {
        let positive = self.target.iter().filter(|yes| **yes).count();
        let kind = match (self.rows(), positive) {
            (0, _) if self.rows_in_file() > 0 => DataErrorKind::NoOutcome {
                rows: self.rows_in_file(),
            },
            (0, _) => DataErrorKind::NoRows { expected: 4 },
            (_, 0) => one_class(&schema.target.outcome_label(false)),
            (rows, positive) if rows == positive => one_class(&schema.target.outcome_label(true)),
            _ => return Ok(()),
        };
        Err(DataError::in_file(&self.name, kind))
    }
}

/// What one thread needs to read rows.
struct Scratch<'s> {
    row: derive::Row,
    /// By step.
    overwritten: Vec<usize>,
    /// By input.
    cells: Vec<CellReader<'s>>,
}

impl<'a> Reader<'a> {
    fn new<R: Read>(
        table: &Table<R>,
        schema: &'a Schema,
        outcome_missing: OutcomeMissing,
    ) -> Result<Self, DataError> {
        let columns = Columns::for_training(table, schema)?;
        Ok(Self::with_columns(schema, outcome_missing, columns))
    }

    fn with_columns(schema: &'a Schema, outcome_missing: OutcomeMissing, columns: Columns) -> Self {
        let steps = derive::steps(schema);
        Self {
            outcome_missing,
            columns,
            schema,
            inputs: schema.inputs().collect(),
            steps,
        }
    }

    /// What reads the cells of each input.
    fn cells(&self) -> Vec<CellReader<'a>> {
        let missing = &self.schema.missing_values;
        let inputs = self.inputs.iter();
        inputs
            .map(|feature| CellReader::new(feature, missing))
            .collect()
    }

    /// Appends a row to the columns of the inputs.
    fn push_inputs(
        &self,
        row: &Row<'_>,
        into: &mut [Vec<f64>],
        scratch: &mut Scratch<'_>,
        file: &str,
    ) -> Result<(), DataError> {
        let Self {
            columns,
            inputs,
            steps,
            ..
        } = self;
        let Scratch {
            row: values,
            overwritten,
            cells,
        } = scratch;
        let cell = |input: usize| columns.inputs[input].map_or("", |index| row.field(index));
        let refused = |input: usize, error: ValueError| {
            let name = &inputs[input].name;
            DataError::invalid_value(file, row.line, name, error, cell(input))
        };
        values.clear(inputs.len());
        for (input, feature) in inputs.iter().enumerate() {
            if feature.derived.is_none() {
                let value = (cells[input].read(cell(input)))
                    .and_then(|reading| by_batch(feature, reading))
                    .map_err(|error| refused(input, error))?;
                values.set(input, feature, value);
                into[input].push(value);
            }
        }
        for (step, overwritten) in steps.iter().zip(overwritten) {
            let known = (cells[step.input].read(cell(step.input)))
                .and_then(|given| values.derive(step, given))
                .map_err(|error| refused(step.input, error))?;
            *overwritten += usize::from(known.overwritten);
            into[step.input].push(known.seen);
        }
        Ok(())
    }

    /// Names the derived inputs that were overwritten in some rows.
    fn overwritten(&self, rows: &[usize]) -> Vec<(String, usize)> {
        let steps = self.steps.iter().zip(rows);
        steps
            .filter(|(_, rows)| **rows > 0)
            .map(|(step, rows)| (step.feature.name.clone(), *rows))
            .collect()
    }
}

fn one_class(label: &str) -> DataErrorKind {
    DataErrorKind::OneClass {
        label: label.to_owned(),
    }
}

impl Protected {
    fn columns<R: Read>(table: &Table<R>, schema: &Schema) -> Vec<Self> {
        let protected = |feature: &&Feature| feature.role == Role::Protected;
        let column = |feature: &Feature| {
            let index = table
                .header()
                .iter()
                .position(|name| *name == feature.name)?;
            Some(Self {
                feature: feature.clone(),
                values: Values::default(),
                index,
            })
        };
        let features = schema.features.iter().filter(protected);
        features.filter_map(column).collect()
    }

    fn read(&self, row: &Row<'_>, missing_values: &MissingValues) -> f64 {
        let cell = row.field(self.index);
        match read(&self.feature, Value::from_text(cell), missing_values) {
            Ok(Reading::Is(value)) => value,
            Ok(Reading::Unknown) => UNKNOWN,
            Ok(Reading::Missing) | Err(_) => f64::NAN,
        }
    }
}

/// Reads a cell into the terms of the module's batch call: NaN for missing, [`UNKNOWN`]
/// for a category that is not in the list.
///
/// # Errors
/// When a decision would refuse the value.
pub fn read_cell(
    feature: &Feature,
    cell: &str,
    missing_values: &MissingValues,
) -> Result<f64, ValueError> {
    by_batch(
        feature,
        read(feature, Value::from_text(cell), missing_values)?,
    )
}

/// The same for what a cell was read as.
pub(crate) fn by_batch(feature: &Feature, reading: Reading) -> Result<f64, ValueError> {
    if let Reading::Is(value) = reading
        && feature.range().is_none_or(|range| range.contains(value))
    {
        return Ok(value);
    }
    // Whether a policy refuses does not depend on what it would fill in.
    resolve(feature, reading, 0.0)?;
    Ok(match reading {
        Reading::Missing => f64::NAN,
        Reading::Unknown => UNKNOWN,
        Reading::Is(value) => value,
    })
}

impl DataError {
    /// A cell that its feature refuses.
    #[must_use]
    pub fn invalid_value(
        file: &str,
        line: u64,
        column: &str,
        error: ValueError,
        cell: &str,
    ) -> Self {
        let kind = DataErrorKind::Value {
            message: error.message,
            got: shortened(cell),
        };
        Self::in_file(file, kind).at_line(line).in_column(column)
    }
}
