//! What a person says of a decision: decides otherwise, notes that the applicant was told, or
//! how the loan went.

use chrono::{DateTime, NaiveDate};
use model_log::event::{LoanResult, Notice, Override, Performance};
use model_log::{Kind, Outcome, Reader, Receipt, Record};
use serde::Deserialize;

use super::case::{Case, open};
use super::{event, now_text, refuse};
use crate::http::error::ApiError;
use crate::http::person::{Person, PersonRole};
use crate::record::log::DecisionLog;
use crate::record::metrics::Side;
use crate::record::queue::State;

/// The longest note, in characters.
pub(crate) const LONGEST_NOTE: usize = 4_000;

/// The longest name of how a notice was sent, in characters.
const LONGEST_METHOD: usize = 64;

/// What a person decides.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Word {
    /// Which log has the decision.
    #[serde(default)]
    log: Option<String>,
    outcome: PersonsOutcome,
    reason: String,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PersonsOutcome {
    Approve,
    Decline,
}

/// The applicant was told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noticed {
    /// Which log has the decision.
    #[serde(default)]
    log: Option<String>,
    method: String,
    #[serde(default)]
    sent: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// How the loan went.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Performed {
    /// Which log has the decision.
    #[serde(default)]
    log: Option<String>,
    outcome: LoanResult,
    #[serde(default)]
    on: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// What was recorded, and where the decision stands now.
pub(crate) struct Said {
    pub(crate) receipt: Receipt,
    pub(crate) state: State,
}

/// Records what a person decides.
///
/// # Errors
/// When there is no such decision, it is of another log, a person has decided it, or this one may
/// not.
pub(crate) fn decide(
    log: &DecisionLog,
    person: &Person,
    index: u64,
    word: Word,
) -> Result<Said, ApiError> {
    log.check_id(word.log.as_deref())?;
    check_reason(log, &word.reason)?;
    let said = Override {
        outcome: match word.outcome {
            PersonsOutcome::Approve => Outcome::Approve,
            PersonsOutcome::Decline => Outcome::Decline,
        },
        reason: word.reason,
        note: note(word.note)?,
        by: person.name.clone(),
        role: person.role.as_str().to_owned(),
        seconded_by: None,
        seconded_role: String::new(),
        seconded_reason: None,
        seconded_note: String::new(),
    };
    let _one = log.deciding();
    let case = find(log, index)?;
    if let Some(settled) = case.standing.settled {
        return Err(ApiError::Conflict {
            detail: format!(
                "Decision {index} was decided by a person already, in record {settled}"
            ),
        });
    }
    let (kind, said) = match log.options().four_eyes {
        true => second(log, person, &case, said)?,
        false => (Kind::Override, alone(person, said)?),
    };
    let outcome = said.outcome;
    let mut record = Record::about(kind, index, &said).map_err(|_| unwritable())?;
    record.outcome = outcome;
    let receipt = append(log, record)?;
    let state = match kind {
        Kind::Override => {
            log.metrics()
                .overridden(Side::new(case.decision.outcome, outcome));
            State::Decided
        }
        _ => State::Proposed,
    };
    Ok(Said { receipt, state })
}

/// Records that the applicant was told.
///
/// # Errors
/// When there is no such decision, it is of another log, or a field cannot be used.
pub(crate) fn notice(
    log: &DecisionLog,
    person: &Person,
    index: u64,
    noticed: Noticed,
) -> Result<Said, ApiError> {
    log.check_id(noticed.log.as_deref())?;
    let length = noticed.method.chars().count();
    if !(1..=LONGEST_METHOD).contains(&length) {
        return Err(unusable(format!(
            "method has {length} characters, expected 1 to {LONGEST_METHOD}, such as `letter`"
        )));
    }
    let sent = match noticed.sent {
        None => now_text(),
        Some(sent) if DateTime::parse_from_rfc3339(&sent).is_ok() => sent,
        Some(sent) => {
            return Err(unusable(format!(
                "sent is `{}`, expected a time such as 2026-11-28T10:00:00Z",
                short(&sent)
            )));
        }
    };
    let event = Notice {
        by: person.name.clone(),
        method: noticed.method,
        sent,
        note: note(noticed.note)?,
    };
    let case = find(log, index)?;
    let record = Record::about(Kind::Notice, index, &event).map_err(|_| unwritable())?;
    let receipt = append(log, record)?;
    let state = case.standing.state;
    Ok(Said { receipt, state })
}

/// Records how the loan went.
///
/// # Errors
/// When there is no such decision, it is of another log, the last record of the loan says the
/// same, or a field cannot be used.
pub(crate) fn perform(
    log: &DecisionLog,
    person: &Person,
    index: u64,
    performed: Performed,
) -> Result<Said, ApiError> {
    log.check_id(performed.log.as_deref())?;
    let on = performed.on.unwrap_or_default();
    if !on.is_empty() && !is_day(&on) {
        return Err(unusable(format!(
            "on is `{}`, expected a day such as 2027-05-01",
            short(&on)
        )));
    }
    let event = Performance {
        result: performed.outcome,
        by: person.name.clone(),
        on,
        note: note(performed.note)?,
    };
    let _one = log.deciding();
    let case = find(log, index)?;
    if let Some((last, known)) = last_performance(&log.reader(), &case)?
        && known.result == event.result
        && (event.on.is_empty() || known.on == event.on)
    {
        return Err(ApiError::Conflict {
            detail: format!("Record {last} says so already"),
        });
    }
    let record = Record::about(Kind::Performance, index, &event).map_err(|_| unwritable())?;
    let receipt = append(log, record)?;
    let state = case.standing.state;
    Ok(Said { receipt, state })
}

/// Whether a text is a day as `2027-05-01`. Each day has one form, so that the same day is seen to
/// be the same.
fn is_day(text: &str) -> bool {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    // A year beyond 9999 has a sign and more digits.
    text.len() == 10 && day.is_ok_and(|day| day.to_string() == text)
}

/// How the loan went as far as is known, and the record that says so: the last one that has its
/// content, which is the one that a report counts. What came before it was corrected.
fn last_performance(reader: &Reader, case: &Case) -> Result<Option<(u64, Performance)>, ApiError> {
    let linked = case.linked.iter().rev();
    for linked in linked.filter(|linked| linked.kind == Kind::Performance) {
        let opened = open(reader, linked.index)?;
        if let Some(said) = opened.and_then(|opened| event::event(&opened)) {
            return Ok(Some((linked.index, said)));
        }
    }
    Ok(None)
}

/// Where one person is enough.
fn alone(person: &Person, said: Override) -> Result<Override, ApiError> {
    match person.role {
        PersonRole::Officer => Ok(said),
        PersonRole::Reviewer => Err(not_permitted(
            "A reviewer reads, and decides nothing: an officer does",
        )),
    }
}

/// Where it takes two: the first word is a proposal; the same word of another person makes it a
/// decision, another word of another person is a proposal in its place.
fn second(
    log: &DecisionLog,
    person: &Person,
    case: &Case,
    said: Override,
) -> Result<(Kind, Override), ApiError> {
    let proposal = case.standing.proposed;
    let proposal = proposal
        .map(|index| open(&log.reader(), index))
        .transpose()?;
    let proposal: Option<Override> = proposal.flatten().and_then(|opened| event::event(&opened));
    match proposal {
        None if person.role == PersonRole::Reviewer => Err(not_permitted(
            "A reviewer answers what an officer has proposed, and nobody has proposed anything",
        )),
        None => Ok((Kind::Proposal, said)),
        Some(first) if first.by == person.name => Err(not_permitted(
            "You proposed this decision: with four eyes another person has to answer",
        )),
        Some(first) if first.outcome == said.outcome => Ok((
            Kind::Override,
            Override {
                seconded_by: Some(said.by),
                seconded_role: said.role,
                seconded_reason: Some(said.reason),
                seconded_note: said.note,
                ..first
            },
        )),
        Some(_) => Ok((Kind::Proposal, said)),
    }
}

/// A decision that has its content.
fn find(log: &DecisionLog, index: u64) -> Result<Case, ApiError> {
    let case = Case::find(log, index)?;
    match case.standing.state {
        State::Erased => Err(ApiError::Gone {
            detail: format!("Decision {index} was erased"),
        }),
        _ => Ok(case),
    }
}

/// Appends one record and waits for it. What a person says is never lost, whatever the settings
/// say about decisions; the log refuses it where the decision was erased since [`find`].
fn append(log: &DecisionLog, record: Record) -> Result<Receipt, ApiError> {
    let appended = log.writer().append(vec![record]);
    let receipts = appended.and_then(|pending| pending.wait());
    let receipts = receipts.map_err(|error| refuse(error.into()))?;
    receipts.first().copied().ok_or_else(unwritable)
}

fn check_reason(log: &DecisionLog, code: &str) -> Result<(), ApiError> {
    let reasons = &log.options().reasons;
    if reasons.iter().any(|reason| reason.code == code) {
        return Ok(());
    }
    let known: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    Err(unusable(format!(
        "reason is `{}`, expected one of {}",
        short(code),
        known.join(", ")
    )))
}

fn note(given: Option<String>) -> Result<String, ApiError> {
    let note = given.unwrap_or_default();
    match note.chars().count() {
        0..=LONGEST_NOTE => Ok(note),
        length => Err(ApiError::TooLong {
            detail: format!("note has {length} characters, expected at most {LONGEST_NOTE}"),
        }),
    }
}

/// So much of a client's text as an error repeats.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_METHOD)]
}

fn unusable(detail: String) -> ApiError {
    ApiError::Unusable { detail }
}

fn not_permitted(sentence: &str) -> ApiError {
    ApiError::NotPermitted {
        detail: sentence.to_owned(),
    }
}

fn unwritable() -> ApiError {
    ApiError::NotRecorded {
        reason: "the record cannot be written".to_owned(),
    }
}
