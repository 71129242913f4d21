//! The queue, and every other list of decisions, a page at a time.

use std::collections::HashMap;
use std::ops::ControlFlow;

use model_log::{Found, Kind, Opened, Query, Reader};
use serde::Serialize;
use serde_json::{Value, json};

use super::event::{model, persons_decision, text, time};
use super::{minute_text, refuse};
use crate::http::error::ApiError;
use crate::record::log::DecisionLog;
use crate::record::queue::{Queue, Standing, Wanted};

/// So many decisions are looked up in the queue together.
const AT_ONCE: usize = 256;

/// A page ends where its records have so many bytes: an application may have a mebibyte.
const MOST_BYTES: u64 = 4 << 20;

/// A page of decisions.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// Which log it is.
    log: String,
    decisions: Vec<Value>,
    /// What the next page comes after.
    next: Option<u64>,
    /// Referred, and nobody has said anything.
    open: usize,
    /// Proposed, and nobody has answered.
    proposed: usize,
}

/// A page of the decisions that are wanted.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn list(log: &DecisionLog, wanted: &Wanted) -> Result<Page, ApiError> {
    let reader = log.reader();
    let queue = log.queue().map_err(refuse)?;
    let (waiting, proposed) = queue.waiting();
    let mut all = match wanted.is_of_queue() {
        true => waits(&reader, &queue, wanted)?,
        false => Vec::new(),
    };
    // Nobody waits for the index, nor for the records to be opened.
    drop(queue);
    if !wanted.is_of_queue() {
        all = every(&reader, log, wanted)?;
    }
    all.truncate(wanted.limit + 1);
    let fit = fitting(&reader, &all)?.min(wanted.limit);
    let is_more = all.len() > fit;
    all.truncate(fit);
    let next = all.last().map(|(found, _)| found.index);
    let opened = open_all(&reader, &all);
    let shown = all.iter();
    Ok(Page {
        log: log.id().to_owned(),
        decisions: shown
            .map(|(found, standing)| show(&opened, found, standing))
            .collect(),
        next: next.filter(|_| is_more),
        open: waiting,
        proposed,
    })
}

/// How many of these are a page by their bytes and those of what people said of them, one at least.
fn fitting(reader: &Reader, all: &[(Found, Standing)]) -> Result<usize, ApiError> {
    let mut bytes = 0;
    for (fit, (found, standing)) in all.iter().enumerate() {
        bytes += u64::from(found.length);
        for said in [standing.proposed, standing.settled].into_iter().flatten() {
            bytes += u64::from(reader.found(said).map_err(refuse)?.length);
        }
        if bytes > MOST_BYTES {
            return Ok(fit.max(1));
        }
    }
    Ok(all.len())
}

/// How many decisions wait for a person: without any word, and for a second one.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn count_waiting(log: &DecisionLog) -> Result<(usize, usize), ApiError> {
    Ok(log.queue().map_err(refuse)?.waiting())
}

/// Decisions that wait for a person: those of the page, and one more where there is one.
fn waits(
    reader: &Reader,
    queue: &Queue,
    wanted: &Wanted,
) -> Result<Vec<(Found, Standing)>, ApiError> {
    let page = queue.page(wanted).into_iter();
    let found = page.map(|index| {
        let found = reader.found(index).map_err(refuse)?;
        Ok((found, queue.standing(&found)))
    });
    found.collect()
}

/// The same of all decisions. A long log is not collected for a short page.
fn every(
    reader: &Reader,
    log: &DecisionLog,
    wanted: &Wanted,
) -> Result<Vec<(Found, Standing)>, ApiError> {
    let indexes = wanted.indexes();
    let query = Query {
        kinds: vec![Kind::Decision],
        outcome: wanted.outcome,
        from: indexes.start,
        to: Some(indexes.end),
        newest_first: wanted.newest_first,
        ..Query::default()
    };
    let (mut all, mut some, mut done) = (Vec::new(), Vec::new(), Ok(()));
    let each = |found: Found| {
        if found.is_given() {
            some.push(found);
        }
        if some.len() < AT_ONCE {
            return ControlFlow::Continue(());
        }
        done = add_wanted(log, &mut some, &mut all, wanted);
        match done.is_err() || all.len() > wanted.limit {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    reader.search_each(&query, each).map_err(refuse)?;
    done?;
    add_wanted(log, &mut some, &mut all, wanted)?;
    Ok(all)
}

/// Adds those of some that stand where they are wanted.
fn add_wanted(
    log: &DecisionLog,
    some: &mut Vec<Found>,
    all: &mut Vec<(Found, Standing)>,
    wanted: &Wanted,
) -> Result<(), ApiError> {
    let queue = log.queue().map_err(refuse)?;
    let standing = some.drain(..).map(|found| {
        let standing = queue.standing(&found);
        (found, standing)
    });
    all.extend(standing.filter(|(_, standing)| wanted.has_state(standing.state)));
    Ok(())
}

/// What is shown of decisions, and of what people said of them, by the index of the record: nothing
/// of one that cannot be read. In their order: so the keys of an epoch are read once.
fn open_all(reader: &Reader, all: &[(Found, Standing)]) -> HashMap<u64, Value> {
    let decisions = all.iter().map(|(found, _)| (found.index, true));
    let said = all
        .iter()
        .flat_map(|(_, standing)| [standing.proposed, standing.settled]);
    let said = said.flatten().map(|index| (index, false));
    let mut records: Vec<(u64, bool)> = decisions.chain(said).collect();
    records.sort_unstable();
    let mut opener = reader.opener();
    let shown = records.into_iter().filter_map(|(index, is_decision)| {
        let opened = opener.record(index).ok()?;
        let shown = match is_decision {
            true => content(&opened).unwrap_or_default(),
            false => persons_decision(&opened),
        };
        Some((index, shown))
    });
    shown.collect()
}

/// What is shown of a decision's content; `None` where that was erased.
fn content(opened: &Opened) -> Option<Value> {
    let body = opened.body.as_ref()?;
    let answer: Value = serde_json::from_slice(&body.answer).unwrap_or_default();
    let rules = match &answer["rules"] {
        Value::Array(rules) => rules.as_slice(),
        _ => &[],
    };
    Some(json!({
        "time": time(opened),
        "model": model(body),
        "probability": answer["probability"],
        "rules": rules,
        "request_id": text(&body.details.request_id),
        "application_id": text(&body.details.application),
    }))
}

/// A decision as a line of the list.
fn show(opened: &HashMap<u64, Value>, found: &Found, standing: &Standing) -> Value {
    let said = |record: Option<u64>| opened.get(&record?);
    let records = [Some(found.index), standing.proposed, standing.settled];
    let mut records = records.into_iter().flatten();
    let mut shown = json!({
        "index": found.index,
        "time": minute_text(found.minute),
        "model": null, "probability": null, "rules": [],
        "request_id": null, "application_id": null,
        "outcome": found.outcome,
        "state": standing.state.as_str(),
        "proposal": said(standing.proposed),
        "decided": said(standing.settled),
        "unreadable": !records.all(|record| opened.contains_key(&record)),
    });
    if let (Some(Value::Object(content)), Some(shown)) =
        (opened.get(&found.index), shown.as_object_mut())
    {
        shown.extend(content.clone());
    }
    shown
}
