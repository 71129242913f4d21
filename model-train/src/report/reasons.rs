//! The reasons that applicants would be given, to whom, and how stable they are.

use model_report::number::{count, fixed, percent};
use model_report::{Cell, Section, Table};

use crate::evaluate::{Evaluation, ReasonSlices, Reasons, RecourseSlices};

/// Most codes that a group's table shows.
const SHOWN: usize = 8;

/// Nothing for a model without profiles.
pub(super) fn section(evaluation: &Evaluation) -> Option<Section> {
    let reasons = evaluation.reasons.as_ref()?;
    let mut section = Section::new("reasons", "Reasons")
        .paragraph(format!(
            "What applicants that are not approved would be told, compared with {} profiles ({}). A reason says what counted in this model, not what causes what.",
            reasons.profiles,
            reasons.compared_with.replace('_', " "),
        ))
        .table(codes(reasons));
    if let Some(stability) = &reasons.stability {
        section = section.paragraph(format!(
            "When every number changes by up to 1%, {} of {} applicants keep their first reason (95% interval {} to {}), and {} of all reasons stay (interval {} to {}).",
            percent(stability.first),
            count(stability.rows),
            percent(stability.first_interval.low),
            percent(stability.first_interval.high),
            percent(stability.kept),
            percent(stability.kept_interval.low),
            percent(stability.kept_interval.high),
        ));
    }
    if let Some(recourse) = &reasons.recourse {
        section = section.paragraph(format!(
            "What the cheapest changes would cost, for {} applicants that are not approved, by what the schema calls actionable. A cost only orders ways to an approval: it is near 1 for a change from one end of a range, or of all people, to the other.",
            count(recourse.rows),
        ));
        for slices in &recourse.slices {
            section = section.table(costs(slices));
        }
    }
    for slices in &reasons.slices {
        let inside = Section::new(format!("reasons-{}", slices.feature), &slices.label);
        section = section.details(&slices.label, inside.table(groups(reasons, slices)));
    }
    Some(section)
}

fn codes(reasons: &Reasons) -> Table {
    let share = |part: usize| fixed(part as f64 / reasons.rows.max(1) as f64, 3);
    let rows = reasons.codes.iter().map(|one| {
        vec![
            Cell::new(&one.code),
            Cell::new(&one.text),
            Cell::new(share(one.first)),
            Cell::new(share(one.named)),
        ]
    });
    Table::new(format!("Reasons of {} applicants", count(reasons.rows)))
        .text("Code")
        .text("Such as")
        .number("Share with it first")
        .number("Share with it")
        .rows(rows)
}

fn costs(slices: &RecourseSlices) -> Table {
    let rows = slices.groups.iter().map(|group| {
        let interval = &group.reachable_interval;
        let cost = group.median_cost.map(|cost| fixed(cost, 3));
        [
            group.name.clone(),
            count(group.rows),
            percent(group.reachable),
            format!("{} to {}", percent(interval.low), percent(interval.high)),
            count(group.impossible),
            cost.unwrap_or_else(|| "–".to_owned()),
        ]
        .map(Cell::new)
        .to_vec()
    });
    Table::new(format!("Recourse by {}", slices.label))
        .text("Rows")
        .number("Asked")
        .number("A way found")
        .number("95% interval")
        .number("Proved to have none")
        .number("Median cost")
        .rows(rows)
}

fn groups(reasons: &Reasons, slices: &ReasonSlices) -> Table {
    let rows = slices.groups.iter().map(|group| {
        let share = |named: &usize| percent(*named as f64 / group.rows.max(1) as f64);
        let shares = group.named.iter().take(SHOWN).map(share);
        [group.name.clone(), count(group.rows)]
            .into_iter()
            .chain(shares)
            .map(Cell::new)
            .collect()
    });
    let mut table = Table::new(&slices.label).text("Rows").number("Explained");
    for one in reasons.codes.iter().take(SHOWN) {
        table = table.number(&one.code);
    }
    table.rows(rows)
}
