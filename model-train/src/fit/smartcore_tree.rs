//! The nodes of `smartcore`'s trees: it shows them as JSON only.

use serde::{Deserialize, Serialize};

use super::FitError;
use super::export::{Grown, LibraryNode, LibrarySplit, LibraryTree};
use crate::booster::Left;

/// A tree, as far as it is needed.
#[derive(Deserialize)]
pub(super) struct JsonTree {
    nodes: Vec<JsonNode>,
}

#[derive(Deserialize)]
struct JsonNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

impl LibraryTree for JsonTree {
    fn node(&self, index: usize) -> Option<LibraryNode> {
        let node = self.nodes.get(index)?;
        let split = match (node.split_value, node.true_child, node.false_child) {
            (Some(threshold), Some(left), Some(right)) => Some(LibrarySplit {
                column: node.split_feature,
                left_of: Left::AtMost(threshold),
                // Policies leave nothing missing.
                missing_left: false,
                left,
                right,
            }),
            _ => None,
        };
        Some(LibraryNode {
            value: node.output,
            count: 0,
            split,
        })
    }
}

impl JsonTree {
    /// With the rows counted.
    pub(super) fn grown(&self, columns: &[Vec<f64>]) -> Grown {
        let mut grown = Grown::new(self);
        grown.count(columns);
        grown
    }
}

/// Reads a fitted model's JSON.
pub(super) fn shown<T: for<'de> Deserialize<'de>>(fitted: &impl Serialize) -> Result<T, FitError> {
    let library = |error: serde_json::Error| FitError::Library(error.to_string());
    let json = serde_json::to_vec(fitted).map_err(library)?;
    serde_json::from_slice(&json).map_err(library)
}
