//! Many rows to one model, for the protocols that know numbers and labels but no decisions.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::batch::ROWS_A_PIECE;
use super::refusal::reason;
use super::rows::{Chunk, Table, Unreadable};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::Served;

/// What such a protocol tells of decisions, by row.
#[derive(Default)]
pub(super) struct Scores {
    pub(super) predictions: Vec<i64>,
    pub(super) probabilities: Vec<f64>,
    /// Which of the names.
    labels: Vec<usize>,
    names: Vec<String>,
}

/// One of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Prediction,
    Probability,
    Label,
}

/// A column of scores, a list in JSON.
pub(super) struct OutputOf<'a>(pub(super) Output, pub(super) &'a Scores);

impl Serialize for OutputOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(output, scores) = self;
        match output {
            Output::Prediction => serializer.collect_seq(&scores.predictions),
            Output::Probability => serializer.collect_seq(&scores.probabilities),
            Output::Label => serializer.collect_seq(scores.labels()),
        }
    }
}

#[derive(Deserialize)]
struct Scored {
    prediction: i64,
    prediction_label: String,
    probability: f64,
}

impl Scores {
    pub(super) fn len(&self) -> usize {
        self.predictions.len()
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        let name = |label: &usize| self.names.get(*label).map_or("", String::as_str);
        self.labels.iter().map(name)
    }

    fn push(&mut self, scored: Scored) {
        let known = self
            .names
            .iter()
            .position(|name| *name == scored.prediction_label);
        let label = known.unwrap_or_else(|| {
            self.names.push(scored.prediction_label);
            self.names.len() - 1
        });
        self.predictions.push(scored.prediction);
        self.probabilities.push(scored.probability);
        self.labels.push(label);
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
            Unreadable::Json(error) => Self::Refused(error.to_string()),
            Unreadable::Other(sentence) => Self::Refused(sentence),
        }
    }
}

/// Reads rows and decides them all, a piece at a time, each in its turn on another thread. One
/// row that is refused refuses them all, and those after it are not decided: these protocols
/// have nowhere to put an error of a row. `read` also gives what the answer will need.
pub(super) async fn score<H: Send + 'static>(
    app: &App,
    id: &RequestId,
    served: Arc<Served>,
    read: impl FnOnce(&Served) -> Result<(Table, H), NoScores> + Send + 'static,
) -> Result<(Scores, H), NoScores> {
    let _permit = app.begin()?;
    let first = move || {
        let (table, head) = read(&served)?;
        let scoring = Scoring {
            served,
            table,
            chunk: Chunk::default(),
            scores: Scores::default(),
        };
        Ok((scoring.next()?, head))
    };
    let piece = app.admission().piece(first).await;
    let (mut scoring, head) = piece.unwrap_or_else(failed).inspect_err(|e| log(id, e))?;
    while scoring.scores.len() < scoring.table.len() {
        let piece = app.admission().piece(move || scoring.next()).await;
        scoring = piece.unwrap_or_else(failed).inspect_err(|e| log(id, e))?;
    }
    Ok((scoring.scores, head))
}

fn failed<T>(error: tokio::task::JoinError) -> Result<T, NoScores> {
    Err(NoScores::Failed(error.to_string()))
}

fn log(id: &RequestId, problem: &NoScores) {
    if let NoScores::Failed(reason) = problem {
        tracing::error!(request_id = id.as_str(), reason, "no scores");
    }
}

/// Rows that are being decided.
struct Scoring {
    served: Arc<Served>,
    table: Table,
    chunk: Chunk,
    scores: Scores,
}

impl Scoring {
    fn next(mut self) -> Result<Self, NoScores> {
        self.table.next(ROWS_A_PIECE, &mut self.chunk);
        let mut problem = None;
        let mut row = self.scores.len();
        let scores = &mut self.scores;
        self.served.decide_each(self.chunk.iter(), |answer| {
            let scored = match answer {
                Ok(decision) if decision.status == 200 => serde_json::from_slice(decision.body)
                    .map_err(|error| NoScores::Failed(error.to_string())),
                Ok(decision) => {
                    let reason = reason(decision.body);
                    Err(NoScores::Refused(format!("row {row}: {reason}")))
                }
                Err(error) => Err(NoScores::Failed(error.to_string())),
            };
            match scored {
                Ok(scored) => scores.push(scored),
                Err(error) => {
                    problem.get_or_insert(error);
                }
            }
            row += 1;
        });
        match problem {
            None => Ok(self),
            Some(problem) => Err(problem),
        }
    }
}
