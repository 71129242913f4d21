//! What an artifact keeps of an import, among its details.

use serde::{Deserialize, Serialize};

/// What an artifact keeps of an import: the configuration of its details, as TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Where the model comes from.
    pub import: Origin,
    /// What it was proved by.
    pub check: Checked,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The library, as it calls itself.
    pub library: String,
    /// Its version, or that of the format, as the file says it.
    pub version: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub file_sha256: String,
    /// What was chosen where the file leaves a choice, as `name = value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// What a model was proved by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// Rows that were compared.
    pub rows: usize,
    /// What of each was compared.
    pub compared: String,
    /// The largest difference.
    pub largest_difference: f64,
    /// How much was allowed.
    pub allowed: String,
}

impl Record {
    /// Reads the configuration of an artifact's details; `None` where the model was not
    /// imported.
    #[must_use]
    pub fn read(config: &str) -> Option<Self> {
        toml::from_str(config).ok()
    }
}

impl Origin {
    /// For people; `by` is the version of the program that imported it.
    #[must_use]
    pub fn in_words(&self, by: &str) -> String {
        let Self {
            library,
            version,
            options,
            ..
        } = self;
        let options = match options.as_slice() {
            [] => String::new(),
            options => format!(", with {}", options.join(", ")),
        };
        format!("from {library} {version} by underwrite {by}{options}")
    }
}

impl Checked {
    /// For people.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!(
            "on {} rows: the largest difference of two {} is {:e}, allowed is {}",
            self.rows, self.compared, self.largest_difference, self.allowed
        )
    }
}
