//! Profiles: whom an application is compared with.

use bincode::Encode;

use crate::digest::{digest_text, sha256};
use crate::preprocess::acceptable;
use crate::schema::{Feature, Missing, Schema};
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

    /// How many values a row has.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.values.len() / self.weights.len().max(1)
    }

    /// A row.
    #[must_use]
    pub fn row(&self, nth: usize) -> &[f64] {
        let inputs = self.inputs();
        &self.values[nth * inputs..(nth + 1) * inputs]
    }

    /// What tells them from others: SHA-256 over the weights and then the values, eight bytes
    /// each, little-endian; `sha256:` and 64 hexadecimal digits.
    #[must_use]
    #[inline(never)]
    pub fn digest(&self) -> String {
        let mut bytes = Vec::new();
        for number in self.weights.iter().chain(&self.values) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        digest_text(&sha256(&bytes))
    }

    /// Checks that they belong to the schema.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        let features: Vec<&Feature> = schema.inputs().collect();
        let inputs = features.len();
        let mut sum = 0.0;
        let mut sound = (1..=MAX_PROFILES).contains(&self.weights.len())
            && self.values.len() == self.weights.len() * inputs;
        for weight in &self.weights {
            sound = sound && *weight > 0.0;
            sum += weight;
        }
        sound = sound && (sum - 1.0_f64).abs() < 1e-9;
        for (at, value) in self.values.iter().enumerate() {
            let feature = features[at % inputs];
            let missing = value.is_nan() && feature.missing == Missing::Native;
            // The code one past the last category is "other".
            let categories = feature.categories().map(|c| c.values.len() as f64);
            let other = categories == Some(*value);
            sound = sound && (missing || other || acceptable(feature, *value));
        }
        if sound {
            return Ok(());
        }
        Err("the profiles do not fit the schema's inputs, or their weights are not 1 in all".into())
    }
}
