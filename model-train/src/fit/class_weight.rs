//! How much a row of each class counts.

use serde::{Deserialize, Serialize};

/// How much a row counts by its answer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// Every row counts 1.
    #[default]
    None,
    /// A row of a class counts `n / (2 n_class)`, so that both classes count the same and
    /// the mean is 1 (scikit-learn: `class_weight="balanced"`).
    Balanced,
    /// As given.
    Explicit {
        /// Of a row whose answer is no, 1e-6 to 1e6.
        negative: f64,
        /// Of a row whose answer is yes, 1e-6 to 1e6.
        positive: f64,
    },
}

impl ClassWeight {
    /// The weights of a no and of a yes, for rows with these answers.
    #[must_use]
    pub fn weights(self, answers: &[bool]) -> [f64; 2] {
        match self {
            Self::None => [1.0, 1.0],
            Self::Explicit { negative, positive } => [negative, positive],
            Self::Balanced => {
                let rows = answers.len() as f64;
                let yes = answers.iter().filter(|yes| **yes).count() as f64;
                [rows / (2.0 * (rows - yes)), rows / (2.0 * yes)]
            }
        }
    }

    /// One weight for each row; `None` where all count the same.
    pub(super) fn of_rows(self, answers: &[bool]) -> Option<Vec<f64>> {
        let weights = self.weights(answers);
        let of = |yes: &bool| weights[usize::from(*yes)];
        (weights[0] != weights[1]).then(|| answers.iter().map(of).collect())
    }

    /// Whether explicit weights are in range.
    #[must_use]
    pub fn is_sound(self) -> bool {
        match self {
            Self::None | Self::Balanced => true,
            Self::Explicit { negative, positive } => {
                let range = 1e-6..=1e6;
                range.contains(&negative) && range.contains(&positive)
            }
        }
    }
}
