//! Recourse in an explanation: what the request asks for, and the JSON of the answer.

use super::Decider;
use super::answer::write_value;
use super::problem::Problem;
use crate::json::{JsonKind, Raw, Writer};
use crate::recourse::{
    Action, Answer, Flip, MAX_CHANGES, MAX_OPTIONS, Plan, Request, actions, flips, search,
};
use crate::schema::Schema;

/// Reads the key `recourse` of a request: an object with `freeze`, `max_changes` and `options`,
/// or `true` for the defaults; `false` and `null` ask for nothing.
pub(super) fn parse(value: Raw<'_>, schema: &Schema) -> Result<Option<Request>, Problem> {
    let mut request = Request::default();
    match (value.kind(), value.json()) {
        (JsonKind::Null, _) | (JsonKind::Boolean, "false") => return Ok(None),
        (JsonKind::Boolean, _) => return Ok(Some(request)),
        (JsonKind::Object, _) => {}
        _ => {
            let message = "Input should be an object with freeze, max_changes and options";
            return Err(Problem::in_question("recourse", message));
        }
    }
    for (key, value) in value.fields() {
        match key.text().as_deref().unwrap_or_default() {
            "freeze" => request.freeze = frozen(value, schema)?,
            "max_changes" => request.max_changes = count("max_changes", value, MAX_CHANGES)?,
            "options" => request.options = count("options", value, MAX_OPTIONS)?,
            other => {
                let message = "Unknown key: expected freeze, max_changes or options";
                return Err(Problem::in_question(other, message));
            }
        }
    }
    Ok(Some(request))
}

/// The names of features that are to stay.
fn frozen(value: Raw<'_>, schema: &Schema) -> Result<Vec<String>, Problem> {
    if value.kind() != JsonKind::Array {
        let message = "Input should be a list of features";
        return Err(Problem::in_question("freeze", message));
    }
    let mut frozen = Vec::new();
    for item in value.items() {
        let name = item.text().unwrap_or_default().into_owned();
        if schema.features.iter().all(|feature| feature.name != name) {
            let mut message = "Unknown feature".to_owned();
            if let Some(nearest) = schema.nearest_feature(&name) {
                message.push_str(": did you mean '");
                message.push_str(nearest);
                message.push_str("'?");
            }
            return Err(Problem::in_question("freeze", message));
        }
        frozen.push(name);
    }
    Ok(frozen)
}

/// A whole number from 1 to `most`, a single digit.
fn count(key: &'static str, value: Raw<'_>, most: usize) -> Result<usize, Problem> {
    let number = match value.json().as_bytes() {
        [digit @ b'1'..=b'9'] => usize::from(digit - b'0'),
        _ => 0,
    };
    if (1..=most).contains(&number) {
        return Ok(number);
    }
    let message = "Input should be a whole number from 1 to 3";
    Err(Problem::in_question(key, message))
}

impl Decider {
    /// The recourse of the application as JSON.
    pub(super) fn recourse(&mut self, application: &[u8], request: &Request, out: &mut Vec<u8>) {
        let Some(application) = self.application(application) else {
            out.extend_from_slice(b"null");
            return;
        };
        let actions: Vec<Action> = actions(&self.artifact.schema);
        let budget = self.budget;
        let answer = search(self, &actions, &application, request, budget);
        let flips = flips(self, &actions, &application, budget);
        Writer::new(out).object(|json| {
            json.key("options")
                .array(&answer.options, |json, plan| self.write_plan(json, plan));
            json.key("impossible").boolean(answer.impossible);
            self.write_bound(json, &answer);
            json.key("flips")
                .array(&flips, |json, flip| self.write_flip(json, flip));
        });
    }

    fn write_plan(&self, json: &mut Writer<'_>, plan: &Plan) {
        json.object(|json| {
            json.key("changes").array(&plan.changes, |json, change| {
                let feature = &self.inputs[change.input];
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

    /// What is said where the budget ended before the proof.
    fn write_bound(&self, json: &mut Writer<'_>, answer: &Answer) {
        if let Some(bound) = answer.lower_bound {
            json.key("lower_bound").number(bound);
        }
    }

    fn write_flip(&self, json: &mut Writer<'_>, flip: &Flip) {
        let feature = &self.inputs[flip.input];
        json.object(|json| {
            json.key("feature").text(&feature.name);
            write_value(json.key("value"), feature, flip.value);
            json.key("outcome").text(flip.outcome.word());
        });
    }
}
