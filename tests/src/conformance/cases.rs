//! Applications from a CSV: each row as the JSON object that a client would send.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use model_core::json::{self, JsonKind, Writer};
use model_core::schema::{FeatureKind, Schema};

/// Rows of `data` as applications, at most `most`, spread evenly over the file.
///
/// # Errors
/// When the file cannot be read or has no rows.
pub fn applications(data: &Path, schema: &Schema, most: usize) -> Result<Vec<Vec<u8>>> {
    let context = || format!("cannot read {}", data.display());
    let mut reader = csv::Reader::from_path(data).with_context(context)?;
    let names = reader.headers().with_context(context)?.clone();
    let rows = reader
        .records()
        .collect::<Result<Vec<_>, _>>()
        .with_context(context)?;
    ensure!(!rows.is_empty(), "{} has no rows", data.display());
    let wanted = most.min(rows.len());
    let spread = (0..wanted).map(|n| &rows[n * rows.len() / wanted]);
    Ok(spread
        .map(|row| application(schema, names.iter().zip(row.iter())))
        .collect())
}

/// What a case begins with that is to be explained; every host decides the others.
const QUESTION: &[u8] = b"{\"application\":";

/// Whether a host is to explain a case, not to decide it.
#[must_use]
pub fn is_question(case: &[u8]) -> bool {
    case.starts_with(QUESTION)
}

/// Questions about the first `most` applications, in the last language; the first `recourse` of
/// them ask for recourse too.
#[must_use]
pub fn questions(
    applications: &[Vec<u8>],
    schema: &Schema,
    most: usize,
    recourse: usize,
) -> Vec<Vec<u8>> {
    let language = schema.languages.last().map_or("", String::as_str);
    let about = |(nth, application): (usize, &Vec<u8>)| {
        let more = if nth < recourse {
            ",\"recourse\":{}"
        } else {
            ""
        };
        let end = format!(",\"language\":\"{language}\"{more}}}");
        [QUESTION, application, end.as_bytes()].concat()
    };
    (applications.iter().take(most).enumerate())
        .map(about)
        .collect()
}

/// One row as a JSON object: numbers as numbers, all else as strings, empty cells and the
/// target left out.
pub fn application<'a>(
    schema: &Schema,
    cells: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let mut body = Vec::new();
    Writer::new(&mut body).object(|json| {
        for (name, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
            let Some(feature) = schema.features.iter().find(|f| f.name == name) else {
                continue;
            };
            let numeric = matches!(
                feature.kind,
                FeatureKind::Number(_) | FeatureKind::Integer(_)
            );
            match json::parse(cell) {
                Ok(raw) if numeric && raw.kind() == JsonKind::Number => json.key(name).raw(cell),
                _ => json.key(name).text(cell),
            }
        }
    });
    body
}
