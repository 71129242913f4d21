//! What the lending rules do: outcomes before and after them, and what each rule costs.

use model_report::number::{count, percent};
use model_report::{Cell, Section, Table};

use crate::evaluate::{Evaluation, OutcomeCounts, OutcomeSlices, RuleEffect, Subject};

/// Nothing for a model without a policy.
pub(super) fn section(evaluation: &Evaluation) -> Option<Section> {
    let outcomes = evaluation.outcomes.as_ref()?;
    let version = outcomes.policy_version.as_ref()?;
    let all = [
        row("all rows: before the rules", &outcomes.before_rules),
        row("all rows: after the rules", &outcomes.after_rules),
    ];
    let caption = if evaluation.data.weighted {
        "Outcomes; every row counts once"
    } else {
        "Outcomes"
    };
    let table = table(caption).rows(all);
    let mut section = Section::new("outcomes", "Outcomes and lending rules")
        .paragraph(format!(
            "By policy {version}. The other figures of this page are those of the model alone."
        ))
        .table(table)
        .table(rules(&outcomes.rules, &evaluation.model));
    for slices in &outcomes.slices {
        let inside = Section::new(format!("outcomes-{}", slices.feature), &slices.label);
        section = section.details(&slices.label, inside.table(groups(slices)));
    }
    Some(section)
}

fn table(caption: &str) -> Table {
    Table::new(caption)
        .text("Rows")
        .number("Approve")
        .number("Refer")
        .number("Decline")
}

fn row(name: &str, counts: &OutcomeCounts) -> Vec<Cell> {
    let share = |part: usize| Cell::new(percent(part as f64 / counts.rows().max(1) as f64));
    vec![
        Cell::new(name),
        share(counts.approve),
        share(counts.refer),
        share(counts.decline),
    ]
}

fn groups(slices: &OutcomeSlices) -> Table {
    let rows = slices.groups.iter().flat_map(|group| {
        [
            row(&format!("{}: before", group.name), &group.before_rules),
            row(&format!("{}: after", group.name), &group.after_rules),
        ]
    });
    table(&slices.label).rows(rows)
}

fn rules(rules: &[RuleEffect], model: &Subject) -> Table {
    let (good, bad) = (&model.positive_outcome, &model.negative_outcome);
    let rows = rules.iter().map(|rule| {
        let counts = [
            rule.held,
            rule.missing_referred,
            rule.missing_declined,
            rule.declined.bad,
            rule.declined.good,
            rule.referred.bad,
            rule.referred.good,
            rule.approved.good,
            rule.approved.bad,
        ];
        let names = [format!("{} {}", rule.code, rule.id), rule.then.clone()];
        let names = names.into_iter().map(Cell::new);
        names
            .chain(counts.map(|rows| Cell::new(count(rows))))
            .collect()
    });
    Table::new("What each rule does to what the score decides")
        .text("Rule")
        .text("Then")
        .number("Condition holds")
        .number("Missing, so referred")
        .number("Missing, so declined")
        .number(format!("Declined of {bad}"))
        .number(format!("Declined of {good}"))
        .number(format!("Referred of {bad}"))
        .number(format!("Referred of {good}"))
        .number(format!("Newly approved of {good}"))
        .number(format!("Newly approved of {bad}"))
        .rows(rows)
}
