//! The target: what the model learns.

use super::super::{Outcomes, Target, TargetKind};
use super::feature::Converted;
use super::raw::{RawFeature, RawPositive, RawType, refuse_keys};

pub(super) fn convert_target(raw: RawFeature) -> Converted<Target> {
    let unused = [
        "missing",
        "monotonic",
        "unknown",
        "out_of_range",
        "encoding",
        "example",
        "derived",
        "round",
        "mismatch",
        "reason",
        "minimum",
        "maximum",
        "exclusive_minimum",
        "exclusive_maximum",
        "actionable",
        "step",
        "lowest",
        "highest",
        "cost",
    ];
    refuse_keys(&raw, "the target does not take it", &unused)?;
    let kind = match raw.r#type {
        RawType::Boolean => {
            refuse_keys(&raw, "a boolean target does not take it", &["categories"])?;
            true_or_false(&raw)?
        }
        RawType::Category => two_categories(&raw)?,
        RawType::Number | RawType::Integer => {
            let message = "a target is boolean, or a category with two categories";
            return Err(("type", message.into()));
        }
    };
    let outcome = |given: Option<String>, positive: bool| {
        given.unwrap_or_else(|| kind.outcome_name(&raw.name, positive))
    };
    let outcomes = Outcomes {
        positive: outcome(raw.positive_outcome, true),
        negative: outcome(raw.negative_outcome, false),
    };
    Ok(Target {
        name: raw.name,
        kind,
        positive_label: raw.positive_label.unwrap_or_else(|| "Approved".into()),
        negative_label: raw.negative_label.unwrap_or_else(|| "Rejected".into()),
        outcomes: Some(outcomes),
    })
}

fn true_or_false(raw: &RawFeature) -> Converted<TargetKind> {
    match &raw.positive {
        Some(RawPositive::Text(text)) => Err((
            "positive",
            format!("expected true or false without quotes for a boolean, got '{text}'"),
        )),
        Some(RawPositive::Boolean(positive)) => Ok(TargetKind::Boolean {
            positive: *positive,
        }),
        None => Ok(TargetKind::Boolean { positive: true }),
    }
}

fn two_categories(raw: &RawFeature) -> Converted<TargetKind> {
    let Some([first, second]) = raw.categories.as_deref() else {
        return Err(("categories", "expected a list of two categories".into()));
    };
    match &raw.positive {
        Some(RawPositive::Text(positive)) if positive == first => Ok((first, second)),
        Some(RawPositive::Text(positive)) if positive == second => Ok((second, first)),
        Some(RawPositive::Text(other)) => Err((
            "positive",
            format!("'{other}' is not one of the categories"),
        )),
        Some(RawPositive::Boolean(value)) => Err((
            "positive",
            format!("expected one of the categories in quotes, got {value}"),
        )),
        None => Err(("categories", "which one means yes? positive = \"…\"".into())),
    }
    .map(|(positive, negative)| TargetKind::Category {
        positive: positive.clone(),
        negative: negative.clone(),
    })
}
