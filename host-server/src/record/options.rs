//! The settings of the decision log.

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How decisions are recorded, and who may look at the records.
#[derive(Debug, Clone)]
pub struct DecisionLogOptions {
    /// The folder of the log; created where there is none.
    pub folder: PathBuf,
    /// The folder of its keys. Default: `keys` in the log's folder.
    pub keys: Option<PathBuf>,
    /// The name of a new log, which its checkpoints carry. Default: `underwrite`.
    pub origin: Option<String>,
    /// What happens to decisions that cannot be recorded.
    pub on_failure: OnFailure,
    /// How long records are kept, in months from the latest of a decision, its notice and the
    /// last record that belongs to it. Default: 60.
    pub retention_months: u32,
    /// Whether two people must agree before a person's decision counts.
    pub four_eyes: bool,
    /// Why people may decide differently.
    pub reasons: Vec<ReasonCode>,
    /// Who may look at decisions and decide.
    pub people: Vec<Person>,
}

/// What happens to decisions that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They are not given: the request is answered 503.
    Refuse,
    /// They are given, counted and logged.
    Serve,
}

/// Why a person may decide differently from the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCode {
    /// What records call it: `INCOME`.
    pub code: String,
    /// For people: `Income verified by documents`.
    pub text: String,
}

/// Somebody who may look at decisions.
#[derive(Debug, Clone)]
pub struct Person {
    /// As records have it.
    pub name: String,
    /// What else the person may do.
    pub role: PersonRole,
    /// SHA-256 of the person's key.
    pub key_sha256: [u8; 32],
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonRole {
    /// Read and decide.
    Officer,
    /// Read, and with four eyes answer what another person proposed.
    Reviewer,
}

impl PersonRole {
    /// As the settings and records have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Reviewer => "reviewer",
        }
    }
}

impl DecisionLogOptions {
    /// The defaults, in this folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            keys: None,
            origin: None,
            on_failure: OnFailure::Refuse,
            retention_months: 60,
            four_eyes: false,
            reasons: Vec::new(),
            people: Vec::new(),
        }
    }

    /// Whose key this is. Compares every key, so that the time reveals nothing.
    pub(crate) fn person(&self, key: &[u8]) -> Option<&Person> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut found = None;
        for person in &self.people {
            if bool::from(person.key_sha256.ct_eq(&digest)) {
                found = Some(person);
            }
        }
        found
    }

    /// Checks what would otherwise be found out by the first person, or never.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (at, person) in self.people.iter().enumerate() {
            let others = &self.people[..at];
            if others.iter().any(|other| other.name == person.name) {
                return Err(format!(
                    "decision_log.person: two people are called `{}`: records tell people apart by their names",
                    person.name
                ));
            }
            if others
                .iter()
                .any(|other| other.key_sha256 == person.key_sha256)
            {
                return Err(format!(
                    "decision_log.person: `{}` has the key of another person: give each a key of its own",
                    person.name
                ));
            }
        }
        for (at, reason) in self.reasons.iter().enumerate() {
            if self.reasons[..at]
                .iter()
                .any(|other| other.code == reason.code)
            {
                return Err(format!(
                    "decision_log.reason: the code `{}` is there twice",
                    reason.code
                ));
            }
        }
        if self.four_eyes && self.people.len() == 1 {
            return Err(
                "decision_log.four_eyes is true, and there is one person: it takes two".to_owned(),
            );
        }
        if !self.people.is_empty() && self.reasons.is_empty() {
            return Err("decision_log has people and no reason codes: name at least one in [[decision_log.reason]], with `code` and `text`".to_owned());
        }
        Ok(())
    }
}
