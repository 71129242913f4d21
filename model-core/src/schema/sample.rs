//! Columns that say something about a row of the training data: when it happened, of whom it
//! is, how much it counts. A request may have them, as it may have ignored ones.

use bincode::Encode;

use super::{Feature, FeatureKind, Schema, SchemaProblem};
use crate::wire::stored;

/// What a column says about a row of the training data. Such a column has
/// [`Role::Ignored`](super::Role::Ignored): no model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
pub enum SampleRole {
    /// When it happened: an ISO date, month or timestamp, or a whole number.
    Time,
    /// Of whom it is: rows of one group are never on both sides of a split.
    Group,
    /// How much it counts, above 0.
    Weight,
}

stored!(SampleRole: Time, Group, Weight);

impl SampleRole {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Group => "group",
            Self::Weight => "weight",
        }
    }

    /// What a kind of column would have to be for this role; `None` where it is.
    pub(super) fn refuses(self, kind: &FeatureKind) -> Option<&'static str> {
        let is_whole = matches!(kind, FeatureKind::Integer(_));
        let is_text = matches!(kind, FeatureKind::Category(_));
        match self {
            Self::Time if !is_whole && !is_text => {
                Some("a time is a category (texts such as 2026-03-31) or an integer")
            }
            Self::Group if !is_whole && !is_text => Some("a group is a category or an integer"),
            Self::Weight if !is_whole && !matches!(kind, FeatureKind::Number(_)) => {
                Some("a weight is a number or an integer")
            }
            Self::Time | Self::Group | Self::Weight => None,
        }
    }
}

/// Of two columns with one such role, the second is to blame.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaProblem> {
    for (index, feature) in schema.features.iter().enumerate() {
        let before = schema.features[..index].iter();
        let mut roles = before.filter_map(|other| other.sample);
        if feature.sample.is_some_and(|role| roles.any(|r| r == role)) {
            return Err(SchemaProblem {
                feature: Some(feature.name.clone()),
                key: "role",
                message: "another feature has this role already".into(),
            });
        }
    }
    Ok(())
}

impl Schema {
    /// The column with a role, where the schema names one.
    #[must_use]
    pub fn sample_column(&self, role: SampleRole) -> Option<&Feature> {
        self.features.iter().find(|f| f.sample == Some(role))
    }

    /// The columns with such roles, as the artifact stores them; `None` where there are none.
    pub(crate) fn samples(&self) -> Option<Vec<(u16, SampleRole)>> {
        let columns = (0u16..).zip(&self.features);
        let samples: Vec<_> = columns
            .filter_map(|(index, feature)| Some((index, feature.sample?)))
            .collect();
        (!samples.is_empty()).then_some(samples)
    }

    /// What [`Schema::samples`] gave; an index beyond the features is no column's.
    pub(crate) fn set_samples(&mut self, stored: Vec<(u16, SampleRole)>) {
        for (index, role) in stored {
            if let Some(feature) = self.features.get_mut(usize::from(index)) {
                feature.sample = Some(role);
            }
        }
    }
}

impl Feature {
    /// The word of its role in the TOML form.
    #[must_use]
    pub fn role_word(&self) -> &'static str {
        self.sample.map_or(self.role.word(), SampleRole::word)
    }
}
