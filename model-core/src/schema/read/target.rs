//! The target: what the model learns.

use super::super::{Outcomes, Target, TargetKind};
use super::feature::{Absent, resolve};
use super::raw::{Converted, RawFeature, RawPositive, RawType, refuse_keys};
use crate::texts::{RawTexts, Texts, check_line};

/// The target, and the labels of its outcomes in every language, the negative one first.
pub(super) fn convert_target(
    raw: RawFeature,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<(Target, Vec<Texts>)> {
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
    let mut label = |key, given: &Option<RawTexts>, default: &str| match given {
        Some(text) => resolve(key, "", text, languages, absent),
        None => Ok(Texts(vec![default.into(); languages.len()])),
    };
    let negative = label("negative_label", &raw.negative_label, "Rejected")?;
    let positive = label("positive_label", &raw.positive_label, "Approved")?;
    let outcome = |key, given: Option<String>, positive: bool| match given {
        Some(name) => check_line(&name)
            .map(|()| name)
            .map_err(|message| (key, message)),
        None => Ok(kind.outcome_name(&raw.name, positive)),
    };
    let outcomes = Outcomes {
        positive: outcome("positive_outcome", raw.positive_outcome, true)?,
        negative: outcome("negative_outcome", raw.negative_outcome, false)?,
    };
    let target = Target {
        name: raw.name,
        kind,
        positive_label: positive.first().to_owned(),
        negative_label: negative.first().to_owned(),
        outcomes: Some(outcomes),
    };
    Ok((target, vec![negative, positive]))
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
