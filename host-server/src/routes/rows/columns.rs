//! A list of values for each name, as JSON.

use std::borrow::Cow;
use std::fmt::{Formatter, Result as FmtResult};

use axum::body::Bytes;
use serde::de::{Deserializer as _, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Span;
use super::cells::{Cells, Numbers};
use super::json::{Unreadable, list};
use super::table::{Column, Table, check_name, most_columns};
use crate::host::Description;

/// Columns by name; single values make one row.
///
/// # Errors
/// When it is no such object, the columns differ in length, or there are more than `most` rows.
pub(in super::super) fn read(
    body: &Bytes,
    json: &str,
    model: &Description,
    most: usize,
) -> Result<Table, Unreadable> {
    let mut fields = Fields {
        most: most_columns(model),
        found: Vec::new(),
    };
    serde_json::Deserializer::from_str(json).deserialize_map(&mut fields)?;
    let mut columns = Vec::with_capacity(fields.found.len());
    let mut cells = Vec::with_capacity(fields.found.len());
    let mut rows = None;
    for (name, value) in fields.found {
        check_name(&name)?;
        let values = values(body, value, most)?;
        let expected = *rows.get_or_insert(values.len());
        if values.len() != expected {
            return Err(Unreadable::Other(format!(
                "`{name}` has {} values, the first column {expected}",
                values.len()
            )));
        }
        columns.push(Column {
            name,
            cells: cells.len(),
            offset: 0,
            stride: 1,
        });
        cells.push(Cells::Json {
            spans: values,
            numbers: Numbers::Exact,
        });
    }
    let rows = rows.unwrap_or(0);
    Ok(Table::of_columns(body, columns, cells, rows, None))
}

/// A column's values. One of one-value lists, as tools for tensors make them, is one of values.
fn values(body: &[u8], value: &RawValue, most: usize) -> Result<Vec<Span>, Unreadable> {
    let json = value.get().as_bytes();
    if !json.starts_with(b"[") {
        return Ok(vec![Span::of(body, json)]);
    }
    let mut spans = list(body, json, most)?;
    for span in &mut spans {
        let cell = span.of_body(body);
        if cell.starts_with(b"[")
            && let Ok(inner) = list(body, cell, 1)
            && let [one] = inner[..]
        {
            *span = one;
        }
    }
    Ok(spans)
}

/// The fields of an object in their order, each as often as it is there.
struct Fields<'a> {
    most: usize,
    found: Vec<(String, &'a RawValue)>,
}

impl<'de> Visitor<'de> for &mut Fields<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut Formatter<'_>) -> FmtResult {
        formatter.write_str("a list for each name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            if self.found.len() == self.most {
                let most = self.most;
                return Err(A::Error::custom(format!("more than {most} columns")));
            }
            self.found.push((name.into_owned(), value));
        }
        Ok(())
    }
}
