//! What waits for a person, and what people said, in memory: each look reads of the log only what
//! is new since the last one.
//!
//! The log alone is the state. The queue is what the log's index says up to the last acknowledged
//! record, and what a server that has just started reads is the same. An acknowledged record never
//! changes, but for an erasure, which marks earlier entries of the index: those that it names are
//! read again, or the whole index where that is not known. The whole index is read, too, after the log
//! has stopped and was opened again.
//!
//! Memory is B-trees of numbers, and nothing of what a record says but the words of changes that are
//! long to open:
//!
//! | for each | bytes |
//! |---|---|
//! | decision that waits for a person | 20 |
//! | override, proposal, notice or performance in the log | 38 |
//! | hold, release or erasure in the log | 71, and 16 for each run of indexes that it names |
//! | of these each that names more than 256 records | some hundreds, and its reason |
//! | 4,096 records, where a challenger in the shadow answered too | 34 |
//!
//! A decision that waits for nobody takes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use model_log::{Found, Kind, LogError, Outcome, Query, Reader, Status};
use serde_json::Value;

/// Of so many records together is known where the answers of shadows to them end.
const BLOCK: u64 = 4096;

/// Entries of the index that are so near to each other are read together.
const NEAR: u64 = 4096;

/// Where a decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The model referred it, and no person has decided.
    Open,
    /// A person has proposed, and another has to answer.
    Proposed,
    /// The model or a person decided.
    Decided,
    /// Its content was erased.
    Erased,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Proposed, Self::Decided, Self::Erased];

    /// As in JSON and in queries.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::Decided => "decided",
            Self::Erased => "erased",
        }
    }

    /// Of a decision, with the records of what a person decided and proposed.
    pub(super) fn new(decision: &Found, settled: Option<u64>, proposed: Option<u64>) -> Self {
        match (settled, proposed) {
            _ if decision.erased => Self::Erased,
            (Some(_), _) => Self::Decided,
            (None, Some(_)) => Self::Proposed,
            (None, None) if decision.outcome == Outcome::Refer => Self::Open,
            (None, None) => Self::Decided,
        }
    }
}

/// A record of what a person said of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Linked {
    pub(super) index: u64,
    pub(super) kind: Kind,
    pub(super) is_erased: bool,
}

/// Where a decision stands, and the records that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: State,
    /// What a person decided.
    pub(super) settled: Option<u64>,
    /// What a person proposed last, if nobody has decided since.
    pub(super) proposed: Option<u64>,
}

/// Which decisions are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) outcome: Option<Outcome>,
    /// None is all.
    pub(crate) states: Vec<State>,
    pub(crate) newest_first: bool,
    /// The last index of the page before.
    pub(crate) after: Option<u64>,
    pub(crate) limit: usize,
}

impl Wanted {
    /// Whether these are decisions that wait, and no others.
    pub(crate) fn is_of_queue(&self) -> bool {
        let waits = |state: &State| matches!(state, State::Open | State::Proposed);
        !self.states.is_empty() && self.states.iter().all(waits)
    }

    /// Where in the log they are.
    pub(super) fn indexes(&self) -> Range<u64> {
        match (self.after, self.newest_first) {
            (None, _) => 0..u64::MAX,
            (Some(after), true) => 0..after,
            (Some(after), false) => after.saturating_add(1)..u64::MAX,
        }
    }

    pub(super) fn has_outcome(&self, outcome: Outcome) -> bool {
        self.outcome.is_none_or(|wanted| wanted == outcome)
    }

    pub(super) fn has_state(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// The first indexes of the page, and one more to see whether there is another.
    fn first(&self, indexes: impl DoubleEndedIterator<Item = u64>) -> Vec<u64> {
        match self.newest_first {
            true => indexes.rev().take(self.limit + 1).collect(),
            false => indexes.take(self.limit + 1).collect(),
        }
    }
}

/// What waits for a person, and what people said.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Records that were read.
    size: u64,
    /// How often the log had been opened again.
    restarts: u64,
    /// Decisions that the model referred, and of which no person said anything.
    open: BTreeSet<u64>,
    /// Decisions with a proposal that nobody has answered, and what the model said.
    proposed: BTreeMap<u64, Outcome>,
    /// Decisions with a proposal that the model did not refer, if they are decisions: to be looked
    /// up.
    unsure: BTreeSet<u64>,
    /// What people said: the decision's index and the record's, its kind, and whether it was
    /// erased.
    linked: BTreeMap<(u64, u64), (Kind, bool)>,
    /// The last answer of a shadow to a decision of each block.
    shadows: BTreeMap<u64, u64>,
    /// Holds, releases and erasures; what each names is known once somebody has opened it.
    changes: BTreeMap<u64, Option<Named>>,
}

/// What a hold, a release or an erasure names.
#[derive(Debug)]
pub(super) struct Named {
    runs: Runs,
    /// What it says, as a history shows it, where that is kept.
    told: Option<Arc<Value>>,
}

/// A hold, a release or an erasure that names a record, or of which nobody knows.
#[derive(Debug)]
pub(super) struct Naming {
    pub(super) change: u64,
    /// Whether it names the record for certain.
    pub(super) is_known: bool,
    /// What it says, as a history shows it, where that is kept.
    pub(super) told: Option<Arc<Value>>,
}

/// Indexes as runs of those that follow each other, in order.
#[derive(Debug)]
struct Runs(Vec<Range<u64>>);

impl Queue {
    /// Reads what is new in the log.
    ///
    /// # Errors
    /// When its index cannot be read.
    pub(super) fn update(&mut self, reader: &Reader, status: &Status) -> Result<(), LogError> {
        let updated = self.read_new(reader, status);
        if updated.is_err() {
            // Some of it may be known by now, such as an erasure without its marks.
            self.forget(self.restarts);
        }
        updated
    }

    /// From now on nothing is known but what changes name.
    fn forget(&mut self, restarts: u64) {
        *self = Self {
            restarts,
            changes: std::mem::take(&mut self.changes),
            ..Self::default()
        };
    }

    fn read_new(&mut self, reader: &Reader, status: &Status) -> Result<(), LogError> {
        let restarts = status.restarts;
        if self.restarts != restarts {
            *self = Self {
                restarts,
                ..Self::default()
            };
        }
        if self.read(reader, status.records)?.is_break() {
            // An erasure is acknowledged after its last mark.
            self.forget(restarts);
            let _ = self.read(reader, status.records)?;
        }
        self.look_up(reader)
    }

    /// Reads up to record `to`; breaks off at an erasure of which is not known what it names: that may
    /// be a record that was read before.
    fn read(&mut self, reader: &Reader, to: u64) -> Result<ControlFlow<()>, LogError> {
        let mut flow = ControlFlow::Continue(());
        if self.size >= to {
            return Ok(flow);
        }
        // Whoever reads all has all marks.
        let is_first = self.size == 0;
        let new = Query {
            from: self.size,
            to: Some(to),
            ..Query::default()
        };
        let mut erasures = Vec::new();
        reader.search_each(&new, |found| {
            let is_erasure = found.kind == Kind::Erasure && !is_first;
            match self.changes.get(&found.index) {
                Some(Some(_)) if is_erasure => erasures.push(found.index),
                _ if is_erasure => flow = ControlFlow::Break(()),
                _ => {}
            }
            if flow.is_continue() {
                self.add(&found);
            }
            flow
        })?;
        if flow.is_continue() {
            erasures
                .into_iter()
                .try_for_each(|erasure| self.erase(reader, erasure))?;
        }
        Ok(flow)
    }

    /// Marks what an erasure names.
    fn erase(&mut self, reader: &Reader, erasure: u64) -> Result<(), LogError> {
        let Some(Some(Named { runs, .. })) = self.changes.get(&erasure) else {
            return Ok(());
        };
        let mut erased = Vec::new();
        for near in runs.near() {
            let query = Query {
                from: near.start,
                to: Some(near.end),
                ..Query::default()
            };
            reader.search_each(&query, |found| {
                if runs.has(found.index) {
                    erased.push(found);
                }
                ControlFlow::Continue(())
            })?;
        }
        let (mut gone, mut about) = (BTreeSet::new(), BTreeSet::new());
        for found in erased {
            let index = found.index;
            match (found.kind, found.link) {
                (Kind::Decision, None) => {
                    self.waits_no_more(index);
                    gone.insert(index);
                }
                (Kind::Decision, _) => {}
                (kind, Some(decision)) if kind.is_personal() && decision < index => {
                    self.linked.insert((decision, index), (kind, true));
                    // What else was erased leaves a decision where it is.
                    if kind == Kind::Proposal && !gone.contains(&decision) {
                        about.insert(decision);
                    }
                }
                _ => {}
            }
        }
        about
            .into_iter()
            .try_for_each(|decision| self.sort_again(reader, decision))
    }

    /// Where a decision waits, of which a word was erased.
    fn sort_again(&mut self, reader: &Reader, index: u64) -> Result<(), LogError> {
        self.waits_no_more(index);
        let decision = reader.found(index)?;
        if !decision.is_given() || decision.erased || self.settled(index).is_some() {
            return Ok(());
        }
        if self.last_proposal(index).is_some() {
            self.proposed.insert(index, decision.outcome);
        } else if decision.outcome == Outcome::Refer {
            self.open.insert(index);
        }
        Ok(())
    }

    fn waits_no_more(&mut self, decision: u64) {
        self.open.remove(&decision);
        self.proposed.remove(&decision);
        self.unsure.remove(&decision);
    }

    fn add(&mut self, found: &Found) {
        let index = found.index;
        self.size = index + 1;
        match (found.kind, found.link) {
            (Kind::Decision, None) => {
                let is_referred = found.outcome == Outcome::Refer;
                if is_referred && !found.erased {
                    self.open.insert(index);
                }
            }
            (Kind::Decision, Some(decision)) => {
                self.shadows.insert(decision / BLOCK, index);
            }
            (Kind::Hold | Kind::Release | Kind::Erasure, _) => {
                self.changes.entry(index).or_default();
            }
            // A record is about one that was there before.
            (kind, Some(decision)) if kind.is_personal() && decision < index => {
                self.linked.insert((decision, index), (kind, found.erased));
                self.sort(decision, kind, found.erased);
            }
            _ => {}
        }
    }

    /// A person said something of a decision: it waits no more, or for another one.
    fn sort(&mut self, decision: u64, kind: Kind, is_erased: bool) {
        match kind {
            Kind::Override => self.waits_no_more(decision),
            Kind::Proposal if !is_erased && self.settled(decision).is_none() => {
                if self.open.remove(&decision) {
                    self.proposed.insert(decision, Outcome::Refer);
                } else if !self.proposed.contains_key(&decision) {
                    self.unsure.insert(decision);
                }
            }
            _ => {}
        }
    }

    /// Looks decisions up that somebody proposed to change and that the model did not refer.
    fn look_up(&mut self, reader: &Reader) -> Result<(), LogError> {
        while let Some(&index) = self.unsure.first() {
            let decision = reader.found(index)?;
            if decision.is_given() && !decision.erased {
                self.proposed.insert(index, decision.outcome);
            }
            self.unsure.remove(&index);
        }
        Ok(())
    }

    /// How many decisions wait: without any word, and for a second one.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.open.len(), self.proposed.len())
    }

    /// Of the decisions that wait those that are wanted, in that order: a page, and one more where
    /// there is one.
    pub(super) fn page(&self, wanted: &Wanted) -> Vec<u64> {
        let mut page = Vec::new();
        if wanted.has_state(State::Open) && wanted.has_outcome(Outcome::Refer) {
            let open = self.open.range(wanted.indexes());
            page.extend(wanted.first(open.copied()));
        }
        if wanted.has_state(State::Proposed) {
            let proposed = self.proposed.range(wanted.indexes());
            let proposed = proposed.filter(|(_, outcome)| wanted.has_outcome(**outcome));
            page.extend(wanted.first(proposed.map(|(index, _)| *index)));
        }
        page.sort_unstable();
        if wanted.newest_first {
            page.reverse();
        }
        page.truncate(wanted.limit + 1);
        page
    }

    pub(super) fn standing(&self, decision: &Found) -> Standing {
        let settled = self.settled(decision.index);
        let proposed = match settled {
            None => self.last_proposal(decision.index),
            Some(_) => None,
        };
        Standing {
            state: State::new(decision, settled, proposed),
            settled,
            proposed,
        }
    }

    /// The record of what a person decided, also where that was erased: what was decided does not
    /// wait again.
    fn settled(&self, decision: u64) -> Option<u64> {
        let mut linked = self.linked(decision);
        let first = linked.find(|linked| linked.kind == Kind::Override);
        first.map(|linked| linked.index)
    }

    /// The last proposal about a decision that was not erased.
    fn last_proposal(&self, decision: u64) -> Option<u64> {
        let mut linked = self.linked(decision).rev();
        let last = linked.find(|linked| linked.kind == Kind::Proposal && !linked.is_erased);
        last.map(|linked| linked.index)
    }

    /// What people said of a decision, oldest first.
    pub(super) fn linked(&self, decision: u64) -> impl DoubleEndedIterator<Item = Linked> {
        let linked = self.linked.range((decision, 0)..=(decision, u64::MAX));
        linked.map(|(&(_, index), &(kind, is_erased))| Linked {
            index,
            kind,
            is_erased,
        })
    }

    /// The records among which the answers of shadows to a decision are.
    pub(super) fn shadows(&self, decision: u64) -> Range<u64> {
        let last = self.shadows.get(&(decision / BLOCK));
        decision..last.map_or(decision, |last| last + 1)
    }

    /// Holds, releases and erasures that name a record; and those that nobody has opened yet, of
    /// which [`Queue::named`] is to be told what they name.
    pub(super) fn changes(&self, index: u64) -> Vec<Naming> {
        let later = self.changes.range(index..);
        let names = |named: &Option<Named>| named.as_ref().is_none_or(|one| one.runs.has(index));
        let names = later.filter(|(_, named)| names(named));
        names
            .map(|(change, named)| Naming {
                change: *change,
                is_known: named.is_some(),
                told: named.as_ref().and_then(|named| named.told.clone()),
            })
            .collect()
    }

    /// Of which [`Queue::named`] has not been told.
    pub(super) fn unknown_changes(&self) -> Vec<u64> {
        let unknown = self.changes.iter().filter(|(_, named)| named.is_none());
        unknown.map(|(change, _)| *change).collect()
    }

    /// Remembers what a hold, release or erasure names, which may be one that was not read yet, and
    /// what it says where that is to be kept.
    pub(super) fn named(&mut self, change: u64, named: Named) {
        self.changes.entry(change).or_default().get_or_insert(named);
    }
}

impl Named {
    /// Of a change that says this, where it is kept.
    pub(super) fn new(indexes: &[u64], told: Option<Value>) -> Self {
        Self {
            runs: Runs::new(indexes),
            told: told.map(Arc::new),
        }
    }
}

impl Runs {
    fn new(indexes: &[u64]) -> Self {
        let mut sorted = indexes.to_vec();
        sorted.sort_unstable();
        let mut runs: Vec<Range<u64>> = Vec::new();
        for index in sorted {
            match runs.last_mut() {
                Some(run) if index <= run.end => run.end = index.saturating_add(1),
                _ => runs.push(index..index.saturating_add(1)),
            }
        }
        runs.shrink_to_fit();
        Self(runs)
    }

    /// Ranges that cover the runs, with short gaps between them.
    fn near(&self) -> Vec<Range<u64>> {
        let mut near: Vec<Range<u64>> = Vec::new();
        for run in &self.0 {
            match near.last_mut() {
                Some(last) if run.start - last.end <= NEAR => last.end = run.end,
                _ => near.push(run.clone()),
            }
        }
        near
    }

    fn has(&self, index: u64) -> bool {
        let at = self.0.partition_point(|run| run.end <= index);
        self.0.get(at).is_some_and(|run| run.contains(&index))
    }
}

#[cfg(test)]
mod tests;
