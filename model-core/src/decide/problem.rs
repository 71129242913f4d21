//! Refusals: what is wrong with a request, in pydantic's form, and how it is written.

use crate::json::Writer;
use crate::schema::Feature;
use crate::value::ValueError;

/// How many problems a refusal lists.
pub(super) const MAX_PROBLEMS: usize = 100;

/// One reason for a refusal, in pydantic's form.
#[derive(Debug)]
pub(super) struct Problem {
    r#type: &'static str,
    /// Where in the body it is; `None` when it is the body as a whole.
    location: Option<Location>,
    msg: String,
    input: Option<String>,
}

/// A part of the body.
#[derive(Debug)]
enum Location {
    Field(String),
    Offset(usize),
}

impl Problem {
    fn new(r#type: &'static str, location: Option<Location>, msg: impl Into<String>) -> Self {
        Self {
            r#type,
            location,
            msg: msg.into(),
            input: None,
        }
    }

    fn in_field(r#type: &'static str, name: &str, msg: impl Into<String>) -> Self {
        Self::new(r#type, Some(Location::Field(shortened(name))), msg)
    }

    pub(super) fn json_invalid(offset: usize, expected: &str) -> Self {
        let msg = format!("JSON decode error: expected {expected}");
        Self::new("json_invalid", Some(Location::Offset(offset)), msg)
    }

    pub(super) fn not_an_object() -> Self {
        let msg = "Input should be a JSON object: feature names to values";
        Self::new("dict_type", None, msg)
    }

    pub(super) fn target_given(name: &str) -> Self {
        let msg = "This is what the model answers: leave it out";
        Self::in_field("extra_forbidden", name, msg)
    }

    pub(super) fn duplicate(name: &str) -> Self {
        Self::in_field("duplicate_field", name, "The field is there more than once")
    }

    pub(super) fn unknown_field(name: &str, nearest: Option<&str>) -> Self {
        let msg = match nearest {
            Some(nearest) => format!("Unknown field: did you mean '{nearest}'?"),
            None => "Unknown field: the model has no feature of this name".into(),
        };
        Self::in_field("extra_forbidden", name, msg)
    }

    /// A key beside the application.
    pub(super) fn in_question(key: &str, msg: impl Into<String>) -> Self {
        Self::in_field("value_error", key, msg)
    }

    pub(super) fn too_many_adjustments(found: usize, most: u32) -> Self {
        let msg = format!(
            "{found} values are missing, unknown or out of range, at most {most} may be filled in: give more of the features"
        );
        Self::new("too_many_adjustments", None, msg)
    }

    /// A value that its feature refuses; `input` is the JSON to repeat.
    pub(super) fn refused_value(feature: &Feature, error: ValueError, input: Option<&str>) -> Self {
        let mut problem = Self::in_field(error.kind, &feature.name, error.message);
        problem.input = input.map(str::to_owned);
        problem
    }

    /// For people: which field, or where in the bytes, and what is wrong.
    pub(super) fn sentence(&self) -> String {
        match &self.location {
            None => self.msg.clone(),
            Some(Location::Field(name)) => format!("field '{name}': {}", self.msg),
            Some(Location::Offset(offset)) => format!("byte {offset}: {}", self.msg),
        }
    }

    fn write(&self, json: &mut Writer<'_>) {
        json.object(|json| {
            json.key("type").text(self.r#type);
            let within = self.location.iter();
            json.key("loc")
                .array(
                    [None].into_iter().chain(within.map(Some)),
                    |json, part| match part {
                        None => json.text("body"),
                        Some(Location::Field(name)) => json.text(name),
                        Some(Location::Offset(offset)) => json.integer(*offset as u64),
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
#[must_use]
pub fn shortened(name: &str) -> String {
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

/// Writes the refusal of a module that has no model, or a broken one: 503.
pub fn write_unavailable(reason: &str, out: &mut Vec<u8>) -> u16 {
    write_detail(reason, out);
    503
}

/// Refuses a request for a key beside the application; returns the HTTP status, 422.
pub fn write_refused_key(key: &str, message: &str, out: &mut Vec<u8>) -> u16 {
    write_refusal(&[Problem::in_question(key, message)], out)
}

/// Writes what refuses a key that is there more than once, and answers the status, 422.
pub fn write_repeated_key(key: &str, out: &mut Vec<u8>) -> u16 {
    write_refusal(&[Problem::duplicate(key)], out)
}

/// Writes a refusal that is one sentence.
pub fn write_detail(detail: &str, out: &mut Vec<u8>) {
    Writer::new(out).object(|json| json.key("detail").text(detail));
}
