//! Rows that were found, and how they are written one after the other.

use axum::body::Bytes;
use serde_json::Value;

use super::Span;
use super::cells::{Cells, Meaning};
use super::chunk::{Chunk, LONGEST_ROW, write_text};
use super::csv::Csv;
use super::json::{Unreadable, list};
use crate::host::{Description, Feature};

/// Columns beside those that the model knows: enough for the module to name what is wrong.
const STRANGERS: usize = 100;

/// The rows of one request.
pub(in super::super) struct Table {
    body: Bytes,
    rows: usize,
    next: usize,
    source: Source,
}

enum Source {
    /// Each as it came: an object, or with fields a list in their order.
    Rows {
        spans: Vec<Span>,
        fields: Option<Fields>,
    },
    Columns(Vec<(Field, Column)>, Vec<Cells>),
    Csv(Box<Csv>, Fields, Aside),
}

/// A column of CSV that is no field of a row: its index and name.
type Aside = Option<(usize, String)>;

/// The names of a list's cells, and what they mean.
struct Fields(Vec<Field>);

struct Field {
    /// As JSON.
    name: String,
    /// Of a cell that is a number in a tensor.
    meaning: Option<Meaning>,
}

/// A column of a table: a part of some cells.
pub(in super::super) struct Column {
    /// As it came.
    pub(in super::super) name: String,
    /// Which of the cells.
    pub(in super::super) cells: usize,
    /// Where its value of row 0 is, and how far the next row's is from there.
    pub(in super::super) offset: usize,
    pub(in super::super) stride: usize,
}

impl Fields {
    fn of_inputs(model: &Description) -> Self {
        Self(model.input_features().map(Field::of_tensor).collect())
    }

    fn named<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.map(Field::named).collect())
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self
            .0
            .iter()
            .map(|field| field.name.trim_matches('"'))
            .collect();
        names.join(", ")
    }
}

impl Field {
    fn named(name: &str) -> Self {
        Self {
            name: Value::from(name).to_string(),
            meaning: None,
        }
    }

    fn of_tensor(feature: &Feature) -> Self {
        Self {
            meaning: Some(Meaning::of(feature)),
            ..Self::named(&feature.name)
        }
    }
}

/// The longest name of a column, in bytes: an error may repeat it.
const LONGEST_NAME: usize = 1 << 10;

/// Refuses a name that no column has.
///
/// # Errors
/// When it is too long.
pub(in super::super) fn check_name(name: &str) -> Result<(), Unreadable> {
    match name.len() > LONGEST_NAME {
        true => Err(Unreadable::Other(format!(
            "the name of a column is over {LONGEST_NAME} bytes"
        ))),
        false => Ok(()),
    }
}

/// How many names of columns there may be.
pub(in super::super) fn most_columns(model: &Description) -> usize {
    model.features.len() + STRANGERS
}

impl Table {
    fn new(body: Bytes, rows: usize, source: Source) -> Self {
        Self {
            body,
            rows,
            next: 0,
            source,
        }
    }

    /// `list` is a list of rows as the module takes them.
    pub(in super::super) fn of_objects(
        body: &Bytes,
        json: &[u8],
        most: usize,
    ) -> Result<Self, Unreadable> {
        let spans = list(body, json, most)?;
        let fields = None;
        Ok(Self::new(
            body.clone(),
            spans.len(),
            Source::Rows { spans, fields },
        ))
    }

    /// The same; a row may also be a list in the order of the model's inputs.
    pub(in super::super) fn of_rows(
        body: &Bytes,
        json: &[u8],
        model: &Description,
        most: usize,
    ) -> Result<Self, Unreadable> {
        let fields = Fields::of_inputs(model);
        let spans = list(body, json, most)?;
        for (at, span) in spans.iter().enumerate() {
            if span.of_body(body).starts_with(b"[") {
                check_width(body, *span, &fields)
                    .map_err(|reason| format!("row {at}: {reason}"))?;
            }
        }
        let rows = spans.len();
        let fields = Some(fields);
        Ok(Self::new(
            body.clone(),
            rows,
            Source::Rows { spans, fields },
        ))
    }

    /// Names, and rows that are lists in their order.
    pub(in super::super) fn of_split(
        body: &Bytes,
        columns: &[u8],
        data: &[u8],
        model: &Description,
        most: usize,
    ) -> Result<Self, Unreadable> {
        let columns = list(body, columns, most_columns(model))
            .map_err(|error| too_many_columns(error, model))?;
        let names: Option<Vec<String>> = columns
            .iter()
            .map(|name| serde_json::from_slice(name.of_body(body)).ok())
            .collect();
        let names = names.ok_or_else(|| "`columns` holds something else than names".to_owned())?;
        let fields = Fields::named(names.iter().map(String::as_str));
        let spans = list(body, data, most)?;
        for (at, span) in spans.iter().enumerate() {
            let is_list = span.of_body(body).starts_with(b"[");
            if !is_list || check_width(body, *span, &fields).is_err() {
                return Err(Unreadable::Other(format!(
                    "row {at} of `data` is not a list of {} values, one for each of `columns`",
                    names.len()
                )));
            }
        }
        let rows = spans.len();
        let fields = Some(fields);
        Ok(Self::new(
            body.clone(),
            rows,
            Source::Rows { spans, fields },
        ))
    }

    /// Columns by name, all of `rows` rows. In a tensor, numbers stand for what a feature's
    /// values are.
    pub(in super::super) fn of_columns(
        body: &Bytes,
        columns: Vec<Column>,
        cells: Vec<Cells>,
        rows: usize,
        tensor_of: Option<&Description>,
    ) -> Self {
        let features = tensor_of.map(Description::by_name).unwrap_or_default();
        let columns = columns
            .into_iter()
            .map(|column| {
                let field = match features.get(column.name.as_str()) {
                    Some(feature) => Field::of_tensor(feature),
                    None => Field::named(&column.name),
                };
                (field, column)
            })
            .collect();
        Self::new(body.clone(), rows, Source::Columns(columns, cells))
    }

    /// Comma-separated values under a line of names. Every cell goes to the module as text,
    /// which it reads as the feature's type; an empty one is missing. The first column that is
    /// `aside` does not go to the module. `check` may refuse the names, by a request of them all.
    pub(in super::super) fn of_csv(
        body: &Bytes,
        model: &Description,
        most: usize,
        aside: impl Fn(&str) -> bool,
        check: impl FnOnce(&[u8]) -> Result<(), String>,
    ) -> Result<Self, Unreadable> {
        let mut csv = Csv::new(body.clone(), most_columns(model));
        if !csv.next()? {
            let sentence = "the body is empty, expected a line with the names of the columns, and under it a line for each row";
            return Err(Unreadable::Other(sentence.to_owned()));
        }
        let fields = Fields::named(csv.cells());
        let aside = csv.cells().enumerate().find(|(_, name)| aside(name));
        let aside: Aside = aside.map(|(at, name)| (at, name.to_owned()));
        let mut names = Chunk::default();
        names.push_object(|row| {
            for (at, field) in fields.0.iter().enumerate() {
                if !is_aside(&aside, at) {
                    row.field(&field.name, |out| out.extend_from_slice(b"null"));
                }
            }
        });
        if let Some(names) = names.iter().next() {
            check(names)?;
        }
        let mut rows = 0;
        while csv.next()? {
            if rows == most {
                return Err(Unreadable::TooManyRows);
            }
            let (found, expected) = (csv.fields(), fields.0.len());
            if found != expected {
                let cells = if found == 1 { "cell" } else { "cells" };
                let sentence = format!("the row has {found} {cells}, the line of names {expected}");
                return Err(Unreadable::Other(csv.wrong(&sentence)));
            }
            rows += 1;
        }
        let mut csv = Csv::new(body.clone(), most_columns(model));
        csv.next()?;
        Ok(Self::new(
            body.clone(),
            rows,
            Source::Csv(Box::new(csv), fields, aside),
        ))
    }

    /// The rows as they came; none of columns or of CSV.
    pub(in super::super) fn as_they_came(&self) -> impl Iterator<Item = &[u8]> {
        let spans = match &self.source {
            Source::Rows { spans, .. } => &spans[..],
            Source::Columns(..) | Source::Csv(..) => &[],
        };
        spans.iter().map(|span| span.of_body(&self.body))
    }

    /// The names of a CSV file's columns; none of another form.
    pub(in super::super) fn csv_names(&self) -> Vec<String> {
        match &self.source {
            Source::Csv(_, fields, _) => fields
                .0
                .iter()
                .filter_map(|field| serde_json::from_str(&field.name).ok())
                .collect(),
            Source::Rows { .. } | Source::Columns(..) => Vec::new(),
        }
    }

    /// The name of the column that was set aside.
    pub(in super::super) fn aside(&self) -> Option<&str> {
        match &self.source {
            Source::Csv(_, _, aside) => aside.as_ref().map(|(_, name)| name.as_str()),
            Source::Rows { .. } | Source::Columns(..) => None,
        }
    }

    /// About how many bytes it takes beside the body.
    pub(in super::super) fn bytes(&self) -> usize {
        match &self.source {
            Source::Rows { spans, .. } => size_of_val(&spans[..]),
            Source::Columns(_, cells) => cells.iter().map(Cells::bytes).sum(),
            // Of a CSV file only the row that is read is there.
            Source::Csv(..) => 0,
        }
    }

    /// How many rows there are.
    pub(in super::super) fn len(&self) -> usize {
        self.rows
    }

    /// Writes the next rows, at most `most`; none at the end.
    pub(in super::super) fn next(&mut self, most: usize, chunk: &mut Chunk) {
        chunk.clear();
        let end = self.rows.min(self.next.saturating_add(most));
        while self.next < end && !chunk.is_long() {
            self.push(chunk);
            self.next += 1;
        }
    }

    fn push(&mut self, chunk: &mut Chunk) {
        let (body, at) = (&self.body, self.next);
        match &mut self.source {
            Source::Rows { spans, fields } => {
                let row = spans.get(at).map_or(&b""[..], |span| span.of_body(body));
                match fields {
                    Some(fields) if row.starts_with(b"[") => push_list(body, row, fields, chunk),
                    _ => chunk.push(row),
                }
            }
            Source::Columns(columns, cells) => chunk.push_object(|row| {
                for (field, column) in columns.iter() {
                    let Some(cells) = cells.get(column.cells) else {
                        continue;
                    };
                    let place = column.offset + at * column.stride;
                    row.field(&field.name, |out| {
                        cells.write(body, place, field.meaning.as_ref(), out);
                    });
                }
            }),
            // It was read once before: it is as good now.
            Source::Csv(csv, fields, aside) => {
                let _ = csv.next();
                chunk.push_object(|row| {
                    for (at, (field, cell)) in fields.0.iter().zip(csv.cells()).enumerate() {
                        if is_aside(aside, at) {
                            continue;
                        }
                        row.field(&field.name, |out| match cell {
                            "" => out.extend_from_slice(b"null"),
                            cell => write_text(cell, out),
                        });
                    }
                });
                if let Some((at, _)) = aside {
                    chunk.set_aside(csv.cells().nth(*at).unwrap_or_default());
                }
            }
        }
    }
}

fn is_aside(aside: &Aside, at: usize) -> bool {
    aside.as_ref().is_some_and(|(column, _)| *column == at)
}

/// A row that is a list becomes an object. One that is longer than any the module takes is
/// passed on as it is, for it to refuse.
fn push_list(body: &[u8], row: &[u8], fields: &Fields, chunk: &mut Chunk) {
    let cells = match list(body, row, fields.0.len()) {
        Ok(cells) if row.len() < LONGEST_ROW => cells,
        _ => return chunk.push(row),
    };
    chunk.push_object(|object| {
        for (field, cell) in fields.0.iter().zip(&cells) {
            object.field(&field.name, |out| {
                let start = out.len();
                out.extend_from_slice(cell.of_body(body));
                if let Some(meaning) = &field.meaning {
                    meaning.decode(start, out);
                }
            });
        }
    });
}

fn check_width(body: &[u8], row: Span, fields: &Fields) -> Result<(), String> {
    let expected = fields.0.len();
    let found = match list(body, row.of_body(body), expected) {
        Ok(cells) if cells.len() == expected => return Ok(()),
        Ok(cells) => cells.len().to_string(),
        Err(_) => format!("more than {expected}"),
    };
    Err(format!(
        "{found} values, expected {expected}: {}",
        fields.names()
    ))
}

fn too_many_columns(error: Unreadable, model: &Description) -> Unreadable {
    match error {
        Unreadable::TooManyRows => Unreadable::Other(format!(
            "there are more than {} columns; the model knows {}",
            most_columns(model),
            model.features.len()
        )),
        other => other,
    }
}
