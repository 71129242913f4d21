//! A request's JSON as places in a window: read once, value by value, and nothing is kept.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use super::scan::Scan;
use crate::host::Answer;
use model_core::schema::{Feature, Kind, Schema};
use model_core::value::{Reading, Value, number_text, read};
use model_drift::live::{Cell, Shape};

use model_drift::sketch::{NOT_LISTED, Role, Sketch, boolean_texts};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The longest request that is read. A real one has some hundred bytes.
const LONGEST: usize = 64 << 10;

/// What is known of a model's columns before a request.
pub(super) struct Reader {
    fields: Vec<Field>,
    shape: Arc<Shape>,
    missing_words: Vec<String>,
    /// For each column, where it is counted when it does not come.
    absent: Vec<u32>,
    /// The column of the model's answers.
    prediction: Option<usize>,
}

/// A field that a request may have, and the column that counts it.
struct Field {
    feature: Feature,
    column: usize,
    /// Where each category, or `false` and `true`, is counted.
    codes: Vec<u32>,
    unknown: u32,
    invalid: u32,
}

impl Reader {
    pub(super) fn new(schema: &Schema, reference: &Sketch, shape: Arc<Shape>) -> Self {
        // Each of these has a place in every column.
        let place = |column, cell: Cell<'_>| shape.place(column, cell).unwrap_or(u32::MAX);
        let columns = || reference.columns.iter().enumerate();
        let fields = columns().filter_map(|(column, counted)| {
            let name = &counted.spec.name;
            let feature = schema.features.iter().find(|one| one.name == *name)?;
            let texts = match &feature.kind {
                Kind::Number(_) | Kind::Integer(_) => Vec::new(),
                Kind::Boolean => boolean_texts(),
                Kind::Category(categories) => categories.values.clone(),
            };
            Some(Field {
                codes: texts
                    .iter()
                    .map(|text| place(column, Cell::Text(text)))
                    .collect(),
                unknown: place(column, Cell::Text(NOT_LISTED)),
                invalid: place(column, Cell::Invalid),
                feature: feature.clone(),
                column,
            })
        });
        Self {
            fields: fields.collect(),
            missing_words: schema.missing_values.clone(),
            absent: columns()
                .map(|(column, _)| place(column, Cell::Missing))
                .collect(),
            prediction: columns()
                .find(|(_, column)| column.spec.role == Role::Prediction)
                .map(|(at, _)| at),
            shape,
        }
    }

    /// How many columns a window counts.
    pub(super) fn columns(&self) -> usize {
        self.absent.len()
    }

    /// Where each column of a request is counted; `None` when it is no JSON object, or far
    /// longer than an application is. `answer` is the model's answer to it.
    pub(super) fn places(&self, request: &[u8], answer: Answer<'_>) -> Option<Vec<u32>> {
        if request.len() > LONGEST {
            return None;
        }
        let request = std::str::from_utf8(request).ok()?;
        let mut places = self.absent.clone();
        if answer.status != 200 || self.scan(request, &mut places).is_none() {
            places.copy_from_slice(&self.absent);
            self.read(request, &mut places)?;
        }
        if let Some(column) = self.prediction {
            let answer = probability(answer);
            match answer.and_then(|answer| self.shape.place(column, Cell::Number(answer))) {
                Some(place) => places[column] = place,
                None => {
                    places.swap_remove(column);
                }
            }
        }
        Some(places)
    }

    /// An answered request in the common form.
    fn scan(&self, request: &str, places: &mut [u32]) -> Option<()> {
        // Clients mostly keep to the schema's order.
        let mut expected = 0;
        Scan::new(request).fields(|name, value| {
            let Some(at) = self.find(name, expected) else {
                return;
            };
            expected = at + 1;
            let one = self.one(at);
            let place = match value {
                Value::Text(text) => one.value(Value::from_text(text, &self.missing_words)),
                other => one.value(other),
            };
            one.put(place, places);
        })
    }

    /// Any request.
    fn read(&self, request: &str, places: &mut [u32]) -> Option<()> {
        let mut json = serde_json::Deserializer::from_str(request);
        let row = Row {
            reader: self,
            places,
        };
        row.deserialize(&mut json).ok()?;
        json.end().ok()
    }

    fn find(&self, name: &str, expected: usize) -> Option<usize> {
        let is = |field: &Field| field.feature.name == name;
        if self.fields.get(expected).is_some_and(is) {
            return Some(expected);
        }
        self.fields.iter().position(is)
    }

    fn one(&self, at: usize) -> One<'_> {
        One {
            reader: self,
            field: &self.fields[at],
        }
    }
}

/// The probability of an answer; none where the request was refused.
fn probability(answer: Answer<'_>) -> Option<f64> {
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"probability\":"));
    if answer.status != 200 {
        return None;
    }
    // The key cannot be found inside a string: a quote in a string is escaped.
    let at = KEY.find(answer.body)? + KEY.needle().len();
    let rest = answer.body.get(at..)?;
    let end = rest.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

/// The fields of one request.
struct Row<'r> {
    reader: &'r Reader,
    places: &'r mut [u32],
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(found) = map.next_key_seed(Name(self.reader))? {
            let Some(at) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let place = map.next_value_seed(self.reader.one(at))?;
            self.reader.one(at).put(place, self.places);
        }
        Ok(())
    }
}

/// A key: which field it is.
struct Name<'r>(&'r Reader);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.find(name, 0))
    }
}

/// A value of a field: where it is counted, nowhere when it is missing.
struct One<'r> {
    reader: &'r Reader,
    field: &'r Field,
}

impl One<'_> {
    fn put(&self, place: Option<u32>, places: &mut [u32]) {
        if let (Some(place), Some(counted)) = (place, places.get_mut(self.field.column)) {
            *counted = place;
        }
    }

    fn number(&self, number: f64) -> Option<u32> {
        match &self.field.feature.kind {
            Kind::Number(_) | Kind::Integer(_) => {
                let shape = &self.reader.shape;
                shape.place(self.field.column, Cell::Number(number))
            }
            _ => self.value(Value::Number(&number_text(number))),
        }
    }

    /// As the model reads it.
    fn value(&self, value: Value<'_>) -> Option<u32> {
        let field = self.field;
        let code = |code: f64| field.codes.get(code as usize).copied();
        match (read(&field.feature, value), &field.feature.kind) {
            (Ok(Reading::Missing), _) => None,
            (Ok(Reading::Is(number)), Kind::Number(_) | Kind::Integer(_)) => self.number(number),
            (Ok(Reading::Is(at)), _) => Some(code(at).unwrap_or(field.unknown)),
            (Ok(Reading::Unknown), _) => Some(field.unknown),
            (Err(_), _) => Some(field.invalid),
        }
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Option<u32>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Option<u32>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.value(Value::Boolean(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.value(Value::from_text(text, &self.reader.missing_words)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(self.field.invalid))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(self.field.invalid))
    }
}
