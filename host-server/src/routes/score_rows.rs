//! Scores many rows, for the protocols that know numbers and labels but no decisions.

use std::sync::Arc;

use serde::Deserialize;

use super::rows::Rows;
use crate::app::App;
use crate::models::registry::Served;

/// What such a protocol reports of a decision.
#[derive(Debug, Deserialize)]
pub(super) struct Scored {
    pub(super) prediction: i64,
    pub(super) prediction_label: String,
    pub(super) probability: f64,
}

/// Why rows were not scored.
pub(super) enum ScoreError {
    /// A row was refused; names the row, its field and what is wrong.
    Refused(String),
    /// Too many requests at once.
    Overloaded,
    /// The model failed; the reason belongs in the log only.
    Failed(String),
}

/// Decides all rows on a separate thread. One refused row refuses them all: these protocols
/// cannot report an error for a single row.
pub(super) async fn score(
    app: &App,
    served: Arc<Served>,
    rows: Rows,
) -> Result<Vec<Scored>, ScoreError> {
    let _permit = app.begin().map_err(|_| ScoreError::Overloaded)?;
    let _turn = app.long_bodies().acquire().await;
    tokio::task::spawn_blocking(move || score_now(&served, &rows))
        .await
        .unwrap_or_else(|error| Err(ScoreError::Failed(error.to_string())))
}

fn score_now(served: &Served, rows: &Rows) -> Result<Vec<Scored>, ScoreError> {
    let mut scores = Vec::with_capacity(rows.len());
    let mut problem = None;
    let mut row = 0;
    served.decide_each(rows.iter(), |answer| {
        let scored = match answer {
            Ok(decision) if decision.status == 200 => serde_json::from_slice(decision.body)
                .map_err(|error| ScoreError::Failed(error.to_string())),
            Ok(decision) => Err(ScoreError::Refused(format!(
                "row {row}: {}",
                reason(decision.body)
            ))),
            Err(error) => Err(ScoreError::Failed(error.to_string())),
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
        None => Ok(scores),
        Some(problem) => Err(problem),
    }
}

/// The module's list of problems as one sentence.
pub(super) fn reason(refusal: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        detail: Detail,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Detail {
        List(Vec<Problem>),
        Text(String),
    }
    #[derive(Deserialize)]
    struct Problem {
        loc: Vec<serde_json::Value>,
        msg: String,
    }
    match serde_json::from_slice::<Refusal>(refusal) {
        Ok(Refusal {
            detail: Detail::Text(text),
        }) => text,
        Ok(Refusal {
            detail: Detail::List(problems),
        }) => {
            let sentences: Vec<String> = problems
                .iter()
                .map(|problem| match problem.loc.last() {
                    Some(serde_json::Value::String(field)) if problem.loc.len() > 1 => {
                        format!("{field}: {}", problem.msg)
                    }
                    _ => problem.msg.clone(),
                })
                .collect();
            sentences.join("; ")
        }
        Err(_) => "refused".to_owned(),
    }
}
