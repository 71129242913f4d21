//! What is the same for all rows: which columns are read, and which are added.

use std::io::Read;

use model_core::cells::CellReader;
use model_core::decide::Decider;
use model_core::schema::{Feature, MissingValues, Role, Schema};
use model_core::value::ValueError;
use model_files::csv::{Head, Piece, Table};
use model_files::parquet::{NewColumn, NewKind};

use super::error::ScoreError;
use crate::applications::refusal;
use crate::dataset::{Columns, by_batch, stranger};
use crate::error::shortened;

const PROBABILITY: &str = "probability";
const PREDICTION: &str = "prediction";
/// The columns that are added.
const ADDED: [&str; 3] = [PROBABILITY, PREDICTION, "outcome"];
/// The column that is added where the model has a policy.
const RULES: &str = "rules";
/// The column that is added where it was asked for.
const REASONS: &str = "reasons";
/// The columns that are added last.
const LAST: [&str; 2] = ["adjustments", "model_version"];

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
    /// Whether a column that the schema does not know is copied as it is.
    pub pass_through: bool,
    /// Whether the codes of the reasons are added.
    pub reasons: bool,
}

/// What is the same for all rows.
pub(super) struct Layout<'s> {
    pub(super) fields: Vec<Field<'s>>,
    pub(super) missing_values: &'s MissingValues,
    pub(super) columns: Added,
    /// The model's.
    pub(super) version: &'s str,
    pub(super) file: &'s str,
    pub(super) line_end: &'static str,
    pub(super) on_invalid: OnInvalid,
}

impl<'s> Layout<'s> {
    /// For a file with this header.
    pub(super) fn new(
        decider: &Decider,
        schema: &'s Schema,
        head: &'s Head,
        choices: Choices,
    ) -> Result<Self, ScoreError> {
        let no_rows = Piece::default();
        let table = head.table(&no_rows);
        if let (Some(column), false) = (stranger(&table, schema), choices.pass_through) {
            return Err(ScoreError::ColumnUnknown {
                file: table.name().to_owned(),
                column: shortened(column),
                nearest: schema.nearest_feature(column).map(str::to_owned),
            });
        }
        let columns = Columns::for_passing_through(&table, schema)?;
        if !choices.allow_missing_columns {
            check_inputs(&table, schema, &columns)?;
        }
        let added = Added {
            rules: decider.artifact().policy.is_some(),
            reasons: choices.reasons,
        };
        let exists = |added: &&'static str| head.header().iter().any(|column| column == *added);
        if let Some(column) = added.names().find(exists) {
            return Err(ScoreError::ColumnExists {
                file: head.name().to_owned(),
                column,
            });
        }
        Ok(Self {
            fields: fields(&table, schema, &columns, decider.rule_columns()),
            missing_values: &schema.missing_values,
            columns: added,
            version: &schema.version,
            file: head.name(),
            line_end: head.line_end(),
            on_invalid: choices.on_invalid,
        })
    }

    /// The error of a row that the model refuses, with its values in the model's terms.
    pub(super) fn refused<'f>(
        &self,
        decider: &mut Decider,
        line: u64,
        values: impl Iterator<Item = (&'f Feature, f64)>,
    ) -> ScoreError {
        let refusal = refusal(decider, values);
        let file = self.file.to_owned();
        match decider.artifact().schema.max_adjustments {
            Some(most) if refusal.kind == "too_many_adjustments" => {
                ScoreError::TooManyAdjustments { file, line, most }
            }
            _ => ScoreError::Refused {
                file,
                line,
                message: refusal.message,
            },
        }
    }
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

/// The inputs of the model, then what only rules look at.
fn fields<'s, R: Read>(
    table: &Table<R>,
    schema: &'s Schema,
    columns: &Columns,
    rule_columns: &[usize],
) -> Vec<Field<'s>> {
    let inputs = schema.inputs().zip(columns.inputs.iter().copied());
    let rules = rule_columns.iter().map(|index| {
        let feature = &schema.features[*index];
        let mut header = table.header().iter();
        (feature, header.position(|name| *name == feature.name))
    });
    let fields = inputs.chain(rules);
    fields
        .map(|(feature, column)| Field { feature, column })
        .collect()
}

/// A field of an application, and the index of its column.
pub(super) struct Field<'s> {
    pub(super) feature: &'s Feature,
    pub(super) column: Option<usize>,
}

impl<'s> Field<'s> {
    /// What reads the cells of its column.
    pub(super) fn reader(&self, missing_values: &'s MissingValues) -> CellReader<'s> {
        CellReader::new(self.feature, missing_values)
    }

    /// Reads a cell into the terms of the module's batch call.
    pub(super) fn read(&self, reader: &mut CellReader<'_>, cell: &str) -> Result<f64, ValueError> {
        let reading = reader.read(cell)?;
        let by_policies = self.feature.derived.is_none() && self.feature.role == Role::Input;
        if by_policies {
            return by_batch(self.feature, reading);
        }
        // Whether such a value is refused depends on others, or on nothing.
        Ok(reading.code())
    }
}

/// The columns that are added beside [`ADDED`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added {
    pub(super) rules: bool,
    pub(super) reasons: bool,
}

impl Added {
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let more = [self.rules.then_some(RULES), self.reasons.then_some(REASONS)];
        let more = more.into_iter().flatten();
        ADDED.into_iter().chain(more).chain(LAST)
    }

    /// The same as columns of a Parquet file.
    pub(super) fn new_columns(self) -> impl Iterator<Item = NewColumn> {
        self.names().map(|name| NewColumn {
            name: name.to_owned(),
            kind: match name {
                PROBABILITY => NewKind::Float64,
                PREDICTION => NewKind::Int32,
                _ => NewKind::Text,
            },
        })
    }
}
