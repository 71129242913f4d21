//! Records of what happened to a decision, as JSON.

use model_log::{Body, Found, Kind, Opened, Role, event};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{minute_text, time_text};

/// What a person decided or proposed.
pub(super) fn persons_decision(opened: &Opened) -> Value {
    let mut shown = said(opened);
    shown["index"] = opened.index.into();
    shown["time"] = time(opened).into();
    shown
}

/// What a person said, and the second one; where that was erased, the outcome is left of it.
fn said(opened: &Opened) -> Value {
    let said: Option<event::Override> = event(opened);
    let said = said.as_ref();
    let note = |note: Option<&String>| text(note.map_or("", |note| note));
    json!({
        "outcome": opened.outcome,
        "by": said.map(|said| &said.by),
        "role": said.map(|said| &said.role),
        "reason": said.map(|said| &said.reason),
        "note": note(said.map(|said| &said.note)),
        "seconded_by": said.map(|said| &said.seconded_by),
        "seconded_role": note(said.map(|said| &said.seconded_role)),
        "seconded_reason": said.map(|said| &said.seconded_reason),
        "seconded_note": note(said.map(|said| &said.seconded_note)),
    })
}

/// A record in a decision's history.
pub(super) fn history(opened: &Opened) -> Value {
    let mut shown = json!({
        "index": opened.index,
        "time": time(opened),
        "kind": kind(opened.kind),
        "by": null,
        "role": null,
        "note": null,
    });
    let more = match opened.kind {
        Kind::Override | Kind::Proposal => Some(decided(opened)),
        Kind::Notice => event(opened).map(|notice: event::Notice| {
            json!({
                "by": notice.by, "note": text(&notice.note),
                "method": notice.method, "sent": text(&notice.sent),
            })
        }),
        Kind::Performance => event(opened).map(|loan: event::Performance| {
            json!({
                "by": loan.by, "note": text(&loan.note),
                "outcome": loan.result, "on": text(&loan.on),
            })
        }),
        Kind::Hold | Kind::Release => {
            event(opened).map(|hold: event::Hold| json!({ "by": hold.by, "note": hold.because }))
        }
        Kind::Erasure => event(opened)
            .map(|erasure: event::Erasure| json!({ "by": erasure.by, "note": erasure.because })),
        Kind::Decision => Some(json!({
            "outcome": opened.outcome,
            "model": opened.body.as_ref().map(model),
        })),
        _ => None,
    };
    if let (Some(Value::Object(more)), Some(shown)) = (more, shown.as_object_mut()) {
        shown.extend(more);
    }
    shown
}

/// A hold, a release or an erasure in a decision's history that cannot be read, and may be about
/// another one.
pub(super) fn unreadable(change: &Found) -> Value {
    json!({
        "index": change.index,
        "time": minute_text(change.minute),
        "kind": "unreadable",
        "by": null,
        "role": null,
        "note": null,
        "change": kind(change.kind),
    })
}

fn decided(opened: &Opened) -> Value {
    let mut shown = said(opened);
    let step = match opened.kind {
        Kind::Proposal => "proposed",
        _ if !shown["seconded_by"].is_null() => "confirmed",
        _ => "decided",
    };
    shown["step"] = step.into();
    shown
}

/// The kind as people see it.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Proposal => "override",
        Kind::Erasure => "erased",
        // Of all decisions only those of a shadow are about another one.
        Kind::Decision => "shadow",
        other => other.name(),
    }
}

/// What a record of another kind than an answer says.
pub(super) fn event<T: DeserializeOwned>(opened: &Opened) -> Option<T> {
    let event = opened.body.as_ref()?.details.event.clone()?;
    serde_json::from_value(event).ok()
}

/// When it happened: to the minute where the content was erased.
pub(super) fn time(opened: &Opened) -> String {
    match &opened.body {
        Some(body) => time_text(body.details.time),
        None => minute_text(opened.minute),
    }
}

/// The name and version of the model that answered, by its own answer.
pub(super) fn model(body: &Body) -> Value {
    let answer: Value = serde_json::from_slice(&body.answer).unwrap_or_default();
    let part = |key: &str| answer["model"][key].clone();
    json!({ "name": part("name"), "version": part("version") })
}

/// As routes call it.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Champion => "champion",
        Role::Canary => "canary",
        Role::Shadow => "shadow",
        Role::Version => "version",
    }
}

/// A text that may be absent.
pub(super) fn text(text: &str) -> Value {
    match text.is_empty() {
        true => Value::Null,
        false => text.into(),
    }
}
