//! Tables: what a model says to every row, and the sketch of them.

use model_core::columns::{Column, ColumnError};
use model_core::decide::{ColumnRow, Decider};
use model_core::json::Writer;
use model_core::policy::Outcome;
use model_sketch::Sketch;
use pyo3::pybacked::PyBackedBytes;

use crate::arrow::Stream;
use crate::layout::{Buffers, Field, column};

/// The code of an outcome that stands for a refused row.
const REFUSED: u8 = 3;

/// A column as Python hands it over: name, Arrow format, rows, validity and the other buffers.
pub(crate) type GivenColumn = (
    String,
    String,
    usize,
    Option<PyBackedBytes>,
    Vec<PyBackedBytes>,
);

/// Rows with named columns.
pub(crate) enum Table {
    /// Of another library.
    Stream(Stream),
    /// Made from numpy's arrays.
    Columns(Vec<GivenColumn>),
}

/// What a model says to every row.
#[derive(Debug, Default)]
pub(crate) struct Scored {
    /// -1 for a refused row.
    pub(crate) probability: Vec<f64>,
    /// Whether the decision is positive: 1 for `approve`, 0 for everything else.
    pub(crate) prediction: Vec<u8>,
    /// 0 `decline`, 1 `refer`, 2 `approve`, 3 refused.
    pub(crate) outcome: Vec<u8>,
    /// How many values the policies changed.
    pub(crate) adjustments: Vec<u32>,
    /// How many rows were refused.
    pub(crate) refused: usize,
    /// The first of them, and the answer to it.
    pub(crate) first_refused: Option<(usize, Vec<u8>)>,
}

impl Scored {
    fn push(&mut self, row: &ColumnRow<'_>) {
        let (probability, outcome) = match row.judgement {
            Some(judgement) => (judgement.probability, code(judgement.outcome)),
            None => (model_core::decide::REFUSED, REFUSED),
        };
        self.refused += usize::from(row.judgement.is_none());
        self.probability.push(probability);
        self.prediction
            .push(u8::from(outcome == code(Outcome::Approve)));
        self.outcome.push(outcome);
        self.adjustments.push(row.adjustments);
    }
}

fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Decline => 0,
        Outcome::Refer => 1,
        Outcome::Approve => 2,
    }
}

impl Table {
    /// Decides every row.
    ///
    /// # Errors
    /// Names the column that is missing or cannot be read.
    pub(crate) fn score(
        self,
        decider: &mut Decider,
        allow_missing: bool,
    ) -> Result<Scored, ColumnError> {
        let mut scored = Scored::default();
        self.each_batch(decider, allow_missing, &mut |decider, columns, rows| {
            let before = scored.probability.len();
            decider.judge_columns(columns, rows, |row| scored.push(row))?;
            let refused = scored.outcome[before..]
                .iter()
                .position(|code| *code == REFUSED);
            if let (Some(row), None) = (refused, &scored.first_refused) {
                let answer = answer_to(decider, columns, row)?;
                scored.first_refused = Some((before + row, answer));
            }
            Ok(())
        })?;
        Ok(scored)
    }

    /// Counts every row as it came.
    ///
    /// # Errors
    /// Names the column that is missing or cannot be read.
    pub(crate) fn sketch(
        self,
        decider: &mut Decider,
        allow_missing: bool,
    ) -> Result<Sketch, ColumnError> {
        let mut sketch = Sketch::of_applications(decider);
        self.each_batch(decider, allow_missing, &mut |decider, columns, rows| {
            decider.judge_columns(columns, rows, |row| sketch.push_application(row))
        })?;
        Ok(sketch)
    }

    fn each_batch(
        self,
        decider: &mut Decider,
        allow_missing: bool,
        each: &mut Each<'_>,
    ) -> Result<(), ColumnError> {
        match self {
            Self::Columns(given) => {
                let rows = given.first().map_or(0, |(_, _, rows, ..)| *rows);
                let fields: Vec<Field> = given.iter().map(field).collect();
                let found = find(decider, &fields, allow_missing)?;
                let read = |index: usize| {
                    let (_, _, rows, validity, buffers) = &given[index];
                    column(&fields[index], 0, *rows, &Given { validity, buffers }, None)
                };
                batch(decider, &fields, &found, rows, &read, each)
            }
            Self::Stream(mut stream) => {
                let fields = stream.fields()?;
                let found = find(decider, &fields, allow_missing)?;
                let mut before = 0;
                while let Some(rows) = stream.next()? {
                    let read = |index: usize| rows.column(index, &fields[index]);
                    batch(decider, &fields, &found, rows.rows(), &read, each)
                        .map_err(|error| error.behind(before))?;
                    before += rows.rows();
                }
                Ok(())
            }
        }
    }
}

/// What is done with the columns of a batch.
type Each<'e> =
    dyn FnMut(&mut Decider, &[Option<&Column<'_>>], usize) -> Result<(), ColumnError> + 'e;

fn find(
    decider: &Decider,
    fields: &[Field],
    allow_missing: bool,
) -> Result<Vec<Option<usize>>, ColumnError> {
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    decider.find_columns(&names, allow_missing)
}

fn batch<'b>(
    decider: &mut Decider,
    fields: &[Field],
    found: &[Option<usize>],
    rows: usize,
    read: &dyn Fn(usize) -> Result<Column<'b>, ColumnError>,
    each: &mut Each<'_>,
) -> Result<(), ColumnError> {
    let columns = found.iter().map(|index| {
        let column =
            index.map(|index| read(index).map_err(|error| error.in_column(&fields[index].name)));
        column.transpose()
    });
    let columns: Vec<Option<Column<'b>>> = columns.collect::<Result<_, _>>()?;
    let columns: Vec<Option<&Column<'b>>> = columns.iter().map(Option::as_ref).collect();
    each(decider, &columns, rows)
}

/// The answer to one row as a request, which says what is wrong with it.
fn answer_to(
    decider: &mut Decider,
    columns: &[Option<&Column<'_>>],
    row: usize,
) -> Result<Vec<u8>, ColumnError> {
    let mut cells = Vec::new();
    for (feature, column) in decider.column_features().zip(columns) {
        if let Some(column) = column {
            let cell = column
                .cell(row)
                .map_err(|error| error.in_column(&feature.name))?;
            cells.push((feature.name.as_str(), cell));
        }
    }
    let mut request = Vec::new();
    Writer::new(&mut request).object(|json| {
        for (name, cell) in cells {
            cell.write(json.key(name));
        }
    });
    let mut answer = Vec::new();
    decider.decide(&request, &mut answer);
    Ok(answer)
}

fn field((name, format, ..): &GivenColumn) -> Field {
    Field {
        name: name.clone(),
        format: format.clone(),
        extension: None,
        dictionary: None,
    }
}

/// Buffers that Python made.
struct Given<'b> {
    validity: &'b Option<PyBackedBytes>,
    buffers: &'b [PyBackedBytes],
}

impl<'b> Buffers<'b> for Given<'b> {
    fn count(&self) -> usize {
        1 + self.buffers.len()
    }

    fn get(&self, index: usize, length: usize) -> Option<&'b [u8]> {
        match index.checked_sub(1) {
            None => self.validity.as_deref()?.get(..length),
            Some(index) => self.buffers.get(index)?.get(..length),
        }
    }
}
