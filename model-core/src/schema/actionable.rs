//! What an applicant may change about a feature: the ground of every proposal of
//! [`recourse`](crate::recourse).

use bincode::Encode;
use serde::Deserialize;

use super::{Encoding, Feature, FeatureKind, Role, Schema, SchemaProblem};
use crate::wire::stored;

/// Steps that may lie between the lowest and the highest value to propose.
pub const MAX_STEPS: u32 = 20_000;
/// Categories of a feature that an applicant may change.
pub const MAX_CHOICES: usize = 63;
/// The greatest weight of a change.
const MAX_COST: f64 = 1e6;
/// Most quantiles of a feature.
const MAX_QUANTILES: usize = 1024;

/// Which values may be proposed for a feature, and what a change counts.
#[derive(Debug, Clone, PartialEq, Encode)]
pub struct Actionable {
    /// Which way it may go.
    pub direction: Direction,
    /// Proposed numbers are multiples of it, above 0; 1 for what is no number.
    pub step: f64,
    /// The lowest number to propose; minus infinity where there is none.
    pub lowest: f64,
    /// The highest number to propose; infinity where there is none.
    pub highest: f64,
    /// What a change counts beside one of another feature, 0 to 1e6.
    pub cost: f64,
    /// Numbers of training rows, from small to large at equal shares of the rows: what
    /// distances are measured by. Empty before training, and for what is no number.
    pub quantiles: Vec<f64>,
}

/// Which way a feature may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To larger numbers, to true, to categories that come later in an ordinal list.
    Up,
    /// To smaller numbers, to false, to categories that come earlier in an ordinal list.
    Down,
    /// To any other value.
    Any,
}

stored!(Actionable {
    direction,
    step,
    lowest,
    highest,
    cost,
    quantiles
});
stored!(Direction: Up, Down, Any);

impl Direction {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Any => "any",
        }
    }

    /// Whether it allows larger values.
    #[must_use]
    pub fn goes_up(self) -> bool {
        self != Self::Down
    }

    /// Whether it allows smaller values.
    #[must_use]
    pub fn goes_down(self) -> bool {
        self != Self::Up
    }
}

/// What is wrong with the entry of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no input, or a derived one.
    Feature,
    Cost,
    /// It has too many categories.
    Choices,
    /// Its categories have no order.
    Order,
    Quantiles,
    Step,
    Lowest,
    Highest,
    /// The lowest number is above the highest.
    Ends,
    /// Too many steps lie between the two.
    Steps,
}

/// What the entry of a feature must satisfy. The reader of TOML says it in a sentence; the module
/// has none of these sentences, since a file that it reads was written by us.
#[inline(never)]
pub(super) fn fault(feature: &Feature, actionable: &Actionable) -> Option<Fault> {
    let Actionable {
        direction,
        step,
        lowest,
        highest,
        cost,
        ref quantiles,
    } = *actionable;
    if feature.role != Role::Input || feature.derived.is_some() {
        return Some(Fault::Feature);
    }
    if !(0.0..=MAX_COST).contains(&cost) {
        return Some(Fault::Cost);
    }
    if let Some(categories) = feature.categories() {
        let has_order = categories.encoding == Encoding::Ordinal;
        return match has_order || direction == Direction::Any {
            _ if categories.values.len() > MAX_CHOICES => Some(Fault::Choices),
            false => Some(Fault::Order),
            true => None,
        };
    }
    if feature.kind == FeatureKind::Boolean {
        return None;
    }
    let is_whole = matches!(feature.kind, FeatureKind::Integer(_));
    let mut is_sorted = quantiles.len() <= MAX_QUANTILES;
    let mut before = f64::MIN;
    for quantile in quantiles {
        // NaN is at least as large as nothing.
        is_sorted = is_sorted && *quantile >= before && quantile.is_finite();
        before = *quantile;
    }
    let steps = (highest - lowest) / step;
    let has_no_end = |end: f64, is_needed| end.is_nan() || (is_needed && !end.is_finite());
    if !is_sorted {
        Some(Fault::Quantiles)
    } else if !(step.is_finite() && step > 0.0) || (is_whole && step.fract() != 0.0) {
        Some(Fault::Step)
    } else if has_no_end(lowest, direction.goes_down()) {
        Some(Fault::Lowest)
    } else if has_no_end(highest, direction.goes_up()) {
        Some(Fault::Highest)
    } else if lowest > highest {
        Some(Fault::Ends)
    } else if steps.is_finite() && steps > f64::from(MAX_STEPS) {
        Some(Fault::Steps)
    } else {
        None
    }
}

impl Schema {
    /// What an applicant may change, with the indices of the features, as the artifact stores it.
    pub(crate) fn stored_actions(&self) -> Vec<(u32, Actionable)> {
        let features = self.features.iter().zip(0..);
        features
            .filter_map(|(feature, index)| Some((index, (**feature.actionable.as_ref()?).clone())))
            .collect()
    }

    /// What [`Schema::stored_actions`] gave.
    pub(crate) fn set_actions(
        &mut self,
        stored: Vec<(u32, Actionable)>,
    ) -> Result<(), &'static str> {
        for (index, actionable) in stored {
            let feature = self.features.get_mut(index as usize);
            feature.ok_or("an action is of no feature")?.actionable = Some(Box::new(actionable));
        }
        Ok(())
    }
}

/// What the actions of a schema must satisfy. What a file may get wrong was said with its line
/// before.
pub(super) fn check_all(schema: &Schema) -> Result<(), SchemaProblem> {
    for feature in &schema.features {
        if let Some(actionable) = &feature.actionable
            && fault(feature, actionable).is_some()
        {
            return Err(SchemaProblem {
                feature: Some(feature.name.clone()),
                key: "actionable",
                message: "what may be proposed does not fit the feature".into(),
            });
        }
    }
    Ok(())
}
