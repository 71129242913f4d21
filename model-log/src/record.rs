//! What a record says: the kind, the parts that the tree commits to, and the sealed body.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What happened. The number is part of the leaf and never changes its meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A model decided about one application.
    #[default]
    Decision = 1,
    /// A model explained one decision.
    Explanation = 2,
    /// A person decided otherwise, or about a referred application.
    Override = 3,
    /// The applicant was notified of the decision.
    Notice = 4,
    /// How the loan went: repaid or defaulted.
    Performance = 5,
    /// Records may not be erased until a release.
    Hold = 6,
    /// A hold was lifted.
    Release = 7,
    /// Records were erased: their keys destroyed.
    Erasure = 8,
    /// The log was cut after a crash.
    Recovered = 9,
    /// A model became the one that answers.
    ModelLoaded = 10,
    /// A model was refused, for example because of its signature.
    ModelRefused = 11,
    /// A person proposed an override, which another person has to second.
    Proposal = 12,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Decision,
        Self::Explanation,
        Self::Override,
        Self::Notice,
        Self::Performance,
        Self::Hold,
        Self::Release,
        Self::Erasure,
        Self::Recovered,
        Self::ModelLoaded,
        Self::ModelRefused,
        Self::Proposal,
    ];

    /// The number in the leaf.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let at = usize::from(number).checked_sub(1)?;
        Self::ALL.get(at).copied()
    }

    /// As in JSON: `decision`, `model_loaded`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Explanation => "explanation",
            Self::Override => "override",
            Self::Notice => "notice",
            Self::Performance => "performance",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Erasure => "erasure",
            Self::Recovered => "recovered",
            Self::ModelLoaded => "model_loaded",
            Self::ModelRefused => "model_refused",
            Self::Proposal => "proposal",
        }
    }

    /// Whether the record is about an applicant and can be erased. What the log says about
    /// itself (holds, erasures, recoveries, models) stays.
    #[must_use]
    pub fn is_personal(self) -> bool {
        self.number() <= Self::Performance.number() || self == Self::Proposal
    }
}

/// How an application came out. The number is part of the leaf.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was decided: a refused request, or a record of another kind.
    #[default]
    None = 0,
    /// Approved.
    Approve = 1,
    /// Referred to a person.
    Refer = 2,
    /// Declined.
    Decline = 3,
}

impl Outcome {
    /// The number in the leaf.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The outcome with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let all = [Self::None, Self::Approve, Self::Refer, Self::Decline];
        all.get(usize::from(number)).copied()
    }

    /// As in JSON: `none`, `approve`, `refer`, `decline`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Approve => "approve",
            Self::Refer => "refer",
            Self::Decline => "decline",
        }
    }
}

/// Which model answered beside which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The model that answers.
    #[default]
    Champion,
    /// The challenger, to whom this request was sent instead.
    Canary,
    /// The challenger, which was asked too and not heard.
    Shadow,
    /// The version that the request named.
    Version,
}

/// A record to append.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// What happened.
    pub kind: Kind,
    /// How it came out.
    pub outcome: Outcome,
    /// The SHA-256 of the whole `model.wasm` that answered; [`Digest::NONE`] without one. The
    /// file itself must have been given to `Writer::keep_model` before.
    pub model: Digest,
    /// The SHA-256 of the policy; [`Digest::NONE`] without one.
    pub policy: Digest,
    /// The index of the record that this one is about.
    pub link: Option<u64>,
    /// What is sealed with the bytes.
    pub details: Details,
    /// The bytes that the module was given, verbatim.
    pub request: Vec<u8>,
    /// The bytes that the module gave back, verbatim, without the host's fields.
    pub answer: Vec<u8>,
}

impl Record {
    /// An empty record of a kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// A record of an event about another record.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn about(kind: Kind, link: u64, event: &impl Serialize) -> serde_json::Result<Self> {
        let mut record = Self::new(kind);
        record.link = Some(link);
        record.details.event = Some(serde_json::to_value(event)?);
        Ok(record)
    }
}

/// The sealed part of a record beside request and answer. An empty text is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Microseconds since 1970 UTC; 0 when appended: the log then takes the clock's time.
    pub time: i64,
    /// The HTTP status of the module's answer; 0 for what is no request.
    #[serde(skip_serializing_if = "is_zero")]
    pub status: u16,
    /// The request id of the answer's header.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// The application's id, from the client's field; in the index by a keyed hash only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// The id of the caller's key, never the key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub caller: String,
    /// The route, such as `/predict`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// Which model answered beside which.
    #[serde(skip_serializing_if = "is_champion")]
    pub role: Role,
    /// The row of a batch, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The SHA-256 of the whole HTTP body, where the module was given only a part of it, and that is
    /// the only row. Earlier programs kept it of several rows, too.
    #[serde(skip_serializing_if = "Digest::is_none")]
    pub body_sha256: Digest,
    /// The program that wrote the record, such as `underwrite 0.1.0`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// What a record of another kind says; see [`crate::event`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<serde_json::Value>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(status: &u16) -> bool {
    *status == 0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_champion(role: &Role) -> bool {
    *role == Role::Champion
}

/// Where a record is: what the answer's header `x-decision-log` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The record's index in the log, from 0.
    pub index: u64,
    /// The hash of its leaf (RFC 6962).
    pub leaf: Digest,
}

impl std::fmt::Display for Receipt {
    /// As in the header: `INDEX; LEAFHASH`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.index, self.leaf)
    }
}
