//! Many rows at once, in the columns of a table.

use super::{Decider, Judgement};
use crate::columns::{Column, ColumnError, Reader};
use crate::schema::{Feature, MissingValues, Schema};
use crate::value::{Reading, read_coded};

/// Rows that are read together: the values of some dozens of columns stay in the cache.
const ROWS: usize = 2048;

/// A row of a table that was decided.
#[derive(Debug)]
pub struct ColumnRow<'d> {
    /// Its index; the first is 0.
    pub row: usize,
    /// What was decided; `None` where a single request would be refused.
    pub judgement: Option<Judgement>,
    /// How many values the policies changed.
    pub adjustments: u32,
    decider: &'d Decider,
    codes: &'d [f64],
    /// The row in `codes`, and how many rows these have.
    at: (usize, usize),
}

impl<'d> ColumnRow<'d> {
    /// Who decided; it tells which rules matched.
    #[must_use]
    pub fn decider(&self) -> &'d Decider {
        self.decider
    }

    /// The values of an input in all the rows that were read together, as they came, before any
    /// policy; `None` unless this is the first of them, and for a derived input, whose values
    /// [`ColumnRow::observe_derived`] shows row by row.
    #[must_use]
    pub fn codes(&self, input: usize, feature: &Feature) -> Option<&[f64]> {
        let (at, rows) = self.at;
        let is_shown = at == 0 && feature.derived.is_none();
        is_shown.then(|| &self.codes[input * rows..(input + 1) * rows])
    }

    /// Shows `each` derived input as it came, before any policy, or `None` where it cannot be such
    /// a value. One that was left out is shown as
    /// [`Origin::counted`](crate::preprocess::Origin::counted) says.
    pub fn observe_derived(&self, each: &mut dyn FnMut(usize, &Feature, Option<Reading>)) {
        let (at, rows) = self.at;
        let features = self.decider.features().enumerate();
        for (input, feature) in features.filter(|(_, feature)| feature.derived.is_some()) {
            let mut code = self.codes[input * rows + at];
            if code.is_nan() && self.judgement.is_some() {
                code = self.decider.counted_value(input, at);
            }
            each(input, feature, read_coded(feature, code).ok());
        }
    }
}

impl Decider {
    /// The features that [`Decider::judge_columns`] takes a column for: the inputs, then the
    /// protected columns that rules may name.
    pub fn column_features(&self) -> impl Iterator<Item = &Feature> {
        let rules = self.rule_columns().iter();
        let features = &self.artifact().schema.features;
        self.features().chain(rules.map(|index| &features[*index]))
    }

    /// Which of the columns with these names each of [`Decider::column_features`] is in. Other
    /// columns have no meaning. A derived input needs none: it is computed.
    ///
    /// # Errors
    /// Where two columns have the name of a feature, or where one has none and
    /// `allow_missing` is false: every row would get the same value.
    pub fn find_columns(
        &self,
        names: &[&str],
        allow_missing: bool,
    ) -> Result<Vec<Option<usize>>, ColumnError> {
        let schema = &self.artifact().schema;
        // For each field its first column, and whether there is another.
        let mut found = vec![(None, false); self.fields.len()];
        let mut expected = 0;
        for (column, name) in names.iter().enumerate() {
            if let Some(field) = self.fields.find(name, expected) {
                expected = field + 1;
                let (first, again) = &mut found[field];
                *again = first.is_some();
                first.get_or_insert(column);
            }
        }
        let find = |field: usize| {
            let feature = &schema.features[field];
            let (column, again) = found[field];
            if again {
                let message = "two columns have this name: rename or remove one";
                return Err(ColumnError::new(message).in_column(&feature.name));
            }
            if column.is_none() && feature.derived.is_none() && !allow_missing {
                return Err(missing_column(schema, names, &feature.name));
            }
            Ok(column)
        };
        let inputs = (0..self.inputs()).map(|input| self.fields.index_of_input(input));
        let rules = self.rule_columns().iter().copied();
        inputs.chain(rules).map(find).collect()
    }

    /// Decides `rows` applications: a column, or `None` where all values are missing, for each of
    /// [`Decider::column_features`]. Calls `each` with every row, in order. The bits are those
    /// of [`Decider::decide`].
    ///
    /// # Errors
    /// Names the column that cannot be read, and the row where it is in one.
    pub fn judge_columns(
        &mut self,
        columns: &[Option<&Column<'_>>],
        rows: usize,
        mut each: impl FnMut(&ColumnRow<'_>),
    ) -> Result<(), ColumnError> {
        let expected = self.column_features().count();
        if columns.len() != expected {
            let found = columns.len();
            let message = format!("expected {expected} columns, got {found}");
            return Err(ColumnError::new(message));
        }
        let missing_values = &self.artifact().schema.missing_values;
        let mut readers = Vec::with_capacity(expected);
        for (feature, column) in self.column_features().zip(columns) {
            readers.push(reader(*column, rows, feature, missing_values)?);
        }
        let mut codes = vec![0.0; expected * ROWS.min(rows)];
        for start in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - start);
            let codes = &mut codes[..expected * count];
            self.read_columns(&readers, start, count, codes)?;
            let codes = &*codes;
            self.judge_rows(codes, count, |at, judgement, decider| {
                each(&ColumnRow {
                    row: start + at,
                    judgement,
                    adjustments: decider.adjusted_values(at),
                    decider,
                    codes,
                    at: (at, count),
                });
            })
            .map_err(ColumnError::new)?;
        }
        Ok(())
    }

    /// Reads `count` rows from `start` on, column after column.
    fn read_columns(
        &self,
        readers: &[Option<Reader<'_>>],
        start: usize,
        count: usize,
        codes: &mut [f64],
    ) -> Result<(), ColumnError> {
        let missing_values = &self.artifact().schema.missing_values;
        let columns = self.column_features().zip(readers);
        for ((feature, reader), out) in columns.zip(codes.chunks_mut(count)) {
            match reader {
                Some(reader) => reader
                    .read(feature, missing_values, start, out)
                    .map_err(|error| error.in_column(&feature.name))?,
                None => out.fill(f64::NAN),
            }
        }
        Ok(())
    }
}

fn reader<'a>(
    column: Option<&'a Column<'a>>,
    rows: usize,
    feature: &Feature,
    missing_values: &MissingValues,
) -> Result<Option<Reader<'a>>, ColumnError> {
    let Some(column) = column else {
        return Ok(None);
    };
    if column.rows != rows {
        let message = format!("expected {rows} rows, got {}", column.rows);
        return Err(ColumnError::new(message).in_column(&feature.name));
    }
    Reader::new(column, feature, missing_values)
        .map(Some)
        .map_err(|error| error.in_column(&feature.name))
}

/// The error for a feature without a column; names a column that may be meant.
fn missing_column(schema: &Schema, names: &[&str], name: &str) -> ColumnError {
    let meant = names
        .iter()
        .find(|column| schema.nearest_feature(column) == Some(name));
    let message = match meant {
        Some(column) => format!("the column is missing: did you mean it by '{column}'?"),
        None => "the column is missing, and every row would get an imputed value: add it, or \
                 allow missing columns"
            .to_owned(),
    };
    ColumnError::new(message).in_column(name)
}
