//! What a reload did.

/// What a reload did to one model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Outcome {
    pub(crate) model: String,
    /// The version that answers now.
    pub(crate) serving: Option<String>,
    /// Versions that were loaded.
    pub(crate) loaded: Vec<String>,
    /// Why files were refused.
    pub(crate) refused: Vec<String>,
}
