//! Experiment tracking: runs of training as folders on the disk, and the clients of MLflow and
//! Weights & Biases that they are sent to.
//!
//! A run is a folder first ([`folder::RunFolder`]). A tracker ([`tracker::Tracker`]) is sent what
//! the folder holds, at once or later; when it fails, the folder still has everything.
//!
//! # Example
//!
//! ```
//! use model_tracking::folder::{NewRun, RunFolder};
//! use model_tracking::run::Status;
//!
//! let runs = tempfile::tempdir()?;
//! let mut run = RunFolder::create(runs.path(), NewRun {
//!     name: Some("baseline".to_owned()),
//!     experiment: "loans".to_owned(),
//!     ..NewRun::default()
//! })?;
//! run.add_artifact("reports/evaluation.html", &b"<!doctype html>"[..])?;
//! run.update(|run| { run.metrics.insert("roc_auc".to_owned(), 0.98); })?;
//! run.finish(Status::Finished)?;
//!
//! let found = RunFolder::find(runs.path(), "baseline")?;
//! assert_eq!(found.run().artifacts[0].path, "reports/evaluation.html");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod command_line;
mod error;
pub mod folder;
mod inside;
pub mod mlflow;
pub mod run;
mod running;
pub mod tracker;
pub mod wandb;
