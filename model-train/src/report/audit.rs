//! The sections on groups: the audit of protected columns, and slices by every input.

use model_report::chart::{Axis, Bar};
use model_report::number::{count, fixed, percent};
use model_report::{BarChart, Cell, Figure, Section, Table, Tone};

use super::{ReportError, between};
use crate::evaluate::{Evaluation, FOUR_FIFTHS, Group, Slices, Subject};

/// Warnings about groups of protected columns whose impact ratio is below four fifths by more
/// than chance explains.
pub(super) fn warnings(evaluation: &Evaluation) -> impl Iterator<Item = String> {
    with_role(evaluation, "protected").flat_map(|slices| {
        let low = slices
            .groups
            .iter()
            .filter(|group| is_low(group) && !group.too_few);
        low.map(move |group| {
            format!(
                "{} {}: the approval rate is {} times that of the most approved group (95% \
                 interval {}), below four fifths.",
                slices.label,
                group.name,
                fixed(group.impact.map_or(f64::NAN, |impact| impact.ratio), 2),
                between(group.impact.map(|impact| impact.interval), 2)
            )
        })
    })
}

pub(super) fn protected(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let mut section = Section::new("audit", "Protected columns");
    let used = &evaluation.model.protected_inputs;
    let mut any = false;
    for slices in with_role(evaluation, "protected") {
        if !any {
            section = section.paragraph(
                "The adverse-impact ratio is a group's approval rate over that of the most \
                 approved group. It is a screening metric: below 0.80 the four-fifths rule asks \
                 for a closer look, but no value proves or rules out discrimination. Groups may \
                 differ in what they apply for, and small groups have wide intervals.",
            );
        }
        any = true;
        let role = if used.contains(&slices.feature) {
            "The model uses this column as an input."
        } else {
            "The model does not see this column."
        };
        section = section
            .heading(slices.label.clone())
            .paragraph(role)
            .figure(chart(slices)?)
            .table(table(slices, &evaluation.model));
    }
    if !any {
        section = section.paragraph(
            "The data has no protected column, so there is nothing to audit. To audit a column \
             that must not influence decisions, such as gender, keep it in the data and give it \
             role = \"protected\" in the schema: it is audited but not used by the model.",
        );
    }
    Ok(section)
}

pub(super) fn inputs(evaluation: &Evaluation) -> Section {
    let mut section = Section::new("slices", "Slices").paragraph(
        "The same metrics on parts of the rows, by each input; numbers are split at their \
         quartiles. Approval rates and accuracy are expected to differ by input, since bad rates \
         do. The ROC AUC of a group has no interval here: with few bads it moves much by chance.",
    );
    for slices in with_role(evaluation, "input") {
        section = section.details(
            format!("{}: {}", slices.label, range_of(slices)),
            Section::new("slice", "").table(table(slices, &evaluation.model)),
        );
    }
    section
}

fn with_role<'a>(evaluation: &'a Evaluation, role: &'a str) -> impl Iterator<Item = &'a Slices> {
    evaluation
        .slices
        .iter()
        .filter(move |slices| slices.role == role)
}

fn is_low(group: &Group) -> bool {
    group
        .impact
        .is_some_and(|impact| impact.ratio < FOUR_FIFTHS)
}

/// "5 groups, accuracy 0.912 to 0.951".
fn range_of(slices: &Slices) -> String {
    let accuracies = slices.groups.iter().map(|group| group.accuracy);
    let (low, high) = accuracies.fold((1.0f64, 0.0f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let groups = slices.groups.len();
    let noun = if groups == 1 { "group" } else { "groups" };
    format!(
        "{groups} {noun}, accuracy {} to {}",
        fixed(low, 3),
        fixed(high, 3)
    )
}

fn chart(slices: &Slices) -> Result<Figure, ReportError> {
    let bars = slices.groups.iter().map(|group| {
        let interval = group.approval_interval;
        Bar::within(
            &*group.name,
            group.approval_rate,
            interval.low,
            interval.high,
        )
    });
    let chart = BarChart::new(
        format!("Approval rate by {}", slices.label),
        "Approval rate of each group.",
        Axis::share("Approval rate").fitted(),
        bars.collect(),
    )
    .svg()?;
    Ok(Figure::new(chart, "Lines are 95% intervals (Wilson)."))
}

fn table(slices: &Slices, model: &Subject) -> Table {
    let mut caption = format!("By {}.", slices.label);
    if slices.groups_left_out > 0 {
        caption.push_str(&format!(
            " The {} largest groups; {} smaller ones are omitted.",
            slices.groups.len(),
            slices.groups_left_out
        ));
    }
    Table::new(caption)
        .text("Group")
        .number("Rows")
        .number("Bad rate")
        .number("Approval rate")
        .number("Impact ratio")
        .number("95% interval")
        .number("ROC AUC")
        .number("Accuracy")
        .number(format!("Approved of {}", model.positive_outcome))
        .number(format!("Approved of {}", model.negative_outcome))
        .rows(slices.groups.iter().map(|group| row(group, &slices.role)))
}

fn interval(group: &Group) -> String {
    match group.impact {
        Some(impact) if group.too_few => {
            format!("{}, too few rows to say", between(Some(impact.interval), 2))
        }
        Some(impact) => between(Some(impact.interval), 2),
        None => String::new(),
    }
}

fn row(group: &Group, role: &str) -> Vec<Cell> {
    let optional = |value: Option<f64>| fixed(value.unwrap_or(f64::NAN), 4);
    let share = |value: Option<f64>| percent(value.unwrap_or(f64::NAN));
    let ratio = match group.impact {
        Some(impact) => {
            let alarm = role == "protected" && is_low(group) && !group.too_few;
            let tone = if alarm { Tone::Warning } else { Tone::Plain };
            Cell::new(fixed(impact.ratio, 2)).tone(tone)
        }
        None if group.reference => "reference".into(),
        None => "–".into(),
    };
    vec![
        group.name.as_str().into(),
        count(group.rows).into(),
        percent(1.0 - group.base_rate).into(),
        Cell::new(percent(group.approval_rate)).share(group.approval_rate),
        ratio,
        interval(group).into(),
        optional(group.roc_auc).into(),
        fixed(group.accuracy, 4).into(),
        share(group.recall).into(),
        share(group.false_positive_rate).into(),
    ]
}
