//! How a model was made, as far as no decision needs it.
//!
//! The artifact carries the details as bytes that the module and its hosts never read; only
//! tools that show, compare or monitor models do.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::error::ArtifactError;
use crate::format::MAX_PAYLOAD;
use crate::schema::Monotonic;

/// How the model was made.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
pub struct Details {
    /// How the threshold was chosen.
    pub threshold_rule: ThresholdRule,
    /// Monotonic inputs by name: the probability never decreases, or never increases, with
    /// their value. Proved on the finished model.
    pub monotonic: Vec<(String, Monotonic)>,
    /// The configuration of the training run, as TOML; nothing in it depends on the machine
    /// or the number of threads.
    pub config: String,
    /// Protected columns that were allowed as inputs, by name.
    pub protected_inputs: Vec<String>,
    /// A sketch of the training rows to measure drift against, in the form of the drift
    /// library; empty where there is none.
    pub reference: Vec<u8>,
}

/// How a threshold is chosen, on rows that the model was not fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// 0.5.
    #[default]
    Half,
    /// The threshold that maximizes the F1 score of the positive outcome.
    BestF1,
    /// The threshold that minimizes the expected cost.
    Cost {
        /// Cost of approving an application that should be declined, above 0.
        false_positive: f64,
        /// Cost of declining an application that should be approved, above 0.
        false_negative: f64,
    },
    /// The threshold at which this share of the rows is approved, 0 to 1.
    ApprovalRate(f64),
}

impl Details {
    /// Encodes the details for [`Artifact::details`].
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        bincode::encode_to_vec(self, bincode::config::standard())
            .map_err(|error| ArtifactError::Payload(error.to_string()))
    }

    /// Reads an artifact's details; format 1 has none, which gives the default.
    ///
    /// # Errors
    /// When the bytes are not details.
    pub fn from_artifact(artifact: &Artifact) -> Result<Self, ArtifactError> {
        if artifact.details.is_empty() {
            return Ok(Self::default());
        }
        let limit = bincode::config::standard().with_limit::<MAX_PAYLOAD>();
        let (details, read) = bincode::decode_from_slice(&artifact.details, limit)
            .map_err(|error| ArtifactError::Payload(error.to_string()))?;
        if read == artifact.details.len() {
            Ok(details)
        } else {
            let problem = "its details have bytes left over";
            Err(ArtifactError::Payload(problem.into()))
        }
    }
}
