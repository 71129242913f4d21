//! What an applicant may change about a feature: the ground of every proposal of
//! [`recourse`](crate::recourse).

use bincode::Encode;
use serde::Deserialize;

use super::{Encoding, Feature, FeatureKind, Role, Schema, SchemaProblem};
use crate::literal::number_text;
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

type Check = Result<(), (&'static str, String)>;

/// What the entry of a feature must satisfy.
///
/// # Errors
/// The key and a sentence.
pub(super) fn check(feature: &Feature, actionable: &Actionable) -> Check {
    if feature.role != Role::Input || feature.derived.is_some() {
        let why = "only an input that is not derived can be changed: remove it";
        return Err(("actionable", why.into()));
    }
    if !(0.0..=MAX_COST).contains(&actionable.cost) {
        let got = number_text(actionable.cost);
        return Err((
            "cost",
            format!("expected a weight from 0 to 1e6, got {got}"),
        ));
    }
    match &feature.kind {
        FeatureKind::Number(_) => check_numbers(actionable, false),
        FeatureKind::Integer(_) => check_numbers(actionable, true),
        FeatureKind::Boolean => Ok(()),
        FeatureKind::Category(categories) => {
            let count = categories.values.len();
            if count > MAX_CHOICES {
                let why = format!("at most {MAX_CHOICES} categories can be proposed, got {count}");
                return Err(("actionable", why));
            }
            if categories.encoding == Encoding::Ordinal || actionable.direction == Direction::Any {
                return Ok(());
            }
            let why = "categories have an order only with encoding = \"ordinal\": use \"any\"";
            Err(("actionable", why.into()))
        }
    }
}

fn check_numbers(actionable: &Actionable, is_whole: bool) -> Check {
    let Actionable {
        direction,
        step,
        lowest,
        highest,
        ..
    } = *actionable;
    let quantiles = &actionable.quantiles;
    let are_numbers = quantiles.iter().all(|number| number.is_finite());
    if !are_numbers || !quantiles.is_sorted() || quantiles.len() > MAX_QUANTILES {
        return Err((
            "actionable",
            "its quantiles are not ascending numbers".into(),
        ));
    }
    if !(step.is_finite() && step > 0.0) || (is_whole && step.fract() != 0.0) {
        let what = if is_whole { "whole number" } else { "number" };
        let got = number_text(step);
        return Err(("step", format!("expected a {what} above 0, got {got}")));
    }
    for (key, end, needed) in [
        ("lowest", lowest, direction.goes_down()),
        ("highest", highest, direction.goes_up()),
    ] {
        if end.is_nan() || (needed && !end.is_finite()) {
            return Err((
                key,
                format!("expected the {key} number to propose, since the field has no such bound"),
            ));
        }
    }
    if lowest > highest {
        let (lowest, highest) = (number_text(lowest), number_text(highest));
        return Err(("lowest", format!("{lowest} is above highest, {highest}")));
    }
    let steps = (highest - lowest) / step;
    if steps.is_finite() && steps > f64::from(MAX_STEPS) {
        return Err((
            "step",
            format!(
                "at most {MAX_STEPS} steps may lie between {} and {}, got {}: give a larger step, \
                 lowest or highest",
                number_text(lowest),
                number_text(highest),
                number_text(steps.floor())
            ),
        ));
    }
    Ok(())
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

/// What the actions of a schema must satisfy.
pub(super) fn check_all(schema: &Schema) -> Result<(), SchemaProblem> {
    for feature in &schema.features {
        if let Some(actionable) = &feature.actionable {
            check(feature, actionable).map_err(|(key, message)| SchemaProblem {
                feature: Some(feature.name.clone()),
                key,
                message,
            })?;
        }
    }
    Ok(())
}
