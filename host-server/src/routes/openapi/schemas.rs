//! The schemas that operations refer to.

use model_core::schema::MissingValues;
use serde_json::{Value, json};

use super::application;
use super::reference::reference;
use crate::host::Description;

/// All of them; those of applications and decisions as the model has them.
pub(super) fn all(model: Option<&Description>, missing: &MissingValues) -> Value {
    let mut schemas = json!({
        "Application": model.map_or(json!({ "type": "object" }), |model| application::schema(model, missing)),
        "Decision": application::decision(model),
        "Adjustment": adjustment(),
        "BatchAnswer": { "anyOf": [reference("Decision"), reference("RowError")] },
        "RowError": {
            "type": "object",
            "description": "Why a row of a batch was refused.",
            "required": ["detail", "row", "status"],
            "properties": {
                "detail": detail(),
                "row": { "type": "integer", "minimum": 0, "description": "Index of the row, from 0." },
                "status": { "type": "integer", "description": "The status of this row on its own." },
            },
        },
        "Question": {
            "anyOf": [reference("Application"), reference("FullQuestion")],
            "description": "An application, alone or with how it is to be explained.",
        },
        "FullQuestion": question(model),
        "Explanation": explanation(),
        "RecourseQuestion": recourse_question(model),
        "Recourse": recourse(),
        "Contribution": contribution(),
        "Reason": reason(),
        "Error": {
            "type": "object",
            "required": ["detail"],
            "properties": { "detail": { "type": "string", "description": "A sentence." } },
        },
        "ValidationError": {
            "type": "object",
            "required": ["detail"],
            "properties": { "detail": { "type": "array", "items": reference("Problem") } },
        },
        "AnyError": { "anyOf": [reference("Error"), reference("ValidationError")] },
        "Problem": problem(),
    });
    if let (Some(schemas), Value::Object(others)) = (schemas.as_object_mut(), of_the_server()) {
        schemas.extend(others);
    }
    schemas
}

/// What the server says of itself and of its models.
fn of_the_server() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": text });
    json!({
        "ModelId": {
            "type": "object",
            "required": ["name", "version", "digest"],
            "properties": {
                "name": text,
                "version": text,
                "digest": { "type": "string", "description": "Identifies the exact model that decided." },
            },
        },
        "Home": {
            "type": "object",
            "required": ["status", "name", "version", "model_loaded"],
            "properties": {
                "status": text,
                "name": text,
                "version": text,
                "description": text,
                "model_loaded": { "type": "boolean" },
                "model": reference("ModelId"),
            },
        },
        "Health": {
            "type": "object",
            "required": ["status"],
            "properties": { "status": text, "model": reference("ModelId") },
        },
        "Unhealthy": {
            "type": "object",
            "description": "No model can decide.",
            "additionalProperties": true,
        },
        "Models": {
            "type": "object",
            "required": ["models"],
            "properties": { "models": { "type": "array", "items": reference("Model") } },
        },
        "Model": {
            "type": "object",
            "required": ["name", "ready"],
            "properties": {
                "name": text,
                "ready": { "type": "boolean" },
                "default": { "type": "boolean", "description": "Whether it answers requests that name no model." },
                "version": { "type": "string", "description": "The version that answers." },
                "versions": { "type": "array", "items": reference("Version") },
                "challenger": { "anyOf": [reference("Challenger"), { "type": "null" }] },
            },
        },
        "Version": {
            "type": "object",
            "required": ["version", "model", "loaded"],
            "properties": {
                "version": text,
                "model": reference("ModelId"),
                "loaded": { "type": "boolean" },
            },
        },
        "Challenger": {
            "type": "object",
            "required": ["version", "mode"],
            "properties": {
                "version": text,
                "mode": { "type": "string", "enum": ["shadow", "canary"] },
            },
        },
        "Description": {
            "type": "object",
            "description": "Features, ranges, labels, policy, and where the model comes from.",
            "required": ["model", "features"],
            "properties": {
                "model": { "type": "object", "additionalProperties": true },
                "features": { "type": "array", "items": { "type": "object", "additionalProperties": true } },
            },
            "additionalProperties": true,
        },
        "Change": {
            "type": "object",
            "required": ["model", "serving", "loaded", "refused"],
            "properties": {
                "model": text,
                "serving": { "type": ["string", "null"], "description": "The version that answers now." },
                "loaded": texts,
                "refused": { "type": "array", "items": text, "description": "Why files were refused." },
                "lasting": { "type": "boolean", "description": "Of a rollback: whether it holds after a restart." },
                "advice": { "type": "string", "description": "What to do so that it does." },
            },
        },
        "Drift": {
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": text,
                "dataset_drift": { "type": ["boolean", "null"] },
            },
            "additionalProperties": true,
        },
    })
}

/// A value of a request or of a decision.
fn value() -> Value {
    json!({ "type": ["number", "string", "boolean", "null"], "format": "double" })
}

fn adjustment() -> Value {
    json!({
        "type": "object",
        "description": "A value that a policy of the schema imputed, mapped, moved or replaced.",
        "required": ["feature", "kind", "policy", "to"],
        "properties": {
            "feature": { "type": "string" },
            "kind": { "type": "string", "enum": ["missing", "unknown", "out_of_range", "mismatch"] },
            "policy": { "type": "string", "description": "What the schema says is done then." },
            "from": { "description": "What came; absent where nothing did.", "type": ["number", "string", "boolean", "null"], "format": "double" },
            "to": value(),
        },
    })
}

fn detail() -> Value {
    json!({ "anyOf": [
        { "type": "string", "description": "A sentence." },
        { "type": "array", "items": reference("Problem") },
    ] })
}

/// FastAPI's.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "loc", "msg"],
        "properties": {
            "type": { "type": "string" },
            "loc": { "type": "array", "items": { "type": ["string", "integer"] } },
            "msg": { "type": "string" },
            "input": { "description": "What came." },
        },
    })
}

fn question(model: Option<&Description>) -> Value {
    let mut language = json!({ "type": "string", "description": "Of the reasons; default: the first of the model's." });
    if let Some(model) = model
        && !model.languages.is_empty()
    {
        language["enum"] = json!(model.languages);
    }
    json!({
        "type": "object",
        "required": ["application"],
        "properties": {
            "application": reference("Application"),
            "language": language,
            "recourse": { "anyOf": [{ "type": "boolean" }, reference("RecourseQuestion"), { "type": "null" }] },
        },
        "additionalProperties": false,
    })
}

fn recourse_question(model: Option<&Description>) -> Value {
    let mut field = json!({ "type": "string" });
    if let Some(model) = model {
        let names = model.input_features().map(|feature| feature.name.as_str());
        field["enum"] = json!(names.collect::<Vec<_>>());
    }
    json!({
        "type": "object",
        "description": "What may be proposed.",
        "properties": {
            "freeze": { "type": "array", "items": field, "description": "Fields that are to stay as they are." },
            "max_changes": { "type": "integer", "minimum": 1, "maximum": 3 },
            "options": { "type": "integer", "minimum": 0, "maximum": 3, "description": "Options to look for; with 0 only the flips are computed." },
        },
        "additionalProperties": false,
    })
}

fn recourse() -> Value {
    json!({
        "type": "object",
        "description": "What would change the decision.",
        "required": ["options", "impossible", "flips"],
        "properties": {
            "options": { "type": "array", "items": { "type": "object", "additionalProperties": true } },
            "impossible": { "type": "boolean", "description": "Whether it is proved that nothing within reach is approved; never where an actionable field is neither stated nor frozen." },
            "note": { "type": "string", "description": "The actionable fields that are not stated, and so were not changed; or why there was nothing to try." },
            "lower_bound": { "type": "number", "format": "double" },
            "flips": { "type": "array", "items": { "type": "object", "additionalProperties": true } },
        },
    })
}

fn contribution() -> Value {
    json!({
        "type": "object",
        "required": ["feature", "contribution"],
        "properties": {
            "feature": { "type": "string" },
            "value": value(),
            "contribution": { "type": "number", "format": "double", "description": "What it adds to the margin." },
        },
    })
}

fn reason() -> Value {
    json!({
        "type": "object",
        "required": ["code", "text", "features"],
        "properties": {
            "code": { "type": "string" },
            "text": { "type": "string" },
            "features": { "type": "array", "items": { "type": "string" } },
            "share": { "type": ["number", "null"], "format": "double", "description": "Its part of what counted against the application." },
        },
    })
}

fn explanation() -> Value {
    json!({
        "type": "object",
        "description": "See docs/reference/explanations.md.",
        "required": ["decision", "scale", "margin", "margin_threshold", "base", "compared_with", "contributions", "reasons"],
        "properties": {
            "decision": reference("Decision"),
            "scale": { "type": "string", "enum": ["log_odds", "mean"] },
            "margin": { "type": "number", "format": "double" },
            "margin_threshold": { "type": ["number", "null"], "format": "double" },
            "base": { "type": "number", "format": "double" },
            "compared_with": { "type": "object", "additionalProperties": true },
            "contributions": { "type": "array", "items": reference("Contribution") },
            "reasons": { "anyOf": [{ "type": "array", "items": reference("Reason") }, { "type": "null" }] },
            "note": { "type": "string" },
            "recourse": reference("Recourse"),
        },
    })
}
