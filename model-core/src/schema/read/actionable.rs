//! What an applicant may change: from the keys of an entry to an [`Actionable`].

use serde::Deserialize;

use super::super::{Actionable, Direction, Feature, Range};
use super::feature::Converted;
use super::raw::{RawFeature, refuse_keys};
use crate::literal::number_text;

/// The key `actionable` as it stands in the file.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawActionable {
    Up,
    Down,
    Any,
    No,
}

/// The keys of an entry that say what may be proposed.
#[derive(Clone, Copy)]
pub(super) struct RawActions {
    direction: Option<Direction>,
    step: Option<f64>,
    lowest: Option<f64>,
    highest: Option<f64>,
    cost: Option<f64>,
}

const KEYS: [&str; 4] = ["step", "lowest", "highest", "cost"];

/// Takes the keys; refuses those that mean nothing without `actionable`.
pub(super) fn take(raw: &RawFeature) -> Converted<RawActions> {
    let direction = match raw.actionable {
        Some(RawActionable::Up) => Some(Direction::Up),
        Some(RawActionable::Down) => Some(Direction::Down),
        Some(RawActionable::Any) => Some(Direction::Any),
        Some(RawActionable::No) | None => None,
    };
    if direction.is_none() {
        let why = "it needs actionable = \"up\", \"down\" or \"any\"";
        refuse_keys(raw, why, &KEYS)?;
    }
    Ok(RawActions {
        direction,
        step: raw.step,
        lowest: raw.lowest,
        highest: raw.highest,
        cost: raw.cost,
    })
}

/// What the keys mean for their feature.
pub(super) fn convert(raw: RawActions, feature: &Feature) -> Converted<Option<Box<Actionable>>> {
    let Some(direction) = raw.direction else {
        return Ok(None);
    };
    let given = [
        ("step", raw.step),
        ("lowest", raw.lowest),
        ("highest", raw.highest),
    ];
    let actionable = match feature.range() {
        Some(range) => numbers(raw, direction, feature, range)?,
        None => {
            if let Some((key, _)) = given.into_iter().find(|(_, value)| value.is_some()) {
                return Err((key, "only a number or integer takes it: remove it".into()));
            }
            Actionable {
                direction,
                step: 1.0,
                lowest: 0.0,
                highest: f64::INFINITY,
                cost: raw.cost.unwrap_or(1.0),
                quantiles: Vec::new(),
            }
        }
    };
    Ok(Some(Box::new(actionable)))
}

fn numbers(
    raw: RawActions,
    direction: Direction,
    feature: &Feature,
    range: &Range,
) -> Converted<Actionable> {
    let is_whole = matches!(feature.kind, super::super::FeatureKind::Integer(_));
    let step = match raw.step {
        Some(step) => step,
        None if is_whole => 1.0,
        None => {
            let why = "a number that can be changed needs its step, such as step = 100";
            return Err(("actionable", why.into()));
        }
    };
    for (key, end) in [("lowest", raw.lowest), ("highest", raw.highest)] {
        if let Some(end) = end.filter(|end| !end.is_finite() || !range.contains(*end)) {
            let got = number_text(end);
            return Err((key, format!("{got} is outside the field's own range")));
        }
    }
    let or_bound = |given: Option<f64>, bound: Option<super::super::Bound>, none: f64| {
        given.unwrap_or_else(|| bound.map_or(none, |bound| bound.value))
    };
    Ok(Actionable {
        direction,
        step,
        lowest: or_bound(raw.lowest, range.lower, f64::NEG_INFINITY),
        highest: or_bound(raw.highest, range.upper, f64::INFINITY),
        cost: raw.cost.unwrap_or(1.0),
        quantiles: Vec::new(),
    })
}
