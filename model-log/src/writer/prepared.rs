//! Records made ready by the thread that appends them, so that the log's own thread does little.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::body::{Fresh, commitment, plain};
use crate::digest::Digest;
use crate::error::AppendError;
use crate::frame::{FIXED, HEAD, MAX_SEALED, NONCE};
use crate::keys::{self, Keys};
use crate::leaf::Leaf;
use crate::record::Record;

/// A record whose body is one piece, ready to be sealed, and whose ids are hidden: all that does not
/// depend on its place in the log. The log's thread copies nothing but this piece and frees nothing
/// else.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Without the minute and the digest of what is sealed.
    pub(crate) leaf: Leaf,
    /// Minutes since 1970 UTC, of the clock.
    pub(crate) minute: u32,
    /// What is sealed, with room for the tag.
    pub(crate) body: Vec<u8>,
    pub(crate) nonce: [u8; NONCE],
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
    /// Records that are appended together.
    pub(crate) fn all(records: Vec<Record>, keys: &Keys) -> Result<Vec<Self>, AppendError> {
        let mut random = vec![0; records.len() * Fresh::LEN];
        keys::random(&mut random).map_err(|_| AppendError::NoRandomNumbers)?;
        let fresh = random.chunks(Fresh::LEN).map(Fresh::from_bytes);
        let records = records.into_iter().zip(fresh);
        records
            .map(|(record, fresh)| Self::new(record, keys, &fresh))
            .collect()
    }

    fn new(mut record: Record, keys: &Keys, fresh: &Fresh) -> Result<Self, AppendError> {
        if record.details.time == 0 {
            record.details.time = now();
        }
        let body = plain(
            &fresh.salt,
            &record.details,
            &record.request,
            &record.answer,
        );
        let body = body.map_err(|found| AppendError::TooLarge {
            found,
            max: MAX_SEALED,
        })?;
        Ok(Self {
            leaf: Leaf {
                kind: record.kind,
                outcome: record.outcome,
                minute: 0,
                link: record.link,
                model: record.model,
                policy: record.policy,
                commitment: commitment(&body),
                sealed: Digest::NONE,
            },
            minute: u32::try_from(record.details.time / 60_000_000).unwrap_or(0),
            request: keys.hide("request", &record.details.request_id),
            application: keys.hide("application", &record.details.application),
            body,
            nonce: fresh.nonce,
        })
    }

    /// Bytes of its frame.
    pub(crate) fn size(&self) -> usize {
        HEAD + FIXED + self.body.capacity()
    }
}
