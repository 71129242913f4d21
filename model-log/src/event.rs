//! What the records of other kinds than decisions say, in [`crate::Details::event`].

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::record::Outcome;

/// A person's decision: [`crate::Kind::Override`], linked to the decision. The first word of two
/// people is a [`crate::Kind::Proposal`] of the same form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Approve or decline.
    pub outcome: Outcome,
    /// A code of the list in `[decision_log]`.
    pub reason: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The name of the person.
    pub by: String,
    /// What that person is: `officer` or `reviewer`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The second person, where four eyes are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconded_by: Option<String>,
    /// What the second person is: `officer` or `reviewer`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seconded_role: String,
    /// The second person's own reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconded_reason: Option<String>,
    /// The second person's own note.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seconded_note: String,
}

/// The applicant was notified: [`crate::Kind::Notice`], linked to the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The name of the person, or the id of the key, that recorded it.
    pub by: String,
    /// How it was sent, such as `letter`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// When it was sent, as in RFC 3339; empty where that is when it was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sent: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How a loan went: [`crate::Kind::Performance`], linked to the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performance {
    /// Repaid or defaulted.
    pub result: LoanResult,
    /// The name of the person, or the id of the key, that recorded it.
    pub by: String,
    /// The day on which that was known, as `2027-05-01`; empty where it is not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How a loan went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanResult {
    /// As agreed.
    Repaid,
    /// Not repaid.
    Defaulted,
}

/// [`crate::Kind::Hold`] and [`crate::Kind::Release`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The records.
    pub indexes: Vec<u64>,
    /// Why.
    pub because: String,
    /// Who asked, such as the id of the admin key or `command line`.
    pub by: String,
}

/// [`crate::Kind::Erasure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The records.
    pub indexes: Vec<u64>,
    /// Why.
    pub because: String,
    /// Who asked.
    pub by: String,
    /// Whether a record was erased before the end of its retention.
    pub before_term: bool,
    /// The months of retention by which that was judged; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_months: Option<u32>,
}

/// [`crate::Kind::Recovered`]: the log was cut after a crash or a failed write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Bytes that were cut from the end.
    pub bytes: u64,
    /// Records that were left.
    pub records: u64,
    /// What was found.
    pub because: String,
}

/// [`crate::Kind::ModelLoaded`] and [`crate::Kind::ModelRefused`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The name under which it is served.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where the file came from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The SHA-256 of the PEM of the key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Digest>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// The SHA-256 of a file that was refused; the leaf names files that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_sha256: Option<Digest>,
}
