//! Sending a run to experiment trackers.

use model_client::ServiceError;

use crate::folder::{RunError, RunFolder};
use crate::run::Pushed;

/// An experiment tracker.
pub trait Tracker {
    /// Its name in `tracked.json` and in messages, such as `mlflow`.
    fn name(&self) -> &str;

    /// Sends everything that the folder holds. Idempotent: a second push fills in what is missing
    /// and duplicates nothing, because the service knows the run by [`crate::run::Run::id`].
    ///
    /// # Errors
    /// When the service cannot be reached or rejects the run; the folder is not changed.
    fn push(&self, run: &RunFolder) -> Result<Pushed, TrackError>;
}

/// Why a run did not reach a tracker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// The service cannot be reached or refuses.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The run's own files cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// The result of sending a run to one tracker.
#[derive(Debug)]
pub struct Delivery {
    /// [`Tracker::name`].
    pub tracker: String,
    /// Where the run is now, or why it is not there.
    pub result: Result<Pushed, TrackError>,
}

/// Sends a run to every tracker, one after the other, and notes in the folder which ones have
/// it. A tracker that fails stops neither the others nor the caller: its delivery says why, and
/// the folder still has the run, to be sent again.
pub fn push_all(trackers: &[Box<dyn Tracker>], run: &RunFolder) -> Vec<Delivery> {
    let push = |tracker: &dyn Tracker| {
        let result = tracker.push(run).and_then(|pushed| {
            run.record(tracker.name(), pushed.clone())?;
            Ok(pushed)
        });
        Delivery {
            tracker: tracker.name().to_owned(),
            result,
        }
    };
    trackers
        .iter()
        .map(|tracker| push(tracker.as_ref()))
        .collect()
}
