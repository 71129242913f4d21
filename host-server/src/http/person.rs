//! People who decide: each has a name, a role and a key.

/// Somebody who may look at decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
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
