//! Which columns of a file are what, and how its outcomes read.

use std::io::Read;

use model_core::preprocess::resolve;
use model_core::schema::{Schema, Target, TargetKind};
use model_core::value::Reading;
use model_files::csv::Table;

use crate::error::{DataError, DataErrorKind, shortened};

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
        check_known(table, schema)?;
        let columns = Self::matched(table, schema);
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
        check_known(table, schema)?;
        Self::for_passing_through(table, schema)
    }

    /// The same, where the file may have columns that the schema does not know.
    ///
    /// # Errors
    /// Names the column that is missing.
    pub fn for_passing_through<R: Read>(
        table: &Table<R>,
        schema: &Schema,
    ) -> Result<Self, DataError> {
        let columns = Self::matched(table, schema);
        for (feature, column) in schema.inputs().zip(&columns.inputs) {
            let is_given = feature.derived.is_none();
            if column.is_none() && is_given && resolve(feature, Reading::Missing, 0.0).is_err() {
                return Err(missing_column(table, &feature.name));
            }
        }
        Ok(columns)
    }

    fn matched<R: Read>(table: &Table<R>, schema: &Schema) -> Self {
        let index = |name: &str| table.header().iter().position(|column| column == name);
        Self {
            inputs: schema.inputs().map(|f| index(&f.name)).collect(),
            target: index(&schema.target.name),
        }
    }
}

/// The first column of a file that the schema does not know.
pub(crate) fn stranger<'t, R: Read>(table: &'t Table<R>, schema: &Schema) -> Option<&'t str> {
    let known = |name: &String| {
        *name == schema.target.name || schema.features.iter().any(|f| f.name == *name)
    };
    let stranger = table.header().iter().find(|name| !known(name));
    stranger.map(String::as_str)
}

fn check_known<R: Read>(table: &Table<R>, schema: &Schema) -> Result<(), DataError> {
    let Some(stranger) = stranger(table, schema) else {
        return Ok(());
    };
    let nearest = schema.nearest_feature(stranger).map(str::to_owned);
    let kind = DataErrorKind::UnknownColumn { nearest };
    Err(DataError::in_file(table.name(), kind)
        .at_line(1)
        .in_column(&shortened(stranger)))
}

fn missing_column<R: Read>(table: &Table<R>, name: &str) -> DataError {
    let columns = table.header().to_vec();
    DataError::in_file(table.name(), DataErrorKind::MissingColumn { columns }).in_column(name)
}

/// Whether a cell of the target's column is the positive outcome.
///
/// # Errors
/// When it is missing, or neither outcome.
pub fn read_target(schema: &Schema, cell: &str) -> Result<bool, DataErrorKind> {
    let target = &schema.target;
    let text = cell.trim();
    if text.is_empty() || schema.missing_values.has_text(text) {
        let expected = target_values(target);
        return Err(DataErrorKind::MissingTarget { expected });
    }
    target
        .kind
        .outcome(text)
        .ok_or_else(|| DataErrorKind::Value {
            message: format!("expected {}", target_values(target)),
            got: shortened(cell),
        })
}

/// An outcome as the file has it, `deny = false`, after its name where it has another one.
#[must_use]
pub fn outcome_in_file(target: &Target, positive: bool) -> String {
    let value = target.kind.texts()[usize::from(positive)];
    let in_file = format!("{} = {value}", target.name);
    match target.outcome_label(positive) {
        label if label == in_file || label == value => in_file,
        label => format!("{label} ({in_file})"),
    }
}

fn target_values(target: &Target) -> String {
    match &target.kind {
        TargetKind::Boolean { .. } => "true, 1, yes, y, t, or false, 0, no, n, f".to_owned(),
        TargetKind::Category { positive, negative } => format!("'{positive}' or '{negative}'"),
    }
}
