//! Which run of the server a push goes on with: that of the earlier push, or a new one.
//!
//! A resumed run may have other parameters and another model than were sent. MLflow lets no
//! parameter change, and the metrics and files of a run belong to the version that was registered
//! from it. So such a run becomes a new one, and the earlier one stays as it is.

use std::collections::BTreeSet;

use model_client::{ServiceError, one_line};
use serde_json::json;

use super::rest::RemoteRun;
use super::{Conversation, RUN_ID, TRIAL, batch, tag};

/// Marks a run of the server in whose place there is a later one.
const SUPERSEDED: &str = "underwrite.superseded";
/// Names, in a run of the server, the one that it supersedes.
const SUPERSEDES: &str = "underwrite.supersedes";

/// The runs of the server that are this run.
pub(super) struct RemoteRuns {
    pub(super) run: RemoteRun,
    /// Those that it supersedes.
    pub(super) earlier: Vec<RemoteRun>,
    /// What the user should know.
    pub(super) note: Option<String>,
}

impl Conversation<'_> {
    pub(super) fn remote_runs(&self, experiment: &str) -> Result<RemoteRuns, ServiceError> {
        let found = self.rest.find_runs(experiment, RUN_ID, &self.run.id)?;
        let (mut earlier, present): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|run| run.tag(SUPERSEDED).is_some());
        let mut outdated = None;
        if let Some(run) = present.into_iter().next() {
            let Some(changed) = self.difference(&run)? else {
                return Ok(RemoteRuns {
                    run,
                    earlier,
                    note: None,
                });
            };
            // First of all: a push that ends here makes the new run when it is repeated.
            self.rest.set_tag(&run.run_id, SUPERSEDED, "true")?;
            outdated = Some((run.run_id.clone(), changed));
            earlier.push(run);
        } else if let Some(run) = newest(&earlier) {
            // A push ended there. What changed then may be as it was by now.
            let changed = self.difference(run)?;
            let changed = changed.unwrap_or_else(|| "a parameter or the model".to_owned());
            outdated = Some((run.run_id.clone(), changed));
        }
        let supersedes = outdated.as_ref().map(|(id, _)| id.as_str());
        let run = self.new_run(experiment, supersedes)?;
        let note = outdated.map(|(id, changed)| {
            format!(
                "{changed} changed since the run was last sent, so MLflow has a new run; the earlier one ({}) keeps its parameters, metrics and version",
                one_line(&id)
            )
        });
        Ok(RemoteRuns { run, earlier, note })
    }

    fn new_run(
        &self,
        experiment: &str,
        supersedes: Option<&str>,
    ) -> Result<RemoteRun, ServiceError> {
        let mut tags = self.source_tags(&self.run.name);
        tags.push(tag(RUN_ID, &self.run.id));
        tags.extend(supersedes.map(|id| tag(SUPERSEDES, id)));
        self.rest.create_run(&json!({
            "experiment_id": experiment,
            "user_id": self.options.user,
            "run_name": self.run.name,
            "start_time": self.run.started_ms,
            "tags": tags,
        }))
    }

    /// What of the run is no longer as the server has it and cannot be changed there.
    fn difference(&self, remote: &RemoteRun) -> Result<Option<String>, ServiceError> {
        let mut params = self.run.params.iter();
        let changed = params.find(|(name, value)| {
            let there = remote.param(&batch::key(name));
            there.is_some_and(|there| there != batch::param_value(value))
        });
        if let Some((name, _)) = changed {
            return Ok(Some(format!("the parameter {}", one_line(name))));
        }
        let Some(model) = &self.run.model else {
            return Ok(None);
        };
        let there = self.logged_sha256(remote, model)?;
        let is_another = there.is_some_and(|there| there != model.sha256);
        Ok(is_another.then(|| "the model".to_owned()))
    }

    /// The numbers of the trials that the run has. Those of the runs that it supersedes are
    /// nested under it from now on.
    pub(super) fn trials_there(
        &self,
        experiment: &str,
        remote: &RemoteRuns,
        numbers: &BTreeSet<u64>,
    ) -> Result<BTreeSet<u64>, ServiceError> {
        let children = |parent: &RemoteRun| {
            self.rest
                .ended_children(experiment, &parent.run_id, TRIAL, numbers)
        };
        let mut there: BTreeSet<u64> = children(&remote.run)?.into_keys().collect();
        for earlier in &remote.earlier {
            for (number, id) in children(earlier)? {
                if there.insert(number) {
                    self.rest
                        .set_tag(&id, "mlflow.parentRunId", &remote.run.run_id)?;
                }
            }
        }
        Ok(there)
    }
}

/// The last of the runs that were superseded one after the other. All have the same start, so the
/// server lists them in any order.
fn newest(superseded: &[RemoteRun]) -> Option<&RemoteRun> {
    let by_another: BTreeSet<&str> = superseded
        .iter()
        .filter_map(|run| run.tag(SUPERSEDES))
        .collect();
    let mut runs = superseded.iter();
    runs.find(|run| !by_another.contains(&*run.run_id))
}
