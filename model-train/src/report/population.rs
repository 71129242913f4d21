//! Rows without an outcome beside those with one.

use model_report::number::{count, fixed, percent};
use model_report::{Section, Table};

use crate::evaluate::{Evaluation, Population};

/// Below this index populations are alike, by custom.
const ALIKE: f64 = 0.10;

/// Nothing where every row has an outcome.
pub(super) fn section(evaluation: &Evaluation) -> Option<Section> {
    let population = evaluation.population.as_ref()?;
    let text = format!(
        "{} rows have no outcome, such as applications that were declined. No figure of this page \
         counts them; here they are scored beside the {} rows that have one. Mean probability of \
         {}: {} without an outcome, {} with one. {}: {} and {}. Population stability index of the \
         score: {} ({}).",
        count(population.rows),
        count(evaluation.data.rows),
        evaluation.model.positive_outcome,
        fixed(population.mean_probability, 4),
        fixed(population.mean_probability_known, 4),
        evaluation.model.positive_label,
        percent(population.approval_rate),
        percent(population.approval_rate_known),
        fixed(population.psi, 4),
        reading(population)
    );
    let table = Table::new("By bands of the score, from the lowest.")
        .text("Probability")
        .number("With an outcome")
        .number("Without")
        .rows(population.bands.iter().map(|band| {
            vec![
                format!("{} to {}", fixed(band.from, 4), fixed(band.to, 4)).into(),
                percent(band.known).into(),
                percent(band.unknown).into(),
            ]
        }));
    let title = "Population: through the door against booked";
    Some(
        Section::new("population", title)
            .paragraph(text)
            .table(table),
    )
}

/// How to read the index: chance alone makes it large where there are few rows.
fn reading(population: &Population) -> String {
    match population.psi_by_chance {
        None => "too few rows to read it: fewer than five are to be expected in a band".to_owned(),
        Some(by_chance) if by_chance >= ALIKE => format!(
            "few rows: alike populations of these sizes give up to {} in 95 of 100 samples",
            fixed(by_chance, 4)
        ),
        Some(_) => {
            "by custom, below 0.10 the populations are alike, above 0.25 they differ".to_owned()
        }
    }
}
