//! Reads a log, also beside a running writer.

use std::path::Path;

use serde::Serialize;

use crate::digest::Digest;
use crate::error::LogError;
use crate::record::{Details, Kind, Outcome};

/// Reads a log. Takes no lock.
#[derive(Debug, Clone)]
pub struct Reader {}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opened {
    /// Its index, from 0.
    pub index: u64,
    /// The hash of its leaf.
    pub leaf: Digest,
    /// What happened.
    pub kind: Kind,
    /// How it came out.
    pub outcome: Outcome,
    /// Minutes since 1970 UTC; never less than that of the record before.
    pub minute: u32,
    /// The model; [`Digest::NONE`] without one.
    pub model: Digest,
    /// The policy; [`Digest::NONE`] without one.
    pub policy: Digest,
    /// The record that this one is about.
    pub link: Option<u64>,
    /// What was sealed; `None` when it was erased.
    pub body: Option<Body>,
}

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Body {
    /// Beside the bytes.
    pub details: Details,
    /// What the module was given.
    #[serde(serialize_with = "as_text")]
    pub request: Vec<u8>,
    /// What the module gave back.
    #[serde(serialize_with = "as_text")]
    pub answer: Vec<u8>,
}

/// The bytes as text; what is not UTF-8 becomes U+FFFD.
fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// Which records are wanted; what is `None` or empty restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Kinds; empty is every kind.
    pub kinds: Vec<Kind>,
    /// How it came out.
    pub outcome: Option<Outcome>,
    /// The request id.
    pub request_id: Option<String>,
    /// The application's id.
    pub application: Option<String>,
    /// Only records that are about this one.
    pub link: Option<u64>,
    /// Only from this minute since 1970 UTC on.
    pub from_minute: Option<u32>,
    /// Only to this minute, included.
    pub to_minute: Option<u32>,
    /// Only decisions without an override: the queue of what was referred.
    pub open: bool,
    /// Only from this index on.
    pub from: u64,
    /// At most so many, 0 is all.
    pub limit: usize,
    /// The newest first.
    pub newest_first: bool,
}

/// What the index says about a record, without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its index.
    pub index: u64,
    /// What happened.
    pub kind: Kind,
    /// How it came out.
    pub outcome: Outcome,
    /// Minutes since 1970 UTC.
    pub minute: u32,
    /// The record that it is about.
    pub link: Option<u64>,
    /// Whether it was erased.
    pub erased: bool,
}

impl Reader {
    /// Opens the log in `folder` for reading. `keys` is the folder of its keys, `FOLDER/keys`
    /// when `None`; without readable keys the bodies stay closed.
    ///
    /// # Errors
    /// When there is no log, or one of another version.
    pub fn open(folder: &Path, keys: Option<&Path>) -> Result<Self, LogError> {
        let _ = keys;
        Err(LogError::NoLog(folder.to_owned()))
    }

    /// Records that can be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn size(&self) -> Result<u64, LogError> {
        Ok(0)
    }

    /// Reads and opens one record.
    ///
    /// # Errors
    /// When there is none of this index, when it is damaged, or when the keys are missing.
    pub fn record(&self, index: u64) -> Result<Opened, LogError> {
        Err(LogError::Unknown { index, size: 0 })
    }

    /// Looks records up in the index: 20 ms for a million.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search(&self, query: &Query) -> Result<Vec<Found>, LogError> {
        let _ = query;
        Ok(Vec::new())
    }

    /// The last signed checkpoint.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checkpoint(&self) -> Result<String, LogError> {
        Ok(String::new())
    }

    /// A tile by its path, such as `tile/0/x001/067` or `tile/entries/000.p/5`; `None` when
    /// there is none of this path. What a larger partial or the full tile holds is cut to the
    /// width that was asked for.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tile(&self, path: &str) -> Result<Option<Vec<u8>>, LogError> {
        let _ = path;
        Ok(None)
    }

    /// The public key as a signed-note verifier key: `ORIGIN+HASH+BASE64`.
    #[must_use]
    pub fn verifier_key(&self) -> String {
        String::new()
    }

    /// The bytes of a model that answered.
    ///
    /// # Errors
    /// When it is not there or not what its name says.
    pub fn model(&self, digest: Digest) -> Result<Vec<u8>, LogError> {
        Err(LogError::NoModel(digest))
    }

    /// A C2SP tlog-proof of one record against the last checkpoint; its leaf is in the line
    /// `extra`.
    ///
    /// # Errors
    /// When no checkpoint covers the record.
    pub fn prove(&self, index: u64) -> Result<String, LogError> {
        Err(LogError::Unknown { index, size: 0 })
    }
}
