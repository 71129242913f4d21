//! The settings of the decision log.

use std::path::PathBuf;

use crate::http::person::Person;

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
    /// Who may look at decisions and decide, at the start: [`KeySource`](crate::KeySource) may
    /// replace them.
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
        if !self.people.is_empty() && self.reasons.is_empty() {
            return Err("decision_log has people and no reason codes: name at least one in [[decision_log.reason]], with `code` and `text`".to_owned());
        }
        Ok(())
    }
}
