//! The decision log as the server keeps it: what a model answers is recorded, and the record
//! synced, before anybody gets the answer. The crate `model-log` has the files.
//!
//! Routes make a [`Recorder`] for each request and give it each row with the module's own bytes.
//! [`Recorder::write`] hands them to the log's thread; the answer is parked on
//! [`Waiting::written`], which holds no thread while the disk works. [`people`] is what loan
//! officers do with the records.

mod call;
mod groups;
mod kept;
mod log;
mod metrics;
mod options;
pub(crate) mod people;
mod queue;
mod recorder;
mod sink;

pub(crate) use call::Call;
pub(crate) use groups::{Groups, write_lines, write_single};
pub(crate) use kept::KeptModel;
pub(crate) use log::{DecisionLog, ShadowRecord};
pub(crate) use metrics::LogMetrics;
pub(crate) use model_log::{Kind, Role};
pub use options::{DecisionLogOptions, OnFailure, ReasonCode};
pub(crate) use recorder::{Recorder, Written};
