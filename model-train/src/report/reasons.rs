//! The reasons that applicants would be given, to whom, and how stable they are.

use model_report::number::{count, fixed, percent};
use model_report::{Cell, Section, Table};

use crate::evaluate::{Evaluation, Interval, ReasonSlices, Reasons, RecourseSlices, Stability};
use crate::profiles::ProfileReport;

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
    if let Some(behind) = &reasons.behind {
        section = section.paragraph(stand_for(behind));
    }
    let retrained = reasons.retrained.as_ref();
    let stable = [
        Some((
            "Every number of the application changed by up to 1%".to_owned(),
            reasons.stability.as_ref(),
        )),
        retrained.map(|again| {
            let models = count(again.models);
            (
                format!("Another random seed ({models} models)"),
                again.seeds.as_ref(),
            )
        }),
        retrained.map(|again| {
            let models = count(again.models);
            let text = format!("Training rows drawn anew ({models} models)");
            (text, again.resampled.as_ref())
        }),
    ];
    let stable: Vec<(String, &Stability)> = stable
        .into_iter()
        .flatten()
        .filter_map(|(what, stability)| Some((what, stability?)))
        .collect();
    if !stable.is_empty() {
        section = section.table(stability(&stable));
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
        let inside = Section::new(format!("reasons-{}", slices.feature), "");
        let title = format!("Reasons by {}", slices.label);
        section = section.details(title, inside.table(groups(reasons, slices)));
    }
    Some(section)
}

/// Whom the profiles stand for, and how well.
fn stand_for(behind: &ProfileReport) -> String {
    let mut text = format!(
        "The profiles stand for {} training rows, none of them for fewer than {}.",
        count(behind.rows),
        count(behind.smallest_cluster),
    );
    if let Some(agreement) = &behind.agreement {
        text.push_str(&format!(
            " On {} declined rows that they were not fitted to, {} have the same first input as a comparison with all of those rows, {} of the four that count most are the same (all four in {} of the rows), and contributions differ by {} of their size.",
            count(agreement.rows),
            percent(agreement.first),
            percent(agreement.four_overlap),
            percent(agreement.four_same),
            percent(agreement.relative_error),
        ));
    }
    text
}

fn stability(stable: &[(String, &Stability)]) -> Table {
    let interval = |of: &Interval| format!("{} to {}", percent(of.low), percent(of.high));
    let rows = stable.iter().map(|(what, stability)| {
        [
            what.clone(),
            count(stability.rows),
            percent(stability.first),
            interval(&stability.first_interval),
            percent(stability.kept),
            interval(&stability.kept_interval),
        ]
        .map(Cell::new)
        .to_vec()
    });
    Table::new("How stable reasons are")
        .text("What changes")
        .number("Applicants")
        .number("Same first reason")
        .number("95% interval")
        .number("Reasons that stay")
        .number("95% interval")
        .rows(rows)
}

fn codes(reasons: &Reasons) -> Table {
    let share = |part: usize| percent(part as f64 / reasons.rows.max(1) as f64);
    let rows = reasons.codes.iter().map(|one| {
        vec![
            Cell::new(&one.code),
            Cell::new(&one.text),
            Cell::new(share(one.first)),
            Cell::new(share(one.named)),
        ]
    });
    Table::new(format!(
        "Reasons of {} applicants that are not approved. Shares are of these applicants.",
        count(reasons.rows)
    ))
    .text("Code")
    .text("Such as")
    .number("Given first")
    .number("Given at all")
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
        .text(&slices.label)
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
    let caption = format!(
        "How often each reason is given, by {}: shares of the applicants of a group that are not \
         approved.",
        slices.label
    );
    let mut table = Table::new(caption)
        .text(&slices.label)
        .number("Not approved");
    for one in reasons.codes.iter().take(SHOWN) {
        table = table.number(&one.code);
    }
    table.rows(rows)
}
