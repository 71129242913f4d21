//! Lists and objects of JSON, found but not built.

use std::fmt::{Formatter, Result as FmtResult};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Span;

/// The longest sentence about what is wrong, in bytes.
const LONGEST_SENTENCE: usize = 1 << 10;

/// The longest value that `short` takes, in bytes, unless it is an object.
const LONGEST_SHORT: usize = 256;

/// Why there are no rows.
#[derive(Debug)]
pub(in super::super) enum Unreadable {
    /// There are more than there may be.
    TooManyRows,
    /// It is not JSON, or of another form.
    Json(serde_json::Error),
    /// A sentence about what is wrong.
    Other(String),
}

impl Unreadable {
    /// What is wrong, unless it is the number of rows; never longer than a sentence is.
    pub(in super::super) fn sentence(&self) -> String {
        let mut sentence = match self {
            Self::TooManyRows => "there are too many rows".to_owned(),
            Self::Json(error) => error.to_string(),
            Self::Other(sentence) => sentence.clone(),
        };
        sentence.truncate(sentence.floor_char_boundary(LONGEST_SENTENCE));
        sentence
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<String> for Unreadable {
    fn from(sentence: String) -> Self {
        Self::Other(sentence)
    }
}

/// Whether this JSON, if it is any, is an object.
pub(in super::super) fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

/// Reads an object into a struct. The derived code would take a list as well.
pub(in super::super) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Unreadable> {
    if !is_object(json) {
        // Not JSON at all is told first.
        serde_json::from_slice::<&RawValue>(json)?;
        return Err(Unreadable::Other("not an object".to_owned()));
    }
    Ok(serde_json::from_slice(json)?)
}

/// Reads a value that is short, or an object. The library's errors repeat what they did not
/// expect: of a long text in the place of a number that would be seven times as much.
pub(in super::super) fn short<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let json = <&RawValue>::deserialize(deserializer)?.get();
    if json.len() > LONGEST_SHORT && !json.starts_with('{') {
        return Err(D::Error::custom("a value is longer than it can be"));
    }
    serde_json::from_str(json).map_err(|error| {
        let problem = error.to_string();
        // It is followed by the place in the whole text.
        D::Error::custom(problem.split(" at line ").next().unwrap_or_default())
    })
}

/// Where the elements of a list in `body` are. `json` is the list, a part of `body`.
///
/// # Errors
/// When it is no list, or has more than `most` elements: what follows those is not read.
pub(in super::super) fn list(
    body: &[u8],
    json: &[u8],
    most: usize,
) -> Result<Vec<Span>, Unreadable> {
    if json.trim_ascii_start().first() != Some(&b'[') {
        // Not JSON at all is told first.
        serde_json::from_slice::<&RawValue>(json)?;
        return Err(Unreadable::Other("expected a list".to_owned()));
    }
    let mut elements = Elements {
        body,
        most,
        spans: Vec::new(),
        too_many: false,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = (&mut elements).deserialize(&mut deserializer);
    if elements.too_many {
        return Err(Unreadable::TooManyRows);
    }
    read?;
    deserializer.end()?;
    Ok(elements.spans)
}

struct Elements<'b> {
    body: &'b [u8],
    most: usize,
    spans: Vec<Span>,
    too_many: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut Formatter<'_>) -> FmtResult {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if self.spans.len() == self.most {
                self.too_many = true;
                return Err(A::Error::custom("too many"));
            }
            self.spans
                .push(Span::of(self.body, element.get().as_bytes()));
        }
        Ok(())
    }
}
