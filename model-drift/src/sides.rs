//! The two batches of a comparison.

use crate::read::{Batch, RowSample};
use crate::sketch::Sketch;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The reference.
    pub reference: &'a Sketch,
    /// The current batch.
    pub current: &'a Sketch,
    /// Columns that only the current batch has.
    pub extra: &'a [String],
    /// Rows of both, where they are available.
    pub samples: Option<[&'a RowSample; 2]>,
}

impl<'a> From<[&'a Batch; 2]> for Sides<'a> {
    /// Two batches that were read: the reference, then the current one.
    fn from([reference, current]: [&'a Batch; 2]) -> Self {
        Self {
            reference: &reference.sketch,
            current: &current.sketch,
            extra: &current.extra,
            samples: Some([&reference.sample, &current.sample]),
        }
    }
}
