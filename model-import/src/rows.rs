//! Rows to check by: applications in the schema's form or in the model's own, each with the
//! probability that the library gave.

use std::io::Read;

use model_core::schema::{Coding, Feature, Schema, SchemaFile};
use model_files::csv::{Row, Table};
use model_train::dataset::{Dataset, read_target};
use model_train::error::{DataError, DataErrorKind};

use crate::error::{ImportError, listed, short};

/// Rows as they were read.
pub(crate) struct CheckRows {
    /// The applications; no row has an outcome.
    pub(crate) dataset: Dataset,
    /// What the library answered for each.
    pub(crate) expected: Vec<f64>,
    /// The line of each in the file.
    pub(crate) lines: Vec<u64>,
    /// What became of each, where the file has the target's column and says it; else empty.
    pub(crate) outcomes: Vec<Option<bool>>,
}

/// Where the value of an input stands.
enum Place<'a> {
    /// Nowhere: it is derived.
    Nowhere,
    /// In a column, as an application has it.
    Column(usize),
    /// In a column that may have the number of a category.
    Code(usize, &'a Coding),
    /// In the column of the category whose indicator is 1.
    Indicators(Vec<(usize, &'a str)>, &'a Feature),
}

/// Reads a CSV. Columns that nobody asked for are passed over.
pub(crate) fn read(
    source: impl Read,
    name: &str,
    schema: &SchemaFile,
    expected: &str,
) -> Result<CheckRows, ImportError> {
    let mut table = Table::open(source, name).map_err(DataError::from)?;
    let column = |wanted: &str| table.header().iter().position(|name| name == wanted);
    let Some(answers) = column(expected) else {
        let columns = listed(table.header().iter().map(String::as_str));
        return Err(ImportError::Check(format!(
            "{name}: there is no column '{}' with the probabilities that the library gave, and nothing is imported without proof: name it with --expected (the file has {columns})",
            short(expected)
        )));
    };
    let target = target(schema, table.header(), answers);
    let inputs: Vec<&Feature> = schema.schema.inputs().collect();
    let places = inputs
        .iter()
        .map(|feature| place(feature, schema, table.header(), name));
    let places: Vec<Place<'_>> = places.collect::<Result<_, _>>()?;
    let mut text = Text::default();
    let named = inputs.iter().zip(&places);
    let named: Vec<_> = named
        .filter(|(_, place)| !matches!(place, Place::Nowhere))
        .collect();
    text.row(named.iter().map(|(feature, _)| feature.name.as_str()));
    let (mut probabilities, mut lines, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = table.next_row().map_err(DataError::from)? {
        probabilities.push(probability(row.field(answers), &row, name, expected)?);
        lines.push(row.line);
        if let Some(target) = &target {
            outcomes.push(outcome(
                &target.cell(&row, name)?,
                &row,
                name,
                &schema.schema,
            )?);
        }
        let cells = named.iter().map(|(_, place)| place.cell(&row, name));
        let cells: Vec<String> = cells.collect::<Result<_, _>>()?;
        text.row(cells.iter().map(String::as_str));
    }
    if lines.is_empty() {
        let kind = DataErrorKind::NoRows { expected: 1 };
        return Err(DataError::in_file(name, kind).into());
    }
    Ok(CheckRows {
        dataset: Dataset::without_outcomes(text.0.as_bytes(), name, &schema.schema)?,
        expected: probabilities,
        lines,
        outcomes,
    })
}

/// Where the outcome of a row stands, as a category or as the model's class.
fn target<'a>(schema: &'a SchemaFile, header: &[String], answers: usize) -> Option<Place<'a>> {
    let name = &schema.schema.target.name;
    let column = header.iter().position(|column| column == name)?;
    let coding = schema.codings.iter().find(|coding| coding.feature == *name);
    (column != answers).then_some(match coding {
        Some(coding) => Place::Code(column, coding),
        None => Place::Column(column),
    })
}

/// What became of a row; `None` where the cell is empty.
fn outcome(
    cell: &str,
    row: &Row<'_>,
    file: &str,
    schema: &Schema,
) -> Result<Option<bool>, ImportError> {
    match read_target(schema, cell) {
        Ok(outcome) => Ok(Some(outcome)),
        Err(DataErrorKind::MissingTarget { .. }) => Ok(None),
        Err(kind) => Err(DataError::in_file(file, kind)
            .at_line(row.line)
            .in_column(&schema.target.name)
            .into()),
    }
}

fn place<'a>(
    feature: &'a Feature,
    schema: &'a SchemaFile,
    header: &[String],
    file: &str,
) -> Result<Place<'a>, ImportError> {
    let column = |wanted: &str| header.iter().position(|name| name == wanted);
    let coding = schema
        .codings
        .iter()
        .find(|coding| coding.feature == feature.name);
    match (column(&feature.name), coding) {
        (Some(index), Some(coding)) if !coding.codes.is_empty() => Ok(Place::Code(index, coding)),
        (Some(index), _) => Ok(Place::Column(index)),
        (None, _) if feature.derived.is_some() => Ok(Place::Nowhere),
        (None, Some(coding)) if !coding.columns.is_empty() => {
            let indicators = coding.columns.iter().map(|(category, name)| {
                let missing = || {
                    ImportError::Check(format!(
                        "{file}: there is neither the column '{}' nor the column '{}', which the schema calls the indicator of its category '{}'",
                        feature.name,
                        short(name),
                        short(category)
                    ))
                };
                Ok((column(name).ok_or_else(missing)?, category.as_str()))
            });
            let indicators: Vec<_> = indicators.collect::<Result<_, ImportError>>()?;
            Ok(Place::Indicators(indicators, feature))
        }
        (None, _) => Err(ImportError::Check(format!(
            "{file}: the column '{}' is missing, which the model decides on (the file has {})",
            feature.name,
            listed(header.iter().map(String::as_str))
        ))),
    }
}

fn probability(cell: &str, row: &Row<'_>, file: &str, column: &str) -> Result<f64, ImportError> {
    let number = cell
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    number.ok_or_else(|| {
        refused(
            file,
            row,
            column,
            "expected the probability that the library gave",
            cell,
        )
    })
}

fn refused(file: &str, row: &Row<'_>, column: &str, message: &str, cell: &str) -> ImportError {
    let kind = DataErrorKind::Value {
        message: message.to_owned(),
        got: short(cell),
    };
    DataError::in_file(file, kind)
        .at_line(row.line)
        .in_column(column)
        .into()
}

impl Place<'_> {
    /// The cell as an application has it.
    fn cell(&self, row: &Row<'_>, file: &str) -> Result<String, ImportError> {
        match self {
            Self::Nowhere => Ok(String::new()),
            Self::Column(index) => Ok(row.field(*index).to_owned()),
            Self::Code(index, coding) => {
                let cell = row.field(*index);
                let number = cell.trim().parse::<f64>().ok();
                let is_text = coding.codes.contains_key(cell.trim());
                let mut codes = coding.codes.iter();
                let coded = codes.find(|(_, code)| !is_text && Some(**code) == number);
                Ok(coded.map_or(cell, |(category, _)| category).to_owned())
            }
            Self::Indicators(columns, feature) => {
                let mut set = Vec::new();
                for (index, category) in columns {
                    let cell = row.field(*index);
                    match is_set(cell) {
                        Some(true) => set.push(*category),
                        Some(false) => {}
                        None => {
                            let message = "expected the indicator 0 or 1";
                            return Err(refused(file, row, &feature.name, message, cell));
                        }
                    }
                }
                only(&set, columns, feature).ok_or_else(|| {
                    let message = "expected one indicator that is 1";
                    refused(file, row, &feature.name, message, &set.join(", "))
                })
            }
        }
    }
}

fn is_set(cell: &str) -> Option<bool> {
    match cell.trim() {
        // pandas writes its indicators as words, floats or whole numbers.
        "1" | "1.0" | "True" | "true" => Some(true),
        "0" | "0.0" | "False" | "false" => Some(false),
        _ => None,
    }
}

/// The category of a row: the one that is set; where none is, the one without an indicator, or
/// a missing value.
fn only(set: &[&str], columns: &[(usize, &str)], feature: &Feature) -> Option<String> {
    match *set {
        [category] => Some(category.to_owned()),
        [] => {
            let values = &feature.categories()?.values;
            let has = |value: &str| columns.iter().any(|(_, category)| *category == value);
            let dropped = values.iter().find(|value| !has(value));
            Some(dropped.cloned().unwrap_or_default())
        }
        _ => None,
    }
}

/// A CSV that is written.
#[derive(Default)]
struct Text(String);

impl Text {
    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            // Always quoted: a cell may hold anything.
            self.0.push('"');
            self.0.push_str(&cell.replace('"', "\"\""));
            self.0.push('"');
        }
        self.0.push('\n');
    }
}
