//! The columns that the final estimator sees.

use std::collections::BTreeSet;

use super::file::{ColumnKind, ColumnPart, OtherPart, StepName, UnknownPart};
use crate::error::{ImportError, broken, short};
use crate::source::{Column, Content, Step};

pub(super) fn read(parts: &[ColumnPart]) -> Result<Vec<Column>, ImportError> {
    let columns = parts.iter().enumerate().map(|(index, part)| {
        column(part).map_err(|problem| {
            let input = short(&part.input);
            broken(format!(
                "column {index} of the file, made from '{input}': {problem}"
            ))
        })
    });
    columns.collect()
}

fn column(part: &ColumnPart) -> Result<Column, String> {
    let (content, missing) = match part.is {
        ColumnKind::Number => (Content::Number, part.missing),
        ColumnKind::Missing => (Content::IsMissing, None),
        ColumnKind::Category => (category(part)?, None),
        ColumnKind::Code => (code(part)?, None),
    };
    Ok(Column {
        name: part.input.clone(),
        content,
        steps: part.steps.iter().map(step).collect::<Result<_, _>>()?,
        missing,
        fill: part.missing_value.clone(),
    })
}

fn step((name, c): &(StepName, f64)) -> Result<Step, String> {
    let step = match name {
        StepName::Subtract => Step::Subtract(*c),
        StepName::Add => Step::Add(*c),
        StepName::Multiply if *c > 0.0 => Step::Multiply(*c),
        StepName::Divide if *c > 0.0 => Step::Divide(*c),
        StepName::Multiply | StepName::Divide => {
            return Err(format!(
                "a step multiplies or divides by {c}, expected a number above 0"
            ));
        }
    };
    Ok(step)
}

/// An indicator of one text or of several.
fn category(part: &ColumnPart) -> Result<Content, String> {
    let values = match (&part.value, &part.values) {
        (Some(value), None) => vec![value.clone()],
        (None, Some(values)) if !values.is_empty() => values.clone(),
        _ => return Err("expected \"value\" or \"values\"".into()),
    };
    let is_other = match part.other {
        None => false,
        Some(OtherPart::Is(is)) => is,
        Some(OtherPart::Number(_)) => return Err("\"other\": expected true or false".into()),
    };
    // What the encoder knows is no unknown text, and the group of the infrequent ones alone does not
    // say what it knows.
    if is_other && part.known.is_none() {
        return Err(
            "\"other\": true needs the list \"known\", which earlier exporters left out: export the model again".into(),
        );
    }
    let ones: BTreeSet<&String> = values.iter().collect();
    let mut of: Vec<(String, f64)> = Vec::new();
    for text in part.known.iter().flatten() {
        of.push((text.clone(), f64::from(u8::from(ones.contains(text)))));
    }
    let mut listed: BTreeSet<&String> = part.known.iter().flatten().collect();
    for value in &values {
        if listed.insert(value) {
            of.push((value.clone(), 1.0));
        }
    }
    // Where unknown texts are an error, the known ones are listed.
    let other = match part.unknown {
        Some(UnknownPart::Error) if part.known.is_none() => {
            return Err("\"unknown\": \"error\" needs the list \"known\"".into());
        }
        Some(UnknownPart::Error) => None,
        Some(UnknownPart::Zero) | None => Some(f64::from(u8::from(is_other))),
    };
    let filled = part.missing_value.is_some();
    // With an imputer before it the text that is filled in may be a category like others.
    let missing = if filled { None } else { part.missing };
    Ok(Content::Texts { of, other, missing })
}

fn code(part: &ColumnPart) -> Result<Content, String> {
    let codes = part.codes.as_ref().ok_or("expected \"codes\"")?;
    let other = match (part.other, part.unknown_is_missing) {
        (_, true) => Some(f64::NAN),
        (Some(OtherPart::Number(number)), false) => Some(number),
        (None, false) => None,
        (Some(OtherPart::Is(_)), false) => return Err("\"other\": expected a number".into()),
    };
    let missing = match (&part.missing_value, part.missing) {
        (Some(_), _) => None,
        // It stays missing.
        (None, missing) => Some(missing.unwrap_or(f64::NAN)),
    };
    Ok(Content::Texts {
        of: codes
            .iter()
            .map(|(text, code)| (text.clone(), *code))
            .collect(),
        other,
        missing,
    })
}
