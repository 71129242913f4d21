//! What a card says of inputs, lending rules and reasons.

use std::fmt::Write;

use model_core::schema::{Feature, FeatureKind, Role, Schema};
use model_report::number::{count, percent};

use super::markdown::{cell, plain};
use crate::evaluate::{Evaluation, Interval, Reasons};

pub(super) fn features(
    card: &mut String,
    schema: &Schema,
    evaluation: &Evaluation,
) -> std::fmt::Result {
    writeln!(card, "## Inputs\n")?;
    writeln!(card, "| field | type | unit | meaning |\n|---|---|---|---|")?;
    for feature in schema.inputs() {
        writeln!(
            card,
            "| `{}` | {} | {} | {} |",
            feature.name,
            kind(feature),
            cell(feature.unit.as_deref().unwrap_or("")),
            cell(&derived_label(feature))
        )?;
    }
    let used = &evaluation.model.protected_inputs;
    let protected: Vec<String> = schema
        .features
        .iter()
        .filter(|feature| feature.role == Role::Protected)
        .map(|feature| format!("`{}`", feature.name))
        .collect();
    if !used.is_empty() {
        writeln!(
            card,
            "\n**Protected columns are inputs of this model**: {}. This was explicitly allowed in \
             training.",
            used.join(", ")
        )?;
    } else if protected.is_empty() {
        writeln!(card, "\nThe schema names no protected column.")?;
    } else {
        let policy = evaluation.model.policy.as_ref();
        let used = match policy.is_some_and(|policy| policy.allow_protected) {
            true => "never inputs of the model; rules may decide by them",
            false => "never used to decide",
        };
        writeln!(
            card,
            "\nProtected columns, audited but {used}: {}.",
            protected.join(", ")
        )?;
    }
    writeln!(card)
}

/// The policy and what it does to the rows; nothing where there is none.
pub(super) fn lending_rules(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let Some(policy) = &evaluation.model.policy else {
        return Ok(());
    };
    writeln!(card, "## Lending rules\n")?;
    writeln!(card, "Policy {}.", plain(&policy.version))?;
    if let Some([from, to]) = policy.refer {
        writeln!(
            card,
            "Probabilities from {from} to below {to} go to a person."
        )?;
    }
    if policy.allow_protected {
        writeln!(
            card,
            "**Its rules may name protected columns.** This was allowed explicitly in the policy."
        )?;
    }
    writeln!(card, "\n| code | then | if | what |\n|---|---|---|---|")?;
    for rule in &policy.rules {
        let (when, text) = (cell(&rule.when), cell(&rule.text));
        writeln!(
            card,
            "| {} | {} | `{when}` | {text} |",
            rule.code, rule.then
        )?;
    }
    let Some(outcomes) = &evaluation.outcomes else {
        return writeln!(card);
    };
    let heading = if evaluation.data.weighted {
        "outcomes (every row counts once)"
    } else {
        "outcomes"
    };
    writeln!(
        card,
        "\n| {heading} | approve | refer | decline |\n|---|---:|---:|---:|"
    )?;
    for (name, counts) in [
        ("before the rules", &outcomes.before_rules),
        ("after the rules", &outcomes.after_rules),
    ] {
        let share = |part: usize| percent(part as f64 / counts.rows().max(1) as f64);
        let (approve, refer) = (share(counts.approve), share(counts.refer));
        writeln!(
            card,
            "| {name} | {approve} | {refer} | {} |",
            share(counts.decline)
        )?;
    }
    writeln!(card)
}

/// The reasons that applicants are given; nothing for a model without profiles.
pub(super) fn reasons(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let Some(reasons) = &evaluation.reasons else {
        return Ok(());
    };
    writeln!(card, "## Reasons\n")?;
    writeln!(
        card,
        "An application that is not approved gets reasons: what counted most against it, compared with {} profiles ({}), each of 15 rows or more. They say what counted in this model, not what causes what.\n",
        reasons.profiles,
        reasons.compared_with.replace('_', " ")
    )?;
    writeln!(
        card,
        "Shares of the {} applications that are not approved:\n\n| code | such as | given first | given at all |\n|---|---|---:|---:|",
        count(reasons.rows)
    )?;
    for one in &reasons.codes {
        let share = |part: usize| percent(part as f64 / reasons.rows.max(1) as f64);
        let (first, named) = (share(one.first), share(one.named));
        let (code, text) = (cell(&one.code), cell(&one.text));
        writeln!(card, "| {code} | {text} | {first} | {named} |")?;
    }
    writeln!(card)?;
    stability(card, reasons)
}

/// How well the profiles stand for their group, and how stable reasons are.
fn stability(card: &mut String, reasons: &Reasons) -> std::fmt::Result {
    let agreement = (reasons.behind.as_ref()).and_then(|behind| behind.agreement.as_ref());
    if let Some(agreement) = agreement {
        writeln!(
            card,
            "On {} declined rows that the profiles were not fitted to, they name the same first input as the whole group behind them in {} of the rows, and {} of its four.\n",
            count(agreement.rows),
            percent(agreement.first),
            percent(agreement.four_overlap),
        )?;
    }
    let again = reasons.retrained.as_ref();
    let changes = [
        ("Numbers changed by up to 1%", reasons.stability.as_ref()),
        ("Another seed", again.and_then(|again| again.seeds.as_ref())),
        (
            "Training rows drawn anew",
            again.and_then(|again| again.resampled.as_ref()),
        ),
    ];
    if changes.iter().all(|(_, stability)| stability.is_none()) {
        return Ok(());
    }
    writeln!(
        card,
        "| what changes | same first reason | reasons that stay |\n|---|---:|---:|"
    )?;
    for (what, stability) in changes {
        let Some(stability) = stability else { continue };
        let share = |share: f64, interval: &Interval| {
            let (low, high) = (percent(interval.low), percent(interval.high));
            format!("{} ({low} to {high})", percent(share))
        };
        let first = share(stability.first, &stability.first_interval);
        let kept = share(stability.kept, &stability.kept_interval);
        writeln!(card, "| {what} | {first} | {kept} |")?;
    }
    writeln!(card)
}

/// What people call a feature, and how it is computed if it is.
fn derived_label(feature: &Feature) -> String {
    let label = feature.display_label();
    match &feature.derived {
        Some(derived) => format!("{label}: computed as {}", derived.source),
        None => label.to_owned(),
    }
}

fn kind(feature: &Feature) -> String {
    match &feature.kind {
        FeatureKind::Category(categories) => format!("one of {}", categories.values.len()),
        other => other.word().to_owned(),
    }
}
