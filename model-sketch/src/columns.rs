//! The sketch of a table that was decided by column. The bytes are those of
//! [`answer_batch`](crate::answer_batch) for the same applications.

use model_core::decide::{ColumnRow, Decider};

use crate::{Capacity, Sketch, Spec};

impl Sketch {
    /// An empty sketch of a model's inputs and its probabilities, as the module gives it.
    #[must_use]
    pub fn of_applications(decider: &Decider) -> Self {
        let features = decider.features().map(Spec::from_feature);
        Self::new(
            features.chain([Spec::for_predictions()]).collect(),
            Capacity::CARRIED,
        )
    }

    /// Counts an application as it came, before any policy, and what the model answers where
    /// it does not refuse it.
    pub fn push_application(&mut self, row: &ColumnRow<'_>) {
        row.observe(&mut |input, feature, reading| {
            let column = &mut self.columns[input];
            match reading {
                Some(reading) => column.push_reading(feature, reading),
                None => column.push_invalid(),
            }
        });
        if let (Some(judgement), Some(answers)) = (row.judgement, self.columns.last_mut()) {
            answers.push_number(judgement.probability);
        }
    }
}
