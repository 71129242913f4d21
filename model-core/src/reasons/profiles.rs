//! Profiles: whom an application is compared with.

use bincode::Encode;
use sha2::{Digest, Sha256};

use crate::literal::hex;
use crate::preprocess::acceptable;
use crate::schema::{Missing, Schema};
use crate::wire::stored;

/// Profiles that an artifact may have.
pub const MAX_PROFILES: usize = 64;

/// Weighted rows that stand for a group of people. Each is made of medians and modes: nobody
/// is in the file.
#[derive(Debug, Clone, PartialEq, Encode)]
pub struct Profiles {
    /// What the group is called, such as `near_threshold`.
    pub name: String,
    /// Each above 0; they add up to 1.
    pub weights: Vec<f64>,
    /// The rows, one after another: a value for each input in the model's terms.
    pub values: Vec<f64>,
}

stored!(Profiles {
    name,
    weights,
    values
});

impl Profiles {
    /// A single row.
    #[must_use]
    pub fn single(name: &str, values: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            weights: vec![1.0],
            values,
        }
    }

    /// The rows with their weights.
    pub fn rows(&self) -> impl Iterator<Item = (&[f64], f64)> {
        let inputs = (self.values.len() / self.weights.len().max(1)).max(1);
        self.values.chunks(inputs).zip(self.weights.iter().copied())
    }

    /// What tells them from others: SHA-256 over the weights and then the values, eight bytes
    /// each, little-endian; `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for number in self.weights.iter().chain(&self.values) {
            digest.update(number.to_le_bytes());
        }
        format!("sha256:{}", hex(&digest.finalize()))
    }

    /// Checks that they belong to the schema.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        let inputs = schema.inputs().count();
        let count = self.weights.len();
        let sum: f64 = self.weights.iter().sum();
        let weighted = self.weights.iter().all(|weight| *weight > 0.0);
        if !(1..=MAX_PROFILES).contains(&count)
            || self.values.len() != count * inputs
            || !weighted
            || (sum - 1.0).abs() > 1e-9
            || self.name.is_empty()
        {
            return Err(format!(
                "expected 1 to {MAX_PROFILES} profiles of {inputs} values, with a name and weights that add up to 1"
            ));
        }
        for (row, _) in self.rows() {
            for (feature, &value) in schema.inputs().zip(row) {
                let missing = value.is_nan() && feature.missing == Missing::Native;
                let categories = feature.categories().map_or(0, |c| c.values.len());
                // The code one past the last category is "other".
                let other = categories > 0 && value == categories as f64;
                if !missing && !other && !acceptable(feature, value) {
                    return Err(format!(
                        "feature '{}': a profile holds a value that the feature refuses",
                        feature.name
                    ));
                }
            }
        }
        Ok(())
    }
}
