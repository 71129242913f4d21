//! The fields of a request's JSON, one after the other; nothing of them is kept.

use std::borrow::Cow;

use memchr::memchr2;
use model_core::value::Value;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `each` with every field of a request in the common form: an object of numbers,
/// words and strings without escapes. `None` when it has another form, possibly after some
/// fields.
///
/// Only for requests that the module has answered: it has checked every byte, which makes
/// this four times as fast as a general reader of JSON.
pub(super) fn each_of_answered<'r>(
    request: &'r str,
    each: impl FnMut(&'r str, Value<'r>),
) -> Option<()> {
    let scan = Scan {
        text: request,
        at: 0,
    };
    scan.fields(each)
}

/// Calls `each` with every field of any request. `None` when it is no JSON object, possibly
/// after some fields.
pub(super) fn each_of_any(request: &str, each: impl FnMut(&str, Value<'_>)) -> Option<()> {
    let mut json = serde_json::Deserializer::from_str(request);
    Fields(each).deserialize(&mut json).ok()?;
    json.end().ok()
}

/// A position in a text that is JSON.
struct Scan<'r> {
    text: &'r str,
    at: usize,
}

impl<'r> Scan<'r> {
    fn fields(mut self, mut each: impl FnMut(&'r str, Value<'r>)) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_none() {
            loop {
                self.eat(b'"')?;
                let name = self.string()?;
                self.eat(b':')?;
                each(name, self.value()?);
                if self.eat(b',').is_none() {
                    self.eat(b'}')?;
                    break;
                }
            }
        }
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    fn space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// White space, then this byte.
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.space();
        let there = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there.then_some(())
    }

    /// What stands before the next quote.
    fn string(&mut self) -> Option<&'r str> {
        let rest = self.text.get(self.at..)?;
        let end = memchr2(b'"', b'\\', rest.as_bytes())?;
        let quote = rest.as_bytes().get(end) == Some(&b'"');
        self.at += end + 1;
        rest.get(..end).filter(|_| quote)
    }

    fn value(&mut self) -> Option<Value<'r>> {
        self.space();
        let rest = self.text.get(self.at..)?;
        let words = [
            ("null", Value::Missing),
            ("true", Value::Boolean(true)),
            ("false", Value::Boolean(false)),
        ];
        match rest.as_bytes().first()? {
            b'"' => {
                self.at += 1;
                self.string().map(Value::Text)
            }
            b'-' | b'0'..=b'9' => {
                let part =
                    |byte: &u8| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = rest.bytes().position(|byte| part(&byte))?;
                self.at += end;
                rest.get(..end).map(Value::Number)
            }
            _ => {
                let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
                self.at += word.len();
                Some(value)
            }
        }
    }
}

/// Reads an object field by field.
struct Fields<F>(F);

/// A string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'r>(#[serde(borrow)] Cow<'r, str>);

impl<'de, F: FnMut(&str, Value<'_>)> DeserializeSeed<'de> for Fields<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, Value<'_>)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            let value = value.get();
            match value.as_bytes().first() {
                Some(b'"') => {
                    let text = Text::deserialize(&mut serde_json::Deserializer::from_str(value))
                        .map_err(A::Error::custom)?;
                    (self.0)(&name, Value::Text(&text.0));
                }
                Some(b'[' | b'{') => (self.0)(&name, Value::Compound),
                Some(b'n') => (self.0)(&name, Value::Missing),
                Some(b't' | b'f') => (self.0)(&name, Value::Boolean(value == "true")),
                _ => (self.0)(&name, Value::Number(value)),
            }
        }
        Ok(())
    }
}
