//! Reading a request: one JSON object, each field once, every value still raw.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::answer::{MAX_PROBLEMS, Problem};
use super::fields::Fields;
use crate::value::Value;

/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 1 << 20;

/// What came in a field: the JSON itself, and the text where it is a string.
#[derive(Debug, Clone)]
pub(super) struct Slot<'r> {
    json: &'r RawValue,
    text: Option<Cow<'r, str>>,
}

/// A string that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'r>(#[serde(borrow)] Cow<'r, str>);

impl<'r> Slot<'r> {
    fn new(json: &'r RawValue) -> Self {
        let text = json.get().starts_with('"').then(|| json.get());
        let text = text.and_then(|json| serde_json::from_str::<Text<'r>>(json).ok());
        Self {
            json,
            text: text.map(|text| text.0),
        }
    }

    /// What it means before its feature is known. A string with half a surrogate pair is
    /// no text, so it counts as a value of another type.
    pub(super) fn value(&self, missing_values: &[String]) -> Value<'_> {
        if let Some(text) = &self.text {
            return Value::from_text(text, missing_values);
        }
        match self.json.get() {
            "null" => Value::Missing,
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            json if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Value::Number(json)
            }
            _ => Value::Compound,
        }
    }

    /// The JSON to repeat in an answer: of a short number, boolean or string.
    pub(super) fn echo(&self) -> Option<&'r RawValue> {
        let json = self.json.get();
        let compound = json.starts_with(['[', '{']);
        (json.len() <= 64 && !compound && json != "null").then_some(self.json)
    }
}

/// What every field holds, by its place, and the problems that are not of one value.
type Parsed<'r> = (Vec<Option<Slot<'r>>>, Vec<Problem>);

pub(super) fn parse<'r>(request: &'r [u8], fields: &Fields) -> Result<Parsed<'r>, Vec<Problem>> {
    let text = std::str::from_utf8(request).map_err(|error| {
        vec![Problem::json_invalid(
            error.valid_up_to(),
            "the body is not UTF-8",
        )]
    })?;
    if !text.trim_start().starts_with('{') {
        let problem = match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Problem::not_an_object(),
            Err(error) => invalid(text, &error),
        };
        return Err(vec![problem]);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    Object { fields }
        .deserialize(&mut json)
        .and_then(|parsed| json.end().map(|()| parsed))
        .map_err(|error| vec![invalid(text, &error)])
}

fn invalid(text: &str, error: &serde_json::Error) -> Problem {
    let line_start: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let sentence = error.to_string();
    let reason = sentence.split(" at line ").next().unwrap_or(&sentence);
    Problem::json_invalid(line_start + error.column().saturating_sub(1), reason)
}

struct Object<'f> {
    fields: &'f Fields,
}

impl<'r> DeserializeSeed<'r> for Object<'_> {
    type Value = Parsed<'r>;

    fn deserialize<D: Deserializer<'r>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'r> Visitor<'r> for Object<'_> {
    type Value = Parsed<'r>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut slots: Vec<Option<Slot<'r>>> = vec![None; self.fields.len()];
        let mut problems = Vec::new();
        let mut expected = 0;
        while let Some(Text(name)) = map.next_key()? {
            let json: &'r RawValue = map.next_value()?;
            let found = self.fields.find(&name, expected);
            match found.map(|place| (place, &mut slots[place])) {
                Some((place, _)) if self.fields.is_target(place) => {
                    note(&mut problems, || Problem::target_given(&name));
                }
                Some((place, slot @ None)) => {
                    *slot = Some(Slot::new(json));
                    expected = place + 1;
                }
                Some((_, Some(_))) => note(&mut problems, || Problem::duplicate(&name)),
                None => note(&mut problems, || {
                    Problem::unknown_field(&name, self.fields.nearest(&name))
                }),
            }
        }
        Ok((slots, problems))
    }
}

/// Only so many problems are worth finding the words for.
fn note(problems: &mut Vec<Problem>, problem: impl FnOnce() -> Problem) {
    if problems.len() < MAX_PROBLEMS {
        problems.push(problem());
    }
}
