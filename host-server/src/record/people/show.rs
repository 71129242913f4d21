//! One decision with everything that is recorded about it.

use std::sync::Arc;

use model_log::{Body, Found, Kind, Opened, Query, Reader};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::case::Case;
use super::change::learn;
use super::event::{self as told, model, persons_decision, role, text, time, unreadable};
use super::refuse;
use crate::http::error::ApiError;
use crate::record::log::DecisionLog;
use crate::record::queue::{Naming, State};

/// The most records of a history in one answer, the last ones: a note may have 16 KB.
const LONGEST_HISTORY: usize = 200;

/// A decision as it is shown.
pub(crate) struct Shown {
    /// Which file decided.
    pub(crate) file: [u8; 32],
    /// What it was given; nothing where that was erased.
    pub(crate) request: Vec<u8>,
    /// Whether its content was erased.
    pub(crate) is_erased: bool,
    head: Value,
    raw: Option<Raw>,
}

/// The bytes, as they were.
#[derive(Serialize)]
struct Raw {
    request: Box<RawValue>,
    answer: Box<RawValue>,
}

/// What of a decision only its model can say.
pub(crate) struct Explained {
    /// The text of each rule that matched.
    pub(crate) rules: Vec<(String, String)>,
    /// The whole explanation, JSON.
    pub(crate) explanation: Option<Vec<u8>>,
}

/// Reads a decision and the end of its history, or of the part before a record.
///
/// # Errors
/// When there is no such decision, or the log cannot be read.
pub(crate) fn show(log: &DecisionLog, index: u64, before: Option<u64>) -> Result<Shown, ApiError> {
    let reader = log.reader();
    let mut opener = reader.opener();
    let case = Case::find(log, index)?;
    let opened = opener.record(index).map_err(refuse)?;
    let state = case.standing.state;
    let changes = changes(log, &reader, &case.decision)?;
    let is_held = is_held(&reader, &changes)?;
    let said = case.linked.iter().map(|linked| linked.index);
    let said = said.chain(shadows(log, &reader, index)?);
    let mut about: Vec<(u64, Option<Arc<Value>>)> = said.map(|index| (index, None)).collect();
    about.extend(changes.into_iter().map(|one| (one.change, one.told)));
    about.retain(|(index, _)| before.is_none_or(|before| *index < before));
    about.sort_by_key(|(index, _)| *index);
    let shown = about.split_off(about.len().saturating_sub(LONGEST_HISTORY));
    let earlier = shown.first().filter(|_| !about.is_empty());
    let earlier = earlier.map(|(index, _)| *index);
    let history = shown.into_iter().map(|(index, known)| match known {
        Some(known) => Ok(Value::clone(&known)),
        None => Ok(told::history(&opener.record(index).map_err(refuse)?)),
    });
    let history = history.collect::<Result<Vec<Value>, ApiError>>()?;
    let mut said = |record: Option<u64>| -> Result<Option<Value>, ApiError> {
        let opened = record.map(|record| opener.record(record).map_err(refuse));
        Ok(opened.transpose()?.map(|opened| persons_decision(&opened)))
    };
    let mut head = json!({
        "log": log.id(),
        "index": index,
        "time": time(&opened),
        "leaf": opened.leaf,
        "state": state.as_str(),
        "outcome": opened.outcome,
        "proposal": said(case.standing.proposed)?,
        "decided": said(case.standing.settled)?,
        "hold": is_held,
        "history": history,
        "earlier": earlier,
    });
    if let (Some(body), Some(head)) = (&opened.body, head.as_object_mut())
        && let Value::Object(more) = content(&opened, body)
    {
        head.extend(more);
    }
    let file = opened.model.0;
    let is_erased = state == State::Erased || opened.body.is_none();
    let raw = opened.body.as_ref().map(|body| Raw {
        request: raw(&body.request),
        answer: raw(&body.answer),
    });
    Ok(Shown {
        file,
        request: opened.body.map(|body| body.request).unwrap_or_default(),
        is_erased,
        head,
        raw,
    })
}

/// What was sealed with the bytes.
fn content(opened: &Opened, body: &Body) -> Value {
    let answer: Value = serde_json::from_slice(&body.answer).unwrap_or_default();
    let details = &body.details;
    let mut model = model(body);
    model["file_sha256"] = json!(opened.model);
    model["policy_digest"] = match opened.policy.is_none() {
        true => Value::Null,
        false => json!(opened.policy),
    };
    json!({
        "probability": answer["probability"],
        "route": details.route,
        "role": role(details.role),
        "row": details.row,
        "request_id": text(&details.request_id),
        "application_id": text(&details.application),
        "caller": text(&details.caller),
        "model": model,
        "status": details.status,
        "rules": answer["rules"],
        "reasons": answer["reasons"],
    })
}

/// What challengers in the shadow answered the same.
fn shadows(log: &DecisionLog, reader: &Reader, index: u64) -> Result<Vec<u64>, ApiError> {
    let among = log.queue().map_err(refuse)?.shadows(index);
    let query = Query {
        kinds: vec![Kind::Decision],
        link: Some(index),
        from: among.start,
        to: Some(among.end),
        ..Query::default()
    };
    let found = reader.search(&query).map_err(refuse)?.into_iter();
    Ok(found.map(|found| found.index).collect())
}

/// Holds, releases and erasures that name the decision, and those that may: they cannot be read.
fn changes(log: &DecisionLog, reader: &Reader, decision: &Found) -> Result<Vec<Naming>, ApiError> {
    let mut opener = reader.opener();
    let mut changes = Vec::new();
    // What is learned of a change goes into the queue, so that it is not held meanwhile.
    let known = log.queue().map_err(refuse)?.changes(decision.index);
    for mut one in known {
        if !one.is_known {
            let change = reader.found(one.change).map_err(refuse)?;
            // An erasure that named it would have erased it.
            if change.kind == Kind::Erasure && !decision.erased {
                continue;
            }
            let opened = opener.record(one.change);
            match opened.and_then(|opened| learn(log, &opened)) {
                Ok(names) if !names.contains(&decision.index) => continue,
                Ok(_) => one.is_known = true,
                Err(error) if error.is_lasting() => one.told = Some(unreadable(&change).into()),
                Err(error) => return Err(refuse(error)),
            }
        }
        changes.push(one);
    }
    Ok(changes)
}

/// Whether the last hold or release is a hold; `None` where that one cannot be read.
fn is_held(reader: &Reader, changes: &[Naming]) -> Result<Option<bool>, ApiError> {
    for one in changes.iter().rev() {
        match reader.found(one.change).map_err(refuse)?.kind {
            Kind::Hold | Kind::Release if !one.is_known => return Ok(None),
            Kind::Hold => return Ok(Some(true)),
            Kind::Release => return Ok(Some(false)),
            _ => {}
        }
    }
    Ok(Some(false))
}

impl Shown {
    /// The codes of the rules that matched.
    pub(crate) fn rules(&self) -> Vec<String> {
        let codes = self.head["rules"].as_array().into_iter().flatten();
        let codes = codes.filter_map(Value::as_str);
        codes.map(str::to_owned).collect()
    }

    /// As JSON, with what its model says, where that can be loaded.
    pub(crate) fn into_json(mut self, explained: Option<Explained>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            head: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            request: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            answer: Option<&'a RawValue>,
            explanation: Option<&'a RawValue>,
        }
        self.head["model"]["available"] = json!(explained.is_some());
        let (known, explanation) = match explained {
            Some(Explained { rules, explanation }) => (rules, explanation),
            None => (Vec::new(), None),
        };
        let codes = self.rules();
        let rules = codes.iter().map(|code| {
            // Rules may share a code: which of them matched is not in the answer.
            let known = known.iter().filter(|(known, _)| known == code);
            let mut texts: Vec<&str> = Vec::new();
            for (_, text) in known.filter(|(_, text)| !text.is_empty()) {
                if !texts.contains(&text.as_str()) {
                    texts.push(text);
                }
            }
            let text = texts.join(" / ");
            json!({ "code": code, "text": (!text.is_empty()).then_some(text) })
        });
        self.head["rules"] = rules.collect();
        let explanation = explanation.map(|bytes| raw(&bytes));
        if self.head["reasons"].is_null()
            && let Some(explanation) = &explanation
        {
            let whole: Value = serde_json::from_str(explanation.get()).unwrap_or_default();
            self.head["reasons"] = whole["reasons"].clone();
        }
        let whole = Whole {
            head: &self.head,
            request: self.raw.as_ref().map(|raw| &*raw.request),
            answer: self.raw.as_ref().map(|raw| &*raw.answer),
            explanation: explanation.as_deref(),
        };
        serde_json::to_vec(&whole).unwrap_or_default()
    }

    /// What is left of an erased decision, as JSON.
    pub(crate) fn to_gone(&self) -> Vec<u8> {
        let part = |key: &str| self.head[key].clone();
        let gone = json!({
            "detail": format!("Decision {} was erased", self.head["index"]),
            "log": part("log"), "index": part("index"), "leaf": part("leaf"), "outcome": part("outcome"),
            "state": "erased", "history": part("history"), "earlier": part("earlier"),
        });
        gone.to_string().into_bytes()
    }
}

/// Bytes as JSON: as they are where they are JSON, else as a string.
fn raw(bytes: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    RawValue::from_string(text.clone())
        .or_else(|_| serde_json::value::to_raw_value(&text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}
