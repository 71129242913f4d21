//! Rows as the module takes them, each the JSON of one object, whatever form they came in.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::host::{Description, Feature, FeatureType};

/// Which of two columns of a name counts is not for us to say.
fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("the column `{name}` is there more than once"));
        }
    }
    Ok(())
}

/// JSON objects one after the other in one piece of memory.
#[derive(Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    /// One row of names and values; a null is a value that is missing.
    pub(super) fn push<'a>(&mut self, cells: impl IntoIterator<Item = (&'a str, Value)>) {
        let row: Map<String, Value> = cells
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.push_value(&Value::Object(row));
    }

    /// One row as it came; what is no object is for the module to refuse.
    pub(super) fn push_value(&mut self, row: &Value) {
        // Writing to a vector does not fail.
        let _ = serde_json::to_writer(&mut self.bytes, row);
        self.ends.push(self.bytes.len());
    }

    /// Comma-separated values under a line of names. Every cell goes to the module as text,
    /// which it reads as the feature's type; an empty one is missing.
    pub(super) fn from_csv(csv: &[u8], most: usize) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(csv);
        let names = reader.headers().map_err(|error| error.to_string())?.clone();
        each_once(names.iter())?;
        let mut rows = Self::default();
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            rows.check_room(most)?;
            rows.push(names.iter().zip(&record).map(|(name, cell)| {
                let value = match cell {
                    "" => Value::Null,
                    cell => Value::from(cell),
                };
                (name, value)
            }));
        }
        Ok(rows)
    }

    /// Rows that are objects by name, or lists in the order of the model's inputs.
    pub(super) fn from_list(list: &[Value], model: &Description) -> Result<Self, String> {
        let mut rows = Self::default();
        let inputs: Vec<&Feature> = model.input_features().collect();
        for (at, row) in list.iter().enumerate() {
            match row {
                Value::Array(cells) => {
                    rows.push_positional(cells, &inputs)
                        .map_err(|reason| format!("row {at}: {reason}"))?;
                }
                other => rows.push_value(other),
            }
        }
        Ok(rows)
    }

    /// One row in the order of the inputs.
    pub(super) fn push_positional(
        &mut self,
        cells: &[Value],
        inputs: &[&Feature],
    ) -> Result<(), String> {
        if cells.len() != inputs.len() {
            return Err(format!(
                "{} values, expected {}: {}",
                cells.len(),
                inputs.len(),
                names(inputs)
            ));
        }
        self.push(
            inputs
                .iter()
                .zip(cells)
                .map(|(feature, cell)| (feature.name.as_str(), decoded(feature, cell))),
        );
        Ok(())
    }

    /// Names, and rows of values in their order.
    pub(super) fn from_split(columns: &[Value], data: &[Value]) -> Result<Self, String> {
        let names: Vec<&str> = columns
            .iter()
            .map(|name| {
                name.as_str()
                    .ok_or("`columns` holds something else than names")
            })
            .collect::<Result<_, _>>()?;
        each_once(names.iter().copied())?;
        let mut rows = Self::default();
        for (at, row) in data.iter().enumerate() {
            match row.as_array() {
                Some(cells) if cells.len() == names.len() => {
                    rows.push(names.iter().copied().zip(cells.iter().cloned()));
                }
                _ => {
                    return Err(format!(
                        "row {at} of `data` is not a list of {} values, one for each of `columns`",
                        names.len()
                    ));
                }
            }
        }
        Ok(rows)
    }

    /// A list of values for each name; single values make one row.
    pub(super) fn from_columns(columns: &Map<String, Value>) -> Result<Self, String> {
        let length = |column: &Value| column.as_array().map_or(1, Vec::len);
        let count = columns.values().next().map_or(0, length);
        if let Some((name, column)) = columns.iter().find(|(_, column)| length(column) != count) {
            return Err(format!(
                "`{name}` has {} values, the first column {count}",
                length(column)
            ));
        }
        let mut rows = Self::default();
        for row in 0..count {
            rows.push(columns.iter().map(|(name, column)| {
                let cell = match column {
                    Value::Array(cells) => scalar(&cells[row]),
                    single => single,
                };
                (name.as_str(), cell.clone())
            }));
        }
        Ok(rows)
    }

    pub(super) fn check_room(&self, most: usize) -> Result<(), String> {
        match self.len() < most {
            true => Ok(()),
            false => Err(format!("more than {most} rows: send fewer at once")),
        }
    }
}

/// A column of one-value lists, as tools for tensors make them, is a column of values.
fn scalar(cell: &Value) -> &Value {
    match cell {
        Value::Array(one) if one.len() == 1 => &one[0],
        other => other,
    }
}

/// A value from a tensor of numbers: of a category it is the index, of a boolean 0 or 1.
pub(super) fn decoded(feature: &Feature, cell: &Value) -> Value {
    let Some(number) = cell.as_f64() else {
        return cell.clone();
    };
    match feature.r#type {
        FeatureType::Boolean if number == 0.0 || number == 1.0 => Value::from(number == 1.0),
        FeatureType::Category if number >= 0.0 && number.fract() == 0.0 => {
            feature.categories.get(number as usize).map_or_else(
                || cell.clone(),
                |category| Value::from(category.value.as_str()),
            )
        }
        _ => cell.clone(),
    }
}

pub(super) fn names(features: &[&Feature]) -> String {
    let names: Vec<&str> = features
        .iter()
        .map(|feature| feature.name.as_str())
        .collect();
    names.join(", ")
}
