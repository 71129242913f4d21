//! Recourse in an explanation: what the request asks for, and the JSON of the answer.

use std::borrow::Cow;

use model_core::decide::{
    Decider, MAX_REQUEST, repeated, shortened, write_refused_key, write_repeated_key, write_value,
};
use model_core::json::{self, JsonKind, Raw, Writer};
use model_core::schema::{Feature, Schema};

use crate::sweep::{Flip, flips};
use crate::{Action, Answer, Budget, MAX_CHANGES, MAX_OPTIONS, Plan, Request, actions, search};

const NOT_ACTIONABLE: &str = "The schema calls no feature actionable: there was nothing to try";
const ALL_FROZEN: &str = "All actionable features are frozen: there was nothing to try";
const UNSTATED: &str = " is not stated: what it would change was not looked at";
const SEVERAL_UNSTATED: &str = " are not stated: what they would change was not looked at";

/// What is wrong with a key: its name and a sentence.
type Refused = (&'static str, Cow<'static, str>);

/// Explains one decision, with recourse where the request asks for it: appends JSON to `out`
/// and returns the HTTP status, 200, 413 or 422.
///
/// The request is that of [`Decider::explain`]; its key `recourse` is `true`, or an object with
/// `freeze`, `max_changes` and `options`.
pub fn explain(decider: &mut Decider, request: &[u8], budget: Budget, out: &mut Vec<u8>) -> u16 {
    let asked = question(request, &decider.artifact().schema);
    let Some((application, value)) = asked else {
        return decider.explain(request, out);
    };
    if let (JsonKind::Object, Some(key)) = (value.kind(), repeated(value)) {
        return write_repeated_key(&key, out);
    }
    let wanted = match parse(value, &decider.artifact().schema) {
        Ok(wanted) => wanted,
        Err((key, message)) => return write_refused_key(key, &message, out),
    };
    let status = decider.explain(request, out);
    if let (200, Some(wanted)) = (status, wanted) {
        // Behind the last of the explanation's keys.
        out.pop();
        out.extend_from_slice(b",\"recourse\":");
        write(decider, application.as_bytes(), &wanted, budget, out);
        out.push(b'}');
    }
    status
}

/// The application and the key `recourse` of a request that has both.
fn question<'r>(request: &'r [u8], schema: &Schema) -> Option<(&'r str, Raw<'r>)> {
    const APPLICATION: &str = "application";
    if request.len() > MAX_REQUEST || schema.features.iter().any(|f| f.name == APPLICATION) {
        return None;
    }
    let object = json::parse(str::from_utf8(request).ok()?).ok()?;
    let field = |name: &str| {
        let mut fields = object.fields();
        fields.find(|(key, _)| key.text().as_deref() == Some(name))
    };
    Some((field(APPLICATION)?.1.json(), field("recourse")?.1))
}

/// Reads the key `recourse`; `false` and `null` ask for nothing.
fn parse(value: Raw<'_>, schema: &Schema) -> Result<Option<Request>, Refused> {
    let mut request = Request::default();
    match (value.kind(), value.json()) {
        (JsonKind::Null, _) | (JsonKind::Boolean, "false") => return Ok(None),
        (JsonKind::Boolean, _) => return Ok(Some(request)),
        (JsonKind::Object, _) => {}
        _ => {
            let message = "Input should be an object with freeze, max_changes and options";
            return Err(("recourse", message.into()));
        }
    }
    for (key, value) in value.fields() {
        match key.text().as_deref().unwrap_or_default() {
            "freeze" => request.freeze = frozen(value, schema)?,
            "max_changes" => request.max_changes = count("max_changes", value, 1, MAX_CHANGES)?,
            "options" => request.options = count("options", value, 0, MAX_OPTIONS)?,
            _ => {
                let message = "Unknown key: expected freeze, max_changes or options";
                return Err(("recourse", message.into()));
            }
        }
    }
    Ok(Some(request))
}

/// The names of features that are to stay.
fn frozen(value: Raw<'_>, schema: &Schema) -> Result<Vec<String>, Refused> {
    if value.kind() != JsonKind::Array {
        return Err(("freeze", "Input should be a list of features".into()));
    }
    let mut frozen = Vec::new();
    for item in value.items() {
        let name = item.text().unwrap_or_default().into_owned();
        if schema.features.iter().all(|feature| feature.name != name) {
            let mut message = "Unknown feature '".to_owned();
            message.push_str(&shortened(&name));
            message.push('\'');
            if let Some(nearest) = schema.nearest_feature(&name) {
                message.push_str(": did you mean '");
                message.push_str(nearest);
                message.push_str("'?");
            }
            return Err(("freeze", message.into()));
        }
        frozen.push(name);
    }
    Ok(frozen)
}

/// A whole number from `least` to `most`, a single digit.
fn count(key: &'static str, value: Raw<'_>, least: usize, most: usize) -> Result<usize, Refused> {
    let number = match value.json().as_bytes() {
        [digit @ b'0'..=b'9'] => usize::from(digit - b'0'),
        _ => usize::MAX,
    };
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    let message = match least {
        0 => "Input should be a whole number from 0 to 3",
        _ => "Input should be a whole number from 1 to 3",
    };
    Err((key, message.into()))
}

fn write(
    decider: &mut Decider,
    application: &[u8],
    request: &Request,
    budget: Budget,
    out: &mut Vec<u8>,
) {
    let Some(application) = decider.application(application) else {
        out.extend_from_slice(b"null");
        return;
    };
    let actions = actions(&decider.artifact().schema);
    let answer = search(decider, &actions, &application, request, budget);
    let flips = flips(decider, &actions, &application, budget);
    let inputs: Vec<&Feature> = decider.artifact().schema.inputs().collect();
    let frozen = request.frozen(&decider.artifact().schema);
    let is_frozen = |action: &Action| frozen.contains(&action.feature);
    Writer::new(out).object(|json| {
        write_answer(json, &inputs, &answer);
        if answer.impossible && actions.iter().all(is_frozen) {
            json.key("note").text(match actions.is_empty() {
                true => NOT_ACTIONABLE,
                false => ALL_FROZEN,
            });
        } else if !answer.unstated.is_empty() {
            let mut note = answer.unstated.join(", ");
            note.push_str(match answer.unstated.len() {
                1 => UNSTATED,
                _ => SEVERAL_UNSTATED,
            });
            json.key("note").text(&note);
        }
        json.key("flips").array(&flips, |json, flip: &Flip| {
            let feature = inputs[flip.input];
            json.object(|json| {
                json.key("feature").text(&feature.name);
                write_value(json.key("value"), feature, flip.value);
                json.key("outcome").text(flip.outcome.word());
            });
        });
    });
}

fn write_answer(json: &mut Writer<'_>, inputs: &[&Feature], answer: &Answer) {
    json.key("options")
        .array(&answer.options, |json, plan| write_plan(json, inputs, plan));
    json.key("impossible").boolean(answer.impossible);
    // Where the budget ended before the proof.
    if let Some(bound) = answer.lower_bound {
        json.key("lower_bound").number(bound);
    }
}

fn write_plan(json: &mut Writer<'_>, inputs: &[&Feature], plan: &Plan) {
    json.object(|json| {
        json.key("changes").array(&plan.changes, |json, change| {
            let feature = inputs[change.input];
            json.object(|json| {
                json.key("feature").text(&feature.name);
                write_value(json.key("from"), feature, change.from);
                write_value(json.key("to"), feature, change.to);
            });
        });
        json.key("cost").number(plan.cost);
        json.key("probability").number(plan.probability);
        json.key("proven").boolean(plan.proven);
    });
}
