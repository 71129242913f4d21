//! A CSV file as training wants it: typed columns of the model's inputs, and the target.
//!
//! Cells are read exactly as a decision reads its fields ([`model_core::value`]), so that
//! a model is trained on what it will be asked about.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use model_core::preprocess::resolve;
use model_core::schema::{Feature, Role, Schema, Target, TargetKind};
use model_core::value::{Reading, Value, ValueError, read};
use model_files::Hashing;
use model_files::csv::{CsvErrorKind, Row, Table};

use crate::derive::{self, Step};
use crate::error::{DataError, DataErrorKind, shortened};
use crate::values::Values;

/// How many rows are read between two calls of a progress callback.
const PROGRESS_ROWS: usize = 4096;

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
    /// Derived inputs with the number of rows whose given value contradicted the formula; the
    /// computed one is used. In schema order, without those that never did.
    pub overwritten: Vec<(String, usize)>,
    /// SHA-256 of the text that was read, lower-case hexadecimal.
    pub sha256: String,
    name: String,
}

/// What reading a row needs beside the row.
struct Reader<'a> {
    columns: Columns,
    schema: &'a Schema,
    inputs: Vec<&'a Feature>,
    steps: Vec<Step>,
    row: derive::Row,
    /// By step.
    overwritten: Vec<usize>,
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
        mut progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        let mut table = Table::open(Hashing::new(source), name)?;
        let mut reader = Reader::new(Columns::for_training(&table, schema)?, schema);
        let mut dataset = Self {
            columns: vec![Values::default(); reader.inputs.len()],
            target: Vec::new(),
            protected: Protected::columns(&table, schema),
            overwritten: Vec::new(),
            sha256: String::new(),
            name: name.to_owned(),
        };
        while let Some(row) = table.next_row()? {
            dataset.push(&row, &mut reader)?;
            if dataset.rows().is_multiple_of(PROGRESS_ROWS) {
                progress(table.bytes_read());
            }
        }
        progress(table.bytes_read());
        dataset.overwritten = reader.overwritten();
        dataset.sha256 = table.into_source().finish();
        dataset.check_classes(schema)?;
        Ok(dataset)
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.target.len()
    }

    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn push(&mut self, row: &Row<'_>, reader: &mut Reader<'_>) -> Result<(), DataError> {
        self.push_inputs(row, reader)?;
        let (columns, schema) = (&reader.columns, reader.schema);
        for protected in &mut self.protected {
            let cell = row.field(protected.index);
            protected.push(cell, &schema.missing_values);
        }
        if let Some(index) = columns.target {
            let cell = row.field(index);
            let answer = read_target(schema, cell).map_err(|kind| {
                DataError::in_file(&self.name, kind)
                    .at_line(row.line)
                    .in_column(&schema.target.name)
            })?;
            self.target.push(answer);
        }
        Ok(())
    }

    fn push_inputs(&mut self, row: &Row<'_>, reader: &mut Reader<'_>) -> Result<(), DataError> {
        let Reader {
            columns,
            schema,
            inputs,
            steps,
            row: values,
            overwritten,
        } = reader;
        let cell = |input: usize| columns.inputs[input].map_or("", |index| row.field(index));
        let refused = |input: usize, error: ValueError| {
            let name = &inputs[input].name;
            DataError::invalid_value(&self.name, row.line, name, error, cell(input))
        };
        values.clear(inputs.len());
        for (input, feature) in inputs.iter().enumerate() {
            if feature.derived.is_none() {
                let value = read_cell(feature, cell(input), &schema.missing_values)
                    .map_err(|error| refused(input, error))?;
                values.set(input, feature, value);
                self.columns[input].push(value);
            }
        }
        for (step, overwritten) in steps.iter().zip(overwritten) {
            let given = Value::from_text(cell(step.input), &schema.missing_values);
            let known = read(&step.feature, given)
                .and_then(|given| values.derive(step, given))
                .map_err(|error| refused(step.input, error))?;
            *overwritten += usize::from(known.overwritten);
            self.columns[step.input].push(known.seen);
        }
        Ok(())
    }

    fn check_classes(&self, schema: &Schema) -> Result<(), DataError> {
        let positive = self.target.iter().filter(|yes| **yes).count();
        let kind = match (self.rows(), positive) {
            (0, _) => DataErrorKind::NoRows { expected: 4 },
            (_, 0) => one_class(&schema.target.outcome_label(false)),
            (rows, positive) if rows == positive => one_class(&schema.target.outcome_label(true)),
            _ => return Ok(()),
        };
        Err(DataError::in_file(&self.name, kind))
    }
}

impl<'a> Reader<'a> {
    fn new(columns: Columns, schema: &'a Schema) -> Self {
        let steps = derive::steps(schema);
        Self {
            columns,
            schema,
            inputs: schema.inputs().collect(),
            row: derive::Row::default(),
            overwritten: vec![0; steps.len()],
            steps,
        }
    }

    fn overwritten(&self) -> Vec<(String, usize)> {
        let steps = self.steps.iter().zip(&self.overwritten);
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

    fn push(&mut self, cell: &str, missing_values: &[String]) {
        let reading = read(&self.feature, Value::from_text(cell, missing_values));
        self.values.push(match reading {
            Ok(Reading::Is(value)) => value,
            Ok(Reading::Unknown) => UNKNOWN,
            Ok(Reading::Missing) | Err(_) => f64::NAN,
        });
    }
}

/// Which columns of a file are what.
#[derive(Debug)]
pub struct Columns {
    /// For each input of the schema, in schema order, the index of its column.
    pub inputs: Vec<Option<usize>>,
    /// The index of the target's column.
    pub target: Option<usize>,
}

impl Columns {
    /// Every input and the target must be there; a derived input need not.
    ///
    /// # Errors
    /// Names the column that is missing, or that the schema does not know.
    pub fn for_training<R: Read>(table: &Table<R>, schema: &Schema) -> Result<Self, DataError> {
        let columns = Self::matched(table, schema)?;
        let absent = schema
            .inputs()
            .zip(&columns.inputs)
            .find(|(feature, column)| column.is_none() && feature.derived.is_none());
        let name = match absent {
            Some((feature, _)) => &feature.name,
            None if columns.target.is_none() => &schema.target.name,
            None => return Ok(columns),
        };
        Err(missing_column(table, name))
    }

    /// An input that may be missing in a request may be missing here; the target is not used.
    ///
    /// # Errors
    /// Names the column that is missing, or that the schema does not know.
    pub fn for_scoring<R: Read>(table: &Table<R>, schema: &Schema) -> Result<Self, DataError> {
        let columns = Self::matched(table, schema)?;
        for (feature, column) in schema.inputs().zip(&columns.inputs) {
            let is_given = feature.derived.is_none();
            if column.is_none() && is_given && resolve(feature, Reading::Missing, 0.0).is_err() {
                return Err(missing_column(table, &feature.name));
            }
        }
        Ok(columns)
    }

    fn matched<R: Read>(table: &Table<R>, schema: &Schema) -> Result<Self, DataError> {
        let header = table.header();
        let known = |name: &String| {
            *name == schema.target.name || schema.features.iter().any(|f| f.name == *name)
        };
        if let Some(stranger) = header.iter().find(|name| !known(name)) {
            let nearest = schema.nearest_feature(stranger).map(str::to_owned);
            let kind = DataErrorKind::UnknownColumn { nearest };
            return Err(DataError::in_file(table.name(), kind)
                .at_line(1)
                .in_column(&shortened(stranger)));
        }
        let index = |name: &str| header.iter().position(|column| column == name);
        Ok(Self {
            inputs: schema.inputs().map(|f| index(&f.name)).collect(),
            target: index(&schema.target.name),
        })
    }
}

fn missing_column<R: Read>(table: &Table<R>, name: &str) -> DataError {
    let columns = table.header().to_vec();
    DataError::in_file(table.name(), DataErrorKind::MissingColumn { columns }).in_column(name)
}

/// Reads a cell into the terms of the module's batch call: NaN for missing, [`UNKNOWN`]
/// for a category that is not in the list.
///
/// # Errors
/// When a decision would refuse the value.
pub fn read_cell(
    feature: &Feature,
    cell: &str,
    missing_values: &[String],
) -> Result<f64, ValueError> {
    let reading = read(feature, Value::from_text(cell, missing_values))?;
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

fn read_target(schema: &Schema, cell: &str) -> Result<bool, DataErrorKind> {
    let target = &schema.target;
    let Value::Text(text) = Value::from_text(cell, &schema.missing_values) else {
        let expected = target_values(target);
        return Err(DataErrorKind::MissingTarget { expected });
    };
    target
        .kind
        .outcome(text)
        .ok_or_else(|| DataErrorKind::Value {
            message: format!("expected {}", target_values(target)),
            got: shortened(cell),
        })
}

fn target_values(target: &Target) -> String {
    match &target.kind {
        TargetKind::Boolean { .. } => "true, 1, yes, y, t, or false, 0, no, n, f".to_owned(),
        TargetKind::Category { positive, negative } => format!("'{positive}' or '{negative}'"),
    }
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
