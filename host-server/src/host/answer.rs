//! The module's answers, as it wrote them.

/// The module's answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// HTTP status: 200, 413, 422 or 503.
    pub status: u16,
    /// The answer, JSON, as the module wrote it.
    pub body: Vec<u8>,
}

/// The module's answer to one of many requests, still in its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// HTTP status: 200, 413, 422 or 503.
    pub status: u16,
    /// The answer, JSON, as the module wrote it.
    pub body: &'a [u8],
}

impl Decision {
    pub(crate) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            body: &self.body,
        }
    }
}

/// The module's answer to many rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// For each row the probability of the positive class, 0 to 1; -1 for a refused row.
    pub probabilities: Vec<f64>,
    /// How many rows were refused.
    pub refused: u32,
}
