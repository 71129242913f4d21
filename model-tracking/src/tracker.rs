//! Sending a run to the services that show it.

use model_client::ServiceError;

use crate::folder::{RunError, RunFolder};
use crate::run::Pushed;

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

/// Why a run did not reach a tracker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// The service cannot be reached or refuses.
    #[error(transparent)]
    Service(#[from] ServiceError),
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
