//! A document from JSON.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Value;
use super::budget::{Budget, Items, Spent};
use crate::error::{ImportError, broken};

pub(super) fn read(bytes: &[u8]) -> Result<Value, ImportError> {
    let budget = Budget::for_file(bytes.len());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = AnyValue(&budget).deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        if budget.is_spent() {
            return budget.error();
        }
        let what = if error.is_eof() {
            "is truncated"
        } else {
            "is not JSON"
        };
        broken(format!("the file {what}: {error}"))
    })
}

#[derive(Clone, Copy)]
struct AnyValue<'b>(&'b Budget);

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.0.text(text).map_err(spent)?;
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Items::default();
        while let Some(value) = list.next_element_seed(self)? {
            items.push(value, self.0).map_err(spent)?;
        }
        items.list(self.0).map_err(spent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            self.0.text(&key).map_err(spent)?;
            let field = (key, map.next_value_seed(self)?);
            self.0.push(&mut fields, field).map_err(spent)?;
        }
        self.0.fit(&mut fields);
        Ok(Value::Object(fields))
    }
}

/// Only ends the reading: the budget itself says why.
fn spent<E: Error>(_: Spent) -> E {
    E::custom("it takes too much memory")
}
