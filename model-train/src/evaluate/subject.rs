//! Which model was measured, and by which lending rules it decides.

use model_core::artifact::{Artifact, ArtifactError};
use model_core::details::{Details, ThresholdRule};
use model_core::policy::Policy;
use model_core::schema::Monotonic;
use serde::{Deserialize, Serialize};

/// The model that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// From the schema.
    pub name: String,
    /// From the schema.
    pub version: String,
    /// What people call it.
    pub title: String,
    /// Such as `gradient_boosting`.
    pub kind: String,
    /// The artifact's digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Approved from this probability on.
    pub threshold: f64,
    /// How that was chosen.
    pub threshold_rule: ThresholdRule,
    /// How probabilities are calibrated: `none`, `platt` or `isotonic`.
    pub calibration: String,
    /// Inputs in whose values the probability never falls, proved on the finished model.
    pub increasing: Vec<String>,
    /// Inputs in whose values it never rises.
    pub decreasing: Vec<String>,
    /// Protected columns that were allowed as inputs.
    pub protected_inputs: Vec<String>,
    /// The lending rules that were packed beside the model.
    #[serde(default)]
    pub policy: Option<PolicyRecord>,
    /// What the decision to approve is called, such as "Approved".
    pub positive_label: String,
    /// What the decision to decline is called, such as "Rejected".
    pub negative_label: String,
    /// What the outcome is called that the probability is of, such as "good".
    #[serde(default)]
    pub positive_outcome: String,
    /// What the other outcome is called, the event of credit risk, such as "bad".
    #[serde(default)]
    pub negative_outcome: String,
    /// The inputs, in schema order.
    pub inputs: Vec<String>,
    /// Rows it was fitted on.
    pub rows_train: u64,
    /// The random seed it was fitted with.
    pub seed: u64,
    /// SHA-256 of the file it was fitted on.
    pub data_sha256: String,
    /// The program that fitted it.
    pub underwrite_version: String,
}

/// Lending rules, as a card shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// What the policy calls itself.
    pub version: String,
    /// The scores that go to a person, the second excluded.
    pub refer: Option<[f64; 2]>,
    /// Whether rules may name protected columns.
    pub allow_protected: bool,
    /// In the order of the policy.
    pub rules: Vec<RuleRecord>,
}

/// A lending rule, as a card shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleRecord {
    /// What answers call it.
    pub code: String,
    /// `approve`, `refer` or `decline`.
    pub then: String,
    /// Its condition, as written.
    pub when: String,
    /// What it says to people, in the first language.
    pub text: String,
}

impl PolicyRecord {
    fn new(policy: &Policy) -> Self {
        let rules = policy.rules.iter().map(|rule| RuleRecord {
            code: rule.code.clone(),
            then: rule.then.word().to_owned(),
            when: rule.source.clone(),
            text: rule.text.0.first().cloned().unwrap_or_default(),
        });
        Self {
            version: policy.version.clone(),
            refer: policy.refer.map(|band| [band.from, band.to]),
            allow_protected: policy.allow_protected,
            rules: rules.collect(),
        }
    }
}

pub(super) fn subject(artifact: &Artifact, digest: String) -> Result<Subject, ArtifactError> {
    let details = Details::from_artifact(artifact)?;
    let monotonic = |direction: Monotonic| -> Vec<String> {
        let proved = details
            .monotonic
            .iter()
            .filter(|(_, proved)| *proved == direction);
        proved.map(|(name, _)| name.clone()).collect()
    };
    let (schema, training) = (&artifact.schema, &artifact.training);
    Ok(Subject {
        name: schema.name.clone(),
        version: schema.version.clone(),
        title: schema.title.clone().unwrap_or_else(|| schema.name.clone()),
        kind: artifact.kind.word().to_owned(),
        digest,
        threshold: artifact.threshold,
        threshold_rule: details.threshold_rule,
        calibration: artifact.calibration.word().to_owned(),
        increasing: monotonic(Monotonic::Increasing),
        decreasing: monotonic(Monotonic::Decreasing),
        policy: artifact.policy.as_ref().map(PolicyRecord::new),
        protected_inputs: details.protected_inputs,
        positive_label: schema.target.positive_label.clone(),
        negative_label: schema.target.negative_label.clone(),
        positive_outcome: schema.target.outcome_label(true).into_owned(),
        negative_outcome: schema.target.outcome_label(false).into_owned(),
        inputs: schema.inputs().map(|f| f.name.clone()).collect(),
        rows_train: training.rows_train,
        seed: training.seed,
        data_sha256: training.data_sha256.clone(),
        underwrite_version: training.underwrite_version.clone(),
    })
}
