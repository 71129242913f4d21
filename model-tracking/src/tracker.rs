//! Sending a run to the services that show it.

use serde::{Deserialize, Serialize};

use crate::folder::{RunError, RunFolder, now_ms};

/// A service that runs are sent to.
pub trait Tracker {
    /// Such as `mlflow`: what `tracked.json` and messages call it.
    fn name(&self) -> &str;

    /// Sends all that the folder holds. Sent again, the run of the first time is completed, not
    /// doubled: the service knows it by [`crate::run::Run::id`].
    ///
    /// # Errors
    /// When the service cannot be reached or refuses; the folder is as it was.
    fn push(&self, run: &RunFolder) -> Result<Pushed, TrackError>;
}

/// Where a tracker keeps a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The tracker's own name of the run.
    pub id: String,
    /// Where a person looks at it: an address, or a path.
    pub url: String,
    /// When it was sent, in milliseconds since 1970-01-01 UTC.
    pub time_ms: i64,
}

impl Pushed {
    /// Sent now.
    #[must_use]
    pub fn now(id: String, url: String) -> Self {
        let time_ms = now_ms();
        Self { id, url, time_ms }
    }
}

/// Why a tracker has not got a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// No answer: the service is down, the name is wrong, the time is over.
    #[error("{service} at {url} does not answer: {problem}")]
    Unreachable {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address, without credentials.
        url: String,
        /// What happened.
        problem: String,
    },
    /// It wants other credentials.
    #[error("{service} at {url} refuses the credentials ({status}): {advice}")]
    Denied {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Which variable to set.
        advice: String,
    },
    /// It answered with an error.
    #[error("{service} at {url} answered {status} to {request}: {message}")]
    Refused {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Method and path.
        request: String,
        /// What it said, shortened.
        message: String,
    },
    /// It answered, and not as the service does.
    #[error("{service} at {url} gave an unexpected answer to {request}: {problem}")]
    Unexpected {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// Method and path.
        request: String,
        /// What was expected and what came.
        problem: String,
    },
    /// The run's own files.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What became of a run at one tracker.
#[derive(Debug)]
pub struct Outcome {
    /// [`Tracker::name`].
    pub tracker: String,
    /// Where it is, or why it is not there.
    pub result: Result<Pushed, TrackError>,
}

/// Sends a run to every tracker, one after the other, and notes in the folder which ones have
/// it. A tracker that fails stops neither the others nor the caller: its outcome says why, and
/// the folder still has the run, to be sent again.
pub fn push_all(trackers: &[Box<dyn Tracker>], run: &RunFolder) -> Vec<Outcome> {
    let push = |tracker: &dyn Tracker| {
        let result = tracker.push(run).and_then(|pushed| {
            run.record(tracker.name(), pushed.clone())?;
            Ok(pushed)
        });
        Outcome {
            tracker: tracker.name().to_owned(),
            result,
        }
    };
    trackers
        .iter()
        .map(|tracker| push(tracker.as_ref()))
        .collect()
}
