//! What an artifact tells about how its model was made, beyond what decides.
//!
//! It travels in the artifact as bytes: hosts and the module carry it, and only the tools
//! that show, compare or watch models read it.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::error::ArtifactError;
use crate::schema::Monotonic;
use crate::wire::MAX_PAYLOAD;

/// How the model was made.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
pub struct Details {
    /// How the threshold was chosen.
    pub threshold_rule: ThresholdRule,
    /// Inputs in whose values the probability never falls or never rises, by name, as was
    /// proved on the finished model.
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
    /// The threshold with the best F1 of the yes.
    BestF1,
    /// The threshold with the least cost.
    Cost {
        /// Of a yes where no is right, above 0.
        false_positive: f64,
        /// Of a no where yes is right, above 0.
        false_negative: f64,
    },
    /// The threshold at which this share of the rows gets a yes, 0 to 1.
    ApprovalRate(f64),
}

impl Details {
    /// As [`Artifact::details`] holds them.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        bincode::encode_to_vec(self, bincode::config::standard())
            .map_err(|error| ArtifactError::Payload(error.to_string()))
    }

    /// Those of an artifact; of format 1, which has none, the default.
    ///
    /// # Errors
    /// When the bytes are none.
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
