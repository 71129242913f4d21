//! What was measured, in a card.

use std::fmt::Write;

use model_core::schema::{SampleRole, Schema};
use model_report::number::{count, fixed, percent};

use super::About;
use super::committee::committee;
use super::document::text;
use super::markdown::{between, cell, plain};
use crate::evaluate::{Evaluation, Group};
use crate::report::described;

pub(super) fn figures(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let data = &evaluation.data;
    writeln!(card, "### Metrics\n")?;
    if data.seen_in_training {
        writeln!(
            card,
            "**Some of these rows were used for training: the metrics are too optimistic.**\n"
        )?;
    }
    writeln!(
        card,
        "On {} rows; the outcome of {} of them{} is {}. Intervals contain 95% of {} bootstrap resamples.\n",
        count(data.rows),
        percent(1.0 - evaluation.bad_rate()),
        data.by_weight(),
        plain(&evaluation.model.positive_outcome),
        count(evaluation.options.resamples)
    )?;
    committee(card, evaluation)?;
    writeln!(card, "| metric | value | 95% interval |\n|---|---:|---:|")?;
    for metric in &evaluation.metrics {
        writeln!(
            card,
            "| {} | {} | {} |",
            described(&metric.name).0,
            fixed(metric.value.unwrap_or(f64::NAN), 4),
            between(metric.interval, 4)
        )?;
    }
    writeln!(card)?;
    writeln!(
        card,
        "Most important features (drop in ROC AUC when shuffled):\n"
    )?;
    writeln!(card, "| feature | drop |\n|---|---:|")?;
    for feature in evaluation.importance.iter().take(10) {
        let spread = fixed(feature.deviation, 4);
        writeln!(
            card,
            "| `{}` | {} ± {spread} |",
            feature.feature,
            fixed(feature.mean, 4)
        )?;
    }
    writeln!(card)
}

pub(super) fn groups(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let mut protected = evaluation
        .slices
        .iter()
        .filter(|slices| slices.role == "protected")
        .peekable();
    writeln!(card, "### Groups\n")?;
    if protected.peek().is_none() {
        return writeln!(
            card,
            "The evaluation data has no protected column, so groups of people could not be \
             audited.\n"
        );
    }
    writeln!(
        card,
        "The adverse-impact ratio is a group's approval rate over that of the most approved \
         group with at least 2% of the rows. It is a screening metric: below 0.80 the \
         four-fifths rule asks for a closer look, but no value proves or rules out \
         discrimination.\n"
    )?;
    for slices in protected {
        writeln!(card, "#### {}\n", plain(&slices.label))?;
        writeln!(
            card,
            "| group | rows | approval rate | impact ratio | 95% interval | ROC AUC | accuracy \
             |\n|---|---:|---:|---:|---:|---:|---:|"
        )?;
        for group in &slices.groups {
            group_row(card, group)?;
        }
        writeln!(card)?;
    }
    Ok(())
}

fn group_row(card: &mut String, group: &Group) -> std::fmt::Result {
    let ratio = match group.impact {
        Some(impact) => fixed(impact.ratio, 2),
        None if group.reference => "reference".to_owned(),
        None => "–".to_owned(),
    };
    writeln!(
        card,
        "| {} | {} | {} | {ratio} | {} | {} | {} |",
        cell(&group.name),
        count(group.rows),
        percent(group.approval_rate),
        between(group.impact.map(|impact| impact.interval), 2),
        fixed(group.roc_auc.unwrap_or(f64::NAN), 4),
        fixed(group.accuracy, 4)
    )
}

pub(super) fn limits(
    card: &mut String,
    evaluation: &Evaluation,
    about: &About,
) -> std::fmt::Result {
    writeln!(card, "## Limits\n")?;
    let weakest = evaluation
        .slices
        .iter()
        .flat_map(|slices| slices.groups.iter().map(move |group| (slices, group)))
        .filter(|(_, group)| group.rows >= 100)
        .min_by(|a, b| a.1.accuracy.total_cmp(&b.1.accuracy));
    writeln!(
        card,
        "- The metrics come from one test set. They do not apply where or when applications \
         look different: monitor for drift.\n- A probability reflects what happened to similar \
         applications in the training data, including the judgement and the mistakes of those \
         who decided then.\n- Feature importance and differences between groups are not causes."
    )?;
    if let Some((slices, group)) = weakest {
        writeln!(
            card,
            "- Accuracy at the threshold of {} is lowest where {} is {}: {} of {} rows. Another \
             threshold may have its weakest group elsewhere.",
            fixed(evaluation.model.threshold, 4),
            plain(&slices.label),
            plain(&group.name),
            percent(group.accuracy),
            count(group.rows)
        )?;
    }
    writeln!(card)?;
    text(card, "limits", about.document.limits.as_ref())
}

pub(super) fn data(
    card: &mut String,
    schema: &Schema,
    evaluation: &Evaluation,
    about: &About,
) -> std::fmt::Result {
    let model = &evaluation.model;
    writeln!(card, "## Provenance\n")?;
    text(card, "data", about.document.data.as_ref())?;
    writeln!(card, "| | |\n|---|---|")?;
    writeln!(card, "| artifact | `{}` |", model.digest)?;
    writeln!(card, "| training data | `sha256:{}` |", model.data_sha256)?;
    writeln!(card, "| training rows | {} |", model.rows_train)?;
    if let Some(column) = schema.sample_column(SampleRole::Weight) {
        let metrics = if evaluation.data.weighted {
            "in training and in the metrics above"
        } else {
            "in training; the rows measured above have none"
        };
        writeln!(
            card,
            "| row weights | column `{}`, {metrics} |",
            column.name
        )?;
    }
    writeln!(card, "| test rows | {} |", count(evaluation.data.rows))?;
    writeln!(card, "| calibration | {} |", model.calibration)?;
    writeln!(card, "| random seed | {} |", model.seed)?;
    writeln!(
        card,
        "| made by | underwrite {} |",
        model.underwrite_version
    )
}
