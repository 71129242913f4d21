//! Many rows to one model, for the protocols that know numbers and labels but no decisions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::batch_answer::Records;
use super::pieces::{ROWS_A_LOOK, ROWS_A_PIECE};
use super::refusal::reason;
use super::rows::{Chunk, Table, Unreadable};
use crate::app::{App, Packed, Target};
use crate::host::Description;
use crate::http::admission::Work;
use crate::http::error::ApiError;
use crate::http::memory::Claim;
use crate::http::request_id::RequestId;
use crate::http::turns::Piece;
use crate::models::registry::Served;
use crate::models::score::{Outcome, adjusted};
use crate::record::{Call, Groups, Kind, Recorder, Written};

/// What such a protocol tells of decisions, by row.
#[derive(Default)]
pub(super) struct Scores {
    pub(super) predictions: Vec<i64>,
    pub(super) probabilities: Vec<f64>,
    labels: Words,
    outcomes: Vec<Outcome>,
    /// The codes of each row's rules, joined by `;`.
    rules: Words,
    /// What was adjusted in each row, joined by `;`.
    adjustments: Words,
    /// How many values were adjusted in all rows.
    pub(super) adjusted: usize,
}

/// How many values were adjusted, for protocols that have nowhere else to say it.
const ADJUSTMENTS: HeaderName = HeaderName::from_static("x-underwrite-adjustments");
/// Which version decided.
const VERSION: HeaderName = HeaderName::from_static("x-underwrite-model-version");

impl Scores {
    /// Puts what the protocol's body has no place for on an answer: how many values were
    /// adjusted, and by which version it was decided.
    pub(super) fn write_headers(&self, version: &str, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(ADJUSTMENTS, self.adjusted.into());
        // The name of a folder may hold what a header cannot.
        if let Ok(version) = HeaderValue::from_str(version) {
            headers.insert(VERSION, version);
        }
    }
}

/// So many bytes of texts are written in some ten microseconds.
const SHORT_TEXTS: usize = 64 << 10;

/// A text for each row, of which few differ.
#[derive(Default)]
struct Words {
    known: Vec<String>,
    numbers: HashMap<String, usize>,
    /// For each row, which of the known.
    rows: Vec<usize>,
    /// Bytes that the known take.
    bytes: usize,
    /// Bytes of the texts of all rows.
    written: usize,
}

/// Bytes that a row takes in [`Scores`], without its texts, and a text without its letters.
const ROW: usize = 64;
const WORD: usize = 96;

impl Words {
    fn push(&mut self, word: &str) {
        let number = self.numbers.get(word).copied().unwrap_or_else(|| {
            let next = self.known.len();
            self.bytes += WORD + 2 * word.len();
            self.known.push(word.to_owned());
            self.numbers.insert(word.to_owned(), next);
            next
        });
        self.rows.push(number);
        self.written += word.len();
    }

    fn at(&self, row: usize) -> &str {
        let known = self
            .rows
            .get(row)
            .and_then(|number| self.known.get(*number));
        known.map_or("", String::as_str)
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.rows.len()).map(|row| self.at(row))
    }
}

/// One of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Prediction,
    Probability,
    Label,
    Outcome,
    Rules,
    Adjustments,
}

impl Output {
    /// What protocols call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::Probability => "probability",
            Self::Label => "label",
            Self::Outcome => "outcome",
            Self::Rules => "rules",
            Self::Adjustments => "adjustments",
        }
    }
}

/// A column of scores, a list in JSON.
pub(super) struct OutputOf<'a>(pub(super) Output, pub(super) &'a Scores);

impl Serialize for OutputOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(output, scores) = self;
        match output {
            Output::Prediction => serializer.collect_seq(&scores.predictions),
            Output::Probability => serializer.collect_seq(&scores.probabilities),
            Output::Label | Output::Outcome | Output::Rules | Output::Adjustments => {
                serializer.collect_seq(scores.texts(*output))
            }
        }
    }
}

/// What a protocol that answers with a list of predictions is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) output: Output,
    /// Whether each prediction is an object with the outcome beside it, and where there is a
    /// policy the codes of its rules.
    pub(super) with_outcome: bool,
    has_policy: bool,
}

impl Asked {
    /// The usual answer of this model: numbers alone.
    pub(super) fn of(model: &Description) -> Self {
        Self {
            output: Output::Prediction,
            with_outcome: false,
            has_policy: model.policy.is_some(),
        }
    }
}

/// The answer of such a protocol, as JSON.
#[derive(Serialize)]
pub(super) struct Predictions<'a> {
    predictions: Listed<'a>,
}

impl<'a> Predictions<'a> {
    pub(super) fn new(asked: Asked, scores: &'a Scores) -> Self {
        let predictions = Listed { asked, scores };
        Self { predictions }
    }
}

struct Listed<'a> {
    asked: Asked,
    scores: &'a Scores,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { asked, scores } = *self;
        if !asked.with_outcome {
            return OutputOf(asked.output, scores).serialize(serializer);
        }
        let rows = 0..scores.len();
        serializer.collect_seq(rows.map(|row| Row { asked, scores, row }))
    }
}

struct Row<'a> {
    asked: Asked,
    scores: &'a Scores,
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { asked, scores, .. } = *self;
        let name = asked.output.name();
        let mut row = serializer.serialize_map(None)?;
        match asked.output {
            Output::Probability => row.serialize_entry(name, &scores.probabilities[self.row])?,
            Output::Label => row.serialize_entry(name, scores.labels.at(self.row))?,
            _ => row.serialize_entry(name, &scores.predictions[self.row])?,
        }
        row.serialize_entry("outcome", scores.outcomes[self.row].word())?;
        if asked.has_policy {
            let codes = scores.rules.at(self.row).split(';');
            let codes = codes.filter(|code| !code.is_empty());
            row.serialize_entry("rules", &codes.collect::<Vec<_>>())?;
        }
        row.end()
    }
}

/// What of a decision the protocols may tell.
#[derive(Deserialize)]
struct Told<'a> {
    prediction: i64,
    #[serde(borrow)]
    prediction_label: Cow<'a, str>,
    probability: f64,
    outcome: Option<Outcome>,
    #[serde(borrow, default)]
    rules: Vec<Cow<'a, str>>,
}

impl Scores {
    pub(super) fn len(&self) -> usize {
        self.predictions.len()
    }

    /// Whether to write them takes long: for a few rows, too, in each of which many values were
    /// adjusted.
    pub(super) fn are_long(&self) -> bool {
        let words = [&self.labels, &self.rules, &self.adjustments];
        let texts: usize = words.map(|words| words.written).iter().sum();
        self.len() > ROWS_A_PIECE || texts > SHORT_TEXTS
    }

    /// About how many bytes they take.
    fn bytes(&self) -> usize {
        let words = [&self.labels, &self.rules, &self.adjustments];
        self.len() * ROW + words.map(|words| words.bytes).iter().sum::<usize>()
    }

    /// A column of texts; empty for one of numbers.
    pub(super) fn texts(&self, output: Output) -> Box<dyn Iterator<Item = &str> + '_> {
        match output {
            Output::Label => Box::new(self.labels.iter()),
            Output::Outcome => Box::new(self.outcomes.iter().map(|outcome| outcome.word())),
            Output::Rules => Box::new(self.rules.iter()),
            Output::Adjustments => Box::new(self.adjustments.iter()),
            Output::Prediction | Output::Probability => Box::new(std::iter::empty()),
        }
    }

    fn push(&mut self, scored: &Told<'_>, adjustments: &[String]) {
        self.predictions.push(scored.prediction);
        self.probabilities.push(scored.probability);
        self.labels.push(&scored.prediction_label);
        let outcome = Outcome::or_by(scored.outcome, scored.prediction == 1);
        self.outcomes.push(outcome);
        self.rules.push(&scored.rules.join(";"));
        self.adjustments.push(&adjustments.join(";"));
        self.adjusted += adjustments.len();
    }
}

/// Why there are no scores.
pub(super) enum NoScores {
    /// What came cannot be read, or a row was refused: a sentence that names the row, its
    /// field, and what is wrong.
    Refused(String),
    /// The host refuses it.
    Api(ApiError),
    /// The model failed; the reason is for the log.
    Failed(String),
}

impl From<ApiError> for NoScores {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl NoScores {
    /// Why there are no rows.
    pub(super) fn unreadable(error: Unreadable, most: usize) -> Self {
        match error {
            Unreadable::TooManyRows => Self::Api(ApiError::TooManyRows { most }),
            other => Self::Refused(other.sentence()),
        }
    }
}

/// The scores of all rows.
pub(super) struct Scored<H> {
    pub(super) scores: Scores,
    /// What the answer needs beside them.
    pub(super) head: H,
    /// Where the rows are recorded.
    pub(super) written: Option<Written>,
    /// The memory of the scores.
    _held: Claim,
}

/// Reads rows and decides them all, a piece at a time, each in its turn on another thread. One
/// row that is refused refuses them all, and those after it are not decided: these protocols
/// have nowhere to put an error of a row. `read` gets the unpacked body, and also gives what
/// the answer will need. With a log all rows are recorded when this is done.
pub(super) async fn score<H: Send + 'static>(
    app: &App,
    call: &Call<'_>,
    target: Target,
    packed: Packed,
    read: impl FnOnce(&Served, &Bytes) -> Result<(Table, H), NoScores> + Send + 'static,
) -> Result<Scored<H>, NoScores> {
    let _permit = app.begin_long(call.caller)?;
    let mut recorder = app.recorder(call, &target, Kind::Decision)?;
    let served = target.served;
    let body = app.unpack(call, packed).await?;
    let kind = Work::reading(body.len());
    let first = move || {
        let (table, head) = read(&served, &body)?;
        if let Some(recorder) = &mut recorder {
            recorder.body_of_one(&body, table.len());
        }
        let scoring = Scoring {
            served,
            table,
            chunk: Chunk::default(),
            scores: Scores::default(),
            recorder,
        };
        Ok((scoring.next()?, head))
    };
    let log = |problem: &NoScores| log(call.id, problem);
    let piece = app.admission().work(kind, call.caller, first).await;
    let (mut scoring, head) = piece.unwrap_or_else(failed).inspect_err(log)?;
    let mut groups = Groups::new(app.admission(), call.caller);
    let mut held = app.admission().memory(call.caller).claim_answer();
    loop {
        held.cover(scoring.bytes())
            .map_err(|full| app.reject(full))?;
        if let Some(recorder) = &mut scoring.recorder {
            let added = groups.add(recorder).await;
            added.inspect_err(|error| app.count(error))?;
        }
        if scoring.scores.len() == scoring.table.len() {
            break;
        }
        let next = move || scoring.next();
        let piece = app.admission().piece(call.caller, next).await;
        scoring = piece.unwrap_or_else(failed).inspect_err(log)?;
    }
    let written = match &mut scoring.recorder {
        Some(recorder) => groups.end(recorder).await?,
        None => None,
    };
    Ok(Scored {
        scores: scoring.scores,
        head,
        written,
        _held: held,
    })
}

fn failed<T>(error: tokio::task::JoinError) -> Result<T, NoScores> {
    Err(NoScores::Failed(error.to_string()))
}

fn log(id: &RequestId, problem: &NoScores) {
    if let NoScores::Failed(reason) = problem {
        tracing::error!(request_id = id.as_uuid(), reason, "no scores");
    }
}

/// Rows that are being decided.
struct Scoring {
    served: Arc<Served>,
    table: Table,
    chunk: Chunk,
    scores: Scores,
    recorder: Option<Recorder>,
}

impl Scoring {
    /// About how many bytes the rows and their scores take beside the body.
    fn bytes(&self) -> usize {
        self.table.bytes() + self.scores.bytes()
    }

    /// Decides a piece of the rows: so many, or fewer if they take long.
    fn next(mut self) -> Result<Self, NoScores> {
        let piece = Piece::begin();
        let end = (self.scores.len() + ROWS_A_PIECE).min(self.table.len());
        while self.scores.len() < end {
            self.decide(ROWS_A_LOOK.min(end - self.scores.len()))?;
            if piece.is_over() {
                break;
            }
        }
        Ok(self)
    }

    /// Decides the next rows, at most `most`.
    fn decide(&mut self, most: usize) -> Result<(), NoScores> {
        self.table.next(most, &mut self.chunk);
        let mut problem = None;
        let mut row = self.scores.len();
        let scores = &mut self.scores;
        let mut records = Records(self.recorder.as_mut());
        self.served
            .decide_each(self.chunk.iter(), |request, answer| {
                records.add(row, request, &answer);
                let scored = match answer {
                    Ok(decision) if decision.status == 200 => {
                        serde_json::from_slice::<Told<'_>>(decision.body)
                            .map(|scored| (scored, adjusted(decision)))
                            .map_err(|error| NoScores::Failed(error.to_string()))
                    }
                    Ok(decision) => {
                        let reason = reason(decision.body);
                        Err(NoScores::Refused(format!("row {row}: {reason}")))
                    }
                    Err(error) => Err(NoScores::Failed(error.to_string())),
                };
                match scored {
                    Ok((scored, adjustments)) => scores.push(&scored, &adjustments),
                    Err(error) => {
                        problem.get_or_insert(error);
                    }
                }
                row += 1;
            });
        match problem {
            None => Ok(()),
            Some(problem) => {
                // The module decided these rows, though nobody hears of them.
                if let Some(recorder) = &mut self.recorder {
                    recorder.write_refused();
                }
                Err(problem)
            }
        }
    }
}
