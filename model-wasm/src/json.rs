//! JSON bytes as JavaScript objects, numbers to the bit, and applications as JSON.

use js_sys::{JSON, JsString, Number};
use model_core::decimal;
use model_core::json::{JsonKind, Raw, parse};
use serde::{Serialize, Serializer};
use wasm_bindgen::{JsCast, JsError, JsValue};

/// A plain object of what `json` says.
pub(crate) fn to_object(json: &[u8]) -> Result<JsValue, JsError> {
    let text = std::str::from_utf8(json)?;
    let value = parse(text).map_err(|invalid| JsError::new(invalid.reason))?;
    Ok(Json(value).serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}

/// An application as JSON; `None` where it cannot be written.
pub(crate) fn of_application(application: &JsValue) -> Option<String> {
    // `undefined` and functions are written as no JSON at all, without an error.
    let text = |json: JsString| JsValue::from(json).as_string();
    let written = text(JSON::stringify(application).ok()?)?;
    // As `JSON.stringify` writes an infinite number, which would be missing.
    if !written.contains("null") {
        return Some(written);
    }
    let mut replacer = |_, value: JsValue| Ok(Some(finite(value)));
    text(JSON::stringify_with_replacer_func(application, &mut replacer, None).ok()?)
}

/// What is written for a value: for an infinite number what is read as infinite, and refused.
fn finite(value: JsValue) -> JsValue {
    let boxed = || {
        value
            .is_instance_of::<Number>()
            .then(|| value.unchecked_into_f64())
    };
    match value.as_f64().or_else(boxed) {
        Some(f64::INFINITY) => "1e999".into(),
        Some(f64::NEG_INFINITY) => "-1e999".into(),
        _ => value,
    }
}

/// JSON that passes itself on. Numbers are rounded as JavaScript rounds them.
struct Json<'j>(Raw<'j>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = self.0;
        match raw.kind() {
            JsonKind::Null => serializer.serialize_unit(),
            JsonKind::Boolean => serializer.serialize_bool(raw.json() == "true"),
            JsonKind::Number => {
                // What the writer of JSON wrote is a number: no part of ours is lost here.
                serializer.serialize_f64(decimal::parse(raw.json()).unwrap_or(f64::NAN))
            }
            JsonKind::String => serializer.serialize_str(&raw.text().unwrap_or_default()),
            JsonKind::Array => serializer.collect_seq(raw.items().map(Json)),
            JsonKind::Object => {
                let fields = raw.fields();
                serializer.collect_map(fields.map(|(key, value)| (Json(key), Json(value))))
            }
        }
    }
}
