//! The routes of the decision log, of a server that keeps one.

use serde_json::{Value, json};

use super::reference::reference;

/// Adds them, and what they refer to, to the document's paths and schemas.
pub(super) fn add(paths: &mut Value, schemas: &mut Value) {
    schemas["PersonsDecision"] = persons_decision();
    for (path, method, mut operation) in [
        (
            "/log/checkpoint",
            "get",
            text("log_checkpoint", "The last signed checkpoint"),
        ),
        (
            "/log/key",
            "get",
            text("log_key", "The public key of the checkpoints"),
        ),
        (
            "/log/hold",
            "post",
            change("log_hold", "Put records on hold: they cannot be erased"),
        ),
        ("/log/release", "post", change("log_release", "Lift holds")),
        (
            "/log/erase",
            "post",
            change("log_erase", "Erase the content of records"),
        ),
        ("/log/retain", "get", retain()),
        ("/decisions", "get", queue()),
        (
            "/decisions/me",
            "get",
            of_people("decisions_me", "The person who asks"),
        ),
        (
            "/decisions/log",
            "get",
            of_people("decisions_log", "Whether the decision log is sound"),
        ),
        ("/decisions/{index}", "get", one()),
        ("/decisions/{index}/override", "post", decide()),
        ("/decisions/{index}/notice", "post", notice()),
        ("/decisions/{index}/performance", "post", perform()),
    ] {
        if path.contains("{index}") {
            let index = json!({
                "name": "index", "in": "path", "required": true,
                "schema": { "type": "integer", "minimum": 0 },
            });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.insert(0, index),
                None => operation["parameters"] = json!([index]),
            }
        }
        paths[path] = json!({ method: operation });
    }
}

fn operation(id: &str, summary: &str, status: &str, content_type: &str, schema: &Value) -> Value {
    json!({
        "operationId": id,
        "summary": summary,
        "responses": {
            status: {
                "description": "The requested information.",
                "content": { content_type: { "schema": schema } },
            },
            "default": {
                "description": "The request failed; `detail` says why.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    })
}

fn text(id: &str, summary: &str) -> Value {
    operation(
        id,
        summary,
        "200",
        "text/plain",
        &json!({ "type": "string" }),
    )
}

fn of_people(id: &str, summary: &str) -> Value {
    let object = json!({ "type": "object" });
    let mut operation = operation(id, summary, "200", "application/json", &object);
    operation["description"] = "Needs the key of a person.".into();
    operation
}

fn retain() -> Value {
    let indexes = json!({ "type": "array", "items": { "type": "integer" } });
    let summary = "Records that are beyond retention";
    let mut operation = operation("log_retain", summary, "200", "application/json", &indexes);
    operation["parameters"] = json!([parameter(
        "months",
        &json!({ "type": "integer", "minimum": 1 })
    )]);
    operation["responses"]["200"]["headers"] = json!({
        "x-decision-log-id": { "description": "Which log the indexes are of.", "schema": log() },
    });
    operation
}

fn parameter(name: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": schema })
}

/// Which log it is about.
fn log() -> Value {
    json!({
        "type": "string",
        "description": "Which decision log: name and id of its key, the first two parts of `GET /log/key`.",
    })
}

/// The same in a body that changes something.
fn named_log() -> Value {
    json!({
        "type": ["string", "null"],
        "description": "`log` of the answer that the index is from. 409 where this server has another log; without it, the index is one of this server's log.",
    })
}

/// What a decision's line and the decision itself have in common.
fn decision() -> Value {
    let said = json!({ "anyOf": [reference("PersonsDecision"), { "type": "null" }] });
    json!({
        "type": "object",
        "required": ["index", "time", "outcome", "state", "proposal", "decided"],
        "properties": {
            "index": { "type": "integer", "minimum": 0 },
            "time": { "type": "string", "format": "date-time" },
            "outcome": {
                "enum": ["approve", "refer", "decline"],
                "description": "By the model and its rules.",
            },
            "state": { "enum": ["open", "proposed", "decided", "erased"] },
            "proposal": said,
            "decided": said,
            "unreadable": {
                "type": "boolean",
                "description": "In a list: something of it cannot be read now.",
            },
        },
    })
}

/// What a person decided or proposed, and who confirmed it.
fn persons_decision() -> Value {
    let text =
        |description: &str| json!({ "type": ["string", "null"], "description": description });
    json!({
        "type": "object",
        "description": "What a person decided or proposed. Of an erased record, index, time and outcome are left.",
        "required": [
            "index", "time", "outcome", "by", "role", "reason", "note",
            "seconded_by", "seconded_role", "seconded_reason", "seconded_note",
        ],
        "properties": {
            "index": { "type": "integer", "minimum": 0, "description": "Index of its own record." },
            "time": { "type": "string", "format": "date-time" },
            "outcome": { "enum": ["approve", "decline"] },
            "by": text("Name of the person; with four eyes, of the one who proposed."),
            "role": text("Role of this person: `officer` or `reviewer`."),
            "reason": text("Reason code of this person."),
            "note": text("Note of this person."),
            "seconded_by": text("With four eyes, name of the person who confirmed the proposal."),
            "seconded_role": text("Role of the second person."),
            "seconded_reason": text("Reason code of the second person."),
            "seconded_note": text("Note of the second person."),
        },
    })
}

fn one() -> Value {
    let mut schema = decision();
    schema["properties"]["log"] = log();
    schema["properties"]["hold"] = json!({
        "type": ["boolean", "null"],
        "description": "Whether it is on hold; null where that is not known, since a hold or a release cannot be read.",
    });
    schema["properties"]["model"] = model();
    schema["properties"]["reasons"] = json!({
        "description": "Of the answer, or else of the explanation.",
        "anyOf": [{ "type": "array", "items": reference("Reason") }, { "type": "null" }],
    });
    schema["properties"]["explanation"] = json!({
        "description": "By the model that decided; null where it is not available or cannot explain.",
        "anyOf": [reference("Explanation"), { "type": "null" }],
    });
    schema["properties"]["history"] = json!({
        "type": "array",
        "description": "What happened since, oldest first, at most 200 records. An override has the fields of `PersonsDecision`, and a step: decided, proposed or confirmed. One of the kind `unreadable` is a hold, release or erasure (`change`) that cannot be read, and may be about another decision.",
        "items": { "type": "object" },
    });
    schema["properties"]["earlier"] = json!({
        "description": "Where there is more of the history: what to send as `before` for it.",
        "type": ["integer", "null"],
    });
    let summary = "One decision with its history";
    let mut operation = of_people("decision", summary);
    operation["parameters"] = json!([parameter(
        "before",
        &json!({ "type": "integer", "minimum": 0 })
    )]);
    operation["responses"]["200"]["content"]["application/json"]["schema"] = schema;
    operation
}

/// The model that decided.
fn model() -> Value {
    json!({
        "type": "object",
        "required": ["name", "version", "file_sha256", "policy_digest", "available"],
        "properties": {
            "name": { "type": ["string", "null"] },
            "version": { "type": ["string", "null"] },
            "file_sha256": { "type": "string", "description": "SHA-256 of its file, in hexadecimal." },
            "policy_digest": { "type": ["string", "null"] },
            "available": {
                "type": "boolean",
                "description": "Whether its file could be loaded, from the place it is served from or from the log's folder. Where not, the explanation and the texts of rules are null, and so are reasons that the answer does not have.",
            },
        },
    })
}

fn queue() -> Value {
    let mut operation = of_people("decisions", "Recorded decisions, a page at a time");
    let number = json!({ "type": "integer", "minimum": 0 });
    operation["responses"]["200"]["content"]["application/json"]["schema"] = json!({
        "type": "object",
        "required": ["log", "decisions", "next", "open", "proposed"],
        "properties": {
            "log": log(),
            "decisions": { "type": "array", "items": decision() },
            "next": { "type": ["integer", "null"], "description": "The `after` of the next page." },
            "open": number,
            "proposed": number,
        },
    });
    operation["parameters"] = json!([
        parameter(
            "outcome",
            &json!({ "enum": ["approve", "refer", "decline"] })
        ),
        parameter(
            "state",
            &json!({ "type": "string", "examples": ["open,proposed"] })
        ),
        parameter("order", &json!({ "enum": ["oldest", "newest"] })),
        parameter("after", &number),
        parameter(
            "limit",
            &json!({ "type": "integer", "minimum": 1, "maximum": 200 })
        ),
    ]);
    operation
}

/// What is posted: its fields, of which the first `required` must be there.
fn with_body(mut operation: Value, required: &[&str], properties: Value) -> Value {
    let schema = json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    });
    operation["requestBody"] = json!({
        "required": true,
        "content": { "application/json": { "schema": schema } },
    });
    operation
}

fn change(id: &str, summary: &str) -> Value {
    let changed = json!({ "type": "object", "properties": {
        "index": { "type": "integer" }, "records": { "type": "integer" },
    } });
    let mut operation = operation(id, summary, "200", "application/json", &changed);
    operation["description"] = "Needs the admin key.".into();
    let properties = json!({
        "log": named_log(),
        "indexes": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
        "because": { "type": "string", "minLength": 1 },
        "before_term": { "type": "boolean" },
    });
    with_body(operation, &["indexes", "because"], properties)
}

/// What a person says is answered with where it is recorded.
fn say(id: &str, summary: &str) -> Value {
    let said = json!({ "type": "object", "properties": {
        "log": log(),
        "index": { "type": "integer" },
        "leaf": { "type": "string" },
        "state": { "enum": ["open", "proposed", "decided"] },
    } });
    let mut operation = operation(id, summary, "201", "application/json", &said);
    operation["description"] = "Needs the key of a person.".into();
    operation
}

fn decide() -> Value {
    let properties = json!({
        "log": named_log(),
        "outcome": { "enum": ["approve", "decline"] },
        "reason": { "type": "string", "description": "A code of `GET /decisions/me`." },
        "note": { "type": ["string", "null"], "maxLength": 4000 },
    });
    let operation = say("decision_override", "Decide otherwise than the model");
    with_body(operation, &["outcome", "reason"], properties)
}

fn notice() -> Value {
    let properties = json!({
        "log": named_log(),
        "method": { "type": "string", "minLength": 1, "maxLength": 64 },
        "sent": { "type": ["string", "null"], "format": "date-time" },
        "note": { "type": ["string", "null"], "maxLength": 4000 },
    });
    with_body(
        say("decision_notice", "The applicant was told"),
        &["method"],
        properties,
    )
}

fn perform() -> Value {
    let properties = json!({
        "log": named_log(),
        "outcome": { "enum": ["repaid", "defaulted"] },
        "on": { "type": ["string", "null"], "format": "date" },
        "note": { "type": ["string", "null"], "maxLength": 4000 },
    });
    with_body(
        say("decision_performance", "How the loan went"),
        &["outcome"],
        properties,
    )
}
