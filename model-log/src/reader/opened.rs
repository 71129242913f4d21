//! A record that was read and opened.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{self, Body};
use crate::digest::Digest;
use crate::error::LogError;
use crate::frame::Frame;
use crate::record::{Kind, Outcome};
use crate::seeds::{EPOCH, Seeds};

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
    #[serde(skip_serializing_if = "Digest::is_none")]
    pub model: Digest,
    /// The policy; [`Digest::NONE`] without one.
    #[serde(skip_serializing_if = "Digest::is_none")]
    pub policy: Digest,
    /// The record that this one is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<u64>,
    /// What was sealed; `None` when it was erased.
    pub body: Option<Body>,
}

impl Opened {
    /// What the record says, for kinds other than decisions and explanations.
    ///
    /// # Errors
    /// When the record was erased or says something else.
    pub fn event<T: DeserializeOwned>(&self) -> Result<T, LogError> {
        let body = self.body.as_ref().ok_or(LogError::Erased(self.index))?;
        let event = body.details.event.clone().unwrap_or_default();
        serde_json::from_value(event).map_err(|error| {
            let place = format!("record {}", self.index);
            LogError::damaged(place, format!("not a {}: {error}", self.kind.name()))
        })
    }
}

/// Opens the body of a frame with its key, where there is one.
pub(super) fn open_frame(frame: &Frame<'_>, seeds: &mut Seeds) -> Result<Opened, LogError> {
    let leaf = frame.leaf;
    let body = match seeds.key((frame.index % EPOCH) as u32) {
        None => None,
        Some(key) => {
            let mut sealed = frame.sealed.to_vec();
            let parts = body::open(
                &mut sealed,
                frame.index,
                &key,
                frame.nonce,
                &leaf.commitment,
            );
            let body = parts.ok().and_then(|parts| parts.to_body());
            Some(body.ok_or_else(|| {
                let place = format!("record {}", frame.index);
                LogError::damaged(place, "the sealed body does not open with its key")
            })?)
        }
    };
    Ok(Opened {
        index: frame.index,
        leaf: Digest(leaf.hash()),
        kind: leaf.kind,
        outcome: leaf.outcome,
        minute: leaf.minute,
        model: leaf.model,
        policy: leaf.policy,
        link: leaf.link,
        body,
    })
}
