//! What an applicant may change: from the keys of an entry to an [`Actionable`].

use super::super::actionable::{Fault, fault};
use super::super::{Actionable, Direction, Feature, FeatureKind, MAX_CHOICES, MAX_STEPS, Range};
use super::raw::{Converted, RawActionable, RawFeature, RawRole, refuse_keys};
use crate::literal::number_text;

/// The keys of an entry that say what may be proposed.
#[derive(Clone, Copy)]
pub(super) struct RawActions {
    direction: Option<Direction>,
    step: Option<f64>,
    lowest: Option<f64>,
    highest: Option<f64>,
    cost: Option<f64>,
}

const NOT_ALONE: &str = "only an input that is not derived can be changed: remove it";
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
    } else if raw.role != RawRole::Input || raw.derived.is_some() {
        return Err(("actionable", NOT_ALONE.into()));
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
    match fault(feature, &actionable) {
        Some(fault) => Err(sentence(fault, feature, &actionable)),
        None => Ok(Some(Box::new(actionable))),
    }
}

/// The key and what is wrong with it.
fn sentence(fault: Fault, feature: &Feature, actionable: &Actionable) -> (&'static str, String) {
    let end = |key: &'static str| {
        let why = "number to propose, since the field has no such bound";
        (key, format!("expected the {key} {why}"))
    };
    let [step, lowest, highest, cost] = [
        actionable.step,
        actionable.lowest,
        actionable.highest,
        actionable.cost,
    ]
    .map(number_text);
    match fault {
        Fault::Feature => ("actionable", NOT_ALONE.into()),
        Fault::Cost => (
            "cost",
            format!("expected a weight from 0 to 1e6, got {cost}"),
        ),
        Fault::Choices => {
            let count = feature.categories().map_or(0, |c| c.values.len());
            let why = format!("at most {MAX_CHOICES} categories can be proposed, got {count}");
            ("actionable", why)
        }
        Fault::Order => {
            let why = "categories have an order only with encoding = \"ordinal\": use \"any\"";
            ("actionable", why.into())
        }
        Fault::Quantiles => (
            "actionable",
            "its quantiles are not ascending numbers".into(),
        ),
        Fault::Step => {
            let what = match feature.kind {
                FeatureKind::Integer(_) => "whole number",
                _ => "number",
            };
            ("step", format!("expected a {what} above 0, got {step}"))
        }
        Fault::Lowest => end("lowest"),
        Fault::Highest => end("highest"),
        Fault::Ends => ("lowest", format!("{lowest} is above highest, {highest}")),
        Fault::Steps => {
            let steps = (actionable.highest - actionable.lowest) / actionable.step;
            let why = format!(
                "at most {MAX_STEPS} steps may lie between {lowest} and {highest}, got {}: give a \
                 larger step, lowest or highest",
                number_text(steps.floor())
            );
            ("step", why)
        }
    }
}

fn numbers(
    raw: RawActions,
    direction: Direction,
    feature: &Feature,
    range: &Range,
) -> Converted<Actionable> {
    let is_whole = matches!(feature.kind, FeatureKind::Integer(_));
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
