//! What people do with recorded decisions: the queue of what a model referred, one decision
//! with its history, and words of their own, each a record that is linked to its decision.
//!
//! The log alone is the state: nothing is lost with the server, and nothing can be out of step.
//! What its index says about people is kept in memory ([`super::queue`]), so that a look costs the
//! same whatever the length of the log. All of it blocks for files.

mod case;
mod change;
mod event;
mod page;
mod show;
mod word;

pub(crate) use change::{open_change, open_changes};
pub(crate) use page::{count_waiting, list};
pub(crate) use show::{Explained, Shown, show};
pub(crate) use word::{LONGEST_NOTE, Said, decide, notice, perform};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};
use model_log::{AppendError, LogError};

use crate::http::error::ApiError;
pub(crate) use crate::record::queue::{State, Wanted};
use crate::record::sink::reason;

/// An error of the log as a client gets it.
pub(crate) fn refuse(error: LogError) -> ApiError {
    let detail = error.to_string();
    match error {
        LogError::Unknown { .. } => ApiError::NotThere { detail },
        LogError::Erased(_) | LogError::Append(AppendError::Erased(_)) => ApiError::Gone { detail },
        LogError::Held(_) | LogError::BeforeTerm { .. } | LogError::NotPersonal { .. } => {
            ApiError::Conflict { detail }
        }
        LogError::Argument(_) => ApiError::Malformed { detail },
        LogError::KeysUnreadable { first, last, .. } => {
            tracing::error!(%error, "erasure refused");
            ApiError::NotRecorded {
                reason: format!(
                    "nothing was erased: the keys of records {first} to {last} cannot be read; the server's log says why"
                ),
            }
        }
        LogError::HoldUnreadable { index, change, .. } => {
            tracing::error!(%error, "release or erasure refused");
            ApiError::NotRecorded {
                reason: format!(
                    "nothing was changed: whether record {index} is on hold is not known, since record {change}, a hold or a release, cannot be read; the server's log says why"
                ),
            }
        }
        LogError::Append(ref why) if !matches!(why, AppendError::Unreadable { .. }) => {
            ApiError::NotRecorded {
                reason: reason(why),
            }
        }
        _ => {
            tracing::error!(%error, "decision log not readable");
            ApiError::NotRecorded {
                reason: "the decision log cannot be read; the server's log says why".to_owned(),
            }
        }
    }
}

/// Microseconds since 1970 as in RFC 3339, in UTC.
fn time_text(micros: i64) -> String {
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Minutes since 1970 in the same form.
fn minute_text(minute: u32) -> String {
    time_text(i64::from(minute) * 60_000_000)
}

/// Now, in the same form.
fn now_text() -> String {
    time_text(i64::try_from(now().as_micros()).unwrap_or(i64::MAX))
}

/// Now, in minutes since 1970.
pub(crate) fn minutes_now() -> u32 {
    u32::try_from(now().as_secs() / 60).unwrap_or(u32::MAX)
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
