//! How one part of the document names another.

use serde_json::{Value, json};

/// `#/components/schemas/NAME`
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
