//! Reading a request: one JSON object, each field once, every value still raw.

use std::borrow::Cow;

use super::fields::Fields;
use super::problem::{MAX_PROBLEMS, Problem};
use crate::decimal;
use crate::json::{self, JsonKind, Raw};
use crate::schema::Schema;
use crate::value::Value;

/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 1 << 20;

/// For how many unknown fields a refusal says what they may mean: looking for that is most of
/// what it costs.
const SUGGESTIONS: usize = 4;

/// What came in a field: the JSON itself, and the text where it is a string.
#[derive(Debug, Clone)]
pub(super) struct RawField<'r> {
    raw: Raw<'r>,
    text: Option<Cow<'r, str>>,
}

impl<'r> RawField<'r> {
    fn new(raw: Raw<'r>) -> Self {
        Self {
            raw,
            text: raw.text(),
        }
    }

    /// What it means before its feature is known. A string with half a surrogate pair is
    /// no text, so it counts as a value of another type.
    pub(super) fn value(&self) -> Value<'_> {
        match (self.raw.kind(), &self.text) {
            (JsonKind::String, Some(text)) => Value::from_text(text),
            (JsonKind::Number, _) => Value::Number(self.raw.json()),
            (JsonKind::Boolean, _) => Value::Boolean(self.raw.json() == "true"),
            (JsonKind::Null, _) => Value::Missing,
            (JsonKind::String | JsonKind::Array | JsonKind::Object, _) => Value::Compound,
        }
    }

    /// The JSON to repeat in an answer: of a short number, boolean or string. Not of what
    /// other readers of JSON refuse, half a surrogate pair and numbers beyond an `f64`.
    pub(super) fn echo(&self) -> Option<&'r str> {
        let json = self.raw.json();
        let readable = match self.raw.kind() {
            JsonKind::Number => decimal::parse(json).is_some_and(f64::is_finite),
            JsonKind::String => self.text.is_some(),
            JsonKind::Boolean => true,
            JsonKind::Null | JsonKind::Array | JsonKind::Object => false,
        };
        (json.len() <= 64 && readable).then_some(json)
    }
}

/// What every field holds, by its index, and the problems that are not of one value.
pub(super) type Parsed<'r> = (Vec<Option<RawField<'r>>>, Vec<Problem>);

pub(super) fn parse<'r>(
    request: &'r [u8],
    fields: &Fields,
    schema: &Schema,
) -> Result<Parsed<'r>, Vec<Problem>> {
    let object = parse_object(request).map_err(|problem| vec![problem])?;
    let mut raw_fields: Vec<Option<RawField<'r>>> = vec![None; fields.len()];
    let mut problems = Vec::new();
    let (mut expected, mut unknown) = (0, 0);
    for (key, value) in object.fields() {
        let name = key.text().unwrap_or(Cow::Borrowed(key.json()));
        match fields
            .find(&name, expected)
            .map(|index| (index, &mut raw_fields[index]))
        {
            Some((index, _)) if fields.is_target(index) => {
                problems.push(Problem::target_given(&name));
            }
            Some((index, raw_field @ None)) => {
                *raw_field = Some(RawField::new(value));
                expected = index + 1;
            }
            Some((_, Some(_))) => problems.push(Problem::duplicate(&name)),
            None => {
                unknown += 1;
                let is_looked_for = unknown <= SUGGESTIONS;
                let nearest = is_looked_for
                    .then(|| schema.nearest_feature(&name))
                    .flatten();
                problems.push(Problem::unknown_field(&name, nearest));
            }
        }
        // More are not listed, so that a hostile request cannot keep us busy.
        if problems.len() == MAX_PROBLEMS {
            return Err(problems);
        }
    }
    Ok((raw_fields, problems))
}

/// The first key of an object that is there more than once, among its first few: an object of
/// more has one that is unknown.
#[must_use]
pub fn repeated(object: Raw<'_>) -> Option<Cow<'_, str>> {
    const FEW: usize = 8;
    let keys = || object.fields().take(FEW).map(|(key, _)| key.text());
    let is_repeated =
        |(at, key): &(usize, Option<_>)| keys().take(*at).any(|before| before == *key);
    keys().enumerate().find(is_repeated)?.1
}

pub(super) fn parse_object(request: &[u8]) -> Result<Raw<'_>, Problem> {
    let text = std::str::from_utf8(request)
        .map_err(|error| Problem::json_invalid(error.valid_up_to(), "UTF-8"))?;
    let value =
        json::parse(text).map_err(|invalid| Problem::json_invalid(invalid.at, invalid.reason))?;
    match value.kind() {
        JsonKind::Object => Ok(value),
        _ => Err(Problem::not_an_object()),
    }
}
