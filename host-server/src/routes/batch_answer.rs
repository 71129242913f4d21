//! Answers of a batch, as JSON or CSV.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::refusal::reason;
use super::rows::Chunk;
use crate::host::{Answer, CallError};
use crate::models::registry::Served;
use crate::models::score::{Outcome, adjusted};
use crate::record::Recorder;

/// What a batch is answered in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// An array of what each row would be answered alone.
    Json,
    /// An array of why each row would be decided as it would be.
    Explanations,
    /// A line for each row, with the error where there is no decision.
    Csv,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Explanations => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// What comes before the first answer; `copied` are the columns of the request that a line
    /// repeats.
    pub(super) fn begin(self, served: &Served, copied: &[String], out: &mut Vec<u8>) {
        match self {
            Self::Json | Self::Explanations => out.push(b'['),
            Self::Csv => {
                let rules = has_policy(served).then_some("rules");
                let names = COLUMNS.into_iter().chain(rules).chain(LAST);
                let names = names.chain(copied.iter().map(String::as_str));
                // Writing to a vector does not fail.
                let _ = csv::Writer::from_writer(out).write_record(names);
            }
        }
    }

    /// The first of the copied columns that a line has anyway: whoever reads by name would get one
    /// of them for the other.
    pub(super) fn taken<'c>(self, served: &Served, copied: &'c [String]) -> Option<&'c str> {
        let rules = has_policy(served).then_some("rules");
        let names = COLUMNS.into_iter().chain(rules).chain(LAST);
        let names: Vec<&str> = names.collect();
        let mut copied = copied.iter().map(String::as_str);
        copied.find(|name| self == Self::Csv && names.contains(name))
    }

    /// What comes after the last answer.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Json | Self::Explanations => b"]",
            Self::Csv => b"",
        });
    }
}

/// The cells of a CSV file's rows that its answer repeats.
#[derive(Clone, Copy)]
pub(super) struct Copied<'a> {
    /// The columns, in their order.
    pub(super) names: &'a [String],
    /// The one of them that no row has, since it was set aside.
    pub(super) aside: Option<&'a str>,
}

/// The columns of CSV. New ones come last: clients may read them by number.
const COLUMNS: [&str; 6] = [
    "prediction",
    "prediction_label",
    "approve",
    "probability",
    "detail",
    "outcome",
];

/// Those after `rules`, which is there where the model has a policy.
const LAST: [&str; 2] = ["adjustments", "model_version"];

fn has_policy(served: &Served) -> bool {
    served.description().policy.is_some()
}

/// The answers of a chunk's rows, of which the first is row `row` of the batch; the recorder,
/// where there is one, gets each.
pub(super) fn write_answers(
    form: Form,
    served: &Served,
    chunk: &Chunk,
    copied: Copied<'_>,
    mut row: usize,
    recorder: Option<&mut Recorder>,
    out: &mut Vec<u8>,
) {
    let mut records = Records(recorder);
    match form {
        Form::Json => served.decide_each(chunk.iter(), |request, answer| {
            if row > 0 {
                out.push(b',');
            }
            records.add(row, request, &answer);
            write_answer(out, row, answer);
            row += 1;
        }),
        Form::Explanations => {
            for body in chunk.iter() {
                if row > 0 {
                    out.push(b',');
                }
                match served.explain(body) {
                    Ok(explained) => {
                        let answer = Ok(explained.answer());
                        records.add(row, body, &answer);
                        write_answer(out, row, answer);
                    }
                    Err(error) => write_answer(out, row, Err(error)),
                }
                row += 1;
            }
        }
        Form::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            let lines = Lines {
                has_rules: has_policy(served),
                version: served.version(),
                copied,
            };
            let mut asides = chunk.asides();
            served.decide_each(chunk.iter(), |request, answer| {
                records.add(row, request, &answer);
                let aside = asides.next().unwrap_or_default();
                lines.write(&mut writer, (request, aside), answer);
                row += 1;
            });
        }
    }
}

/// Records the answers of rows, where there is a log.
pub(super) struct Records<'a>(pub(super) Option<&'a mut Recorder>);

impl Records<'_> {
    /// What the module said to a row. Where it failed there is nothing to record.
    pub(super) fn add(
        &mut self,
        row: usize,
        request: &[u8],
        answer: &Result<Answer<'_>, CallError>,
    ) {
        if let (Some(recorder), Ok(answer)) = (&mut self.0, answer) {
            recorder.add_row(row, request, *answer);
        }
    }
}

/// A decision as it is; an error with the row's number, from 0, and the status it would
/// have had alone.
pub(super) fn write_answer(out: &mut Vec<u8>, row: usize, answer: Result<Answer<'_>, CallError>) {
    // Writing to a vector does not fail.
    let _ = match answer {
        Ok(decision) if decision.status == 200 => out.write_all(decision.body),
        Ok(Answer { status, body }) => {
            let open = body.strip_suffix(b"}").unwrap_or(body);
            out.extend_from_slice(open);
            write!(out, ",\"row\":{row},\"status\":{status}}}")
        }
        Err(error) => {
            tracing::error!(row, %error, "decision failed in a batch");
            write!(
                out,
                "{{\"detail\":\"The model failed on this row\",\"row\":{row},\"status\":500}}"
            )
        }
    };
}

/// What of a decision a line of CSV holds.
#[derive(Deserialize)]
struct Cells<'a> {
    prediction: u8,
    #[serde(borrow)]
    prediction_label: Cow<'a, str>,
    approve: bool,
    #[serde(borrow)]
    probability: &'a RawValue,
    outcome: Option<Outcome>,
    #[serde(borrow, default)]
    rules: Vec<Cow<'a, str>>,
}

/// What all lines of CSV have in common.
struct Lines<'a> {
    has_rules: bool,
    version: &'a str,
    copied: Copied<'a>,
}

/// A row as the module gets it, and the cell that was set aside.
type Row<'a> = (&'a [u8], &'a str);

impl Lines<'_> {
    /// A decision, or why there is none, and the cells of `row` that are copied.
    fn write(
        &self,
        writer: &mut csv::Writer<&mut Vec<u8>>,
        row: Row<'_>,
        answer: Result<Answer<'_>, CallError>,
    ) {
        const FAILED: &str = "The model failed on this row";
        let detail = match &answer {
            Ok(decision) if decision.status == 200 => {
                match serde_json::from_slice::<Cells<'_>>(decision.body) {
                    Ok(cells) => {
                        let prediction = cells.prediction.to_string();
                        let cells = [
                            prediction.as_str(),
                            &*cells.prediction_label,
                            if cells.approve { "true" } else { "false" },
                            cells.probability.get(),
                            "",
                            Outcome::or_by(cells.outcome, cells.approve).word(),
                            &cells.rules.join(";"),
                            &adjusted(*decision).join(";"),
                        ];
                        return self.write_cells(writer, row, cells);
                    }
                    Err(_) => FAILED.to_owned(),
                }
            }
            Ok(decision) => reason(decision.body),
            Err(error) => {
                tracing::error!(%error, "no decision in a batch");
                FAILED.to_owned()
            }
        };
        self.write_cells(writer, row, ["", "", "", "", &detail, "", "", ""]);
    }

    fn write_cells(
        &self,
        writer: &mut csv::Writer<&mut Vec<u8>>,
        row: Row<'_>,
        [answer @ .., rules, adjustments]: [&str; 8],
    ) {
        let copied = cells_of(row, self.copied);
        let cells = answer.into_iter().chain(self.has_rules.then_some(rules));
        let cells = cells.chain([adjustments, self.version]);
        let cells = cells.chain(copied.iter().map(String::as_str));
        // Writing to a vector does not fail.
        let _ = writer.write_record(cells);
    }
}

/// The copied cells of a row that was made of a line of CSV.
fn cells_of((row, aside): Row<'_>, copied: Copied<'_>) -> Vec<String> {
    if copied.names.is_empty() {
        return Vec::new();
    }
    let mut fields: HashMap<String, Option<String>> =
        serde_json::from_slice(row).unwrap_or_default();
    let cell = |name: &String| match copied.aside == Some(name) {
        true => aside.to_owned(),
        false => fields.remove(name).flatten().unwrap_or_default(),
    };
    copied.names.iter().map(cell).collect()
}
