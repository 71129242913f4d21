//! The sketch of a table that was decided by column. The bytes are those of
//! [`answer_batch`](crate::answer_batch) for the same applications.

use model_core::decide::{ColumnRow, Decider};
use model_core::schema::{Feature, FeatureKind};
use model_core::value::read_coded;

use crate::{Capacity, Column, Sketch, Spec};

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
    /// it does not refuse it. With the first of the rows that were read together all of them
    /// are counted, column by column; every row must be given, in order.
    pub fn push_application(&mut self, row: &ColumnRow<'_>) {
        let features = row.decider().features().enumerate();
        for (input, feature) in features {
            if let Some(codes) = row.codes(input, feature) {
                self.columns[input].push_codes(feature, codes);
            }
        }
        row.observe_derived(&mut |input, feature, reading| {
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

impl Column {
    /// Counts values of this column's feature in the model's terms; a text once for all rows
    /// that have it.
    fn push_codes(&mut self, feature: &Feature, codes: &[f64]) {
        let texts = match &feature.kind {
            FeatureKind::Number(_) | FeatureKind::Integer(_) => &[][..],
            FeatureKind::Boolean => &["false".to_owned(), "true".to_owned()][..],
            FeatureKind::Category(categories) => &categories.values,
        };
        let mut counts = vec![0; texts.len()];
        for &code in codes {
            match counts.get_mut(code as usize) {
                Some(count) if code >= 0.0 && code.fract() == 0.0 => *count += 1,
                _ => match read_coded(feature, code) {
                    Ok(reading) => self.push_reading(feature, reading),
                    Err(_) => self.push_invalid(),
                },
            }
        }
        for (text, count) in texts.iter().zip(counts) {
            self.push_texts(text, count);
        }
    }
}
