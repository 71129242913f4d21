//! Writing an answer: the only place where the JSON of a decision is made.

use super::request::Slot;
use super::{Adjusted, Decider};
use crate::json::Writer;
use crate::schema::{Feature, Kind, Schema};
use crate::value::{ValueError, number_text};

/// How many problems a refusal lists.
pub(super) const MAX_PROBLEMS: usize = 100;

/// JSON that is the same in every answer of a model.
#[derive(Debug)]
pub(super) struct Constants {
    model: String,
    features_used: String,
}

impl Constants {
    pub(super) fn new(schema: &Schema, digest: &str) -> Self {
        Self {
            model: written(|json| {
                json.object(|json| {
                    json.key("name").text(&schema.name);
                    json.key("version").text(&schema.version);
                    json.key("digest").text(digest);
                });
            }),
            features_used: written(|json| {
                json.array(schema.inputs(), |json, feature| json.text(&feature.name));
            }),
        }
    }
}

fn written(value: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut out = Vec::new();
    value(&mut Writer::new(&mut out));
    String::from_utf8(out).unwrap_or_default()
}

/// Writes a value of the model's terms in its feature's own type. Whole numbers are written
/// without a point, `other` and what stays missing are `null`.
pub(crate) fn write_value(json: &mut Writer<'_>, feature: &Feature, value: f64) {
    match &feature.kind {
        _ if value.is_nan() => json.raw("null"),
        Kind::Boolean => json.boolean(value != 0.0),
        Kind::Category(categories) => match categories.values.get(value as usize) {
            Some(category) => json.text(category),
            None => json.raw("null"),
        },
        Kind::Number(_) | Kind::Integer(_) => json.raw(&number_text(value)),
    }
}

impl Decider {
    pub(super) fn write_answer(
        &self,
        probability: f64,
        adjusted: &[Adjusted<'_>],
        out: &mut Vec<u8>,
    ) -> u16 {
        let approve = probability >= self.artifact.threshold;
        let target = &self.artifact.schema.target;
        let label = match approve {
            true => &target.positive_label,
            false => &target.negative_label,
        };
        Writer::new(out).object(|json| {
            json.key("prediction").integer(approve.into());
            json.key("prediction_label").text(label);
            json.key("approve").boolean(approve);
            json.key("probability").number(probability);
            json.key("threshold").number(self.artifact.threshold);
            json.key("model").raw(&self.constants.model);
            json.key("features_used").raw(&self.constants.features_used);
            json.key("adjustments")
                .array(adjusted, |json, one| self.write_adjustment(json, one));
        });
        200
    }

    fn write_adjustment(&self, json: &mut Writer<'_>, adjusted: &Adjusted<'_>) {
        let feature = &self.inputs[adjusted.input];
        json.object(|json| {
            json.key("feature").text(&feature.name);
            json.key("kind").text(adjusted.adjustment.kind());
            json.key("policy").text(adjusted.adjustment.policy());
            if let Some(from) = adjusted.from.as_ref().and_then(Slot::echo) {
                json.key("from").raw(from);
            }
            write_value(json.key("to"), feature, adjusted.to);
        });
    }
}

/// One reason for a refusal, in pydantic's form.
#[derive(Debug)]
pub(super) struct Problem {
    r#type: &'static str,
    /// `None` when it is the body as a whole.
    place: Option<Place>,
    msg: String,
    input: Option<String>,
}

/// Where in the body it is.
#[derive(Debug)]
enum Place {
    Field(String),
    Offset(usize),
}

impl Problem {
    fn new(r#type: &'static str, place: Option<Place>, msg: impl Into<String>) -> Self {
        Self {
            r#type,
            place,
            msg: msg.into(),
            input: None,
        }
    }

    fn of_field(r#type: &'static str, name: &str, msg: impl Into<String>) -> Self {
        Self::new(r#type, Some(Place::Field(shortened(name))), msg)
    }

    pub(super) fn json_invalid(offset: usize, expected: &str) -> Self {
        let msg = format!("JSON decode error: expected {expected}");
        Self::new("json_invalid", Some(Place::Offset(offset)), msg)
    }

    pub(super) fn not_an_object() -> Self {
        let msg = "Input should be a JSON object: feature names to values";
        Self::new("dict_type", None, msg)
    }

    pub(super) fn target_given(name: &str) -> Self {
        let msg = "This is what the model answers: leave it out";
        Self::of_field("extra_forbidden", name, msg)
    }

    pub(super) fn duplicate(name: &str) -> Self {
        Self::of_field("duplicate_field", name, "The field is there more than once")
    }

    pub(super) fn unknown_field(name: &str, nearest: Option<&str>) -> Self {
        let msg = match nearest {
            Some(nearest) => format!("Unknown field: did you mean '{nearest}'?"),
            None => "Unknown field: the model has no feature of this name".into(),
        };
        Self::of_field("extra_forbidden", name, msg)
    }

    pub(super) fn too_many_adjustments(found: usize, most: u32) -> Self {
        let msg = format!(
            "{found} values are missing, unknown or out of range, at most {most} may be filled in: give more of the features"
        );
        Self::new("too_many_adjustments", None, msg)
    }

    pub(super) fn of_value(feature: &Feature, error: ValueError, slot: Option<&Slot<'_>>) -> Self {
        let mut problem = Self::of_field(error.kind, &feature.name, error.message);
        problem.input = slot.and_then(Slot::echo).map(str::to_owned);
        problem
    }

    /// For people: which field, or where in the bytes, and what is wrong.
    pub(super) fn sentence(&self) -> String {
        match &self.place {
            None => self.msg.clone(),
            Some(Place::Field(name)) => format!("field '{name}': {}", self.msg),
            Some(Place::Offset(offset)) => format!("byte {offset}: {}", self.msg),
        }
    }

    fn write(&self, json: &mut Writer<'_>) {
        json.object(|json| {
            json.key("type").text(self.r#type);
            let within = self.place.iter();
            json.key("loc")
                .array(
                    [None].into_iter().chain(within.map(Some)),
                    |json, part| match part {
                        None => json.text("body"),
                        Some(Place::Field(name)) => json.text(name),
                        Some(Place::Offset(offset)) => json.integer(*offset as u64),
                    },
                );
            json.key("msg").text(&self.msg);
            if let Some(input) = &self.input {
                json.key("input").raw(input);
            }
        });
    }
}

/// A field's name as it may be repeated: at most 128 bytes.
fn shortened(name: &str) -> String {
    match name.char_indices().find(|(at, c)| at + c.len_utf8() > 128) {
        Some((at, _)) => format!("{}…", name.get(..at).unwrap_or_default()),
        None => name.to_owned(),
    }
}

pub(super) fn write_refusal(problems: &[Problem], out: &mut Vec<u8>) -> u16 {
    let listed = problems.iter().take(MAX_PROBLEMS);
    Writer::new(out).object(|json| {
        json.key("detail")
            .array(listed, |json, problem| problem.write(json));
    });
    422
}

pub(super) fn write_too_large(out: &mut Vec<u8>) -> u16 {
    write_detail("The request is too large: at most 1 MiB", out);
    413
}

/// The answer of a module that has no model, or a broken one.
pub fn write_unavailable(reason: &str, out: &mut Vec<u8>) -> u16 {
    write_detail(reason, out);
    503
}

/// An answer that only says something.
pub fn write_detail(detail: &str, out: &mut Vec<u8>) {
    Writer::new(out).object(|json| json.key("detail").text(detail));
}
