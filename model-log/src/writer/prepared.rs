//! Records made ready by the thread that appends them, so that the log's own thread does little.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::body::sealed_len;
use crate::error::AppendError;
use crate::frame::MAX_SEALED;
use crate::keys::Keys;
use crate::record::Record;

/// A record with its details as JSON and its ids hidden.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) record: Record,
    pub(crate) details: Vec<u8>,
    pub(crate) request: u64,
    pub(crate) application: u64,
}

/// The clock, in microseconds since 1970 UTC.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

impl Prepared {
    pub(crate) fn new(mut record: Record, keys: &Keys) -> Result<Self, AppendError> {
        if record.details.time == 0 {
            record.details.time = now();
        }
        // A map with texts as keys: it cannot fail.
        let details = serde_json::to_vec(&record.details).unwrap_or_default();
        let found = sealed_len(details.len(), record.request.len(), record.answer.len());
        if found > MAX_SEALED {
            let max = MAX_SEALED;
            return Err(AppendError::TooLarge { found, max });
        }
        Ok(Self {
            request: keys.hide("request", &record.details.request_id),
            application: keys.hide("application", &record.details.application),
            details,
            record,
        })
    }

    /// Bytes of its parts.
    pub(crate) fn size(&self) -> usize {
        self.details.len() + self.record.request.len() + self.record.answer.len()
    }

    /// Minutes since 1970 UTC.
    pub(crate) fn minute(&self) -> u32 {
        u32::try_from(self.record.details.time / 60_000_000).unwrap_or(0)
    }
}
