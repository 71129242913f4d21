//! JSON bytes as JavaScript objects, numbers to the bit.

use model_core::decimal;
use model_core::json::{JsonKind, Raw, parse};
use serde::{Serialize, Serializer};
use wasm_bindgen::{JsError, JsValue};

/// A plain object of what `json` says.
pub(crate) fn to_object(json: &[u8]) -> Result<JsValue, JsError> {
    let text = std::str::from_utf8(json)?;
    let value = parse(text).map_err(|invalid| JsError::new(invalid.reason))?;
    Ok(Json(value).serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
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
