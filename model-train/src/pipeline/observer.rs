//! Following a training run while it goes.

use super::error::ObserverError;
use crate::tune::{self, Candidate, Trial};

/// Told what happens in a training run. Every method does nothing unless it is implemented;
/// `()` is an observer that ignores everything.
///
/// Calls come from any thread, one at a time.
pub trait Observer: Send {
    /// The search begins; `earlier` are the trials that it continues from.
    fn search_started(&mut self, settings: &tune::Settings, earlier: &[Trial]) {
        let _ = (settings, earlier);
    }

    /// A trial begins.
    fn trial_started(&mut self, candidate: &Candidate) {
        let _ = candidate;
    }

    /// A trial has ended; keep it to continue the search later.
    ///
    /// # Errors
    /// An error ends the run as soon as the running fits have ended.
    fn trial_finished(&mut self, trial: &Trial) -> Result<(), ObserverError> {
        let _ = trial;
        Ok(())
    }

    /// The hyperparameters are known; the model is calibrated and fitted on all training rows.
    fn fitting(&mut self) {}
}

impl Observer for () {}
