//! The queue, and every other list of decisions, a page at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use model_log::{Found, Kind, Outcome, Query, Reader};
use serde::Serialize;
use serde_json::{Value, json};

use super::case::{State, is_given, open, state};
use super::event::{model, persons_decision, text, time};
use super::{minute_text, refuse};
use crate::http::error::ApiError;
use crate::record::log::DecisionLog;

/// Which decisions are wanted.
pub(crate) struct Wanted {
    pub(crate) outcome: Option<Outcome>,
    /// None is all.
    pub(crate) states: Vec<State>,
    pub(crate) newest_first: bool,
    /// The last index of the page before.
    pub(crate) after: Option<u64>,
    pub(crate) limit: usize,
}

/// A page of decisions.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    decisions: Vec<Value>,
    /// What the next page comes after.
    next: Option<u64>,
    /// Referred, and nobody has said anything.
    open: usize,
    /// Proposed, and nobody has answered.
    proposed: usize,
}

/// What people said, by the index of the decision: the index of their record.
struct Words {
    settled: BTreeMap<u64, u64>,
    proposed: BTreeMap<u64, u64>,
}

/// A page of the decisions that are wanted.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn list(log: &DecisionLog, wanted: &Wanted) -> Result<Page, ApiError> {
    let reader = log.reader();
    let words = Words::read(&reader)?;
    let waiting = waiting(&reader, &words)?;
    let with = |wanted: State| waiting.iter().filter(move |(_, state)| *state == wanted);
    let (opened, proposed) = (with(State::Open).count(), with(State::Proposed).count());
    let waits = |state: &State| matches!(state, State::Open | State::Proposed);
    let of_queue = !wanted.states.is_empty() && wanted.states.iter().all(waits);
    let mut all = match of_queue {
        true => {
            let mut all = waiting;
            all.retain(|(found, state)| wanted.fits(found, *state));
            if wanted.newest_first {
                all.reverse();
            }
            all
        }
        false => every(&reader, &words, wanted)?,
    };
    let is_more = all.len() > wanted.limit;
    all.truncate(wanted.limit);
    let next = all.last().map(|(found, _)| found.index);
    let shown = all.iter();
    Ok(Page {
        decisions: shown
            .map(|(found, state)| show(&reader, found, *state, &words))
            .collect(),
        next: next.filter(|_| is_more),
        open: opened,
        proposed,
    })
}

/// How many decisions wait for a person: without any word, and for a second one.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn count_waiting(reader: &Reader) -> Result<(usize, usize), ApiError> {
    let waiting = waiting(reader, &Words::read(reader)?)?;
    let proposed = waiting
        .iter()
        .filter(|(_, state)| *state == State::Proposed);
    let proposed = proposed.count();
    Ok((waiting.len() - proposed, proposed))
}

impl Wanted {
    fn fits(&self, found: &Found, state: State) -> bool {
        let is_after = self.after.is_none_or(|after| match self.newest_first {
            true => found.index < after,
            false => found.index > after,
        });
        is_after
            && self.outcome.is_none_or(|outcome| outcome == found.outcome)
            && (self.states.is_empty() || self.states.contains(&state))
    }
}

impl Words {
    fn read(reader: &Reader) -> Result<Self, ApiError> {
        let of = |kind| -> Result<BTreeMap<u64, u64>, ApiError> {
            let query = Query {
                kinds: vec![kind],
                ..Query::default()
            };
            let found = reader.search(&query).map_err(refuse)?;
            let about = found.into_iter().filter(|found| !found.erased);
            let pairs = about.filter_map(|found| Some((found.link?, found.index)));
            Ok(pairs.collect())
        };
        let settled = of(Kind::Override)?;
        let mut proposed = of(Kind::Proposal)?;
        proposed.retain(|decision, _| !settled.contains_key(decision));
        Ok(Self { settled, proposed })
    }

    fn state(&self, found: &Found) -> State {
        let is_settled = self.settled.contains_key(&found.index);
        state(found, is_settled, self.proposed.contains_key(&found.index))
    }
}

/// What waits for a person, oldest first: what was referred, and what somebody proposed to
/// change.
fn waiting(reader: &Reader, words: &Words) -> Result<Vec<(Found, State)>, ApiError> {
    let referred = Query {
        kinds: vec![Kind::Decision],
        outcome: Some(Outcome::Refer),
        open: true,
        ..Query::default()
    };
    let mut found = reader.search(&referred).map_err(refuse)?;
    let known: BTreeSet<u64> = found.iter().map(|found| found.index).collect();
    let proposed = words.proposed.keys().filter(|index| !known.contains(index));
    let mut others: BTreeSet<u64> = proposed.copied().collect();
    if let Some(&from) = others.first() {
        let decisions = Query {
            kinds: vec![Kind::Decision],
            from,
            ..Query::default()
        };
        let each = |one: Found| {
            if others.remove(&one.index) {
                found.push(one);
            }
            match others.is_empty() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        reader.search_each(&decisions, each).map_err(refuse)?;
    }
    found.sort_by_key(|found| found.index);
    let given = found.into_iter().filter(is_given);
    let with_state = given.map(|found| (found, words.state(&found)));
    let waits = |(_, state): &(Found, State)| matches!(state, State::Open | State::Proposed);
    Ok(with_state.filter(waits).collect())
}

/// The decisions that are wanted, in the order that is wanted: those of the page, and one more
/// where there is one. A long log is not collected for a short page.
fn every(reader: &Reader, words: &Words, wanted: &Wanted) -> Result<Vec<(Found, State)>, ApiError> {
    let query = Query {
        kinds: vec![Kind::Decision],
        outcome: wanted.outcome,
        from: match (wanted.newest_first, wanted.after) {
            (false, Some(after)) => after.saturating_add(1),
            _ => 0,
        },
        newest_first: wanted.newest_first,
        ..Query::default()
    };
    let mut all = Vec::new();
    let each = |found: Found| {
        let state = words.state(&found);
        if is_given(&found) && wanted.fits(&found, state) {
            all.push((found, state));
        }
        match all.len() > wanted.limit {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    reader.search_each(&query, each).map_err(refuse)?;
    Ok(all)
}

/// A decision as a line of the list.
fn show(reader: &Reader, found: &Found, state: State, words: &Words) -> Value {
    let said = |said: &BTreeMap<u64, u64>| {
        let index = said.get(&found.index)?;
        open(reader, *index).map(|opened| persons_decision(&opened))
    };
    let mut shown = json!({
        "index": found.index,
        "time": minute_text(found.minute),
        "model": null, "probability": null, "rules": [],
        "request_id": null, "application_id": null,
        "outcome": found.outcome,
        "state": state.as_str(),
        "proposal": said(&words.proposed),
        "decided": said(&words.settled),
    });
    if let Some(opened) = open(reader, found.index)
        && let Some(body) = &opened.body
    {
        let answer: Value = serde_json::from_slice(&body.answer).unwrap_or_default();
        shown["time"] = time(&opened).into();
        shown["model"] = model(body);
        shown["probability"] = answer["probability"].clone();
        shown["rules"] = match &answer["rules"] {
            Value::Array(rules) => rules.clone().into(),
            _ => json!([]),
        };
        shown["request_id"] = text(&body.details.request_id);
        shown["application_id"] = text(&body.details.application);
    }
    shown
}
